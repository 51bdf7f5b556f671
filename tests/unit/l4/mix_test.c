/* SPDX-License-Identifier: Apache-2.0 */
/* What one feature does to another: ICMP errors, fragments and SCTP by each way of forwarding. */
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "path.h"
#include "support/support.h"

#define SYN          RTE_TCP_SYN_FLAG
#define ETHER        14
#define V4_BYTES     20
#define V6_BYTES     40
#define ICMP_BYTES   8
#define QUOTE_MAX    64
#define V4_ID_AT     (ETHER + 4)
#define V4_FIELD_AT  (ETHER + 6)
#define FULL_PAYLOAD 1480 /* behind an IPv4 header, for an MTU of 1500 */
#define PIECE_BYTES  16   /* behind the IP header, of a small fragment */

static const enum config_forward nat = CONFIG_FORWARD_NAT;
static const enum config_forward dsr_l2 = CONFIG_FORWARD_DSR_L2;
static const enum config_forward dsr_ipip = CONFIG_FORWARD_DSR_IPIP;

static void forward_set(struct harness *h, const void *forward)
{
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i].forward = *(const enum config_forward *)forward;
}

static void stateless_set(struct harness *h, const void *forward)
{
	forward_set(h, forward);
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i].is_stateless = true;
}

/* IPv6 clients, IPv4 members. */
static void versions_mix(struct harness *h, const void *arg)
{
	(void)arg;
	h->services[HARNESS_TCP6].pool = HARNESS_POOL4;
	h->services[HARNESS_UDP6].pool = HARNESS_POOL4;
	h->services[HARNESS_SCTP6].pool = HARNESS_POOL4;
}

/* "Port unreachable" of a router, about a packet of IPv4. */
static struct path_outcome error_run(
	struct harness *h, const char *router, const struct frame_spec *about)
{
	struct frame_spec bare = *about;
	uint8_t message[ICMP_BYTES + QUOTE_MAX] = { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH };
	size_t len;

	bare.is_bare = true;
	len = frame_build(&bare, message + ICMP_BYTES, QUOTE_MAX);
	return path_run(h,
		frame_mbuf(&(struct frame_spec){
			.src = router,
			.dst = about->src,
			.protocol = IPPROTO_ICMP,
			.payload = message,
			.payload_len = ICMP_BYTES + len,
		}));
}

/* The same about what the flow's client got from the VIP. */
static struct path_outcome client_error_run(struct harness *h, const struct flow *flow)
{
	bool is_udp = flow->service == HARNESS_UDP4;

	return error_run(h, "203.0.113.254",
		&(struct frame_spec){
			.src = "192.0.2.100",
			.dst = flow->client,
			.src_port = is_udp ? 53 : 80,
			.dst_port = flow->client_port,
			.protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP,
		});
}

static const struct rte_ipv4_hdr *header_of(const struct path_outcome *outcome, unsigned index)
{
	assert_true(outcome->count > index);
	return rte_pktmbuf_mtod(outcome->pkts[index], const struct rte_ipv4_hdr *);
}

static uint32_t v4_be(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return ip_v4_be(&addr);
}

static void errors_of_dsr_flows_go_to_their_member(void **state)
{
	struct harness h = { .adjust = forward_set, .adjust_arg = &dsr_l2 };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 20; i++) {
		struct flow flow = flow_make(i % 2 == 0 ? HARNESS_TCP4 : HARNESS_UDP4, i);
		struct l4_conn_row before, after;
		struct path_outcome outcome;

		assert_int_equal(flow_send(&h, &flow, SYN), DROP_NONE);
		assert_true(flow_row(&h, &flow, &before));
		h.now_us += 1000000;
		outcome = client_error_run(&h, &flow);
		assert_int_equal(outcome.reason, DROP_NONE);
		assert_int_equal(header_of(&outcome, 0)->dst_addr, v4_be("192.0.2.100"));
		assert_int_equal(header_of(&outcome, 0)->time_to_live, 63);
		assert_true(ip_equal(l4_next_hop(outcome.pkts[0]), &before.member));
		path_free(&outcome);
		/* It counts as no packet of the flow. */
		assert_true(flow_row(&h, &flow, &after));
		assert_int_equal(after.state, before.state);
		assert_int_equal(after.packets_in, before.packets_in);
		assert_int_equal(after.idle_ms, 1000);
	}
	assert_int_equal(l4_counters(h.l4)->icmp_errors_forwarded, 20);
	harness_stop(&h);
}

/* Where nothing is known, or kept, by the hash that packets of the flow have. */
static void errors_of_unknown_dsr_flows_open_none(void **state)
{
	void (*const adjusts[])(struct harness *, const void *) = { forward_set, stateless_set };

	(void)state;
	for (size_t k = 0; k < RTE_DIM(adjusts); k++) {
		struct harness h = { .adjust = adjusts[k], .adjust_arg = &dsr_l2 };

		harness_start(&h);
		for (unsigned i = 0; i < 20; i++) {
			struct flow flow = flow_make(i % 2 == 0 ? HARNESS_TCP4 : HARNESS_UDP4, i);
			struct path_outcome outcome = client_error_run(&h, &flow);

			assert_int_equal(outcome.reason, DROP_NONE);
			assert_int_equal(outcome.count, 1);
			assert_non_null(l4_next_hop(outcome.pkts[0]));
			path_free(&outcome);
		}
		assert_int_equal(l4_conn_count(h.l4), 0);
		assert_int_equal(l4_counters(h.l4)->icmp_errors_forwarded, 20);
		harness_stop(&h);
	}
}

static void errors_pass_nat_in_both_directions(void **state)
{
	struct harness h = { .adjust = forward_set, .adjust_arg = &nat };
	struct flow flow = flow_make(HARNESS_TCP4, 7);
	struct path_outcome outcome;
	char member[IP_TEXT_MAX];
	const struct rte_ipv4_hdr *quoted;

	(void)state;
	harness_start(&h);
	flow_establish(&h, &flow);
	ip_format(&flow.at_member.dst, member);
	outcome = client_error_run(&h, &flow);
	assert_int_equal(outcome.reason, DROP_NONE);
	assert_int_equal(header_of(&outcome, 0)->dst_addr, v4_be(member));
	assert_int_equal(header_of(&outcome, 0)->src_addr, v4_be(flow.client));
	quoted = rte_pktmbuf_mtod_offset(
		outcome.pkts[0], const struct rte_ipv4_hdr *, V4_BYTES + ICMP_BYTES);
	assert_int_equal(quoted->src_addr, v4_be(member));
	assert_int_equal(quoted->dst_addr, v4_be(flow.client));
	path_free(&outcome);

	outcome = error_run(&h, "198.51.100.254",
		&(struct frame_spec){
			.src = flow.client,
			.dst = member,
			.src_port = flow.client_port,
			.dst_port = 8080,
			.protocol = IPPROTO_TCP,
		});
	assert_int_equal(outcome.reason, DROP_NONE);
	assert_int_equal(header_of(&outcome, 0)->src_addr, v4_be("192.0.2.100"));
	assert_int_equal(header_of(&outcome, 0)->dst_addr, v4_be(flow.client));
	quoted = rte_pktmbuf_mtod_offset(
		outcome.pkts[0], const struct rte_ipv4_hdr *, V4_BYTES + ICMP_BYTES);
	assert_int_equal(quoted->dst_addr, v4_be("192.0.2.100"));
	path_free(&outcome);
	harness_stop(&h);
}

/* A fragment of a datagram: bytes behind the IP header, from a place on. */
struct piece {
	const char *src;
	const char *dst;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t from; /* bytes; 0: has a UDP header */
	uint16_t len;
	bool is_last;
};

static struct path_outcome piece_run(struct harness *h, const struct piece *piece)
{
	uint16_t field = (uint16_t)(piece->from / 8 | (piece->is_last ? 0 : RTE_IPV4_HDR_MF_FLAG));
	uint8_t payload[FULL_PAYLOAD] = { 0 };
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(
		&(struct frame_spec){
			.src = piece->src,
			.dst = piece->dst,
			.src_port = piece->src_port,
			.dst_port = piece->dst_port,
			.protocol = IPPROTO_UDP,
			.payload = payload,
			.payload_len = piece->len - 8u,
		},
		frame, sizeof(frame));

	frame[V4_ID_AT] = 0x12;
	frame[V4_FIELD_AT] = (uint8_t)(field >> 8);
	frame[V4_FIELD_AT + 1] = (uint8_t)field;
	frame_sums_fill(frame + ETHER, len - ETHER);
	return path_run(h, support_mbuf(frame, len));
}

static void fragments_pass_nat_in_both_directions(void **state)
{
	struct harness h = { .adjust = forward_set, .adjust_arg = &nat };
	struct piece piece = { "203.0.113.9", "192.0.2.100", 1000, 53, PIECE_BYTES, PIECE_BYTES,
		true };
	struct path_outcome outcome;
	char member[IP_TEXT_MAX];
	struct ip_addr to;

	(void)state;
	harness_start(&h);
	outcome = piece_run(&h, &piece);
	assert_int_equal(outcome.count, 0);
	piece.from = 0;
	piece.is_last = false;
	outcome = piece_run(&h, &piece);
	assert_int_equal(outcome.reason, DROP_NONE);
	assert_int_equal(outcome.count, 2);
	assert_int_equal(header_of(&outcome, 0)->src_addr, v4_be("203.0.113.9"));
	assert_int_equal(header_of(&outcome, 0)->dst_addr, header_of(&outcome, 1)->dst_addr);
	to = ip_from_v4(header_of(&outcome, 1)->dst_addr);
	path_free(&outcome);

	piece = (struct piece){ ip_format(&to, member), "203.0.113.9", 8080, 1000, 0, PIECE_BYTES,
		false };
	for (unsigned i = 0; i < 2; i++) {
		outcome = piece_run(&h, &piece);
		assert_int_equal(outcome.reason, DROP_NONE);
		assert_int_equal(header_of(&outcome, 0)->src_addr, v4_be("192.0.2.100"));
		assert_int_equal(header_of(&outcome, 0)->dst_addr, v4_be("203.0.113.9"));
		path_free(&outcome);
		piece.from = PIECE_BYTES;
		piece.is_last = true;
	}
	assert_int_equal(l4_conn_count(h.l4), 1);
	harness_stop(&h);
}

/* Fragments that do not fit the tunnel are cut again, each to its place in the datagram. */
static void fragments_are_cut_again(void **state)
{
	struct harness h = { .adjust = forward_set, .adjust_arg = &dsr_ipip };
	struct piece piece = { "203.0.113.9", "192.0.2.100", 1000, 53, 0, FULL_PAYLOAD, false };
	unsigned at = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 2; i++) {
		struct path_outcome outcome = piece_run(&h, &piece);

		assert_int_equal(outcome.reason, DROP_NONE);
		assert_int_equal(outcome.count, 2);
		for (unsigned k = 0; k < 2; k++) {
			const struct rte_ipv4_hdr *inner = header_of(&outcome, k) + 1;
			unsigned field = rte_be_to_cpu_16(inner->fragment_offset);

			assert_true(outcome.pkts[k]->pkt_len <= 1500);
			assert_int_equal((field & RTE_IPV4_HDR_OFFSET_MASK) * 8, at);
			assert_int_equal(
				(field & RTE_IPV4_HDR_MF_FLAG) != 0, !(piece.is_last && k == 1));
			at += outcome.pkts[k]->pkt_len - 2 * V4_BYTES;
		}
		path_free(&outcome);
		piece.from = FULL_PAYLOAD;
		piece.is_last = true;
	}
	assert_int_equal(at, 2 * FULL_PAYLOAD);
	harness_stop(&h);
}

/* A member's datagram of which each fragment fills IPv4's MTU: cut again, since IPv6's is larger.
 */
static void fragments_that_grow_are_cut_again(void **state)
{
	struct harness h = { .adjust = versions_mix };
	struct flow flow = flow_make(HARNESS_UDP6, 1);
	struct piece piece = { .dst = "192.0.2.2", .len = FULL_PAYLOAD };
	char member[IP_TEXT_MAX];
	unsigned at = 0;

	(void)state;
	harness_start(&h);
	assert_int_equal(flow_send(&h, &flow, 0), DROP_NONE);
	piece.src = ip_format(&flow.at_member.dst, member);
	piece.src_port = 8080;
	piece.dst_port = rte_be_to_cpu_16(flow.at_member.src_port_be);
	for (unsigned i = 0; i < 2; i++) {
		struct path_outcome outcome = piece_run(&h, &piece);

		assert_int_equal(outcome.reason, DROP_NONE);
		assert_int_equal(outcome.count, 2);
		for (unsigned k = 0; k < 2; k++) {
			const uint8_t *ip = rte_pktmbuf_mtod(outcome.pkts[k], const uint8_t *);
			unsigned field = ip[V6_BYTES + 2] << 8 | ip[V6_BYTES + 3];

			assert_true(outcome.pkts[k]->pkt_len <= 1500);
			assert_int_equal(ip[4] << 8 | ip[5], outcome.pkts[k]->pkt_len - V6_BYTES);
			assert_int_equal(ip[6], IPPROTO_FRAGMENT);
			assert_int_equal(ip[V6_BYTES], IPPROTO_UDP);
			assert_int_equal(field & ~7u, at);
			assert_int_equal(field & 1, !(piece.is_last && k == 1));
			assert_memory_equal(ip + V6_BYTES + 4, "\0\0\x12\x34", 4);
			at += outcome.pkts[k]->pkt_len - V6_BYTES - 8;
		}
		path_free(&outcome);
		piece.from = FULL_PAYLOAD;
		piece.is_last = true;
	}
	assert_int_equal(at, 2 * FULL_PAYLOAD);
	harness_stop(&h);
}

/* The INIT chunk alone: type, flags, length, and 16 bytes more. */
static const uint8_t sctp_init[] = { 1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 16, 0, 0, 10, 0, 10, 0, 0, 0,
	1 };
static const uint8_t sctp_cookie_echo[] = { 10, 0, 0, 8, 1, 2, 3, 4 };

/* A packet of a client's association, with the checksum of the parser's own choosing. */
static struct path_outcome sctp_run(
	struct harness *h, const char *client, const char *vip, const uint8_t *chunk, size_t len)
{
	uint8_t message[64] = { 0x13, 0x88, 2905 >> 8, 2905 & 0xff };
	struct rte_mbuf *m;

	if (chunk != sctp_init)
		message[7] = 1;
	memcpy(message + 12, chunk, len);
	m = frame_mbuf(&(struct frame_spec){
		.src = client,
		.dst = vip,
		.protocol = IPPROTO_SCTP,
		.payload = message,
		.payload_len = 12 + len,
	});
	/* The port has verified it. */
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return path_run(h, m);
}

/* CRC32c, bit by bit: RFC 9260 appendix A. */
static uint32_t crc32c(const uint8_t *bytes, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void sctp_is_translated(void **state)
{
	struct harness h = { .adjust = versions_mix };
	struct path_outcome outcome;
	const uint8_t *sctp;
	uint32_t sum;

	(void)state;
	harness_start(&h);
	outcome = sctp_run(&h, "2001:db8:2::1", "2001:db8::100", sctp_init, sizeof(sctp_init));
	assert_int_equal(outcome.reason, DROP_NONE);
	assert_int_equal(header_of(&outcome, 0)->version_ihl, 0x45);
	assert_int_equal(header_of(&outcome, 0)->next_proto_id, IPPROTO_SCTP);
	assert_int_equal(rte_ipv4_cksum(header_of(&outcome, 0)), 0);
	sctp = rte_pktmbuf_mtod_offset(outcome.pkts[0], const uint8_t *, V4_BYTES);
	memcpy(&sum, sctp + 8, sizeof(sum));
	assert_int_equal(rte_le_to_cpu_32(sum), crc32c(sctp, outcome.pkts[0]->pkt_len - V4_BYTES));
	path_free(&outcome);
	harness_stop(&h);
}

/* One-sided: an INIT that is sent again proves nothing, the COOKIE ECHO does. */
static void sctp_by_dsr_follows_the_client(void **state)
{
	struct harness h = { .adjust = forward_set, .adjust_arg = &dsr_l2 };
	struct l4_conn_row row;
	uint32_t cursor = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *chunk = i < 2 ? sctp_init : sctp_cookie_echo;
		struct path_outcome outcome = sctp_run(&h, "203.0.113.9", "192.0.2.100", chunk,
			i < 2 ? sizeof(sctp_init) : sizeof(sctp_cookie_echo));

		assert_int_equal(outcome.reason, DROP_NONE);
		path_free(&outcome);
		cursor = 0;
		assert_int_equal(l4_conn_dump(h.l4, &cursor, &row, 1, h.now_us), 1);
		assert_int_equal(row.state, i < 2 ? L4_STATE_NEW : L4_STATE_ESTABLISHED);
	}
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(errors_of_dsr_flows_go_to_their_member),
		CASE(errors_of_unknown_dsr_flows_open_none),
		CASE(errors_pass_nat_in_both_directions),
		CASE(fragments_that_grow_are_cut_again),
		CASE(fragments_pass_nat_in_both_directions),
		CASE(fragments_are_cut_again),
		CASE(sctp_is_translated),
		CASE(sctp_by_dsr_follows_the_client),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
