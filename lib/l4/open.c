/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <netinet/in.h>

#include "conntrack/state.h"
#include "core.h"
#include "neigh/net.h"

void conn_close(struct l4_core *l4, struct conn *conn, uint64_t *why)
{
	unsigned core = l4->core->index;

	(*why)++;
	conn->service->cores[core].conns_closed++;
	/* The member may be freed from here on. */
	conn->member->cores[core].conns_closed++;
	conntrack_remove(l4->table, conn);
}

/* What Maglev is asked with: the flow, or the client's address alone. */
static uint32_t balance_hash(
	const struct l4_burst *burst, const struct l4_packet *packet, const struct pool *pool)
{
	const struct packet *p = packet->p;

	if (packet->service->hash != CONFIG_HASH_SOURCE_IP &&
		pool->config->balance != CONFIG_BALANCE_SOURCE_HASH)
		return p->flow_hash;
	return (uint32_t)(hash_words2(burst->snapshot->key, p->src.halves[0], p->src.halves[1]) >>
		32);
}

static struct member *member_choose(const struct l4_burst *burst, const struct l4_packet *packet)
{
	unsigned index = packet->service->pool;
	const struct pool *pool;
	struct balance_query query;

	assert(index < burst->snapshot->backends->count);
	pool = burst->snapshot->backends->pools[index];
	query = (struct balance_query){
		.hash = balance_hash(burst, packet, pool),
		.cursor = &burst->l4->cursors[index % L4_CURSORS],
		.rng = &burst->l4->rng,
	};
	return pool_pick(pool, &query);
}

/* The tuple of what the member will send, but for the local port. */
static enum drop_reason member_tuple(const struct l4_burst *burst, const struct packet *p,
	const struct member *member, struct packet_tuple *tuple)
{
	const struct ip_addr *source;

	/* Addresses are rewritten in place: families cannot be mixed. */
	if (member == NULL || ip_is_v4(&member->address) != ip_is_v4(&p->src))
		return DROP_no_backend;
	source = neigh_net_source(burst->snapshot->net, &member->address);
	if (source == NULL)
		return DROP_no_route;
	*tuple = (struct packet_tuple){
		.src = member->address,
		.dst = *source,
		.src_port_be = member->port_be != 0 ? member->port_be : p->dst_port_be,
		.protocol = p->protocol,
	};
	return DROP_NONE;
}

/* Gives up a connection near to where this hash would go. */
static bool room_make(const struct l4_burst *burst, uint64_t hash)
{
	struct l4_core *l4 = burst->l4;
	struct conn *victim = conntrack_victim(l4->table, hash, burst->now_ms);

	if (victim == NULL)
		return false;
	conn_close(l4, victim, &l4->counters.conns_evicted);
	return true;
}

/* Enters the connection, if need be in place of another. NULL: the table is full. */
static struct conn *conn_enter(const struct l4_burst *burst, const struct l4_packet *packet,
	const struct packet_tuple *member_side)
{
	struct conntrack *table = burst->l4->table;
	const struct packet_tuple *client_side = packet_tuple_of(packet->p);
	struct conn *conn = conntrack_add(table, client_side, member_side);

	if (conn != NULL || !room_make(burst, packet->hash))
		return conn;
	return conntrack_add(table, client_side, member_side);
}

static enum drop_reason conn_create(const struct l4_burst *burst, struct l4_packet *packet,
	struct member *member, struct packet_tuple *member_side)
{
	struct l4_core *l4 = burst->l4;
	struct service_identity *service = packet->service->identity;
	unsigned core = l4->core->index;
	struct conn *conn;

	if (!local_port_choose(
		    &l4->ports, l4->table, burst->snapshot->services, member_side, burst->now_ms))
		return DROP_no_local_port;
	conn = conn_enter(burst, packet, member_side);
	if (conn == NULL)
		return DROP_conn_table_full;
	conn->member = member;
	conn->service = service;
	conn_start(conn, packet->service, burst->now_ms);
	member->cores[core].conns_opened++;
	service->cores[core].conns_opened++;
	l4->counters.conns_opened++;
	packet->conn = conn;
	return DROP_NONE;
}

enum drop_reason conn_open(const struct l4_burst *burst, struct l4_packet *packet)
{
	struct l4_core *l4 = burst->l4;
	const struct packet *p = packet->p;
	struct packet_tuple member_side;
	enum drop_reason reason;
	struct member *member;

	if (packet->conn != NULL && conn_is_expired(packet->conn, burst->now_ms)) {
		conn_expire(l4, packet->conn);
		packet->conn = NULL;
	}
	if (!packet_is_opening(p))
		return DROP_no_conn;
	member = member_choose(burst, packet);
	reason = member_tuple(burst, p, member, &member_side);
	if (reason != DROP_NONE)
		return reason;
	/* Down, but the snapshot without it is still on its way here. */
	if (packet->conn != NULL && packet->conn->member == member &&
		packet->conn->state < L4_STATE_FIN)
		return DROP_NONE;
	if (packet->conn != NULL)
		conn_close(l4, packet->conn,
			packet->conn->state >= L4_STATE_FIN ? &l4->counters.conns_reused
							    : &l4->counters.conns_moved);
	packet->conn = NULL;
	return conn_create(burst, packet, member, &member_side);
}
