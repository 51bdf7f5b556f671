/* SPDX-License-Identifier: Apache-2.0 */
/* Local ports by which members' replies come in at the worker that has the connection. */
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "base/rng.h"
#include "harness.h"
#include "support/support.h"

#define QUEUES 4
#define FLOWS  200

static void rss_make(struct rss *rss, unsigned kinds)
{
	uint8_t key[RSS_KEY_MIN];
	struct rng rng = { .state = 11 };
	uint16_t reta[128];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)rng_next(&rng);
	for (unsigned i = 0; i < RTE_DIM(reta); i++)
		reta[i] = (uint16_t)(rng_next(&rng) % QUEUES);
	rss_init(rss, kinds, key, sizeof(key), reta, RTE_DIM(reta));
}

/* The queue by which the member's next packet comes in. */
static uint16_t reply_queue(const struct rss *rss, const struct flow *flow)
{
	struct rss_flow reply = {
		.src = flow->at_member.dst,
		.dst = flow->at_member.src,
		.src_port_be = flow->at_member.dst_port_be,
		.protocol = flow->at_member.protocol,
	};
	struct rss_search search = rss_begin(rss, &reply);

	return rss_queue(&search, rte_be_to_cpu_16(flow->at_member.src_port_be));
}

static void replies_come_to_the_owner(void **state)
{
	struct rss rss;
	const struct rss *by_port[NEIGH_PORTS_MAX] = { &rss };

	(void)state;
	rss_make(&rss, RSS_TCP4 | RSS_UDP4 | RSS_TCP6 | RSS_UDP6);
	for (int queue = 0; queue < QUEUES; queue++) {
		struct harness h = { .rss = by_port, .core = { .l4_index = queue } };

		harness_start(&h);
		for (unsigned i = 0; i < FLOWS; i++) {
			struct flow flow = flow_make(i % HARNESS_PLAIN_SERVICES, i);

			flow_establish(&h, &flow);
			assert_int_equal(reply_queue(&rss, &flow), queue);
		}
		assert_int_equal(l4_counters(h.l4)->local_ports_steered, FLOWS);
		assert_int_equal(l4_counters(h.l4)->local_ports_unsteered, 0);
		harness_stop(&h);
	}
}

/* Few ports toward one member: those of our own queue first, and then all the others. */
static void ports_of_other_queues_are_the_last_resort(void **state)
{
	struct rss rss;
	const struct rss *by_port[NEIGH_PORTS_MAX] = { &rss };
	struct harness h = {
		.rss = by_port,
		.member_count = 1,
		.slice = { .port_min = 20000, .port_max = 20031 },
		.core = { .l4_index = 1 },
	};
	struct flow late = flow_make(HARNESS_TCP4, 100);
	uint64_t steered;

	(void)state;
	rss_make(&rss, RSS_TCP4);
	harness_start(&h);
	for (unsigned i = 0; i < 32; i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);

		flow_establish(&h, &flow);
		steered = l4_counters(h.l4)->local_ports_steered;
		assert_true(steered == i + 1u ||
			l4_counters(h.l4)->local_ports_unsteered == i + 1 - steered);
		assert_true((reply_queue(&rss, &flow) == 1) == (steered == i + 1u));
	}
	assert_in_range(steered, 2, 20);
	assert_int_equal(flow_send(&h, &late, RTE_TCP_SYN_FLAG), DROP_no_local_port);
	harness_stop(&h);
}

/* Where ports do not tell the queue, any port will do. */
static void flows_that_are_not_hashed_by_ports_take_any(void **state)
{
	struct rss rss;
	const struct rss *by_port[NEIGH_PORTS_MAX] = { &rss };
	struct harness h = { .rss = by_port };
	struct flow flow = flow_make(HARNESS_UDP4, 1);

	(void)state;
	rss_make(&rss, RSS_TCP4);
	harness_start(&h);
	flow_establish(&h, &flow);
	assert_int_equal(l4_counters(h.l4)->local_ports_steered, 0);
	assert_int_equal(l4_counters(h.l4)->local_ports_unsteered, 1);
	harness_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(replies_come_to_the_owner, support_mbufs_check),
		cmocka_unit_test_teardown(
			ports_of_other_queues_are_the_last_resort, support_mbufs_check),
		cmocka_unit_test_teardown(
			flows_that_are_not_hashed_by_ports_take_any, support_mbufs_check),
	};

	return cmocka_run_group_tests_name("rss", tests, support_eal_start, support_mbufs_check);
}
