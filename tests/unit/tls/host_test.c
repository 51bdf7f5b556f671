/* SPDX-License-Identifier: Apache-2.0 */
/* Policies by server name, chosen before the handshake; and the ClientHello in pieces. */
#include "tls/tls.h"

#include <string.h>

#include "loop.h"
#include "support/support.h"
#include "tls/facts.h"

static const char *const only_h1[] = { "http/1.1", NULL };

static void use_hosts(struct loop *f)
{
	struct tls_host_params hosts[] = {
		{ .names = "b.second.example third.example",
			.policy = { .min_version = 0x0303,
				.max_version = 0x0303,
				.suites = TLS_SUITE_RSA_CHACHA20 } },
		{ .names = "*.second.example",
			.policy = { .min_version = 0x0304,
				.alpn = only_h1,
				.suites = TLS_SUITE_AES_256_GCM } },
		{ .names = "first.example",
			.policy = { .min_version = 0x0303,
				.client = { .auth = TLS_CLIENT_AUTH_REQUIRED,
					.ca_path = loop_first.chain_path,
					.depth = 1 } } },
	};
	struct tls_context_params params = loop_params();

	params.hosts = hosts;
	params.host_count = sizeof(hosts) / sizeof(hosts[0]);
	loop_stop(f);
	loop_use(f, &params);
}

static void policies_are_by_name(void **state)
{
	static const char *const offers[] = { "h2", "http/1.1", NULL };
	static const struct {
		const char *name;
		int version; /* the client's highest */
		const char *got;
		const char *cipher;
		const char *alpn;
	} rows[] = {
		{ "third.example", 0x0304, "TLSv1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
			"" },
		{ "B.second.example", 0x0304, "TLSv1.2",
			"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "" },
		{ "a.second.example", 0x0304, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "http/1.1" },
		{ "a.second.example", 0x0303, NULL, NULL, NULL },
		{ "first.example", 0x0304, NULL, NULL, NULL },
		{ "other.example", 0x0304, "TLSv1.3", NULL, "h2" },
		{ NULL, 0x0304, "TLSv1.3", NULL, "h2" },
	};
	struct loop *f = *state;

	use_hosts(f);
	assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&f->config, (const char **)offers), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tls_facts *facts;
		int client;

		mbedtls_ssl_conf_max_tls_version(
			&f->config, (mbedtls_ssl_protocol_version)rows[i].version);
		loop_start(f);
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, rows[i].name), 0);
		assert_int_equal(loop_shake(f, &client), rows[i].got != NULL ? TLS_OK : TLS_FAILED);
		facts = tls_facts_get(f->session);
		if (rows[i].got != NULL) {
			assert_non_null(facts);
			assert_string_equal(facts->version, rows[i].got);
			if (rows[i].cipher != NULL)
				assert_string_equal(facts->cipher, rows[i].cipher);
			assert_string_equal(facts->alpn, rows[i].alpn);
		} else {
			assert_null(facts);
		}
		loop_stop(f);
	}
	loop_start(f);
}

static void check_serves(struct loop *f, const char *host, bool expected)
{
	assert_int_equal(tls_session_serves(f->session, host, strlen(host)), expected);
}

/* What asks for another policy is not for this connection. */
static void sessions_serve_hosts_of_their_policy(void **state)
{
	struct loop *f = *state;

	use_hosts(f);
	loop_start(f);
	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "a.second.example"), 0);
	loop_connect(f);
	check_serves(f, "a.second.example", true);
	check_serves(f, "Other.Second.example.", true);
	check_serves(f, "b.second.example", false);
	check_serves(f, "first.example", false);
	check_serves(f, "unknown.example", false);
	loop_stop(f);
	loop_start(f);
	loop_connect(f);
	check_serves(f, "unknown.example", true);
	check_serves(f, "", true);
	check_serves(f, "FIRST.example.", false);
}

static void the_hello_may_come_in_pieces(void **state)
{
	struct loop *f = *state;

	use_hosts(f);
	for (size_t step = 1; step < 300; step += 7) {
		loop_start(f);
		f->to_server.step = step;
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "a.second.example"), 0);
		loop_connect(f);
		assert_string_equal(tls_facts_get(f->session)->sni, "a.second.example");
		f->to_server.step = SIZE_MAX;
		loop_exchange(f);
		loop_stop(f);
	}
	loop_start(f);
}

static void what_is_no_hello_gets_an_alert(void **state)
{
	static const char *const rows[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
		"\x15\x03\x01\x00\x02\x02\x28\x00\x00",
		"\x80\x2e\x01\x03\x01\x00\x15\x00\x00",
	};
	struct loop *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		loop_stop(f);
		loop_start(f);
		loop_put(&f->to_server, (const uint8_t *)rows[i], i == 0 ? strlen(rows[i]) : 9);
		assert_int_equal(tls_handshake(f->session), TLS_FAILED);
		assert_true(strlen(tls_session_error(f->session)) > 0);
		assert_null(tls_facts_get(f->session));
		/* An alert, unless the peer sent one itself. */
		assert_int_equal(f->to_client.len, i == 2 ? 0 : 7);
	}
}

/* Nothing at all, and a part of a ClientHello. */
static void the_end_may_come_early(void **state)
{
	struct loop *f = *state;
	char text[8];

	for (unsigned i = 0; i < 2; i++) {
		loop_stop(f);
		loop_start(f);
		if (i == 1) {
			assert_int_equal(
				mbedtls_ssl_handshake(&f->client), MBEDTLS_ERR_SSL_WANT_READ);
			f->to_server.len -= 20;
		}
		assert_int_equal(tls_handshake(f->session), TLS_AGAIN);
		assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
		assert_int_equal(tls_write(f->session, "x", 1), TLS_AGAIN);
		assert_int_equal(tls_flush(f->session), TLS_OK);
		assert_false(tls_has_pending(f->session));
		assert_string_equal(tls_session_version(f->session), "unknown");
		tls_transport_eof(f->session);
		assert_int_equal(tls_handshake(f->session), TLS_FAILED);
		assert_string_equal(
			tls_session_error(f->session), "the connection ended without close_notify");
		assert_int_equal(f->to_client.len, 0);
	}
	loop_stop(f);
	loop_start(f);
	assert_int_equal(tls_close(f->session), TLS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(policies_are_by_name),
		LOOP_TEST(sessions_serve_hosts_of_their_policy),
		LOOP_TEST(the_hello_may_come_in_pieces),
		LOOP_TEST(what_is_no_hello_gets_an_alert),
		LOOP_TEST(the_end_may_come_early),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
