/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle sessions without their 33 KB of buffers. mbedTLS keeps these, and in TLS 1.3 the finished
 * handshake as well, for as long as a session lives. Only with our build of it: what is done here
 * needs its private headers.
 */
#include <string.h>

#include <mbedtls/platform.h>
#include <ssl_misc.h>

#include "crypto.h"

/*
 * No part of a record or message in either direction, and no decrypted bytes that wait. A client
 * needs its handshake again for each ticket that comes.
 */
static bool is_idle(const mbedtls_ssl_context *ssl)
{
	return ssl->conf->endpoint == MBEDTLS_SSL_IS_SERVER &&
		mbedtls_ssl_is_handshake_over((mbedtls_ssl_context *)(uintptr_t)ssl) &&
		ssl->in_left == 0 && ssl->in_offt == NULL && ssl->in_msglen == 0 &&
		ssl->in_hslen == 0 && ssl->badmac_seen_or_in_hsfraglen == 0 &&
		ssl->keep_current_message == 0 && ssl->out_left == 0;
}

static void handshake_drop(mbedtls_ssl_context *ssl)
{
	if (ssl->handshake != NULL) {
		mbedtls_ssl_handshake_free(ssl);
		mbedtls_free(ssl->handshake);
		ssl->handshake = NULL;
	}
	if (ssl->transform_negotiate != NULL) {
		mbedtls_ssl_transform_free(ssl->transform_negotiate);
		mbedtls_free(ssl->transform_negotiate);
		ssl->transform_negotiate = NULL;
	}
	if (ssl->session_negotiate != NULL) {
		mbedtls_ssl_session_free(ssl->session_negotiate);
		mbedtls_free(ssl->session_negotiate);
		ssl->session_negotiate = NULL;
	}
}

static void buffers_put(
	struct crypto_buffers *buffers, unsigned char *in_buffer, unsigned char *out_buffer)
{
	if (buffers->count < CRYPTO_BUFFERS_MAX) {
		buffers->in[buffers->count] = in_buffer;
		buffers->out[buffers->count++] = out_buffer;
		return;
	}
	mbedtls_zeroize_and_free(in_buffer, MBEDTLS_SSL_IN_BUFFER_LEN);
	mbedtls_zeroize_and_free(out_buffer, MBEDTLS_SSL_OUT_BUFFER_LEN);
}

void crypto_buffers_free(struct crypto_buffers *buffers)
{
	while (buffers->count > 0) {
		buffers->count--;
		mbedtls_zeroize_and_free(buffers->in[buffers->count], MBEDTLS_SSL_IN_BUFFER_LEN);
		mbedtls_zeroize_and_free(buffers->out[buffers->count], MBEDTLS_SSL_OUT_BUFFER_LEN);
	}
}

bool crypto_park(mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, unsigned char record[8])
{
	if (!is_idle(ssl))
		return false;
	/* The number of the next record from the peer lies in the buffer, ours does not. */
	memcpy(record, ssl->in_ctr, MBEDTLS_SSL_SEQUENCE_NUMBER_LEN);
	handshake_drop(ssl);
	buffers_put(buffers, ssl->in_buf, ssl->out_buf);
	ssl->in_buf = NULL;
	ssl->out_buf = NULL;
	return true;
}

int crypto_unpark(
	mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, const unsigned char record[8])
{
	unsigned char *in_buffer, *out_buffer;

	if (buffers->count > 0) {
		buffers->count--;
		in_buffer = buffers->in[buffers->count];
		out_buffer = buffers->out[buffers->count];
	} else {
		in_buffer = mbedtls_calloc(1, MBEDTLS_SSL_IN_BUFFER_LEN);
		out_buffer = mbedtls_calloc(1, MBEDTLS_SSL_OUT_BUFFER_LEN);
	}
	if (in_buffer == NULL || out_buffer == NULL) {
		mbedtls_free(in_buffer);
		mbedtls_free(out_buffer);
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	}
	ssl->in_buf = in_buffer;
	ssl->out_buf = out_buffer;
	mbedtls_ssl_reset_in_pointers(ssl);
	mbedtls_ssl_reset_out_pointers(ssl);
	mbedtls_ssl_update_out_pointers(ssl, ssl->transform_out);
	memcpy(ssl->in_ctr, record, MBEDTLS_SSL_SEQUENCE_NUMBER_LEN);
	return 0;
}
