/* SPDX-License-Identifier: Apache-2.0 */
#include "l4/trace.h"

#include <netinet/in.h>
#include <stdio.h>

#include <rte_byteorder.h>

#include "base/clock.h"
#include "core.h"
#include "forward/forward.h"
#include "splice/splice.h"

static void l4_owner_find(const struct snapshot *snapshot, struct l4_trace *trace)
{
	uint32_t hash = l4_owner_hash(trace->service, &trace->packet, snapshot->key);

	trace->owner = (struct steer_owner){
		.kind = STEER_L4,
		.index = steer_by_hash(hash, snapshot->steer.l4_count),
	};
}

/* Of what is addressed to no service. */
static void reply_owner_find(const struct snapshot *snapshot, struct l4_trace *trace)
{
	const struct packet *p = &trace->packet;

	if (neigh_net_is_local(snapshot->net, &p->dst))
		trace->owner = steer_by_port(&snapshot->steer, rte_be_to_cpu_16(p->dst_port_be));
	else if (service_table_has_nat(snapshot->services) &&
		!neigh_net_is_vip(snapshot->net, &p->dst))
		l4_owner_find(snapshot, trace);
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
		reply_owner_find(snapshot, trace);
	else if (trace->service->mode == CONFIG_MODE_L4)
		l4_owner_find(snapshot, trace);
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

/* What a member replies that has the client's packet as it was. */
static struct packet_tuple reply_unseen(const struct packet *p, const struct member *member)
{
	return (struct packet_tuple){
		.src = member->address,
		.dst = p->src,
		.src_port_be = p->dst_port_be,
		.dst_port_be = p->src_port_be,
	};
}

/* A packet that leaves no connection behind. */
static void stateless_note(struct l4_trace *trace, const struct member *member)
{
	const struct packet_tuple member_side = reply_unseen(&trace->packet, member);

	trace->is_stateless = true;
	member_note(trace, member);
	row_imagine(trace, member, &member_side);
}

static void slot_note(
	const struct l4_burst *burst, const struct l4_packet *packet, struct l4_trace *trace)
{
	const struct pool *pool = burst->snapshot->backends->pools[packet->service->pool];

	trace->balance_hash = service_balance_hash(
		packet->service, packet->p, burst->snapshot->key);
	if (balance_slots(pool->balance, &trace->slot_count) != NULL)
		trace->slot = balance_slot_of(trace->balance_hash, trace->slot_count);
}

/* What stateless_forward() would do. */
static enum drop_reason stateless_trace(
	struct l4_burst *burst, struct l4_packet *packet, struct l4_trace *trace)
{
	slot_note(burst, packet, trace);
	packet->member = member_choose(burst, packet);
	if (packet->member == NULL)
		return DROP_no_backend;
	stateless_note(trace, packet->member);
	return DROP_NONE;
}

static enum drop_reason stray_trace(
	struct l4_burst *burst, struct l4_packet *packet, struct l4_trace *trace)
{
	enum drop_reason reason = stray_adopt(burst, packet);

	if (reason != DROP_NONE)
		return reason;
	slot_note(burst, packet, trace);
	stateless_note(trace, packet->member);
	return DROP_NONE;
}

/* What conn_open() would do, on a copy of the worker's turns and port counters. */
static enum drop_reason flow_open(struct l4_burst *burst, struct l4_packet *packet,
	const struct conn *conn, struct l4_trace *trace)
{
	const struct forward_ops *ops = forward_ops_of(packet->service->forward);
	struct packet_tuple member_side;
	enum drop_reason reason = DROP_NONE;
	struct member *member;

	if (!packet_is_opening(packet->p))
		return stray_trace(burst, packet, trace);
	slot_note(burst, packet, trace);
	trace->is_proxied = syn_proxy_wants(burst, packet);
	member = member_choose(burst, packet);
	if (member == NULL)
		return DROP_no_backend;
	member_note(trace, member);
	if (!ops->is_dsr)
		reason = ops->reply_tuple(burst, packet->p, member, &member_side);
	if (reason != DROP_NONE)
		return reason;
	trace->is_known = conn != NULL && conn->member == member && conn->state < L4_STATE_FIN &&
		!conn_is_expired(conn, burst->now_ms);
	if (trace->is_known) {
		trace->row = conn_row(burst->l4->table, conn, burst->now_ms);
		return DROP_NONE;
	}
	if (ops->is_dsr)
		member_side = reply_unseen(packet->p, member);
	else
		reason = ops->reply_claim(burst, &member_side);
	if (reason == DROP_NONE)
		row_imagine(trace, member, &member_side);
	return reason;
}

static enum drop_reason client_trace(struct l4_burst *burst, struct l4_packet *packet,
	const struct conn *conn, struct l4_trace *trace)
{
	if (!packet_asks_table(burst, packet))
		return stateless_trace(burst, packet, trace);
	return flow_open(burst, packet, conn, trace);
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
		.now_us = now_us,
		.now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS),
		.is_trial = true,
	};
	const struct conn *conn = conntrack_find(
		l4->table, conntrack_hash(l4->table, tuple, side), tuple, side);

	trace->slot_count = 0;
	trace->is_stateless = false;
	trace->is_proxied = false;
	trace->is_known = conn != NULL && packet_asks_table(&burst, &packet) &&
		conn_is_current(conn, &packet, burst.now_ms);
	trace->has_member = false;
	trace->has_route = false;
	if (trace->is_known) {
		trace->row = conn_row(l4->table, conn, burst.now_ms);
		member_note(trace, conn->member);
	} else {
		trace->reason = side == CONN_CLIENT ? client_trace(&burst, &packet, conn, trace)
						    : DROP_no_conn;
	}
	if (trace->reason != DROP_NONE)
		return;
	trace->has_route = neigh_net_route(snapshot->net,
		side == CONN_CLIENT ? &trace->row.member : &trace->row.client, &trace->route);
	if (!trace->has_route)
		trace->reason = DROP_no_route;
}
