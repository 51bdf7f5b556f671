/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "harness.h"
#include "support/support.h"

#define SYN     RTE_TCP_SYN_FLAG
#define ACK     RTE_TCP_ACK_FLAG
#define SYN_ACK (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)

#define FLOWS 300

/* A third of the flows by each of TCP and UDP over IPv4 and TCP over IPv6. */
static struct flow *flows_establish(struct harness *h)
{
	static const enum harness_service services[] = {
		HARNESS_TCP4,
		HARNESS_UDP4,
		HARNESS_TCP6,
	};
	struct flow *flows = calloc(FLOWS, sizeof(*flows));

	assert_non_null(flows);
	for (unsigned i = 0; i < FLOWS; i++) {
		flows[i] = flow_make(services[i % 3], i / 3);
		flow_establish(h, &flows[i]);
	}
	return flows;
}

/* A packet each way; the member must see what it saw before. */
static void flow_check_unmoved(struct harness *h, struct flow *flow)
{
	struct packet_tuple before = flow->at_member;

	assert_int_equal(flow_send(h, flow, ACK), DROP_NONE);
	assert_true(ip_equal(&before.dst, &flow->at_member.dst));
	assert_int_equal(before.src_port_be, flow->at_member.src_port_be);
	assert_int_equal(flow_reply(h, flow, ACK), DROP_NONE);
}

/* Members join and weights change: the file is another, every connection stays. */
static void a_reload_moves_no_established_flow(void **state)
{
	struct harness h = { .member_count = 4 };
	struct flow *flows;

	(void)state;
	harness_start(&h);
	flows = flows_establish(&h);
	h.pools[HARNESS_POOL4].member_count = 9;
	h.pools[HARNESS_POOL6].member_count = 5;
	h.members[HARNESS_POOL4][0].weight = 100;
	h.members[HARNESS_POOL4][1].weight = 0;
	harness_reload(&h);
	for (unsigned i = 0; i < FLOWS; i++)
		flow_check_unmoved(&h, &flows[i]);
	assert_int_equal(l4_counters(h.l4)->conns_opened, FLOWS);
	free(flows);
	harness_stop(&h);
}

/*
 * Members leave the file: TCP to them goes on and keeps them in memory, UDP to them moves on with
 * the next packet, and nothing else moves.
 */
static void members_that_leave_keep_their_tcp_flows(void **state)
{
	struct harness h = { .member_count = 4 };
	struct flow *flows;
	unsigned moved = 0;

	(void)state;
	harness_start(&h);
	flows = flows_establish(&h);
	h.pools[HARNESS_POOL4].member_count = 2;
	harness_reload(&h);
	assert_int_equal(rcu_reap(h.rcu), 2);
	for (unsigned i = 0; i < FLOWS; i++) {
		if (flows[i].service != HARNESS_UDP4 || flow_member(&flows[i]) < 2) {
			flow_check_unmoved(&h, &flows[i]);
			continue;
		}
		assert_int_equal(flow_send(&h, &flows[i], 0), DROP_NONE);
		assert_true(flow_member(&flows[i]) < 2);
		assert_int_equal(flow_reply(&h, &flows[i], 0), DROP_NONE);
		moved++;
	}
	assert_true(moved > 0);
	assert_int_equal(l4_counters(h.l4)->conns_moved, moved);
	assert_int_equal(rcu_reap(h.rcu), 2);
	/* The last connection ends, and the members with it. */
	harness_pass(&h, 910000);
	assert_int_equal(l4_conn_count(h.l4), 0);
	assert_int_equal(rcu_reap(h.rcu), 0);
	free(flows);
	harness_stop(&h);
}

static void flows_of_a_draining_member_go_on(void **state)
{
	struct harness h = { .member_count = 2 };
	struct flow *flows;

	(void)state;
	harness_start(&h);
	flows = flows_establish(&h);
	harness_member(&h, HARNESS_POOL4, 0)->admin = MEMBER_DRAIN;
	harness_rebuild(&h, HARNESS_POOL4);
	for (unsigned i = 0; i < FLOWS; i++)
		flow_check_unmoved(&h, &flows[i]);
	for (unsigned i = 0; i < 50; i++) {
		struct flow flow = flow_make(HARNESS_UDP4, 1000 + i);

		flow_establish(&h, &flow);
		assert_int_equal(flow_member(&flow), 1);
	}
	free(flows);
	harness_stop(&h);
}

/* Down: TCP segments still go there, SYNs and datagrams go elsewhere, and replies still pass. */
static void flows_of_a_dead_member(void **state)
{
	struct harness h = { .member_count = 2 };
	struct flow *flows;
	uint64_t moved = 0;

	(void)state;
	harness_start(&h);
	flows = flows_establish(&h);
	harness_member(&h, HARNESS_POOL4, 0)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow *flow = &flows[i];

		if (flow->service == HARNESS_TCP6 || flow_member(flow) == 1) {
			flow_check_unmoved(&h, flow);
			continue;
		}
		assert_int_equal(flow_reply(&h, flow, ACK), DROP_NONE);
		if (flow->service == HARNESS_TCP4) {
			flow_check_unmoved(&h, flow);
			assert_int_equal(flow_send(&h, flow, SYN), DROP_NONE);
		} else {
			assert_int_equal(flow_send(&h, flow, 0), DROP_NONE);
		}
		assert_int_equal(flow_member(flow), 1);
		moved++;
	}
	assert_true(moved > 50);
	assert_int_equal(l4_counters(h.l4)->conns_moved, moved);
	assert_int_equal(l4_conn_count(h.l4), FLOWS);
	assert_int_equal(member_conns_now(harness_member(&h, HARNESS_POOL4, 0)), 0);
	assert_int_equal(member_conns_now(harness_member(&h, HARNESS_POOL4, 1)), FLOWS * 2 / 3);
	free(flows);
	harness_stop(&h);
}

/* A SYN that no member answered is sent elsewhere when it comes again. */
static void a_repeated_syn_leaves_a_dead_member(void **state)
{
	struct harness h = { .member_count = 2 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	unsigned first;

	(void)state;
	harness_start(&h);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	first = flow_member(&flow);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(flow_member(&flow), first);
	harness_member(&h, HARNESS_POOL4, first)->health = MEMBER_DOWN;
	/* Known to the health check, not yet published: nothing better to do than to go on. */
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(flow_member(&flow), first);
	assert_int_equal(l4_counters(h.l4)->conns_opened, 1);
	harness_rebuild(&h, HARNESS_POOL4);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(flow_member(&flow), 1 - first);
	assert_int_equal(l4_counters(h.l4)->conns_moved, 1);
	harness_stop(&h);
}

/* All down: datagrams are dropped, the flow is kept and goes on when the member is back. */
static void a_flow_without_alternative_waits(void **state)
{
	struct harness h = { .member_count = 1 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	harness_member(&h, HARNESS_POOL4, 0)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_no_backend);
	harness_member(&h, HARNESS_POOL4, 0)->health = MEMBER_UP;
	harness_rebuild(&h, HARNESS_POOL4);
	flow_check_unmoved(&h, &flow);
	assert_int_equal(l4_counters(h.l4)->conns_opened, 1);
	harness_stop(&h);
}

/* 10000 flows over ten members by Maglev: no share is off by more than five deviations. */
static void maglev_spreads_flows_evenly(void **state)
{
	struct harness h = {
		.member_count = 10,
		.max_connections = 20000,
		.slice = { 1024, 65535 },
	};
	unsigned counts[10] = { 0 };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 10000; i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);

		assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
		counts[flow_member(&flow)]++;
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_in_range(counts[i], 850, 1150);
		assert_int_equal(member_conns_now(harness_member(&h, HARNESS_POOL4, i)), counts[i]);
	}
	assert_int_equal(l4_conn_count(h.l4), 10000);
	harness_stop(&h);
}

/* By the client's address: all its ports reach one member, and clients still spread. */
static void source_ip_keeps_a_client_with_a_member(void **state)
{
	struct harness h = { .member_count = 8 };
	unsigned counts[8] = { 0 };
	unsigned reached = 0;

	(void)state;
	harness_start(&h);
	h.services[HARNESS_UDP4].hash = CONFIG_HASH_SOURCE_IP;
	h.pools[HARNESS_POOL6].balance = CONFIG_BALANCE_SOURCE_HASH;
	harness_reload(&h);
	for (unsigned i = 0; i < 250; i++) {
		for (unsigned v6 = 0; v6 < 2; v6++) {
			struct flow one = flow_make(v6 ? HARNESS_UDP6 : HARNESS_UDP4, i);
			struct flow two = one;

			two.client_port++;
			assert_int_equal(flow_send(&h, &one, 0), DROP_NONE);
			assert_int_equal(flow_send(&h, &two, 0), DROP_NONE);
			assert_int_equal(flow_member(&one), flow_member(&two));
			counts[flow_member(&one)]++;
		}
	}
	for (unsigned i = 0; i < 8; i++)
		reached += counts[i] > 20;
	assert_int_equal(reached, 8);
	harness_stop(&h);
}

/* The other algorithms get what they need from the worker: position and randomness. */
static void every_algorithm_serves_flows(void **state)
{
	static const enum config_balance all[] = {
		CONFIG_BALANCE_ROUND_ROBIN,
		CONFIG_BALANCE_LEAST_REQUESTS,
		CONFIG_BALANCE_P2C,
		CONFIG_BALANCE_RR,
		CONFIG_BALANCE_LEAST_CONNECTIONS,
		CONFIG_BALANCE_LC,
	};

	(void)state;
	for (unsigned a = 0; a < RTE_DIM(all); a++) {
		struct harness h = { .member_count = 4 };
		unsigned counts[4] = { 0 };

		harness_start(&h);
		h.pools[HARNESS_POOL4].balance = all[a];
		harness_reload(&h);
		for (unsigned i = 0; i < 400; i++) {
			struct flow flow = flow_make(HARNESS_TCP4, i);

			assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
			counts[flow_member(&flow)]++;
		}
		for (unsigned i = 0; i < 4; i++)
			assert_in_range(counts[i], all[a] == CONFIG_BALANCE_P2C ? 90 : 100,
				all[a] == CONFIG_BALANCE_P2C ? 110 : 100);
		harness_stop(&h);
	}
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_reload_moves_no_established_flow),
		CASE(members_that_leave_keep_their_tcp_flows),
		CASE(flows_of_a_draining_member_go_on),
		CASE(flows_of_a_dead_member),
		CASE(a_repeated_syn_leaves_a_dead_member),
		CASE(a_flow_without_alternative_waits),
		CASE(maglev_spreads_flows_evenly),
		CASE(source_ip_keeps_a_client_with_a_member),
		CASE(every_algorithm_serves_flows),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
