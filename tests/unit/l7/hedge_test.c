/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* Hedges of pool MAIN with its members A, which is asked first, and B. */

#define GET_MAIN "GET /main HTTP/1.1\r\nHost: a\r\n\r\n"
#define BROKEN   "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbad\n"

static struct config_retry *policy(struct world *world)
{
	struct config_retry *retry = &world->pools[POOL_MAIN].retry;

	*retry = (struct config_retry){
		.is_set = true,
		.on = CONFIG_RETRY_CONNECT | CONFIG_RETRY_RESET | CONFIG_RETRY_5XX,
		.attempts = 1,
		.budget_pct = 100,
		.budget_min = 10,
		.buffer_bytes = 20000,
		.hedge = { .is_set = true, .delay_ms = 30, .min_delay_ms = 1, .max = 1 },
	};
	world_member(world, MEMBER_A)->weight = 200;
	world_publish(world, true);
	return retry;
}

static struct pool_counters counters(struct world *world)
{
	return world->set->pools[POOL_MAIN]->identity->cores[0].counters;
}

/* started = won + lost, once nothing is under way. */
static void check_counts(struct world *world, unsigned started, unsigned won)
{
	struct pool_counters sum = counters(world);

	assert_int_equal(sum.hedges, started);
	assert_int_equal(sum.hedges_won, won);
	assert_int_equal(sum.hedges_lost, started - won);
	assert_int_equal(pool_retries_now(world->set->pools[POOL_MAIN]->identity), 0);
	assert_int_equal(pool_requests_now(world->set->pools[POOL_MAIN]->identity), 0);
}

static void who_is_late_is_overtaken(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, GET_MAIN);
	world_run(world, 25);
	assert_int_equal(world->servers[MEMBER_B].requests, 0);
	assert_true(world_expect(client, "\nB\n", 20));
	check_counts(world, 1, 1);
	/* Its connection ends: an answer may still come over it. */
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_A].open, 0);
	assert_int_equal(world_member_counters(world, MEMBER_A).tries_outrun, 1);
	assert_int_equal(world_member_counters(world, MEMBER_A).tries_failed, 0);
	/* The winner's is kept. */
	assert_int_equal(world->servers[MEMBER_B].open, 1);
	world_exchange(client, GET_MAIN, "\nB\n");
	assert_int_equal(world->servers[MEMBER_B].accepted, 1);
	client_free(client);
}

static void who_answers_in_time_is_not(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	for (unsigned i = 0; i < 5; i++)
		world_exchange(client, GET_MAIN, "\nA\n");
	world_run(world, 100);
	check_counts(world, 0, 0);
	assert_int_equal(world->servers[MEMBER_A].accepted, 1);
	client_free(client);
}

/* Also a connection that does not open is overtaken, long before its own time-out. */
static void a_silent_member_is_overtaken(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->servers[MEMBER_A].is_silent = true;
	client_send(client, GET_MAIN);
	assert_true(world_expect(client, "\nB\n", 50));
	check_counts(world, 1, 1);
	client_free(client);
}

/* Whatever becomes of the second one: the first is still waited for, and its late answer taken. */
static void the_hedge_fails_and_the_first_answers(void **state)
{
	static const char *const answers[] = { BROKEN, "HTTP/1.1 200 OK\r\nContent-Le",
		"x\r\n\r\n" };
	struct world *world = *state;
	struct server *a = &world->servers[MEMBER_A];
	struct server *b = &world->servers[MEMBER_B];

	policy(world);
	b->closes = true;
	for (unsigned i = 0; i < RTE_DIM(answers); i++) {
		struct client *client = client_open(world, 80);

		a->is_stuck = true;
		b->answer = answers[i];
		client_send(client, GET_MAIN);
		world_run(world, 40);
		assert_int_equal(client->received_len, 0);
		assert_int_equal(counters(world).hedges_lost, i + 1);
		server_resume(a);
		assert_true(world_expect(client, "\nA\n", 10));
		assert_null(strstr(client->received, "503"));
		check_counts(world, i + 1, 0);
		assert_int_equal(world_member_counters(world, MEMBER_B).tries_failed, i + 1);
		client_free(client);
		world_run(world, 5);
	}
	assert_int_equal(world_service_counters(world).responses_5xx, 0);
}

/* The first fails while the second is asked: the second's answer is taken, without a retry. */
static void the_first_fails_and_the_hedge_answers(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->servers[MEMBER_A].is_stuck = true;
	world->servers[MEMBER_B].is_stuck = true;
	client_send(client, GET_MAIN);
	world_run(world, 40);
	assert_int_equal(counters(world).hedges, 1);
	world->servers[MEMBER_A].aborts_on_request = 1;
	server_resume(&world->servers[MEMBER_A]);
	world_run(world, 5);
	assert_int_equal(client->received_len, 0);
	assert_int_equal(world_member_counters(world, MEMBER_A).tries_failed, 1);
	server_resume(&world->servers[MEMBER_B]);
	assert_true(world_expect(client, "\nB\n", 10));
	assert_int_equal(counters(world).retries_reset, 0);
	check_counts(world, 1, 1);
	client_free(client);
}

/* Both answer in the same turn: the client gets one answer, and the next request its own. */
static void never_both_answers(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	for (unsigned i = 0; i < 4; i++) {
		world->servers[MEMBER_A].is_stuck = true;
		world->servers[MEMBER_B].is_stuck = true;
		client_clear(client);
		client->total = 0;
		client_send(client, GET_MAIN);
		world_run(world, 40);
		assert_int_equal(counters(world).hedges, i + 1);
		server_resume(&world->servers[i % 2 == 0 ? MEMBER_A : MEMBER_B]);
		server_resume(&world->servers[i % 2 == 0 ? MEMBER_B : MEMBER_A]);
		world_run(world, 10);
		assert_non_null(strstr(client->received, "200 OK"));
		assert_null(strstr(strstr(client->received, "200 OK") + 1, "200 OK"));
	}
	assert_int_equal(counters(world).hedges_won + counters(world).hedges_lost, 4);
	client_free(client);
}

static void what_may_not_be_sent_twice_is_not(void **state)
{
	static const char post[] = "POST /main HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, post);
	world_run(world, 100);
	assert_int_equal(counters(world).hedges, 0);
	client_free(client);
	/* Unless the policy says that it may. */
	world->pools[POOL_MAIN].retry.non_idempotent = true;
	client = client_open(world, 80);
	client_send(client, post);
	assert_true(world_expect(client, "\nB\n", 50));
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 3);
	check_counts(world, 1, 1);
	client_free(client);
}

static void bodies_that_are_kept_go_along(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, "PUT /main HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
	client_generate(client, 10000);
	/* The wait counts from the body's end. */
	world_run(world, 100);
	assert_int_equal(counters(world).hedges, 0);
	client_generate(client, 10000);
	assert_true(world_expect(client, "\nB\n", 100));
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 20000);
	assert_int_equal(world->servers[MEMBER_B].body_sum, world->servers[MEMBER_A].body_sum);
	check_counts(world, 1, 1);
	client_clear(client);
	client_send(client,
		"PUT /main HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5000\r\n");
	client_generate(client, 20480);
	world_run(world, 50);
	client_send(client, "\r\n0\r\n\r\n");
	world_run(world, 100);
	assert_int_equal(counters(world).hedges, 1);
	client_free(client);
}

static void the_budget_holds_for_hedges(void **state)
{
	struct world *world = *state;
	struct config_retry *retry = policy(world);
	struct client *clients[4];

	retry->budget_pct = 50;
	retry->budget_min = 0;
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	for (unsigned i = 0; i < RTE_DIM(clients); i++) {
		clients[i] = client_open(world, 80);
		client_send(clients[i], GET_MAIN);
		world_run(world, 5);
	}
	world_run(world, 100);
	assert_int_equal(counters(world).hedges, 2);
	assert_int_equal(counters(world).hedges_refused, 2);
	for (unsigned i = 0; i < RTE_DIM(clients); i++)
		client_free(clients[i]);
	world_run(world, 5);
	check_counts(world, 2, 0);
}

static void nobody_is_left_to_ask(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world_member(world, MEMBER_B)->admin = MEMBER_MAINT;
	world_publish(world, true);
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, GET_MAIN);
	world_run(world, 100);
	assert_int_equal(counters(world).hedges_nobody, 1);
	assert_int_equal(world->servers[MEMBER_A].open, 1);
	client_free(client);
	world_run(world, 5);
	check_counts(world, 0, 0);
}

/* Each try has its own time: the first one's ends, the second's goes on. */
static void each_try_has_its_own_time(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct config_retry *retry = policy(world);

	retry->on |= CONFIG_RETRY_TIMEOUT;
	retry->try_timeout_ms = 50;
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	client_send(client, GET_MAIN);
	world_run(world, 60);
	assert_int_equal(world_member_counters(world, MEMBER_A).tries_failed, 1);
	assert_int_equal(world_member_counters(world, MEMBER_B).tries_failed, 0);
	assert_int_equal(client->received_len, 0);
	/* Nobody is left for a retry. */
	assert_true(world_expect(client, "HTTP/1.1 504 ", 40));
	check_counts(world, 1, 0);
	client_free(client);
}

/* The delay follows what answers take. */
static void a_percentile_is_the_delay(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct config_hedge *hedge = &policy(world)->hedge;

	hedge->percentile = 95;
	hedge->delay_ms = 1000;
	for (unsigned i = 0; i < 120; i++)
		world_exchange(client, GET_MAIN, "\r\n\r\n");
	assert_int_equal(counters(world).hedges, 0);
	world->servers[MEMBER_A].is_holding = true;
	client_clear(client);
	client_send(client, GET_MAIN);
	assert_true(world_expect(client, "\nB\n", 10));
	check_counts(world, 1, 1);
	client_free(client);
}

static void streams_of_http2_members_are_reset(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	policy(world);
	world->pools[POOL_MAIN].protocol = CONFIG_PROTOCOL_H2;
	world->servers[MEMBER_A].is_h2 = true;
	world->servers[MEMBER_B].is_h2 = true;
	world->servers[MEMBER_A].is_holding = true;
	client_send(client, "PUT /main HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	assert_true(world_expect(client, "\nB\n", 200));
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_A].resets, 1);
	/* The connection had shown signs of life: it stays. */
	assert_int_equal(world->servers[MEMBER_A].open, 1);
	assert_int_equal(world->servers[MEMBER_B].body_bytes, 3);
	check_counts(world, 1, 1);
	client_free(client);
}

/* The client leaves, or a new configuration comes, while two tries are under way. */
static void races_end_in_order(void **state)
{
	struct world *world = *state;
	struct client *clients[2] = { client_open(world, 80), client_open(world, 80) };

	policy(world);
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	for (unsigned i = 0; i < 2; i++)
		client_send(clients[i], GET_MAIN);
	world_run(world, 40);
	assert_int_equal(counters(world).hedges, 2);
	assert_int_equal(world->servers[MEMBER_B].requests, 2);
	client_abort(clients[0]);
	world_publish(world, true);
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_A].open, 1);
	assert_int_equal(world->servers[MEMBER_B].open, 1);
	client_free(clients[0]);
	client_free(clients[1]);
	world_run(world, 5);
	check_counts(world, 2, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_is_late_is_overtaken),
		WORLD_TEST(who_answers_in_time_is_not),
		WORLD_TEST(a_silent_member_is_overtaken),
		WORLD_TEST(the_hedge_fails_and_the_first_answers),
		WORLD_TEST(the_first_fails_and_the_hedge_answers),
		WORLD_TEST(never_both_answers),
		WORLD_TEST(what_may_not_be_sent_twice_is_not),
		WORLD_TEST(bodies_that_are_kept_go_along),
		WORLD_TEST(the_budget_holds_for_hedges),
		WORLD_TEST(nobody_is_left_to_ask),
		WORLD_TEST(each_try_has_its_own_time),
		WORLD_TEST(a_percentile_is_the_delay),
		WORLD_TEST(streams_of_http2_members_are_reset),
		WORLD_TEST(races_end_in_order),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
