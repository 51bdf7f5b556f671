/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "checksum.h"
#include "flow_hash.h"

#define V4_NO_OPTIONS   0x45 /* version 4, five words */
#define V4_HEADER_BYTES 20
#define TCP_BYTES_MIN   20
#define UDP_BYTES       8
#define ICMP_BYTES      8
#define ARP_BYTES       28

/* More fragments, or an offset (RFC 791 3.1). */
#define V4_FRAGMENT_MASK (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)

/* How far ahead of the parser frames are fetched into the cache. */
#define PREFETCH_AHEAD 4

void packet_trim(struct rte_mbuf *m, uint32_t keep)
{
	struct rte_mbuf *last = m;
	uint32_t left = keep;
	uint16_t segments = 1;

	for (; left > last->data_len; last = last->next, segments++)
		left -= last->data_len;
	rte_pktmbuf_free(last->next);
	last->next = NULL;
	last->data_len = (uint16_t)left;
	m->nb_segs = segments;
	m->pkt_len = keep;
}

/* The port vouches for the sum. */
static inline bool is_l4_good(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

static inline bool is_v4_good(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

static inline bool l4_sum_ok(
	const struct rte_mbuf *m, const struct packet *p, uint32_t len, uint64_t pseudo)
{
	uint64_t sum = sum_packet(m, p->l4_offset, len) + pseudo;

	return sum_fold(sum) == 0xffff;
}

/* The pseudo header's running sum (RFC 9293 3.1, RFC 8200 8.1): same words for both families. */
static inline uint64_t pseudo_sum(uint64_t addresses, uint8_t protocol, uint32_t len)
{
	return addresses + rte_cpu_to_be_16(protocol) + rte_cpu_to_be_32(len);
}

static inline void payload_set(struct packet *p, uint32_t header_len, uint32_t len)
{
	p->payload_offset = (uint16_t)(p->l4_offset + header_len);
	p->payload_len = (uint16_t)(len - header_len);
}

static inline enum drop_reason tcp_parse(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses)
{
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		m, const struct rte_tcp_hdr *, p->l4_offset);
	uint32_t header_len;

	if (p->l4_offset + TCP_BYTES_MIN > m->data_len)
		return DROP_parse_short;
	header_len = (uint32_t)(tcp->data_off >> 4) * 4;
	if (header_len < TCP_BYTES_MIN || header_len > len ||
		p->l4_offset + header_len > m->data_len)
		return DROP_parse_l4_header;
	if (!is_l4_good(m) && !l4_sum_ok(m, p, len, pseudo_sum(addresses, IPPROTO_TCP, len)))
		return DROP_parse_l4_checksum;
	p->src_port_be = tcp->src_port;
	p->dst_port_be = tcp->dst_port;
	p->tcp_flags = tcp->tcp_flags;
	payload_set(p, header_len, len);
	return DROP_NONE;
}

static inline enum drop_reason udp_parse(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses)
{
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(
		m, const struct rte_udp_hdr *, p->l4_offset);
	uint32_t udp_len;

	if (p->l4_offset + UDP_BYTES > m->data_len)
		return DROP_parse_short;
	udp_len = rte_be_to_cpu_16(udp->dgram_len);
	/* Shorter than the IP payload is legal: the surplus may hold UDP options (RFC 9868). */
	if (udp_len < UDP_BYTES || udp_len > len)
		return DROP_parse_l4_header;
	if (udp->dgram_cksum == 0) {
		/* RFC 8200 8.1: over IPv6 the sum is not optional. */
		if (p->flags & PACKET_IS_V6)
			return DROP_parse_l4_checksum;
	} else if (!is_l4_good(m) &&
		!l4_sum_ok(m, p, udp_len, pseudo_sum(addresses, IPPROTO_UDP, udp_len))) {
		return DROP_parse_l4_checksum;
	}
	p->src_port_be = udp->src_port;
	p->dst_port_be = udp->dst_port;
	payload_set(p, UDP_BYTES, udp_len);
	return DROP_NONE;
}

/* Rare, and ports differ in what they vouch for here: always verified. */
static __rte_noinline enum drop_reason icmp_parse(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses)
{
	uint64_t pseudo = 0;

	if (p->l4_offset + ICMP_BYTES > m->data_len)
		return DROP_parse_short;
	if (p->flags & PACKET_IS_V6)
		pseudo = pseudo_sum(addresses, IPPROTO_ICMPV6, len);
	if (!l4_sum_ok(m, p, len, pseudo))
		return DROP_parse_l4_checksum;
	p->flags |= PACKET_IS_ICMP;
	payload_set(p, ICMP_BYTES, len);
	return DROP_NONE;
}

static inline enum drop_reason l4_dispatch(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses)
{
	if (p->protocol == IPPROTO_TCP)
		return tcp_parse(m, p, len, addresses);
	if (p->protocol == IPPROTO_UDP)
		return udp_parse(m, p, len, addresses);
	if (p->protocol == (p->flags & PACKET_IS_V6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return icmp_parse(m, p, len, addresses);
	if (p->protocol == IPPROTO_SCTP)
		return packet_sctp_parse(m, p, len);
	payload_set(p, 0, len);
	return DROP_NONE;
}

enum drop_reason packet_l4_parse(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses)
{
	return l4_dispatch(m, p, len, addresses);
}

/* RFC 1122 3.2.1.3: "this" network, loopback, multicast and the limited broadcast are no sources.
 */
static inline bool is_v4_source(uint32_t src_be)
{
	uint32_t src = rte_be_to_cpu_32(src_be);
	uint32_t net = src >> 24;

	return net != 0 && net != IN_LOOPBACKNET && !IN_MULTICAST(src) && src != INADDR_BROADCAST;
}

static __rte_noinline enum drop_reason v4_fragment_parse(
	struct rte_mbuf *m, struct packet *p, const struct rte_ipv4_hdr *ip, struct hash_key key)
{
	uint32_t header_len = rte_ipv4_hdr_len(ip);
	uint32_t total = rte_be_to_cpu_16(ip->total_length);
	uint32_t field = rte_be_to_cpu_16(ip->fragment_offset);
	const struct fragment_place place = {
		.id = rte_be_to_cpu_16(ip->packet_id),
		.offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * RTE_IPV4_HDR_OFFSET_UNITS,
		.len = total - header_len,
		.has_more = (field & RTE_IPV4_HDR_MF_FLAG) != 0,
	};

	if (!is_v4_source(ip->src_addr))
		return DROP_parse_ip_source;
	packet_keep(m, ETHER_BYTES + total);
	p->src = ip_from_v4(ip->src_addr);
	p->dst = ip_from_v4(ip->dst_addr);
	p->protocol = ip->next_proto_id;
	p->l4_offset = (uint16_t)(ETHER_BYTES + header_len);
	return packet_fragment_parse(m, p, &place, key);
}

/* Of a header whose length, total length and checksum are right. */
static __rte_always_inline enum drop_reason v4_body_parse(struct rte_mbuf *m, struct packet *p,
	const struct rte_ipv4_hdr *ip, uint32_t header_len, struct hash_key key)
{
	uint32_t total = rte_be_to_cpu_16(ip->total_length);
	enum drop_reason reason;
	uint64_t rest;

	if (ip->fragment_offset & rte_cpu_to_be_16(V4_FRAGMENT_MASK))
		return v4_fragment_parse(m, p, ip, key);
	if (!is_v4_source(ip->src_addr))
		return DROP_parse_ip_source;
	packet_keep(m, ETHER_BYTES + total);
	p->src = ip_from_v4(ip->src_addr);
	p->dst = ip_from_v4(ip->dst_addr);
	p->protocol = ip->next_proto_id;
	p->l4_offset = (uint16_t)(ETHER_BYTES + header_len);
	reason = l4_dispatch(m, p, total - header_len, (uint64_t)ip->src_addr + ip->dst_addr);
	rest = flow_rest(p->src_port_be, p->dst_port_be, p->protocol);
	p->flow_hash = flow_hash_v4(ip->src_addr, ip->dst_addr, rest, key);
	return reason;
}

/* Another version, another header length: all of them end here. */
static __rte_noinline enum drop_reason v4_odd_parse(
	struct rte_mbuf *m, struct packet *p, const struct rte_ipv4_hdr *ip, struct hash_key key)
{
	uint32_t header_len = rte_ipv4_hdr_len(ip);
	uint32_t total = rte_be_to_cpu_16(ip->total_length);
	enum drop_reason reason;

	if (ip->version_ihl >> 4 != IPVERSION)
		return DROP_parse_ip_version;
	if (header_len < V4_HEADER_BYTES)
		return DROP_parse_ip_header;
	if (ETHER_BYTES + header_len > m->data_len)
		return DROP_parse_short;
	if (total < header_len || total > m->pkt_len - ETHER_BYTES)
		return DROP_parse_ip_header;
	if (!is_v4_good(m) && sum_fold(sum_bytes((const uint8_t *)ip, header_len)) != 0xffff)
		return DROP_parse_ip_checksum;
	reason = packet_v4_options_check((const uint8_t *)(ip + 1), header_len - V4_HEADER_BYTES);
	if (reason == DROP_NONE)
		reason = v4_body_parse(m, p, ip, header_len, key);
	return reason == DROP_NONE ? DROP_parse_ip_options : reason;
}

static inline enum drop_reason v4_parse(struct rte_mbuf *m, struct packet *p, struct hash_key key)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv4_hdr *, ETHER_BYTES);
	uint64_t addresses;
	uint32_t total;

	if (m->data_len < ETHER_BYTES + V4_HEADER_BYTES)
		return DROP_parse_short;
	if (ip->version_ihl != V4_NO_OPTIONS)
		return v4_odd_parse(m, p, ip, key);
	total = rte_be_to_cpu_16(ip->total_length);
	if (total < V4_HEADER_BYTES || total > m->pkt_len - ETHER_BYTES)
		return DROP_parse_ip_header;
	addresses = (uint64_t)ip->src_addr + ip->dst_addr;
	if (!is_v4_good(m) && sum_fold(sum_bytes((const uint8_t *)ip, 12) + addresses) != 0xffff)
		return DROP_parse_ip_checksum;
	return v4_body_parse(m, p, ip, V4_HEADER_BYTES, key);
}

/* RFC 826: fields that are fixed for IPv4 over Ethernet, and a sender that can be one. */
static __rte_noinline enum drop_reason arp_parse(struct rte_mbuf *m, struct packet *p)
{
	const struct rte_arp_hdr *arp = rte_pktmbuf_mtod_offset(
		m, const struct rte_arp_hdr *, ETHER_BYTES);
	uint32_t sender;

	if (m->data_len < ETHER_BYTES + ARP_BYTES)
		return DROP_parse_short;
	sender = arp->arp_data.arp_sip;
	if (arp->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
		arp->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		arp->arp_hlen != RTE_ETHER_ADDR_LEN || arp->arp_plen != sizeof(sender))
		return DROP_parse_arp;
	if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) &&
		arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REPLY))
		return DROP_parse_arp;
	if (!rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha))
		return DROP_parse_arp;
	/* A probe (RFC 5227 2.1.1) asks without an address of its own. */
	if (!is_v4_source(sender) &&
		(sender != 0 || arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST)))
		return DROP_parse_arp;
	packet_keep(m, ETHER_BYTES + ARP_BYTES);
	p->flags |= PACKET_IS_ARP;
	return DROP_NONE;
}

static inline enum drop_reason frame_parse(
	struct rte_mbuf *m, unsigned in_port, struct hash_key key)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct packet *p = packet_of(m);

	*p = (struct packet){
		.in_port = (uint8_t)in_port,
		.l3_offset = ETHER_BYTES,
		.l4_offset = ETHER_BYTES,
	};
	if (m->data_len < ETHER_BYTES)
		return DROP_parse_short;
	if (rte_is_multicast_ether_addr(&ether->dst_addr))
		p->flags = PACKET_IS_BROADCAST;
	if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		return v4_parse(m, p, key);
	if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		return packet_v6_parse(m, p, key);
	if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
		return arp_parse(m, p);
	return DROP_parse_ethertype;
}

enum drop_reason packet_parse(struct rte_mbuf *m, unsigned in_port, struct hash_key key)
{
	return frame_parse(m, in_port, key);
}

static inline void frame_prefetch(struct rte_mbuf *m)
{
	rte_prefetch0(rte_pktmbuf_mtod(m, void *));
	rte_prefetch0(packet_of(m));
}

void packet_parse_burst(struct rte_mbuf **pkts, uint16_t count, unsigned in_port,
	struct hash_key key, enum drop_reason *reasons)
{
	for (uint16_t i = 0; i < count && i < PREFETCH_AHEAD; i++)
		frame_prefetch(pkts[i]);
	for (uint16_t i = 0; i < count; i++) {
		if (i + PREFETCH_AHEAD < count)
			frame_prefetch(pkts[i + PREFETCH_AHEAD]);
		reasons[i] = frame_parse(pkts[i], in_port, key);
	}
}
