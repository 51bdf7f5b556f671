/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <string.h>

#include <mbedtls/ssl.h>

#include "loop.h"
#include "support/support.h"

static void certificate_is_chosen_by_name(void **state)
{
	static const struct {
		const char *name;
		struct issue *issue;
	} rows[] = {
		{ "a.second.example", &loop_second },
		{ "A.SECOND.example", &loop_second },
		{ "c.second.example", &loop_second },
		{ "b.second.example", &loop_third },
		{ "third.example", &loop_third },
		{ "first.example", &loop_first },
		{ "second.example", &loop_first },
		{ "d.c.second.example", &loop_first },
		{ "unknown.example", &loop_first },
	};
	struct loop *f = *state;

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i / 2].name;
		mbedtls_x509_crt expected;

		loop_stop(f);
		loop_set_version(
			f, i % 2 == 0 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
		loop_start(f);
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, name), 0);
		loop_connect(f);
		mbedtls_x509_crt_init(&expected);
		assert_int_equal(
			mbedtls_x509_crt_parse_file(&expected, rows[i / 2].issue->chain_path), 0);
		assert_int_equal(mbedtls_ssl_get_peer_cert(&f->client)->raw.len, expected.raw.len);
		assert_memory_equal(mbedtls_ssl_get_peer_cert(&f->client)->raw.p, expected.raw.p,
			expected.raw.len);
		mbedtls_x509_crt_free(&expected);
	}
	assert_string_equal(tls_session_sni(f->session), "unknown.example");
}

static void sni_is_lower_case_and_clean(void **state)
{
	struct loop *f = *state;

	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "A.Example"), 0);
	loop_connect(f);
	assert_string_equal(tls_session_sni(f->session), "a.example");
	loop_stop(f);
	loop_start(f);
	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "a\n\"{example"), 0);
	loop_connect(f);
	assert_null(tls_session_sni(f->session));
}

static void alpn_is_by_our_preference(void **state)
{
	static const char *offers[] = { "http/1.1", "h2", NULL };
	static const char *unknown[] = { "spdy/1", NULL };
	struct loop *f = *state;
	int client;

	loop_stop(f);
	assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&f->config, offers), 0);
	loop_start(f);
	loop_connect(f);
	assert_string_equal(tls_session_alpn(f->session), "h2");
	loop_stop(f);
	assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&f->config, unknown), 0);
	loop_start(f);
	assert_int_equal(loop_shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
	assert_string_equal(tls_session_error(f->session),
		"SSL - No ALPN protocols supported that the client advertises");
}

static void old_versions_are_refused(void **state)
{
	struct loop *f = *state;
	int client;

	loop_stop(f);
	tls_context_destroy(f->context);
	f->context = loop_context(0x0304);
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	loop_start(f);
	assert_int_equal(loop_shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
	assert_string_equal(tls_session_error(f->session),
		"SSL - Handshake protocol not within min/max boundaries");
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(tls_read(f->session, &client, 1), TLS_FAILED);
	assert_int_equal(tls_write(f->session, "x", 1), TLS_FAILED);
	assert_int_equal(tls_close(f->session), TLS_FAILED);
}

/* A ticket's session comes back without the certificate being sent again. */
static void sessions_are_resumed(void **state)
{
	struct loop *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		size_t full;

		loop_stop(f);
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		loop_start(f);
		loop_connect(f);
		full = f->sent;
		assert_int_equal(f->tickets, version == 0x0304 ? 1 : 0);
		if (version == 0x0303)
			assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
		loop_stop(f);
		loop_start(f);
		assert_int_equal(mbedtls_ssl_set_session(&f->client, &f->saved), 0);
		loop_connect(f);
		assert_true(f->sent + 300 < full);
		loop_exchange(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(certificate_is_chosen_by_name),
		LOOP_TEST(sni_is_lower_case_and_clean),
		LOOP_TEST(alpn_is_by_our_preference),
		LOOP_TEST(old_versions_are_refused),
		LOOP_TEST(sessions_are_resumed),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
