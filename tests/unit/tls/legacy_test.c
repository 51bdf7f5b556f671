/* SPDX-License-Identifier: Apache-2.0 */
/* A client that can do what the accelerated build does not even have: only with the plain one. */
#include "tls/tls.h"

#include <mbedtls/ssl.h>

#include "loop.h"
#include "support/support.h"

/* Suites without forward secrecy or AEAD find no partner. */
static void weak_suites_are_refused(void **state)
{
	static const int weak[] = { MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256,
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0 };
	struct loop *f = *state;
	int client;

	loop_stop(f);
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(&f->config, weak);
	loop_start(f);
	assert_int_equal(loop_shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
}

static void renegotiation_is_refused(void **state)
{
	struct loop *f = *state;
	unsigned char text[8];
	int client;

	loop_stop(f);
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_renegotiation(&f->config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	loop_start(f);
	loop_connect(f);
	client = mbedtls_ssl_renegotiate(&f->client);
	assert_int_equal(client, MBEDTLS_ERR_SSL_WANT_READ);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	client = mbedtls_ssl_renegotiate(&f->client);
	assert_true(client != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(weak_suites_are_refused),
		LOOP_TEST(renegotiation_is_refused),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
