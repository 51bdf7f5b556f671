/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/datagram.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "packet/packet.h"

#define HOP_LIMIT 64

/* Writes the IP header and returns the sum of the pseudo header (RTE_MBUF_F_TX_UDP_CKSUM). */
static uint16_t v4_put(struct rte_mbuf *m, const struct datagram *datagram, uint16_t udp_len)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + udp_len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = HOP_LIMIT,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = ip_v4_be(&datagram->src),
		.dst_addr = ip_v4_be(&datagram->dst),
	};
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
	return rte_ipv4_phdr_cksum(ip, m->ol_flags);
}

static uint16_t v6_put(struct rte_mbuf *m, const struct datagram *datagram, uint16_t udp_len)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);

	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(udp_len);
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = HOP_LIMIT;
	memcpy(&ip->src_addr, datagram->src.bytes, sizeof(datagram->src.bytes));
	memcpy(&ip->dst_addr, datagram->dst.bytes, sizeof(datagram->dst.bytes));
	m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
	return rte_ipv6_phdr_cksum(ip, m->ol_flags);
}

static size_t ip_bytes(const struct ip_addr *dst)
{
	return ip_is_v4(dst) ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

size_t packet_datagram_max(const struct ip_addr *dst, uint16_t mtu)
{
	size_t headers = ip_bytes(dst) + sizeof(struct rte_udp_hdr);

	return mtu > headers ? mtu - headers : 0;
}

bool packet_datagram_make(
	struct rte_mbuf *m, const struct datagram *datagram, const void *data, size_t len)
{
	size_t ip_len = ip_bytes(&datagram->dst);
	size_t total = ip_len + sizeof(struct rte_udp_hdr) + len;
	uint16_t udp_len = (uint16_t)(total - ip_len);
	struct rte_udp_hdr *udp;

	if (total > UINT16_MAX || rte_pktmbuf_append(m, (uint16_t)total) == NULL)
		return false;
	m->ol_flags = 0;
	m->tx_offload = 0;
	m->l3_len = ip_len;
	udp = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, ip_len);
	udp->src_port = rte_cpu_to_be_16(datagram->src_port);
	udp->dst_port = rte_cpu_to_be_16(datagram->dst_port);
	udp->dgram_len = rte_cpu_to_be_16(udp_len);
	udp->dgram_cksum = ip_is_v4(&datagram->dst) ? v4_put(m, datagram, udp_len)
						    : v6_put(m, datagram, udp_len);
	memcpy(udp + 1, data, len);
	*packet_of(m) = (struct packet){
		.src = datagram->src,
		.dst = datagram->dst,
		.src_port_be = udp->src_port,
		.dst_port_be = udp->dst_port,
		.protocol = IPPROTO_UDP,
		.flags = ip_is_v4(&datagram->dst) ? 0 : PACKET_IS_V6,
		.l4_offset = (uint16_t)ip_len,
		.payload_offset = (uint16_t)(ip_len + sizeof(*udp)),
		.payload_len = (uint16_t)len,
	};
	return true;
}
