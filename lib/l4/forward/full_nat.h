/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_FULL_NAT_H
#define L4_FORWARD_FULL_NAT_H

#include "../conntrack/table.h"
#include "stats/drop.h"

/*
 * Full NAT: the packet leaves with the other side's pair of endpoints, from us to the remote, and
 * begins at its IP header. side: where it came from.
 */
enum drop_reason full_nat_forward(const struct conntrack *table, const struct conn *conn,
	enum conn_side side, struct rte_mbuf *m);

#endif
