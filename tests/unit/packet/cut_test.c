/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "packet/packet.h"

/* Packets of several TCP segments, and what they are cut into. */
#define SEQ     0xfffffc00u /* wraps within */
#define SEGMENT 500
#define OPTIONS 12

struct large {
	bool is_v6;
	uint16_t vlan; /* 0: none */
	bool has_ether;
	uint8_t flags;
	uint8_t ecn;
	unsigned count;
	uint16_t last_len;
};

static const uint8_t v6_src[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static const uint8_t v6_dst[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

static uint8_t byte_at(unsigned offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 3);
}

static uint16_t ip_put(const struct large *large, struct rte_mbuf *m, uint16_t l4_len)
{
	if (large->is_v6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(void *)rte_pktmbuf_prepend(
			m, sizeof(*ip));

		*ip = (struct rte_ipv6_hdr){
			.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)large->ecn << 20),
			.payload_len = rte_cpu_to_be_16(l4_len),
			.proto = 6,
			.hop_limits = 64,
		};
		memcpy(&ip->src_addr, v6_src, sizeof(v6_src));
		memcpy(&ip->dst_addr, v6_dst, sizeof(v6_dst));
		m->l3_len = sizeof(*ip);
		m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
		return rte_ipv6_phdr_cksum(ip, m->ol_flags);
	}
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)rte_pktmbuf_prepend(
		m, sizeof(*ip));

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = large->ecn,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + l4_len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = 6,
		.src_addr = rte_cpu_to_be_32(0xc0000201),
		.dst_addr = rte_cpu_to_be_32(0xc0000202),
	};
	m->l3_len = sizeof(*ip);
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	return rte_ipv4_phdr_cksum(ip, m->ol_flags);
}

static struct rte_tcp_hdr *tcp_put(const struct large *large, struct rte_mbuf *m)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(void *)rte_pktmbuf_prepend(
		m, sizeof(*tcp) + OPTIONS);

	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(80),
		.dst_port = rte_cpu_to_be_16(40000),
		.sent_seq = rte_cpu_to_be_32(SEQ),
		.recv_ack = rte_cpu_to_be_32(77),
		.data_off = (sizeof(*tcp) + OPTIONS) / 4 << 4,
		.tcp_flags = large->flags,
		.rx_win = rte_cpu_to_be_16(1234),
	};
	memset(tcp + 1, 1, OPTIONS);
	m->l4_len = sizeof(*tcp) + OPTIONS;
	return tcp;
}

static struct rte_mbuf *large_make(const struct large *large)
{
	struct rte_mbuf *first = NULL, *last = NULL;
	unsigned total = 0;
	struct rte_tcp_hdr *tcp;

	for (unsigned i = 0; i < large->count; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(support_mbufs());
		uint16_t len = i + 1 == large->count ? large->last_len : SEGMENT;
		uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, len);

		for (unsigned j = 0; j < len; j++)
			at[j] = byte_at(total++);
		if (first == NULL)
			first = m;
		else
			last->next = m;
		last = m;
	}
	first->nb_segs = (uint16_t)large->count;
	first->pkt_len = total;
	first->ol_flags = RTE_MBUF_F_TX_TCP_SEG;
	first->tso_segsz = SEGMENT;
	tcp = tcp_put(large, first);
	tcp->cksum = ip_put(large, first, (uint16_t)(first->l4_len + total));
	if (large->has_ether) {
		struct rte_ether_hdr *ether = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(
			first, sizeof(*ether));

		*ether = (struct rte_ether_hdr){
			.ether_type = rte_cpu_to_be_16(
				large->is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4),
			.dst_addr.addr_bytes = { 2, 0, 0, 0, 0, 7 },
		};
		first->l2_len = sizeof(*ether);
		if (large->vlan != 0)
			assert_true(packet_tag(first, large->vlan));
	}
	return first;
}

/* Headers, numbers, flags, checksums and bytes of a segment that begins at offset. */
static void segment_check(
	const struct large *large, struct rte_mbuf *m, unsigned offset, uint16_t len, uint8_t flags)
{
	unsigned l2_len = large->has_ether ? sizeof(struct rte_ether_hdr) + (large->vlan ? 4 : 0)
					   : 0;
	unsigned l3_len = large->is_v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint8_t *l3 = rte_pktmbuf_mtod_offset(m, uint8_t *, l2_len);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(l3 + l3_len);
	const uint8_t *payload = (const uint8_t *)(tcp + 1) + OPTIONS;

	assert_int_equal(m->nb_segs, 1);
	assert_null(m->next);
	assert_int_equal(m->pkt_len, m->data_len);
	assert_int_equal(m->pkt_len, l2_len + l3_len + sizeof(*tcp) + OPTIONS + len);
	assert_false(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	assert_int_equal(m->l2_len, l2_len);
	assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq), SEQ + offset);
	assert_int_equal(tcp->tcp_flags, flags);
	assert_int_equal(rte_be_to_cpu_16(tcp->rx_win), 1234);
	packet_checksum_complete(m);
	if (large->is_v6) {
		assert_int_equal(rte_be_to_cpu_16(((struct rte_ipv6_hdr *)l3)->payload_len),
			sizeof(*tcp) + OPTIONS + len);
		assert_int_equal(rte_ipv6_udptcp_cksum_verify((void *)l3, tcp), 0);
		assert_int_equal(l3[1] >> 4 & 3, large->ecn);
	} else {
		assert_int_equal(rte_be_to_cpu_16(((struct rte_ipv4_hdr *)l3)->total_length),
			l3_len + sizeof(*tcp) + OPTIONS + len);
		assert_int_equal(rte_ipv4_cksum((void *)l3), 0);
		assert_int_equal(rte_ipv4_udptcp_cksum_verify((void *)l3, tcp), 0);
		assert_int_equal(l3[1] & 3, large->ecn);
	}
	for (unsigned i = 0; i < len; i++)
		assert_int_equal(payload[i], byte_at(offset + i));
	if (large->vlan != 0)
		assert_int_equal(l3[-3], large->vlan);
}

#define ALL                                                                                        \
	(RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG |               \
		RTE_TCP_ECE_FLAG)

static const struct large larges[] = {
	{ .count = 2, .last_len = SEGMENT, .flags = RTE_TCP_ACK_FLAG },
	{ .count = 3, .last_len = 1, .flags = ALL, .ecn = 2, .has_ether = true },
	{ .count = 3, .last_len = SEGMENT, .flags = ALL, .has_ether = true, .vlan = 9 },
	{ .count = 4, .last_len = 300, .flags = ALL, .is_v6 = true, .ecn = 2, .has_ether = true },
	{ .count = 2, .last_len = 77, .flags = RTE_TCP_ACK_FLAG, .is_v6 = true },
	{ .count = 5, .last_len = 9, .flags = ALL, .is_v6 = true, .has_ether = true, .vlan = 77 },
	{ .count = PACKET_SEGMENTS_MAX, .last_len = SEGMENT, .flags = ALL, .has_ether = true },
	{ .count = 1, .last_len = 400, .flags = ALL, .has_ether = true },
};

static void segments_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(larges); i++) {
		const struct large *large = &larges[i];
		struct rte_mbuf *out[PACKET_SEGMENTS_MAX];
		struct rte_mbuf *m = large_make(large);

		assert_int_equal(packet_cut(m, out), large->count);
		assert_ptr_equal(out[0], m);
		for (unsigned j = 0; j < large->count; j++) {
			bool is_last = j + 1 == large->count;
			uint8_t flags = large->flags;

			if (j > 0)
				flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
			if (!is_last)
				flags &= (uint8_t) ~(RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG);
			segment_check(large, out[j], j * SEGMENT,
				is_last ? large->last_len : SEGMENT, flags);
		}
		for (unsigned j = 0; j < large->count; j++)
			rte_pktmbuf_free(out[j]);
	}
}

/* Somebody else keeps the payload, as the send queue does: it stays where it is. */
static void payload_is_not_moved(void **state)
{
	struct large large = { .count = 3, .last_len = 100, .flags = RTE_TCP_ACK_FLAG };
	struct rte_mbuf *out[PACKET_SEGMENTS_MAX];
	struct rte_mbuf *m = large_make(&large);
	struct rte_mbuf *second = m->next;
	const char *payload = rte_pktmbuf_mtod(second, const char *);
	unsigned before = rte_mempool_in_use_count(support_mbufs());

	(void)state;
	rte_mbuf_refcnt_set(second, 2);
	assert_int_equal(packet_cut(m, out), 3);
	assert_ptr_equal(out[1], second);
	assert_ptr_equal(
		rte_pktmbuf_mtod_offset(second, const char *,
			sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + OPTIONS),
		payload);
	assert_int_equal(rte_mempool_in_use_count(support_mbufs()), before);
	for (unsigned i = 0; i < 3; i++)
		rte_pktmbuf_free(out[i]);
	assert_int_equal(rte_mbuf_refcnt_read(second), 1);
	rte_pktmbuf_free(second);
}

static void without_room_nothing_changes(void **state)
{
	struct large large = { .count = 3, .last_len = 100, .flags = RTE_TCP_ACK_FLAG };
	struct rte_mbuf *out[PACKET_SEGMENTS_MAX];
	struct rte_mbuf *m = large_make(&large);
	uint32_t len = m->pkt_len;

	(void)state;
	m->next->next->data_off = 40;
	assert_int_equal(packet_cut(m, out), 0);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->nb_segs, 3);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	rte_pktmbuf_free(m);
	/* Headers that stand in an mbuf of their own. */
	m = large_make(&large);
	m->data_len = (uint16_t)(m->l3_len + m->l4_len);
	assert_int_equal(packet_cut(m, out), 0);
	rte_pktmbuf_free(m);
}

static void segments_count_for_an_mtu(void **state)
{
	struct large large = { .count = 3, .last_len = 100, .flags = RTE_TCP_ACK_FLAG };
	struct rte_mbuf *m = large_make(&large);

	(void)state;
	assert_int_equal(packet_mtu_len(m), 20 + 20 + OPTIONS + SEGMENT);
	m->ol_flags &= ~RTE_MBUF_F_TX_TCP_SEG;
	assert_int_equal(packet_mtu_len(m), m->pkt_len);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(segments_are_cut, support_mbufs_check),
		cmocka_unit_test_teardown(payload_is_not_moved, support_mbufs_check),
		cmocka_unit_test_teardown(without_room_nothing_changes, support_mbufs_check),
		cmocka_unit_test_teardown(segments_count_for_an_mtu, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
