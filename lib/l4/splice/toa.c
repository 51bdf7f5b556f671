/* SPDX-License-Identifier: Apache-2.0 */
#include "toa.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "options.h"

unsigned toa_write(const struct packet_tuple *client, uint8_t out[TOA_BYTES_6])
{
	bool is_v4 = ip_is_v4(&client->src);
	unsigned bytes = is_v4 ? TOA_BYTES_4 : TOA_BYTES_6;

	out[0] = TOA_KIND;
	out[1] = (uint8_t)bytes;
	memcpy(out + 2, &client->src_port_be, sizeof(client->src_port_be));
	memcpy(out + 4, client->src.bytes + (is_v4 ? 12 : 0), bytes - 4);
	return bytes;
}

static void ip_lengthen(uint8_t *l3, bool is_v6, uint16_t bytes)
{
	struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)l3;
	struct rte_ipv6_hdr *v6 = (struct rte_ipv6_hdr *)l3;
	uint16_t old_be;

	if (is_v6) {
		v6->payload_len = rte_cpu_to_be_16(
			(uint16_t)(rte_be_to_cpu_16(v6->payload_len) + bytes));
		return;
	}
	old_be = v4->total_length;
	v4->total_length = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(old_be) + bytes));
	v4->hdr_checksum = packet_checksum_fix16(v4->hdr_checksum, old_be, v4->total_length);
}

/* The pseudo header's length, the header's own, and the option count; all at even offsets. */
static void tcp_lengthen(struct rte_tcp_hdr *tcp, const uint8_t *option, uint16_t bytes)
{
	uint16_t before[1], after[1];

	memcpy(before, &tcp->data_off, sizeof(before));
	tcp->data_off = (uint8_t)(tcp->data_off + (bytes / 4 << 4));
	memcpy(after, &tcp->data_off, sizeof(after));
	tcp->cksum = packet_checksum_fix16(tcp->cksum, before[0], after[0]);
	tcp->cksum = packet_checksum_fix16(tcp->cksum, 0, rte_cpu_to_be_16(bytes));
	for (unsigned i = 0; i < bytes; i += sizeof(uint32_t)) {
		uint32_t word_be;

		memcpy(&word_be, option + i, sizeof(word_be));
		tcp->cksum = packet_checksum_fix32(tcp->cksum, 0, word_be);
	}
	memcpy(tcp + 1, option, bytes);
}

bool toa_insert(struct rte_mbuf *m)
{
	struct packet *p = packet_of(m);
	uint8_t option[TOA_BYTES_6];
	uint16_t bytes = (uint16_t)toa_write((const struct packet_tuple *)p, option);
	uint16_t headers = (uint16_t)(p->l4_offset + sizeof(struct rte_tcp_hdr));
	uint8_t *start;

	if (p->payload_offset - headers + bytes > TCP_OPTIONS_MAX ||
		rte_pktmbuf_headroom(m) < bytes)
		return false;
	start = (uint8_t *)rte_pktmbuf_prepend(m, bytes);
	memmove(start, start + bytes, headers);
	ip_lengthen(start + p->l3_offset, (p->flags & PACKET_IS_V6) != 0, bytes);
	tcp_lengthen((struct rte_tcp_hdr *)(start + p->l4_offset), option, bytes);
	p->payload_offset = (uint16_t)(p->payload_offset + bytes);
	return true;
}
