/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CORE_H
#define L4_CORE_H

#include "balance/balance.h"
#include "base/rng.h"
#include "conntrack/table.h"
#include "forward/local_port.h"
#include "fragment/table.h"
#include "l4/l4.h"

/* Pools beyond that many share a position, which only makes turns less regular. */
#define L4_CURSORS 256

struct l4_core {
	struct conntrack *table;
	struct core *core;
	struct fragment_table *fragments;
	struct l4_counters counters;
	uint32_t sweep_at; /* next connection to look at for expiry */
	uint64_t swept_us;
	struct rng rng;
	struct balance_cursor cursors[L4_CURSORS];
	struct local_ports ports;
};

/* What stays the same for a whole burst. */
struct l4_burst {
	struct l4_core *l4;
	const struct snapshot *snapshot;
	uint32_t now_ms;
};

/* A packet on its way through. */
struct l4_packet {
	const struct packet *p;
	uint64_t hash;                 /* the table's */
	struct conn *conn;             /* a guess at first, then the connection */
	const struct service *service; /* NULL: from a member */
};

/*
 * Finds the connection of a client's packet that the table's search did not settle: none, expired,
 * ended, or with a member that is no more. Opens one where the packet may do that.
 */
enum drop_reason conn_open(const struct l4_burst *burst, struct l4_packet *packet);

/* Takes a connection out of the table and counts it in *why. */
void conn_close(struct l4_core *l4, struct conn *conn, uint64_t *why);

/* True when the member is to get nothing any more from flows that can be moved. */
static inline bool member_is_gone(const struct member *member)
{
	/* Written by the control thread at any time. */
	return __atomic_load_n(&member->health, __ATOMIC_RELAXED) == MEMBER_DOWN ||
		__atomic_load_n(&member->admin, __ATOMIC_RELAXED) == MEMBER_MAINT;
}

/* Removes an expired connection: CLOSED has ended, the others have timed out. */
static inline void conn_expire(struct l4_core *l4, struct conn *conn)
{
	conn_close(l4, conn,
		conn->state == L4_STATE_CLOSED ? &l4->counters.conns_closed
					       : &l4->counters.conns_expired);
}

#endif
