/* SPDX-License-Identifier: Apache-2.0 */
/* What ways of forwarding do to the connection table; packets themselves: tests/packet. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "harness.h"
#include "support/support.h"

#define SYN RTE_TCP_SYN_FLAG
#define ACK RTE_TCP_ACK_FLAG
#define FIN RTE_TCP_FIN_FLAG
#define RST RTE_TCP_RST_FLAG

/* 1500 bytes of IPv4 and UDP. */
#define PAYLOAD_FITTING 1472

static const enum config_forward nat = CONFIG_FORWARD_NAT;
static const enum config_forward dsr_l2 = CONFIG_FORWARD_DSR_L2;
static const enum config_forward full_nat = CONFIG_FORWARD_FULL_NAT;

static void forward_set(struct harness *h, const void *forward)
{
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i].forward = *(const enum config_forward *)forward;
}

static void start(struct harness *h, const enum config_forward *forward)
{
	h->adjust = forward_set;
	h->adjust_arg = forward;
	harness_start(h);
}

static enum l4_state state_of(struct harness *h, const struct flow *flow)
{
	struct l4_conn_row row;

	assert_true(flow_row(h, flow, &row));
	return row.state;
}

static void a_one_sided_connection_follows_the_client(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);

	(void)state;
	start(&h, &dsr_l2);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_ESTABLISHED);
	assert_int_equal(flow_send(&h, &flow, FIN | ACK), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_FIN);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(l4_counters(h.l4)->conns_reused, 1);
	assert_int_equal(flow_send(&h, &flow, RST), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_CLOSED);
	harness_pass(&h, 10000);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

static void a_second_datagram_makes_a_flow(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_UDP6, 1);

	(void)state;
	start(&h, &dsr_l2);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_NEW);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	assert_int_equal(state_of(&h, &flow), L4_STATE_ESTABLISHED);
	harness_stop(&h);
}

static void rows_show_what_the_member_sees(void **state)
{
	const enum config_forward *const forwards[] = { &dsr_l2, &nat };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(forwards); i++) {
		struct harness h = { 0 };
		struct flow flow = flow_make(HARNESS_TCP6, 1);
		struct l4_conn_row row;

		start(&h, forwards[i]);
		assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
		assert_true(flow_row(&h, &flow, &row));
		assert_true(ip_equal(&row.local, &row.client));
		assert_int_equal(row.local_port, row.client_port);
		assert_int_equal(row.member.bytes[3], 0xb8);
		assert_int_equal(row.member.bytes[5], 1);
		assert_int_equal(row.member_port, forwards[i] == &nat ? 8080 : 80);
		harness_stop(&h);
	}
}

static void replies_to_clients_find_their_nat(void **state)
{
	static const enum harness_service services[] = { HARNESS_TCP4, HARNESS_UDP4, HARNESS_TCP6,
		HARNESS_UDP6 };
	struct harness h = { 0 };

	(void)state;
	start(&h, &nat);
	for (unsigned i = 0; i < 200; i++) {
		struct flow flow = flow_make(services[i % RTE_DIM(services)], i);

		flow_establish(&h, &flow);
		assert_int_equal(rte_be_to_cpu_16(flow.at_member.src_port_be), flow.client_port);
		assert_int_equal(state_of(&h, &flow), L4_STATE_ESTABLISHED);
	}
	harness_stop(&h);
}

/* IPv6 clients, IPv4 members. */
static void members_mix(struct harness *h, const void *arg)
{
	(void)arg;
	h->services[HARNESS_TCP6].pool = HARNESS_POOL4;
	h->services[HARNESS_UDP6].pool = HARNESS_POOL4;
}

static void clients_and_members_of_two_versions_meet(void **state)
{
	struct harness h = { .adjust = members_mix };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 200; i++) {
		struct flow flow = flow_make(i % 2 == 0 ? HARNESS_TCP6 : HARNESS_UDP6, i);

		flow_establish(&h, &flow);
		assert_true(ip_is_v4(&flow.at_member.dst));
		assert_int_equal(state_of(&h, &flow), L4_STATE_ESTABLISHED);
	}
	harness_stop(&h);
}

/* Two TCP services of one pool with one member: 80 and, in place of UDP, 81. */
static void ports_pair(struct harness *h, const void *arg)
{
	forward_set(h, arg);
	h->services[HARNESS_UDP4].protocol = IPPROTO_TCP;
	h->services[HARNESS_UDP4].port = 81;
}

static enum drop_reason port_send(struct harness *h, uint16_t port, uint8_t tcp_flags)
{
	return harness_send(h,
		&(struct frame_spec){
			.src = "203.0.113.9",
			.dst = "192.0.2.100",
			.src_port = 7777,
			.dst_port = port,
			.protocol = IPPROTO_TCP,
			.tcp_flags = tcp_flags,
		},
		NULL);
}

static void one_client_endpoint_has_one_flow_to_a_member(void **state)
{
	struct harness h = { .member_count = 1, .adjust = ports_pair, .adjust_arg = &nat };

	(void)state;
	harness_start(&h);
	assert_int_equal(port_send(&h, 80, SYN), DROP_NONE);
	assert_int_equal(port_send(&h, 81, SYN), DROP_nat_tuple_taken);
	assert_int_equal(l4_conn_count(h.l4), 1);
	/* An ended one gives way. */
	assert_int_equal(port_send(&h, 80, RST), DROP_NONE);
	assert_int_equal(port_send(&h, 81, SYN), DROP_NONE);
	assert_int_equal(l4_counters(h.l4)->conns_reused, 1);
	assert_int_equal(port_send(&h, 80, SYN), DROP_nat_tuple_taken);
	/* And so does one whose time is over, swept or not. */
	h.now_us += 31000000;
	assert_int_equal(port_send(&h, 80, SYN), DROP_NONE);
	assert_int_equal(l4_conn_count(h.l4), 1);
	harness_stop(&h);
}

static void strays_go_by_hash_and_leave_no_trace(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 3);
	struct flow again = flow;

	(void)state;
	start(&h, &dsr_l2);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(l4_conn_count(h.l4), 0);
	assert_int_equal(l4_counters(h.l4)->packets_stateless, 1);
	/* Where turns decide, nobody knows whose it was. */
	h.pools[HARNESS_POOL4].balance = CONFIG_BALANCE_ROUND_ROBIN;
	harness_reload(&h);
	assert_int_equal(flow_send(&h, &again, ACK), DROP_no_conn);
	harness_stop(&h);
	h = (struct harness){ 0 };
	start(&h, &nat);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_no_conn);
	harness_stop(&h);
}

static void stateless_set(struct harness *h, const void *forward)
{
	forward_set(h, forward);
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i].is_stateless = true;
}

static void stateless_services_count_but_do_not_remember(void **state)
{
	struct harness h = { .member_count = 1, .adjust = stateless_set, .adjust_arg = &dsr_l2 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct service_counters service;
	struct member_counters member;

	(void)state;
	harness_start(&h);
	assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(l4_conn_count(h.l4), 0);
	assert_int_equal(l4_counters(h.l4)->packets_forwarded, 2);
	member_counters_sum(harness_member(&h, HARNESS_POOL4, 0), &member);
	assert_int_equal(member.packets_in, 2);
	assert_int_equal(member.conns_opened, 0);
	service_counters_sum(service_table_at(h.table, HARNESS_TCP4)->identity, &service);
	assert_int_equal(service.packets_in, 2);
	harness_member(&h, HARNESS_POOL4, 0)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_no_backend);
	harness_stop(&h);
}

static void flows_keep_their_way_over_a_reload(void **state)
{
	struct harness h = { 0 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct flow later = flow_make(HARNESS_TCP4, 2);

	(void)state;
	start(&h, &nat);
	flow_establish(&h, &flow);
	forward_set(&h, &full_nat);
	harness_reload(&h);
	assert_int_equal(flow_send(&h, &flow, ACK), DROP_NONE);
	assert_int_equal(rte_be_to_cpu_16(flow.at_member.src_port_be), flow.client_port);
	assert_int_equal(flow_reply(&h, &flow, ACK), DROP_NONE);
	flow_establish(&h, &later);
	assert_int_equal(later.at_member.src.bytes[15], 2);
	harness_stop(&h);
}

static void a_full_table_gives_up_one_sided_connections(void **state)
{
	struct harness h = { .max_connections = 200 };

	(void)state;
	start(&h, &dsr_l2);
	for (unsigned i = 0; i < 2000; i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);
		enum drop_reason reason = flow_send(&h, &flow, SYN);

		assert_true(reason == DROP_NONE || reason == DROP_conn_table_full);
	}
	assert_int_equal(l4_conn_count(h.l4), 200);
	assert_true(l4_counters(h.l4)->conns_evicted > 1000);
	harness_pass(&h, 60000);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

/* A datagram with DF that is one byte too large: how many packets come out, and why not it. */
static uint16_t oversize_send(struct harness *h, enum drop_reason *reason)
{
	static const char payload[PAYLOAD_FITTING + 1];
	struct rte_mbuf *m = frame_mbuf(&(struct frame_spec){
		.src = "203.0.113.9",
		.dst = "192.0.2.100",
		.src_port = 7777,
		.dst_port = 53,
		.protocol = IPPROTO_UDP,
		.payload = payload,
		.payload_len = sizeof(payload),
	});
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);
	struct rte_mbuf *out[L4_FRAGMENTS_MAX];
	struct core before = h->core;
	const struct service *service;
	uint16_t count;

	ip[6] |= 0x40;
	frame_sums_fill(ip, m->pkt_len - 14);
	assert_int_equal(packet_parse(m, 0, h->snapshot.key), DROP_NONE);
	service = service_find(
		h->table, &packet_of(m)->dst, packet_of(m)->dst_port_be, IPPROTO_UDP);
	count = l4_run(h->l4, &h->snapshot, &m, &service, 1, out, h->now_us);
	for (uint16_t i = 0; i < count; i++)
		rte_pktmbuf_free(out[i]);
	for (*reason = DROP_NONE; *reason + 1 < DROP_REASON_COUNT; (*reason)++) {
		if (h->core.drops.counts[*reason] > before.drops.counts[*reason])
			break;
	}
	return count;
}

static void icmp_errors_are_rate_limited(void **state)
{
	struct harness h = { 0 };
	enum drop_reason reason;

	(void)state;
	start(&h, &dsr_l2);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(oversize_send(&h, &reason), 1);
		assert_int_equal(reason, DROP_mtu_exceeded);
	}
	assert_int_equal(oversize_send(&h, &reason), 0);
	assert_int_equal(reason, DROP_icmp_rate_limited);
	h.now_us += 1000000;
	assert_int_equal(oversize_send(&h, &reason), 1);
	assert_int_equal(l4_counters(h.l4)->too_big_out, 1001);
	harness_stop(&h);
}

static void both_directions_of_nat_have_one_owner(void **state)
{
	struct service service = { .forward = CONFIG_FORWARD_NAT };
	struct hash_key key = { .k0 = 5, .k1 = 6 };
	struct packet ask = { .src_port_be = 1, .dst_port_be = 2, .protocol = IPPROTO_TCP };
	struct packet reply;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.100", &ask.dst), 0);
	for (unsigned i = 0; i < 256; i++) {
		uint32_t hash;

		ask.src = ip_from_v4(rte_cpu_to_be_32(0xcb007100u + i));
		reply = (struct packet){
			.dst = ask.src, .dst_port_be = 1, .protocol = IPPROTO_TCP
		};
		assert_int_equal(ip_parse("198.51.100.7", &reply.src), 0);
		hash = l4_owner_hash(&service, &ask, key);
		assert_int_equal(hash, l4_owner_hash(NULL, &reply, key));
		seen |= 1u << steer_by_hash(hash, 8);
	}
	assert_int_equal(seen, 0xff);
	service.forward = CONFIG_FORWARD_DSR_GUE;
	ask.flow_hash = 77;
	assert_int_equal(l4_owner_hash(&service, &ask, key), 77);
}

#define TEST(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_one_sided_connection_follows_the_client),
		TEST(a_second_datagram_makes_a_flow),
		TEST(rows_show_what_the_member_sees),
		TEST(replies_to_clients_find_their_nat),
		TEST(clients_and_members_of_two_versions_meet),
		TEST(one_client_endpoint_has_one_flow_to_a_member),
		TEST(strays_go_by_hash_and_leave_no_trace),
		TEST(stateless_services_count_but_do_not_remember),
		TEST(flows_keep_their_way_over_a_reload),
		TEST(a_full_table_gives_up_one_sided_connections),
		TEST(icmp_errors_are_rate_limited),
		TEST(both_directions_of_nat_have_one_owner),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
