/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_TRACE_H
#define L4_TRACE_H

#include "l4/guard.h"
#include "l4/l4.h"
#include "neigh/net.h"

#define L4_TRACE_NAME_MAX 64 /* a member's name, and a NUL */

/* What would happen to a packet. Filled in by the two functions below, one after the other. */
struct l4_trace {
	struct packet packet; /* as the parser would have filled it in */
	/* Known to any core */
	const struct service *service; /* NULL: a packet to one of our own addresses, or to none */
	struct steer_owner owner;      /* STEER_NONE: it is dropped before one is asked */
	enum drop_reason reason;       /* DROP_NONE: it goes on */
	struct guard_view guard;       /* how access lists decided */
	/* Known to the owner, where that is an L4 worker */
	bool is_known;          /* a connection of the table carries it: row */
	bool is_stateless;      /* the packet goes on without one */
	bool is_proxied;        /* a SYN is answered here, and its client must answer that first */
	bool has_member;        /* member_x */
	bool has_route;         /* route: toward whom the packet leaves for */
	struct l4_conn_row row; /* the connection, or what one would be */
	struct neigh_route route;
	uint32_t balance_hash;
	uint32_t slot;
	uint32_t slot_count; /* of the pool's table; 0: its algorithm has none */
	char member[L4_TRACE_NAME_MAX];
};

/*
 * Follows trace->packet (tuple, tcp_flags and in_port; the rest is filled in) up to its owner, by
 * the snapshot alone. Control thread, or any other that may look at the snapshot.
 */
void l4_trace_owner(const struct snapshot *snapshot, struct l4_trace *trace);

/*
 * Goes on from there on the owner core, as l4_run() would, without any effect: nothing is
 * counted, no turn of an algorithm is used up, no connection is opened.
 */
void l4_trace_flow(const struct l4_core *l4, const struct snapshot *snapshot,
	struct l4_trace *trace, uint64_t now_us);

#endif
