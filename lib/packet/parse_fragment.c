/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "checksum.h"
#include "flow_hash.h"

#define DATAGRAM_MAX  65535
#define FRAGMENT_UNIT 8 /* what offsets count in */
#define PORTS_BYTES   4
#define TCP_BYTES_MIN 20
#define TCP_OFFSET_AT 12
#define TCP_FLAGS_AT  13
#define UDP_BYTES     8
#define UDP_LENGTH_AT 4

uint32_t packet_fragment_hash(const struct packet *p, struct hash_key key)
{
	/* RFC 8200 4.5: of IPv6, the protocol is no part of a datagram's name. */
	uint8_t protocol = p->flags & PACKET_IS_V6 ? 0 : p->protocol;

	return flow_hash_any(&p->src, &p->dst, (uint64_t)p->fragment_id << 8 | protocol, key);
}

/* RFC 1858, RFC 7112: the first fragment has the whole header, or it is there to deceive. */
static enum drop_reason first_parse(struct rte_mbuf *m, struct packet *p)
{
	const uint8_t *l4 = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	uint32_t len = m->data_len - p->l4_offset;
	uint32_t header = UDP_BYTES;

	if (p->protocol == IPPROTO_TCP) {
		if (len < TCP_BYTES_MIN)
			return DROP_fragment_invalid;
		header = (uint32_t)(l4[TCP_OFFSET_AT] >> 4) * 4;
		if (header < TCP_BYTES_MIN)
			return DROP_parse_l4_header;
		p->tcp_flags = l4[TCP_FLAGS_AT];
	} else if (p->protocol != IPPROTO_UDP) {
		return DROP_parse_fragment;
	}
	if (len < header)
		return DROP_fragment_invalid;
	if (p->protocol == IPPROTO_UDP && rte_be_to_cpu_16(load16(l4 + UDP_LENGTH_AT)) < UDP_BYTES)
		return DROP_parse_l4_header;
	p->src_port_be = load16(l4);
	p->dst_port_be = load16(l4 + PORTS_BYTES / 2);
	p->payload_offset = (uint16_t)(p->l4_offset + header);
	p->payload_len = (uint16_t)(m->pkt_len - p->payload_offset);
	return DROP_NONE;
}

static enum drop_reason later_parse(struct rte_mbuf *m, struct packet *p)
{
	/* In IPv6, what follows first may be another extension header: the first fragment tells. */
	if (p->protocol == IPPROTO_ICMPV6 || p->protocol == IPPROTO_SCTP ||
		(!(p->flags & PACKET_IS_V6) && p->protocol != IPPROTO_TCP &&
			p->protocol != IPPROTO_UDP))
		return DROP_parse_fragment;
	/* RFC 3128: would write over a TCP header. */
	if (p->protocol == IPPROTO_TCP && p->fragment_offset < TCP_BYTES_MIN)
		return DROP_fragment_invalid;
	p->flags |= PACKET_IS_LATER;
	p->payload_offset = p->l4_offset;
	p->payload_len = (uint16_t)(m->pkt_len - p->l4_offset);
	return DROP_NONE;
}

enum drop_reason packet_fragment_parse(struct rte_mbuf *m, struct packet *p,
	const struct fragment_place *place, struct hash_key key)
{
	enum drop_reason reason;

	if (place->len == 0 || place->offset + place->len > DATAGRAM_MAX ||
		(place->has_more && place->len % FRAGMENT_UNIT != 0))
		return DROP_fragment_invalid;
	p->flags |= PACKET_IS_FRAGMENT | (place->has_more ? PACKET_HAS_MORE : 0);
	p->fragment_id = place->id;
	p->fragment_offset = (uint16_t)place->offset;
	p->fragment_len = (uint16_t)place->len;
	reason = place->offset == 0 ? first_parse(m, p) : later_parse(m, p);
	p->flow_hash = packet_fragment_hash(p, key);
	return reason;
}
