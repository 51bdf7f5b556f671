/* SPDX-License-Identifier: Apache-2.0 */
/* Our build of mbedTLS: PSA's state is each thread's own, and KeyUpdate (RFC 8446 4.6.3) is known.
 */
#include "crypto.h"

#include <string.h>

#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>
#include <ssl_misc.h>
#include <ssl_tls13_keys.h>

#include "crypto/override.h"
#include "crypto/provider.h"

#define KEY_UPDATE_BYTES     (HANDSHAKE_HEAD_BYTES + 1)
#define HANDSHAKE_HEAD_BYTES 4
#define KEY_UPDATE_TYPE      24

enum { UPDATE_NOT_REQUESTED, UPDATE_REQUESTED };

/* mbedTLS's ssl_msg.c, as edited: called with a message that it does not know. */
extern int (*tls_post_handshake)(mbedtls_ssl_context *ssl);

static crypto_key_update_fn key_update_fn;

static bool is_server(const mbedtls_ssl_context *ssl)
{
	return ssl->conf->endpoint == MBEDTLS_SSL_IS_SERVER;
}

static unsigned char *secret_of(mbedtls_ssl_context *ssl, bool is_client_side)
{
	mbedtls_ssl_tls13_application_secrets *secrets = &ssl->session->app_secrets;

	return is_client_side ? secrets->client_application_traffic_secret_N
			      : secrets->server_application_traffic_secret_N;
}

/* RFC 8446 7.2 and 7.3: the next secret, and key and IV from it. */
static int next_keys(mbedtls_ssl_context *ssl, unsigned char *secret,
	mbedtls_cipher_context_t *cipher, mbedtls_operation_t operation, unsigned char *iv)
{
	const mbedtls_ssl_ciphersuite_t *suite = mbedtls_ssl_ciphersuite_from_id(
		ssl->session->ciphersuite);
	psa_algorithm_t hash = mbedtls_md_psa_alg_from_type((mbedtls_md_type_t)suite->mac);
	unsigned char next[MBEDTLS_TLS1_3_MD_MAX_SIZE], key[MBEDTLS_SSL_MAX_KEY_LENGTH];
	int bits = mbedtls_cipher_get_key_bitlen(cipher);
	size_t len = PSA_HASH_LENGTH(hash);
	int error;

	error = mbedtls_ssl_tls13_hkdf_expand_label(hash, secret, len,
		MBEDTLS_SSL_TLS1_3_LBL_WITH_LEN(traffic_upd), NULL, 0, next, len);
	if (error == 0)
		error = mbedtls_ssl_tls13_hkdf_expand_label(hash, next, len,
			MBEDTLS_SSL_TLS1_3_LBL_WITH_LEN(key), NULL, 0, key, (size_t)bits / 8);
	if (error == 0)
		error = mbedtls_ssl_tls13_hkdf_expand_label(hash, next, len,
			MBEDTLS_SSL_TLS1_3_LBL_WITH_LEN(iv), NULL, 0, iv,
			ssl->transform_application->ivlen);
	if (error == 0)
		error = mbedtls_cipher_setkey(cipher, key, bits, operation);
	if (error == 0)
		memcpy(secret, next, len);
	mbedtls_platform_zeroize(next, sizeof(next));
	mbedtls_platform_zeroize(key, sizeof(key));
	return error;
}

static int update_in(mbedtls_ssl_context *ssl)
{
	mbedtls_ssl_transform *transform = ssl->transform_application;

	memset(ssl->in_ctr, 0, MBEDTLS_SSL_SEQUENCE_NUMBER_LEN);
	return next_keys(ssl, secret_of(ssl, is_server(ssl)), &transform->cipher_ctx_dec,
		MBEDTLS_DECRYPT, transform->iv_dec);
}

static int update_out(mbedtls_ssl_context *ssl)
{
	mbedtls_ssl_transform *transform = ssl->transform_application;

	memset(ssl->cur_out_ctr, 0, sizeof(ssl->cur_out_ctr));
	return next_keys(ssl, secret_of(ssl, !is_server(ssl)), &transform->cipher_ctx_enc,
		MBEDTLS_ENCRYPT, transform->iv_enc);
}

static int post_handshake(mbedtls_ssl_context *ssl)
{
	int error;

	if (ssl->in_msg[0] != KEY_UPDATE_TYPE || ssl->transform_application == NULL)
		return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
	if (ssl->in_hslen != KEY_UPDATE_BYTES)
		return MBEDTLS_ERR_SSL_DECODE_ERROR;
	/* RFC 8446 5.1: a change of keys ends its record. */
	if (ssl->in_msglen != ssl->in_hslen)
		return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
	if (ssl->in_msg[HANDSHAKE_HEAD_BYTES] > UPDATE_REQUESTED)
		return MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER;
	error = update_in(ssl);
	if (error != 0 || key_update_fn == NULL)
		return error;
	return key_update_fn(ssl, ssl->in_msg[HANDSHAKE_HEAD_BYTES] == UPDATE_REQUESTED);
}

void crypto_start(crypto_key_update_fn on_key_update, crypto_staple_fn staple)
{
	key_update_fn = on_key_update;
	tls_post_handshake = post_handshake;
	tls_staple = staple;
}

bool crypto_can_staple(void)
{
	return true;
}

int crypto_send_key_update(mbedtls_ssl_context *ssl)
{
	static const unsigned char message[KEY_UPDATE_BYTES] = { KEY_UPDATE_TYPE, 0, 0, 1,
		UPDATE_NOT_REQUESTED };
	int error, sent;

	memcpy(ssl->out_msg, message, sizeof(message));
	ssl->out_msgtype = MBEDTLS_SSL_MSG_HANDSHAKE;
	ssl->out_msglen = sizeof(message);
	/* When it does not go out at once, it is sealed all the same, and waits. */
	sent = mbedtls_ssl_write_record(ssl, 1);
	if (sent != 0 && sent != MBEDTLS_ERR_SSL_WANT_WRITE)
		return sent;
	error = update_out(ssl);
	return error != 0 ? error : sent;
}

void crypto_thread_finish(void)
{
	mbedtls_psa_crypto_free();
	provider_thread_finish();
}

const char *crypto_name(void)
{
	return "accelerated";
}
