/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "harness.h"
#include "support/support.h"

#define SYN     RTE_TCP_SYN_FLAG
#define ACK     RTE_TCP_ACK_FLAG
#define SYN_ACK (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)
#define FIN_ACK (RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG)
#define RST     RTE_TCP_RST_FLAG

static unsigned state_of(struct harness *h, const struct flow *flow)
{
	struct l4_conn_row row;

	assert_true(flow_row(h, flow, &row));
	return row.state;
}

/* Both families and protocols, there and back: addresses, ports and counters. */
static void packets_go_to_a_member_and_back(void **state)
{
	struct harness h = { 0 };

	(void)state;
	harness_start(&h);
	for (unsigned service = 0; service < HARNESS_PLAIN_SERVICES; service++) {
		struct flow flow = flow_make(service, 1);
		struct l4_conn_row row;
		struct member_counters member;
		struct service_counters counters;
		bool is_tcp = service == HARNESS_TCP4 || service == HARNESS_TCP6;

		flow_establish(&h, &flow);
		assert_true(flow_row(&h, &flow, &row));
		assert_true(ip_equal(&row.local, &h.local_addresses[service < 2 ? 0 : 1]));
		assert_true(ip_equal(&row.local, &flow.at_member.src));
		assert_true(ip_equal(&row.member, &flow.at_member.dst));
		assert_int_equal(row.member_port, 8080);
		assert_in_range(row.local_port, 20000, 29999);
		assert_int_equal(row.state, L4_STATE_ESTABLISHED);
		assert_int_equal(row.packets_in, is_tcp ? 2 : 1);
		assert_int_equal(row.packets_out, 1);
		service_counters_sum(service_table_at(h.table, service)->identity, &counters);
		assert_int_equal(counters.conns_opened, 1);
		assert_int_equal(counters.packets_in, is_tcp ? 2 : 1);
		assert_int_equal(counters.packets_out, 1);
		assert_int_equal(counters.bytes_in,
			is_tcp ? 2 * ((service == HARNESS_TCP4 ? 20 : 40) + 20 + 5)
			       : (service == HARNESS_UDP4 ? 20 : 40) + 8 + 5);
		member_counters_sum(harness_member(&h, service / 2, flow_member(&flow)), &member);
		assert_true(member.packets_in >= counters.packets_in);
		assert_int_equal(
			harness_member(&h, service / 2, flow_member(&flow))->id, row.member_id);
	}
	assert_int_equal(l4_conn_count(h.l4), HARNESS_PLAIN_SERVICES);
	assert_int_equal(l4_counters(h.l4)->packets_forwarded, 3 + 2 + 3 + 2);
	harness_stop(&h);
}

/* Only a SYN opens; everything else without a connection is dropped and counted. */
static void only_a_syn_opens_a_tcp_connection(void **state)
{
	static const uint8_t flags[] = { ACK, SYN_ACK, FIN_ACK, RST, RST | ACK };
	struct harness h = { 0 };
	struct service_counters counters;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);

		assert_int_equal(flow_send(&h, &flow, flags[i]), DROP_no_conn);
	}
	service_counters_sum(service_table_at(h.table, HARNESS_TCP4)->identity, &counters);
	assert_int_equal(counters.drops, RTE_DIM(flags));
	assert_int_equal(counters.packets_in, 0);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

static void a_reply_without_a_connection_is_dropped(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	flow.at_member.src_port_be ^= 0x0100;
	assert_int_equal(flow_reply(&h, &flow, 0), DROP_no_conn);
	flow.at_member.src_port_be ^= 0x0100;
	flow.at_member.dst.bytes[15] ^= 0x40;
	assert_int_equal(flow_reply(&h, &flow, 0), DROP_no_conn);
	harness_stop(&h);
}

/* NEW until the client has answered the SYN|ACK: a forged SYN does not get further. */
static void states_follow_the_handshake_and_the_end(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP6, 1);

	(void)state;
	harness_start(&h);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_reply(&h, &flow, SYN_ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_ESTABLISHED);
	assert_int_equal(flow_send(&h, &flow, FIN_ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_FIN);
	assert_int_equal(flow_send(&h, &flow, FIN_ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_FIN);
	assert_int_equal(flow_reply(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_FIN);
	assert_int_equal(flow_reply(&h, &flow, FIN_ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_CLOSED);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_CLOSED);
	assert_int_equal(l4_counters(h.l4)->conns_opened, 1);
	harness_stop(&h);
}

static void a_reset_from_either_side_closes(void **state)
{
	struct harness h = { 0 };
	struct flow flows[3];

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 3; i++)
		flows[i] = flow_make(HARNESS_TCP4, i);
	flow_establish(&h, &flows[0]);
	assert_int_equal(flow_send(&h, &flows[0], RST), DROP_NONE);
	assert_int_equal(state_of(&h, &flows[0]), L4_STATE_CLOSED);
	flow_establish(&h, &flows[1]);
	assert_int_equal(flow_reply(&h, &flows[1], RST | ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flows[1]), L4_STATE_CLOSED);
	/* Refused: RST to the SYN. */
	assert_int_equal(flow_send(&h, &flows[2], SYN), DROP_NONE);
	assert_int_equal(flow_reply(&h, &flows[2], RST | ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flows[2]), L4_STATE_CLOSED);
	harness_stop(&h);
}

struct timeout_row {
	const char *name;
	enum harness_service service;
	uint8_t client_flags[4]; /* 0 ends; sent in turn with the member's */
	uint8_t member_flags[4];
	uint32_t timeout_ms;
};

static const struct timeout_row timeout_rows[] = {
	{ "SYN", HARNESS_TCP4, { SYN }, { 0 }, 30000 },
	{ "SYN and SYN|ACK", HARNESS_TCP4, { SYN }, { SYN_ACK }, 30000 },
	{ "established", HARNESS_TCP4, { SYN, ACK }, { SYN_ACK }, 900000 },
	{ "one FIN", HARNESS_TCP4, { SYN, ACK, FIN_ACK }, { SYN_ACK }, 60000 },
	{ "both FIN", HARNESS_TCP6, { SYN, ACK, FIN_ACK }, { SYN_ACK, ACK, FIN_ACK }, 10000 },
	{ "RST", HARNESS_TCP4, { SYN, ACK, RST }, { SYN_ACK }, 5000 },
	{ "UDP unanswered", HARNESS_UDP4, { ACK }, { 0 }, 30000 },
	{ "UDP answered", HARNESS_UDP6, { ACK }, { ACK }, 30000 },
};

static void row_play(struct harness *h, const struct timeout_row *row, struct flow *flow)
{
	*flow = flow_make(row->service, 1);
	for (unsigned i = 0; i < RTE_DIM(row->client_flags); i++) {
		if (row->client_flags[i] != 0)
			assert_int_equal(flow_send(h, flow, row->client_flags[i]), DROP_NONE);
		if (row->member_flags[i] != 0)
			assert_int_equal(flow_reply(h, flow, row->member_flags[i]), DROP_NONE);
	}
}

/* To the millisecond: there just before the time-out, gone at it, swept within two seconds. */
static void connections_time_out_by_state(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(timeout_rows); i++) {
		const struct timeout_row *row = &timeout_rows[i];
		struct harness h = { 0 };
		struct l4_conn_row dumped;
		struct flow flow;
		bool is_closed;

		print_message("%s\n", row->name);
		harness_start(&h);
		row_play(&h, row, &flow);
		harness_pass(&h, row->timeout_ms - 1);
		assert_true(flow_row(&h, &flow, &dumped));
		assert_int_equal(dumped.timeout_ms, row->timeout_ms);
		assert_int_equal(dumped.idle_ms, row->timeout_ms - 1);
		assert_int_equal(l4_conn_count(h.l4), 1);
		is_closed = dumped.state == L4_STATE_CLOSED;
		h.now_us += 1000;
		assert_false(flow_row(&h, &flow, &dumped));
		assert_int_equal(flow_reply(&h, &flow, ACK), DROP_no_conn);
		harness_pass(&h, 2000);
		assert_int_equal(l4_conn_count(h.l4), 0);
		assert_int_equal(l4_counters(h.l4)->conns_closed, is_closed);
		assert_int_equal(l4_counters(h.l4)->conns_expired, !is_closed);
		harness_stop(&h);
	}
}

static void packets_of_either_side_keep_a_connection(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	for (unsigned i = 0; i < 10; i++) {
		harness_pass(&h, 29000);
		assert_int_equal(
			i % 2 ? flow_send(&h, &flow, 0) : flow_reply(&h, &flow, 0), DROP_NONE);
	}
	assert_int_equal(l4_counters(h.l4)->conns_opened, 1);
	harness_stop(&h);
}

/* The table's milliseconds wrap after 49 days. */
static void time_wraps_unnoticed(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);
	struct l4_conn_row row;

	(void)state;
	harness_start(&h);
	h.now_us = (UINT32_MAX - 10000ull) * 1000;
	flow_establish(&h, &flow);
	harness_pass(&h, 29000);
	assert_true(flow_row(&h, &flow, &row));
	assert_int_equal(row.idle_ms, 29000);
	harness_pass(&h, 3000);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

static void a_clock_that_lags_does_not_expire(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_UDP4, 1);
	struct l4_conn_row row;

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	h.now_us -= 5000;
	assert_true(flow_row(&h, &flow, &row));
	assert_int_equal(row.idle_ms, 0);
	harness_stop(&h);
}

/* Timed out but not yet swept: the flow starts anew with a packet that may open one. */
static void an_expired_connection_is_as_good_as_none(void **state)
{
	struct harness h = { 0 };
	struct flow udp = flow_make(HARNESS_UDP4, 1);
	struct flow tcp = flow_make(HARNESS_TCP4, 1);

	(void)state;
	harness_start(&h);
	flow_establish(&h, &udp);
	flow_establish(&h, &tcp);
	h.now_us += 900000ull * 1000;
	assert_int_equal(flow_send(&h, &tcp, ACK), DROP_no_conn);
	assert_int_equal(flow_send(&h, &tcp, SYN), DROP_NONE);
	assert_int_equal(flow_send(&h, &udp, 0), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->conns_expired, 2);
	assert_int_equal(l4_counters(h.l4)->conns_opened, 4);
	assert_int_equal(l4_conn_count(h.l4), 2);
	harness_stop(&h);
}

/* A SYN on the tuple of an ended connection: a new one, with another port toward the member. */
static void a_syn_reopens_an_ended_connection(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct packet_tuple before;

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	before = flow.at_member;
	assert_int_equal(flow_send(&h, &flow, FIN_ACK), DROP_NONE);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_not_equal(flow.at_member.src_port_be, before.src_port_be);
	assert_true(ip_equal(&flow.at_member.dst, &before.dst));
	assert_int_equal(l4_counters(h.l4)->conns_reused, 1);
	assert_int_equal(l4_counters(h.l4)->conns_opened, 2);
	assert_int_equal(l4_conn_count(h.l4), 1);
	/* The old connection's member side is gone. */
	flow.at_member = before;
	assert_int_equal(flow_reply(&h, &flow, ACK), DROP_no_conn);
	harness_stop(&h);
}

static void a_ttl_that_is_used_up_drops(void **state)
{
	struct harness h = { 0 };
	struct frame_spec spec = {
		.src = "203.0.113.1",
		.dst = "192.0.2.100",
		.src_port = 1000,
		.dst_port = 53,
		.protocol = 17,
		.ttl = 1,
	};

	(void)state;
	harness_start(&h);
	assert_int_equal(harness_send(&h, &spec, NULL), DROP_ttl_expired);
	spec.ttl = 2;
	assert_int_equal(harness_send(&h, &spec, NULL), DROP_NONE);
	harness_stop(&h);
}

/* One burst in which later packets depend on what earlier ones did to the table. */
static void a_burst_sees_its_own_changes(void **state)
{
	static const uint8_t flags[] = { SYN, ACK, FIN_ACK, SYN, ACK };
	struct harness h = { 0 };
	struct rte_mbuf *pkts[RTE_DIM(flags)];
	struct rte_mbuf *out[RTE_DIM(flags)];
	const struct service *services[RTE_DIM(flags)];
	uint16_t first_port;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		pkts[i] = frame_mbuf(&(struct frame_spec){
			.src = "203.0.113.1",
			.dst = "192.0.2.100",
			.src_port = 1000,
			.dst_port = 80,
			.protocol = 6,
			.tcp_flags = flags[i],
		});
		assert_int_equal(packet_parse(pkts[i], 0, h.snapshot.key), DROP_NONE);
		services[i] = service_table_at(h.table, HARNESS_TCP4);
	}
	assert_int_equal(l4_run(h.l4, &h.snapshot, pkts, services, RTE_DIM(flags), out, h.now_us),
		RTE_DIM(flags));
	first_port = packet_of(out[0])->src_port_be;
	assert_int_equal(packet_of(out[1])->src_port_be, first_port);
	assert_int_equal(packet_of(out[2])->src_port_be, first_port);
	assert_int_not_equal(packet_of(out[3])->src_port_be, first_port);
	assert_int_equal(packet_of(out[4])->src_port_be, packet_of(out[3])->src_port_be);
	assert_int_equal(l4_conn_count(h.l4), 1);
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		assert_ptr_equal(out[i], pkts[i]);
		assert_int_equal(packet_of(out[i])->l3_offset, 0);
		assert_int_equal(packet_of(out[i])->l4_offset, 20);
		assert_int_equal(packet_of(out[i])->payload_offset, 40);
		rte_pktmbuf_free(out[i]);
	}
	harness_stop(&h);
}

static void the_dump_goes_on_where_it_stopped(void **state)
{
	struct harness h = { 0 };
	struct l4_conn_row rows[8];
	uint32_t cursor = 0;
	unsigned seen = 0;
	unsigned got;

	(void)state;
	harness_start(&h);
	assert_int_equal(l4_conn_dump(h.l4, &cursor, rows, 8, h.now_us), 0);
	for (unsigned i = 0; i < 20; i++) {
		struct flow flow = flow_make(HARNESS_UDP6, i);

		assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	}
	while ((got = l4_conn_dump(h.l4, &cursor, rows, 8, h.now_us)) > 0) {
		for (unsigned i = 0; i < got; i++)
			assert_int_equal(rows[i].client.bytes[15], 1 + seen++);
	}
	assert_int_equal(seen, 20);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(packets_go_to_a_member_and_back),
		CASE(only_a_syn_opens_a_tcp_connection),
		CASE(a_reply_without_a_connection_is_dropped),
		CASE(states_follow_the_handshake_and_the_end),
		CASE(a_reset_from_either_side_closes),
		CASE(connections_time_out_by_state),
		CASE(packets_of_either_side_keep_a_connection),
		CASE(time_wraps_unnoticed),
		CASE(a_clock_that_lags_does_not_expire),
		CASE(an_expired_connection_is_as_good_as_none),
		CASE(a_syn_reopens_an_ended_connection),
		CASE(a_ttl_that_is_used_up_drops),
		CASE(a_burst_sees_its_own_changes),
		CASE(the_dump_goes_on_where_it_stopped),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
