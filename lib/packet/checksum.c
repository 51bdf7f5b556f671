/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "packet/packet.h"

/* 16-bit offset of the checksum field in each header. */
#define TCP_SUM_OFFSET offsetof(struct rte_tcp_hdr, cksum)
#define UDP_SUM_OFFSET offsetof(struct rte_udp_hdr, dgram_cksum)

uint64_t packet_sum_chain(const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t done = 0;

	for (; m != NULL && offset >= m->data_len; m = m->next)
		offset -= m->data_len;
	for (; m != NULL && done < len; m = m->next) {
		uint32_t part = RTE_MIN(len - done, (uint32_t)m->data_len - offset);
		const uint8_t *data = rte_pktmbuf_mtod_offset(m, const uint8_t *, offset);
		uint16_t folded = sum_fold(sum_bytes(data, part));

		/* A segment that starts at an odd byte adds its words swapped (RFC 1071 2B). */
		sum += done & 1 ? rte_bswap16(folded) : folded;
		done += part;
		offset = 0;
	}
	return sum;
}

uint16_t packet_checksum_fix16(uint16_t sum_be, uint16_t old_be, uint16_t new_be)
{
	uint64_t sum = (uint16_t)~sum_be;

	return (uint16_t)~sum_fold(sum + (uint16_t)~old_be + new_be);
}

uint16_t packet_checksum_fix32(uint16_t sum_be, uint32_t old_be, uint32_t new_be)
{
	uint64_t sum = (uint16_t)~sum_be;

	return (uint16_t)~sum_fold(sum + (uint32_t)~old_be + new_be);
}

/* The field holds the pseudo header's sum, so that it is part of what is added up. */
static void l4_complete(struct rte_mbuf *m, uint32_t offset, bool is_udp)
{
	uint32_t field = offset + (is_udp ? UDP_SUM_OFFSET : TCP_SUM_OFFSET);
	uint16_t sum = (uint16_t)~sum_fold(sum_packet(m, offset, m->pkt_len - offset));

	/* RFC 768: a sum of zero is sent as all ones, zero means none. */
	if (is_udp && sum == 0)
		sum = 0xffff;
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, field), &sum, sizeof(sum));
}

void packet_checksum_complete(struct rte_mbuf *m)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t l4_offset = (uint32_t)m->l2_len + (uint32_t)m->l3_len;

	if (l4 == RTE_MBUF_F_TX_TCP_CKSUM || l4 == RTE_MBUF_F_TX_UDP_CKSUM)
		l4_complete(m, l4_offset, l4 == RTE_MBUF_F_TX_UDP_CKSUM);
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
			m, struct rte_ipv4_hdr *, m->l2_len);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~sum_fold(sum_bytes((uint8_t *)ip, m->l3_len));
	}
	m->ol_flags &= ~(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4 |
		RTE_MBUF_F_TX_IPV6);
}
