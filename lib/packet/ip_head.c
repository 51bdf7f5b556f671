/* SPDX-License-Identifier: Apache-2.0 */
#include "ip_head.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "checksum.h"

#define V4_PLAIN               0x45 /* version 4, five words */
#define V6_PLAIN               (6u << 28)
#define V6_TRAFFIC_CLASS_SHIFT 20
#define FRAGMENT_UNIT          8
#define V6_FRAGMENT_MORE       1

/* RFC 7915 5.1: a larger one was more than 1280 bytes in IPv6, where routers do not fragment. */
#define V4_FRAGMENTABLE_MAX 1260

uint64_t ip_addresses_sum(const struct ip_addr *src, const struct ip_addr *dst)
{
	if (ip_is_v4(src))
		return (uint64_t)ip_v4_be(src) + ip_v4_be(dst);
	return sum_bytes(src->bytes, sizeof(src->bytes)) +
		sum_bytes(dst->bytes, sizeof(dst->bytes));
}

void ip_head_v4_write(uint8_t *at, const struct ip_head *head, uint16_t *next_id)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;
	uint32_t total = IP_V4_BYTES + head->payload_len;
	uint16_t field = RTE_IPV4_HDR_DF_FLAG;
	uint16_t id = 0;

	if (head->is_fragment) {
		/* RFC 7915 5.1.1 */
		id = (uint16_t)head->id;
		field = (uint16_t)(head->fragment_offset / FRAGMENT_UNIT |
			(head->has_more ? RTE_IPV4_HDR_MF_FLAG : 0));
	} else if (next_id != NULL && total <= V4_FRAGMENTABLE_MAX) {
		id = (*next_id)++;
		field = 0;
	}
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = V4_PLAIN,
		.type_of_service = head->tos,
		.total_length = rte_cpu_to_be_16((uint16_t)total),
		.packet_id = rte_cpu_to_be_16(id),
		.fragment_offset = rte_cpu_to_be_16(field),
		.time_to_live = head->ttl,
		.next_proto_id = head->protocol,
		.src_addr = ip_v4_be(head->src),
		.dst_addr = ip_v4_be(head->dst),
	};
	ip->hdr_checksum = (uint16_t)~sum_fold(sum_bytes(at, IP_V4_BYTES));
}

/* RFC 8200 4.5, from what IPv4 said as RFC 7915 4.1 has it. */
static void fragment_write(uint8_t *at, const struct ip_head *head)
{
	uint16_t field_be = rte_cpu_to_be_16(
		(uint16_t)(head->fragment_offset | (head->has_more ? V6_FRAGMENT_MORE : 0)));
	uint32_t id_be = rte_cpu_to_be_32(head->id);

	at[0] = head->protocol;
	at[1] = 0;
	memcpy(at + 2, &field_be, sizeof(field_be));
	memcpy(at + 4, &id_be, sizeof(id_be));
}

void ip_head_v6_write(uint8_t *at, const struct ip_head *head)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;
	uint32_t extra = ip_head_v6_bytes(head) - IP_V6_BYTES;

	ip->vtc_flow = rte_cpu_to_be_32(V6_PLAIN | (uint32_t)head->tos << V6_TRAFFIC_CLASS_SHIFT);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(head->payload_len + extra));
	ip->proto = head->is_fragment ? IPPROTO_FRAGMENT : head->protocol;
	ip->hop_limits = head->ttl;
	memcpy(at + offsetof(struct rte_ipv6_hdr, src_addr), head->src, sizeof(*head->src));
	memcpy(at + offsetof(struct rte_ipv6_hdr, dst_addr), head->dst, sizeof(*head->dst));
	if (head->is_fragment)
		fragment_write(at + IP_V6_BYTES, head);
}
