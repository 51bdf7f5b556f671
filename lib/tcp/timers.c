/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

/*
 * One wheel node per connection for all of its deadlines. It is moved only when a deadline comes
 * before it; one that was put off is found out when the node fires.
 */
#define DELAYED_ACK_US   40000
#define MAX_ACK_DELAY_US 200000 /* what TLP grants the peer for a single segment */
#define TLP_MIN_US       10000
#define ORPHAN_MS        60000
#define SYN_SENDS_MAX    6

static struct tcp_conn *conn_of(struct wheel_timer *timer)
{
	return (struct tcp_conn *)((char *)timer - offsetof(struct tcp_conn, timer));
}

void conn_timer_update(struct tcp_conn *conn)
{
	uint64_t first = RTE_MIN(conn->loss_at_us, RTE_MIN(conn->ack_at_us, conn->life_at_us));

	if (conn->waits_for_pace)
		first = RTE_MIN(first, conn->pace_at_us - PACE_TICK_US);
	if (conn_is_dead(conn) || first == UINT64_MAX)
		return;
	if (!wheel_is_armed(&conn->timer) || first < conn->timer.deadline_us)
		wheel_arm(conn->stack->wheel, &conn->timer, first);
}

void conn_loss_timer_set(struct tcp_conn *conn, enum loss_timer what, uint64_t at_us)
{
	conn->loss_timer = (uint8_t)what;
	conn->loss_at_us = at_us;
	conn_timer_update(conn);
}

/* RFC 8985 7.2: a probe may ask for the tail when nothing is known to be wrong. */
static bool can_probe_tail(const struct tcp_conn *conn)
{
	return conn->flags & CONN_HAS_SACK && !recovery_is_for_loss(conn) && conn->tlp_end == 0 &&
		conn->sacked_bytes == 0 && conn->backoff == 0 && conn->srtt_us != 0;
}

static uint64_t probe_timeout_us(const struct tcp_conn *conn)
{
	uint64_t pto = RTE_MAX(2ull * conn->srtt_us, (uint64_t)TLP_MIN_US);

	return conn->flight <= conn->mss ? pto + MAX_ACK_DELAY_US : pto;
}

/* How long nothing may be acknowledged: the user time-out (RFC 9293 3.9.1, 3.8.3). */
static uint32_t patience_ms(const struct tcp_conn *conn)
{
	uint32_t limit = conn->user_timeout_s != 0 ? conn->user_timeout_s * 1000u
						   : conn->stack->params.user_timeout_ms;

	return conn->flags & CONN_ORPHAN ? RTE_MIN(limit, (uint32_t)ORPHAN_MS) : limit;
}

static uint32_t silent_ms(const struct tcp_conn *conn)
{
	return stack_now_ms(conn->stack) - conn->heard_ms;
}

/* The next time-out with its backoff, but no later than the moment to give up. */
static uint64_t timeout_us(const struct tcp_conn *conn)
{
	uint64_t rto_us = rto_backed_off_us(conn);
	uint32_t silent = silent_ms(conn), limit = patience_ms(conn);

	if (conn->backoff == 0 || silent >= limit)
		return rto_us;
	return RTE_MIN(rto_us, (limit - silent) * CLOCK_US_PER_MS);
}

void conn_loss_timer_rearm(struct tcp_conn *conn)
{
	uint64_t now_us = conn->stack->now_us;

	if (conn->snd_una != conn->snd_nxt) {
		uint64_t rto_at = conn->rto_base_us + timeout_us(conn);
		uint64_t pto_at = now_us + probe_timeout_us(conn);

		if (can_probe_tail(conn) && pto_at < rto_at)
			conn_loss_timer_set(conn, LOSS_TLP, pto_at);
		else
			conn_loss_timer_set(conn, LOSS_RTO, rto_at);
	} else if (conn->tx_unsent != NULL) {
		if (conn->loss_timer != LOSS_PERSIST)
			conn->heard_ms = stack_now_ms(conn->stack);
		conn_loss_timer_set(conn, LOSS_PERSIST, now_us + timeout_us(conn));
	} else {
		conn_loss_timer_set(conn, LOSS_NONE, UINT64_MAX);
	}
}

void conn_delay_ack(struct tcp_conn *conn)
{
	conn->flags |= CONN_ACK_LATER;
	conn->ack_at_us = conn->stack->now_us + DELAYED_ACK_US;
	conn_timer_update(conn);
}

static bool has_given_up(const struct tcp_conn *conn)
{
	return silent_ms(conn) >= patience_ms(conn);
}

static void timer_note(struct tcp_conn *conn, unsigned timer)
{
	if (conn_is_traced(conn))
		tracer_note(conn, TCP_TRACE_TIMER, (uint8_t)timer);
}

static void backoff_more(struct tcp_conn *conn)
{
	if (conn->backoff < UINT8_MAX)
		conn->backoff++;
}

static void rto_expire(struct tcp_conn *conn)
{
	if (has_given_up(conn)) {
		conn->stack->counters.given_up++;
		conn_end(conn, TCP_CLOSED_TIMEOUT);
		return;
	}
	conn->stack->counters.timeouts++;
	recovery_enter_rto(conn);
	backoff_more(conn);
	mtu_on_timeout(conn);
	conn->rto_base_us = conn->stack->now_us;
	conn_loss_timer_rearm(conn);
	conn_want_output(conn);
}

/* RFC 8985 7.3: new data when there is some, else the last unit again; once an episode. */
static void tlp_expire(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->tx_unsent;
	struct tcp_stack *stack = conn->stack;

	/* What was SACKed since the timer was set may be the tail itself. */
	if (!can_probe_tail(conn)) {
		conn_loss_timer_rearm(conn);
		return;
	}
	conn->flags &= ~(uint32_t)CONN_TLP_RETRANS;
	if (m == NULL || seq_gt(unit_end(unit_of(m)), conn->snd_una + conn->snd_wnd) ||
		unit_of(m)->len > conn->mss) {
		m = conn->tx_head;
		while (unit_of(m)->next != conn->tx_unsent)
			m = unit_of(m)->next;
		conn->flags |= CONN_TLP_RETRANS;
	}
	conn->rto_base_us = stack->now_us;
	if (unit_of(m)->len <= conn->mss && conn_transmit(conn, m)) {
		stack->counters.tail_probes++;
		conn->tlp_end = conn->snd_nxt;
	}
	conn_loss_timer_set(conn, LOSS_RTO, conn->rto_base_us + rto_backed_off_us(conn));
}

static void reorder_expire(struct tcp_conn *conn)
{
	struct ack_news nothing = { 0 };

	conn_loss_timer_set(conn, LOSS_RTO, conn->rto_base_us + rto_backed_off_us(conn));
	rack_detect(conn);
	recovery_on_ack(conn, &nothing);
	conn_want_output(conn);
}

static void persist_expire(struct tcp_conn *conn)
{
	if (has_given_up(conn)) {
		conn->stack->counters.given_up++;
		conn_end(conn, TCP_CLOSED_TIMEOUT);
		return;
	}
	backoff_more(conn);
	if (conn->snd_wnd > 0) {
		/* A sliver of a window for so long is all that there will be. */
		conn->flags |= CONN_CAN_OVERRIDE;
		conn_want_output(conn);
	} else {
		conn->stack->counters.zero_window_probes++;
		conn_send_probe(conn, conn->snd_una - 1);
	}
	/* Still the same wait: what was heard last counts on. */
	conn->loss_timer = LOSS_PERSIST;
	conn_loss_timer_rearm(conn);
}

static void syn_expire(struct tcp_conn *conn)
{
	if (conn->backoff >= SYN_SENDS_MAX) {
		conn->stack->counters.connect_failed++;
		conn_end(conn, TCP_CLOSED_TIMEOUT);
		return;
	}
	backoff_more(conn);
	conn->flags |= CONN_SYN_RESENT;
	conn->stack->counters.retransmits++;
	conn_send_syn(conn);
	conn_loss_timer_set(conn, LOSS_SYN, conn->stack->now_us + rto_backed_off_us(conn));
}

static void loss_expire(struct tcp_conn *conn)
{
	enum loss_timer what = conn->loss_timer;

	timer_note(conn, what);
	conn->loss_at_us = UINT64_MAX;
	conn->loss_timer = LOSS_NONE;
	if (what == LOSS_SYN)
		syn_expire(conn);
	else if (what == LOSS_PERSIST)
		persist_expire(conn);
	else if (conn->snd_una == conn->snd_nxt)
		conn_loss_timer_rearm(conn);
	else if (what == LOSS_TLP)
		tlp_expire(conn);
	else if (what == LOSS_REORDER)
		reorder_expire(conn);
	else
		rto_expire(conn);
}

/* The end of a handshake that we began, or of FIN-WAIT-2 without a reader; else keep-alive. */
static void life_expire(struct tcp_conn *conn)
{
	bool is_opening = conn->state == CONN_SYN_SENT || conn->state == CONN_SYN_RECEIVED;

	conn->life_at_us = UINT64_MAX;
	if (!is_opening && !(conn->state == CONN_FIN_WAIT_2 && conn->flags & CONN_ORPHAN)) {
		timer_note(conn, TRACE_TIMER_KEEPALIVE);
		keepalive_expire(conn);
		return;
	}
	timer_note(conn, TRACE_TIMER_LIFE);
	if (is_opening)
		conn->stack->counters.connect_failed++;
	conn_end(conn, TCP_CLOSED_TIMEOUT);
}

static void timer_expire(struct wheel_timer *timer, uint64_t now_us)
{
	struct tcp_conn *conn = conn_of(timer);

	if (conn->ack_at_us <= now_us) {
		timer_note(conn, TRACE_TIMER_ACK);
		conn_send_ack(conn);
	}
	if (conn->life_at_us <= now_us)
		life_expire(conn);
	if (conn->waits_for_pace && conn->pace_at_us <= now_us + PACE_TICK_US) {
		timer_note(conn, TRACE_TIMER_PACE);
		conn->waits_for_pace = false;
		conn_want_output(conn);
	}
	if (!conn_is_dead(conn) && conn->loss_at_us <= now_us)
		loss_expire(conn);
	if (conn_is_traced(conn))
		tracer_look(conn);
	conn_timer_update(conn);
}

void conn_timer_init(struct tcp_conn *conn)
{
	wheel_timer_init(&conn->timer, timer_expire);
	conn->loss_at_us = conn->ack_at_us = conn->life_at_us = UINT64_MAX;
}
