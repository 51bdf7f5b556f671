/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_client.h"

#include <string.h>

#include "http/websocket.h"

/* WebSocket over both versions on either side, and how tunnels end. */

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* of RFC 6455 1.3 */
#define ASK                                                                                        \
	"GET /one HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"                      \
	"Upgrade: h2c, websocket\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"                          \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\n"
#define GOODBYE  "\x88\x02\x03\xe9"

static struct server *member(struct world *world)
{
	return &world->servers[MEMBER_C];
}

static struct client *tunnel_opened(struct world *world)
{
	struct client *client = client_open(world, 80);

	member(world)->tunnels = true;
	world_exchange(client, ASK, SWITCHED);
	client_clear(client);
	return client;
}

static bool has_received(const struct client *client, const char *bytes, size_t len)
{
	return client->received_len >= len &&
		memcmp(client->received + client->received_len - len, bytes, len) == 0;
}

/* The member's copy of our goodbye is masked: undone, it says 1001. */
static void assert_goodbye_to_member(const struct server *server)
{
	const uint8_t *tail = (const uint8_t *)server->tail + sizeof(server->tail) - 8;

	assert_int_equal(tail[0], 0x88);
	assert_int_equal(tail[1], 0x82);
	assert_int_equal(tail[6] ^ tail[2], 1001 >> 8);
	assert_int_equal(tail[7] ^ tail[3], 1001 & 255);
}

static void switches_when_the_member_does(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	member(world)->tunnels = true;
	world_exchange(client, ASK, SWITCHED);
	assert_non_null(strstr(client->received, "Sec-WebSocket-Accept: " ACCEPT "\r\n"));
	assert_non_null(strstr(client->received, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(member(world)->head, "Upgrade: websocket\r\n"));
	assert_non_null(strstr(member(world)->head, "Sec-WebSocket-Key: " KEY "\r\n"));
	assert_null(strstr(member(world)->head, "h2c"));
	assert_null(strstr(member(world)->head, "HTTP2-Settings"));
	client_clear(client);
	client_send(client, "GET / is no request any more\r\n\r\n");
	assert_true(world_expect(client, "GET / is no request any more\r\n\r\n", 20));
	assert_int_equal(l7_counters(world->l7)->tunnels_opened, 1);
	assert_int_equal(l7_counters(world->l7)->requests_done, 0);
	client->is_closing = true;
	client_send(client, "bye");
	assert_true(world_expect(client, "bye", 20));
	world_run(world, 20);
	assert_int_equal(member(world)->eofs, 1);
	assert_true(client->is_eof);
	assert_int_equal(l7_counters(world->l7)->tunnels_closed, 1);
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_complete], 1);
	client_free(client);
}

/* Bytes that a hasty client sent ahead of the answer are for the member, once it agreed. */
static void keeps_early_bytes_for_the_tunnel(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	member(world)->tunnels = true;
	world_exchange(client, ASK "early", "early");
	assert_non_null(strstr(client->received, SWITCHED));
	client_free(client);
}

static const struct refused {
	const char *what;
	const char *request;
	const char *answer; /* the member's; NULL: 101 as it should be */
	const char *status; /* to the client */
	bool is_asked;      /* the member saw Upgrade */
} refused_rows[] = {
	{ "the member does not want", ASK,
		"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 426 ",
		true },
	{ "the member answers without it", ASK, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 ", true },
	{ "another protocol", ASK,
		"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
		"HTTP/1.1 502 ", true },
	{ "101 without Upgrade", ASK, "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 502 ", true },
	{ "h2c alone",
		"GET /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		"Upgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 ", false },
	{ "with a body",
		"POST /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: " KEY "\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 ", false },
	{ "without a key",
		"GET /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 ", false },
	{ "Upgrade that Connection does not name",
		"GET /one HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: " KEY "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 ", false },
	{ "101 that nobody asked for", "GET /one HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 502 ", false },
	{ "CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", NULL, "HTTP/1.1 501 ", false },
};

static void refuses_what_is_no_tunnel(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(refused_rows) / sizeof(refused_rows[0]); i++) {
		const struct refused *row = &refused_rows[i];
		struct client *client = client_open(world, 80);

		member(world)->answer = row->answer;
		member(world)->head[0] = '\0';
		client_send(client, row->request);
		if (!world_expect(client, row->status, 100))
			fail_msg("%s: %s", row->what, client->received);
		if ((strstr(member(world)->head, "Upgrade") != NULL) != row->is_asked)
			fail_msg("%s: the member got %s", row->what, member(world)->head);
		client_free(client);
		world_run(world, 20);
	}
	assert_int_equal(l7_counters(world->l7)->tunnels_opened, 0);
}

static void needs_the_listener_to_have_it(void **state)
{
	struct world *world = *state;
	struct client *client;

	world->services[0].tunnels.websocket = false;
	world_publish(world, true);
	client = client_open(world, 80);
	member(world)->tunnels = true;
	world_exchange(client, ASK, "HTTP/1.1 200 ");
	assert_null(strstr(member(world)->head, "Upgrade"));
	client_free(client);
}

/* Neither end's slowness makes us keep more than the two windows hold. */
static void holds_back_both_ways(void **state)
{
	struct world *world = *state;
	struct client *client = tunnel_opened(world);

	client->is_paused = true;
	client_generate(client, 8 << 20);
	world_run(world, 3000);
	assert_true(client->generate_left > 4 << 20);
	assert_true(member(world)->body_bytes < 4 << 20);
	client_resume(client);
	world_run(world, 3000);
	assert_int_equal(client->generate_left, 0);
	assert_int_equal(client->total, 8 << 20);
	client_free(client);
}

static void ends_when_nothing_moves(void **state)
{
	struct world *world = *state;
	struct client *client = tunnel_opened(world);

	world_run(world, 5900);
	client_send(client, "\x81\x01x");
	assert_true(world_expect(client, "\x81\x01x", 20));
	client_clear(client);
	world_run(world, 5900);
	assert_false(client->is_eof);
	world_run(world, 200);
	assert_true(has_received(client, GOODBYE, 4));
	assert_true(client->is_eof);
	assert_goodbye_to_member(member(world));
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_tunnel_idle], 1);
	assert_int_equal(l7_counters(world->l7)->tunnels_cut, 0);
	client_free(client);
}

/* An end that was told and stays is cut, in time. */
static void draining_waits_for_whole_frames_and_not_for_ever(void **state)
{
	struct world *world = *state;
	struct client *client = tunnel_opened(world);
	static const char half[] = "\x82\x7e\x01\x00"
				   "half of it";

	client_send_bytes(client, half, sizeof(half) - 1);
	world_run(world, 20);
	assert_true(has_received(client, "half of it", 10));
	l7_drain(world->l7, world->now_us);
	world_run(world, 100);
	/* Both directions are in the middle of a frame. */
	assert_true(has_received(client, "half of it", 10));
	client_generate(client, 256 - 10);
	world_run(world, 100);
	assert_true(has_received(client, GOODBYE, 4));
	assert_goodbye_to_member(member(world));
	assert_true(client->is_eof);
	world_run(world, 50);
	assert_int_equal(l7_counters(world->l7)->tunnels_closed, 1);
	assert_int_equal(l7_counters(world->l7)->tunnels_cut, 0);
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_drained], 1);
	client_free(client);
}

static void draining_cuts_an_end_that_stays(void **state)
{
	struct world *world = *state;
	struct client *client = tunnel_opened(world);

	client_send_bytes(client, "\x82\x7e\x01\x00", 4);
	world_run(world, 10);
	l7_drain(world->l7, world->now_us);
	world_run(world, 400);
	assert_int_equal(l7_conn_count(world->l7), 1);
	world_run(world, 200);
	assert_int_equal(l7_conn_count(world->l7), 0);
	assert_int_equal(l7_counters(world->l7)->tunnels_cut, 1);
	assert_true(client->is_closed);
	client_free(client);
}

static void cuts_the_client_when_the_member_breaks(void **state)
{
	struct world *world = *state;
	struct client *client = tunnel_opened(world);
	uint32_t cursor = 0;
	struct l7_conn_row row;

	assert_int_equal(l7_conn_dump(world->l7, &cursor, &row, 1, world->now_us), 1);
	assert_string_equal(row.request, "websocket /one");
	assert_string_equal(row.member, "192.0.2.13:8080");
	member(world)->is_silent = true;
	client_send(client, "into the void");
	world_run(world, 200000);
	assert_true(client->is_closed);
	assert_int_equal(l7_counters(world->l7)->tunnels_closed, 1);
	client_free(client);
}

static void goes_from_http2_to_http1(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply;

	member(world)->tunnels = true;
	reply = h2_client_request(client, "CONNECT", "a.test", "/one?q",
		":protocol: websocket\nsec-websocket-version: 13\norigin: http://a.test\n", 100);
	reply->is_open = true;
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 200);
	assert_string_equal(reply->fields, "");
	assert_non_null(strstr(member(world)->head, "GET /one?q HTTP/1.1\r\nHost: a.test\r\n"));
	assert_non_null(strstr(member(world)->head, "origin: http://a.test\r\n"));
	assert_null(strstr(member(world)->head, "Transfer-Encoding"));
	assert_int_equal(reply->body_len, 100);
	reply->generate = 3000000;
	h2_client_goes_on(client, reply);
	h2_client_run(client, 3000);
	assert_int_equal(reply->body_len, 3000000);
	assert_true(reply->is_good && !reply->is_end);
	reply->is_open = false;
	h2_client_goes_on(client, reply);
	h2_client_run(client, 50);
	assert_int_equal(member(world)->eofs, 1);
	assert_true(reply->is_end && reply->is_closed);
	assert_int_equal(reply->code, 0);
	assert_int_equal(l7_counters(world->l7)->tunnels_closed, 1);
	/* The connection goes on. */
	member(world)->tunnels = false;
	reply = h2_client_request(client, "GET", "a.test", "/one", "", 0);
	h2_client_run(client, 20);
	assert_string_equal(reply->body, "C\n");
	h2_client_free(client);
}

static void believes_no_wrong_accept(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply;

	member(world)->tunnels = true;
	member(world)->is_wrong = true;
	reply = h2_client_request(client, "CONNECT", "a.test", "/one",
		":protocol: websocket\nsec-websocket-version: 13\n", 1);
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 502);
	member(world)->tunnels = false;
	reply = h2_client_request(client, "CONNECT", "a.test", "/one",
		":protocol: websocket\nsec-websocket-version: 13\n", 1);
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 502);
	reply = h2_client_request(
		client, "CONNECT", "a.test", "/one", ":protocol: connect-udp\n", 1);
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 501);
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_member_invalid], 2);
	h2_client_free(client);
}

static void drains_http2(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply;

	member(world)->tunnels = true;
	reply = h2_client_request(client, "CONNECT", "a.test", "/one",
		":protocol: websocket\nsec-websocket-version: 13\n", 1000);
	reply->is_open = true;
	reply->is_held = true;
	h2_client_run(client, 20);
	l7_drain(world->l7, world->now_us);
	h2_client_run(client, 20);
	assert_memory_equal(reply->body, GOODBYE, 4);
	assert_true(reply->is_end);
	reply->is_held = reply->is_open = false;
	reply->generate = 0;
	h2_client_goes_on(client, reply);
	h2_client_run(client, 50);
	assert_true(reply->is_closed);
	assert_goodbye_to_member(member(world));
	assert_int_equal(l7_counters(world->l7)->tunnels_cut, 0);
	h2_client_free(client);
}

/* Toward members over HTTP/2; the client's side in either version. */
static void goes_to_http2(void **state)
{
	struct world *world = *state;
	struct client *client;
	struct h2_client *h2;
	struct h2_reply *reply;

	world->pools[POOL_OTHER].protocol = CONFIG_PROTOCOL_H2;
	member(world)->is_h2 = true;
	member(world)->tunnels = true;
	world_publish(world, true);
	client = client_open(world, 80);
	world_exchange(client, ASK, "Sec-WebSocket-Accept: " ACCEPT "\r\n");
	assert_non_null(strstr(client->received, SWITCHED));
	assert_null(strstr(member(world)->head, "sec-websocket-key"));
	assert_non_null(strstr(member(world)->head, "sec-websocket-version: 13\n"));
	client->is_closing = true;
	client_send(client, "there and back");
	assert_true(world_expect(client, "there and back", 50));
	world_run(world, 50);
	assert_true(client->is_eof);
	client_free(client);
	h2 = h2_client_open(world);
	reply = h2_client_request(h2, "CONNECT", "a.test", "/one",
		":protocol: websocket\nsec-websocket-version: 13\n", 500);
	h2_client_run(h2, 50);
	assert_int_equal(reply->status, 200);
	assert_int_equal(reply->body_len, 500);
	assert_true(reply->is_good && reply->is_closed && reply->code == 0);
	assert_int_equal(l7_counters(world->l7)->tunnels_closed, 2);
	assert_int_equal(l7_counters(world->l7)->upstream_opened, 1);
	h2_client_free(h2);
}

static void asks_no_http2_member_that_has_none(void **state)
{
	struct world *world = *state;
	struct client *client;

	world->pools[POOL_OTHER].protocol = CONFIG_PROTOCOL_H2;
	member(world)->is_h2 = true;
	world_publish(world, true);
	client = client_open(world, 80);
	world_exchange(client, ASK, "HTTP/1.1 502 ");
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_member_no_tunnel], 1);
	assert_int_equal(member(world)->requests, 0);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(switches_when_the_member_does),
		WORLD_TEST(keeps_early_bytes_for_the_tunnel),
		WORLD_TEST(refuses_what_is_no_tunnel),
		WORLD_TEST(needs_the_listener_to_have_it),
		WORLD_TEST(holds_back_both_ways),
		WORLD_TEST(ends_when_nothing_moves),
		WORLD_TEST(draining_waits_for_whole_frames_and_not_for_ever),
		WORLD_TEST(draining_cuts_an_end_that_stays),
		WORLD_TEST(cuts_the_client_when_the_member_breaks),
		WORLD_TEST(goes_from_http2_to_http1),
		WORLD_TEST(believes_no_wrong_accept),
		WORLD_TEST(drains_http2),
		WORLD_TEST(goes_to_http2),
		WORLD_TEST(asks_no_http2_member_that_has_none),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
