/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include "../forward/forward.h"

enum drop_reason icmp_error_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum conn_side other = l4_packet_side(packet) == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	const struct conn *conn = packet->conn;
	struct packet_tuple quoted;
	enum drop_reason reason;

	if (conn_is_v6(conn, CONN_CLIENT) != conn_is_v6(conn, CONN_MEMBER))
		return DROP_untranslatable;
	conntrack_tuple(burst->l4->table, conn, other, &quoted);
	reason = packet_quote_rewrite(m, &quoted, &quoted.dst);
	if (reason != DROP_NONE)
		return reason;
	packet->member = conn->member;
	forward_rewritten(burst, packet, m);
	return DROP_NONE;
}
