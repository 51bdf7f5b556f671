/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>

#include "../tls/issue.h"
#include "tls/tls.h"

/* The proxy behind TLS, with mbedTLS's own client. */

#define GET_ONE "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"

static char folder[64];
static struct issue issued = { .common_name = "site.example" };

struct tls_client {
	struct client *client;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	char text[65536]; /* decrypted */
	size_t text_len;
	uint64_t total;
};

static int bio_send(void *ctx, const unsigned char *data, size_t len)
{
	struct tls_client *tls = ctx;

	client_send_bytes(tls->client, data, len);
	return (int)len;
}

static int bio_receive(void *ctx, unsigned char *data, size_t max)
{
	struct tls_client *tls = ctx;
	size_t len = client_take(tls->client, data, max);

	return len > 0 ? (int)len : MBEDTLS_ERR_SSL_WANT_READ;
}

static struct tls_client *tls_open(struct world *world, mbedtls_ssl_protocol_version version)
{
	static const char *alpn[] = { "http/1.1", NULL };
	struct tls_client *tls = calloc(1, sizeof(*tls));

	tls->client = client_open(world, 443);
	tls->client->is_exact = true;
	mbedtls_ssl_config_init(&tls->config);
	mbedtls_ssl_init(&tls->ssl);
	assert_int_equal(mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_CLIENT,
				 MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
		0);
	mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_rng(&tls->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	mbedtls_ssl_conf_min_tls_version(&tls->config, version);
	mbedtls_ssl_conf_max_tls_version(&tls->config, version);
	mbedtls_ssl_conf_alpn_protocols(&tls->config, alpn);
	assert_int_equal(mbedtls_ssl_setup(&tls->ssl, &tls->config), 0);
	mbedtls_ssl_set_bio(&tls->ssl, tls, bio_send, bio_receive, NULL);
	return tls;
}

static void tls_free(struct tls_client *tls)
{
	client_free(tls->client);
	mbedtls_ssl_free(&tls->ssl);
	mbedtls_ssl_config_free(&tls->config);
	free(tls);
}

static void tls_connect(struct tls_client *tls)
{
	int result = MBEDTLS_ERR_SSL_WANT_READ;

	for (unsigned i = 0; i < 200 && result != 0; i++) {
		world_run(tls->client->world, 1);
		result = mbedtls_ssl_handshake(&tls->ssl);
		if (result != MBEDTLS_ERR_SSL_WANT_READ)
			assert_int_equal(result, 0);
	}
	assert_int_equal(result, 0);
}

static void tls_send(struct tls_client *tls, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		int sent = mbedtls_ssl_write(&tls->ssl, (const unsigned char *)text + at, len - at);

		assert_true(sent > 0);
		at += (size_t)sent;
	}
}

/* Returns the bytes of one record, 0 when there are none now. */
static size_t tls_read_some(struct tls_client *tls)
{
	unsigned char piece[16384];
	int got = mbedtls_ssl_read(&tls->ssl, piece, sizeof(piece));
	size_t room = sizeof(tls->text) - 1 - tls->text_len;

	if (got == MBEDTLS_ERR_SSL_WANT_READ || got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		return 0;
	if (got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || got == 0)
		return 0;
	assert_true(got > 0);
	room = (size_t)got < room ? (size_t)got : room;
	memcpy(tls->text + tls->text_len, piece, room);
	tls->text_len += room;
	tls->text[tls->text_len] = '\0';
	tls->total += (uint64_t)got;
	return (size_t)got;
}

static void tls_exchange(struct tls_client *tls, const char *request, const char *text)
{
	tls->text_len = 0;
	tls->text[0] = '\0';
	tls_send(tls, request, strlen(request));
	for (unsigned i = 0; i < 100 && strstr(tls->text, text) == NULL; i++) {
		world_run(tls->client->world, 1);
		tls_read_some(tls);
	}
	if (strstr(tls->text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, tls->text);
}

static int group_setup(void **state)
{
	struct err err;

	if (support_eal_start(state) != 0 || tls_global_init(&err) != 0)
		return -1;
	issue_folder_create(folder);
	issue_certificate(&issued, folder, "site");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	issue_folder_remove(folder);
	return 0;
}

static int setup(void **state)
{
	const struct world_options options = { .chain_path = issued.chain_path,
		.key_path = issued.key_path };

	*state = world_create(&options);
	return 0;
}

static void serves(struct world *world, mbedtls_ssl_protocol_version version)
{
	struct tls_client *tls = tls_open(world, version);

	tls_connect(tls);
	assert_string_equal(mbedtls_ssl_get_alpn_protocol(&tls->ssl), "http/1.1");
	tls_exchange(tls, GET_ONE, "\nC\n");
	/* Head and body came in one record: this is all there was to read. */
	assert_string_equal(tls->text, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nC\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "X-Forwarded-Proto: https\r\n"));
	tls_exchange(tls, "GET /main HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK");
	tls_exchange(tls, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found");
	tls_free(tls);
}

/* A connection made under one policy serves no host with another, by whatever header field. */
static void hosts_of_other_policies_are_misdirected(void **state)
{
	static const struct config_tls_host strict = { .joined_names = "strict.test",
		.policy = { .min_version = 0x0304, .alpn = CONFIG_ALPN_HTTP1 } };
	const struct world_options options = { .chain_path = issued.chain_path,
		.key_path = issued.key_path,
		.tls_hosts = &strict,
		.tls_host_count = 1 };
	struct world *world = world_create(&options);
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);

	(void)state;
	tls_connect(tls);
	tls_exchange(tls, "GET /one HTTP/1.1\r\nHost: STRICT.test:443\r\n\r\n", " 421 Misdir");
	tls_exchange(tls, "GET http://strict.test./one HTTP/1.1\r\nHost: strict.test.\r\n\r\n",
		" 421 Misdir");
	tls_exchange(tls, GET_ONE, "\nC\n");
	tls_free(tls);
	tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);
	assert_int_equal(mbedtls_ssl_set_hostname(&tls->ssl, "strict.test"), 0);
	tls_connect(tls);
	tls_exchange(tls, GET_ONE, " 421 Misdir");
	tls_exchange(tls, "GET /one HTTP/1.1\r\nHost: strict.test\r\n\r\n", "\nC\n");
	tls_free(tls);
	assert_int_equal(l7_counters(world->l7)->misdirected, 3);
	world_destroy(world);
	assert_int_equal(support_mbufs_check(NULL), 0);
}

static void serves_both_versions(void **state)
{
	struct world *world = *state;

	serves(world, MBEDTLS_SSL_VERSION_TLS1_3);
	serves(world, MBEDTLS_SSL_VERSION_TLS1_2);
	assert_int_equal(l7_counters(world->l7)->tls_handshakes, 2);
	assert_int_equal(l7_counters(world->l7)->tls_failures, 0);
	assert_int_equal(l7_counters(world->l7)->requests, 6);
}

static void passes_the_closing_word_on(void **state)
{
	struct world *world = *state;
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);

	tls_connect(tls);
	tls_exchange(tls, "GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\nC\n");
	for (unsigned i = 0; i < 20; i++) {
		unsigned char byte;

		world_run(world, 1);
		if (mbedtls_ssl_read(&tls->ssl, &byte, 1) == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
			break;
		assert_int_not_equal(i, 19);
	}
	world_run(world, 5);
	assert_true(tls->client->is_eof);
	tls_free(tls);
	/* And the other way round. */
	tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);
	tls_connect(tls);
	tls_exchange(tls, GET_ONE, "\nC\n");
	mbedtls_ssl_close_notify(&tls->ssl);
	world_run(world, 5);
	assert_true(tls->client->is_eof);
	tls_free(tls);
}

#define DOWNLOAD_BYTES 3000000ull
#define DOWNLOAD_HEAD  "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"

static void streams_to_a_slow_reader(void **state)
{
	struct world *world = *state;
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);
	uint64_t sent;

	tls_connect(tls);
	world->servers[MEMBER_C].answer = DOWNLOAD_HEAD;
	world->servers[MEMBER_C].extra_bytes = DOWNLOAD_BYTES;
	tls_send(tls, GET_ONE, strlen(GET_ONE));
	world_run(world, 300);
	sent = l7_counters(world->l7)->bytes_out;
	assert_true(sent > 100000 && sent < 1000000);
	world_run(world, 300);
	assert_int_equal(l7_counters(world->l7)->bytes_out, sent);
	for (unsigned i = 0; i < 2000 && tls->total < DOWNLOAD_BYTES + strlen(DOWNLOAD_HEAD); i++) {
		while (tls_read_some(tls) > 0)
			;
		world_run(world, 1);
	}
	assert_int_equal(tls->total, DOWNLOAD_BYTES + strlen(DOWNLOAD_HEAD));
	for (size_t i = 0; i < 60000; i++)
		assert_int_equal(tls->text[strlen(DOWNLOAD_HEAD) + i], world_byte(i));
	tls_free(tls);
}

static void streams_uploads(void **state)
{
	struct world *world = *state;
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);
	static char body[1000000];
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(body); i++) {
		body[i] = world_byte(i);
		sum += (uint8_t)body[i] * (uint32_t)(i + 1);
	}
	tls_connect(tls);
	tls_send(tls, "PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 55);
	tls_send(tls, body, sizeof(body));
	for (unsigned i = 0; i < 1000 && strstr(tls->text, "\nC\n") == NULL; i++) {
		world_run(world, 1);
		tls_read_some(tls);
	}
	assert_non_null(strstr(tls->text, "\nC\n"));
	assert_int_equal(world->servers[MEMBER_C].body_bytes, sizeof(body));
	assert_int_equal(world->servers[MEMBER_C].body_sum, sum);
	tls_free(tls);
}

static void counts_failed_handshakes(void **state)
{
	struct world *world = *state;
	struct client *plain = client_open(world, 443);
	struct client *silent = client_open(world, 443);
	struct client *gone = client_open(world, 443);

	client_send(plain, GET_ONE);
	world_run(world, 20);
	assert_true(plain->is_eof || plain->is_closed);
	assert_int_equal(l7_counters(world->l7)->tls_failures, 1);
	world_run(world, 5);
	client_abort(gone);
	world_run(world, 1000);
	assert_true(silent->is_closed);
	assert_int_equal(l7_counters(world->l7)->tls_failures, 2);
	assert_int_equal(l7_counters(world->l7)->tls_handshakes, 0);
	assert_int_equal(l7_conn_count(world->l7), 0);
	client_free(plain);
	client_free(silent);
	client_free(gone);
}

static void cuts_broken_records(void **state)
{
	struct world *world = *state;
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);

	tls_connect(tls);
	tls_exchange(tls, GET_ONE, "\nC\n");
	client_send_bytes(tls->client, "\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 37);
	world_run(world, 20);
	assert_int_equal(l7_conn_count(world->l7), 0);
	tls_free(tls);
}

/* The header is not part of TLS: it comes first, and a connection without it is not even greeted.
 */
static void takes_a_proxy_header_before_tls(void **state)
{
	struct world *world = *state;
	struct tls_client *tls = tls_open(world, MBEDTLS_SSL_VERSION_TLS1_3);
	struct client *bare = client_open(world, 443);
	struct ip_prefix from;

	assert_int_equal(ip_prefix_parse("198.51.100.0/24", &from), 0);
	world->services[1].accept_proxy = (struct config_accept_proxy){ .from = &from,
		.from_count = 1 };
	client_send(tls->client, "PROXY TCP4 192.0.2.9 203.0.113.10 4711 443\r\n");
	tls_connect(tls);
	tls_exchange(tls, GET_ONE, "\nC\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: 192.0.2.9\r\n"));
	client_send_bytes(bare, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00", 14);
	world_run(world, 20);
	assert_true(bare->is_closed);
	assert_int_equal(bare->total, 0);
	assert_int_equal(l7_counters(world->l7)->proxy_missing, 1);
	assert_int_equal(l7_counters(world->l7)->proxy_accepted, 1);
	assert_int_equal(l7_counters(world->l7)->tls_failures, 0);
	tls_free(tls);
	client_free(bare);
}

int main(void)
{
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_of_other_policies_are_misdirected),
		TLS_TEST(serves_both_versions),
		TLS_TEST(passes_the_closing_word_on),
		TLS_TEST(streams_to_a_slow_reader),
		TLS_TEST(streams_uploads),
		TLS_TEST(counts_failed_handshakes),
		TLS_TEST(cuts_broken_records),
		TLS_TEST(takes_a_proxy_header_before_tls),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
