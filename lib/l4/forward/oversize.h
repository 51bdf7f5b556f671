/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_OVERSIZE_H
#define L4_FORWARD_OVERSIZE_H

#include "forward.h"

/* A packet that may not fit its way. */
struct oversize {
	const struct forward_ops *ops;
	enum config_oversize policy;
	int rewrite_growth;
	int wrap_growth;
	int size; /* the IP packet's that would leave */
	int mtu;  /* of the port that it would leave by; found by oversize_find() */
};

/* False: it fits after all, or has no way at all, which is for others to say. */
bool oversize_find(
	const struct l4_burst *burst, const struct l4_packet *packet, struct oversize *oversize);

/*
 * Forwards in pieces what its sender lets fragment; of anything else the sender is told by ICMP how
 * much would fit (RFC 1191 4, RFC 4443 3.2). DROP_NONE: m was taken. Otherwise why it must go.
 */
enum drop_reason oversize_forward(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, const struct oversize *oversize);

#endif
