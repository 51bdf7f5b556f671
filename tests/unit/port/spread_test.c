/* SPDX-License-Identifier: Apache-2.0 */
/* What is learned of a device's RSS, by DPDK's null device, which has a key and a table to set. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include "port/port.h"
#include "support/support.h"

#define DEVICE "net_null_spread"
#define FLOWS  500

static void port_make(struct port *port, const struct config_port *config, unsigned queues)
{
	struct err err = { 0 };

	assert_int_equal(rte_eal_hotplug_add("vdev", DEVICE, ""), 0);
	assert_int_equal(port_open(port, config, queues, support_mbufs(), &err), 0);
}

static void port_unmake(struct port *port)
{
	port_close(port);
	(void)rte_eal_hotplug_remove("vdev", DEVICE);
}

/* The device's own answer, by DPDK's own function over the whole tuple. */
static uint16_t device_queue(uint16_t id, const struct rss_flow *flow, uint16_t dst_port)
{
	struct rte_eth_rss_reta_entry64 rows[RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_dev_info info;
	_Alignas(uint32_t) uint8_t key[RSS_KEY_MAX];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	union rte_thash_tuple tuple = { 0 };
	uint32_t row;

	assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
	assert_int_equal(rte_eth_dev_rss_hash_conf_get(id, &conf), 0);
	memset(rows, 0xff, sizeof(rows));
	assert_int_equal(rte_eth_dev_rss_reta_query(id, rows, info.reta_size), 0);
	tuple.v4.src_addr = rte_be_to_cpu_32(ip_v4_be(&flow->src));
	tuple.v4.dst_addr = rte_be_to_cpu_32(ip_v4_be(&flow->dst));
	tuple.v4.sport = rte_be_to_cpu_16(flow->src_port_be);
	tuple.v4.dport = dst_port;
	row = rte_softrss((uint32_t *)&tuple, RTE_THASH_V4_L4_LEN, key) % info.reta_size;
	return rows[row / RTE_ETH_RETA_GROUP_SIZE].reta[row % RTE_ETH_RETA_GROUP_SIZE];
}

static void a_port_knows_the_queue_of_a_flow(void **state)
{
	const struct config_port config = {
		.name = "null",
		.device = DEVICE,
		.mtu = 1500,
		.rx_descriptors = 64,
		.tx_descriptors = 64,
	};
	unsigned counts[2] = { 0 };
	struct port port;

	(void)state;
	port_make(&port, &config, 2);
	assert_int_equal(port.queues, 2);
	assert_int_not_equal(port.rss.kinds & RSS_TCP4, 0);
	for (uint16_t i = 0; i < FLOWS; i++) {
		struct rss_flow flow = {
			.src = ip_from_v4(rte_cpu_to_be_32(0xc6336400u + i % 7)),
			.dst = ip_from_v4(rte_cpu_to_be_32(0xc6336402u)),
			.src_port_be = rte_cpu_to_be_16(8080),
			.protocol = IPPROTO_TCP,
		};
		struct rss_search search = rss_begin(&port.rss, &flow);
		uint16_t local = (uint16_t)(1024 + 7 * i);
		uint16_t queue = rss_queue(&search, local);

		assert_int_equal(queue, device_queue(port.ethdev_id, &flow, local));
		assert_in_range(queue, 0, 1);
		counts[queue]++;
	}
	assert_in_range(counts[0], FLOWS / 3, 2 * FLOWS / 3);
	port_unmake(&port);
}

static void a_port_of_one_queue_has_nothing_to_choose(void **state)
{
	const struct config_port config = {
		.name = "null",
		.device = DEVICE,
		.mtu = 1500,
		.rx_descriptors = 64,
		.tx_descriptors = 64,
	};
	struct port port;

	(void)state;
	port_make(&port, &config, 1);
	assert_int_equal(port.rss.kinds, 0);
	port_unmake(&port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_port_knows_the_queue_of_a_flow, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_port_of_one_queue_has_nothing_to_choose, support_mbufs_check),
	};

	return cmocka_run_group_tests_name("spread", tests, support_eal_start, support_mbufs_check);
}
