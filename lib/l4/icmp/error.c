/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

enum drop_reason icmp_error_forward(const struct conntrack *table, const struct conn *conn,
	enum conn_side side, struct rte_mbuf *m)
{
	enum conn_side other = side == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	struct packet *p = packet_of(m);
	struct packet_tuple quoted;
	enum drop_reason reason;

	conntrack_tuple(table, conn, other, &quoted);
	reason = packet_quote_rewrite(m, &quoted, &quoted.dst);
	if (reason != DROP_NONE)
		return reason;
	rte_pktmbuf_adj(m, p->l3_offset);
	p->l4_offset -= p->l3_offset;
	p->payload_offset -= p->l3_offset;
	p->l3_offset = 0;
	return DROP_NONE;
}
