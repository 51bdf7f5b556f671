/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of one IP version to the other: RFC 7915 for TCP, UDP and SCTP, without fragments. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "l4_rewrite.h"
#include "sctp.h"

#define V4_BYTES               20
#define V6_BYTES               40
#define V4_PLAIN               0x45 /* version 4, five words */
#define V6_PLAIN               (6u << 28)
#define V6_TRAFFIC_CLASS_SHIFT 20

/* RFC 7915 5.1: a larger one was more than 1280 bytes in IPv6, where routers do not fragment. */
#define V4_FRAGMENTABLE_MAX 1260

/* The addresses' share of the pseudo header; length and protocol are the same in both versions. */
static uint64_t addresses_sum(const struct ip_addr *src, const struct ip_addr *dst)
{
	if (ip_is_v4(src))
		return (uint64_t)ip_v4_be(src) + ip_v4_be(dst);
	return sum_bytes(src->bytes, sizeof(src->bytes)) +
		sum_bytes(dst->bytes, sizeof(dst->bytes));
}

/* RFC 7915 4.5: over IPv6 a datagram needs its checksum. From the parsed tuple's own addresses. */
static __rte_noinline void udp_sum_make(struct rte_mbuf *m, const struct packet *p)
{
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4_offset);
	uint32_t len = rte_be_to_cpu_16(udp->dgram_len);
	uint64_t sum = addresses_sum(&p->src, &p->dst) + rte_cpu_to_be_16(IPPROTO_UDP) +
		rte_cpu_to_be_32(len) + sum_packet(m, p->l4_offset, len);
	uint16_t folded = (uint16_t)~sum_fold(sum);

	udp->dgram_cksum = folded == 0 ? 0xffff : folded;
}

static void l4_translate(struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	uint64_t before = addresses_sum(&p->src, &p->dst);
	uint64_t after = addresses_sum(&to->src, &to->dst);

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

static void v4_write(struct rte_ipv4_hdr *ip, const struct packet_tuple *to, uint32_t total,
	uint8_t tos, uint8_t ttl, uint16_t *next_id)
{
	bool may_be_fragmented = total <= V4_FRAGMENTABLE_MAX;

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = V4_PLAIN,
		.type_of_service = tos,
		.total_length = rte_cpu_to_be_16((uint16_t)total),
		.packet_id = may_be_fragmented ? rte_cpu_to_be_16((*next_id)++) : 0,
		.fragment_offset = may_be_fragmented ? 0 : rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = ttl,
		.next_proto_id = to->protocol,
		.src_addr = ip_v4_be(&to->src),
		.dst_addr = ip_v4_be(&to->dst),
	};
	ip->hdr_checksum = (uint16_t)~sum_fold(sum_bytes((const uint8_t *)ip, V4_BYTES));
}

static enum drop_reason v6_to_v4(
	struct rte_mbuf *m, const struct packet_tuple *to, uint16_t *next_id)
{
	struct packet *p = packet_of(m);
	const struct rte_ipv6_hdr *old = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv6_hdr *, p->l3_offset);
	uint8_t tos = (uint8_t)(rte_be_to_cpu_32(old->vtc_flow) >> V6_TRAFFIC_CLASS_SHIFT);
	uint8_t hops = old->hop_limits;
	struct rte_ipv4_hdr *ip;

	if (hops <= 1)
		return DROP_ttl_expired;
	l4_translate(m, p, to);
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_adj(m, (uint16_t)(p->l4_offset - V4_BYTES));
	v4_write(ip, to, m->pkt_len, tos, (uint8_t)(hops - 1), next_id);
	p->flags &= (uint8_t)~PACKET_IS_V6;
	return DROP_NONE;
}

static enum drop_reason v4_to_v6(struct rte_mbuf *m, const struct packet_tuple *to)
{
	struct packet *p = packet_of(m);
	const struct rte_ipv4_hdr *old = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv4_hdr *, p->l3_offset);
	uint32_t tos = old->type_of_service;
	uint8_t ttl = old->time_to_live;
	struct rte_ipv6_hdr *ip;

	if (ttl <= 1)
		return DROP_ttl_expired;
	if (p->l4_offset + rte_pktmbuf_headroom(m) < V6_BYTES)
		return DROP_mbuf_exhausted;
	if (p->protocol == IPPROTO_UDP &&
		rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, p->l4_offset)->dgram_cksum == 0)
		udp_sum_make(m, p);
	l4_translate(m, p, to);
	rte_pktmbuf_adj(m, p->l4_offset);
	ip = (struct rte_ipv6_hdr *)rte_pktmbuf_prepend(m, V6_BYTES);
	ip->vtc_flow = rte_cpu_to_be_32(V6_PLAIN | tos << V6_TRAFFIC_CLASS_SHIFT);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - V6_BYTES));
	ip->proto = to->protocol;
	ip->hop_limits = (uint8_t)(ttl - 1);
	memcpy((uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr), &to->src, sizeof(to->src));
	memcpy((uint8_t *)ip + offsetof(struct rte_ipv6_hdr, dst_addr), &to->dst, sizeof(to->dst));
	p->flags |= PACKET_IS_V6;
	return DROP_NONE;
}

enum drop_reason packet_translate(
	struct rte_mbuf *m, const struct packet_tuple *to, uint16_t *next_id)
{
	struct packet *p = packet_of(m);
	uint16_t header_bytes = (uint16_t)(p->payload_offset - p->l4_offset);
	enum drop_reason reason;

	if ((p->flags & PACKET_IS_FRAGMENT) != 0)
		return DROP_untranslatable;
	reason = p->flags & PACKET_IS_V6 ? v6_to_v4(m, to, next_id) : v4_to_v6(m, to);
	if (reason != DROP_NONE)
		return reason;
	p->src = to->src;
	p->dst = to->dst;
	p->src_port_be = to->src_port_be;
	p->dst_port_be = to->dst_port_be;
	p->l3_offset = 0;
	p->l4_offset = p->flags & PACKET_IS_V6 ? V6_BYTES : V4_BYTES;
	p->payload_offset = (uint16_t)(p->l4_offset + header_bytes);
	return DROP_NONE;
}
