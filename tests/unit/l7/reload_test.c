/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/rcu.h"

/* Snapshots that change under connections, draining, limits, and what the operator sees. */

#define GET_ONE "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"

static void adopts_new_routes_on_old_connections(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct l7_listener *before = world->listeners[0];

	world_exchange(client, GET_ONE, "\nC\n");
	assert_false(l7_listener_is_idle(before));
	world->routes[3].pool = POOL_MAIN;
	world_publish(world, true);
	world_exchange(client, GET_ONE, "\nA\n");
	/* The connection still belongs to the listener that accepted it. */
	assert_false(l7_listener_is_idle(before));
	assert_true(l7_listener_is_idle(world->listeners[0]));
	/* It waits for that connection, and goes with it. */
	assert_int_equal(rcu_reap(world->rcu), 1);
	client_free(client);
	assert_int_equal(rcu_reap(world->rcu), 0);
}

static void ends_connections_of_a_service_that_is_gone(void **state)
{
	struct world *world = *state;
	struct client *idle = client_open(world, 80);
	struct client *busy = client_open(world, 80);
	struct client *late = client_open(world, 80);

	world_exchange(idle, GET_ONE, "\nC\n");
	client_send(late, "GET /one HTTP/1.1\r\n");
	client_send(busy, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
	world_run(world, 5);
	world->services[0].port = 81;
	world_publish(world, true);
	world_run(world, 5);
	assert_true(idle->is_eof);
	assert_false(busy->is_eof);
	client_send(busy, "b");
	assert_true(world_expect(busy, "\nC\n", 20));
	assert_non_null(strstr(busy->received, "Connection: close\r\n"));
	client_send(late, "Host: a\r\n\r\n");
	assert_true(world_expect(late, "HTTP/1.1 503 ", 20));
	assert_non_null(strstr(late->received, "Connection: close\r\n"));
	client_free(idle);
	client_free(busy);
	client_free(late);
}

static void leaves_members_that_are_not_usable(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];
	struct member *member = world_member(world, MEMBER_C);

	world_exchange(client, GET_ONE, "\nC\n");
	world_publish(world, false);
	world_run(world, 5);
	assert_int_equal(server->open, 1);
	member->health = MEMBER_DOWN;
	world_publish(world, false);
	world_run(world, 5);
	assert_int_equal(server->open, 0);
	world_exchange(client, GET_ONE, "HTTP/1.1 503 ");
	member->health = MEMBER_UP;
	world_publish(world, false);
	/* A request under way is finished; its connection is not kept. */
	client_clear(client);
	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
	world_run(world, 5);
	member->admin = MEMBER_DRAIN;
	world_publish(world, false);
	world_run(world, 5);
	assert_int_equal(server->open, 1);
	client_send(client, "b");
	assert_true(world_expect(client, "\nC\n", 20));
	world_run(world, 5);
	assert_int_equal(server->open, 0);
	member->admin = MEMBER_READY;
	client_free(client);
}

/* A member that left the configuration lives as long as a connection to it does. */
static void outlives_members_that_left(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];

	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
	world_run(world, 5);
	world->pools[POOL_OTHER].member_count = 0;
	world_publish(world, true);
	world_run(world, 5);
	assert_true(rcu_reap(world->rcu) > 0);
	client_send(client, "b");
	assert_true(world_expect(client, "\nC\n", 20));
	world_run(world, 5);
	assert_int_equal(server->open, 0);
	client_free(client);
	assert_int_equal(rcu_reap(world->rcu), 0);
	world->pools[POOL_OTHER].member_count = 1;
	world_publish(world, true);
}

static void drains(void **state)
{
	struct world *world = *state;
	struct client *idle = client_open(world, 80);
	struct client *busy = client_open(world, 80);
	struct client *late;

	world_exchange(idle, GET_ONE, "\nC\n");
	client_send(busy, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
	world_run(world, 5);
	l7_drain(world->l7, world->now_us);
	world_run(world, 5);
	assert_true(idle->is_eof);
	assert_int_equal(l7_conn_count(world->l7), 1);
	late = client_open(world, 80);
	world_run(world, 5);
	assert_true(late->is_closed);
	assert_int_equal(late->reason, TCP_CLOSED_RESET);
	client_send(busy, "b");
	assert_true(world_expect(busy, "\nC\n", 20));
	assert_non_null(strstr(busy->received, "Connection: close\r\n"));
	world_run(world, 5);
	assert_int_equal(l7_conn_count(world->l7), 0);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(idle);
	client_free(busy);
	client_free(late);
}

static int setup_two(void **state)
{
	const struct world_options options = { .max_connections = 2 };

	*state = world_create(&options);
	return 0;
}

static void keeps_to_the_limit_of_connections(void **state)
{
	struct world *world = *state;
	struct client *clients[3];

	for (unsigned i = 0; i < 3; i++) {
		clients[i] = client_open(world, 80);
		world_run(world, 5);
	}
	assert_true(clients[2]->is_closed);
	assert_int_equal(l7_counters(world->l7)->conns_refused, 1);
	assert_int_equal(l7_conn_count(world->l7), 2);
	world_exchange(clients[0], GET_ONE, "\nC\n");
	client_free(clients[0]);
	clients[0] = client_open(world, 80);
	world_exchange(clients[0], GET_ONE, "\nC\n");
	for (unsigned i = 0; i < 3; i++)
		client_free(clients[i]);
}

static void shows_connections(void **state)
{
	struct world *world = *state;
	struct client *idle = client_open(world, 80);
	struct client *busy = client_open(world, 80);
	struct l7_conn_row rows[4];
	uint32_t cursor = 0;

	world_exchange(idle, GET_ONE, "\nC\n");
	world->servers[MEMBER_C].is_holding = true;
	client_send(busy, "GET /one/more?secret=1 HTTP/1.1\r\nHost: a\r\n\r\n");
	world_run(world, 10);
	assert_int_equal(l7_conn_dump(world->l7, &cursor, rows, 1, world->now_us), 1);
	assert_int_equal(l7_conn_dump(world->l7, &cursor, rows + 1, 3, world->now_us), 1);
	assert_int_equal(l7_conn_dump(world->l7, &cursor, rows + 2, 2, world->now_us), 0);
	assert_string_equal(rows[0].service, "web");
	assert_string_equal(rows[0].request, "");
	assert_string_equal(rows[0].member, "");
	assert_int_equal(rows[0].requests, 1);
	assert_true(rows[0].age_ms >= 10 && rows[0].age_ms < 50);
	assert_string_equal(rows[0].tcp.state, "ESTABLISHED");
	assert_string_equal(rows[1].request, "GET /one/more");
	assert_string_equal(rows[1].member, "192.0.2.13:8080");
	client_free(idle);
	client_free(busy);
}

static void counts_load_as_it_is(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct member_counters member;

	world->servers[MEMBER_C].is_holding = true;
	client_send(client, GET_ONE);
	world_run(world, 10);
	member = world_member_counters(world, MEMBER_C);
	assert_int_equal(member.requests - member.requests_done, 1);
	assert_int_equal(member.conns_opened - member.conns_closed, 1);
	assert_int_equal(world_service_counters(world).requests_done, 0);
	client_free(client);
	member = world_member_counters(world, MEMBER_C);
	assert_int_equal(member.requests - member.requests_done, 0);
	assert_int_equal(member.conns_opened - member.conns_closed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(adopts_new_routes_on_old_connections),
		WORLD_TEST(ends_connections_of_a_service_that_is_gone),
		WORLD_TEST(leaves_members_that_are_not_usable),
		WORLD_TEST(outlives_members_that_left),
		WORLD_TEST(drains),
		cmocka_unit_test_setup_teardown(
			keeps_to_the_limit_of_connections, setup_two, world_teardown),
		WORLD_TEST(shows_connections),
		WORLD_TEST(counts_load_as_it_is),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
