/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct return by Ethernet: the packet goes to the member's MAC address as it is, but for its TTL.
 * That is lowered as by any router: a member that routes the packet back to us, because it lacks
 * the VIP, makes a loop that ends.
 */
#include "forward.h"

static enum drop_reason rewrite(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	struct packet *p = packet_of(m);
	enum drop_reason reason;

	if (ip_is_v4(&packet->member->address) != ip_is_v4(&p->src))
		return DROP_no_backend;
	reason = forward_rewrite_ttl(burst, packet, m);
	p->dst = packet->member->address;
	p->flags |= PACKET_HAS_HOP;
	return reason;
}

const struct forward_ops forward_dsr_l2 = {
	.is_dsr = true,
	.rewrite = rewrite,
};
