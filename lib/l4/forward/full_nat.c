/* SPDX-License-Identifier: Apache-2.0 */
#include "full_nat.h"

enum drop_reason full_nat_forward(const struct conntrack *table, const struct conn *conn,
	enum conn_side side, struct rte_mbuf *m)
{
	enum conn_side other = side == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	struct packet *p = packet_of(m);
	struct packet_tuple to;
	enum drop_reason reason;

	if (conn_is_v6(conn)) {
		const struct conn_v6 *v6 = conntrack_v6(table, conn);

		to.src = v6->addresses[other].ours;
		to.dst = v6->addresses[other].remote;
	} else {
		to.src = ip_from_v4(conn->addresses[other].ours_be);
		to.dst = ip_from_v4(conn->addresses[other].remote_be);
	}
	to.src_port_be = conn->ports[other].ours_be;
	to.dst_port_be = conn->ports[other].remote_be;
	to.protocol = conn->protocol;
	reason = packet_rewrite(m, &to);
	if (reason != DROP_NONE)
		return reason;
	/* Headers are in the first segment: the parser made sure. */
	rte_pktmbuf_adj(m, p->l3_offset);
	p->l4_offset -= p->l3_offset;
	p->payload_offset -= p->l3_offset;
	p->l3_offset = 0;
	return DROP_NONE;
}
