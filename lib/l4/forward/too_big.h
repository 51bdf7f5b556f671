/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_TOO_BIG_H
#define L4_FORWARD_TOO_BIG_H

#include "../core.h"

/*
 * Tells the sender of a parsed packet, which is as it came, that mtu bytes would fit: ICMP
 * fragmentation needed (RFC 792, RFC 1191 4) or ICMPv6 packet too big (RFC 4443 3.2), into the
 * burst's output. At most L4_ICMP_PER_SECOND of a worker. Returns the reason that ends the packet.
 */
enum drop_reason too_big_answer(
	const struct l4_burst *burst, const struct packet *p, struct rte_mbuf *m, int mtu);

#define L4_ICMP_PER_SECOND 1000

#endif
