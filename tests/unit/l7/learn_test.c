/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

/* Sessions of the application's own, with pool MAIN and its members A and B. */

#define LOGIN "GET /main HTTP/1.1\r\nHost: a\r\n\r\n"

static void learn(struct world *world, enum config_attribute_kind kind, const char *name,
	enum config_learn_from from)
{
	world->pools[POOL_MAIN].sticky = (struct config_sticky){
		.is_set = true,
		.learn = { .is_set = true,
			.key = { .kind = kind, .name = name },
			.from = from,
			.entries = 64,
			.expire_s = 60 },
	};
	world_publish(world, true);
}

static struct pool_counters counters(struct world *world)
{
	return world->set->pools[POOL_MAIN]->identity->cores[0].counters;
}

/* The member's letter. */
static char ask(struct world *world, const char *request)
{
	struct client *client = client_open(world, 80);
	char letter;

	world_exchange(client, request, "HTTP/1.1 200 ");
	letter = strstr(client->received, "\r\n\r\n")[4];
	client_free(client);
	return letter;
}

static void all_ask(struct world *world, const char *request, char letter)
{
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(ask(world, request), letter);
}

/* Each member gives out a session of its own. */
static void members_give(struct world *world, const char *field_a, const char *field_b)
{
	static char answers[2][256];

	snprintf(answers[0], sizeof(answers[0]),
		"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 2\r\n\r\nA\n", field_a);
	snprintf(answers[1], sizeof(answers[1]),
		"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 2\r\n\r\nB\n", field_b);
	world->servers[MEMBER_A].answer = answers[0];
	world->servers[MEMBER_B].answer = answers[1];
}

static void log_in_at_both(struct world *world)
{
	bool seen[2] = { false, false };

	for (unsigned i = 0; i < 100 && !(seen[0] && seen[1]); i++)
		seen[ask(world, LOGIN) - 'A'] = true;
	assert_true(seen[0] && seen[1]);
	world->servers[MEMBER_A].answer = NULL;
	world->servers[MEMBER_B].answer = NULL;
}

static void cookies_of_answers_are_learned(void **state)
{
	static const char with_a[] =
		"GET /main HTTP/1.1\r\nHost: a\r\nCookie: x=1; sid=aaa\r\n\r\n";
	static const char with_b[] =
		"GET /main HTTP/1.1\r\nHost: a\r\nCookie: sid=bbb; y=2\r\n\r\n";
	struct world *world = *state;

	learn(world, CONFIG_ATTRIBUTE_COOKIE, "sid", CONFIG_LEARN_ANSWER);
	members_give(world, "Set-Cookie: other=1\r\nset-cookie: sid=aaa; Path=/; HttpOnly",
		"Set-Cookie: sidx=9\r\nSet-Cookie: sid=bbb");
	log_in_at_both(world);
	all_ask(world, with_a, 'A');
	all_ask(world, with_b, 'B');
	assert_int_equal(counters(world).sessions_found, 24);
	/* A reload keeps them, also with a table of another size. */
	world_publish(world, true);
	all_ask(world, with_a, 'A');
	world->pools[POOL_MAIN].sticky.learn.entries = 1000;
	world_publish(world, true);
	all_ask(world, with_a, 'A');
	all_ask(world, with_b, 'B');
}

static void drains_keep_sessions_and_downs_do_not(void **state)
{
	static const char with_a[] = "GET /main HTTP/1.1\r\nHost: a\r\nCookie: sid=aaa\r\n\r\n";
	struct world *world = *state;

	learn(world, CONFIG_ATTRIBUTE_COOKIE, "sid", CONFIG_LEARN_ANSWER);
	members_give(world, "Set-Cookie: sid=aaa", "Set-Cookie: sid=bbb");
	log_in_at_both(world);
	world_member(world, MEMBER_A)->admin = MEMBER_DRAIN;
	world_publish(world, false);
	all_ask(world, with_a, 'A');
	all_ask(world, LOGIN, 'B');
	/* Away: the other takes it over, and keeps it. */
	world_member(world, MEMBER_A)->admin = MEMBER_READY;
	world_member(world, MEMBER_A)->health = MEMBER_DOWN;
	world_publish(world, false);
	all_ask(world, with_a, 'B');
	assert_int_equal(counters(world).sessions_moved, 1);
	world_member(world, MEMBER_A)->health = MEMBER_UP;
	world_publish(world, false);
	all_ask(world, with_a, 'B');
}

/* What no member gave out is not remembered: clients cannot fill the table. */
static void made_up_sessions_are_none(void **state)
{
	struct world *world = *state;
	char request[128];

	learn(world, CONFIG_ATTRIBUTE_COOKIE, "sid", CONFIG_LEARN_ANSWER);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(request, sizeof(request),
			"GET /main HTTP/1.1\r\nHost: a\r\nCookie: sid=forged%u\r\n\r\n", i);
		ask(world, request);
	}
	assert_int_equal(counters(world).sessions_learned, 0);
	/* Nor is an empty one. */
	members_give(world, "Set-Cookie: sid=; Max-Age=0", "Set-Cookie: sid=; Max-Age=0");
	ask(world, LOGIN);
	assert_int_equal(counters(world).sessions_learned, 0);
}

static void header_fields_are_learned(void **state)
{
	static const char with_a[] = "GET /main HTTP/1.1\r\nHost: a\r\nX-Session: one\r\n\r\n";
	struct world *world = *state;

	learn(world, CONFIG_ATTRIBUTE_HEADER, "x-session", CONFIG_LEARN_ANSWER);
	members_give(world, "X-Session: one", "X-Session: two");
	log_in_at_both(world);
	all_ask(world, with_a, 'A');
}

/* Who answers a user first has that user from then on. */
static void values_of_requests_are_learned(void **state)
{
	struct world *world = *state;
	unsigned at_a = 0;

	learn(world, CONFIG_ATTRIBUTE_HEADER, "x-user", CONFIG_LEARN_REQUEST);
	for (unsigned user = 0; user < 16; user++) {
		char request[128], first;

		snprintf(request, sizeof(request),
			"GET /main HTTP/1.1\r\nHost: a\r\nX-User: u%u\r\n\r\n", user);
		first = ask(world, request);
		at_a += first == 'A';
		all_ask(world, request, first);
	}
	assert_true(at_a > 0 && at_a < 16);
	assert_int_equal(counters(world).sessions_learned, 16);
}

/* A session that is held to its member has no hedge. */
static void sessions_have_no_hedge(void **state)
{
	static const char with_a[] = "GET /main HTTP/1.1\r\nHost: a\r\nCookie: sid=aaa\r\n\r\n";
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	learn(world, CONFIG_ATTRIBUTE_COOKIE, "sid", CONFIG_LEARN_ANSWER);
	world->pools[POOL_MAIN].retry = (struct config_retry){ .is_set = true,
		.on = CONFIG_RETRY_RESET,
		.attempts = 1,
		.budget_pct = 100,
		.budget_min = 10,
		.hedge = { .is_set = true, .delay_ms = 5, .min_delay_ms = 1, .max = 1 } };
	members_give(world, "Set-Cookie: sid=aaa", "Set-Cookie: sid=bbb");
	log_in_at_both(world);
	world->servers[MEMBER_A].is_stuck = true;
	client_send(client, with_a);
	world_run(world, 50);
	assert_int_equal(counters(world).hedges, 0);
	server_resume(&world->servers[MEMBER_A]);
	assert_true(world_expect(client, "\nA\n", 10));
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(cookies_of_answers_are_learned),
		WORLD_TEST(drains_keep_sessions_and_downs_do_not),
		WORLD_TEST(made_up_sessions_are_none),
		WORLD_TEST(header_fields_are_learned),
		WORLD_TEST(values_of_requests_are_learned),
		WORLD_TEST(sessions_have_no_hedge),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
