/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_client.h"

#include <stdlib.h>
#include <string.h>

#include "http/message.h"

/* HTTP/2 from clients, with nghttp2 as the client and HTTP/1.1 to the members. */

static void streams_are_routed_one_by_one(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *replies[5];

	replies[0] = h2_client_request(client, "GET", "shop.test", "/main/x", "", 0);
	replies[1] = h2_client_request(client, "GET", "shop.test", "/main/x", "", 0);
	replies[2] = h2_client_request(client, "GET", "OTHER.test:80", "/main/x", "", 0);
	replies[3] = h2_client_request(client, "GET", "shop.test", "/nowhere", "", 0);
	replies[4] = h2_client_request(client, "HEAD", "shop.test", "/one", "", 0);
	h2_client_run(client, 20);
	assert_string_equal(replies[0]->body, "A\n");
	assert_string_equal(replies[1]->body, "B\n");
	assert_string_equal(replies[2]->body, "C\n");
	assert_int_equal(replies[3]->status, 404);
	assert_non_null(strstr(replies[3]->body, "404 Not Found"));
	for (unsigned i = 0; i < 5; i++)
		assert_true(replies[i]->is_closed && replies[i]->is_end && replies[i]->code == 0);
	assert_int_equal(l7_counters(world->l7)->h2_conns, 1);
	assert_int_equal(l7_counters(world->l7)->requests, 5);
	assert_int_equal(l7_counters(world->l7)->conns_opened, 1);
	assert_int_equal(world_service_counters(world).responses_2xx, 4);
	h2_client_free(client);
}

static void heads_become_those_of_http1(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	const char *head = world->servers[MEMBER_C].head;
	struct h2_reply *reply = h2_client_request(client, "GET", "A.test", "/one?q=1",
		"cookie: a=1\ncookie: b=2\nx-forwarded-for: 192.0.2.66\nhost: evil.test\n"
		"te: trailers\naccept: */*\n",
		0);

	world->servers[MEMBER_C].answer =
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Answer: Yes\r\nConnection: x-drop\r\n"
		"X-Drop: 1\r\nKeep-Alive: 5\r\n\r\nC\n";
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 200);
	assert_non_null(strstr(head, "GET /one?q=1 HTTP/1.1\r\nHost: a.test\r\n"));
	assert_non_null(strstr(head, "cookie: a=1; b=2\r\n"));
	assert_non_null(strstr(head, "X-Forwarded-For: " WORLD_CLIENT "\r\n"));
	assert_null(strstr(head, "192.0.2.66"));
	assert_null(strstr(head, "evil"));
	assert_null(strstr(head, "te:"));
	assert_string_equal(reply->fields, "x-answer: Yes\ncontent-length: 2\n");
	h2_client_free(client);
}

/* Interim heads, a chunked body with trailers, 204, an answer until close. */
static void forms_of_answers(void **state)
{
	static const struct {
		const char *answer;
		unsigned status, interim;
		const char *body, *trailers;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n"
		  "\r\n",
			200, 0, "abc", "x-sum: 1\n" },
		{ "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204,
			1, "", "" },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, 0, "", "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, "", "" },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcd", 200, 0, "abcd", "" },
	};
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct h2_reply *reply;

		world->servers[MEMBER_C].answer = rows[i].answer;
		world->servers[MEMBER_C].closes = strstr(rows[i].answer, "close") != NULL;
		reply = h2_client_request(client, "GET", "a", "/one", "", 0);
		h2_client_run(client, 20);
		assert_int_equal(reply->status, rows[i].status);
		assert_int_equal(reply->interim, rows[i].interim);
		assert_string_equal(reply->body, rows[i].body);
		assert_string_equal(reply->trailers, rows[i].trailers);
		assert_true(reply->is_end && reply->code == 0);
	}
	h2_client_free(client);
}

static void bodies_pass_both_ways(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *up = h2_client_request(client, "POST", "a", "/one", "", 3000000);
	struct h2_reply *known = h2_client_request(
		client, "POST", "a", "/one", "content-length: 300000\n", 300000);
	struct h2_reply *down;

	h2_client_run(client, 400);
	assert_int_equal(up->status, 200);
	assert_int_equal(known->status, 200);
	assert_int_equal(server->body_bytes, 3300000);
	server->answer = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
	server->extra_bytes = 3000000;
	down = h2_client_request(client, "GET", "a", "/one", "", 0);
	h2_client_run(client, 600);
	assert_int_equal(down->body_len, 3000000);
	assert_true(down->is_good && down->is_end);
	h2_client_free(client);
}

static void expect_is_answered_by_us(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply = h2_client_request(
		client, "PUT", "a", "/one", "expect: 100-continue\n", 3000);

	reply->is_held = true;
	h2_client_run(client, 20);
	assert_int_equal(reply->interim, 1);
	assert_int_equal(reply->status, 100);
	reply->is_held = false;
	nghttp2_session_resume_data(client->session, reply->id);
	h2_client_run(client, 20);
	assert_int_equal(reply->status, 200);
	assert_int_equal(world->servers[MEMBER_C].body_bytes, 3000);
	assert_null(strstr(world->servers[MEMBER_C].head, "expect"));
	h2_client_free(client);
}

/* A stream whose client opens no window holds two windows' worth, and nobody else up. */
static void a_stalled_stream_is_bounded_and_cut(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *stalled, *other;
	struct tcp_usage usage;

	server->answer = "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n";
	server->extra_bytes = 50000000;
	client->is_paused = true;
	stalled = h2_client_request(client, "GET", "a", "/one", "", 0);
	h2_client_run(client, 300);
	assert_int_equal(stalled->body_len, 65535);
	tcp_usage(l7_tcp(world->l7), &usage);
	assert_true(usage.mbufs_held < 1000);
	client->is_paused = false;
	other = h2_client_request(client, "GET", "a", "/main", "", 0);
	h2_client_run(client, 20);
	assert_int_equal(other->status, 200);
	assert_true(other->is_end);
	assert_false(stalled->is_closed);
	h2_client_run(client, 2500);
	assert_true(stalled->is_closed);
	assert_int_equal(stalled->code, NGHTTP2_CANCEL);
	assert_int_equal(l7_counters(world->l7)->h2_stalled, 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).requests_done, 1);
	h2_client_free(client);
}

/* Slow is not stuck. */
static void a_slow_reader_gets_everything(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *reply;

	server->answer = "HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n";
	server->extra_bytes = 600000;
	client->is_paused = true;
	reply = h2_client_request(client, "GET", "a", "/one", "", 0);
	for (unsigned i = 0; i < 12 && !reply->is_end; i++) {
		h2_client_run(client, 1000);
		h2_client_resume(client, reply);
		reply->is_paused = true;
	}
	assert_true(reply->is_end && reply->is_good);
	assert_int_equal(reply->body_len, 600000);
	h2_client_free(client);
}

static void a_member_that_does_not_read_stops_the_client(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply;

	world->servers[MEMBER_C].is_stuck = true;
	reply = h2_client_request(client, "POST", "a", "/one", "", 20000000);
	h2_client_run(client, 500);
	/* The member's TCP, ours toward it, and the stream's window. */
	assert_true(reply->generated < 1000000);
	h2_client_run(client, 1500);
	assert_int_equal(reply->status, 504);
	assert_true(reply->is_end);
	h2_client_free(client);
}

static void a_client_that_sends_no_body_gets_408(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply = h2_client_request(client, "POST", "a", "/one", "", 1000);

	reply->is_held = true;
	h2_client_run(client, 2200);
	assert_int_equal(reply->status, 408);
	assert_true(reply->is_end);
	assert_int_equal(l7_counters(world->l7)->client_timeout, 1);
	h2_client_free(client);
}

/* The client's reset cuts the member's side of this stream and no other. */
static void a_reset_reaches_the_member(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reset, *kept;

	world->servers[MEMBER_C].is_holding = true;
	reset = h2_client_request(client, "GET", "a", "/one", "", 0);
	kept = h2_client_request(client, "GET", "a", "/one", "", 0);
	h2_client_run(client, 20);
	assert_int_equal(world->servers[MEMBER_C].open, 2);
	nghttp2_submit_rst_stream(client->session, 0, reset->id, NGHTTP2_CANCEL);
	h2_client_run(client, 20);
	assert_int_equal(world->servers[MEMBER_C].open, 1);
	assert_int_equal(l7_counters(world->l7)->client_aborted, 1);
	assert_false(kept->is_closed);
	h2_client_free(client);
}

static void a_member_that_dies_ends_its_stream(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *half, *none, *other;

	world->servers[MEMBER_C].answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
	world->servers[MEMBER_C].aborts = true;
	half = h2_client_request(client, "GET", "a", "/one", "", 0);
	none = h2_client_request(client, "GET", "a", "/empty", "", 0);
	other = h2_client_request(client, "GET", "a", "/main", "", 0);
	h2_client_run(client, 30);
	assert_false(half->is_end);
	assert_int_equal(half->code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(none->status, 503);
	assert_int_equal(other->status, 200);
	h2_client_free(client);
}

/* RFC 9113 6.8: the one that is on its way is served, and the connection ends behind it. */
static void drain_is_graceful(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *reply;

	server->answer = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
	server->extra_bytes = 300000;
	client->is_paused = true;
	reply = h2_client_request(client, "GET", "a", "/one", "", 0);
	h2_client_run(client, 20);
	l7_drain(world->l7, world->now_us);
	h2_client_run(client, 50);
	assert_int_equal(client->goaways, 2);
	assert_int_equal(client->goaway_id, reply->id);
	assert_int_equal(client->goaway_code, NGHTTP2_NO_ERROR);
	assert_false(reply->is_end || client->client->is_eof);
	h2_client_resume(client, reply);
	h2_client_run(client, 100);
	assert_true(reply->is_end && reply->is_good);
	assert_true(client->client->is_eof);
	assert_int_equal(l7_counters(world->l7)->h2_goaway, 1);
	h2_client_free(client);
}

static void idle_connections_are_told_to_go(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct client *silent = client_open(world, 80);
	struct h2_reply *reply = h2_client_request(client, "GET", "a", "/one", "", 0);

	client_send(silent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	h2_client_run(client, 1100);
	/* Without a request the head's time is all it has. */
	assert_true(silent->is_eof);
	assert_int_equal(reply->status, 200);
	assert_int_equal(client->goaways, 0);
	h2_client_run(client, 4500);
	assert_int_equal(client->goaways, 1);
	assert_true(client->client->is_eof);
	client_free(silent);
	h2_client_free(client);
}

/* The preface may come in pieces; what only begins like it is HTTP/1. */
static void the_preface_is_told_from_requests(void **state)
{
	struct world *world = *state;
	struct client *pieces = client_open(world, 80);
	struct client *other = client_open(world, 80);
	const char *preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	for (const char *c = preface; *c != '\0'; c++) {
		client_send_bytes(pieces, c, 1);
		world_run(world, 1);
	}
	client_send_bytes(pieces, "\0\0\0\4\0\0\0\0\0", 9);
	world_run(world, 5);
	assert_int_equal(l7_counters(world->l7)->h2_conns, 1);
	world_exchange(other, "PRICE /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	assert_int_equal(l7_counters(world->l7)->h2_conns, 1);
	client_free(pieces);
	client_free(other);
}

static void floods_are_counted(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);

	world->servers[MEMBER_C].is_holding = true;
	for (unsigned i = 0; i < 201; i++) {
		struct h2_reply *reply = h2_client_request(client, "GET", "a", "/one", "", 0);

		h2_client_run(client, 1);
		nghttp2_submit_rst_stream(client->session, 0, reply->id, NGHTTP2_CANCEL);
		h2_client_run(client, 1);
	}
	h2_client_run(client, 20);
	assert_int_equal(client->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_true(client->client->is_eof);
	assert_int_equal(l7_counters(world->l7)->h2_failed_reset, 1);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	h2_client_free(client);
}

/* Refusals that have a status are answered, and leave the other streams alone. */
static void refusals_are_answers(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *escape = h2_client_request(client, "GET", "a", "/one/%2f", "", 0);
	struct h2_reply *expect = h2_client_request(client, "PUT", "a", "/one", "expect: tea\n", 5);
	struct h2_reply *connect = h2_client_request(client, "GET", "a", "/one", "", 0);

	h2_client_run(client, 20);
	assert_int_equal(escape->status, 400);
	assert_int_equal(expect->status, 417);
	assert_int_equal(connect->status, 200);
	assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_path_escape], 1);
	assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_expectation], 1);
	assert_int_equal(world_service_counters(world).denied_requests, 2);
	h2_client_free(client);
}

/* Two long answers that compete for the connection's window; the second one is the urgent one. */
static void urgent_goes_first(struct world *world, bool by_frame)
{
	struct h2_client *client = h2_client_open_window(world, 65535);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *late, *urgent;

	server->answer = "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n";
	server->extra_bytes = 400000;
	nghttp2_submit_settings(client->session, 0,
		&(nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 }, 1);
	late = h2_client_request(client, "GET", "a", "/one", by_frame ? "" : "priority: u=6\n", 0);
	urgent = h2_client_request(
		client, "GET", "a", "/one", by_frame ? "" : "priority: u=1\n", 0);
	if (by_frame)
		assert_int_equal(nghttp2_submit_priority_update(client->session, NGHTTP2_FLAG_NONE,
					 urgent->id, (const uint8_t *)"u=1", 3),
			0);
	for (unsigned i = 0; i < 2000 && !urgent->is_end; i++)
		h2_client_run(client, 1);
	assert_true(urgent->is_end);
	assert_true(late->body_len < 200000);
	h2_client_run(client, 1000);
	assert_true(late->is_end && late->is_good && urgent->is_good);
	h2_client_free(client);
}

/* RFC 9218: by the field `priority`, and by PRIORITY_UPDATE. */
static void urgency_decides(void **state)
{
	urgent_goes_first(*state, false);
}

static void an_update_of_urgency_decides(void **state)
{
	urgent_goes_first(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(streams_are_routed_one_by_one),
		WORLD_TEST(heads_become_those_of_http1),
		WORLD_TEST(forms_of_answers),
		WORLD_TEST(bodies_pass_both_ways),
		WORLD_TEST(expect_is_answered_by_us),
		WORLD_TEST(a_stalled_stream_is_bounded_and_cut),
		WORLD_TEST(a_slow_reader_gets_everything),
		WORLD_TEST(a_member_that_does_not_read_stops_the_client),
		WORLD_TEST(a_client_that_sends_no_body_gets_408),
		WORLD_TEST(a_reset_reaches_the_member),
		WORLD_TEST(a_member_that_dies_ends_its_stream),
		WORLD_TEST(drain_is_graceful),
		WORLD_TEST(idle_connections_are_told_to_go),
		WORLD_TEST(the_preface_is_told_from_requests),
		WORLD_TEST(floods_are_counted),
		WORLD_TEST(refusals_are_answers),
		WORLD_TEST(urgency_decides),
		WORLD_TEST(an_update_of_urgency_decides),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
