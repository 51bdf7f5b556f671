/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_FORWARD_H
#define L4_FORWARD_FORWARD_H

#include "../core.h"

/*
 * A way of forwarding: how a packet reaches the member, and its reply the client. A row of the
 * table in forward.c and one file each. The packet passes by these steps:
 *
 *   size      does it fit its way? If not: pieces, or an ICMP error (oversize.c)
 *   rewrite   of the packet itself; from then on it begins at its IP header
 *   wrap      an outer header around it, or around each of its pieces
 */
struct forward_ops {
	/* The member replies directly to the client: nothing of it is seen. */
	bool is_dsr;

	/*
	 * Not for DSR: the tuple of what the member will send, as far as the packet and the member
	 * tell it. reply_claim makes it one that no other connection has, which may end a dead
	 * one. DROP_NONE or why there is no way.
	 */
	enum drop_reason (*reply_tuple)(const struct l4_burst *burst, const struct packet *p,
		const struct member *member, struct packet_tuple *tuple);
	enum drop_reason (*reply_claim)(const struct l4_burst *burst, struct packet_tuple *tuple);

	/* Bytes by which rewrite and wrap change the IP packet's length; negative: shorter. */
	int (*rewrite_growth)(const struct l4_packet *packet); /* NULL: none */
	int (*wrap_growth)(const struct l4_packet *packet);    /* NULL: none */

	enum drop_reason (*rewrite)(
		const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);
	/* NULL: nothing is put around. A piece has the facts of its packet in packet_of(m). */
	enum drop_reason (*wrap)(
		const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);
};

extern const struct forward_ops forward_full_nat;
extern const struct forward_ops forward_spliced;
extern const struct forward_ops forward_nat;
extern const struct forward_ops forward_dsr_l2;
extern const struct forward_ops forward_dsr_ipip;
extern const struct forward_ops forward_dsr_gue;

/* One of FORWARD_WAYS. */
const struct forward_ops *forward_ops_of(unsigned forward);

/*
 * Sends a packet on: to burst->output, whole or in pieces. packet->member is known, and the
 * connection unless there is none. bytes: what went out, in IP packets. DROP_NONE, or why the
 * packet must go; an ICMP error about it may be in the output then.
 */
enum drop_reason forward_packet(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, uint32_t *bytes);

/* Sends on, as it is, what is rewritten already: without its Ethernet header, to the output. */
void forward_rewritten(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);

/* rewrite: both addresses and ports by the connection's other side; full NAT's and NAT's. */
enum drop_reason forward_rewrite_pair(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);

/* rewrite: the TTL alone. */
enum drop_reason forward_rewrite_ttl(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);

#endif
