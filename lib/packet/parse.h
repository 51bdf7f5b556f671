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

/* From the IP header on; fills in all of *p but in_port. flow_hash needs the key. */
enum drop_reason packet_v6_parse(struct rte_mbuf *m, struct packet *p, struct hash_key key);

#endif
