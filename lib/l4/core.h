/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CORE_H
#define L4_CORE_H

#include <netinet/in.h>

#include "affinity.h"
#include "balance/balance.h"
#include "base/rng.h"
#include "conntrack/state.h"
#include "conntrack/table.h"
#include "forward/local_port.h"
#include "fragment/table.h"
#include "l4/l4.h"
#include "splice/state.h"

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
	const struct rss *const *rss; /* by port; NULL: none is known */
	struct affinity *affinity;
	struct splices splices;
	struct rte_mempool *mbufs;
	uint16_t ip_id;       /* of the next IPv4 packet that we make and that may be fragmented */
	uint64_t icmp_second; /* in which icmp_count ICMP errors were sent */
	uint32_t icmp_count;
};

/* Where packets go that are done with. */
struct l4_output {
	struct rte_mbuf **pkts; /* room for L4_FRAGMENTS_MAX per packet of the burst */
	uint16_t count;
};

static inline void l4_output_put(struct l4_output *output, struct rte_mbuf *m)
{
	output->pkts[output->count++] = m;
}

/* What stays the same for a whole burst. */
struct l4_burst {
	struct l4_core *l4;
	const struct snapshot *snapshot;
	struct l4_output *output;
	uint64_t now_us;
	uint32_t now_ms;
	bool is_trial; /* only asks: the table is to stay as it is */
};

/* A packet on its way through. */
struct l4_packet {
	const struct packet *p;
	uint64_t hash;                 /* the table's */
	struct conn *conn;             /* a guess at first, then the connection */
	const struct service *service; /* NULL: from a member */
	const struct member *member;   /* once the connection is known, or chosen without one */
	const struct rte_mbuf *m;      /* NULL: there are no bytes, it is only asked about */
};

static inline enum conn_side l4_packet_side(const struct l4_packet *packet)
{
	return packet->service != NULL ? CONN_CLIENT : CONN_MEMBER;
}

/* service: NULL for a member's packet, which has a connection or nothing. */
static inline bool l4_is_stateless(const struct service *service)
{
	return service != NULL && service->is_stateless;
}

/*
 * The member for a client's packet that no connection is known for, or NULL. In the midst of a TCP
 * connection it is the member that the flow probably has, see pool_pick_established().
 */
struct member *member_choose(const struct l4_burst *burst, const struct l4_packet *packet);

/*
 * Whether the connection table is asked. Stateless services have flows in it that opened while the
 * last change of members was fresh: their packets must not go by the table of before, as those of
 * older flows do then.
 */
static inline bool packet_asks_table(const struct l4_burst *burst, const struct l4_packet *packet)
{
	const struct service *service = packet->service;
	const struct pool *pool;

	if (!l4_is_stateless(service))
		return true;
	pool = burst->snapshot->backends->pools[service->pool];
	return pool->chance != NULL && packet->p->protocol == IPPROTO_TCP &&
		!pool_is_settled(pool,
			service_balance_hash(service, packet->p, burst->snapshot->key),
			burst->now_us);
}

/*
 * Finds the connection of a client's packet that the table's search did not settle: none, expired,
 * ended, or with a member that is no more. Opens one where the packet may do that. DROP_NONE with
 * packet->conn NULL: there is none, and packet->member gets it all the same.
 */
enum drop_reason conn_open(const struct l4_burst *burst, struct l4_packet *packet);

/*
 * A packet that is neither known nor opening: DROP_NONE, and packet->member gets it without a
 * connection, or why nobody does.
 */
enum drop_reason stray_adopt(const struct l4_burst *burst, struct l4_packet *packet);

/* A connection as "show conns" and "trace" print it. */
struct l4_conn_row conn_row(
	const struct conntrack *table, const struct conn *conn, uint32_t now_ms);

/* Takes a connection out of the table and counts it in *why. */
void conn_close(struct l4_core *l4, struct conn *conn, uint64_t *why);

/* The port that a member is sent to: its own, or by port 0 the one that the client's packet has. */
static inline uint16_t member_port_be(const struct member *member, const struct packet *p)
{
	return member->port_be != 0 ? member->port_be : p->dst_port_be;
}

/* True when the member is to get nothing any more from flows that can be moved. */
static inline bool member_is_gone(const struct member *member)
{
	/* Written by the control thread at any time. */
	return __atomic_load_n(&member->health, __ATOMIC_RELAXED) == MEMBER_DOWN ||
		__atomic_load_n(&member->admin, __ATOMIC_RELAXED) == MEMBER_MAINT;
}

/* Whether the connection that was found carries the packet, rather than a new one. */
static inline bool conn_is_current(
	const struct conn *conn, const struct l4_packet *packet, uint32_t now_ms)
{
	if (conn_is_expired(conn, now_ms))
		return false;
	if (packet->service == NULL)
		return true;
	if (conn->protocol == IPPROTO_UDP)
		return !member_is_gone(conn->member);
	if (!packet_is_opening(packet->p))
		return true;
	return conn->state < L4_STATE_FIN && !member_is_gone(conn->member);
}

/* Removes an expired connection: CLOSED has ended, the others have timed out. */
static inline void conn_expire(struct l4_core *l4, struct conn *conn)
{
	conn_close(l4, conn,
		conn->state == L4_STATE_CLOSED ? &l4->counters.conns_closed
					       : &l4->counters.conns_expired);
}

#endif
