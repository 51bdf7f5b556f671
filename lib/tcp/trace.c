/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

#define SEEK_BUCKETS 2048

static bool filter_equal(const struct tcp_trace_filter *a, const struct tcp_trace_filter *b)
{
	return ip_equal(&a->remote, &b->remote) && a->remote_port_be == b->remote_port_be &&
		a->has_local == b->has_local && a->local_port_be == b->local_port_be &&
		(!a->has_local || ip_equal(&a->local, &b->local));
}

static bool filter_fits(const struct tcp_trace_filter *filter, const struct tcp_conn *conn)
{
	return ip_equal(&filter->remote, &conn->remote) &&
		(filter->remote_port_be == 0 || filter->remote_port_be == conn->remote_port_be) &&
		(!filter->has_local || ip_equal(&filter->local, &conn->local)) &&
		(filter->local_port_be == 0 || filter->local_port_be == conn->local_port_be);
}

static struct tracer_slot *slot_find(struct tracer *tracer, const struct tcp_trace_filter *filter)
{
	for (unsigned i = 0; i < TCP_TRACE_CONNS; i++) {
		struct tracer_slot *slot = &tracer->slots[i];

		if (slot->is_used && filter_equal(&slot->filter, filter))
			return slot;
	}
	return NULL;
}

/* The slot of a connection that is traced. */
static struct tracer_slot *slot_of(const struct tcp_conn *conn)
{
	struct tracer_slot *slot = conn->stack->tracer->slots;

	while (slot->conn != conn)
		slot++;
	return slot;
}

static void slot_clear(struct tracer *tracer, struct tracer_slot *slot)
{
	if (slot->is_used && slot->phase == TCP_TRACE_WAITING)
		tracer->waiting--;
	if (slot->conn != NULL)
		slot->conn->flags &= ~(uint32_t)CONN_TRACED;
	slot->conn = NULL;
	slot->is_used = false;
}

/* Is a worth more than b? What runs most, then what waits; the younger before the older. */
static bool is_dearer(const struct tracer_slot *a, const struct tracer_slot *b)
{
	static const uint8_t worth[] = {
		[TCP_TRACE_OVER] = 0, [TCP_TRACE_WAITING] = 1, [TCP_TRACE_RUNNING] = 2
	};

	if (a->is_used != b->is_used || !a->is_used)
		return a->is_used;
	return a->phase != b->phase ? worth[a->phase] > worth[b->phase] : a->started > b->started;
}

int tcp_trace_start(struct tcp_stack *stack, const struct tcp_trace_filter *filter)
{
	struct tracer *tracer = stack->tracer;
	struct tracer_slot *slot = &tracer->slots[0];

	if (slot_find(tracer, filter) != NULL)
		return 0;
	for (unsigned i = 1; i < TCP_TRACE_CONNS; i++) {
		if (is_dearer(slot, &tracer->slots[i]))
			slot = &tracer->slots[i];
	}
	if (slot->is_used && slot->phase == TCP_TRACE_RUNNING)
		return -ENOSPC;
	slot_clear(tracer, slot);
	slot->is_used = true;
	slot->phase = TCP_TRACE_WAITING;
	slot->filter = *filter;
	slot->started = tracer->starts++;
	slot->total = 0;
	tracer->waiting++;
	return 0;
}

static void slot_attach(struct tracer_slot *slot, struct tcp_conn *conn)
{
	conn->stack->tracer->waiting--;
	conn->flags |= CONN_TRACED;
	slot->phase = TCP_TRACE_RUNNING;
	slot->conn = conn;
	slot->tuple = (struct packet_tuple){
		.src = conn->remote,
		.dst = conn->local,
		.src_port_be = conn->remote_port_be,
		.dst_port_be = conn->local_port_be,
		.protocol = IPPROTO_TCP,
	};
	slot->cwnd = conn->cc.cwnd;
	slot->ssthresh = conn->cc.ssthresh;
	slot->recovery = conn->recovery;
}

static struct tcp_trace_event *event_push(struct tracer_slot *slot, enum tcp_trace_kind kind)
{
	struct tcp_trace_event *event = &slot->events[slot->total++ % TCP_TRACE_EVENTS];
	const struct tcp_conn *conn = slot->conn;

	*event = (struct tcp_trace_event){
		.at_us = conn->stack->now_us,
		.cwnd = conn->cc.cwnd,
		.ssthresh = conn->cc.ssthresh,
		.flight = conn->flight,
		.window = conn->snd_wnd,
		.kind = (uint8_t)kind,
	};
	return event;
}

bool tcp_trace_seek(
	struct tcp_stack *stack, const struct tcp_trace_filter *filter, uint32_t *cursor)
{
	struct tracer_slot *slot = slot_find(stack->tracer, filter);
	uint64_t end = RTE_MIN((uint64_t)*cursor + SEEK_BUCKETS, stack->bucket_mask + 1ull);

	if (slot == NULL || slot->phase != TCP_TRACE_WAITING)
		return false;
	for (; *cursor < end; (*cursor)++) {
		struct tcp_conn *conn = stack->buckets[*cursor];

		while (conn != NULL && (!filter_fits(filter, conn) || conn->flags & CONN_TRACED))
			conn = conn->hash_next;
		if (conn == NULL)
			continue;
		slot_attach(slot, conn);
		event_push(slot, TCP_TRACE_BEGIN)->detail = conn->state;
		return false;
	}
	return *cursor <= stack->bucket_mask;
}

bool tcp_trace_copy(const struct tcp_stack *stack, const struct tcp_trace_filter *filter,
	struct tcp_trace *trace)
{
	const struct tracer_slot *slot = slot_find(stack->tracer, filter);
	uint64_t first;

	if (slot == NULL)
		return false;
	trace->phase = slot->phase;
	trace->tuple = slot->tuple;
	trace->total = slot->total;
	trace->count = (unsigned)RTE_MIN(slot->total, (uint64_t)TCP_TRACE_EVENTS);
	first = slot->total - trace->count;
	for (unsigned i = 0; i < trace->count; i++)
		trace->events[i] = slot->events[(first + i) % TCP_TRACE_EVENTS];
	return true;
}

bool tcp_trace_stop(struct tcp_stack *stack, const struct tcp_trace_filter *filter)
{
	struct tracer_slot *slot = slot_find(stack->tracer, filter);

	if (slot == NULL)
		return false;
	slot_clear(stack->tracer, slot);
	return true;
}

void tracer_match(struct tcp_conn *conn)
{
	struct tracer *tracer = conn->stack->tracer;

	for (unsigned i = 0; i < TCP_TRACE_CONNS; i++) {
		struct tracer_slot *slot = &tracer->slots[i];

		if (!slot->is_used || slot->phase != TCP_TRACE_WAITING ||
			!filter_fits(&slot->filter, conn))
			continue;
		slot_attach(slot, conn);
		return;
	}
}

void tracer_in(struct tcp_conn *conn, const struct segment *seg)
{
	struct tcp_trace_event *event = event_push(slot_of(conn), TCP_TRACE_IN);
	bool is_scaled = !(seg->flags & RTE_TCP_SYN_FLAG);

	event->seq = seg->seq;
	event->ack = seg->ack;
	event->len = seg->payload_len;
	event->flags = seg->flags;
	event->window = (uint32_t)seg->window << (is_scaled ? conn->snd_wscale : 0);
}

static struct tcp_trace_event *sent_push(struct tcp_conn *conn, enum tcp_trace_kind kind,
	const struct segment_out *out, uint32_t len)
{
	struct tcp_trace_event *event = event_push(slot_of(conn), kind);
	bool is_scaled = !(out->flags & RTE_TCP_SYN_FLAG);

	event->seq = out->seq;
	event->ack = out->ack;
	event->len = len;
	event->flags = out->flags;
	event->window = (uint32_t)out->window << (is_scaled ? conn->rcv_wscale : 0);
	return event;
}

void tracer_out(struct tcp_conn *conn, const struct segment_out *out, uint32_t len)
{
	sent_push(conn, TCP_TRACE_OUT, out, len);
}

void tracer_resent(
	struct tcp_conn *conn, const struct segment_out *out, uint32_t len, enum trace_cause cause)
{
	sent_push(conn, TCP_TRACE_RETRANSMIT, out, len)->detail = (uint8_t)cause;
}

void tracer_note(struct tcp_conn *conn, enum tcp_trace_kind kind, uint8_t detail)
{
	event_push(slot_of(conn), kind)->detail = detail;
}

void tracer_state(struct tcp_conn *conn)
{
	struct tracer_slot *slot = slot_of(conn);
	struct tcp_trace_event *event = event_push(slot, TCP_TRACE_STATE);

	event->detail = conn->state;
	if (conn->state != CONN_CLOSED)
		return;
	event->more = conn->close_reason;
	slot->phase = TCP_TRACE_OVER;
	slot->conn = NULL;
	conn->flags &= ~(uint32_t)CONN_TRACED;
}

void tracer_look(struct tcp_conn *conn)
{
	struct tracer_slot *slot = slot_of(conn);

	if (slot->recovery != conn->recovery)
		event_push(slot, TCP_TRACE_RECOVERY)->detail = conn->recovery;
	if (slot->cwnd != conn->cc.cwnd || slot->ssthresh != conn->cc.ssthresh)
		event_push(slot, TCP_TRACE_CWND);
	slot->recovery = conn->recovery;
	slot->cwnd = conn->cc.cwnd;
	slot->ssthresh = conn->cc.ssthresh;
}
