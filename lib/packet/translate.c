/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of one IP version to the other: RFC 7915 for TCP, UDP and SCTP, and their fragments. */
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "ip_head.h"
#include "l4_rewrite.h"
#include "sctp.h"

#define V6_TRAFFIC_CLASS_SHIFT 20

/* RFC 7915 4.5: over IPv6 a datagram needs its checksum. From the parsed tuple's own addresses. */
static __rte_noinline void udp_sum_make(struct rte_mbuf *m, const struct packet *p)
{
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4_offset);
	uint32_t len = rte_be_to_cpu_16(udp->dgram_len);
	uint64_t sum = ip_addresses_sum(&p->src, &p->dst) + rte_cpu_to_be_16(IPPROTO_UDP) +
		rte_cpu_to_be_32(len) + sum_packet(m, p->l4_offset, len);
	uint16_t folded = (uint16_t)~sum_fold(sum);

	udp->dgram_cksum = folded == 0 ? 0xffff : folded;
}

static void l4_translate(struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	uint64_t before = ip_addresses_sum(&p->src, &p->dst);
	uint64_t after = ip_addresses_sum(&to->src, &to->dst);

	/* Its checksum is over no addresses, but cannot be adjusted for the ports. */
	if (p->protocol == IPPROTO_SCTP) {
		packet_sctp_rewrite(
			m, p->l4_offset, (const uint16_t[]){ to->src_port_be, to->dst_port_be });
		return;
	}
	/* In ones' complement, the complement of a folded sum is its negative. */
	l4_rewrite(rte_pktmbuf_mtod_offset(m, uint8_t *, p->l4_offset), p->protocol == IPPROTO_UDP,
		(const uint16_t[]){ to->src_port_be, to->dst_port_be },
		(uint64_t)(uint16_t)~sum_fold(before) + sum_fold(after));
}

/* What the old header says, for the new one, less a hop. */
static struct ip_head head_read(
	const struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	struct ip_head head = {
		.src = &to->src,
		.dst = &to->dst,
		.payload_len = m->pkt_len - p->l4_offset,
		.protocol = to->protocol,
	};

	if (p->flags & PACKET_IS_V6) {
		const struct rte_ipv6_hdr *v6 = rte_pktmbuf_mtod_offset(
			m, const struct rte_ipv6_hdr *, p->l3_offset);

		head.tos = (uint8_t)(rte_be_to_cpu_32(v6->vtc_flow) >> V6_TRAFFIC_CLASS_SHIFT);
		head.ttl = v6->hop_limits;
	} else {
		const struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod_offset(
			m, const struct rte_ipv4_hdr *, p->l3_offset);

		head.tos = v4->type_of_service;
		head.ttl = v4->time_to_live;
	}
	if (p->flags & PACKET_IS_FRAGMENT) {
		head.is_fragment = true;
		head.has_more = (p->flags & PACKET_HAS_MORE) != 0;
		head.fragment_offset = p->fragment_offset;
		head.id = p->fragment_id;
	}
	return head;
}

static bool lacks_udp_sum(const struct rte_mbuf *m, const struct packet *p)
{
	return p->protocol == IPPROTO_UDP && !(p->flags & (PACKET_IS_V6 | PACKET_IS_LATER)) &&
		rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4_offset)->dgram_cksum == 0;
}

/*
 * Offsets count from behind the fragment header: a first fragment with more extension headers
 * there cannot lose them. A sum over all of a datagram cannot be made from a part of it.
 */
static bool is_translatable(const struct rte_mbuf *m, const struct packet *p)
{
	if (!(p->flags & PACKET_IS_FRAGMENT))
		return true;
	return p->fragment_len == m->pkt_len - p->l4_offset && !lacks_udp_sum(m, p);
}

enum drop_reason packet_translate(
	struct rte_mbuf *m, const struct packet_tuple *to, uint16_t *next_id)
{
	struct packet *p = packet_of(m);
	uint16_t header_bytes = (uint16_t)(p->payload_offset - p->l4_offset);
	struct ip_head head = head_read(m, p, to);
	uint16_t bytes = IP_V4_BYTES;

	if (!is_translatable(m, p))
		return DROP_untranslatable;
	if (head.ttl-- <= 1)
		return DROP_ttl_expired;
	if (!(p->flags & PACKET_IS_V6))
		bytes = (uint16_t)ip_head_v6_bytes(&head);
	if (p->l4_offset + rte_pktmbuf_headroom(m) < bytes)
		return DROP_mbuf_exhausted;
	if (lacks_udp_sum(m, p))
		udp_sum_make(m, p);
	if (!(p->flags & PACKET_IS_LATER))
		l4_translate(m, p, to);
	rte_pktmbuf_adj(m, p->l4_offset);
	if (p->flags & PACKET_IS_V6)
		ip_head_v4_write((uint8_t *)rte_pktmbuf_prepend(m, bytes), &head, next_id);
	else
		ip_head_v6_write((uint8_t *)rte_pktmbuf_prepend(m, bytes), &head);
	p->flags ^= PACKET_IS_V6;
	p->src = to->src;
	p->dst = to->dst;
	p->src_port_be = to->src_port_be;
	p->dst_port_be = to->dst_port_be;
	p->l3_offset = 0;
	p->l4_offset = bytes;
	p->payload_offset = (uint16_t)(bytes + header_bytes);
	return DROP_NONE;
}
