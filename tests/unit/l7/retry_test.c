/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* Retries by policy, limits and queues, of pool MAIN with its members A and B. */

#define GET_MAIN "GET /main HTTP/1.1\r\nHost: a\r\n\r\n"
#define BROKEN   "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbad\n"

static struct config_retry *policy(struct world *world)
{
	struct config_retry *retry = &world->pools[POOL_MAIN].retry;

	*retry = (struct config_retry){
		.is_set = true,
		.on = CONFIG_RETRY_CONNECT | CONFIG_RETRY_RESET | CONFIG_RETRY_TIMEOUT |
			CONFIG_RETRY_5XX,
		.attempts = 2,
		.try_timeout_ms = 50,
		.budget_pct = 100,
		.budget_min = 10,
		.buffer_bytes = 20000,
	};
	return retry;
}

/* B weighs next to nothing: the first try goes to A. */
static void prefer_a(struct world *world)
{
	world_member(world, MEMBER_A)->weight = 200;
	world_publish(world, true);
}

static struct pool_counters counters(struct world *world)
{
	return world->set->pools[POOL_MAIN]->identity->cores[0].counters;
}

static void a_bad_status_goes_to_another_member(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	prefer_a(world);
	world->servers[MEMBER_A].answer = BROKEN;
	world_exchange(client, GET_MAIN, "\nB\n");
	assert_null(strstr(client->received, "503"));
	assert_int_equal(counters(world).retries, 1);
	assert_int_equal(counters(world).retries_status, 1);
	assert_int_equal(counters(world).retries_good, 1);
	assert_int_equal(world_member_counters(world, MEMBER_A).responses_5xx, 1);
	assert_int_equal(world_member_counters(world, MEMBER_A).tries_failed, 1);
	assert_int_equal(world_service_counters(world).responses_5xx, 0);
	/* With nobody left to ask, the answer that is there is passed on. */
	world->servers[MEMBER_B].answer = BROKEN;
	world_exchange(client, GET_MAIN, "\r\n\r\nbad\n");
	assert_int_equal(world_service_counters(world).responses_5xx, 1);
	client_free(client);
}

static void only_listed_statuses_are_sent_again(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct config_retry *retry = policy(world);

	retry->on = CONFIG_RETRY_RESET;
	retry->statuses[0] = 404;
	retry->status_count = 1;
	prefer_a(world);
	world->servers[MEMBER_A].answer = BROKEN;
	world_exchange(client, GET_MAIN, "HTTP/1.1 503 ");
	world->servers[MEMBER_A].answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	world_exchange(client, GET_MAIN, "\nB\n");
	client_free(client);
}

static void a_member_that_hangs_is_left_in_time(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	prefer_a(world);
	world->servers[MEMBER_A].is_holding = true;
	world_exchange(client, GET_MAIN, "\nB\n");
	assert_int_equal(counters(world).retries_timeout, 1);
	assert_int_equal(l7_counters(world->l7)->upstream_timeout, 0);
	/* Both hang: 504, once the tries are spent. */
	world->servers[MEMBER_B].is_holding = true;
	client_clear(client);
	client_send(client, GET_MAIN);
	assert_true(world_expect(client, "HTTP/1.1 504 ", 300));
	client_free(client);
}

static void what_is_not_idempotent_is_never_sent_twice(void **state)
{
	static const char post[] = "POST /main HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct config_retry *retry = policy(world);

	prefer_a(world);
	world->servers[MEMBER_A].answer = BROKEN;
	world_exchange(client, post, "HTTP/1.1 503 ");
	assert_int_equal(counters(world).retries, 0);
	assert_int_equal(counters(world).retries_unsafe, 1);
	/* Unless that is said to be fine: the body goes with it. */
	retry->non_idempotent = true;
	world_exchange(client, post, "\nB\n");
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 3);
	client_free(client);
	/* What never reached a member may go to the next in any case. */
	retry->non_idempotent = false;
	world->servers[MEMBER_A].is_refusing = true;
	client = client_open(world, 80);
	world_run(world, 5000);
	client_free(client);
	client = client_open(world, 80);
	world_exchange(client, post, "\nB\n");
	client_free(client);
}

/* 20000 bytes are kept, a byte more is not. */
static void bodies_are_kept_up_to_their_bound(void **state)
{
	struct world *world = *state;
	struct server *a = &world->servers[MEMBER_A];
	struct server *b = &world->servers[MEMBER_B];
	struct client *client = client_open(world, 80);
	uint64_t whole;

	policy(world);
	prefer_a(world);
	a->answer = BROKEN;
	client_send(client, "PUT /main HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
	client_generate(client, 20000);
	assert_true(world_expect(client, "\nB\n", 200));
	assert_int_equal(a->body_bytes, 20000);
	assert_int_equal(b->body_bytes, 20000);
	assert_int_equal(a->body_sum, b->body_sum);
	whole = b->requests;
	client_clear(client);
	client_send(client, "PUT /main HTTP/1.1\r\nHost: a\r\nContent-Length: 20001\r\n\r\n");
	client_generate(client, 20001);
	assert_true(world_expect(client, "HTTP/1.1 503 ", 200));
	assert_int_equal(b->requests, whole);
	client_free(client);
}

/* The member breaks off in the middle of a body of unknown length: it goes on elsewhere. */
static void a_body_goes_on_where_the_next_member_takes_it(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world)->try_timeout_ms = 0;
	world->pools[POOL_MAIN].retry.on = CONFIG_RETRY_RESET;
	prefer_a(world);
	world->servers[MEMBER_A].is_stuck = true;
	client_send(client,
		"PUT /main HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	world_run(world, 5);
	world->servers[MEMBER_A].is_stuck = false;
	world->servers[MEMBER_A].aborts_on_request = 1;
	client_send(client, "2\r\nde\r\n0\r\n\r\n");
	assert_true(world_expect(client, "\nB\n", 200));
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 5);
	client_free(client);
}

static void the_budget_ends_retries(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct config_retry *retry = policy(world);

	retry->budget_pct = 50;
	retry->budget_min = 0;
	prefer_a(world);
	world->servers[MEMBER_A].answer = BROKEN;
	for (unsigned i = 0; i < 10; i++) {
		client_clear(client);
		client_send(client, GET_MAIN);
		assert_true(world_expect(client, "\r\n\r\n", 100));
		world_run(world, 2);
	}
	/* Every second one. */
	assert_int_equal(counters(world).retries, 5);
	assert_int_equal(counters(world).limit_budget, 5);
	client_free(client);
}

static void retries_have_a_limit(void **state)
{
	struct world *world = *state;
	struct client *clients[2] = { client_open(world, 80), client_open(world, 80) };

	policy(world)->on = CONFIG_RETRY_5XX;
	world->pools[POOL_MAIN].limits.retries = 1;
	prefer_a(world);
	world->servers[MEMBER_A].answer = BROKEN;
	world->servers[MEMBER_B].is_holding = true;
	client_send(clients[0], GET_MAIN);
	world_run(world, 5);
	client_send(clients[1], GET_MAIN);
	assert_true(world_expect(clients[1], "HTTP/1.1 503 ", 20));
	assert_int_equal(counters(world).limit_retries, 1);
	client_free(clients[0]);
	client_free(clients[1]);
}

static void streams_of_http2_members_are_sent_again(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->pools[POOL_MAIN].protocol = CONFIG_PROTOCOL_H2;
	world->servers[MEMBER_A].is_h2 = true;
	world->servers[MEMBER_B].is_h2 = true;
	prefer_a(world);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, "PUT /main HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	assert_true(world_expect(client, "\nB\n", 200));
	assert_int_equal(world->servers[MEMBER_A].resets, 1);
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 3);
	client_free(client);
}

static struct client *busy(struct world *world)
{
	struct client *client = client_open(world, 80);

	client_send(client, GET_MAIN);
	world_run(world, 5);
	return client;
}

static void who_finds_no_room_waits_for_it(void **state)
{
	struct world *world = *state;
	struct client *held[2], *waiting, *refused;

	world->pools[POOL_MAIN].limits = (struct config_pool_limits){
		.member_requests = 1, .queue = 1, .queue_ms = 100
	};
	world_publish(world, true);
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	held[0] = busy(world);
	held[1] = busy(world);
	assert_int_equal(world->servers[MEMBER_A].requests, 1);
	assert_int_equal(world->servers[MEMBER_B].requests, 1);
	waiting = busy(world);
	assert_int_equal(pool_queued_now(world->set->pools[POOL_MAIN]->identity), 1);
	/* More may not wait. */
	refused = busy(world);
	assert_non_null(strstr(refused->received, "HTTP/1.1 503 "));
	assert_int_equal(counters(world).queue_full, 1);
	/* A place becomes free. */
	world->servers[MEMBER_A].is_holding = false;
	world->servers[MEMBER_B].is_holding = false;
	client_abort(held[0]);
	assert_true(world_expect(waiting, "HTTP/1.1 200 ", 20));
	assert_int_equal(pool_queued_now(world->set->pools[POOL_MAIN]->identity), 0);
	client_free(held[0]);
	client_free(held[1]);
	client_free(waiting);
	client_free(refused);
}

static void waiting_ends_in_time(void **state)
{
	struct world *world = *state;
	struct client *held, *waiting, *leaving;

	world->pools[POOL_MAIN].limits = (struct config_pool_limits){
		.requests = 1, .queue = 2, .queue_ms = 100
	};
	world_publish(world, true);
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	held = busy(world);
	waiting = busy(world);
	leaving = busy(world);
	client_abort(leaving);
	world_run(world, 5);
	assert_int_equal(pool_queued_now(world->set->pools[POOL_MAIN]->identity), 1);
	assert_true(world_expect(waiting, "HTTP/1.1 503 ", 150));
	assert_int_equal(counters(world).queue_timeout, 1);
	/* The next one is answered at once again. */
	client_abort(held);
	world_run(world, 5);
	world->servers[MEMBER_A].is_holding = false;
	world->servers[MEMBER_B].is_holding = false;
	world_exchange(waiting, GET_MAIN, "HTTP/1.1 200 ");
	client_free(held);
	client_free(waiting);
	client_free(leaving);
}

/* A kept connection is used again; what would need another one is turned away. */
static void connections_have_a_limit(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct client *second, *third;

	world->pools[POOL_MAIN].limits = (struct config_pool_limits){ .connections = 4 };
	world->pools[POOL_MAIN].limits.member_connections = 2;
	world_member(world, MEMBER_B)->admin = MEMBER_MAINT;
	world_publish(world, true);
	for (unsigned i = 0; i < 3; i++)
		world_exchange(client, GET_MAIN, "\nA\n");
	assert_int_equal(world->servers[MEMBER_A].accepted, 1);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, GET_MAIN);
	second = busy(world);
	client_clear(second);
	assert_int_equal(world_member_counters(world, MEMBER_A).conns_opened, 2);
	client_free(client);
	client = busy(world);
	assert_null(strstr(client->received, "HTTP/1.1 503 "));
	third = busy(world);
	assert_non_null(strstr(third->received, "HTTP/1.1 503 "));
	assert_int_equal(counters(world).queue_full, 1);
	assert_true(counters(world).limit_connections > 0);
	client_free(third);
	client_free(second);
	client_free(client);
}

/* A new configuration decides anew over those that wait. */
static void a_reload_lets_go_of_those_that_wait(void **state)
{
	struct world *world = *state;
	struct client *held, *waiting;

	world->pools[POOL_MAIN].limits = (struct config_pool_limits){
		.requests = 1, .queue = 2, .queue_ms = 1000
	};
	world_publish(world, true);
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	held = busy(world);
	waiting = busy(world);
	world->servers[MEMBER_A].is_holding = false;
	world->servers[MEMBER_B].is_holding = false;
	world->pools[POOL_MAIN].limits.requests = 0;
	world_publish(world, true);
	assert_true(world_expect(waiting, "HTTP/1.1 200 ", 20));
	client_free(held);
	client_free(waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_bad_status_goes_to_another_member),
		WORLD_TEST(only_listed_statuses_are_sent_again),
		WORLD_TEST(a_member_that_hangs_is_left_in_time),
		WORLD_TEST(what_is_not_idempotent_is_never_sent_twice),
		WORLD_TEST(bodies_are_kept_up_to_their_bound),
		WORLD_TEST(a_body_goes_on_where_the_next_member_takes_it),
		WORLD_TEST(the_budget_ends_retries),
		WORLD_TEST(retries_have_a_limit),
		WORLD_TEST(streams_of_http2_members_are_sent_again),
		WORLD_TEST(who_finds_no_room_waits_for_it),
		WORLD_TEST(waiting_ends_in_time),
		WORLD_TEST(connections_have_a_limit),
		WORLD_TEST(a_reload_lets_go_of_those_that_wait),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
