/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "conntrack/state.h"
#include "forward/forward.h"
#include "neigh/net.h"
#include "splice/splice.h"

void conn_close(struct l4_core *l4, struct conn *conn, uint64_t *why)
{
	unsigned core = l4->core->index;

	if (conn->forward == FORWARD_SPLICED)
		splice_release(l4, conn);
	(*why)++;
	conn->service->cores[core].conns_closed++;
	/* The member may be freed from here on. */
	conn->member->cores[core].conns_closed++;
	conntrack_remove(l4->table, conn);
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
	const struct forward_ops *ops = forward_ops_of(packet->service->forward);
	struct l4_core *l4 = burst->l4;
	struct service_identity *service = packet->service->identity;
	unsigned core = l4->core->index;
	struct conn *conn;

	if (!ops->is_dsr) {
		enum drop_reason reason = ops->reply_claim(burst, member_side);

		if (reason != DROP_NONE)
			return reason;
	}
	conn = conn_enter(burst, packet, ops->is_dsr ? NULL : member_side);
	if (conn == NULL)
		return DROP_conn_table_full;
	conn->member = member;
	conn->service = service;
	conn->forward = packet->service->forward;
	conn->oversize = packet->service->oversize;
	conn_start(conn, packet->service, burst->now_ms);
	if (packet->service->client_address != CONFIG_CLIENT_ADDRESS_NONE)
		splice_start(burst, packet, conn);
	member->cores[core].conns_opened++;
	service->cores[core].conns_opened++;
	l4->counters.conns_opened++;
	packet->conn = conn;
	return DROP_NONE;
}

/*
 * Neither known nor opening. By DSR, Maglev says where another appliance, or this one before it was
 * started anew, has sent the flow; entering it would let anyone fill the table. Elsewhere, or where
 * the choice follows from more than the flow, there is nothing to go by.
 */
enum drop_reason stray_adopt(const struct l4_burst *burst, struct l4_packet *packet)
{
	const struct service *service = packet->service;
	enum config_balance balance = burst->snapshot->backends->pools[service->pool]
					      ->config->balance;

	if (!forward_ops_of(service->forward)->is_dsr ||
		(balance != CONFIG_BALANCE_MAGLEV && balance != CONFIG_BALANCE_SOURCE_HASH))
		return DROP_no_conn;
	packet->conn = NULL;
	packet->member = member_choose(burst, packet);
	return packet->member != NULL ? DROP_NONE : DROP_no_backend;
}

enum drop_reason conn_open(const struct l4_burst *burst, struct l4_packet *packet)
{
	const struct forward_ops *ops = forward_ops_of(packet->service->forward);
	struct l4_core *l4 = burst->l4;
	const struct packet *p = packet->p;
	struct packet_tuple member_side;
	enum drop_reason reason = DROP_NONE;
	struct member *member;

	if (packet->conn != NULL && conn_is_expired(packet->conn, burst->now_ms)) {
		conn_expire(l4, packet->conn);
		packet->conn = NULL;
	}
	if (!packet_is_opening(p))
		return stray_adopt(burst, packet);
	member = member_choose(burst, packet);
	if (member == NULL)
		return DROP_no_backend;
	if (!ops->is_dsr)
		reason = ops->reply_tuple(burst, p, member, &member_side);
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
