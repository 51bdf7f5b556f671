/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

#include "http/message.h"

/* What goes wrong: refusals, members that fail, clients that stall or vanish. */

#define GET_ONE  "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_MAIN "GET /main HTTP/1.1\r\nHost: a\r\n\r\n"

struct refused {
	const char *request;
	const char *status;
	enum http_refusal refusal;
};

static const struct refused refused[] = {
	{ "GARBAGE\r\n\r\n", "HTTP/1.1 400 ", HTTP_REFUSED_method },
	{ "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ", HTTP_REFUSED_version },
	{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", HTTP_REFUSED_host_missing },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 400 ", HTTP_REFUSED_length_and_chunked },
	{ "GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", "HTTP/1.1 417 ",
		HTTP_REFUSED_expectation },
	{ "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", HTTP_REFUSED_path_escape },
	{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 501 ",
		HTTP_REFUSED_method_unsupported },
	/* In the middle of the body, with the member waiting for it. */
	{ "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nq\r\n",
		"HTTP/1.1 400 ", HTTP_REFUSED_chunk },
};

static void answers_and_counts_refusals(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct refused *row = &refused[i];
		struct client *client = client_open(world, 80);

		world_exchange(client, row->request, row->status);
		assert_non_null(strstr(client->received, "Connection: close\r\n"));
		if (l7_refusal_counts(world->l7)[row->refusal] != 1)
			fail_msg("not counted as %s: %s", http_refusal_name(row->refusal),
				row->request);
		world_run(world, 5);
		assert_true(client->is_eof);
		assert_int_equal(world_service_counters(world).denied_requests, i + 1);
		client_free(client);
	}
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
}

static int setup_small(void **state)
{
	const struct world_options options = {
		.http = { .header_timeout_ms = 1000,
			.idle_timeout_ms = 5000,
			.body_timeout_ms = 2000,
			.max_header_bytes = 200,
			.max_header_fields = 3,
			.max_target_bytes = 50,
			.max_body_bytes = 10 },
	};

	*state = world_create(&options);
	return 0;
}

static void keeps_to_the_listeners_limits(void **state)
{
	static const struct refused rows[] = {
		{ "GET /12345678901234567890123456789012345678901234567890 HTTP/1.1\r\n",
			"HTTP/1.1 414 ", HTTP_REFUSED_target_too_long },
		{ "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "HTTP/1.1 431 ",
			HTTP_REFUSED_header_too_many },
		{ "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "HTTP/1.1 413 ",
			HTTP_REFUSED_body_too_large },
	};
	struct world *world = *state;
	struct client *client;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		client = client_open(world, 80);
		world_exchange(client, rows[i].request, rows[i].status);
		assert_int_equal(l7_refusal_counts(world->l7)[rows[i].refusal], 1);
		client_free(client);
	}
	client = client_open(world, 80);
	world_exchange(client,
		"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\n12345\r\n6\r\n123456\r\n0\r\n\r\n",
		"HTTP/1.1 413 ");
	assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_body_too_large], 2);
	client_free(client);
}

static void answers_503_without_a_member(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\n");
	assert_int_equal(l7_counters(world->l7)->no_member, 1);
	assert_null(strstr(client->received, "Connection: close"));
	world_exchange(client, "HEAD /empty HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 503 ");
	assert_string_equal(strstr(client->received, "\r\n\r\n"), "\r\n\r\n");
	world_exchange(client, GET_ONE, "\nC\n");
	assert_int_equal(world_service_counters(world).responses_5xx, 2);
	client_free(client);
}

static void goes_to_another_member_when_one_refuses(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_A].is_refusing = true;
	for (unsigned i = 0; i < 4; i++) {
		world_exchange(client, GET_MAIN, "\nB\n");
		world_run(world, 5);
	}
	assert_int_equal(world_member_counters(world, MEMBER_B).responses_2xx, 4);
	assert_true(world_member_counters(world, MEMBER_A).connect_failures >= 1);
	assert_int_equal(l7_counters(world->l7)->upstream_failed, 0);
	client_free(client);
}

/* Nobody has fewer requests than a member that refuses them all. */
static void goes_to_another_member_against_the_balance(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->pools[POOL_MAIN].balance = CONFIG_BALANCE_LEAST_REQUESTS;
	world_publish(world, true);
	world->servers[MEMBER_A].is_refusing = true;
	for (unsigned i = 0; i < 8; i++)
		world_exchange(client, GET_MAIN, "\nB\n");
	assert_int_equal(l7_counters(world->l7)->upstream_failed, 0);
	client_free(client);
}

static void answers_502_when_nobody_takes_it(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_A].is_refusing = true;
	world->servers[MEMBER_B].is_refusing = true;
	world_exchange(client, GET_MAIN, "HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(world_member_counters(world, MEMBER_A).connect_failures, 1);
	assert_int_equal(world_member_counters(world, MEMBER_B).connect_failures, 1);
	assert_int_equal(l7_counters(world->l7)->upstream_failed, 1);
	/* The only member of its pool is not tried twice. */
	world->servers[MEMBER_C].is_refusing = true;
	world_exchange(client, GET_ONE, "HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(world_member_counters(world, MEMBER_C).connect_failures, 1);
	client_free(client);
}

static void answers_504_when_connecting_takes_too_long(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_A].is_silent = true;
	world->servers[MEMBER_B].is_silent = true;
	client_send(client, GET_MAIN);
	assert_true(world_expect(client, "HTTP/1.1 504 Gateway Timeout\r\n", 1500));
	assert_int_equal(l7_counters(world->l7)->upstream_timeout, 1);
	assert_int_equal(world_member_counters(world, MEMBER_A).connect_failures, 1);
	assert_int_equal(world_member_counters(world, MEMBER_B).connect_failures, 1);
	client_free(client);
}

static void answers_504_when_the_answer_takes_too_long(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].is_holding = true;
	client_send(client, GET_ONE);
	world_run(world, 990);
	assert_string_equal(client->received, "");
	assert_true(world_expect(client, "HTTP/1.1 504 Gateway Timeout\r\n", 30));
	assert_int_equal(l7_counters(world->l7)->upstream_timeout, 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).response_failures, 1);
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

struct bad_answer {
	const char *answer;
	enum http_refusal refusal;
};

static void answers_502_for_answers_against_the_rules(void **state)
{
	static const struct bad_answer rows[] = {
		{ "nonsense\r\n\r\n", HTTP_REFUSED_syntax },
		{ "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", HTTP_REFUSED_bare_lf },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
			HTTP_REFUSED_content_length },
		/* We never asked for it. */
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
			HTTP_REFUSED_NOT },
	};
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world->servers[MEMBER_C].answer = rows[i].answer;
		world_exchange(client, GET_ONE, "HTTP/1.1 502 Bad Gateway\r\n");
		if (rows[i].refusal != HTTP_REFUSED_NOT)
			assert_int_equal(l7_refusal_counts(world->l7)[rows[i].refusal], 1);
		assert_int_equal(world_member_counters(world, MEMBER_C).response_failures, i + 1);
	}
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

/* A byte too many is the start of an answer to somebody else: the connection is not used again. */
static void closes_members_that_say_too_much(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C]
		.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n";
	world_exchange(client, GET_ONE, "\r\n\r\nx");
	world_run(world, 5);
	assert_string_equal(strstr(client->received, "\r\n\r\nx"), "\r\n\r\nx");
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_surplus], 1);
	client_free(client);
}

static void answers_502_when_the_member_resets(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].aborts_on_request = 1;
	world_exchange(client, GET_ONE, "HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 0);
	assert_int_equal(world->servers[MEMBER_C].requests, 1);
	world_exchange(client, GET_ONE, "\nC\n");
	client_free(client);
}

static void sends_again_when_a_kept_connection_was_dead(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, GET_ONE, "\nC\n");
	world->servers[MEMBER_C].aborts_on_request = 1;
	world_exchange(client, GET_ONE, "\nC\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).retries, 1);
	assert_int_equal(world->servers[MEMBER_C].accepted, 2);
	/* Once, not twice. */
	world->servers[MEMBER_C].aborts_on_request = 2;
	world_exchange(client, GET_ONE, "HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(world->servers[MEMBER_C].requests, 5);
	client_free(client);
}

/* Its first request on a new connection: the member is not asked again, another one is. */
static void goes_to_another_member_when_one_dies_with_the_request(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_A].aborts_on_request = 1;
	world_exchange(client, GET_MAIN, "\nB\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 1);
	assert_int_equal(world->servers[MEMBER_A].requests, 1);
	assert_int_equal(world->servers[MEMBER_B].requests, 1);
	assert_int_equal(l7_counters(world->l7)->upstream_failed, 0);
	client_free(client);
}

/*
 * A member that dies resets its kept connections, takes one more and resets it, too: the request
 * went out to it twice, and still another member answers.
 */
static void goes_to_another_member_after_a_dead_connection_and_a_broken_one(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	/* Insists on A. */
	world_member(world, MEMBER_A)->weight = 100;
	world_publish(world, false);
	world_exchange(client, GET_MAIN, "\nA\n");
	world->servers[MEMBER_A].aborts_on_request = 2;
	world_exchange(client, GET_MAIN, "\nB\n");
	assert_int_equal(world->servers[MEMBER_A].requests, 3);
	assert_int_equal(l7_counters(world->l7)->upstream_failed, 0);
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 2);
	client_free(client);
}

/* RFC 9110 9.2.2: nobody knows whether the member did it. */
static void never_sends_a_post_again(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, GET_ONE, "\nC\n");
	world->servers[MEMBER_C].aborts_on_request = 1;
	world_exchange(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 0);
	assert_int_equal(world->servers[MEMBER_C].requests, 2);
	/* Nor one of which bytes were taken, whatever its method. */
	world_exchange(client, GET_ONE, "\nC\n");
	world->servers[MEMBER_C].aborts_on_request = 1;
	world_exchange(client, "PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 502 Bad Gateway\r\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 0);
	client_free(client);
}

/* A kept connection that ended while idle is never chosen. */
static void notices_the_end_of_kept_connections(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].closes = true;
	for (unsigned i = 0; i < 3; i++) {
		world_exchange(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
			"\nC\n");
		world_run(world, 5);
	}
	assert_int_equal(world->servers[MEMBER_C].accepted, 3);
	assert_int_equal(l7_counters(world->l7)->upstream_reused, 0);
	client_free(client);
}

static void cuts_the_client_when_the_answer_breaks_off(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
	};
	struct world *world = *state;

	for (unsigned i = 0; i < 4; i++) {
		struct client *client = client_open(world, 80);

		world->servers[MEMBER_C].answer = answers[i % 2];
		world->servers[MEMBER_C].closes = i < 2;
		world->servers[MEMBER_C].aborts = i >= 2;
		client_send(client, GET_ONE);
		world_run(world, 20);
		assert_null(strstr(client->received, "0\r\n\r\n"));
		assert_true(client->is_closed);
		assert_int_equal(client->reason, TCP_CLOSED_RESET);
		assert_int_equal(l7_counters(world->l7)->upstream_failed, i + 1);
		client_free(client);
	}
}

static void gives_up_on_a_member_that_stalls_in_its_answer(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
	client_send(client, GET_ONE);
	world_run(world, 900);
	assert_non_null(strstr(client->received, "abc"));
	assert_false(client->is_closed);
	world_run(world, 200);
	assert_true(client->is_closed);
	assert_int_equal(l7_counters(world->l7)->upstream_timeout, 1);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

static void answers_408_to_slow_heads(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "GET / HTTP/1.1\r\n");
	/* A byte now and then buys no time. */
	for (unsigned i = 0; i < 9; i++) {
		world_run(world, 100);
		client_send(client, "X");
		assert_string_equal(client->received, "");
	}
	assert_true(world_expect(client, "HTTP/1.1 408 Request Timeout\r\n", 200));
	assert_non_null(strstr(client->received, "Connection: close"));
	world_run(world, 5);
	assert_true(client->is_eof);
	assert_int_equal(l7_counters(world->l7)->client_timeout, 1);
	client_free(client);
}

static void closes_idle_connections_without_a_word(void **state)
{
	struct world *world = *state;
	struct client *fresh = client_open(world, 80);
	struct client *kept = client_open(world, 80);

	world_exchange(kept, GET_ONE, "\nC\n");
	client_clear(kept);
	world_run(world, 1200);
	assert_true(fresh->is_eof);
	assert_string_equal(fresh->received, "");
	assert_false(kept->is_eof);
	world_run(world, 4000);
	assert_true(kept->is_eof);
	assert_string_equal(kept->received, "");
	assert_int_equal(l7_counters(world->l7)->client_timeout, 0);
	client_free(fresh);
	client_free(kept);
}

static void answers_408_to_stalled_bodies(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na");
	world_run(world, 1900);
	client_send(client, "b");
	world_run(world, 1900);
	assert_string_equal(client->received, "");
	assert_true(world_expect(client, "HTTP/1.1 408 Request Timeout\r\n", 200));
	assert_int_equal(l7_counters(world->l7)->client_timeout, 1);
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	client_free(client);
}

static void drops_the_members_work_when_the_client_goes(void **state)
{
	static const char *const requests[] = {
		GET_ONE,                                                       /* waiting */
		"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na", /* sending */
	};
	struct world *world = *state;

	world->servers[MEMBER_C].is_holding = true;
	for (unsigned i = 0; i < 2; i++) {
		struct client *client = client_open(world, 80);

		client_send(client, requests[i]);
		world_run(world, 10);
		assert_int_equal(world->servers[MEMBER_C].open, 1);
		client_abort(client);
		world_run(world, 5);
		assert_int_equal(world->servers[MEMBER_C].open, 0);
		assert_int_equal(l7_counters(world->l7)->client_aborted, i + 1);
		assert_int_equal(l7_conn_count(world->l7), 0);
		client_free(client);
	}
}

/* The end of what a client sends is not the end of what it reads. */
static void answers_a_client_that_half_closed(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_run(world, 5);
	client_send(client, GET_ONE);
	tcp_shutdown(client->tcp);
	assert_true(world_expect(client, "\nC\n", 50));
	world_run(world, 5);
	assert_true(client->is_eof);
	client_free(client);
	/* In the middle of a body it is the end. */
	client = client_open(world, 80);
	world_run(world, 5);
	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na");
	tcp_shutdown(client->tcp);
	world_run(world, 10);
	assert_true(client->is_closed);
	assert_int_equal(l7_counters(world->l7)->client_aborted, 1);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

/* An error before the body was read: passed on, and nothing of the body becomes a request. */
static void passes_an_early_answer(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].answers_early = true;
	world->servers[MEMBER_C]
		.answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n";
	world_exchange(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
		"\r\n\r\nno\n");
	assert_non_null(strstr(client->received, "Connection: close\r\n"));
	client_send(client, GET_MAIN);
	world_run(world, 20);
	assert_true(client->is_eof);
	assert_int_equal(l7_counters(world->l7)->requests, 1);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(answers_and_counts_refusals),
		cmocka_unit_test_setup_teardown(
			keeps_to_the_listeners_limits, setup_small, world_teardown),
		WORLD_TEST(answers_503_without_a_member),
		WORLD_TEST(goes_to_another_member_when_one_refuses),
		WORLD_TEST(goes_to_another_member_against_the_balance),
		WORLD_TEST(answers_502_when_nobody_takes_it),
		WORLD_TEST(answers_504_when_connecting_takes_too_long),
		WORLD_TEST(answers_504_when_the_answer_takes_too_long),
		WORLD_TEST(answers_502_for_answers_against_the_rules),
		WORLD_TEST(closes_members_that_say_too_much),
		WORLD_TEST(answers_502_when_the_member_resets),
		WORLD_TEST(sends_again_when_a_kept_connection_was_dead),
		WORLD_TEST(goes_to_another_member_when_one_dies_with_the_request),
		WORLD_TEST(goes_to_another_member_after_a_dead_connection_and_a_broken_one),
		WORLD_TEST(never_sends_a_post_again),
		WORLD_TEST(notices_the_end_of_kept_connections),
		WORLD_TEST(cuts_the_client_when_the_answer_breaks_off),
		WORLD_TEST(gives_up_on_a_member_that_stalls_in_its_answer),
		WORLD_TEST(answers_408_to_slow_heads),
		WORLD_TEST(closes_idle_connections_without_a_word),
		WORLD_TEST(answers_408_to_stalled_bodies),
		WORLD_TEST(drops_the_members_work_when_the_client_goes),
		WORLD_TEST(answers_a_client_that_half_closed),
		WORLD_TEST(passes_an_early_answer),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
