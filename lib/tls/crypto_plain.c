/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution's mbedTLS: PSA's state is one for all threads, behind mutexes. */
#include "crypto.h"

void crypto_start(crypto_key_update_fn on_key_update, crypto_staple_fn staple)
{
	(void)on_key_update;
	(void)staple;
}

bool crypto_can_staple(void)
{
	return false;
}

int crypto_send_key_update(mbedtls_ssl_context *ssl)
{
	(void)ssl;
	return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
}

void crypto_buffers_free(struct crypto_buffers *buffers)
{
	(void)buffers;
}

bool crypto_park(mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, unsigned char record[8])
{
	(void)ssl;
	(void)buffers;
	(void)record;
	return false;
}

int crypto_unpark(
	mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, const unsigned char record[8])
{
	(void)ssl;
	(void)buffers;
	(void)record;
	return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

void crypto_thread_finish(void)
{
}

const char *crypto_name(void)
{
	return "plain";
}
