/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

static int setup(void **state)
{
	const struct world_options options = { 0 };

	*state = world_create(&options);
	return 0;
}

static int teardown(void **state)
{
	world_destroy(*state);
	return support_mbufs_check(NULL);
}

static void routes_by_host_and_path(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "GET /main/x HTTP/1.1\r\nHost: shop.test\r\n\r\n");
	assert_true(world_expect(client, "\r\n\r\nA\n", 50));
	client_clear(client);
	client_send(client, "GET /main/x HTTP/1.1\r\nHost: shop.test\r\n\r\n");
	assert_true(world_expect(client, "\r\n\r\nB\n", 50));
	client_clear(client);
	client_send(client, "GET /main/x HTTP/1.1\r\nHost: OTHER.test:80\r\n\r\n");
	assert_true(world_expect(client, "\r\n\r\nC\n", 50));
	client_clear(client);
	client_send(client, "GET /nowhere HTTP/1.1\r\nHost: shop.test\r\n\r\n");
	assert_true(world_expect(client, "HTTP/1.1 404 Not Found\r\n", 50));
	assert_false(client->is_eof);
	assert_int_equal(l7_counters(world->l7)->requests, 4);
	assert_int_equal(l7_counters(world->l7)->no_route, 1);
	assert_int_equal(world_service_counters(world).responses_2xx, 3);
	assert_int_equal(world_service_counters(world).responses_4xx, 1);
	client_free(client);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(routes_by_host_and_path),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
