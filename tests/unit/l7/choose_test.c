/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

/* Which pool and which member: by what the request has, by weights, and when members are away. */

#define USERS 40

/* The member's letter, or 0. */
static char ask(struct client *client, const char *request)
{
	world_exchange(client, request, "HTTP/1.1 200 ");
	return strstr(client->received, "\r\n\r\n")[4];
}

static char ask_as(struct client *client, unsigned user, const char *path)
{
	char request[128];

	snprintf(request, sizeof(request),
		"GET %s?u=q%u HTTP/1.1\r\nHost: a\r\nX-User: h%u\r\nCookie: t=1; user=c%u\r\n\r\n",
		path, user, user, user);
	return ask(client, request);
}

static void hash_by(struct world *world, enum config_balance balance,
	enum config_attribute_kind kind, const char *name)
{
	world->pools[POOL_MAIN].balance = balance;
	world->pools[POOL_MAIN].hash_on = (struct config_attribute){ .kind = kind, .name = name };
	world_publish(world, true);
}

/* Each user has one member, over all connections, and users have both. */
static void requests_are_hashed_by_what_they_have(void **state)
{
	static const struct {
		enum config_balance balance;
		enum config_attribute_kind kind;
		const char *name;
	} rows[] = {
		{ CONFIG_BALANCE_MAGLEV, CONFIG_ATTRIBUTE_HEADER, "x-user" },
		{ CONFIG_BALANCE_RING_HASH, CONFIG_ATTRIBUTE_COOKIE, "user" },
		{ CONFIG_BALANCE_SOURCE_HASH, CONFIG_ATTRIBUTE_QUERY, "u" },
	};
	struct world *world = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client *first, *second;
		unsigned at_a = 0;

		hash_by(world, rows[i].balance, rows[i].kind, rows[i].name);
		first = client_open(world, 80);
		second = client_open(world, 80);
		for (unsigned user = 0; user < USERS; user++) {
			char member = ask_as(first, user, "/main");

			assert_int_equal(ask_as(second, user, "/main"), member);
			at_a += member == 'A';
		}
		assert_in_range(at_a, USERS / 5, USERS - USERS / 5);
		client_free(first);
		client_free(second);
	}
}

static void a_path_and_an_address_tell_requests_apart(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	unsigned at_a = 0;
	char member;

	hash_by(world, CONFIG_BALANCE_MAGLEV, CONFIG_ATTRIBUTE_PATH, NULL);
	for (unsigned i = 0; i < USERS; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/main/%u", i);
		member = ask_as(client, i, path);
		assert_int_equal(ask_as(client, i + 1, path), member);
		at_a += member == 'A';
	}
	assert_in_range(at_a, USERS / 5, USERS - USERS / 5);
	hash_by(world, CONFIG_BALANCE_MAGLEV, CONFIG_ATTRIBUTE_SOURCE, NULL);
	member = ask_as(client, 0, "/main");
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask_as(client, i, "/main"), member);
	/* Without the attribute: by the connection, as without hash_on. */
	hash_by(world, CONFIG_BALANCE_MAGLEV, CONFIG_ATTRIBUTE_HEADER, "x-none");
	member = ask_as(client, 0, "/main");
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask_as(client, i, "/main"), member);
	client_free(client);
}

static struct config_split splits[2] = {
	{ .pool = POOL_MAIN, .weight = 80 },
	{ .pool = POOL_OTHER, .weight = 20 },
};

static void split(struct world *world)
{
	world->routes[0] = (struct config_l7_route){ .name = "canary",
		.path = "/main",
		.pool = UINT32_MAX,
		.splits = splits,
		.split_count = 2,
		.split_by = { .kind = CONFIG_ATTRIBUTE_COOKIE, .name = "user" } };
	world_publish(world, true);
}

/* When a weight grows, users come to its pool, and none leaves it. */
static void a_split_keeps_its_users(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	bool was_other[USERS];
	unsigned others = 0, more = 0;

	split(world);
	for (unsigned user = 0; user < USERS; user++) {
		was_other[user] = ask_as(client, user, "/main") == 'C';
		others += was_other[user];
		assert_int_equal(ask_as(client, user, "/main") == 'C', was_other[user]);
	}
	assert_in_range(others, 1, USERS / 2);
	l7_split_set(world->listeners[0], 0, 50);
	l7_split_set(world->listeners[0], 1, 50);
	for (unsigned user = 0; user < USERS; user++) {
		bool is_other = ask_as(client, user, "/main") == 'C';

		assert_true(is_other || !was_other[user]);
		more += is_other;
	}
	assert_in_range(more, others + 1, USERS - 5);
	/* All at once, and back. */
	l7_split_set(world->listeners[0], 0, 0);
	for (unsigned user = 0; user < USERS; user++)
		assert_int_equal(ask_as(client, user, "/main"), 'C');
	client_free(client);
}

static void splits_are_listed_by_route(void **state)
{
	struct world *world = *state;
	struct l7_split row;

	split(world);
	assert_true(l7_split_at(world->listeners[0], 1, &row));
	assert_string_equal(row.route, "canary");
	assert_int_equal(row.pool, POOL_OTHER);
	assert_int_equal(row.weight, 20);
	l7_split_set(world->listeners[0], 1, 7);
	assert_true(l7_split_at(world->listeners[0], 1, &row));
	assert_int_equal(row.weight, 7);
	assert_int_equal(row.file_weight, 20);
	assert_false(l7_split_at(world->listeners[0], 2, &row));
	/* Another configuration: the file's again. */
	world->routes[0].name = NULL;
	world_publish(world, true);
	assert_true(l7_split_at(world->listeners[0], 1, &row));
	assert_string_equal(row.route, "#1");
	assert_int_equal(row.weight, 20);
}

static void the_fallback_takes_over(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->routes[0].has_fallback = true;
	world->routes[0].fallback = POOL_OTHER;
	world_publish(world, true);
	assert_int_not_equal(ask_as(client, 0, "/main"), 'C');
	world_member(world, MEMBER_A)->health = MEMBER_DOWN;
	world_member(world, MEMBER_B)->admin = MEMBER_MAINT;
	world_publish(world, false);
	assert_int_equal(ask_as(client, 0, "/main"), 'C');
	client_free(client);
}

/* B is a spare: it gets nothing, until A is away, or has failed this very request. */
static void a_spare_waits_for_its_turn(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->members[MEMBER_B].tier = 1;
	world_publish(world, true);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask_as(client, i, "/main"), 'A');
	world->servers[MEMBER_A].aborts_on_request = 2;
	assert_int_equal(ask_as(client, 0, "/main"), 'B');
	assert_int_equal(ask_as(client, 0, "/main"), 'A');
	world_member(world, MEMBER_A)->health = MEMBER_DOWN;
	world_publish(world, false);
	assert_int_equal(ask_as(client, 0, "/main"), 'B');
	client_free(client);
}

static const struct config_sticky sticky = {
	.is_set = true,
	.http_only = true,
	.cookie = "srv",
	.path = "/",
	.key = { .k0 = 7, .k1 = 8 },
};

/* The value of our own Set-Cookie as a request has it, or "". */
static void cookie_take(struct client *client, char cookie[64])
{
	const char *line = strstr(client->received, "Set-Cookie: srv=");

	cookie[0] = '\0';
	if (line != NULL)
		snprintf(cookie, 64, "%.*s", (int)strcspn(line + 12, ";"), line + 12);
}

static char ask_with(struct client *client, const char *cookie)
{
	char request[256];

	snprintf(request, sizeof(request),
		"GET /main HTTP/1.1\r\nHost: a\r\nCookie: x=y; %s\r\n\r\n", cookie);
	return ask(client, request);
}

static void a_cookie_leads_back_to_the_member(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char first[64], second[64], none[64];

	world->pools[POOL_MAIN].sticky = sticky;
	world_publish(world, true);
	world->servers[MEMBER_B]
		.answer = "HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nContent-Length: 2\r\n\r\nB\n";
	while (ask_with(client, "srv=") != 'B')
		;
	/* The member's own cookie passes beside ours. */
	assert_non_null(strstr(client->received, "Set-Cookie: own=1\r\n"));
	assert_non_null(strstr(client->received, "; Path=/; SameSite=Lax; HttpOnly\r\n"));
	cookie_take(client, first);
	assert_int_equal(strlen(first), strlen("srv=") + 32);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(ask_with(client, first), 'B');
		cookie_take(client, none);
		assert_string_equal(none, "");
	}
	/* The same member, and another cookie: nobody can tell who shares one. */
	while (ask_with(client, "srv=") != 'B')
		;
	cookie_take(client, second);
	assert_string_not_equal(first, second);
	assert_int_equal(ask_with(client, second), 'B');
	/* One digit changed: it is no cookie of ours. */
	for (unsigned i = 4; i < 36; i++) {
		char forged[64];

		strcpy(forged, first);
		forged[i] = forged[i] == 'A' ? 'B' : 'A';
		ask_with(client, forged);
		assert_non_null(strstr(client->received, "Set-Cookie: srv="));
	}
	client_free(client);
}

/* Drained members keep who has them; those in maintenance or down do not. */
static void cookies_hold_as_long_as_their_member(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char cookie[64], next[64];

	world->pools[POOL_MAIN].sticky = sticky;
	world_publish(world, true);
	while (ask_with(client, "srv=") != 'B')
		;
	cookie_take(client, cookie);
	world_member(world, MEMBER_B)->admin = MEMBER_DRAIN;
	world_publish(world, false);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask_with(client, "srv="), 'A');
		assert_int_equal(ask_with(client, cookie), 'B');
	}
	world_member(world, MEMBER_B)->admin = MEMBER_MAINT;
	world_publish(world, false);
	assert_int_equal(ask_with(client, cookie), 'A');
	cookie_take(client, next);
	assert_string_not_equal(next, "");
	world_member(world, MEMBER_B)->admin = MEMBER_READY;
	world_publish(world, false);
	assert_int_equal(ask_with(client, cookie), 'B');
	assert_int_equal(ask_with(client, next), 'A');
	/* It fails the request: another one answers, and takes the client. */
	world->servers[MEMBER_B].aborts_on_request = 2;
	assert_int_equal(ask_with(client, cookie), 'A');
	cookie_take(client, next);
	assert_string_not_equal(next, "");
	client_free(client);
}

static struct pool_counters pool_counters(struct world *world, enum world_pool pool)
{
	return world->set->pools[pool]->identity->cores[0].counters;
}

static void mirror(struct world *world, unsigned pct)
{
	world->routes[0].mirror = (struct config_mirror){
		.is_set = true, .pool = POOL_OTHER, .pct = pct
	};
	world_publish(world, true);
}

/* The other pool gets the same request, and its answer is nobody's. */
static void copies_go_to_the_mirror(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *c = &world->servers[MEMBER_C];

	mirror(world, 100);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_not_equal(ask_as(client, i, "/main"), 'C');
		world_run(world, 5);
	}
	assert_int_equal(c->requests, 5);
	assert_memory_equal(c->head, "GET /main?u=q4 HTTP/1.1\r\n", 25);
	assert_non_null(strstr(c->head, "X-User: h4\r\n"));
	assert_non_null(strstr(c->head, "\r\nConnection: close\r\n\r\n"));
	/* What has a body stays alone. */
	world_exchange(client, "POST /main HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 ");
	assert_int_equal(c->requests, 5);
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors, 5);
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors_dropped, 1);
	client_free(client);
}

static void a_mirror_delays_nobody(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	mirror(world, 100);
	world->servers[MEMBER_C].is_holding = true;
	for (unsigned i = 0; i < 300; i++)
		assert_int_not_equal(ask_as(client, i, "/main"), 'C');
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors, 256);
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors_dropped, 44);
	/* They end in time, and others have room again. */
	world_run(world, 1100);
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors_done, 256);
	world->servers[MEMBER_C].is_refusing = true;
	ask_as(client, 0, "/main");
	world_run(world, 10);
	assert_int_equal(pool_counters(world, POOL_OTHER).mirrors_done, 257);
	world->servers[MEMBER_C].is_silent = true;
	world->servers[MEMBER_C].is_refusing = false;
	ask_as(client, 0, "/main");
	client_free(client);
}

static void a_share_is_copied(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	mirror(world, 30);
	for (unsigned i = 0; i < 200; i++)
		ask_as(client, i, "/main");
	assert_in_range(pool_counters(world, POOL_OTHER).mirrors, 30, 90);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(requests_are_hashed_by_what_they_have),
		WORLD_TEST(a_path_and_an_address_tell_requests_apart),
		WORLD_TEST(a_split_keeps_its_users),
		WORLD_TEST(splits_are_listed_by_route),
		WORLD_TEST(the_fallback_takes_over),
		WORLD_TEST(a_spare_waits_for_its_turn),
		WORLD_TEST(copies_go_to_the_mirror),
		WORLD_TEST(a_mirror_delays_nobody),
		WORLD_TEST(a_share_is_copied),
		WORLD_TEST(a_cookie_leads_back_to_the_member),
		WORLD_TEST(cookies_hold_as_long_as_their_member),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
