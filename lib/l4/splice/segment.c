/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define TTL      64
#define V4_PLAIN 0x45 /* version 4, five words */
#define V6_PLAIN (6u << 28)

static void tcp_write(struct rte_tcp_hdr *tcp, const struct segment *segment)
{
	uint8_t *options = (uint8_t *)(tcp + 1);

	*tcp = (struct rte_tcp_hdr){
		.src_port = segment->ends.src_port_be,
		.dst_port = segment->ends.dst_port_be,
		.sent_seq = rte_cpu_to_be_32(segment->seq),
		.recv_ack = (segment->flags & RTE_TCP_ACK_FLAG) != 0
			? rte_cpu_to_be_32(segment->ack)
			: 0,
		.data_off = (uint8_t)((sizeof(*tcp) + segment->options_len) / 4 << 4),
		.tcp_flags = segment->flags,
		.rx_win = rte_cpu_to_be_16(segment->window),
	};
	memcpy(options, segment->options, segment->options_len);
	if (segment->payload_len > 0)
		memcpy(options + segment->options_len, segment->payload, segment->payload_len);
}

static void v4_write(struct rte_ipv4_hdr *ip, const struct segment *segment, uint16_t total)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = V4_PLAIN,
		.total_length = rte_cpu_to_be_16(total),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_v4_be(&segment->ends.src),
		.dst_addr = ip_v4_be(&segment->ends.dst),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp_write(tcp, segment);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

static void v6_write(struct rte_ipv6_hdr *ip, const struct segment *segment, uint16_t total)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	uint8_t *bytes = (uint8_t *)ip;

	ip->vtc_flow = rte_cpu_to_be_32(V6_PLAIN);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(total - sizeof(*ip)));
	ip->proto = IPPROTO_TCP;
	ip->hop_limits = TTL;
	memcpy(bytes + offsetof(struct rte_ipv6_hdr, src_addr), &segment->ends.src, 16);
	memcpy(bytes + offsetof(struct rte_ipv6_hdr, dst_addr), &segment->ends.dst, 16);
	tcp_write(tcp, segment);
	tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
}

static void facts_write(struct packet *p, const struct segment *segment, uint16_t ip_bytes)
{
	uint16_t tcp_bytes = (uint16_t)(sizeof(struct rte_tcp_hdr) + segment->options_len);

	*p = (struct packet){
		.src = segment->ends.src,
		.dst = segment->ends.dst,
		.src_port_be = segment->ends.src_port_be,
		.dst_port_be = segment->ends.dst_port_be,
		.protocol = IPPROTO_TCP,
		.flags = ip_bytes == sizeof(struct rte_ipv6_hdr) ? PACKET_IS_V6 : 0,
		.tcp_flags = segment->flags,
		.l4_offset = ip_bytes,
		.payload_offset = (uint16_t)(ip_bytes + tcp_bytes),
		.payload_len = segment->payload_len,
	};
}

bool splice_segment_write(struct rte_mbuf *m, const struct segment *segment)
{
	bool is_v4 = ip_is_v4(&segment->ends.src);
	uint16_t ip_bytes = is_v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	uint16_t total = (uint16_t)(ip_bytes + sizeof(struct rte_tcp_hdr) + segment->options_len +
		segment->payload_len);
	void *ip;

	if (m->buf_len < RTE_PKTMBUF_HEADROOM + total)
		return false;
	if (m->next != NULL) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
	}
	rte_pktmbuf_reset(m);
	ip = rte_pktmbuf_append(m, total);
	if (is_v4)
		v4_write(ip, segment, total);
	else
		v6_write(ip, segment, total);
	facts_write(packet_of(m), segment, ip_bytes);
	return true;
}
