/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>

#include "checksum.h"
#include "l4_rewrite.h"
#include "sctp.h"

/*
 * What a TTL lower by one adds to the header's sum: TTL is the high byte of its word w, and
 * ~w + (w - 0x0100) is the same for every w.
 */
#define TTL_STEP (0xffffu - rte_cpu_to_be_16(0x0100))

#define V6_SRC_OFFSET 8
#define V6_DST_OFFSET 24

/* Behind the IP header. change: of the sum over the addresses. */
static inline void upper_rewrite(
	struct rte_mbuf *m, const struct packet *p, const uint16_t ports_be[2], uint64_t change)
{
	uint8_t *l4 = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l4_offset);

	if (p->protocol == IPPROTO_SCTP)
		packet_sctp_rewrite(m, p->l4_offset, ports_be);
	else if (!(p->flags & PACKET_IS_LATER))
		l4_rewrite(l4, p->protocol == IPPROTO_UDP, ports_be, change);
}

static __rte_noinline enum drop_reason v6_rewrite(
	struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l3_offset);
	struct rte_ipv6_hdr *header = (struct rte_ipv6_hdr *)ip;
	uint64_t change = 0;

	if (header->hop_limits <= 1)
		return DROP_ttl_expired;
	header->hop_limits--;
	for (size_t i = 0; i < RTE_DIM(to->src.words_be); i++) {
		change += change32(load32(ip + V6_SRC_OFFSET + 4 * i), to->src.words_be[i]);
		change += change32(load32(ip + V6_DST_OFFSET + 4 * i), to->dst.words_be[i]);
	}
	memcpy(ip + V6_SRC_OFFSET, &to->src, sizeof(to->src));
	memcpy(ip + V6_DST_OFFSET, &to->dst, sizeof(to->dst));
	upper_rewrite(m, p, (const uint16_t[]){ to->src_port_be, to->dst_port_be }, change);
	return DROP_NONE;
}

static inline enum drop_reason v4_rewrite(
	struct rte_mbuf *m, const struct packet *p, const struct packet_ends_v4 *to)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, p->l3_offset);
	const uint16_t ports_be[2] = { to->src_port_be, to->dst_port_be };
	uint64_t change;

	if (ip->time_to_live <= 1)
		return DROP_ttl_expired;
	ip->time_to_live--;
	change = change32(ip->src_addr, to->src_be) + change32(ip->dst_addr, to->dst_be);
	ip->hdr_checksum = sum_change(ip->hdr_checksum, change + TTL_STEP);
	ip->src_addr = to->src_be;
	ip->dst_addr = to->dst_be;
	upper_rewrite(m, p, ports_be, change);
	return DROP_NONE;
}

enum drop_reason packet_ttl_lower(struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	void *ip = rte_pktmbuf_mtod_offset(m, void *, p->l3_offset);

	if (p->flags & PACKET_IS_V6) {
		struct rte_ipv6_hdr *header = ip;

		if (header->hop_limits <= 1)
			return DROP_ttl_expired;
		header->hop_limits--;
	} else {
		struct rte_ipv4_hdr *header = ip;

		if (header->time_to_live <= 1)
			return DROP_ttl_expired;
		header->time_to_live--;
		header->hdr_checksum = sum_change(header->hdr_checksum, TTL_STEP);
	}
	return DROP_NONE;
}

void packet_ethernet_remove(struct rte_mbuf *m)
{
	struct packet *p = packet_of(m);

	/* Headers are in the first segment: the parser made sure. */
	rte_pktmbuf_adj(m, p->l3_offset);
	p->l4_offset -= p->l3_offset;
	p->payload_offset -= p->l3_offset;
	p->l3_offset = 0;
}

enum drop_reason packet_rewrite_v4(struct rte_mbuf *m, const struct packet_ends_v4 *to)
{
	struct packet *p = packet_of(m);
	enum drop_reason reason = v4_rewrite(m, p, to);

	if (reason != DROP_NONE)
		return reason;
	p->src = ip_from_v4(to->src_be);
	p->dst = ip_from_v4(to->dst_be);
	p->src_port_be = to->src_port_be;
	p->dst_port_be = to->dst_port_be;
	packet_ethernet_remove(m);
	return DROP_NONE;
}

static enum drop_reason family_rewrite(
	struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	struct packet_ends_v4 ends;

	if (p->flags & PACKET_IS_V6)
		return v6_rewrite(m, p, to);
	ends = (struct packet_ends_v4){
		.src_be = ip_v4_be(&to->src),
		.dst_be = ip_v4_be(&to->dst),
		.src_port_be = to->src_port_be,
		.dst_port_be = to->dst_port_be,
	};
	return v4_rewrite(m, p, &ends);
}

enum drop_reason packet_rewrite(struct rte_mbuf *m, const struct packet_tuple *to)
{
	struct packet *p = packet_of(m);
	enum drop_reason reason = family_rewrite(m, p, to);

	if (reason != DROP_NONE)
		return reason;
	p->src = to->src;
	p->dst = to->dst;
	p->src_port_be = to->src_port_be;
	p->dst_port_be = to->dst_port_be;
	return DROP_NONE;
}
