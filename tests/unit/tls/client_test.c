/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions toward servers: what they verify, and what they resume. */
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "support/support.h"

#define PEER 7

/* Our client on the one end, our server on the other, which others' clients test. */
struct pair {
	struct tls_context *server_context, *client_context;
	struct tls_session *server, *client;
	struct pipe to_server, to_client;
};

static size_t take(struct pipe *pipe, uint8_t *data, size_t max)
{
	max = max < pipe->len ? max : pipe->len;
	memcpy(data, pipe->data + pipe->start, max);
	pipe->start += max;
	pipe->len -= max;
	if (pipe->len == 0)
		pipe->start = 0;
	return max;
}

static size_t server_receive(void *ctx, uint8_t *data, size_t max)
{
	return take(&((struct pair *)ctx)->to_server, data, max);
}

static size_t server_send(void *ctx, const uint8_t *data, size_t len)
{
	return loop_put(&((struct pair *)ctx)->to_client, data, len);
}

static size_t client_receive(void *ctx, uint8_t *data, size_t max)
{
	return take(&((struct pair *)ctx)->to_client, data, max);
}

static size_t client_send(void *ctx, const uint8_t *data, size_t len)
{
	return loop_put(&((struct pair *)ctx)->to_server, data, len);
}

static const struct tls_io server_io = { .receive = server_receive, .send = server_send };
static const struct tls_io client_io = { .receive = client_receive, .send = client_send };

static struct tls_client_context_params client_params(void)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };

	return (struct tls_client_context_params){
		.ca_path = loop_first.chain_path,
		.name = "first.example",
		.min_version = 0x0303,
		.alpn = alpn,
		.peers = 4,
	};
}

static struct pair *pair_create(
	const struct tls_context_params *server, const struct tls_client_context_params *client)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	struct err err = { "" };

	assert_non_null(pair);
	pair->server_context = tls_context_create(server, &err);
	pair->client_context = tls_context_create_client(client, &err);
	assert_string_equal(err.text, "");
	assert_non_null(pair->server_context);
	assert_non_null(pair->client_context);
	return pair;
}

static void pair_open(struct pair *pair, uint64_t peer)
{
	pair->to_client = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	pair->to_server = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	pair->server = tls_session_create(pair->server_context, &server_io, pair);
	pair->client = tls_session_create_client(pair->client_context, &client_io, pair, peer);
	assert_non_null(pair->server);
	assert_non_null(pair->client);
}

/* The client's last word; the server's in *server. */
static enum tls_result shake(struct pair *pair, enum tls_result *server)
{
	enum tls_result client = TLS_AGAIN;

	*server = TLS_AGAIN;
	for (int i = 0; i < 20; i++) {
		if (client == TLS_AGAIN)
			client = tls_handshake(pair->client);
		if (*server == TLS_AGAIN)
			*server = tls_handshake(pair->server);
	}
	return client;
}

static void pair_close(struct pair *pair)
{
	tls_session_destroy(pair->client);
	tls_session_destroy(pair->server);
	pair->client = pair->server = NULL;
}

static void pair_destroy(struct pair *pair)
{
	pair_close(pair);
	assert_int_equal(tls_context_sessions(pair->client_context), 0);
	tls_context_destroy(pair->client_context);
	tls_context_destroy(pair->server_context);
	free(pair);
}

/* Words both ways; tickets of TLS 1.3 come with the first answer. */
static void exchange(struct pair *pair)
{
	char text[16];

	assert_int_equal(tls_write(pair->client, "ping", 4), 4);
	assert_int_equal(tls_read(pair->server, text, sizeof(text)), 4);
	assert_int_equal(tls_write(pair->server, "pong!", 5), 5);
	assert_int_equal(tls_read(pair->client, text, sizeof(text)), 5);
	assert_memory_equal(text, "pong!", 5);
	assert_int_equal(tls_read(pair->client, text, sizeof(text)), TLS_AGAIN);
}

static void connect_pair(struct pair *pair, uint64_t peer, bool is_resumed)
{
	enum tls_result server;

	pair_open(pair, peer);
	assert_int_equal(shake(pair, &server), TLS_OK);
	assert_int_equal(server, TLS_OK);
	assert_int_equal(tls_session_is_resumed(pair->client), is_resumed);
	assert_int_equal(tls_session_unverified(pair->client), TLS_VERIFIED);
	exchange(pair);
	pair_close(pair);
}

static void servers_are_verified(void **state)
{
	struct tls_context_params server = loop_params();
	struct tls_client_context_params client = client_params();
	struct pair *pair = pair_create(&server, &client);
	enum tls_result result;

	(void)state;
	pair_open(pair, PEER);
	assert_int_equal(shake(pair, &result), TLS_OK);
	assert_string_equal(tls_session_sni(pair->server), "first.example");
	assert_string_equal(tls_session_alpn(pair->client), "h2");
	assert_string_equal(tls_session_version(pair->client), "TLSv1.3");
	exchange(pair);
	pair_destroy(pair);
}

/* Both versions, and each server's session for that server alone. */
static void sessions_are_resumed(void **state)
{
	static const unsigned versions[] = { 0x0303, 0x0304 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_context_params server = loop_params();
		struct tls_client_context_params client = client_params();
		struct pair *pair;

		client.min_version = client.max_version = versions[i];
		pair = pair_create(&server, &client);
		connect_pair(pair, PEER, false);
		connect_pair(pair, PEER, true);
		connect_pair(pair, PEER, true);
		connect_pair(pair, PEER + 1, false);
		/* In the same place as PEER. */
		connect_pair(pair, PEER + 4096, false);
		connect_pair(pair, PEER, false);
		connect_pair(pair, PEER, true);
		pair_destroy(pair);
	}
}

static void expect_refused(const struct tls_context_params *server,
	const struct tls_client_context_params *client, enum tls_unverified why)
{
	struct pair *pair = pair_create(server, client);
	enum tls_result result;

	pair_open(pair, PEER);
	assert_int_equal(shake(pair, &result), TLS_FAILED);
	assert_int_equal(tls_session_unverified(pair->client), why);
	/* The alert went out: the server knows. TLS 1.3's server is done only with our Finished. */
	assert_int_equal(result, TLS_FAILED);
	pair_close(pair);
	/* Nothing was kept of it. */
	pair_open(pair, PEER);
	assert_int_equal(shake(pair, &result), TLS_FAILED);
	pair_destroy(pair);
}

static void bad_certificates_are_told_apart(void **state)
{
	static const unsigned versions[] = { 0x0303, 0x0304 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_context_params server = loop_params();
		struct tls_client_context_params client = client_params();

		client.min_version = client.max_version = versions[i];
		/* The first certificate answers, which has another name. */
		client.name = "other.example";
		expect_refused(&server, &client, TLS_WRONG_NAME);
		client = client_params();
		client.ca_path = loop_second.chain_path;
		expect_refused(&server, &client, TLS_UNTRUSTED);
	}
}

/* No protocol in common is a failure, and not one of the certificate. */
static void other_failures_are_not_the_certificates(void **state)
{
	static const char *const alpn[] = { "smtp", NULL };
	struct tls_context_params server = loop_params();
	struct tls_client_context_params client = client_params();

	(void)state;
	client.alpn = alpn;
	expect_refused(&server, &client, TLS_VERIFIED);
}

static void verification_can_be_left_out(void **state)
{
	struct tls_context_params server = loop_params();
	struct tls_client_context_params client = client_params();
	struct pair *pair;

	(void)state;
	client.ca_path = NULL;
	client.name = NULL;
	pair = pair_create(&server, &client);
	connect_pair(pair, PEER, false);
	connect_pair(pair, PEER, true);
	pair_destroy(pair);
}

static void own_certificates_are_shown(void **state)
{
	struct tls_context_params server = loop_params();
	struct tls_client_context_params client = client_params();
	enum tls_result result;
	struct pair *pair;
	char subject[64];

	(void)state;
	server.policy.client = (struct tls_client_params){
		.auth = TLS_CLIENT_AUTH_REQUIRED, .ca_path = loop_second.chain_path, .depth = 1
	};
	pair = pair_create(&server, &client);
	pair_open(pair, PEER);
	/* TLS 1.3's client is done before the server has looked at what it did not get. */
	assert_int_equal(shake(pair, &result), TLS_OK);
	assert_int_equal(result, TLS_FAILED);
	assert_int_equal(tls_read(pair->client, subject, sizeof(subject)), TLS_FAILED);
	pair_destroy(pair);
	client.chain_path = loop_second.chain_path;
	client.key_path = loop_second.key_path;
	pair = pair_create(&server, &client);
	pair_open(pair, PEER);
	assert_int_equal(shake(pair, &result), TLS_OK);
	assert_int_equal(result, TLS_OK);
	assert_true(tls_session_peer(pair->server, subject, sizeof(subject)));
	assert_string_equal(subject, "CN=x");
	exchange(pair);
	pair_destroy(pair);
}

static void bad_files_are_told(void **state)
{
	struct tls_client_context_params client = client_params();
	struct err err = { "" };

	(void)state;
	client.ca_path = "/nonexistent/ca.pem";
	assert_null(tls_context_create_client(&client, &err));
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
	client = client_params();
	client.chain_path = loop_first.chain_path;
	client.key_path = loop_second.key_path;
	assert_null(tls_context_create_client(&client, &err));
	assert_non_null(strstr(err.text, "does not belong"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_verified),
		cmocka_unit_test(sessions_are_resumed),
		cmocka_unit_test(bad_certificates_are_told_apart),
		cmocka_unit_test(other_failures_are_not_the_certificates),
		cmocka_unit_test(verification_can_be_left_out),
		cmocka_unit_test(own_certificates_are_shown),
		cmocka_unit_test(bad_files_are_told),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
