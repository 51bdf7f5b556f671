/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include "../forward/forward.h"

/* Toward the other IP version, where it may be as large as what the links to both sides carry. */
static enum drop_reason error_translate(
	const struct l4_burst *burst, struct rte_mbuf *m, const struct packet_tuple *quoted)
{
	const struct packet *p = packet_of(m);
	const struct neigh_net *net = burst->snapshot->net;
	uint16_t to = neigh_net_mtu(net, &quoted->src);
	uint16_t back = neigh_net_mtu(net, &p->src);
	bool to_v4 = (p->flags & PACKET_IS_V6) != 0;
	const struct packet_quote_change change = {
		.quoted = *quoted,
		.from = quoted->dst,
		.mtu_v4 = to_v4 ? to : back,
		.mtu_v6 = to_v4 ? back : to,
	};

	return packet_quote_translate(m, &change, &burst->l4->ip_id);
}

enum drop_reason icmp_error_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum conn_side other = l4_packet_side(packet) == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	const struct conn *conn = packet->conn;
	struct packet_tuple quoted;
	enum drop_reason reason;

	conntrack_tuple(burst->l4->table, conn, other, &quoted);
	if (conn_is_v6(conn, CONN_CLIENT) != conn_is_v6(conn, CONN_MEMBER))
		reason = error_translate(burst, m, &quoted);
	else
		reason = packet_quote_rewrite(m, &quoted, &quoted.dst);
	if (reason != DROP_NONE)
		return reason;
	packet->member = conn->member;
	forward_rewritten(burst, packet, m);
	return DROP_NONE;
}
