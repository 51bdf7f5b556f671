/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "service/service.h"
#include "support/support.h"

#define MANY 10000

static struct ip_addr address(const char *text)
{
	struct ip_addr parsed;

	assert_int_equal(ip_parse(text, &parsed), 0);
	return parsed;
}

static const struct service *find(
	const struct service_table *table, const char *text, uint16_t port, uint8_t protocol)
{
	struct ip_addr at = address(text);

	return service_find(table, &at, rte_cpu_to_be_16(port), protocol);
}

static void services_are_found_by_address_port_and_protocol(void **state)
{
	struct config_service services[] = {
		{ .name = "db",
			.port = 5432,
			.protocol = IPPROTO_TCP,
			.mode = CONFIG_MODE_L4,
			.pool = 3,
			.tcp_idle_timeout_ms = 900000 },
		{ .name = "dns",
			.port = 53,
			.protocol = IPPROTO_UDP,
			.mode = CONFIG_MODE_L4,
			.hash = CONFIG_HASH_SOURCE_IP,
			.udp_idle_timeout_ms = 30000 },
		{ .name = "web",
			.port = 443,
			.protocol = IPPROTO_TCP,
			.mode = CONFIG_MODE_L7,
			.pool = UINT_MAX },
	};
	struct config config = { .services = services, .service_count = RTE_DIM(services) };
	int listener;
	void *const listeners[] = { NULL, NULL, &listener };
	struct service_registry *registry = service_registry_create(2);
	struct service_table *table;
	struct err err;

	(void)state;
	services[0].address = address("192.0.2.100");
	services[1].address = address("192.0.2.100");
	services[2].address = address("2001:db8::100");
	table = service_table_create(registry, &config, listeners, &err);
	assert_non_null(table);
	assert_int_equal(service_table_count(table), 3);
	assert_ptr_equal(find(table, "192.0.2.100", 5432, IPPROTO_TCP), service_table_at(table, 0));
	assert_ptr_equal(find(table, "192.0.2.100", 53, IPPROTO_UDP), service_table_at(table, 1));
	assert_ptr_equal(
		find(table, "2001:db8::100", 443, IPPROTO_TCP), service_table_at(table, 2));
	assert_null(service_table_at(table, 3));
	assert_null(find(table, "192.0.2.100", 5432, IPPROTO_UDP));
	assert_null(find(table, "192.0.2.100", 5433, IPPROTO_TCP));
	assert_null(find(table, "192.0.2.101", 5432, IPPROTO_TCP));
	assert_null(find(table, "2001:db8::101", 443, IPPROTO_TCP));
	assert_int_equal(service_table_at(table, 0)->pool, 3);
	assert_int_equal(service_table_at(table, 0)->tcp_idle_timeout_ms, 900000);
	assert_int_equal(service_table_at(table, 1)->hash, CONFIG_HASH_SOURCE_IP);
	assert_int_equal(service_table_at(table, 2)->mode, CONFIG_MODE_L7);
	assert_ptr_equal(service_table_at(table, 2)->listener, &listener);
	assert_null(service_table_at(table, 0)->listener);
	assert_ptr_equal(service_table_at(table, 1)->config, &services[1]);
	service_table_destroy(table);
	service_registry_destroy(registry);
}

static void an_empty_table_finds_nothing(void **state)
{
	struct config config = { .service_count = 0 };
	struct service_registry *registry = service_registry_create(1);
	struct service_table *table = service_table_create(registry, &config, NULL, NULL);

	(void)state;
	assert_non_null(table);
	assert_null(find(table, "192.0.2.1", 80, IPPROTO_TCP));
	service_table_destroy(table);
	service_registry_destroy(registry);
	service_table_destroy(NULL);
	service_registry_destroy(NULL);
}

static void two_services_on_one_endpoint_are_refused(void **state)
{
	struct config_service services[] = {
		{ .name = "a", .port = 80, .protocol = IPPROTO_TCP },
		{ .name = "b", .port = 80, .protocol = IPPROTO_TCP },
	};
	struct config config = { .services = services, .service_count = 2 };
	struct service_registry *registry = service_registry_create(1);
	struct err err;

	(void)state;
	services[0].address = address("192.0.2.1");
	services[1].address = address("192.0.2.1");
	assert_null(service_table_create(registry, &config, NULL, &err));
	assert_string_equal(err.text, "services a and b both listen on 192.0.2.1:80");
	service_registry_destroy(registry);
}

/* By name: a service that moves to another port keeps its counters, another name starts at 0. */
static void counters_outlive_configurations(void **state)
{
	struct config_service services[] = {
		{ .name = "a", .port = 80, .protocol = IPPROTO_TCP },
		{ .name = "b", .port = 81, .protocol = IPPROTO_TCP },
	};
	struct config config = { .services = services, .service_count = 2 };
	struct service_registry *registry = service_registry_create(2);
	struct service_table *old = service_table_create(registry, &config, NULL, NULL);
	struct service_identity *kept = service_table_at(old, 0)->identity;
	struct service_table *table;
	struct service_counters sum;

	(void)state;
	kept->cores[0].packets_in = 10;
	kept->cores[1].packets_in = 5;
	kept->cores[1].tls_failures = 1;
	services[0].port = 8080;
	services[1].name = "c";
	table = service_table_create(registry, &config, NULL, NULL);
	service_table_destroy(old);
	assert_ptr_equal(service_table_at(table, 0)->identity, kept);
	assert_string_equal(kept->name, "a");
	assert_int_equal(service_table_at(table, 1)->identity->id, 3);
	service_counters_sum(kept, &sum);
	assert_int_equal(sum.packets_in, 15);
	assert_int_equal(sum.tls_failures, 1);
	service_counters_sum(service_table_at(table, 1)->identity, &sum);
	assert_int_equal(sum.packets_in, 0);
	service_table_destroy(table);
	service_registry_destroy(registry);
}

/* Ten thousand services over 40 addresses of both families, and none is taken for another. */
static void many_services_are_told_apart(void **state)
{
	struct config_service *services = calloc(MANY, sizeof(*services));
	struct config config = { .services = services, .service_count = MANY };
	struct service_registry *registry = service_registry_create(1);
	struct service_table *table;
	char(*names)[16] = calloc(MANY, sizeof(*names));

	(void)state;
	assert_non_null(services);
	assert_non_null(names);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "s%u", i);
		services[i].name = names[i];
		services[i].address = address(i % 2 ? "2001:db8::" : "198.51.100.0");
		services[i].address.bytes[15] = (uint8_t)(i % 40);
		services[i].port = (uint16_t)(1 + i / 40);
		services[i].protocol = IPPROTO_TCP;
	}
	table = service_table_create(registry, &config, NULL, NULL);
	assert_non_null(table);
	for (unsigned i = 0; i < MANY; i++) {
		uint16_t port_be = rte_cpu_to_be_16(services[i].port);

		assert_ptr_equal(service_find(table, &services[i].address, port_be, IPPROTO_TCP),
			service_table_at(table, i));
		assert_null(service_find(table, &services[i].address, port_be, IPPROTO_UDP));
	}
	service_table_destroy(table);
	service_registry_destroy(registry);
	free(services);
	free(names);
}

/* Only then may what goes to strangers be a member's reply. */
static void nat_is_known_of_the_whole_table(void **state)
{
	struct config_service services[2] = {
		{ .name = "a", .port = 1, .forward = CONFIG_FORWARD_DSR_L2, .gue_port = 6080 },
		{ .name = "b", .port = 2, .forward = CONFIG_FORWARD_NAT, .mode = CONFIG_MODE_L7 },
	};
	struct config config = { .services = services, .service_count = 2 };
	struct service_registry *registry = service_registry_create(1);
	struct service_table *table = service_table_create(registry, &config, NULL, NULL);

	(void)state;
	assert_false(service_table_has_nat(table));
	assert_int_equal(service_table_at(table, 0)->forward, CONFIG_FORWARD_DSR_L2);
	assert_int_equal(service_table_at(table, 0)->gue_port_be, rte_cpu_to_be_16(6080));
	service_table_destroy(table);
	services[1].mode = CONFIG_MODE_L4;
	table = service_table_create(registry, &config, NULL, NULL);
	assert_true(service_table_has_nat(table));
	service_table_destroy(table);
	service_registry_destroy(registry);
}

static const char *name_at(const struct service_table *table, uint16_t port)
{
	const struct service *service = find(table, "192.0.2.100", port, IPPROTO_UDP);

	return service == NULL ? "" : service->config->name;
}

static void a_port_goes_before_a_range_before_all_ports(void **state)
{
	struct config_service services[] = {
		{ .name = "all", .port = 0, .port_max = 65535 },
		{ .name = "high", .port = 60000, .port_max = 65535 },
		{ .name = "low", .port = 1, .port_max = 99 },
		{ .name = "mid", .port = 5000, .port_max = 5999 },
		{ .name = "one", .port = 5500, .port_max = 5500 },
		{ .name = "other", .port = 0, .port_max = 65535 },
	};
	static const struct {
		uint16_t port;
		const char *name;
	} rows[] = { { 1, "low" }, { 99, "low" }, { 100, "all" }, { 0, "all" }, { 4999, "all" },
		{ 5000, "mid" }, { 5499, "mid" }, { 5500, "one" }, { 5501, "mid" }, { 5999, "mid" },
		{ 6000, "all" }, { 59999, "all" }, { 60000, "high" }, { 65535, "high" } };
	struct config config = { .services = services, .service_count = RTE_DIM(services) };
	struct service_registry *registry = service_registry_create(1);
	struct service_table *table;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(services); i++) {
		services[i].address = address("192.0.2.100");
		services[i].protocol = i == 5 ? IPPROTO_TCP : IPPROTO_UDP;
	}
	table = service_table_create(registry, &config, NULL, &err);
	assert_non_null(table);
	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		assert_string_equal(name_at(table, rows[i].port), rows[i].name);
	assert_null(find(table, "192.0.2.101", 80, IPPROTO_UDP));
	assert_null(find(table, "192.0.2.100", 80, IPPROTO_SCTP));
	assert_string_equal(find(table, "192.0.2.100", 80, IPPROTO_TCP)->config->name, "other");
	service_table_destroy(table);
	/* Without the one for all, there are gaps. */
	config.services++;
	config.service_count--;
	table = service_table_create(registry, &config, NULL, &err);
	assert_non_null(table);
	assert_string_equal(name_at(table, 100), "");
	assert_string_equal(name_at(table, 59999), "");
	assert_string_equal(name_at(table, 60000), "high");
	service_table_destroy(table);
	service_registry_destroy(registry);
}

static void ranges_that_overlap_are_refused(void **state)
{
	struct config_service services[] = {
		{ .name = "a", .port = 10, .port_max = 20, .protocol = IPPROTO_UDP },
		{ .name = "b", .port = 20, .port_max = 30, .protocol = IPPROTO_UDP },
	};
	struct config config = { .services = services, .service_count = RTE_DIM(services) };
	struct service_registry *registry = service_registry_create(1);
	struct err err;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(services); i++)
		services[i].address = address("192.0.2.100");
	assert_null(service_table_create(registry, &config, NULL, &err));
	assert_string_equal(err.text, "services a and b both listen on port 20 of 192.0.2.100");
	services[0].port = services[1].port = 0;
	services[0].port_max = services[1].port_max = 65535;
	assert_null(service_table_create(registry, &config, NULL, &err));
	service_registry_destroy(registry);
}

/* Ten thousand ranges over a hundred addresses: each port finds its own. */
static void many_ranges_are_told_apart(void **state)
{
	struct config_service *services = calloc(MANY, sizeof(*services));
	struct config config = { .services = services, .service_count = MANY };
	struct service_registry *registry = service_registry_create(1);
	struct service_table *table;
	struct err err;

	(void)state;
	assert_non_null(services);
	for (unsigned i = 0; i < MANY; i++) {
		services[i] = (struct config_service){
			.name = "s",
			.address = address("198.18.0.0"),
			.port = (uint16_t)(1 + i / 100 * 600),
			.port_max = (uint16_t)(599 + i / 100 * 600),
			.protocol = IPPROTO_TCP,
		};
		services[i].address.bytes[15] = (uint8_t)(i % 100);
	}
	table = service_table_create(registry, &config, NULL, &err);
	assert_non_null(table);
	for (unsigned i = 0; i < MANY; i++) {
		const struct ip_addr *at = &services[i].address;

		assert_ptr_equal(
			service_find(table, at, rte_cpu_to_be_16(services[i].port), IPPROTO_TCP)
				->config,
			&services[i]);
		assert_ptr_equal(
			service_find(table, at, rte_cpu_to_be_16(services[i].port_max), IPPROTO_TCP)
				->config,
			&services[i]);
		assert_null(service_find(
			table, at, rte_cpu_to_be_16(services[i].port_max + 1), IPPROTO_TCP));
	}
	service_table_destroy(table);
	service_registry_destroy(registry);
	free(services);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_found_by_address_port_and_protocol),
		cmocka_unit_test(an_empty_table_finds_nothing),
		cmocka_unit_test(two_services_on_one_endpoint_are_refused),
		cmocka_unit_test(counters_outlive_configurations),
		cmocka_unit_test(many_services_are_told_apart),
		cmocka_unit_test(nat_is_known_of_the_whole_table),
		cmocka_unit_test(a_port_goes_before_a_range_before_all_ports),
		cmocka_unit_test(ranges_that_overlap_are_refused),
		cmocka_unit_test(many_ranges_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
