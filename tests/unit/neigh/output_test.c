/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PEER    "192.0.2.7"
#define GATEWAY "192.0.2.254"
#define US      "192.0.2.1"

static struct ip_addr address(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return addr;
}

/* The peer is known from now on. */
static void peer_resolve(struct fixture *f)
{
	fixture_output(f, PEER, 0);
	fixture_expect_request(f, 0, NULL, US, PEER);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	fixture_expect_packet(f, 0, fixture_peer_mac, 0);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
}

static void the_first_packets_wait_for_the_answer(void **state)
{
	struct fixture *f = *state;

	for (uint8_t mark = 1; mark <= 3; mark++)
		fixture_output(f, PEER, mark);
	fixture_expect_request(f, 0, NULL, US, PEER);
	fixture_expect_none(f);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_INCOMPLETE);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	for (uint8_t mark = 1; mark <= 3; mark++)
		fixture_expect_packet(f, 0, fixture_peer_mac, mark);
	fixture_output(f, PEER, 4);
	fixture_expect_packet(f, 0, fixture_peer_mac, 4);
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_consumed, 1);
	assert_int_equal(neigh_counters(f->neigh)->arp_requests_out, 1);
	assert_int_equal(neigh_counters(f->neigh)->arp_replies_in, 1);
}

/* To the peer's MAC, whatever the packet's destination is. */
static void a_chosen_hop_goes_before_the_destination(void **state)
{
	struct frame_spec spec = {
		.src = "203.0.113.1",
		.dst = "192.0.2.100",
		.protocol = IPPROTO_UDP,
		.payload = "\7",
		.payload_len = 1,
		.is_bare = true,
	};
	struct fixture *f = *state;
	struct ip_addr peer = address(PEER);

	peer_resolve(f);
	neigh_output_via(f->neigh, f->net, frame_mbuf(&spec), &peer, f->now_us);
	fixture_expect_packet(f, 0, fixture_peer_mac, 7);
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_consumed, 1);
}

struct route_row {
	const char *dst;
	unsigned port;
	const char *from;
	const char *next; /* asked for */
};

static const struct route_row route_rows[] = {
	{ "192.0.2.9", 0, "192.0.2.1", "192.0.2.9" },
	{ "198.51.100.9", 1, "198.51.100.1", "198.51.100.9" },
	{ "203.0.113.9", 1, "198.51.100.1", "198.51.100.254" },
	{ "203.0.114.9", 0, "192.0.2.1", "192.0.2.254" },
	{ "198.18.0.1", 0, "192.0.2.1", "192.0.2.254" },
};

static void packets_take_the_longest_prefix(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(route_rows); i++) {
		const struct route_row *row = &route_rows[i];

		fixture_restart(f, &(struct neigh_params){ 0 });
		fixture_output(f, row->dst, (uint8_t)i);
		fixture_expect_request(f, row->port, NULL, row->from, row->next);
		fixture_arp_reply(f, row->port, fixture_peer_mac, row->next, row->from);
		fixture_expect_packet(f, row->port, fixture_peer_mac, (uint8_t)i);
	}
}

static void many_destinations_share_their_gateway(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, "198.18.1.1", 1);
	fixture_output(f, "198.18.2.2", 2);
	fixture_expect_request(f, 0, NULL, US, GATEWAY);
	fixture_arp_reply(f, 0, fixture_peer_mac, GATEWAY, US);
	fixture_expect_packet(f, 0, fixture_peer_mac, 1);
	fixture_expect_packet(f, 0, fixture_peer_mac, 2);
	fixture_output(f, "198.18.3.3", 3);
	fixture_expect_packet(f, 0, fixture_peer_mac, 3);
}

static void who_does_not_answer_is_asked_three_times(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_output(f, PEER, 2);
	for (unsigned i = 0; i < 3; i++) {
		fixture_expect_request(f, 0, NULL, US, PEER);
		fixture_wait(f, 900 * MS);
		fixture_expect_none(f);
		fixture_expect_drops(f, DROP_no_neighbor, 0);
		fixture_wait(f, 100 * MS);
	}
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_no_neighbor, 2);
}

static void the_absent_are_left_alone_for_a_while(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_wait(f, 3 * SECOND);
	fixture_expect_drops(f, DROP_no_neighbor, 1);
	f->taken = f->sent_count;
	fixture_output(f, PEER, 2);
	fixture_wait(f, 2900 * MS);
	fixture_output(f, PEER, 3);
	fixture_expect_drops(f, DROP_no_neighbor, 3);
	fixture_expect_none(f);
	fixture_wait(f, 100 * MS);
	fixture_output(f, PEER, 4);
	fixture_expect_request(f, 0, NULL, US, PEER);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	fixture_expect_packet(f, 0, fixture_peer_mac, 4);
	fixture_expect_drops(f, DROP_no_neighbor, 3);
}

/* A host that was absent and asks for us is back at once. */
static void the_absent_may_come_back_by_themselves(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_wait(f, 3 * SECOND);
	f->taken = f->sent_count;
	fixture_arp(f, 0,
		&(struct frame_arp){
			.op = 1, .sender_mac = fixture_peer_mac, .sender = PEER, .target = US });
	f->taken = f->sent_count;
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_STALE);
	fixture_output(f, PEER, 2);
	fixture_expect_request(f, 0, fixture_peer_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_peer_mac, 2);
}

static void a_full_queue_drops_its_oldest(void **state)
{
	struct fixture *f = *state;

	for (uint8_t mark = 0; mark < 12; mark++)
		fixture_output(f, PEER, mark);
	fixture_expect_drops(f, DROP_neighbor_queue_full, 4);
	fixture_expect_request(f, 0, NULL, US, PEER);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	for (uint8_t mark = 4; mark < 12; mark++)
		fixture_expect_packet(f, 0, fixture_peer_mac, mark);
	fixture_expect_none(f);
}

/* Many absent hosts together hold no more than 1024 packets. */
static void waiting_is_bounded_over_all_neighbors(void **state)
{
	struct fixture *f = *state;
	char dst[IP_TEXT_MAX];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(
			dst, sizeof(dst), "%s.%u", i < 1000 ? "192.0.2" : "198.51.100", 2 + i % 70);
		fixture_output(f, dst, 0);
	}
	/* 140 hosts: 139 with queues of 8, one is static and keeps nothing. */
	assert_int_equal(f->core.drops.counts[DROP_neighbor_queue_full] + 1024, 2000);
	fixture_wait(f, 4 * SECOND);
	fixture_expect_drops(f, DROP_no_neighbor, 1024);
}

static void a_stale_neighbor_is_asked_itself(void **state)
{
	struct fixture *f = *state;

	peer_resolve(f);
	fixture_wait(f, 29900 * MS);
	fixture_output(f, PEER, 1);
	fixture_expect_packet(f, 0, fixture_peer_mac, 1);
	fixture_wait(f, 100 * MS);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_STALE);
	fixture_output(f, PEER, 2);
	fixture_expect_request(f, 0, fixture_peer_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_peer_mac, 2);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_PROBE);
	fixture_output(f, PEER, 3);
	fixture_expect_packet(f, 0, fixture_peer_mac, 3);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	fixture_wait(f, 5 * SECOND);
	fixture_expect_none(f);
}

static void who_answers_no_probe_is_searched_anew(void **state)
{
	struct fixture *f = *state;

	peer_resolve(f);
	fixture_wait(f, 30 * SECOND);
	fixture_output(f, PEER, 1);
	fixture_expect_request(f, 0, fixture_peer_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_peer_mac, 1);
	for (unsigned i = 0; i < 2; i++) {
		fixture_wait(f, SECOND);
		fixture_expect_request(f, 0, fixture_peer_mac, US, PEER);
	}
	fixture_wait(f, SECOND);
	fixture_expect_request(f, 0, NULL, US, PEER);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_INCOMPLETE);
	fixture_output(f, PEER, 2);
	fixture_expect_none(f);
	fixture_arp_reply(f, 0, fixture_other_mac, PEER, US);
	fixture_expect_packet(f, 0, fixture_other_mac, 2);
}

static void nobody_is_probed_for_nothing(void **state)
{
	struct fixture *f = *state;

	peer_resolve(f);
	fixture_wait(f, 300 * SECOND);
	fixture_expect_none(f);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_STALE);
	fixture_wait(f, 400 * SECOND);
	assert_int_equal(fixture_state(f, 0, PEER), -1);
}

static void a_static_neighbor_needs_no_questions(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_state(f, 1, "198.51.100.77"), NEIGH_STATIC);
	fixture_output(f, "198.51.100.77", 1);
	fixture_expect_packet(f, 1, fixture_static_mac, 1);
	fixture_arp_reply(f, 1, fixture_other_mac, "198.51.100.77", "198.51.100.1");
	fixture_wait(f, 1000 * SECOND);
	fixture_output(f, "198.51.100.77", 2);
	fixture_expect_packet(f, 1, fixture_static_mac, 2);
	fixture_expect_none(f);
}

struct drop_row {
	const char *dst;
	enum drop_reason reason;
};

static const struct drop_row drop_rows[] = {
	{ "192.0.2.255", DROP_no_route },
	{ "192.0.2.0", DROP_no_route },
	{ "192.0.2.1", DROP_no_route },
	{ "192.0.2.100", DROP_no_route },
	{ "2001:db8::1", DROP_no_route },
};

static void nobody_is_asked_for_what_has_no_owner(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(drop_rows); i++) {
		fixture_output(f, drop_rows[i].dst, 0);
		fixture_expect_drops(f, drop_rows[i].reason, i + 1);
	}
	fixture_expect_none(f);
}

static void packets_over_the_mtu_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint8_t payload[1500] = { 0 };

	peer_resolve(f);
	for (size_t len = 1500; len <= 1501; len++) {
		struct frame_spec spec = { .src = US,
			.dst = PEER,
			.protocol = IPPROTO_UDP,
			.payload = payload,
			.payload_len = len - 28,
			.is_bare = true };

		neigh_output(f->neigh, f->net, frame_mbuf(&spec), f->now_us);
	}
	fixture_expect_packet(f, 0, fixture_peer_mac, 0);
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_mtu_exceeded, 1);
}

/* Packets left to the port's checksum units learn of the Ethernet header. */
static void offload_knows_where_headers_are(void **state)
{
	struct fixture *f = *state;
	struct frame_spec spec = {
		.src = US, .dst = PEER, .protocol = IPPROTO_TCP, .is_bare = true
	};
	struct rte_mbuf *m = frame_mbuf(&spec);

	peer_resolve(f);
	m->l3_len = 20;
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
	neigh_output(f->neigh, f->net, m, f->now_us);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 20);
}

static void a_packet_without_headroom_gets_a_header_buffer(void **state)
{
	struct fixture *f = *state;
	uint8_t mark = 9;
	struct frame_spec spec = { .src = US,
		.dst = PEER,
		.protocol = IPPROTO_UDP,
		.payload = &mark,
		.payload_len = 1,
		.is_bare = true };
	struct rte_mbuf *m = frame_mbuf(&spec);
	uint16_t headroom = rte_pktmbuf_headroom(m);

	peer_resolve(f);
	memmove(rte_pktmbuf_mtod(m, char *) - headroom + 13, rte_pktmbuf_mtod(m, char *),
		m->data_len);
	m->data_off = 13;
	neigh_output(f->neigh, f->net, m, f->now_us);
	fixture_expect_packet(f, 0, fixture_peer_mac, 9);
	assert_int_equal(f->sent[f->sent_count - 1]->nb_segs, 2);
}

static void news_from_other_workers_are_used(void **state)
{
	struct fixture *f = *state;
	struct ip_addr peer = address(PEER);
	struct ip_addr ours = address(US);

	fixture_output(f, PEER, 1);
	fixture_expect_request(f, 0, NULL, US, PEER);
	neigh_learn(f->neigh, f->net, 0, &peer, fixture_peer_mac, false, f->now_us);
	fixture_expect_packet(f, 0, fixture_peer_mac, 1);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	/* Another MAC: used from now on, but asked. */
	neigh_learn(f->neigh, f->net, 0, &peer, fixture_other_mac, false, f->now_us);
	fixture_output(f, PEER, 2);
	fixture_expect_request(f, 0, fixture_other_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_other_mac, 2);
	/* Never of our own addresses, nor of what is on another link. */
	neigh_learn(f->neigh, f->net, 0, &ours, fixture_other_mac, false, f->now_us);
	assert_int_equal(fixture_state(f, 0, US), -1);
	neigh_learn(f->neigh, f->net, 1, &peer, fixture_other_mac, false, f->now_us);
	assert_int_equal(fixture_state(f, 1, PEER), -1);
	assert_int_equal(f->share_count, 0);
}

static void a_full_table_gives_up_its_stalest(void **state)
{
	struct fixture *f = *state;
	char dst[IP_TEXT_MAX];

	/* One entry is the static one. */
	fixture_restart(f, &(struct neigh_params){ .max_entries = 9 });
	for (unsigned i = 0; i < 8; i++) {
		snprintf(dst, sizeof(dst), "192.0.2.%u", 10 + i);
		fixture_output(f, dst, 0);
		fixture_arp_reply(f, 0, fixture_peer_mac, dst, US);
		fixture_wait(f, 100 * MS);
	}
	fixture_output(f, "192.0.2.10", 0);
	fixture_output(f, "192.0.2.50", 0);
	assert_int_equal(neigh_counters(f->neigh)->entries_evicted, 1);
	assert_int_equal(fixture_state(f, 0, "192.0.2.10"), NEIGH_REACHABLE);
	assert_int_equal(fixture_state(f, 0, "192.0.2.11"), -1);
	assert_int_equal(fixture_state(f, 0, "192.0.2.50"), NEIGH_INCOMPLETE);
	assert_int_equal(fixture_state(f, 1, "198.51.100.77"), NEIGH_STATIC);
	/* What nobody has answered for goes before what is known. */
	fixture_output(f, "192.0.2.51", 0);
	fixture_expect_drops(f, DROP_no_neighbor, 1);
	assert_int_equal(fixture_state(f, 0, "192.0.2.50"), -1);
	assert_int_equal(fixture_state(f, 0, "192.0.2.12"), NEIGH_REACHABLE);
}

/* RFC 6583: replies to forged addresses of a large link must not flood it with questions. */
static void searches_are_rate_limited(void **state)
{
	struct fixture *f = *state;
	char dst[IP_TEXT_MAX];

	fixture_restart(f, &(struct neigh_params){ .max_entries = 64 });
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(dst, sizeof(dst), "2001:db8::1:%x", i);
		fixture_output(f, dst, 0);
	}
	assert_int_equal(neigh_counters(f->neigh)->ndp_solicits_out, 1000);
	assert_int_equal(neigh_dump(f->neigh, NULL, 0, f->now_us), 64);
	f->now_us += 10 * MS;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(dst, sizeof(dst), "2001:db8::2:%x", i);
		fixture_output(f, dst, 0);
	}
	assert_int_equal(neigh_counters(f->neigh)->ndp_solicits_out, 1010);
	/* Each packet waits, or was dropped with its entry or for want of one. */
	fixture_expect_drops(f, DROP_no_neighbor, 1520 - 63);
}

static void entries_of_a_table_that_filled_up_are_all_found(void **state)
{
	struct fixture *f = *state;
	struct ip_addr addr = address("2001:db8::");

	fixture_restart(f, &(struct neigh_params){ .max_entries = 512 });
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 1; i <= 600; i++) {
			char text[IP_TEXT_MAX];

			addr.bytes[13] = (uint8_t)(1 + round);
			addr.bytes[14] = (uint8_t)(i >> 8);
			addr.bytes[15] = (uint8_t)i;
			neigh_learn(f->neigh, f->net, 0, &addr, fixture_peer_mac, false, f->now_us);
			assert_int_equal(
				fixture_state(f, 0, ip_format(&addr, text)), NEIGH_REACHABLE);
		}
		fixture_output(f, "2001:db8::9:9", 0);
	}
	assert_int_equal(neigh_dump(f->neigh, NULL, 0, f->now_us), 512);
}

static void a_new_network_forgets_what_is_not_on_its_links(void **state)
{
	struct fixture *f = *state;
	struct config config = *fixture_config();
	struct config_port ports[2] = { config.ports[0], config.ports[1] };
	struct neigh_port facts[2] = { { .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 },
		{ .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500 } };
	struct neigh_net *net;
	struct err err;

	peer_resolve(f);
	fixture_output(f, "198.51.100.9", 1);
	f->taken = f->sent_count;
	ports[1].address_count = 0;
	config.ports = ports;
	config.route_count = 2;
	config.neighbor_count = 0;
	net = neigh_net_create(&config, facts, &err);
	assert_non_null(net);
	neigh_apply(f->neigh, net, false, f->now_us);
	neigh_net_destroy(f->net);
	f->net = net;
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	assert_int_equal(neigh_dump(f->neigh, NULL, 0, f->now_us), 1);
	fixture_expect_drops(f, DROP_no_neighbor, 1);
	fixture_output(f, PEER, 5);
	fixture_expect_packet(f, 0, fixture_peer_mac, 5);
}

static void rows_tell_age_and_mac(void **state)
{
	struct fixture *f = *state;
	struct neigh_row rows[2];

	peer_resolve(f);
	fixture_wait(f, 1500 * MS);
	assert_int_equal(neigh_dump(f->neigh, rows, 2, f->now_us), 2);
	assert_int_equal(rows[1].age_ms, 1500);
	assert_int_equal(rows[1].state, NEIGH_REACHABLE);
	assert_memory_equal(rows[1].mac, fixture_peer_mac, 6);
	assert_int_equal(neigh_dump(f->neigh, rows, 1, f->now_us), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_packets_wait_for_the_answer),
		TEST(a_chosen_hop_goes_before_the_destination),
		TEST(packets_take_the_longest_prefix),
		TEST(many_destinations_share_their_gateway),
		TEST(who_does_not_answer_is_asked_three_times),
		TEST(the_absent_are_left_alone_for_a_while),
		TEST(the_absent_may_come_back_by_themselves),
		TEST(a_full_queue_drops_its_oldest),
		TEST(waiting_is_bounded_over_all_neighbors),
		TEST(a_stale_neighbor_is_asked_itself),
		TEST(who_answers_no_probe_is_searched_anew),
		TEST(nobody_is_probed_for_nothing),
		TEST(a_static_neighbor_needs_no_questions),
		TEST(nobody_is_asked_for_what_has_no_owner),
		TEST(packets_over_the_mtu_are_dropped),
		TEST(offload_knows_where_headers_are),
		TEST(a_packet_without_headroom_gets_a_header_buffer),
		TEST(news_from_other_workers_are_used),
		TEST(a_full_table_gives_up_its_stalest),
		TEST(searches_are_rate_limited),
		TEST(entries_of_a_table_that_filled_up_are_all_found),
		TEST(a_new_network_forgets_what_is_not_on_its_links),
		TEST(rows_tell_age_and_mac),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
