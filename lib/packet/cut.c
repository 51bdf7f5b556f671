/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "packet/packet.h"

/* Flags that only the last segment has, and the one that only the first has (RFC 3168 6.1.2). */
#define LAST_FLAGS  (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG)
#define FIRST_FLAGS RTE_TCP_CWR_FLAG

/* The headers that all segments get, and what tells them apart. */
struct cut {
	const uint8_t *headers; /* as they stand in front of the first */
	uint16_t headers_len;
	uint16_t l3_offset;
	uint16_t l4_offset;
	uint32_t seq;
	uint16_t sum; /* of the pseudo header, without the length */
	uint8_t flags;
	bool is_v4;
};

static uint16_t sum_with(uint16_t sum, uint16_t len)
{
	uint32_t all = (uint32_t)sum + rte_cpu_to_be_16(len);

	return (uint16_t)((all & 0xffff) + (all >> 16));
}

/* The fields in which this segment's headers differ. */
static void headers_set(
	const struct cut *cut, uint8_t *headers, uint32_t offset, uint16_t payload, uint8_t without)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(headers + cut->l4_offset);
	uint16_t l4_len = (uint16_t)(cut->headers_len - cut->l4_offset + payload);

	if (cut->is_v4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(headers + cut->l3_offset);

		ip->total_length = rte_cpu_to_be_16(
			(uint16_t)(cut->l4_offset - cut->l3_offset + l4_len));
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(headers + cut->l3_offset);

		ip->payload_len = rte_cpu_to_be_16(
			(uint16_t)(cut->l4_offset - cut->l3_offset - sizeof(*ip) + l4_len));
	}
	tcp->sent_seq = rte_cpu_to_be_32(cut->seq + offset);
	tcp->tcp_flags = cut->flags & (uint8_t)~without;
	tcp->cksum = sum_with(cut->sum, l4_len);
}

/* One of the later mbufs becomes a packet. */
static void piece_make(const struct rte_mbuf *first, const struct cut *cut, struct rte_mbuf *m)
{
	m->data_off = (uint16_t)(m->data_off - cut->headers_len);
	m->data_len = (uint16_t)(m->data_len + cut->headers_len);
	m->pkt_len = m->data_len;
	m->nb_segs = 1;
	m->next = NULL;
	m->port = first->port;
	m->vlan_tci = first->vlan_tci;
	m->ol_flags = first->ol_flags & ~RTE_MBUF_F_TX_TCP_SEG;
	m->tx_offload = first->tx_offload;
	m->tso_segsz = 0;
	memcpy(rte_pktmbuf_mtod(m, void *), cut->headers, cut->headers_len);
}

static struct cut cut_begin(struct rte_mbuf *m)
{
	struct cut cut = {
		.headers = rte_pktmbuf_mtod(m, const uint8_t *),
		.headers_len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len),
		.l3_offset = (uint16_t)m->l2_len,
		.l4_offset = (uint16_t)(m->l2_len + m->l3_len),
		.is_v4 = !(m->ol_flags & RTE_MBUF_F_TX_IPV6),
	};
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(cut.headers + cut.l4_offset);

	cut.seq = rte_be_to_cpu_32(tcp->sent_seq);
	cut.flags = tcp->tcp_flags;
	cut.sum = tcp->cksum;
	return cut;
}

static bool has_room(const struct rte_mbuf *m, const struct cut *cut)
{
	if (m->data_len <= cut->headers_len)
		return false;
	for (m = m->next; m != NULL; m = m->next) {
		if (m->data_off < cut->headers_len)
			return false;
	}
	return true;
}

uint16_t packet_cut(struct rte_mbuf *m, struct rte_mbuf **out)
{
	struct cut cut = cut_begin(m);
	struct rte_mbuf *next = m->next;
	uint16_t first_len = (uint16_t)(m->data_len - cut.headers_len);
	uint32_t offset = first_len;
	uint16_t count = 0;

	if (!has_room(m, &cut))
		return 0;
	out[count++] = m;
	while (next != NULL) {
		struct rte_mbuf *piece = next;
		uint16_t len = piece->data_len;

		next = piece->next;
		piece_make(m, &cut, piece);
		headers_set(&cut, rte_pktmbuf_mtod(piece, uint8_t *), offset, len,
			next != NULL ? FIRST_FLAGS | LAST_FLAGS : FIRST_FLAGS);
		offset += len;
		out[count++] = piece;
	}
	headers_set(&cut, rte_pktmbuf_mtod(m, uint8_t *), 0, first_len,
		m->next != NULL ? LAST_FLAGS : 0);
	m->pkt_len = m->data_len;
	m->nb_segs = 1;
	m->next = NULL;
	m->ol_flags &= ~RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = 0;
	return count;
}
