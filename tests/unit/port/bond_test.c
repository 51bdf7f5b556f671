/* SPDX-License-Identifier: Apache-2.0 */
/* A bond over DPDK's ring devices, which give back what is sent, and whose link can be cut. */
#include "port/bond.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_ether.h>

#include "base/clock.h"
#include "support/support.h"

#define MEMBERS     2
#define BOND        0 /* places among the ports */
#define FIRST       1
#define PORTS       (1 + MEMBERS)
#define FRAME_LEN   60
#define PATIENCE_US (10 * CLOCK_US_PER_S)

struct bench {
	struct config config;
	struct config_port configs[PORTS];
	struct port ports[PORTS];
	struct port_bond *bond;
	struct core core;
	struct port_tx tx;
	char devices[MEMBERS][32];
};

static void bench_make(struct bench *bench, struct config_bond bond)
{
	static unsigned made; /* rings keep their names when their devices go */
	struct err err = { 0 };

	memset(bench, 0, sizeof(*bench));
	bond.member_count = MEMBERS;
	bench->configs[BOND] = (struct config_port){
		.name = "bond",
		.has_bond = true,
		.bond = bond,
		.mtu = 1500,
		.rx_descriptors = 64,
		.tx_descriptors = 64,
	};
	for (unsigned i = 0; i < MEMBERS; i++) {
		char *device = bench->devices[i];

		snprintf(device, sizeof(bench->devices[i]), "net_ring_bond%u", made++);
		assert_int_equal(rte_eal_hotplug_add("vdev", device, ""), 0);
		bench->configs[BOND].bond.members[i] = FIRST + i;
		bench->configs[FIRST + i] = (struct config_port){
			.name = device,
			.device = device,
			.is_member = true,
			.bond_index = BOND,
		};
	}
	bench->config.ports = bench->configs;
	bench->config.port_count = PORTS;
	bench->bond = port_bond_open(
		bench->ports, BOND, &bench->config, 1, support_mbufs(), clock_now_us(), &err);
	assert_string_equal(err.text, "");
	assert_non_null(bench->bond);
	bench->tx = (struct port_tx){ .port = &bench->ports[BOND], .core = &bench->core };
}

static void bench_unmake(struct bench *bench)
{
	port_bond_destroy(bench->bond);
	for (unsigned i = 0; i < PORTS; i++)
		port_close(&bench->ports[i]);
	for (unsigned i = 0; i < MEMBERS; i++)
		(void)rte_eal_hotplug_remove("vdev", bench->devices[i]);
}

static struct port_bond_member member_get(const struct bench *bench, unsigned i)
{
	struct port_bond_member member;

	assert_true(port_bond_member_get(bench->bond, FIRST + i, &member));
	return member;
}

/* net_bond looks at links on a thread of its own. How often the bond asked to be announced. */
static unsigned roles_await(
	struct bench *bench, enum port_bond_role first, enum port_bond_role second)
{
	uint64_t end_us = clock_now_us() + PATIENCE_US;
	unsigned announced = 0;

	while (member_get(bench, 0).role != first || member_get(bench, 1).role != second) {
		assert_true(clock_now_us() < end_us);
		sched_yield();
		announced += port_bond_poll(bench->bond, clock_now_us());
	}
	return announced;
}

static void link_set(struct bench *bench, unsigned i, bool is_up)
{
	uint16_t id = bench->ports[FIRST + i].ethdev_id;

	assert_int_equal(is_up ? rte_eth_dev_set_link_up(id) : rte_eth_dev_set_link_down(id), 0);
}

/* Sends frames by the bond, and takes them from where it sent them. */
static uint16_t frames_return(struct bench *bench, uint16_t count)
{
	struct rte_mbuf *frames[PORT_BURST];
	uint8_t bytes[FRAME_LEN] = { 0 };
	uint16_t back;

	memset(bytes, 0xff, RTE_ETHER_ADDR_LEN);
	for (uint16_t i = 0; i < count; i++)
		port_tx_put(&bench->tx, support_mbuf(bytes, sizeof(bytes)));
	port_tx_flush(&bench->tx);
	back = port_rx(&bench->ports[BOND], 0, &bench->core, frames);
	rte_pktmbuf_free_bulk(frames, back);
	return back;
}

static uint64_t sent_by(const struct bench *bench, unsigned i)
{
	struct rte_eth_stats stats;

	assert_int_equal(rte_eth_stats_get(bench->ports[FIRST + i].ethdev_id, &stats), 0);
	return stats.opackets;
}

static void one_member_carries_all(void **state)
{
	struct bench bench;
	uint16_t id;

	(void)state;
	bench_make(&bench, (struct config_bond){ .primary = -1 });
	assert_int_equal(roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_BACKUP), 1);
	assert_int_equal(frames_return(&bench, 5), 5);
	assert_int_equal(sent_by(&bench, 0), 5);
	assert_int_equal(sent_by(&bench, 1), 0);
	/* What the switch floods comes by the backup as well, once it is looked at. */
	id = bench.ports[FIRST + 1].ethdev_id;
	while (rte_eth_bond_8023ad_ext_collect_get(bench.ports[BOND].ethdev_id, id) < 0)
		sched_yield();
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t bytes[FRAME_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
		struct rte_mbuf *m = support_mbuf(bytes, sizeof(bytes));

		assert_int_equal(rte_eth_tx_burst(id, 0, &m, 1), 1);
	}
	assert_int_equal(frames_return(&bench, 2), 2);
	bench_unmake(&bench);
}

static void the_other_takes_over(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, (struct config_bond){ .primary = -1 });
	roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_BACKUP);
	link_set(&bench, 0, false);
	assert_int_equal(roles_await(&bench, PORT_BOND_DOWN, PORT_BOND_ACTIVE), 1);
	assert_int_equal(port_bond_failovers(bench.bond), 1);
	assert_int_equal(member_get(&bench, 0).failovers, 1);
	assert_int_equal(frames_return(&bench, 4), 4);
	assert_int_equal(sent_by(&bench, 1), 4);
	/* Without a primary there is no way back. */
	link_set(&bench, 0, true);
	roles_await(&bench, PORT_BOND_BACKUP, PORT_BOND_ACTIVE);
	(void)port_bond_poll(bench.bond, clock_now_us() + 60 * CLOCK_US_PER_S);
	assert_int_equal(member_get(&bench, 1).role, PORT_BOND_ACTIVE);
	assert_int_equal(port_bond_failovers(bench.bond), 1);
	bench_unmake(&bench);
}

static void the_primary_returns_after_its_delay(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, (struct config_bond){ .primary = 1, .up_delay_ms = 50000 });
	roles_await(&bench, PORT_BOND_BACKUP, PORT_BOND_ACTIVE);
	link_set(&bench, 1, false);
	roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_DOWN);
	link_set(&bench, 1, true);
	roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_BACKUP);
	(void)port_bond_poll(bench.bond, clock_now_us() + 40 * CLOCK_US_PER_S);
	assert_int_equal(member_get(&bench, 0).role, PORT_BOND_ACTIVE);
	assert_true(port_bond_poll(bench.bond, clock_now_us() + 51 * CLOCK_US_PER_S));
	assert_int_equal(member_get(&bench, 1).role, PORT_BOND_ACTIVE);
	assert_int_equal(port_bond_failovers(bench.bond), 2);
	bench_unmake(&bench);
}

static void without_members_frames_are_counted(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, (struct config_bond){ .primary = -1 });
	roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_BACKUP);
	link_set(&bench, 0, false);
	link_set(&bench, 1, false);
	roles_await(&bench, PORT_BOND_DOWN, PORT_BOND_DOWN);
	assert_int_equal(atomic_load(&bench.ports[BOND].members_in_use), 0);
	assert_int_equal(frames_return(&bench, 7), 0);
	assert_int_equal(bench.core.drops.counts[DROP_bond_down], 7);
	/* At once, for there is nobody to wait for. */
	link_set(&bench, 1, true);
	assert_int_equal(roles_await(&bench, PORT_BOND_DOWN, PORT_BOND_ACTIVE), 1);
	assert_int_equal(frames_return(&bench, 1), 1);
	bench_unmake(&bench);
}

/* One announcement may be lost. */
static void a_new_way_is_announced_four_times(void **state)
{
	struct bench bench;
	uint64_t now_us;
	unsigned announced = 0;

	(void)state;
	bench_make(&bench, (struct config_bond){ .primary = -1 });
	roles_await(&bench, PORT_BOND_ACTIVE, PORT_BOND_BACKUP);
	now_us = clock_now_us();
	for (unsigned i = 0; i < 100; i++)
		announced += port_bond_poll(bench.bond, now_us + i * 100 * CLOCK_US_PER_MS);
	assert_int_equal(announced, 3);
	bench_unmake(&bench);
}

/* The ring gives our own words back: from us to us, nothing is agreed. */
static void lacp_speaks_and_waits_for_a_partner(void **state)
{
	struct bench bench;
	uint64_t end_us = clock_now_us() + PATIENCE_US;

	(void)state;
	bench_make(&bench, (struct config_bond){ .mode = CONFIG_BOND_LACP, .primary = -1 });
	do {
		assert_true(clock_now_us() < end_us);
		(void)port_bond_poll(bench.bond, clock_now_us());
		assert_int_equal(frames_return(&bench, 0), 0);
	} while (strcmp(member_get(&bench, 0).lacp, "detached") != 0);
	assert_int_equal(member_get(&bench, 0).role, PORT_BOND_BACKUP);
	assert_int_equal(frames_return(&bench, 2), 0);
	assert_int_equal(bench.core.drops.counts[DROP_bond_down], 2);
	bench_unmake(&bench);
}

/* Two queues on devices that spread: the bond knows how, and its members do it alike. */
static void a_bond_spreads_as_its_members_do(void **state)
{
	struct config_port configs[PORTS] = {
		[BOND] = { .name = "bond",
			.has_bond = true,
			.mtu = 1500,
			.rx_descriptors = 64,
			.tx_descriptors = 64,
			.bond = { .member_count = MEMBERS, .members = { 1, 2 }, .primary = -1 } },
		[1] = { .name = "first", .device = "net_null_bond1", .is_member = true },
		[2] = { .name = "second", .device = "net_null_bond2", .is_member = true },
	};
	const struct config config = { .ports = configs, .port_count = PORTS };
	struct port ports[PORTS] = { 0 };
	struct port_bond *bond;
	struct err err = { 0 };

	(void)state;
	for (unsigned i = FIRST; i < PORTS; i++)
		assert_int_equal(rte_eal_hotplug_add("vdev", configs[i].device, ""), 0);
	bond = port_bond_open(ports, BOND, &config, 2, support_mbufs(), clock_now_us(), &err);
	assert_string_equal(err.text, "");
	assert_int_equal(ports[BOND].queues, 2);
	assert_int_not_equal(ports[BOND].rss.kinds & RSS_TCP4, 0);
	for (unsigned i = FIRST; i < PORTS; i++) {
		uint8_t keys[2][RSS_KEY_MAX] = { { 0 } };

		for (unsigned side = 0; side < 2; side++) {
			struct rte_eth_rss_conf conf = {
				.rss_key = keys[side],
				.rss_key_len = sizeof(keys[side]),
			};

			assert_int_equal(rte_eth_dev_rss_hash_conf_get(
						 ports[side == 0 ? BOND : i].ethdev_id, &conf),
				0);
		}
		assert_memory_equal(keys[0], keys[1], RSS_KEY_MIN);
	}
	port_bond_destroy(bond);
	for (unsigned i = FIRST; i < PORTS; i++) {
		port_close(&ports[i]);
		(void)rte_eal_hotplug_remove("vdev", configs[i].device);
	}
}

static void a_member_without_a_device_is_told(void **state)
{
	struct config_port configs[PORTS] = {
		[BOND] = { .name = "bond",
			.has_bond = true,
			.bond = { .member_count = MEMBERS, .members = { 1, 2 }, .primary = -1 } },
		[1] = { .name = "first", .device = "net_nothing1", .is_member = true },
		[2] = { .name = "second", .device = "net_nothing2", .is_member = true },
	};
	const struct config config = { .ports = configs, .port_count = PORTS };
	struct port ports[PORTS] = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_null(port_bond_open(ports, BOND, &config, 1, support_mbufs(), 0, &err));
	assert_string_equal(
		err.text, "port first: there is no device net_nothing1, or its driver refused it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_member_carries_all, support_mbufs_check),
		cmocka_unit_test_teardown(the_other_takes_over, support_mbufs_check),
		cmocka_unit_test_teardown(the_primary_returns_after_its_delay, support_mbufs_check),
		cmocka_unit_test_teardown(without_members_frames_are_counted, support_mbufs_check),
		cmocka_unit_test_teardown(a_new_way_is_announced_four_times, support_mbufs_check),
		cmocka_unit_test_teardown(lacp_speaks_and_waits_for_a_partner, support_mbufs_check),
		cmocka_unit_test_teardown(a_bond_spreads_as_its_members_do, support_mbufs_check),
		cmocka_unit_test_teardown(a_member_without_a_device_is_told, support_mbufs_check),
	};

	return cmocka_run_group_tests_name("bond", tests, support_eal_start, support_mbufs_check);
}
