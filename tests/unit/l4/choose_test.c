/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a new flow: by hash, by affinity, by connection ID. */
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "harness.h"
#include "support/support.h"

#define SYN RTE_TCP_SYN_FLAG

/* A packet of a client's address and port, as service_balance_hash() looks at it. */
static struct packet packet_make(const char *client, uint16_t port, uint16_t vip_port)
{
	struct packet p = {
		.src_port_be = rte_cpu_to_be_16(port),
		.dst_port_be = rte_cpu_to_be_16(vip_port),
		.protocol = IPPROTO_UDP,
		.flow_hash = port * 7919u,
	};

	assert_int_equal(ip_parse(client, &p.src), 0);
	assert_int_equal(ip_parse("192.0.2.100", &p.dst), 0);
	return p;
}

struct hash_row {
	enum config_hash hash;
	bool by_source, by_port, by_vip_port; /* what makes another hash */
};

static void hashes_take_what_they_say(void **state)
{
	static const struct hash_row rows[] = {
		{ CONFIG_HASH_SOURCE_IP, true, false, false },
		{ CONFIG_HASH_SOURCE_IP_PORT, true, true, false },
		{ CONFIG_HASH_DESTINATION, false, false, true },
	};
	const struct hash_key key = { .k0 = 3, .k1 = 4 };
	struct packet p = packet_make("203.0.113.1", 1000, 53);
	struct packet source = packet_make("203.0.113.2", 1000, 53);
	struct packet port = packet_make("203.0.113.1", 1001, 53);
	struct packet vip = packet_make("203.0.113.1", 1000, 54);
	struct service service = { .hash = CONFIG_HASH_FIVE_TUPLE };

	(void)state;
	assert_int_equal(service_balance_hash(&service, &p, key), p.flow_hash);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		uint32_t hash;

		service.hash = rows[i].hash;
		hash = service_balance_hash(&service, &p, key);
		assert_int_equal(
			service_balance_hash(&service, &source, key) != hash, rows[i].by_source);
		assert_int_equal(
			service_balance_hash(&service, &port, key) != hash, rows[i].by_port);
		assert_int_equal(
			service_balance_hash(&service, &vip, key) != hash, rows[i].by_vip_port);
	}
}

/* Clients of one network have one owner and one hash, and the next network has another. */
static void affinity_makes_one_owner(void **state)
{
	const struct hash_key key = { .k0 = 3, .k1 = 4 };
	struct service service = {
		.affinity = { .timeout_ms = 1000, .prefix4 = 24, .prefix6 = 56 },
	};
	struct packet a = packet_make("203.0.113.1", 1000, 53);
	struct packet b = packet_make("203.0.113.255", 2000, 53);
	struct packet c = packet_make("203.0.112.1", 1000, 53);
	struct packet d = packet_make("2001:db8:1:aaff::1", 1, 53);
	struct packet e = packet_make("2001:db8:1:aa01::2", 2, 53);
	struct packet f = packet_make("2001:db8:1:ab01::2", 2, 53);

	(void)state;
	assert_int_equal(l4_owner_hash(&service, &a, key), l4_owner_hash(&service, &b, key));
	assert_int_not_equal(l4_owner_hash(&service, &a, key), l4_owner_hash(&service, &c, key));
	assert_int_equal(l4_owner_hash(&service, &d, key), l4_owner_hash(&service, &e, key));
	assert_int_not_equal(l4_owner_hash(&service, &d, key), l4_owner_hash(&service, &f, key));
	assert_int_equal(service_balance_hash(&service, &a, key), l4_owner_hash(&service, &a, key));
	service.affinity.timeout_ms = 0;
	assert_int_equal(l4_owner_hash(&service, &a, key), a.flow_hash);
}

static unsigned member_of_port(struct harness *h, struct flow flow, uint16_t port)
{
	flow.client_port = port;
	assert_int_equal(flow_send(h, &flow, SYN), DROP_NONE);
	return flow_member(&flow);
}

/*
 * In turns by itself, a client comes back to its member: through a reweight and a drain, until the
 * time is over or the member is down.
 */
static void affinity_keeps_a_client_with_its_member(void **state)
{
	struct harness h = { .member_count = 4 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	struct flow other = flow_make(HARNESS_TCP4, 2);
	unsigned first;

	(void)state;
	harness_start(&h);
	h.pools[HARNESS_POOL4].balance = CONFIG_BALANCE_ROUND_ROBIN;
	h.services[HARNESS_TCP4].affinity = (struct config_affinity){ 5000, 32, 128 };
	harness_reload(&h);
	first = member_of_port(&h, flow, 1000);
	assert_int_not_equal(member_of_port(&h, other, 1000), first);
	for (uint16_t port = 1001; port < 1020; port++)
		assert_int_equal(member_of_port(&h, flow, port), first);
	/* Every new connection counts anew: 4 s twice are less than 5 s. */
	harness_pass(&h, 4000);
	assert_int_equal(member_of_port(&h, flow, 1020), first);
	harness_pass(&h, 4000);
	h.members[HARNESS_POOL4][first].weight = 0;
	harness_reload(&h);
	assert_int_equal(member_of_port(&h, flow, 1021), first);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 21);
	harness_pass(&h, 5000);
	assert_int_not_equal(member_of_port(&h, flow, 1022), first);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 21);
	harness_stop(&h);
}

static void affinity_leaves_a_dead_member(void **state)
{
	struct harness h = { .member_count = 3 };
	struct flow flow = flow_make(HARNESS_TCP4, 1);
	unsigned first, second;

	(void)state;
	harness_start(&h);
	h.services[HARNESS_TCP4].affinity = (struct config_affinity){ 5000, 32, 128 };
	harness_reload(&h);
	first = member_of_port(&h, flow, 1000);
	harness_member(&h, HARNESS_POOL4, first)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	second = member_of_port(&h, flow, 1001);
	assert_int_not_equal(second, first);
	harness_member(&h, HARNESS_POOL4, first)->health = MEMBER_UP;
	harness_rebuild(&h, HARNESS_POOL4);
	/* It stays where it went: coming back would move it once more. */
	assert_int_equal(member_of_port(&h, flow, 1002), second);
	harness_stop(&h);
}

/* More clients than places: some are forgotten, and that is counted; nobody is refused. */
static void affinities_are_bounded(void **state)
{
	struct harness h = { .member_count = 2, .max_connections = 4000, .slice = { 1024, 65535 } };
	uint64_t forgotten;

	(void)state;
	harness_start(&h);
	h.services[HARNESS_UDP6].affinity = (struct config_affinity){ 5000, 32, 128 };
	harness_reload(&h);
	for (unsigned i = 0; i < 3000; i++) {
		struct flow flow = flow_make(HARNESS_UDP6, 0);

		snprintf(flow.client, sizeof(flow.client), "2001:db8:3::%x", i + 1);
		assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	}
	forgotten = l4_counters(h.l4)->affinity_evicted;
	assert_in_range(forgotten, 3000 - 1024, 2400);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 0);
	harness_stop(&h);
}

/* A datagram of a client to the UDP service. */
static enum drop_reason datagram_send(
	struct harness *h, unsigned client, const void *payload, size_t len, unsigned *member)
{
	struct packet_tuple out;
	char address[IP_TEXT_MAX];
	enum drop_reason reason;

	snprintf(address, sizeof(address), "203.0.113.%u", 1 + client % 250);
	reason = harness_send(h,
		&(struct frame_spec){
			.src = address,
			.dst = "192.0.2.100",
			.src_port = (uint16_t)(1000 + client),
			.dst_port = 53,
			.protocol = IPPROTO_UDP,
			.payload = payload,
			.payload_len = len,
		},
		&out);
	if (reason == DROP_NONE)
		*member = out.dst.bytes[15] - 1u;
	return reason;
}

static void quic_start(struct harness *h)
{
	harness_start(h);
	h->services[HARNESS_UDP4].hash = CONFIG_HASH_QUIC_CID;
	h->services[HARNESS_UDP4].quic = (struct config_quic){ CONFIG_QUIC_LB, 2, 1 };
	for (unsigned i = 0; i < h->member_count; i++)
		h->members[HARNESS_POOL4][i].quic_id = (struct config_quic_id){
			.len = 2,
			.bytes = { 0xaa, (uint8_t)i },
		};
	harness_reload(h);
}

/* Wherever the client sends from, its connection ID finds the member. */
static void a_migrating_client_keeps_its_member(void **state)
{
	struct harness h = { .member_count = 5 };
	uint8_t payload[32] = { 0x40, 0x20, 0xaa, 0 };
	unsigned member = 99;

	(void)state;
	quic_start(&h);
	for (unsigned client = 0; client < 100; client++) {
		payload[3] = (uint8_t)(client % 5);
		assert_int_equal(
			datagram_send(&h, client, payload, sizeof(payload), &member), DROP_NONE);
		assert_int_equal(member, client % 5);
	}
	assert_int_equal(l4_counters(h.l4)->quic_routed, 100);
	/* Drained: nobody new by hash, but who is there may move. */
	harness_member(&h, HARNESS_POOL4, 3)->admin = MEMBER_DRAIN;
	harness_rebuild(&h, HARNESS_POOL4);
	payload[3] = 3;
	assert_int_equal(datagram_send(&h, 200, payload, sizeof(payload), &member), DROP_NONE);
	assert_int_equal(member, 3);
	harness_member(&h, HARNESS_POOL4, 3)->health = MEMBER_DOWN;
	harness_rebuild(&h, HARNESS_POOL4);
	assert_int_equal(datagram_send(&h, 201, payload, sizeof(payload), &member), DROP_NONE);
	assert_int_not_equal(member, 3);
	harness_stop(&h);
}

/* Initial packets, unknown IDs and what is no QUIC spread by the flow's hash. */
static void packets_without_a_server_id_go_by_hash(void **state)
{
	static const uint8_t initial[] = { 0xc0, 0, 0, 0, 1, 8, 0x20, 0xaa, 0, 1, 2, 3, 4, 5, 0 };
	static const uint8_t unknown[] = { 0x40, 0x20, 0xbb, 0, 1, 2, 3 };
	static const struct {
		const void *payload;
		size_t len;
	} rows[] = { { initial, sizeof(initial) }, { unknown, sizeof(unknown) }, { "", 0 },
		{ "x", 1 } };

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct harness h = { .member_count = 4 };
		unsigned counts[4] = { 0 };

		quic_start(&h);
		for (unsigned client = 0; client < 400; client++) {
			unsigned member = 0;

			assert_int_equal(
				datagram_send(&h, client, rows[i].payload, rows[i].len, &member),
				DROP_NONE);
			counts[member]++;
		}
		for (unsigned k = 0; k < 4; k++)
			assert_in_range(counts[k], 50, 150);
		assert_int_equal(l4_counters(h.l4)->quic_routed, 0);
		harness_stop(&h);
	}
}

static void stateless_set(struct harness *h, const void *arg)
{
	(void)arg;
	h->services[HARNESS_TCP4].forward = CONFIG_FORWARD_DSR_L2;
	h->services[HARNESS_TCP4].is_stateless = true;
	h->pools[HARNESS_POOL4].second_chance_ms = 10000;
}

/* The member that a packet of the flow was sent to. */
static unsigned receiver_of(struct harness *h, struct flow *flow, uint8_t tcp_flags)
{
	uint64_t before[HARNESS_MEMBERS_MAX];
	unsigned found = HARNESS_MEMBERS_MAX;

	for (unsigned i = 0; i < h->member_count; i++)
		before[i] = harness_member(h, HARNESS_POOL4, i)->cores[0].packets_in;
	assert_int_equal(flow_send(h, flow, tcp_flags), DROP_NONE);
	for (unsigned i = 0; i < h->member_count; i++) {
		if (harness_member(h, HARNESS_POOL4, i)->cores[0].packets_in != before[i])
			found = i;
	}
	assert_in_range(found, 0, h->member_count - 1);
	return found;
}

/* A member leaves, and the pool remembers what was before. */
static void member_drain(struct harness *h, unsigned index)
{
	struct backend_set *next;

	harness_member(h, HARNESS_POOL4, index)->admin = MEMBER_DRAIN;
	next = backend_set_rebuild(h->backends, HARNESS_POOL4, &h->config);
	assert_non_null(next);
	backend_set_follow(next, h->backends, false, h->now_us);
	backend_set_destroy(h->backends);
	h->backends = next;
	h->snapshot.backends = next;
}

/*
 * Without a table of connections, older flows keep their member for as long as the second chance
 * lasts, and those that open meanwhile have theirs from the first packet on.
 */
static void stateless_flows_pass_a_change(void **state)
{
	struct harness h = { .member_count = 4, .adjust = stateless_set };
	unsigned before[60], after[60];
	unsigned moved = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < RTE_DIM(before); i++) {
		struct flow flow = flow_make(HARNESS_TCP4, i);

		before[i] = receiver_of(&h, &flow, SYN);
	}
	member_drain(&h, 0);
	for (unsigned i = 0; i < RTE_DIM(before); i++) {
		struct flow old = flow_make(HARNESS_TCP4, i);
		struct flow new = flow_make(HARNESS_TCP4, 100 + i);

		assert_int_equal(receiver_of(&h, &old, RTE_TCP_ACK_FLAG), before[i]);
		after[i] = receiver_of(&h, &new, SYN);
		assert_int_not_equal(after[i], 0);
		assert_int_equal(receiver_of(&h, &new, RTE_TCP_ACK_FLAG), after[i]);
		moved += before[i] == 0;
	}
	assert_in_range(moved, 1, 59);
	assert_in_range(l4_conn_count(h.l4), 1, 59);
	assert_true(l4_counters(h.l4)->second_chances >= moved);
	h.now_us += 10001 * 1000;
	for (unsigned i = 0; i < RTE_DIM(before); i++) {
		struct flow new = flow_make(HARNESS_TCP4, 100 + i);

		assert_int_equal(receiver_of(&h, &new, RTE_TCP_ACK_FLAG), after[i]);
	}
	harness_stop(&h);
}

/* By DSR, what nobody opened goes on; but nobody's place is taken for it. */
static void strays_push_no_client_out(void **state)
{
	struct harness h = { .member_count = 2, .adjust = stateless_set };
	struct flow flow = flow_make(HARNESS_TCP4, 0);
	unsigned member;

	(void)state;
	harness_start(&h);
	h.services[HARNESS_TCP4].is_stateless = false;
	h.services[HARNESS_TCP4].affinity = (struct config_affinity){ 5000, 32, 128 };
	harness_reload(&h);
	member = receiver_of(&h, &flow, SYN);
	for (unsigned i = 0; i < 3000; i++) {
		struct flow stray = flow_make(HARNESS_TCP4, 1);

		snprintf(stray.client, sizeof(stray.client), "203.0.%u.%u", 100 + i / 250,
			1 + i % 250);
		(void)receiver_of(&h, &stray, RTE_TCP_ACK_FLAG);
	}
	assert_int_equal(l4_counters(h.l4)->affinity_evicted, 0);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 0);
	flow.client_port++;
	assert_int_equal(receiver_of(&h, &flow, RTE_TCP_ACK_FLAG), member);
	assert_int_equal(l4_counters(h.l4)->affinity_hits, 1);
	assert_int_equal(l4_conn_count(h.l4), 1);
	harness_stop(&h);
}

/* Secrets and local addresses are each one's own; what they share is the file. */
static void two_instances_choose_alike(void **state)
{
	struct harness one = { .member_count = 7 };
	struct harness other = { .member_count = 7, .seed = 4711 };
	unsigned counts[7] = { 0 };

	(void)state;
	harness_start(&one);
	harness_start(&other);
	for (unsigned i = 0; i < 400; i++) {
		struct flow flow = flow_make(i % HARNESS_PLAIN_SERVICES, i);
		unsigned member;

		assert_int_equal(flow_send(&one, &flow, SYN), DROP_NONE);
		member = flow_member(&flow);
		counts[member]++;
		assert_int_equal(flow_send(&other, &flow, SYN), DROP_NONE);
		assert_int_equal(flow_member(&flow), member);
	}
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(counts[i], 30, 90);
	harness_stop(&other);
	harness_stop(&one);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hashes_take_what_they_say),
		CASE(affinity_makes_one_owner),
		CASE(affinity_keeps_a_client_with_its_member),
		CASE(affinity_leaves_a_dead_member),
		CASE(affinities_are_bounded),
		CASE(a_migrating_client_keeps_its_member),
		CASE(packets_without_a_server_id_go_by_hash),
		CASE(stateless_flows_pass_a_change),
		CASE(strays_push_no_client_out),
		CASE(two_instances_choose_alike),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
