/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "harness.h"
#include "support/support.h"

#define SYN     RTE_TCP_SYN_FLAG
#define ACK     RTE_TCP_ACK_FLAG
#define FIN_ACK (RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG)

/* Established connections are never given up: the table refuses, and what is there goes on. */
static void a_table_full_of_established_refuses(void **state)
{
	struct harness h = { .max_connections = 50 };
	struct flow flows[50];
	struct flow late = flow_make(HARNESS_TCP4, 1000);

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 50; i++) {
		flows[i] = flow_make(HARNESS_TCP4, i);
		flow_establish(&h, &flows[i]);
	}
	assert_int_equal(flow_send(&h, &late, SYN), DROP_conn_table_full);
	assert_int_equal(l4_conn_count(h.l4), 50);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(flow_send(&h, &flows[i], ACK), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->conns_evicted, 0);
	harness_stop(&h);
}

/* A flood of SYNs pushes out its own kind, and no established connection. */
static void a_syn_flood_evicts_only_the_unanswered(void **state)
{
	struct harness h = { .max_connections = 1000 };
	struct flow flows[500];
	unsigned refused = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 500; i++) {
		flows[i] = flow_make(HARNESS_TCP4, i);
		flow_establish(&h, &flows[i]);
	}
	for (unsigned i = 0; i < 5000; i++) {
		struct flow forged = flow_make(HARNESS_TCP4, 1000 + i);
		enum drop_reason reason = flow_send(&h, &forged, SYN);

		assert_true(reason == DROP_NONE || reason == DROP_conn_table_full);
		refused += reason != DROP_NONE;
	}
	/* Half of the table is unanswered: hardly ever none of up to 16 near ones. */
	assert_true(refused < 200);
	assert_int_equal(l4_counters(h.l4)->conns_evicted, 4500 - refused);
	assert_int_equal(l4_conn_count(h.l4), 1000);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(flow_send(&h, &flows[i], ACK), DROP_NONE);
	harness_stop(&h);
}

static void closed_connections_make_room(void **state)
{
	struct harness h = { .max_connections = 4 };
	struct flow flows[4];
	struct flow late = flow_make(HARNESS_TCP4, 9);

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 4; i++) {
		flows[i] = flow_make(HARNESS_TCP4, i);
		flow_establish(&h, &flows[i]);
		if (i > 0)
			continue;
		assert_int_equal(flow_send(&h, &flows[i], FIN_ACK), DROP_NONE);
		assert_int_equal(flow_reply(&h, &flows[i], FIN_ACK), DROP_NONE);
	}
	assert_int_equal(flow_send(&h, &late, SYN), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->conns_evicted, 1);
	assert_int_equal(flow_send(&h, &flows[0], ACK), DROP_no_conn);
	assert_int_equal(flow_send(&h, &flows[1], ACK), DROP_NONE);
	harness_stop(&h);
}

/* One local port toward one member: one flow; each further member has that port once more. */
static void a_local_port_is_used_once_toward_each_member(void **state)
{
	struct harness h = { .slice = { 40000, 40000 }, .member_count = 4 };
	bool is_taken[4] = { false };
	unsigned opened = 0;
	unsigned refused = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 200; i++) {
		struct flow flow = flow_make(HARNESS_UDP4, i);
		enum drop_reason reason = flow_send(&h, &flow, 0);

		if (reason == DROP_no_local_port) {
			refused++;
			continue;
		}
		assert_int_equal(reason, DROP_NONE);
		assert_int_equal(flow.at_member.src_port_be, rte_cpu_to_be_16(40000));
		assert_false(is_taken[flow_member(&flow)]);
		is_taken[flow_member(&flow)] = true;
		opened++;
	}
	assert_int_equal(opened, 4);
	assert_int_equal(refused, 196);
	assert_int_equal(h.core.drops.counts[DROP_no_local_port], 196);
	harness_stop(&h);
}

/* Fifty ports toward one member hold fifty flows, each its own; a port that is freed comes back. */
static void all_ports_of_the_slice_are_found(void **state)
{
	struct harness h = { .slice = { 40000, 40049 }, .member_count = 1 };
	struct flow flows[50];
	struct flow late = flow_make(HARNESS_TCP4, 100);
	bool is_taken[50] = { false };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 50; i++) {
		unsigned port;

		flows[i] = flow_make(HARNESS_TCP4, i);
		flow_establish(&h, &flows[i]);
		port = rte_be_to_cpu_16(flows[i].at_member.src_port_be);
		assert_in_range(port, 40000, 40049);
		assert_false(is_taken[port - 40000]);
		is_taken[port - 40000] = true;
	}
	assert_int_equal(flow_send(&h, &late, SYN), DROP_no_local_port);
	/* TCP's ports are not UDP's. */
	late.service = HARNESS_UDP4;
	assert_int_equal(flow_send(&h, &late, 0), DROP_NONE);
	late.service = HARNESS_TCP4;
	assert_int_equal(flow_send(&h, &flows[7], RTE_TCP_RST_FLAG), DROP_NONE);
	harness_pass(&h, 7000);
	assert_int_equal(flow_send(&h, &late, SYN), DROP_NONE);
	assert_int_equal(late.at_member.src_port_be, flows[7].at_member.src_port_be);
	harness_stop(&h);
}

/*
 * Many more ports than one search looks at, nearly all in use: searches go on where the last one
 * ended, one in a millisecond, and find the one that is left.
 */
static void the_last_port_is_found_in_the_end(void **state)
{
	struct harness h = { .slice = { 40000, 40999 }, .member_count = 1 };
	struct flow freed;
	unsigned searches = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 1000; i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);

		assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
		if (i == 500)
			freed = flow;
	}
	assert_int_equal(flow_send(&h, &freed, RTE_TCP_RST_FLAG), DROP_NONE);
	harness_pass(&h, 7000);
	assert_int_equal(l4_conn_count(h.l4), 999);
	for (; searches < 1000 / 64 + 1; searches++) {
		struct flow late = flow_make(HARNESS_TCP4, 2000);

		if (flow_send(&h, &late, SYN) == DROP_NONE) {
			assert_int_equal(late.at_member.src_port_be, freed.at_member.src_port_be);
			break;
		}
		/* In the same millisecond nothing is looked for. */
		assert_int_equal(flow_send(&h, &late, SYN), DROP_no_local_port);
		h.now_us += 1000;
	}
	assert_in_range(searches, 7, 8);
	harness_stop(&h);
}

/* A worker's flows come back to it: their ports are of its slice. */
static void ports_belong_to_the_worker(void **state)
{
	struct steer steer = steer_create(1024, 65535, 3, 2);

	(void)state;
	for (unsigned worker = 0; worker < 3; worker++) {
		struct harness h = { .slice = steer_l4_slice(&steer, worker) };

		harness_start(&h);
		for (unsigned i = 0; i < 200; i++) {
			struct flow flow = flow_make(HARNESS_UDP6, i);
			struct steer_owner owner;

			assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
			owner = steer_by_port(&steer, rte_be_to_cpu_16(flow.at_member.src_port_be));
			assert_int_equal(owner.kind, STEER_L4);
			assert_int_equal(owner.index, worker);
		}
		harness_stop(&h);
	}
}

/* A service at our own address and a port of the slice: replies there would be taken for clients'.
 */
static void a_served_port_is_not_chosen(void **state)
{
	struct harness h = { .slice = { 40000, 40001 }, .member_count = 1 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);

	(void)state;
	harness_start(&h);
	h.services[HARNESS_TCP4].address = h.local_addresses[0];
	h.services[HARNESS_TCP4].port = 40000;
	h.services[HARNESS_TCP4].protocol = 17;
	harness_reload(&h);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	assert_int_equal(flow.at_member.src_port_be, rte_cpu_to_be_16(40001));
	flow = flow_make(HARNESS_UDP4, 2);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_no_local_port);
	harness_stop(&h);
}

static void no_member_and_no_source_are_counted(void **state)
{
	struct harness h = { .member_count = 1 };
	struct flow four = flow_make(HARNESS_UDP4, 1);
	struct flow six = flow_make(HARNESS_UDP6, 1);

	(void)state;
	harness_start(&h);
	harness_member(&h, HARNESS_POOL4, 0)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	assert_int_equal(flow_send(&h, &four, 0), DROP_no_backend);
	/* A pool of the other family cannot serve. */
	h.services[HARNESS_UDP4].pool = HARNESS_POOL6;
	harness_reload(&h);
	assert_int_equal(flow_send(&h, &four, 0), DROP_no_backend);
	h.config.local_address_count = 1;
	h.port.address_count = 1;
	h.config.route_count = 1;
	harness_reload(&h);
	assert_int_equal(flow_send(&h, &six, 0), DROP_no_route);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

static void bad_parameters_are_errors_with_words(void **state)
{
	struct core core = { 0 };
	struct err err = { "" };
	struct l4_params params = { .core = &core, .ports = { 1, 2 }, .max_connections = 0 };

	(void)state;
	assert_null(l4_core_create(&params, 1, &err));
	assert_true(strlen(err.text) > 0);
	params.max_connections = UINT32_MAX;
	assert_null(l4_core_create(&params, 1, &err));
	l4_core_destroy(NULL);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_table_full_of_established_refuses),
		CASE(a_syn_flood_evicts_only_the_unanswered),
		CASE(closed_connections_make_room),
		CASE(a_local_port_is_used_once_toward_each_member),
		CASE(all_ports_of_the_slice_are_found),
		CASE(the_last_port_is_found_in_the_end),
		CASE(ports_belong_to_the_worker),
		CASE(a_served_port_is_not_chosen),
		CASE(no_member_and_no_source_are_counted),
		CASE(bad_parameters_are_errors_with_words),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
