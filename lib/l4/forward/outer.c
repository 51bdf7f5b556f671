/* SPDX-License-Identifier: Apache-2.0 */
#include "outer.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define OUTER_TTL              64
#define V4_PLAIN               0x45 /* version 4, five words */
#define V6_PLAIN               (6u << 28)
#define V6_TRAFFIC_CLASS_SHIFT 20
#define V6_FLOW_LABEL_MASK     0xfffffu

static uint8_t inner_class(const uint8_t *inner)
{
	return *inner >> 4 == 4 ? inner[1] : (uint8_t)(inner[0] << 4 | inner[1] >> 4);
}

/* IPv6 is never fragmented on its way, so what carries it is not, either. */
static bool inner_is_whole(const uint8_t *inner)
{
	const struct rte_ipv4_hdr *v4 = (const struct rte_ipv4_hdr *)inner;

	return *inner >> 4 != 4 ||
		(v4->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)) != 0;
}

/* One of the configured network's addresses, by flow: its host bits are the hash. */
static struct ip_addr source_spread(const struct ip_prefix *network, uint32_t hash)
{
	unsigned host_bits = (ip_is_v4(&network->addr) ? 32 : 128) - network->prefix_len;
	uint32_t mask = host_bits >= 32 ? UINT32_MAX : (UINT32_C(1) << host_bits) - 1;
	struct ip_addr source = network->addr;

	source.words_be[3] |= rte_cpu_to_be_32(hash & mask);
	return source;
}

static bool source_choose(const struct l4_burst *burst, const struct l4_packet *packet,
	uint32_t hash, struct ip_addr *source)
{
	const struct ip_prefix *network = &packet->service->outer_source;
	const struct ip_addr *member = &packet->member->address;
	const struct ip_addr *ours;

	if ((network->addr.halves[0] | network->addr.halves[1]) != 0 &&
		ip_is_v4(&network->addr) == ip_is_v4(member)) {
		*source = source_spread(network, hash);
		return true;
	}
	ours = neigh_net_source(burst->snapshot->net, member);
	if (ours == NULL)
		return false;
	*source = *ours;
	return true;
}

/* RFC 6864 4.1: what cannot be fragmented needs no identification. */
static void v4_write(const struct l4_burst *burst, struct rte_ipv4_hdr *ip, const uint8_t *inner)
{
	bool is_whole = inner_is_whole(inner);

	ip->version_ihl = V4_PLAIN;
	ip->type_of_service = inner_class(inner);
	ip->packet_id = is_whole ? 0 : rte_cpu_to_be_16(burst->l4->ip_id++);
	ip->fragment_offset = is_whole ? rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG) : 0;
	ip->time_to_live = OUTER_TTL;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* RFC 6438: the flow label spreads the flows over paths and queues. */
static void v6_write(struct rte_ipv6_hdr *ip, const uint8_t *inner, uint32_t hash)
{
	ip->vtc_flow = rte_cpu_to_be_32(V6_PLAIN |
		(uint32_t)inner_class(inner) << V6_TRAFFIC_CLASS_SHIFT |
		(hash & V6_FLOW_LABEL_MASK));
	ip->hop_limits = OUTER_TTL;
}

enum drop_reason outer_write(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, uint8_t protocol, const uint8_t *inner)
{
	const struct ip_addr *member = &packet->member->address;
	uint32_t hash = packet_of(m)->flow_hash;
	struct ip_addr source;
	uint8_t *ip;

	if (!source_choose(burst, packet, hash, &source))
		return DROP_no_route;
	ip = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)outer_ip_bytes(packet->member));
	if (ip == NULL)
		return DROP_mbuf_exhausted;
	if (ip_is_v4(member)) {
		struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)ip;

		v4->total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len);
		v4->next_proto_id = protocol;
		v4->src_addr = ip_v4_be(&source);
		v4->dst_addr = ip_v4_be(member);
		v4_write(burst, v4, inner);
	} else {
		struct rte_ipv6_hdr *v6 = (struct rte_ipv6_hdr *)ip;

		v6->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof(*v6)));
		v6->proto = protocol;
		memcpy(ip + offsetof(struct rte_ipv6_hdr, src_addr), &source, sizeof(source));
		memcpy(ip + offsetof(struct rte_ipv6_hdr, dst_addr), member, sizeof(*member));
		v6_write(v6, inner, hash);
	}
	return DROP_NONE;
}
