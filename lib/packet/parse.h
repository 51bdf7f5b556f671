/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_PARSE_H
#define PACKET_PARSE_H

#include "packet/packet.h"

#define ETHER_BYTES 14

/* Cuts the packet after 'keep' bytes: what follows the datagram is Ethernet padding. */
void packet_trim(struct rte_mbuf *m, uint32_t keep);

static inline void packet_keep(struct rte_mbuf *m, uint32_t keep)
{
	if (m->pkt_len != keep)
		packet_trim(m, keep);
}

/*
 * The header at p->l4_offset, of p->protocol, and len bytes to the end of the datagram, which is
 * also the packet's end. addresses is the running sum of both addresses (checksum.h). Fills ports,
 * flags and payload.
 */
enum drop_reason packet_l4_parse(
	struct rte_mbuf *m, struct packet *p, uint32_t len, uint64_t addresses);

/* Of a fragment, what its IP header or fragment header says. */
struct fragment_place {
	uint32_t id;
	uint32_t offset; /* bytes */
	uint32_t len;
	bool has_more;
};

/*
 * The same of a fragment, whose addresses, protocol and l4_offset are known: a first one must have
 * a header of layer 4, whose checksum is over more than is here; the others have none.
 */
enum drop_reason packet_fragment_parse(struct rte_mbuf *m, struct packet *p,
	const struct fragment_place *place, struct hash_key key);

/* The SCTP packet at p->l4_offset, len bytes to its end: header, checksum, every chunk's length. */
enum drop_reason packet_sctp_parse(struct rte_mbuf *m, struct packet *p, uint32_t len);

/*
 * IPv4 options, len bytes. DROP_NONE; DROP_parse_ip_header: a length that lies;
 * DROP_parse_source_route.
 */
enum drop_reason packet_v4_options_check(const uint8_t *options, uint32_t len);

/* Options of an IPv6 extension header. As above, or DROP_parse_ip_extension. */
enum drop_reason packet_v6_options_check(const uint8_t *options, uint32_t len);

/* From the IP header on; fills in all of *p but in_port. flow_hash needs the key. */
enum drop_reason packet_v6_parse(struct rte_mbuf *m, struct packet *p, struct hash_key key);

#endif
