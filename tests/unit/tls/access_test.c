/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in: names, versions, suites and client certificates; and the key log. */
#include "tls/facts.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/psa_util.h>

#include "loop.h"
#include "support/support.h"

static struct issue alice = { .common_name = "alice",
	.dns_names = { "two,names.example", "alice.example", "line\r\nbreak" } };
static struct issue mallory = { .common_name = "mallory", .key = ISSUE_RSA };
static char folder[64];

static int set_up(void **state)
{
	loop_group_set_up(state);
	issue_folder_create(folder);
	issue_certificate(&alice, folder, "alice");
	issue_certificate(&mallory, folder, "mallory");
	return 0;
}

static int tear_down(void **state)
{
	issue_folder_remove(folder);
	return loop_group_tear_down(state);
}

static void restart(struct loop *f, const struct tls_context_params *params)
{
	loop_stop(f);
	loop_use(f, params);
	loop_start(f);
}

static void unknown_names_are_refused(void **state)
{
	static const struct {
		const char *name;
		enum tls_result result;
	} rows[] = {
		{ "first.example", TLS_OK },
		{ "x.second.example", TLS_OK },
		{ "x.y.second.example", TLS_FAILED },
		{ "unknown.example", TLS_FAILED },
		{ "bad name", TLS_FAILED },
		{ NULL, TLS_FAILED },
	};
	struct tls_context_params params = loop_params();
	struct loop *f = *state;
	int client;

	params.refuse_unknown_names = true;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		loop_set_version(
			f, i % 2 == 0 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
		restart(f, &params);
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, rows[i / 2].name), 0);
		assert_int_equal(loop_shake(f, &client), rows[i / 2].result);
		assert_int_equal(client == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE,
			rows[i / 2].result == TLS_FAILED);
	}
}

static void many_names_are_found(void **state)
{
	enum { COUNT = 60 };
	static struct issue issues[COUNT];
	static char names[COUNT][32];
	struct tls_certificate *certificates[COUNT];
	struct tls_context_params params = loop_params();
	struct loop *f = *state;

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "%sn%u.example", i % 2 == 0 ? "*." : "", i);
		issues[i] = (struct issue){ .common_name = "x", .dns_names = { names[i] } };
		issue_certificate(&issues[i], folder, names[i] + (i % 2 == 0 ? 2 : 0));
		certificates[i] = loop_certificate(&issues[i]);
	}
	params.certificates = certificates;
	params.certificate_count = COUNT;
	params.refuse_unknown_names = true;
	loop_stop(f);
	loop_use(f, &params);
	for (unsigned i = 0; i < COUNT; i++) {
		char name[40];

		loop_start(f);
		snprintf(name, sizeof(name), "%s%s", i % 2 == 0 ? "a" : "",
			names[i] + (i % 2 == 0 ? 1 : 0));
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, name), 0);
		loop_connect(f);
		assert_memory_equal(mbedtls_ssl_get_peer_cert(&f->client)->subject_alt_names.buf.p,
			names[i], strlen(names[i]));
		loop_stop(f);
	}
	for (unsigned i = 0; i < COUNT; i++)
		tls_certificate_destroy(certificates[i]);
	loop_start(f);
}

static void versions_and_suites_are_as_configured(void **state)
{
	struct tls_context_params params = loop_params();
	struct loop *f = *state;
	int client;

	params.policy.max_version = 0x0303;
	params.policy.suites = TLS_SUITE_ECDSA_CHACHA20;
	restart(f, &params);
	loop_connect(f);
	assert_string_equal(tls_session_version(f->session), "TLSv1.2");
	assert_string_equal(
		tls_session_cipher(f->session), "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256");
	params.policy.max_version = 0;
	params.policy.suites = TLS_SUITE_AES_256_GCM;
	restart(f, &params);
	loop_connect(f);
	assert_string_equal(tls_session_cipher(f->session), "TLS1-3-AES-256-GCM-SHA384");
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	restart(f, &params);
	assert_int_equal(loop_shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
}

static void bad_parameters_are_refused(void **state)
{
	struct tls_context_params params = loop_params();
	struct err err;

	(void)state;
	params.policy.min_version = 0x0304;
	params.policy.max_version = 0x0303;
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "TLS: the highest version is below the lowest");
	params = loop_params();
	params.policy.client = (struct tls_client_params){
		.auth = TLS_CLIENT_AUTH_REQUIRED, .ca_path = "/nonexistent/ca.pem", .depth = 1
	};
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "/nonexistent/ca.pem: No such file or directory");
	params.policy.client.ca_path = alice.chain_path;
	params.policy.client.crl_path = alice.chain_path;
	assert_null(tls_context_create(&params, &err));
	assert_non_null(strstr(err.text, alice.chain_path));
}

static void shake_as(struct loop *f, const struct issue *who, enum tls_result expected)
{
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
	int client;

	mbedtls_x509_crt_init(&chain);
	mbedtls_pk_init(&key);
	loop_stop(f);
	if (who != NULL) {
		assert_int_equal(mbedtls_x509_crt_parse_file(&chain, who->chain_path), 0);
		assert_int_equal(mbedtls_pk_parse_keyfile(&key, who->key_path, NULL,
					 mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE),
			0);
		assert_int_equal(mbedtls_ssl_conf_own_cert(&f->config, &chain, &key), 0);
	}
	loop_start(f);
	assert_int_equal(loop_shake(f, &client), expected);
	if (expected == TLS_OK) {
		assert_int_equal(loop_client_read(f, NULL, 0), MBEDTLS_ERR_SSL_WANT_READ);
		assert_int_equal(f->tickets, 0);
	}
	/* Of what was sent, the alert is the last: in 1.3 the client is done before it comes. */
	if (expected == TLS_FAILED && client == 0)
		client = loop_client_read(f, NULL, 0);
	/* The plain mbedTLS seals this alert of TLS 1.3 with keys that nobody expects. */
	if (expected == TLS_FAILED && strcmp(tls_provider(), "plain") == 0)
		assert_true(client == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ||
			client == MBEDTLS_ERR_SSL_INVALID_MAC);
	else if (expected == TLS_FAILED)
		assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
	mbedtls_ssl_conf_own_cert(&f->config, NULL, NULL);
	mbedtls_x509_crt_free(&chain);
	mbedtls_pk_free(&key);
}

static void check_facts(
	struct loop *f, int version, enum tls_peer peer, const char *subject, const char *names)
{
	const struct tls_facts *facts = tls_facts_get(f->session);

	assert_non_null(facts);
	assert_ptr_equal(facts, tls_facts_get(f->session));
	assert_string_equal(facts->version, version == 0x0303 ? "TLSv1.2" : "TLSv1.3");
	assert_true(strncmp(facts->cipher, "TLS_", 4) == 0);
	assert_int_equal(strstr(facts->cipher, "_ECDHE_") != NULL, version == 0x0303);
	assert_string_equal(facts->sni, "");
	assert_string_equal(facts->alpn, "");
	assert_false(facts->is_resumed);
	assert_int_equal(facts->peer, peer);
	assert_string_equal(facts->peer_subject, subject);
	assert_string_equal(facts->peer_issuer, subject);
	assert_string_equal(facts->peer_names, names);
	assert_int_equal(strlen(facts->peer_fingerprint), peer == TLS_PEER_NONE ? 0 : 64);
	assert_int_equal(strlen(facts->peer_serial), peer == TLS_PEER_NONE ? 0 : 2);
	assert_string_equal(
		facts->peer_not_after, peer == TLS_PEER_NONE ? "" : "2098-12-31T23:59:59Z");
	assert_string_equal(facts->peer_error,
		peer == TLS_PEER_BAD ? "The certificate is not correctly signed by the trusted CA"
				     : "");
}

static void client_certificates_are_verified(void **state)
{
	struct tls_context_params params = loop_params();
	struct loop *f = *state;
	char subject[64];

	params.policy.client = (struct tls_client_params){
		.auth = TLS_CLIENT_AUTH_REQUIRED, .ca_path = alice.chain_path, .depth = 1
	};
	for (int version = 0x0303; version <= 0x0304; version++) {
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		params.policy.client.auth = TLS_CLIENT_AUTH_REQUIRED;
		restart(f, &params);
		shake_as(f, NULL, TLS_FAILED);
		shake_as(f, &mallory, TLS_FAILED);
		shake_as(f, &alice, TLS_OK);
		assert_true(tls_session_peer(f->session, subject, sizeof(subject)));
		assert_string_equal(subject, "CN=alice");
		check_facts(f, version, TLS_PEER_GOOD, "CN=alice", "DNS:alice.example");
		params.policy.client.auth = TLS_CLIENT_AUTH_OPTIONAL;
		restart(f, &params);
		shake_as(f, NULL, TLS_OK);
		assert_false(tls_session_peer(f->session, subject, sizeof(subject)));
		check_facts(f, version, TLS_PEER_NONE, "", "");
		shake_as(f, &mallory, TLS_OK);
		assert_false(tls_session_peer(f->session, subject, sizeof(subject)));
		check_facts(f, version, TLS_PEER_BAD, "CN=mallory", "");
	}
}

static unsigned count_lines(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	unsigned count = 0;
	char line[512];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strncmp(line, word, strlen(word)) == 0;
	fclose(file);
	return count;
}

static void secrets_are_logged_where_configured(void **state)
{
	struct tls_context_params params = loop_params();
	struct loop *f = *state;
	char path[80];

	snprintf(path, sizeof(path), "%s/keys.log", folder);
	params.key_log_path = path;
	restart(f, &params);
	loop_connect(f);
	assert_int_equal(count_lines(path, "CLIENT_HANDSHAKE_TRAFFIC_SECRET "), 1);
	assert_int_equal(count_lines(path, "SERVER_HANDSHAKE_TRAFFIC_SECRET "), 1);
	assert_int_equal(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 "), 1);
	assert_int_equal(count_lines(path, "SERVER_TRAFFIC_SECRET_0 "), 1);
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	restart(f, &params);
	loop_connect(f);
	assert_int_equal(count_lines(path, "CLIENT_RANDOM "), 1);
	assert_int_equal(count_lines(path, ""), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(unknown_names_are_refused),
		LOOP_TEST(many_names_are_found),
		LOOP_TEST(versions_and_suites_are_as_configured),
		LOOP_TEST(bad_parameters_are_refused),
		LOOP_TEST(client_certificates_are_verified),
		LOOP_TEST(secrets_are_logged_where_configured),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
