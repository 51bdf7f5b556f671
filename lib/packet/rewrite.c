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
	struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to, uint64_t change)
{
	uint8_t *l4 = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l4_offset);

	if (p->protocol == IPPROTO_SCTP)
		packet_sctp_rewrite(
			m, p->l4_offset, (const uint16_t[]){ to->src_port_be, to->dst_port_be });
	else if (!(p->flags & PACKET_IS_LATER))
		l4_rewrite(l4, p->protocol == IPPROTO_UDP, to, change);
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
	upper_rewrite(m, p, to, change);
	return DROP_NONE;
}

static inline enum drop_reason v4_rewrite(
	struct rte_mbuf *m, const struct packet *p, const struct packet_tuple *to)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, p->l3_offset);
	uint32_t src = ip_v4_be(&to->src);
	uint32_t dst = ip_v4_be(&to->dst);
	uint64_t change;

	if (ip->time_to_live <= 1)
		return DROP_ttl_expired;
	ip->time_to_live--;
	change = change32(ip->src_addr, src) + change32(ip->dst_addr, dst);
	ip->hdr_checksum = sum_change(ip->hdr_checksum, change + TTL_STEP);
	ip->src_addr = src;
	ip->dst_addr = dst;
	upper_rewrite(m, p, to, change);
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

enum drop_reason packet_rewrite(struct rte_mbuf *m, const struct packet_tuple *to)
{
	struct packet *p = packet_of(m);
	enum drop_reason reason;

	reason = p->flags & PACKET_IS_V6 ? v6_rewrite(m, p, to) : v4_rewrite(m, p, to);
	if (reason != DROP_NONE)
		return reason;
	p->src = to->src;
	p->dst = to->dst;
	p->src_port_be = to->src_port_be;
	p->dst_port_be = to->dst_port_be;
	return DROP_NONE;
}
