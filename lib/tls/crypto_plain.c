/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution's mbedTLS: PSA's state is one for all threads, behind mutexes. */
#include "crypto.h"

void crypto_start(crypto_key_update_fn on_key_update)
{
	(void)on_key_update;
}

int crypto_send_key_update(mbedtls_ssl_context *ssl)
{
	(void)ssl;
	return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
}

void crypto_thread_finish(void)
{
}

const char *crypto_name(void)
{
	return "plain";
}
