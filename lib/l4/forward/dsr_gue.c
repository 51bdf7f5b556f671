/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct return by Generic UDP Encapsulation (draft-ietf-intarea-gue-09): variant 0 has a header of
 * four bytes, variant 1 none, since the first bits of an IP header tell it from variant 0. The flow
 * is spread by the source port (RFC 7510 3), so that the member's card and the way to it do so,
 * too.
 */
#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "outer.h"

#define GUE_BYTES 4

/* RFC 6335 6: dynamic ports, 14 bits of hash. */
#define PORT_MIN   0xc000u
#define PORT_SHIFT 18

/* No control message, no optional fields: zero but for the protocol. */
struct gue_header {
	uint8_t version_length;
	uint8_t protocol;
	uint16_t flags;
};

static int wrap_growth(const struct l4_packet *packet)
{
	int gue = packet->service->gue_variant == 0 ? GUE_BYTES : 0;

	return outer_ip_bytes(packet->member) + (int)sizeof(struct rte_udp_hdr) + gue;
}

/* The flow hash has chosen worker and member by some of its bits: multiplied, all count. */
static uint16_t source_port_be(uint32_t hash)
{
	return rte_cpu_to_be_16((uint16_t)(PORT_MIN | (hash * 0x9e3779b1u) >> PORT_SHIFT));
}

/* RFC 8200 8.1: over IPv6 there is a checksum. Over IPv4 the inner packet's own is enough. */
static void v6_sum(struct rte_mbuf *m)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t sum;
	uint16_t part;

	if (rte_raw_cksum_mbuf(m, sizeof(*ip), m->pkt_len - (uint32_t)sizeof(*ip), &part) != 0)
		return;
	sum = (uint32_t)part + rte_ipv6_phdr_cksum(ip, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	udp->dgram_cksum = sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static enum drop_reason wrap(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	const uint8_t *inner = rte_pktmbuf_mtod(m, const uint8_t *);
	bool has_header = packet->service->gue_variant == 0;
	uint16_t bytes = (uint16_t)(sizeof(struct rte_udp_hdr) + (has_header ? GUE_BYTES : 0));
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)rte_pktmbuf_prepend(m, bytes);
	enum drop_reason reason;

	if (udp == NULL)
		return DROP_mbuf_exhausted;
	*udp = (struct rte_udp_hdr){
		.src_port = source_port_be(packet_of(m)->flow_hash),
		.dst_port = packet->service->gue_port_be,
		.dgram_len = rte_cpu_to_be_16((uint16_t)m->pkt_len),
	};
	if (has_header)
		*(struct gue_header *)(udp + 1) = (struct gue_header){
			.protocol = outer_payload_protocol(inner),
		};
	reason = outer_write(burst, packet, m, IPPROTO_UDP, inner);
	if (reason == DROP_NONE && !ip_is_v4(&packet->member->address))
		v6_sum(m);
	return reason;
}

const struct forward_ops forward_dsr_gue = {
	.is_dsr = true,
	.wrap_growth = wrap_growth,
	.rewrite = forward_rewrite_ttl,
	.wrap = wrap,
};
