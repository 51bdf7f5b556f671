/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_DATAGRAM_H
#define PACKET_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/ip.h"

/* The ends of a UDP datagram of our own (RFC 768), both of one family. Ports in host order. */
struct datagram {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
};

/* The most bytes that a datagram to dst carries in one packet of mtu bytes. Any thread. */
size_t packet_datagram_max(const struct ip_addr *dst, uint16_t mtu);

/*
 * Writes len bytes with their headers into the empty mbuf m, for neigh_output(): it begins at its
 * IP header, and its checksums are left to the port. False, with m empty, when m is too small. Any
 * thread that owns m.
 */
bool packet_datagram_make(
	struct rte_mbuf *m, const struct datagram *datagram, const void *data, size_t len);

#endif
