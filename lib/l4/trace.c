/* SPDX-License-Identifier: Apache-2.0 */
#include "l4/trace.h"

#include <netinet/in.h>
#include <stdio.h>

#include <rte_byteorder.h>

#include "base/clock.h"
#include "core.h"

static void local_owner_find(const struct snapshot *snapshot, struct l4_trace *trace)
{
	const struct packet *p = &trace->packet;

	if (neigh_net_is_local(snapshot->net, &p->dst))
		trace->owner = steer_by_port(&snapshot->steer, rte_be_to_cpu_16(p->dst_port_be));
	if (trace->owner.kind == STEER_NONE)
		trace->reason = DROP_no_service;
}

void l4_trace_owner(const struct snapshot *snapshot, struct l4_trace *trace)
{
	struct packet *p = &trace->packet;

	p->flags = ip_is_v4(&p->src) ? 0 : PACKET_IS_V6;
	p->flow_hash = packet_flow_hash(p, snapshot->key);
	trace->owner.kind = STEER_NONE;
	trace->service = service_find(snapshot->services, &p->dst, p->dst_port_be, p->protocol);
	trace->reason = guard_explain(snapshot, p, trace->service, &trace->guard);
	if (trace->reason != DROP_NONE)
		return;
	if (trace->service == NULL)
		local_owner_find(snapshot, trace);
	else if (trace->service->mode == CONFIG_MODE_L4)
		trace->owner = (struct steer_owner){
			.kind = STEER_L4,
			.index = steer_by_hash(p->flow_hash, snapshot->steer.l4_count),
		};
	else
		trace->owner = (struct steer_owner){
			.kind = STEER_L7,
			.index = steer_by_hash(p->flow_hash, snapshot->steer.l7_count),
		};
}

static void member_note(struct l4_trace *trace, const struct member *member)
{
	trace->has_member = true;
	snprintf(trace->member, sizeof(trace->member), "%s", member->name);
}

/* The row of a connection that is not there yet. */
static void row_imagine(
	struct l4_trace *trace, const struct member *member, const struct packet_tuple *member_side)
{
	const struct packet *p = &trace->packet;

	trace->row = (struct l4_conn_row){
		.client = p->src,
		.vip = p->dst,
		.local = member_side->dst,
		.member = member_side->src,
		.client_port = rte_be_to_cpu_16(p->src_port_be),
		.vip_port = rte_be_to_cpu_16(p->dst_port_be),
		.local_port = rte_be_to_cpu_16(member_side->dst_port_be),
		.member_port = rte_be_to_cpu_16(member_side->src_port_be),
		.protocol = p->protocol,
		.state = L4_STATE_NEW,
		.member_id = member->id,
	};
}

/* What conn_open() would do, on a copy of the worker's turns and port counters. */
static enum drop_reason flow_open(struct l4_burst *burst, struct l4_packet *packet,
	const struct conn *conn, struct l4_trace *trace)
{
	const struct pool *pool = burst->snapshot->backends->pools[packet->service->pool];
	struct packet_tuple member_side;
	enum drop_reason reason;
	struct member *member;
	int slot;

	if (packet->p->protocol == IPPROTO_TCP && !tcp_is_opening(packet->p->tcp_flags))
		return DROP_no_conn;
	trace->balance_hash = balance_hash(burst, packet, pool);
	slot = balance_slot(pool->balance, trace->balance_hash, &trace->slot_count);
	if (slot >= 0)
		trace->slot = (uint32_t)slot;
	member = member_choose(burst, packet);
	if (member != NULL)
		member_note(trace, member);
	reason = member_tuple(burst, packet->p, member, &member_side);
	if (reason != DROP_NONE)
		return reason;
	trace->is_known = conn != NULL && conn->member == member && conn->state < L4_STATE_FIN &&
		!conn_is_expired(conn, burst->now_ms);
	if (trace->is_known) {
		trace->row = conn_row(burst->l4->table, conn, burst->now_ms);
		return DROP_NONE;
	}
	if (!local_port_choose(&burst->l4->ports, burst->l4->table, burst->snapshot->services,
		    &member_side, burst->now_ms))
		return DROP_no_local_port;
	row_imagine(trace, member, &member_side);
	return DROP_NONE;
}

void l4_trace_flow(const struct l4_core *l4, const struct snapshot *snapshot,
	struct l4_trace *trace, uint64_t now_us)
{
	enum conn_side side = trace->service != NULL ? CONN_CLIENT : CONN_MEMBER;
	const struct packet_tuple *tuple = packet_tuple_of(&trace->packet);
	struct l4_core shadow = *l4; /* its turns, ports and random numbers are used up instead */
	struct l4_packet packet = { .p = &trace->packet, .service = trace->service };
	struct l4_burst burst = {
		.l4 = &shadow,
		.snapshot = snapshot,
		.now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS),
	};
	const struct conn *conn = conntrack_find(
		l4->table, conntrack_hash(l4->table, tuple, side), tuple, side);

	trace->slot_count = 0;
	trace->is_known = conn != NULL && conn_is_current(conn, &packet, burst.now_ms);
	trace->has_member = false;
	trace->has_route = false;
	if (trace->is_known) {
		trace->row = conn_row(l4->table, conn, burst.now_ms);
		member_note(trace, conn->member);
	} else {
		trace->reason = side == CONN_CLIENT ? flow_open(&burst, &packet, conn, trace)
						    : DROP_no_conn;
	}
	if (trace->reason != DROP_NONE)
		return;
	trace->has_route = neigh_net_route(snapshot->net,
		side == CONN_CLIENT ? &trace->row.member : &trace->row.client, &trace->route);
	if (!trace->has_route)
		trace->reason = DROP_no_route;
}
