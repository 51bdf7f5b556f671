/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <string.h>

#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

#define IP4_TCP_BYTES  40
#define IP6_TCP_BYTES  60
#define MSS_MIN        88 /* a peer that claims less would only cost us work */
#define MSS_DEFAULT_V4 536
#define MSS_DEFAULT_V6 1220
#define MTU_MIN_V4     552
#define MTU_MIN_V6     1280
#define RTO_INITIAL_US 1000000u

uint32_t conn_hash(const struct tcp_stack *stack, const struct conn_tuple *tuple)
{
	uint64_t words[5] = {
		tuple->remote->halves[0],
		tuple->remote->halves[1],
		tuple->local->halves[0],
		tuple->local->halves[1],
		(uint64_t)tuple->remote_port_be << 16 | tuple->local_port_be,
	};

	return (uint32_t)hash_words5(stack->key, words);
}

struct tcp_conn *conn_find(
	const struct tcp_stack *stack, const struct conn_tuple *tuple, uint32_t hash)
{
	struct tcp_conn *conn = stack->buckets[hash & stack->bucket_mask];

	while (conn != NULL &&
		!(conn->remote_port_be == tuple->remote_port_be &&
			conn->local_port_be == tuple->local_port_be &&
			ip_equal(&conn->remote, tuple->remote) &&
			ip_equal(&conn->local, tuple->local)))
		conn = conn->hash_next;
	return conn;
}

static struct tcp_conn **table_link(const struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	struct conn_tuple tuple = {
		.remote = &conn->remote,
		.local = &conn->local,
		.remote_port_be = conn->remote_port_be,
		.local_port_be = conn->local_port_be,
	};

	return &stack->buckets[conn_hash(stack, &tuple) & stack->bucket_mask];
}

struct tcp_conn *conn_create(struct tcp_stack *stack, const struct conn_tuple *tuple)
{
	struct tcp_conn *conn;
	struct tcp_conn **link;

	conn = objpool_get(stack->conns);
	if (conn == NULL) {
		stack->counters.refused_limit++;
		return NULL;
	}
	memset(conn, 0, sizeof(*conn));
	conn->stack = stack;
	conn->remote = *tuple->remote;
	conn->local = *tuple->local;
	conn->remote_port_be = tuple->remote_port_be;
	conn->local_port_be = tuple->local_port_be;
	conn->flags = stack->params.nagle ? CONN_IN_TABLE | CONN_NAGLE : CONN_IN_TABLE;
	conn->rto_us = RTO_INITIAL_US;
	conn->ts_offset = stack_ts_offset(stack, tuple);
	conn->min_rtt_us = UINT32_MAX;
	conn->heard_ms = stack_now_ms(stack);
	conn->last_send_ms = stack_now_ms(stack);
	conn_timer_init(conn);
	link = table_link(conn);
	conn->hash_next = *link;
	*link = conn;
	if (unlikely(stack->tracer->waiting > 0))
		tracer_match(conn);
	return conn;
}

static void table_remove(struct tcp_conn *conn)
{
	struct tcp_conn **link;

	if (!(conn->flags & CONN_IN_TABLE))
		return;
	conn->flags &= ~(uint32_t)CONN_IN_TABLE;
	link = table_link(conn);
	while (*link != conn)
		link = &(*link)->hash_next;
	*link = conn->hash_next;
}

/* What fits one segment: the smaller of what the peer takes, what the path carries and what an
 * mbuf holds, less the timestamp option that every segment has (RFC 6691). */
static uint16_t mss_on_path(const struct tcp_conn *conn, uint32_t path_mss)
{
	uint32_t room = conn->stack->unit_room;
	uint32_t mss = RTE_MIN(RTE_MAX((uint32_t)conn->peer_mss, (uint32_t)MSS_MIN), path_mss);

	if (conn->flags & CONN_HAS_TS)
		mss -= TS_OPTION_BYTES;
	return (uint16_t)RTE_MIN(mss, room);
}

uint16_t conn_mss_limit(const struct tcp_conn *conn)
{
	return mss_on_path(conn, stack_path_mss(conn->stack, &conn->remote));
}

void conn_set_path_mss(struct tcp_conn *conn, uint32_t mtu)
{
	bool is_v4 = ip_is_v4(&conn->remote);
	uint32_t floor = is_v4 ? MTU_MIN_V4 : MTU_MIN_V6;

	conn->mss = mss_on_path(
		conn, RTE_MAX(mtu, floor) - (is_v4 ? IP4_TCP_BYTES : IP6_TCP_BYTES));
	conn->cc.mss = conn->mss;
}

void conn_agree(struct tcp_conn *conn, const struct conn_start *start)
{
	struct tcp_stack *stack = conn->stack;
	const struct options *options = &start->options;
	uint32_t window = stack->params.receive_window;

	conn->iss = start->iss;
	conn->rcv_nxt = start->irs + 1;
	conn->last_ack_sent = conn->rcv_nxt;
	conn->rcv_adv = conn->rcv_nxt + RTE_MIN(window, (uint32_t)UINT16_MAX);
	conn->snd_wl1 = start->irs;
	conn->snd_wl2 = start->iss;
	conn->snd_wnd = start->window;
	conn->snd_wnd_max = start->window;
	if (options->present & OPTION_TS) {
		conn->flags |= CONN_HAS_TS;
		conn->ts_recent = options->tsval;
		conn->ts_recent_ms = stack_now_ms(stack);
	}
	if (options->present & OPTION_SACK_OK)
		conn->flags |= CONN_HAS_SACK;
	if (options->present & OPTION_ECN) {
		conn->flags |= CONN_HAS_ECN;
		stack->counters.ecn_conns++;
	}
	if (options->present & OPTION_WSCALE) {
		conn->snd_wscale = options->wscale;
		conn->rcv_wscale = stack->rcv_wscale;
	}
	conn->peer_mss = options->mss;
	if (!(options->present & OPTION_MSS))
		conn->peer_mss = ip_is_v4(&conn->remote) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
	conn->mss = conn_mss_limit(conn);
	conn->cc.mss = conn->mss;
	conn->cc.cwnd = conn->flags & CONN_SYN_RESENT ? conn->mss : cc_initial_window(conn->mss);
	conn->cc.ssthresh = UINT32_MAX;
	stack->cc->init(&conn->cc);
}

void conn_set_state(struct tcp_conn *conn, enum conn_state state)
{
	conn->state = (uint8_t)state;
	if (state == CONN_ESTABLISHED)
		rx_tune_start(conn);
	if (conn_is_traced(conn))
		tracer_state(conn);
}

void conn_raise(struct tcp_conn *conn, unsigned events)
{
	conn->events |= (uint8_t)events;
	if (conn->flags & CONN_IN_EVENTS)
		return;
	conn->flags |= CONN_IN_EVENTS;
	STAILQ_INSERT_TAIL(&conn->stack->events, conn, event_link);
}

void conn_writable_check(struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_WANTS_WRITE) ||
		tcp_write_space(conn) < conn->stack->params.send_buffer / 2)
		return;
	conn->flags &= ~(uint32_t)CONN_WANTS_WRITE;
	conn_raise(conn, EVENT_WRITABLE);
}

void conn_want_output(struct tcp_conn *conn)
{
	if (conn->flags & CONN_IN_OUTPUT)
		return;
	conn->flags |= CONN_IN_OUTPUT;
	STAILQ_INSERT_TAIL(&conn->stack->output, conn, output_link);
}

/* The block is given back at the end of tcp_advance(), when no list holds it. */
void conn_bury(struct tcp_conn *conn)
{
	rx_clear(conn);
	if (conn->flags & CONN_FINISHED)
		TAILQ_REMOVE(&conn->stack->lingering, conn, queue_link);
	conn->flags &= ~(uint32_t)CONN_FINISHED;
	conn->events = 0;
	conn->handler = NULL;
	if (conn->flags & CONN_IN_GRAVE)
		return;
	conn->flags |= CONN_IN_GRAVE;
	conn->hash_next = conn->stack->graves;
	conn->stack->graves = conn;
}

/* Leaves the protocol; the block stays for the handler. */
static void protocol_leave(struct tcp_conn *conn)
{
	table_remove(conn);
	wheel_cancel(&conn->timer);
	conn->loss_at_us = conn->ack_at_us = conn->life_at_us = UINT64_MAX;
	conn->waits_for_pace = false;
	tx_clear(conn);
	ooo_clear(conn);
	conn_set_state(conn, CONN_CLOSED);
}

void conn_end(struct tcp_conn *conn, enum tcp_close_reason reason)
{
	if (conn->flags & CONN_FINISHED || conn_is_dead(conn))
		return;
	conn->close_reason = (uint8_t)reason;
	protocol_leave(conn);
	rx_clear(conn);
	if (conn->handler == NULL)
		conn_bury(conn);
	else
		conn_raise(conn, EVENT_CLOSED);
}

void conn_finish(struct tcp_conn *conn, bool is_waiting)
{
	if (is_waiting)
		time_wait_enter(conn->stack, conn);
	conn->close_reason = TCP_CLOSED_DONE;
	protocol_leave(conn);
	conn->flags |= CONN_FINISHED;
	TAILQ_INSERT_TAIL(&conn->stack->lingering, conn, queue_link);
	if (conn->handler == NULL)
		conn_bury(conn);
	else if (conn->rx_bytes == 0)
		conn_raise(conn, EVENT_CLOSED);
}
