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

/* What an outer IPv4 header says. */
struct outer_v4 {
	const uint8_t *inner;
	uint16_t total;
	uint8_t protocol;
	uint32_t src_be, dst_be;
};

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

/* RFC 1071: of the header's words as they are written, which is faster than to read them again. */
static inline uint16_t words_sum(const uint32_t words_be[5])
{
	uint64_t sum = (uint64_t)words_be[0] + words_be[1] + words_be[2] + words_be[3] +
		words_be[4];

	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 6864 4.1: what cannot be fragmented needs no identification. */
static inline void v4_write(const struct l4_burst *burst, uint8_t *at, const struct outer_v4 *outer)
{
	bool is_whole = inner_is_whole(outer->inner);
	uint32_t field = is_whole ? RTE_IPV4_HDR_DF_FLAG : (uint32_t)burst->l4->ip_id++ << 16;
	uint32_t words_be[5] = {
		rte_cpu_to_be_32((uint32_t)V4_PLAIN << 24 |
			(uint32_t)inner_class(outer->inner) << 16 | outer->total),
		rte_cpu_to_be_32(field),
		rte_cpu_to_be_32((uint32_t)OUTER_TTL << 24 | (uint32_t)outer->protocol << 16),
		outer->src_be,
		outer->dst_be,
	};
	uint16_t sum = words_sum(words_be);

	memcpy(at, words_be, sizeof(words_be));
	memcpy(at + offsetof(struct rte_ipv4_hdr, hdr_checksum), &sum, sizeof(sum));
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
		v4_write(burst, ip,
			&(struct outer_v4){
				.inner = inner,
				.total = (uint16_t)m->pkt_len,
				.protocol = protocol,
				.src_be = ip_v4_be(&source),
				.dst_be = ip_v4_be(member),
			});
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
