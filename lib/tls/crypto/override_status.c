/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers in handshakes: RFC 6066 8 for TLS 1.2, RFC 8446 4.4.2.1 for TLS 1.3. */
#include "override.h"

#include <string.h>

#include <ssl_misc.h>

#define STATUS_HEAD_BYTES    4 /* what kind, and the length */
#define EXTENSION_HEAD_BYTES 4
#define HANDSHAKE_HEAD_BYTES 4
#define CERTIFICATE_STATUS   22
#define STATUS_TYPE_OCSP     1
#define STATUS_REQUEST_ASKED MBEDTLS_SSL_EXT_MASK(STATUS_REQUEST)

const unsigned char *(*tls_staple)(
	mbedtls_ssl_context *ssl, const mbedtls_x509_crt *own, bool is_taken, size_t *len);

static const unsigned char *staple_of(mbedtls_ssl_context *ssl, bool is_taken, size_t *len)
{
	const mbedtls_x509_crt *own = mbedtls_ssl_own_cert(ssl);

	if (tls_staple == NULL || own == NULL || ssl->conf->endpoint != MBEDTLS_SSL_IS_SERVER ||
		(ssl->handshake->received_extensions & STATUS_REQUEST_ASKED) == 0)
		return NULL;
	return tls_staple(ssl, own, is_taken, len);
}

static unsigned char *status_write(unsigned char *out, const unsigned char *staple, size_t len)
{
	out[0] = STATUS_TYPE_OCSP;
	MBEDTLS_PUT_UINT24_BE(len, out, 1);
	memcpy(out + STATUS_HEAD_BYTES, staple, len);
	return out + STATUS_HEAD_BYTES + len;
}

/* Of another kind than OCSP it is as if it had not come. */
void tls_status_asked(mbedtls_ssl_context *ssl, const unsigned char *data, size_t len)
{
	if (len > 0 && data[0] == STATUS_TYPE_OCSP)
		ssl->handshake->received_extensions |= STATUS_REQUEST_ASKED;
	else
		ssl->handshake->received_extensions &= ~STATUS_REQUEST_ASKED;
}

size_t tls_status_extension(mbedtls_ssl_context *ssl, unsigned char *out)
{
	size_t len;

	if (ssl->handshake->resume != 0 || staple_of(ssl, false, &len) == NULL)
		return 0;
	ssl->handshake->sent_extensions |= STATUS_REQUEST_ASKED;
	MBEDTLS_PUT_UINT16_BE(MBEDTLS_TLS_EXT_STATUS_REQUEST, out, 0);
	MBEDTLS_PUT_UINT16_BE(0, out, 2);
	return EXTENSION_HEAD_BYTES;
}

/* RFC 6066 8: the message may be left out though it was promised. */
int tls_status_message(mbedtls_ssl_context *ssl)
{
	const unsigned char *staple;
	size_t len;

	if ((ssl->handshake->sent_extensions & STATUS_REQUEST_ASKED) == 0)
		return 0;
	ssl->handshake->sent_extensions &= ~STATUS_REQUEST_ASKED;
	staple = staple_of(ssl, true, &len);
	if (staple == NULL)
		return 0;
	ssl->out_msgtype = MBEDTLS_SSL_MSG_HANDSHAKE;
	ssl->out_msg[0] = CERTIFICATE_STATUS;
	ssl->out_msglen = (size_t)(status_write(ssl->out_msg + HANDSHAKE_HEAD_BYTES, staple, len) -
		ssl->out_msg);
	return mbedtls_ssl_write_handshake_msg(ssl);
}

/* A chain that leaves no room for it goes without. */
size_t tls_status_entry(mbedtls_ssl_context *ssl, unsigned char *out, const unsigned char *end)
{
	const unsigned char *staple;
	size_t len, total;

	staple = staple_of(ssl, false, &len);
	if (staple == NULL || (size_t)(end - out) < EXTENSION_HEAD_BYTES + STATUS_HEAD_BYTES + len)
		return 0;
	staple = staple_of(ssl, true, &len);
	if (staple == NULL)
		return 0;
	total = EXTENSION_HEAD_BYTES + STATUS_HEAD_BYTES + len;
	MBEDTLS_PUT_UINT16_BE(total, out, -2);
	MBEDTLS_PUT_UINT16_BE(MBEDTLS_TLS_EXT_STATUS_REQUEST, out, 0);
	MBEDTLS_PUT_UINT16_BE(STATUS_HEAD_BYTES + len, out, 2);
	status_write(out + EXTENSION_HEAD_BYTES, staple, len);
	return total;
}
