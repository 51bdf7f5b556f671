/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers: which hold, and that clients that ask for one get it. */
#include "tls/ocsp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "ocsp_certs.h"
#include "support/support.h"
#include "tls/tls.h"

#define NOW_S   1800000000
#define ROUNDS  8
#define SEED(x) "tests/fuzz/corpus/ocsp/" x

struct answer {
	uint8_t data[TLS_OCSP_MOST_BYTES + 1];
	size_t len;
};

struct ends {
	struct tls_certificate *certificate;
	struct tls_context *context;
	struct tls_session *session;
	SSL_CTX *client_context;
	SSL *client;
	BIO *to_client, *to_server;
};

static void seed_read(struct answer *answer, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/" SEED("%s"), getenv("PENSTOCK_SOURCE"), name);
	file = fopen(path, "re");
	assert_non_null(file);
	answer->len = fread(answer->data, 1, sizeof(answer->data), file);
	fclose(file);
}

static struct tls_certificate *certificate_make(const char *issuer)
{
	const struct tls_certificate_source source = {
		.chain = ocsp_leaf,
		.chain_len = strlen(ocsp_leaf),
		.chain_path = "leaf",
		.key = ocsp_key,
		.key_len = strlen(ocsp_key),
		.key_path = "key",
		.issuer = issuer,
		.issuer_len = issuer == NULL ? 0 : strlen(issuer),
	};
	struct err err = { "" };
	struct tls_certificate *certificate = tls_certificate_parse(&source, &err);

	assert_string_equal(err.text, "");
	return certificate;
}

static int group_set_up(void **state)
{
	struct err err;

	(void)state;
	return tls_global_init(&err);
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	assert_non_null(ends);
	ends->certificate = certificate_make(ocsp_issuer);
	*state = ends;
	return 0;
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	tls_certificate_destroy(ends->certificate);
	free(ends);
	return 0;
}

static void answers_are_verified(void **state)
{
	static const struct {
		const char *seed;
		int result;
		enum tls_ocsp_status status;
		const char *words;
	} rows[] = {
		{ "good", 0, TLS_OCSP_GOOD, "" },
		{ "delegated", 0, TLS_OCSP_GOOD, "" },
		{ "by_key", 0, TLS_OCSP_GOOD, "" },
		{ "revoked", 0, TLS_OCSP_REVOKED, "" },
		{ "unknown", 0, TLS_OCSP_UNKNOWN, "" },
		{ "other", -ENOENT, 0, "the answer is about another certificate" },
		{ "pretender", -EBADMSG, 0, "the responder's certificate is not for signing OCSP" },
		{ "stranger", -EBADMSG, 0, "the issuer did not sign the responder's certificate" },
		{ "bare", -EBADMSG, 0, "the responder is not known to the issuer" },
		{ "endless", -EBADMSG, 0, "the answer does not say how long it holds" },
		{ "weak", -EBADMSG, 0, "the signature does not hold" },
		{ "cut", -EBADMSG, 0, "it is no OCSP answer, or a broken one" },
		{ "try_later", -EBADMSG, 0, "the responder says \"tryLater\"" },
	};
	struct ends *ends = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_ocsp_facts facts;
		struct answer answer;
		struct err err = { "" };

		seed_read(&answer, rows[i].seed);
		assert_int_equal(tls_ocsp_read(ends->certificate, answer.data, answer.len, NOW_S,
					 &facts, &err),
			rows[i].result);
		assert_string_equal(err.text, rows[i].words);
		if (rows[i].result == 0)
			assert_int_equal(facts.status, rows[i].status);
	}
}

static void no_byte_may_differ(void **state)
{
	struct ends *ends = *state;
	struct tls_ocsp_facts facts;
	struct answer answer;
	struct err err;

	seed_read(&answer, "delegated");
	for (size_t i = 0; i < answer.len; i++) {
		answer.data[i] ^= 0x01;
		/* In the responder's certificate some bytes are not looked at: then nothing of what
		 * was answered is another. */
		if (tls_ocsp_read(
			    ends->certificate, answer.data, answer.len, NOW_S, &facts, &err) == 0)
			assert_int_equal(facts.status, TLS_OCSP_GOOD);
		answer.data[i] ^= 0x01;
		assert_true(
			tls_ocsp_read(ends->certificate, answer.data, i, NOW_S, &facts, &err) < 0);
	}
	assert_int_equal(
		tls_ocsp_read(ends->certificate, answer.data, answer.len, NOW_S, &facts, &err), 0);
	assert_int_equal(tls_ocsp_read(ends->certificate, answer.data, answer.len,
				 facts.this_update_s - 301, &facts, &err),
		-EBADMSG);
	assert_string_equal(err.text, "the answer is not in force yet");
}

static void without_an_issuer_nothing_is_known(void **state)
{
	struct tls_certificate *certificate = certificate_make(NULL);
	struct tls_ocsp_facts facts;
	struct answer answer;
	struct err err;

	(void)state;
	seed_read(&answer, "good");
	assert_int_equal(
		tls_ocsp_read(certificate, answer.data, answer.len, NOW_S, &facts, &err), -ENOENT);
	assert_string_equal(err.text, "nothing says who signed the certificate");
	tls_certificate_destroy(certificate);
}

static size_t receive(void *ctx, uint8_t *data, size_t max)
{
	struct ends *ends = ctx;
	int got = BIO_read(ends->to_server, data, (int)max);

	return got > 0 ? (size_t)got : 0;
}

static size_t send(void *ctx, const uint8_t *data, size_t len)
{
	struct ends *ends = ctx;

	return (size_t)BIO_write(ends->to_client, data, (int)len);
}

static const struct tls_io io = { .receive = receive, .send = send };

static void connect_ends(struct ends *ends, int version, bool asks)
{
	struct tls_context_params params = {
		.certificates = &ends->certificate,
		.certificate_count = 1,
		.policy = { .min_version = 0x0303 },
	};
	struct err err = { "" };
	bool is_done = false;

	ends->context = tls_context_create(&params, &err);
	assert_string_equal(err.text, "");
	ends->session = tls_session_create(ends->context, &io, ends);
	ends->client_context = SSL_CTX_new(TLS_client_method());
	ends->client = SSL_new(ends->client_context);
	SSL_set_min_proto_version(ends->client, version);
	SSL_set_max_proto_version(ends->client, version);
	if (asks)
		SSL_set_tlsext_status_type(ends->client, TLSEXT_STATUSTYPE_ocsp);
	ends->to_client = BIO_new(BIO_s_mem());
	ends->to_server = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(ends->to_client, -1);
	BIO_set_mem_eof_return(ends->to_server, -1);
	SSL_set_bio(ends->client, ends->to_client, ends->to_server);
	SSL_set_connect_state(ends->client);
	for (int i = 0; i < ROUNDS && !is_done; i++) {
		bool is_client_done = SSL_do_handshake(ends->client) == 1;

		is_done = tls_handshake(ends->session) == TLS_OK && is_client_done;
	}
	assert_true(is_done);
}

static void disconnect_ends(struct ends *ends)
{
	SSL_free(ends->client);
	SSL_CTX_free(ends->client_context);
	tls_session_destroy(ends->session);
	tls_context_destroy(ends->context);
}

/* Whether the client gets this answer; NULL: none. */
static void check_staple(struct ends *ends, int version, bool asks, const struct answer *expected)
{
	unsigned char *staple = NULL;
	long len;

	connect_ends(ends, version, asks);
	len = SSL_get_tlsext_status_ocsp_resp(ends->client, &staple);
	if (expected == NULL) {
		assert_true(len <= 0);
	} else {
		assert_int_equal(len, expected->len);
		assert_memory_equal(staple, expected->data, expected->len);
	}
	disconnect_ends(ends);
}

static void clients_that_ask_get_it(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct ends *ends = *state;
	struct answer answer;
	struct tls_ocsp_facts facts;
	struct tls_staple *old;
	struct err err = { "" };
	uint64_t stapled;

	seed_read(&answer, "delegated");
	for (unsigned i = 0; i < 2; i++)
		check_staple(ends, versions[i], true, NULL);
	assert_false(tls_certificate_ocsp(ends->certificate, &facts, &stapled));
	assert_int_equal(
		tls_certificate_set_ocsp(ends->certificate, answer.data, answer.len, &old, &err),
		0);
	assert_null(old);
	for (unsigned i = 0; i < 2; i++) {
		check_staple(ends, versions[i], true, tls_can_staple() ? &answer : NULL);
		check_staple(ends, versions[i], false, NULL);
	}
	assert_true(tls_certificate_ocsp(ends->certificate, &facts, &stapled));
	assert_int_equal(stapled, tls_can_staple() ? 2 : 0);
	assert_int_equal(facts.status, TLS_OCSP_GOOD);
}

static void what_is_wrong_is_not_stapled(void **state)
{
	struct ends *ends = *state;
	struct answer good, revoked, other, over;
	struct tls_ocsp_facts facts;
	struct tls_staple *old;
	struct err err = { "" };
	uint64_t stapled;

	seed_read(&good, "good");
	seed_read(&revoked, "revoked");
	seed_read(&other, "other");
	seed_read(&over, "over");
	assert_int_equal(
		tls_certificate_set_ocsp(ends->certificate, good.data, good.len, &old, &err), 0);
	/* About another one: nothing changes. */
	assert_int_equal(
		tls_certificate_set_ocsp(ends->certificate, other.data, other.len, &old, &err),
		-ENOENT);
	check_staple(ends, TLS1_3_VERSION, true, tls_can_staple() ? &good : NULL);
	assert_int_equal(
		tls_certificate_set_ocsp(ends->certificate, revoked.data, revoked.len, &old, &err),
		1);
	assert_string_equal(err.text, "the certificate is revoked since 2025-01-01T00:00:00Z");
	assert_non_null(old);
	tls_staple_destroy(old);
	check_staple(ends, TLS1_3_VERSION, true, NULL);
	check_staple(ends, TLS1_2_VERSION, true, NULL);
	assert_true(tls_certificate_ocsp(ends->certificate, &facts, &stapled));
	assert_int_equal(facts.status, TLS_OCSP_REVOKED);
	assert_int_equal(
		tls_certificate_set_ocsp(ends->certificate, over.data, over.len, &old, &err), 1);
	assert_non_null(strstr(err.text, "the answer held until 2026-11-25T"));
	assert_null(old);
	check_staple(ends, TLS1_3_VERSION, true, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_are_verified, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_byte_may_differ, set_up, tear_down),
		cmocka_unit_test(without_an_issuer_nothing_is_known),
		cmocka_unit_test_setup_teardown(clients_that_ask_get_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_not_stapled, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, group_set_up, NULL);
}
