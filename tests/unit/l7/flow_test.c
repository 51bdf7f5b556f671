/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* Large bodies and slow readers: what is in memory stays bounded, what arrives is complete. */

#define LARGE_BYTES  10000000ull
#define LARGE_TEXT   "10000000"
#define LARGE_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: " LARGE_TEXT "\r\n\r\n"

/* Both windows, of a stack with 256 KB each way, in mbufs of 2 KB that may be half full. */
#define HELD_MAX 1024

static uint32_t held_by_worker(struct world *world)
{
	struct tcp_usage usage;

	tcp_usage(l7_tcp(world->l7), &usage);
	return usage.mbufs_held;
}

static void streams_to_a_slow_reader(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];
	uint64_t sent;

	server->answer = LARGE_ANSWER;
	server->extra_bytes = LARGE_BYTES;
	client->is_paused = true;
	client_send(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
	world_run(world, 500);
	sent = l7_counters(world->l7)->bytes_out;
	assert_true(sent > 100000 && sent < 1000000);
	assert_true(held_by_worker(world) < HELD_MAX);
	/* It stands still, and nobody is cut off for that yet. */
	world_run(world, 1000);
	assert_int_equal(l7_counters(world->l7)->bytes_out, sent);
	assert_false(client->is_closed);
	client_resume(client);
	for (unsigned i = 0; i < 3000 && client->total < LARGE_BYTES + strlen(LARGE_ANSWER); i++) {
		world_run(world, 1);
		assert_true(held_by_worker(world) < HELD_MAX);
	}
	assert_int_equal(client->total, LARGE_BYTES + strlen(LARGE_ANSWER));
	for (size_t i = 0; i < 60000; i++)
		assert_int_equal(client->received[strlen(LARGE_ANSWER) + i], world_byte(i));
	assert_int_equal(l7_counters(world->l7)->bytes_out, LARGE_BYTES);
	/* Both connections are good for more. */
	server->extra_bytes = 0;
	server->answer = NULL;
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	assert_int_equal(server->accepted, 1);
	client_free(client);
}

static void cuts_a_reader_that_stands_still(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].answer = LARGE_ANSWER;
	world->servers[MEMBER_C].extra_bytes = LARGE_BYTES;
	client->is_paused = true;
	client_send(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
	world_run(world, 4500);
	assert_int_equal(l7_counters(world->l7)->client_timeout, 1);
	assert_int_equal(l7_conn_count(world->l7), 0);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	assert_int_equal(held_by_worker(world), 0);
	client_free(client);
}

static uint32_t generated_sum(uint64_t bytes)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < bytes; i++)
		sum += (uint8_t)world_byte(i) * (uint32_t)(i + 1);
	return sum;
}

static void streams_uploads(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(
		client, "PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: " LARGE_TEXT "\r\n\r\n");
	world_run(world, 2);
	client_generate(client, LARGE_BYTES);
	for (unsigned i = 0; i < 3000 && client->total == 0; i++) {
		world_run(world, 1);
		assert_true(held_by_worker(world) < HELD_MAX);
	}
	assert_true(world_expect(client, "\nC\n", 10));
	assert_int_equal(world->servers[MEMBER_C].body_bytes, LARGE_BYTES);
	assert_int_equal(world->servers[MEMBER_C].body_sum, generated_sum(LARGE_BYTES));
	assert_int_equal(l7_counters(world->l7)->bytes_in, LARGE_BYTES);
	client_free(client);
}

static void holds_back_uploads_to_a_stuck_member(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].is_stuck = true;
	client_send(
		client, "PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: " LARGE_TEXT "\r\n\r\n");
	world_run(world, 2);
	client_generate(client, LARGE_BYTES);
	world_run(world, 800);
	assert_true(held_by_worker(world) < HELD_MAX);
	assert_true(l7_counters(world->l7)->bytes_in < 1000000);
	assert_true(client->generated < 2000000);
	/* It is the member that stands still. */
	assert_true(world_expect(client, "HTTP/1.1 504 Gateway Timeout\r\n", 800));
	assert_non_null(strstr(client->received, "Connection: close"));
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

/* Both ways at once: the member answers while it reads. */
static void streams_both_ways_at_once(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].echoes = true;
	world->servers[MEMBER_C].answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nfirst\n");
	assert_true(world_expect(client, "6\r\nfirst\n\r\n", 50));
	client_send(client, "again\n");
	assert_true(world_expect(client, "6\r\nagain\n\r\n0\r\n\r\n", 50));
	assert_int_equal(world->servers[MEMBER_C].open, 1);
	client_free(client);
}

/* Many at once over few bytes of each: nothing is mixed up, all is given back. */
static void keeps_many_clients_apart(void **state)
{
	struct world *world = *state;
	struct client *clients[200];

	for (unsigned i = 0; i < 200; i++) {
		clients[i] = client_open(world, 80);
		client_send(clients[i],
			i % 2 == 0 ? "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
				   : "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	world_run(world, 50);
	for (unsigned i = 0; i < 200; i++) {
		assert_non_null(strstr(clients[i]->received, i % 2 == 0 ? "\nC\n" : " 404 "));
		/* Half of them vanish together, half of them go one by one. */
		if (i % 2 == 0)
			client_abort(clients[i]);
	}
	/* max_idle_connections of the pool. */
	assert_int_equal(world->servers[MEMBER_C].open, 4);
	world_run(world, 5);
	assert_int_equal(l7_conn_count(world->l7), 100);
	for (unsigned i = 0; i < 200; i++)
		client_free(clients[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(streams_to_a_slow_reader),
		WORLD_TEST(cuts_a_reader_that_stands_still),
		WORLD_TEST(streams_uploads),
		WORLD_TEST(holds_back_uploads_to_a_stuck_member),
		WORLD_TEST(streams_both_ways_at_once),
		WORLD_TEST(keeps_many_clients_apart),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
