/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>
#include <string.h>

/* The PROXY protocol toward members. */

#define GET "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"

static void address_set(struct world *world, enum config_client_address how)
{
	world->pools[POOL_OTHER].client_address = how;
	world->servers[MEMBER_C].expects_proxy = how != CONFIG_CLIENT_ADDRESS_NONE;
	world_publish(world, true);
}

static int setup_v1(void **state)
{
	world_setup(state);
	address_set(*state, CONFIG_CLIENT_ADDRESS_PROXY_V1);
	return 0;
}

static int setup_v2(void **state)
{
	world_setup(state);
	address_set(*state, CONFIG_CLIENT_ADDRESS_PROXY_V2);
	return 0;
}

static void expect_client(const struct world *world)
{
	const struct proxy_header *header = &world->servers[MEMBER_C].proxy;
	char text[IP_TEXT_MAX];

	assert_false(header->is_local);
	assert_string_equal(ip_format(&header->tuple.src, text), WORLD_CLIENT);
	assert_string_equal(ip_format(&header->tuple.dst, text), WORLD_VIP);
	assert_int_equal(header->tuple.dst_port_be, htons(80));
	assert_true(ntohs(header->tuple.src_port_be) >= 20000);
}

static void tells_of_the_client(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, GET, "\nC\n");
	expect_client(world);
	assert_int_equal(l7_counters(world->l7)->proxy_sent, 1);
	client_free(client);
}

static void serves_nobody_else_by_it(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct client *other = client_open(world, 80);

	world_exchange(client, GET, "\nC\n");
	world_run(world, 20);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	world_exchange(other, GET, "\nC\n");
	world_exchange(client, GET, "\nC\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 3);
	assert_int_equal(l7_counters(world->l7)->upstream_reused, 0);
	client_free(client);
	client_free(other);
}

/* A kept connection of the configuration before says nothing of clients. */
static void takes_no_connection_that_says_nothing(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	address_set(world, CONFIG_CLIENT_ADDRESS_NONE);
	world_exchange(client, GET, "\nC\n");
	assert_int_equal(world->servers[MEMBER_C].open, 1);
	address_set(world, CONFIG_CLIENT_ADDRESS_PROXY_V2);
	world_exchange(client, GET, "\nC\n");
	expect_client(world);
	assert_int_equal(world->servers[MEMBER_C].accepted, 2);
	client_free(client);
}

/* The header comes first, and nothing else is added. */
static void goes_ahead_of_what_is_passed_through(void **state)
{
	struct world *world = *state;
	struct client *client;

	world->services[0].mode = CONFIG_MODE_TCP;
	world->services[0].pool = POOL_OTHER;
	world->services[0].route_count = 0;
	world->services[0].passthrough = (struct config_passthrough){
		.hello_timeout_ms = 1000,
		.idle_timeout_ms = 3000,
		.half_closed_timeout_ms = 1000,
		.close_timeout_ms = 300,
	};
	world->servers[MEMBER_C].is_raw = true;
	world_publish(world, true);
	client = client_open(world, 80);
	world_exchange(client, "bytes", "bytes");
	expect_client(world);
	assert_int_equal(client->received_len, 5);
	client_free(client);
}

#define V1_TEST(name) cmocka_unit_test_setup_teardown(name, setup_v1, world_teardown)
#define V2_TEST(name) cmocka_unit_test_setup_teardown(name, setup_v2, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		V1_TEST(tells_of_the_client),
		V2_TEST(tells_of_the_client),
		V2_TEST(serves_nobody_else_by_it),
		V2_TEST(takes_no_connection_that_says_nothing),
		V1_TEST(goes_ahead_of_what_is_passed_through),
		V2_TEST(goes_ahead_of_what_is_passed_through),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
