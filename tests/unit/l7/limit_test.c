/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* Limits of routes, and faults on purpose. */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void answers_above_a_rate_until_tokens_are_back(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_routes_load(
		world, "{'pool':'other','limits':{'rates':[{'requests':2,'period_ms':1000}]}}");
	world_exchange(client, GET("/"), "\nC\n");
	world_exchange(client, GET("/"), "\nC\n");
	world_exchange(client, GET("/"), "\r\n\r\n");
	assert_non_null(strstr(client->received, "HTTP/1.1 429 Too Many Requests\r\n"));
	assert_non_null(strstr(client->received,
		"Retry-After: 1\r\nRateLimit-Limit: 2\r\nRateLimit-Remaining: 0\r\n"
		"RateLimit-Reset: 1\r\n"));
	/* A refused one takes nothing: half a second later there is one token. */
	world_run(world, 500);
	world_exchange(client, GET("/"), "\nC\n");
	world_exchange(client, GET("/"), "HTTP/1.1 429 ");
	assert_int_equal(l7_counters(world->l7)->limited_rate, 2);
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_limited], 2);
	assert_int_equal(world->servers[MEMBER_C].requests, 3);
	client_free(client);
}

struct key_row {
	const char *limit;
	const char *one;   /* fields of a request, which takes the only token */
	const char *other; /* of one that has another bucket */
	const char *same;  /* of one that has not */
	const char *path;
};

static const struct key_row key_rows[] = {
	{ "'per':'header','name':'X-Key'", "X-Key: a\r\n", "X-Key: b\r\n", "x-key: a\r\n", "/" },
	{ "'per':'header','name':'X-Key'", "", "X-Key: b\r\n", "X-Key:\r\n", "/" },
	{ "'per':'cookie','name':'id'", "Cookie: x=1; id=7\r\n", "Cookie: id=8; x=1\r\n",
		"Cookie: y=2; id=7; id=8\r\n", "/" },
	{ "'per':'cookie','name':'id'", "Cookie: idx=7; xid=7\r\n", "Cookie: id=7\r\n", "", "/" },
	{ "'per':'client','prefix4':24", "", NULL, "X-Forwarded-For: 9.9.9.9\r\n", "/" },
};

static void exchange_with(struct client *client, const char *fields, const char *expected)
{
	char request[256];

	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	world_exchange(client, request, expected);
}

static void counts_each_key_by_itself(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char route[256];

	for (size_t i = 0; i < RTE_DIM(key_rows); i++) {
		const struct key_row *row = &key_rows[i];

		snprintf(route, sizeof(route),
			"{'pool':'other','limits':{'rates':[{%s,'requests':1,'period_ms':60000}]}}",
			row->limit);
		world_routes_load(world, route);
		exchange_with(client, row->one, "\nC\n");
		exchange_with(client, row->same, "HTTP/1.1 429 ");
		if (row->other != NULL)
			exchange_with(client, row->other, "\nC\n");
		exchange_with(client, row->one, "HTTP/1.1 429 ");
	}
	world_routes_load(world,
		"{'pool':'other','limits':{'rates':[{'per':'query','name':'k',"
		"'requests':1,'period_ms':60000}]}}");
	world_exchange(client, GET("/?k=1"), "\nC\n");
	world_exchange(client, GET("/?j=2&k=1"), "HTTP/1.1 429 ");
	world_exchange(client, GET("/?k=2"), "\nC\n");
	client_free(client);
}

/* More keys than buckets: memory stays what it is, and a key in use is forgotten, not refused. */
static void keeps_its_memory_when_keys_are_many(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char fields[64];

	world_routes_load(world,
		"{'respond':{},'limits':{'rates':[{'per':'header','name':'k','requests':1,"
		"'period_ms':60000,'keys':16}]}}");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(fields, sizeof(fields), "K: %u\r\n", i);
		exchange_with(client, fields, "HTTP/1.1 200 ");
	}
	assert_in_range(l7_counters(world->l7)->limit_evicted, 200 - 16, 199);
	exchange_with(client, "K: 199\r\n", "HTTP/1.1 429 ");
	client_free(client);
}

static void takes_so_many_at_once(void **state)
{
	struct world *world = *state;
	struct client *clients[3];

	world_routes_load(world, "{'pool':'other','limits':{'concurrent':2}}");
	world->servers[MEMBER_C].is_holding = true;
	for (unsigned i = 0; i < 3; i++) {
		clients[i] = client_open(world, 80);
		client_send(clients[i], GET("/"));
		world_run(world, 5);
	}
	assert_non_null(strstr(clients[2]->received, "HTTP/1.1 503 "));
	assert_non_null(strstr(clients[2]->received, "Retry-After: 1\r\n"));
	assert_int_equal(l7_counters(world->l7)->limited_concurrent, 1);
	/* However one ends, its place is free again. */
	client_abort(clients[0]);
	world_run(world, 5);
	world->servers[MEMBER_C].is_holding = false;
	world_exchange(clients[2], GET("/"), "\nC\n");
	assert_true(world_expect(clients[1], "HTTP/1.1 504 ", 1500));
	for (unsigned i = 0; i < 10; i++)
		world_exchange(clients[1], GET("/"), "\nC\n");
	assert_int_equal(l7_counters(world->l7)->limited_concurrent, 1);
	for (unsigned i = 0; i < 3; i++)
		client_free(clients[i]);
}

/* A slot is the old route's when the configuration changes under a request. */
static void slots_survive_a_reload(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct client *second = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];

	world_routes_load(world, "{'pool':'other','limits':{'concurrent':1}}");
	world_exchange(client, GET("/"), "\nC\n");
	server->is_holding = true;
	client_send(client, GET("/"));
	world_run(world, 5);
	world_publish(world, true);
	server->is_holding = false;
	world_exchange(second, GET("/"), "\nC\n");
	assert_true(world_expect(client, "HTTP/1.1 504 ", 1500));
	world_exchange(client, GET("/"), "\nC\n");
	world_exchange(second, GET("/"), "\nC\n");
	client_free(client);
	client_free(second);
}

static void bounds_heads_and_bodies(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_routes_load(world,
		"{'pool':'other','limits':{'max_header_bytes':100,"
		"'max_body_bytes':5}}");
	world_exchange(client, GET("/"), "\nC\n");
	world_exchange(client,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 12345678901234567890123456789012345678901234567890"
		"1234567890123456789012345678901234567890123456789012345678901234567890\r\n\r\n",
		"HTTP/1.1 431 ");
	world_exchange(
		client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345", "\nC\n");
	world_exchange(client,
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
		"\nC\n");
	world_exchange(client,
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\n12345\r\n1\r\n6\r\n0\r\n\r\n",
		"HTTP/1.1 413 ");
	client_free(client);
	client = client_open(world, 80);
	world_exchange(client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n123456",
		"HTTP/1.1 413 ");
	assert_int_equal(l7_counters(world->l7)->limited_header, 1);
	assert_int_equal(l7_counters(world->l7)->limited_body, 1);
	client_free(client);
}

static void makes_a_share_fail_or_wait(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	unsigned aborted;

	world_routes_load(world,
		"{'pool':'other','fault':{'abort_share':'30%',"
		"'abort_status':418}}");
	for (unsigned i = 0; i < 500; i++)
		world_exchange(client, GET("/"), "\r\n\r\n");
	aborted = (unsigned)l7_counters(world->l7)->fault_aborted;
	assert_in_range(aborted, 110, 190);
	world_routes_load(world,
		"{'pool':'other','fault':{'delay_share':'100%',"
		"'delay_ms':300}}");
	client_clear(client);
	client_send(client, GET("/"));
	assert_false(world_expect(client, "\nC\n", 290));
	assert_true(world_expect(client, "\nC\n", 20));
	assert_int_equal(l7_counters(world->l7)->fault_delayed, 1);
	/* A client that leaves meanwhile leaves nothing behind. */
	client_send(client, GET("/"));
	world_run(world, 50);
	client_abort(client);
	world_run(world, 500);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(answers_above_a_rate_until_tokens_are_back),
		WORLD_TEST(counts_each_key_by_itself),
		WORLD_TEST(keeps_its_memory_when_keys_are_many),
		WORLD_TEST(takes_so_many_at_once),
		WORLD_TEST(slots_survive_a_reload),
		WORLD_TEST(bounds_heads_and_bodies),
		WORLD_TEST(makes_a_share_fail_or_wait),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
