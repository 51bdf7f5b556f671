/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return addr;
}

struct address_row {
	const char *addr;
	bool is_local;
	bool is_vip;
	uint16_t mtu;
	const char *source; /* toward it */
};

static const struct address_row address_rows[] = {
	{ "192.0.2.1", true, false, 1500, "192.0.2.1" },
	{ "192.0.2.2", false, false, 1500, "192.0.2.1" },
	{ "192.0.2.100", false, true, 1500, "192.0.2.1" },
	{ "198.18.0.9", false, true, 1500, "192.0.2.1" },
	{ "198.51.100.1", true, false, 1400, "198.51.100.1" },
	{ "198.51.100.255", false, false, 1400, "198.51.100.1" },
	{ "203.0.113.0", false, false, 1400, "198.51.100.1" },
	{ "203.0.113.255", false, false, 1400, "198.51.100.1" },
	{ "203.0.114.0", false, false, 1500, "192.0.2.1" },
	{ "203.0.112.255", false, false, 1500, "192.0.2.1" },
	{ "2001:db8::1", true, false, 1500, "2001:db8::1" },
	{ "2001:db8::64", false, true, 1500, "2001:db8::1" },
	{ "2001:db8:1::1", true, false, 1400, "2001:db8:1::1" },
	{ "2001:db8:1:0:ffff:ffff:ffff:ffff", false, false, 1400, "2001:db8:1::1" },
	{ "2001:db8:1:1::", false, false, 1500, "2001:db8::1" },
	{ "ffff::", false, false, 1500, "2001:db8::1" },
};

static void addresses_are_what_the_configuration_says(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(address_rows); i++) {
		const struct address_row *row = &address_rows[i];
		struct ip_addr addr = address(row->addr);
		struct ip_addr source = address(row->source);

		assert_int_equal(neigh_net_is_local(f->net, &addr), row->is_local);
		assert_int_equal(neigh_net_is_vip(f->net, &addr), row->is_vip);
		if (neigh_net_mtu(f->net, &addr) != row->mtu)
			fail_msg("%s: MTU %u", row->addr, neigh_net_mtu(f->net, &addr));
		assert_true(ip_equal(neigh_net_source(f->net, &addr), &source));
	}
}

static struct neigh_net *net_create(const struct config *config)
{
	static const struct neigh_port facts[NEIGH_PORTS_MAX] = {
		{ .mtu = 1000 },
		{ .mtu = 1001 },
		{ .mtu = 1002 },
		{ .mtu = 1003 },
	};
	struct err err;

	return neigh_net_create(config, facts, &err);
}

static void local_addresses_choose_the_source(void **state)
{
	struct ip_addr locals[] = { address("192.0.2.1"), address("198.51.100.8") };
	struct config config = *fixture_config();
	struct ip_addr far = address("203.0.113.5");
	struct ip_addr wan = address("192.0.2.9");
	struct ip_addr v6 = address("2001:db8::9");
	struct neigh_net *net;

	(void)state;
	config.local_addresses = locals;
	config.local_address_count = 2;
	net = net_create(&config);
	assert_non_null(net);
	/* None of them is an address of the port: the first of the family will do. */
	assert_true(ip_equal(neigh_net_source(net, &far), &locals[0]));
	assert_true(ip_equal(neigh_net_source(net, &wan), &locals[0]));
	assert_null(neigh_net_source(net, &v6));
	assert_true(neigh_net_is_local(net, &locals[1]));
	neigh_net_destroy(net);
}

static void without_a_default_route_there_are_holes(void **state)
{
	static const char *const outside[] = { "192.0.1.255", "192.0.3.0", "0.0.0.0",
		"255.255.255.255", "::", "2001:db8:0:1::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct config config = *fixture_config();
	struct neigh_net *net;

	(void)state;
	config.route_count = 0;
	net = net_create(&config);
	assert_non_null(net);
	for (size_t i = 0; i < RTE_DIM(outside); i++) {
		struct ip_addr addr = address(outside[i]);

		assert_int_equal(neigh_net_mtu(net, &addr), 0);
	}
	neigh_net_destroy(net);
}

/* A default route of one family says nothing of the other. */
static void families_have_routes_of_their_own(void **state)
{
	struct config config = *fixture_config();
	struct config_route only_v6 = config.routes[1];
	struct ip_addr v4 = address("198.18.7.7");
	struct ip_addr v6 = address("3fff::7");
	struct neigh_net *net;

	(void)state;
	config.routes = &only_v6;
	config.route_count = 1;
	net = net_create(&config);
	assert_int_equal(neigh_net_mtu(net, &v4), 0);
	assert_int_equal(neigh_net_mtu(net, &v6), 1000);
	assert_int_equal(neigh_net_mtu_min(net), 1000);
	neigh_net_destroy(net);
}

/* What the route table must say, prefix by prefix. */
static unsigned port_longest(const struct config *config, const struct ip_addr *addr)
{
	unsigned port = 0;
	int best = -1;

	for (size_t i = 0; i < config->route_count; i++) {
		const struct config_route *route = &config->routes[i];

		if (ip_prefix_contains(&route->to, addr) && route->to.prefix_len > best) {
			best = route->to.prefix_len;
			port = 1000 + route->port;
		}
	}
	return port;
}

static void random_route_tables_match_a_linear_search(void **state)
{
	struct rng rng = { .state = 99 };
	struct config_port ports[4] = { { .name = "a" } };
	struct config_route routes[200];
	struct config config = { .ports = ports, .port_count = 4, .routes = routes };

	(void)state;
	memset(routes, 0, sizeof(routes));
	for (unsigned round = 0; round < 50; round++) {
		struct neigh_net *net;

		config.route_count = 1 + rng_below(&rng, 200);
		for (size_t i = 0; i < config.route_count; i++) {
			bool is_v6 = rng_below(&rng, 2) == 1;

			/* Few distinct bits, so that prefixes nest. */
			routes[i].to.addr = ip_from_v4((uint32_t)rng_next(&rng) & 0x030300c0);
			if (is_v6)
				routes[i].to.addr.halves[0] = (rng_next(&rng) &
								      0x0303000000000000) |
					0x20;
			routes[i].to.prefix_len = (uint8_t)rng_below(&rng, is_v6 ? 129 : 33);
			routes[i].port = rng_below(&rng, 4);
		}
		net = net_create(&config);
		assert_non_null(net);
		for (unsigned i = 0; i < 2000; i++) {
			struct ip_addr addr = ip_from_v4((uint32_t)rng_next(&rng) & 0x030300c3);

			if (i % 2 == 1)
				addr.halves[0] = (rng_next(&rng) & 0x0303000000000003) | 0x20;
			assert_int_equal(neigh_net_mtu(net, &addr), port_longest(&config, &addr));
		}
		neigh_net_destroy(net);
	}
}

static void impossible_configurations_are_refused(void **state)
{
	static struct config_port ports[NEIGH_PORTS_MAX + 1];
	struct config_route route = { .port = 2 };
	struct config_neighbor neighbor = { .port = 2 };
	struct config config = *fixture_config();
	struct err err;

	(void)state;
	config.ports = ports;
	config.port_count = NEIGH_PORTS_MAX + 1;
	assert_null(neigh_net_create(&config, NULL, &err));
	assert_string_equal(err.text, "33 ports: 1 to 32 are possible");
	config.port_count = 0;
	assert_null(neigh_net_create(&config, NULL, &err));
	assert_string_equal(err.text, "0 ports: 1 to 32 are possible");
	config = *fixture_config();
	config.routes = &route;
	config.route_count = 1;
	assert_null(neigh_net_create(&config, NULL, &err));
	assert_string_equal(err.text, "routes[0] leads to no port");
	config = *fixture_config();
	config.neighbors = &neighbor;
	assert_null(neigh_net_create(&config, NULL, &err));
	assert_string_equal(err.text, "neighbors[0] is on no port");
	neigh_net_destroy(NULL);
}

static void all_ports_may_be_used(void **state)
{
	struct config_port ports[NEIGH_PORTS_MAX] = { { .name = "many" } };
	struct config_service service = { .address = address("198.18.0.9") };
	struct config config = { .ports = ports,
		.port_count = NEIGH_PORTS_MAX,
		.services = &service,
		.service_count = 1 };
	struct neigh_net *net = net_create(&config);

	(void)state;
	assert_non_null(net);
	assert_true(neigh_net_is_vip(net, &service.address));
	neigh_net_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			addresses_are_what_the_configuration_says, fixture_setup, fixture_teardown),
		cmocka_unit_test(local_addresses_choose_the_source),
		cmocka_unit_test(without_a_default_route_there_are_holes),
		cmocka_unit_test(families_have_routes_of_their_own),
		cmocka_unit_test(random_route_tables_match_a_linear_search),
		cmocka_unit_test(impossible_configurations_are_refused),
		cmocka_unit_test(all_ports_may_be_used),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
