/* SPDX-License-Identifier: Apache-2.0 */
/* What trace foretells is what happens, and foretelling changes nothing. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "harness.h"
#include "l4/trace.h"
#include "support/support.h"

static struct l4_trace trace_of(struct harness *h, const char *src, uint16_t src_port,
	const char *dst, uint16_t dst_port, uint8_t protocol, uint8_t tcp_flags)
{
	struct l4_trace trace = { .packet = {
					  .src_port_be = rte_cpu_to_be_16(src_port),
					  .dst_port_be = rte_cpu_to_be_16(dst_port),
					  .protocol = protocol,
					  .tcp_flags = tcp_flags,
				  } };

	assert_int_equal(ip_parse(src, &trace.packet.src), 0);
	assert_int_equal(ip_parse(dst, &trace.packet.dst), 0);
	h->snapshot.steer = steer_create(20000, 29999, 1, 0);
	l4_trace_owner(&h->snapshot, &trace);
	if (trace.owner.kind == STEER_L4)
		l4_trace_flow(h->l4, &h->snapshot, &trace, h->now_us);
	return trace;
}

static struct l4_trace flow_trace(struct harness *h, const struct flow *flow, uint8_t tcp_flags)
{
	const struct config_service *service = &h->services[flow->service];
	char vip[IP_TEXT_MAX];

	return trace_of(h, flow->client, flow->client_port, ip_format(&service->address, vip),
		service->port, service->protocol, tcp_flags);
}

/* For every service and algorithm: the member and the local port, twice foretold, then had. */
static void what_is_foretold_happens(void **state)
{
	static const enum config_balance balances[] = {
		CONFIG_BALANCE_MAGLEV,
		CONFIG_BALANCE_ROUND_ROBIN,
		CONFIG_BALANCE_P2C,
		CONFIG_BALANCE_SOURCE_HASH,
	};
	struct harness h = { 0 };

	(void)state;
	harness_start(&h);
	for (unsigned b = 0; b < RTE_DIM(balances); b++) {
		for (unsigned p = 0; p < HARNESS_POOLS; p++)
			h.pools[p].balance = balances[b];
		harness_reload(&h);
		for (unsigned i = 0; i < 40; i++) {
			struct flow flow = flow_make(i % HARNESS_SERVICES, 100 * b + i);
			struct l4_trace first = flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);
			struct l4_trace trace = flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);
			struct l4_conn_row row;

			assert_int_equal(trace.reason, DROP_NONE);
			assert_false(trace.is_known);
			assert_memory_equal(&first.row, &trace.row, sizeof(first.row));
			assert_int_equal(flow_send(&h, &flow, RTE_TCP_SYN_FLAG), DROP_NONE);
			assert_true(ip_equal(&trace.row.member, &flow.at_member.dst));
			assert_true(flow_row(&h, &flow, &row));
			assert_int_equal(trace.row.local_port, row.local_port);
			assert_int_equal(trace.row.member_id, row.member_id);
			assert_int_equal(trace.slot_count,
				balances[b] == CONFIG_BALANCE_MAGLEV ||
						balances[b] == CONFIG_BALANCE_SOURCE_HASH
					? 65537
					: 0);
			assert_true(trace.has_route);
		}
	}
	harness_stop(&h);
}

static void forward_set(struct harness *h, const void *forward)
{
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i].forward = *(const enum config_forward *)forward;
}

static void ways_of_forwarding_are_foretold(void **state)
{
	static const enum config_forward forwards[] = { CONFIG_FORWARD_NAT, CONFIG_FORWARD_DSR_L2 };

	(void)state;
	for (unsigned f = 0; f < RTE_DIM(forwards); f++) {
		struct harness h = { .adjust = forward_set, .adjust_arg = &forwards[f] };

		harness_start(&h);
		for (unsigned i = 0; i < 20; i++) {
			struct flow flow = flow_make(i % HARNESS_SERVICES, i);
			struct l4_trace trace = flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);
			struct l4_conn_row row;

			assert_int_equal(trace.reason, DROP_NONE);
			assert_false(trace.is_stateless);
			assert_int_equal(l4_conn_count(h.l4), i);
			assert_int_equal(flow_send(&h, &flow, RTE_TCP_SYN_FLAG), DROP_NONE);
			assert_true(flow_row(&h, &flow, &row));
			assert_true(ip_equal(&trace.row.member, &row.member));
			assert_true(ip_equal(&trace.row.local, &row.client));
			assert_int_equal(trace.row.member_port, row.member_port);
			assert_int_equal(trace.row.local_port, flow.client_port);
			assert_true(trace.has_route);
		}
		harness_stop(&h);
	}
}

/* Neither asking for a dead tuple nor a packet without a connection changes the table. */
static void what_leaves_no_connection_is_foretold(void **state)
{
	static const enum config_forward dsr = CONFIG_FORWARD_DSR_L2;
	static const enum config_forward nat = CONFIG_FORWARD_NAT;
	struct harness h = { .adjust = forward_set, .adjust_arg = &dsr };
	struct harness other = { .adjust = forward_set, .adjust_arg = &nat };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct l4_trace trace;

	(void)state;
	harness_start(&h);
	trace = flow_trace(&h, &flow, RTE_TCP_ACK_FLAG);
	assert_int_equal(trace.reason, DROP_NONE);
	assert_true(trace.is_stateless);
	assert_int_equal(trace.slot_count, 65537);
	assert_int_equal(flow_send(&h, &flow, RTE_TCP_ACK_FLAG), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->packets_stateless, 1);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);

	harness_start(&other);
	flow_establish(&other, &flow);
	assert_int_equal(flow_send(&other, &flow, RTE_TCP_RST_FLAG), DROP_NONE);
	trace = flow_trace(&other, &flow, RTE_TCP_SYN_FLAG);
	assert_int_equal(trace.reason, DROP_NONE);
	assert_int_equal(l4_conn_count(other.l4), 1);
	other.now_us += 1000000ull * 1000;
	trace = flow_trace(&other, &flow, RTE_TCP_SYN_FLAG);
	assert_int_equal(trace.reason, DROP_NONE);
	assert_int_equal(l4_conn_count(other.l4), 1);
	harness_stop(&other);
}

/* Nor is a client remembered for it. */
static void asking_makes_no_affinity(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);

	(void)state;
	harness_start(&h);
	h.services[HARNESS_TCP4].affinity = (struct config_affinity){ 5000, 32, 128 };
	harness_reload(&h);
	(void)flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);
	assert_int_equal(flow_send(&h, &flow, RTE_TCP_SYN_FLAG), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 0);
	h.pools[HARNESS_POOL4].balance = CONFIG_BALANCE_ROUND_ROBIN;
	harness_reload(&h);
	flow.client_port++;
	for (unsigned i = 0; i < 3; i++) {
		struct l4_trace trace = flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);

		assert_true(ip_equal(&trace.row.member, &flow.at_member.dst));
	}
	harness_stop(&h);
}

static void a_known_flow_is_recognized_from_both_sides(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct l4_trace trace;
	char member[IP_TEXT_MAX];

	(void)state;
	harness_start(&h);
	trace = flow_trace(&h, &flow, RTE_TCP_ACK_FLAG);
	assert_int_equal(trace.reason, DROP_no_conn);
	flow_establish(&h, &flow);
	trace = flow_trace(&h, &flow, RTE_TCP_ACK_FLAG);
	assert_int_equal(trace.reason, DROP_NONE);
	assert_true(trace.is_known);
	assert_int_equal(trace.row.state, L4_STATE_ESTABLISHED);
	assert_string_equal(trace.member, h.names[flow_member(&flow)]);
	assert_true(ip_equal(&trace.route.next_hop, &h.routes[0].via));
	trace = trace_of(&h, ip_format(&flow.at_member.dst, member), 8080, "192.0.2.2",
		rte_be_to_cpu_16(flow.at_member.src_port_be), IPPROTO_TCP, RTE_TCP_ACK_FLAG);
	assert_int_equal(trace.reason, DROP_NONE);
	assert_true(trace.is_known);
	assert_null(trace.service);
	assert_int_equal(l4_conn_count(h.l4), 1);
	/* Time goes by without a tick: the connection is there, and is none. */
	h.now_us += 1000000ull * 1000;
	trace = flow_trace(&h, &flow, RTE_TCP_ACK_FLAG);
	assert_int_equal(trace.reason, DROP_no_conn);
	assert_int_equal(l4_conn_count(h.l4), 1);
	harness_stop(&h);
}

static void a_packet_that_would_be_dropped_has_the_reason(void **state)
{
	struct harness h = { .member_count = 1 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct l4_trace trace;

	(void)state;
	harness_start(&h);
	trace = trace_of(&h, "203.0.113.1", 1, "192.0.2.100", 81, IPPROTO_TCP, RTE_TCP_SYN_FLAG);
	assert_int_equal(trace.reason, DROP_no_service);
	assert_int_equal(trace.owner.kind, STEER_NONE);
	trace = trace_of(&h, "198.51.100.1", 8080, "192.0.2.2", 20001, IPPROTO_TCP, 0);
	assert_int_equal(trace.reason, DROP_no_conn);
	trace = trace_of(&h, "198.51.100.1", 8080, "192.0.2.2", 80, IPPROTO_TCP, 0);
	assert_int_equal(trace.reason, DROP_no_service);
	harness_member(&h, HARNESS_POOL4, 0)->admin = MEMBER_MAINT;
	harness_rebuild(&h, HARNESS_POOL4);
	trace = flow_trace(&h, &flow, RTE_TCP_SYN_FLAG);
	assert_int_equal(trace.reason, DROP_no_backend);
	assert_false(trace.has_member);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_foretold_happens),
		CASE(ways_of_forwarding_are_foretold),
		CASE(what_leaves_no_connection_is_foretold),
		CASE(asking_makes_no_affinity),
		CASE(a_known_flow_is_recognized_from_both_sides),
		CASE(a_packet_that_would_be_dropped_has_the_reason),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
