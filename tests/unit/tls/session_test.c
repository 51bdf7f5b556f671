/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>

#include "issue.h"
#include "support/support.h"

#define PIPE_BYTES 131072

/* One direction in memory. */
struct pipe {
	uint8_t data[PIPE_BYTES];
	size_t start;
	size_t len;
	size_t room;                 /* at most so many bytes lie in it */
	size_t step;                 /* at most so many move at once */
};

static size_t pipe_put(struct pipe *pipe, const uint8_t *data, size_t len)
{
	len = MIN(MIN(len, pipe->step), pipe->room - MIN(pipe->room, pipe->len));
	assert_true(pipe->start + pipe->len + len <= PIPE_BYTES);
	memcpy(pipe->data + pipe->start + pipe->len, data, len);
	pipe->len += len;
	return len;
}

static size_t pipe_take(struct pipe *pipe, uint8_t *data, size_t max)
{
	max = MIN(MIN(max, pipe->step), pipe->len);
	memcpy(data, pipe->data + pipe->start, max);
	pipe->start += max;
	pipe->len -= max;
	if (pipe->len == 0)
		pipe->start = 0;
	return max;
}

/* mbedTLS's own client on the one end, a session on the other. */
struct fixture {
	struct tls_context *context;
	struct tls_session *session;
	mbedtls_ssl_config config;
	mbedtls_ssl_context client;
	struct pipe to_server, to_client;
	mbedtls_ssl_session saved;
	unsigned tickets;
	size_t sent;                 /* by the server */
};

static char folder[64];
static struct issue first = { .common_name = "first.example" };
static struct issue second = { .common_name = "x", .dns_names = { "a.second.example",
	"*.second.example" } };
static struct issue third = { .key = ISSUE_RSA, .common_name = "x",
	.dns_names = { "b.second.example", "third.example" } };

static size_t server_receive(void *ctx, uint8_t *data, size_t max)
{
	struct fixture *f = ctx;

	return pipe_take(&f->to_server, data, max);
}

static size_t server_send(void *ctx, const uint8_t *data, size_t len)
{
	struct fixture *f = ctx;

	len = pipe_put(&f->to_client, data, len);
	f->sent += len;
	return len;
}

static int client_receive(void *ctx, unsigned char *data, size_t max)
{
	struct fixture *f = ctx;
	size_t got = pipe_take(&f->to_client, data, max);

	return got > 0 ? (int)got : MBEDTLS_ERR_SSL_WANT_READ;
}

static int client_send(void *ctx, const unsigned char *data, size_t len)
{
	struct fixture *f = ctx;
	size_t sent = pipe_put(&f->to_server, data, len);

	return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static const struct tls_io io = { .receive = server_receive, .send = server_send };

static int group_set_up(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(tls_global_init(&err), 0);
	issue_folder_create(folder);
	issue_certificate(&first, folder, "first");
	issue_certificate(&second, folder, "second");
	issue_certificate(&third, folder, "third");
	return 0;
}

static int group_tear_down(void **state)
{
	(void)state;
	issue_folder_remove(folder);
	return 0;
}

static struct tls_context *make_context(unsigned min_version)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	const char *chains[] = { first.chain_path, second.chain_path, third.chain_path };
	const char *keys[] = { first.key_path, second.key_path, third.key_path };
	const struct tls_context_params params = { .chain_paths = chains, .key_paths = keys,
		.certificate_count = 3, .min_version = min_version, .alpn = alpn };
	struct tls_context *context;
	struct err err = { "" };

	context = tls_context_create(&params, &err);
	assert_string_equal(err.text, "");
	assert_non_null(context);
	return context;
}

static void client_start(struct fixture *f)
{
	mbedtls_ssl_init(&f->client);
	assert_int_equal(mbedtls_ssl_setup(&f->client, &f->config), 0);
	mbedtls_ssl_set_bio(&f->client, f, client_send, client_receive, NULL);
	f->to_client = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	f->to_server = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	f->tickets = 0;
	f->sent = 0;
	f->session = tls_session_create(f->context, &io, f);
	assert_non_null(f->session);
}

static void client_stop(struct fixture *f)
{
	tls_session_destroy(f->session);
	f->session = NULL;
	mbedtls_ssl_free(&f->client);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->context = make_context(0x0303);
	mbedtls_ssl_session_init(&f->saved);
	mbedtls_ssl_config_init(&f->config);
	assert_int_equal(mbedtls_ssl_config_defaults(&f->config, MBEDTLS_SSL_IS_CLIENT,
		MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT), 0);
	mbedtls_ssl_conf_authmode(&f->config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(&f->config,
		MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	mbedtls_ssl_conf_rng(&f->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	client_start(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	client_stop(f);
	assert_int_equal(tls_context_sessions(f->context), 0);
	tls_context_destroy(f->context);
	mbedtls_ssl_session_free(&f->saved);
	mbedtls_ssl_config_free(&f->config);
	free(f);
	return 0;
}

static void set_version(struct fixture *f, mbedtls_ssl_protocol_version version)
{
	mbedtls_ssl_conf_min_tls_version(&f->config, version);
	mbedtls_ssl_conf_max_tls_version(&f->config, version);
}

/*
 * The client passes over the tickets that TLS 1.3 sends behind the handshake, each of which stops
 * it twice, and keeps the last one.
 */
static int client_read(struct fixture *f, void *data, size_t max)
{
	int got;

	for (int i = 0; i < 8; i++) {
		got = mbedtls_ssl_read(&f->client, data, max);
		if (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			f->tickets++;
			mbedtls_ssl_session_free(&f->saved);
			assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
		} else if (got != MBEDTLS_ERR_SSL_WANT_READ) {
			break;
		}
	}
	return got;
}

/* Both ends in turn; returns the server's last word, and the client's in *client. */
static enum tls_result shake(struct fixture *f, int *client)
{
	enum tls_result server = TLS_AGAIN;

	*client = MBEDTLS_ERR_SSL_WANT_READ;
	for (int i = 0; i < 100000; i++) {
		bool client_goes_on = *client == MBEDTLS_ERR_SSL_WANT_READ ||
				      *client == MBEDTLS_ERR_SSL_WANT_WRITE;

		if (client_goes_on)
			*client = mbedtls_ssl_handshake(&f->client);
		else if (*client == 0 && f->to_client.room < PIPE_BYTES)
			client_read(f, NULL, 0);
		if (server == TLS_AGAIN)
			server = tls_handshake(f->session);
		if (!client_goes_on && server != TLS_AGAIN)
			break;
		if (server == TLS_FAILED && !client_goes_on)
			break;
	}
	return server;
}

static void connect_both(struct fixture *f)
{
	int client;

	assert_int_equal(shake(f, &client), TLS_OK);
	assert_int_equal(client, 0);
	assert_int_equal(client_read(f, NULL, 0), MBEDTLS_ERR_SSL_WANT_READ);
}

static void exchange(struct fixture *f)
{
	char text[64];

	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"ping!", 5), 5);
	assert_false(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text, 2), 2);
	assert_true(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text + 2, sizeof(text) - 2), 3);
	assert_memory_equal(text, "ping!", 5);
	assert_false(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	assert_int_equal(tls_write(f->session, "pong", 4), 4);
	assert_int_equal(client_read(f, text, sizeof(text)), 4);
	assert_memory_equal(text, "pong", 4);
}

static void both_versions_work(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tls_context_sessions(f->context), 1);
	connect_both(f);
	assert_string_equal(tls_session_version(f->session), "TLSv1.3");
	assert_memory_equal(tls_session_cipher(f->session), "TLS1-3-", 7);
	assert_null(tls_session_sni(f->session));
	assert_null(tls_session_alpn(f->session));
	exchange(f);
	client_stop(f);
	set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	client_start(f);
	connect_both(f);
	assert_string_equal(tls_session_version(f->session), "TLSv1.2");
	assert_string_equal(tls_session_cipher(f->session),
		"TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256");
	exchange(f);
}

/* Three bytes at a time either way, seven under way at most. */
static void small_steps_work(void **state)
{
	struct fixture *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		client_stop(f);
		set_version(f, (mbedtls_ssl_protocol_version)version);
		client_start(f);
		f->to_server.step = f->to_client.step = 3;
		f->to_client.room = 7;
		connect_both(f);
	}
}

static void certificate_is_chosen_by_name(void **state)
{
	static const struct {
		const char *name;
		struct issue *issue;
	} rows[] = {
		{ "a.second.example", &second }, { "A.SECOND.example", &second },
		{ "c.second.example", &second }, { "b.second.example", &third },
		{ "third.example", &third }, { "first.example", &first },
		{ "second.example", &first }, { "d.c.second.example", &first },
		{ "unknown.example", &first },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i / 2].name;
		mbedtls_x509_crt expected;

		client_stop(f);
		set_version(f, i % 2 == 0 ? MBEDTLS_SSL_VERSION_TLS1_3
					  : MBEDTLS_SSL_VERSION_TLS1_2);
		client_start(f);
		assert_int_equal(mbedtls_ssl_set_hostname(&f->client, name), 0);
		connect_both(f);
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
	struct fixture *f = *state;

	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "A.Example"), 0);
	connect_both(f);
	assert_string_equal(tls_session_sni(f->session), "a.example");
	client_stop(f);
	client_start(f);
	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, "a\n\"{example"), 0);
	connect_both(f);
	assert_null(tls_session_sni(f->session));
}

static void alpn_is_by_our_preference(void **state)
{
	static const char *offers[] = { "http/1.1", "h2", NULL };
	static const char *unknown[] = { "spdy/1", NULL };
	struct fixture *f = *state;
	int client;

	client_stop(f);
	assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&f->config, offers), 0);
	client_start(f);
	connect_both(f);
	assert_string_equal(tls_session_alpn(f->session), "h2");
	client_stop(f);
	assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&f->config, unknown), 0);
	client_start(f);
	assert_int_equal(shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
	assert_string_equal(tls_session_error(f->session),
		"SSL - No ALPN protocols supported that the client advertises");
}

static void old_versions_are_refused(void **state)
{
	struct fixture *f = *state;
	int client;

	client_stop(f);
	tls_context_destroy(f->context);
	f->context = make_context(0x0304);
	set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	client_start(f);
	assert_int_equal(shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
	assert_string_equal(tls_session_error(f->session),
		"SSL - Handshake protocol not within min/max boundaries");
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(tls_read(f->session, &client, 1), TLS_FAILED);
	assert_int_equal(tls_write(f->session, "x", 1), TLS_FAILED);
	assert_int_equal(tls_close(f->session), TLS_FAILED);
}

/* Suites without forward secrecy or AEAD find no partner. */
static void weak_suites_are_refused(void **state)
{
	static const int weak[] = { MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256,
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0 };
	struct fixture *f = *state;
	int client;

	client_stop(f);
	set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(&f->config, weak);
	client_start(f);
	assert_int_equal(shake(f, &client), TLS_FAILED);
	assert_int_equal(client, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
}

static void feed_garbage(struct fixture *f, const char *bytes, size_t len, const char *alert)
{
	client_stop(f);
	client_start(f);
	assert_int_equal(pipe_put(&f->to_server, (const uint8_t *)bytes, len), len);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(f->to_client.len, 7);
	assert_memory_equal(f->to_client.data, alert, 7);
	assert_true(strlen(tls_session_error(f->session)) > 0);
}

#define GARBAGE(f, bytes, alert) feed_garbage(f, bytes, sizeof(bytes) - 1, alert)

static void garbage_is_answered_with_an_alert(void **state)
{
	struct fixture *f = *state;

	GARBAGE(f, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x32");
	GARBAGE(f, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", "\x15\x03\x03\x00\x02\x02\x32");
	GARBAGE(f, "\x16\x03\x01\xff\xff", "\x15\x03\x03\x00\x02\x02\x16");
	GARBAGE(f, "\x17\x03\x03\x00\x01\x00", "\x15\x03\x03\x00\x02\x02\x0a");
}

/* An alert that io cannot take yet is not lost. */
static void alerts_wait_for_room(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n";
	struct fixture *f = *state;

	f->to_client.room = 3;
	pipe_put(&f->to_server, (const uint8_t *)text, sizeof(text) - 1);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(tls_flush(f->session), TLS_AGAIN);
	f->to_client.room = 100;
	assert_int_equal(tls_flush(f->session), TLS_FAILED);
	assert_memory_equal(f->to_client.data, "\x15\x03\x03\x00\x02\x02\x32", 7);
}

static void damaged_records_are_refused(void **state)
{
	struct fixture *f = *state;
	unsigned char text[8];

	for (int version = 0x0303; version <= 0x0304; version++) {
		client_stop(f);
		set_version(f, (mbedtls_ssl_protocol_version)version);
		client_start(f);
		connect_both(f);
		assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"x", 1), 1);
		f->to_server.data[f->to_server.start + f->to_server.len - 1] ^= 1;
		assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_FAILED);
		assert_string_equal(tls_session_error(f->session),
			"SSL - Verification of the message MAC failed");
		assert_int_equal(client_read(f, text, sizeof(text)),
			MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
		assert_int_equal(f->to_client.len, 0);
	}
}

static void closing_in_order(void **state)
{
	struct fixture *f = *state;
	unsigned char text[8];

	connect_both(f);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"bye", 3), 3);
	assert_int_equal(mbedtls_ssl_close_notify(&f->client), 0);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), 3);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_EOF);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_EOF);
	/* Half closed: we may still answer. */
	assert_int_equal(tls_write(f->session, "ok", 2), 2);
	f->to_client.room = f->to_client.len;
	assert_int_equal(tls_close(f->session), TLS_AGAIN);
	f->to_client.room = SIZE_MAX;
	assert_int_equal(tls_close(f->session), TLS_OK);
	assert_int_equal(tls_close(f->session), TLS_OK);
	assert_int_equal(client_read(f, text, sizeof(text)), 2);
	assert_int_equal(client_read(f, text, sizeof(text)), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
	assert_int_equal(f->to_client.len, 0);
}

static void cut_off_is_not_the_end(void **state)
{
	struct fixture *f = *state;
	char text[8];

	connect_both(f);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"x", 1), 1);
	tls_transport_eof(f->session);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), 1);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_FAILED);
	assert_string_equal(tls_session_error(f->session),
		"the connection ended without close_notify");
	client_stop(f);
	client_start(f);
	tls_transport_eof(f->session);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(f->to_client.len, 0);
}

/* Nothing is lost, doubled or reordered when io takes little. */
static void writing_under_back_pressure(void **state)
{
	static uint8_t sent[60000], got[60000];
	struct fixture *f = *state;
	size_t written = 0, received = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	connect_both(f);
	f->to_client.room = 5000;
	f->to_client.step = 3333;
	assert_int_equal(tls_write(f->session, sent, sizeof(sent)), 16383);
	assert_int_equal(tls_write(f->session, sent, 1), TLS_AGAIN);
	written = 16383;
	while (received < sizeof(sent)) {
		int n = client_read(f, got + received, sizeof(got) - received);

		if (n > 0)
			received += (size_t)n;
		else
			assert_int_equal(n, MBEDTLS_ERR_SSL_WANT_READ);
		if (written == sizeof(sent)) {
			tls_flush(f->session);
			continue;
		}
		n = tls_write(f->session, sent + written, sizeof(sent) - written);
		if (n > 0)
			written += (size_t)n;
		else
			assert_int_equal(n, TLS_AGAIN);
	}
	assert_memory_equal(sent, got, sizeof(sent));
	assert_int_equal(tls_flush(f->session), TLS_OK);
}

/* A ticket's session comes back without the certificate being sent again. */
static void sessions_are_resumed(void **state)
{
	struct fixture *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		size_t full;

		client_stop(f);
		set_version(f, (mbedtls_ssl_protocol_version)version);
		client_start(f);
		connect_both(f);
		full = f->sent;
		assert_int_equal(f->tickets, version == 0x0304 ? 1 : 0);
		if (version == 0x0303)
			assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
		client_stop(f);
		client_start(f);
		assert_int_equal(mbedtls_ssl_set_session(&f->client, &f->saved), 0);
		connect_both(f);
		assert_true(f->sent + 300 < full);
		exchange(f);
	}
}

static void renegotiation_is_refused(void **state)
{
	struct fixture *f = *state;
	unsigned char text[8];
	int client;

	client_stop(f);
	set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_renegotiation(&f->config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	client_start(f);
	connect_both(f);
	client = mbedtls_ssl_renegotiate(&f->client);
	assert_int_equal(client, MBEDTLS_ERR_SSL_WANT_READ);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	client = mbedtls_ssl_renegotiate(&f->client);
	assert_true(client != 0);
}

static void sessions_are_counted(void **state)
{
	struct fixture *f = *state;
	struct tls_session *more = tls_session_create(f->context, &io, f);

	assert_int_equal(tls_context_sessions(f->context), 2);
	tls_session_destroy(more);
	tls_session_destroy(NULL);
	assert_int_equal(tls_context_sessions(f->context), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_versions_work),
		TEST(small_steps_work),
		TEST(certificate_is_chosen_by_name),
		TEST(sni_is_lower_case_and_clean),
		TEST(alpn_is_by_our_preference),
		TEST(old_versions_are_refused),
		TEST(weak_suites_are_refused),
		TEST(garbage_is_answered_with_an_alert),
		TEST(alerts_wait_for_room),
		TEST(damaged_records_are_refused),
		TEST(closing_in_order),
		TEST(cut_off_is_not_the_end),
		TEST(writing_under_back_pressure),
		TEST(sessions_are_resumed),
		TEST(renegotiation_is_refused),
		TEST(sessions_are_counted),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
