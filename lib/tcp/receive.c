/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

#define PAWS_IDLE_MS (24u * 24 * 3600 * 1000) /* RFC 7323 5.5: then ts_recent means nothing */

/* RFC 9293 3.10.7.4, SYN-RECEIVED and later: each step answers whether to go on. */

/* RFC 7323 5.3 */
static bool timestamp_accept(struct tcp_conn *conn, const struct segment *seg)
{
	struct tcp_stack *stack = conn->stack;

	if (!(conn->flags & CONN_HAS_TS) || seg->flags & RTE_TCP_RST_FLAG)
		return true;
	if (!(seg->options.present & OPTION_TS))
		return false;
	if (seq_ge(seg->options.tsval, conn->ts_recent))
		return true;
	if (stack_now_ms(stack) - conn->ts_recent_ms > PAWS_IDLE_MS)
		return true;
	stack->counters.paws_drops++;
	if (seg->payload_len > 0 || seg->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG))
		conn_send_ack(conn);
	else
		conn_send_challenge(conn);
	return false;
}

/* First: does any of it lie in the window? A closed window still lets acknowledgments in. */
static bool is_acceptable(const struct tcp_conn *conn, const struct segment *seg)
{
	uint32_t window = conn->rcv_adv - conn->rcv_nxt;
	uint32_t end = segment_end(seg);

	if (seg->seq == conn->rcv_nxt)
		return true;
	if (segment_span(seg) == 0)
		return seg->seq - conn->rcv_nxt < window;
	return seg->seq - conn->rcv_nxt < window || end - 1 - conn->rcv_nxt < window ||
		(seq_lt(seg->seq, conn->rcv_nxt) && seq_gt(end, conn->rcv_nxt));
}

static void dsack_note(struct tcp_conn *conn, uint32_t start, uint32_t end)
{
	conn->stack->counters.duplicates++;
	if (!(conn->flags & CONN_HAS_SACK))
		return;
	conn->dsack = (struct sack_block){ .start = start, .end = end };
	conn->flags |= CONN_DSACK_PENDING;
}

static __rte_noinline void unacceptable_answer(struct tcp_conn *conn, const struct segment *seg)
{
	if (seg->flags & RTE_TCP_RST_FLAG)
		return;
	if (seg->flags & RTE_TCP_SYN_FLAG || segment_span(seg) == 0) {
		/* Limited: two confused ends could else answer each other for ever. */
		conn_send_challenge(conn);
		return;
	}
	if (seg->payload_len > 0 && seq_le(segment_end(seg), conn->rcv_nxt))
		dsack_note(conn, seg->seq, seg->seq + seg->payload_len);
	conn_send_ack(conn);
}

/* Second (RFC 5961 3.2). Third is the check of security, which nobody has. */
static __rte_noinline void reset_receive(struct tcp_conn *conn, const struct segment *seg)
{
	if (seg->seq != conn->rcv_nxt) {
		conn_send_challenge(conn);
		return;
	}
	conn->stack->counters.resets_in++;
	conn_end(conn, TCP_CLOSED_RESET);
}

/* Fifth, in a simultaneous open: the peer has our SYN. */
static bool syn_received_ack(struct tcp_conn *conn, const struct segment *seg)
{
	if (seg->ack != conn->iss + 1) {
		reset_reply(conn->stack, seg);
		return false;
	}
	conn->snd_una = conn->snd_nxt;
	conn->backoff = 0;
	keepalive_start(conn);
	conn_loss_timer_set(conn, LOSS_NONE, UINT64_MAX);
	conn_set_state(conn, CONN_ESTABLISHED);
	conn->stack->counters.connected++;
	conn_raise(conn, EVENT_CONNECTED);
	conn_want_output(conn);
	return true;
}

/* Our FIN is acknowledged. False: the connection is over. */
static bool fin_acked(struct tcp_conn *conn)
{
	if (conn->state == CONN_FIN_WAIT_1) {
		conn_set_state(conn, CONN_FIN_WAIT_2);
		if (conn->flags & CONN_ORPHAN) {
			conn->life_at_us = conn->stack->now_us +
				conn->stack->params.time_wait_ms * CLOCK_US_PER_MS;
			conn_timer_update(conn);
		}
		return true;
	}
	if (conn->state != CONN_CLOSING && conn->state != CONN_LAST_ACK)
		return true;
	conn_finish(conn, conn->state == CONN_CLOSING);
	return false;
}

/* RFC 7323 4.3: the echo is of the segment that the next acknowledgment answers first. */
static void timestamp_note(struct tcp_conn *conn, const struct segment *seg)
{
	if (!(conn->flags & CONN_HAS_TS) || !seq_le(seg->seq, conn->last_ack_sent))
		return;
	conn->ts_recent = seg->options.tsval;
	conn->ts_recent_ms = stack_now_ms(conn->stack);
}

/* Eighth: the FIN stands where the stream has arrived. */
static void fin_reach(struct tcp_conn *conn)
{
	conn->rcv_nxt++;
	conn->flags |= CONN_FIN_RECEIVED | CONN_ACK_NOW;
	ooo_clear(conn);
	conn_raise(conn, EVENT_READABLE);
	conn_want_output(conn);
	if (conn->state == CONN_ESTABLISHED || conn->state == CONN_SYN_RECEIVED) {
		conn_set_state(conn, CONN_CLOSE_WAIT);
	} else if (conn->state == CONN_FIN_WAIT_1) {
		conn_set_state(conn, CONN_CLOSING);
	} else if (conn->state == CONN_FIN_WAIT_2) {
		conn_send_ack(conn);
		conn_finish(conn, true);
	}
}

static void ack_schedule(struct tcp_conn *conn)
{
	if (conn->flags & CONN_ACK_NOW)
		return;
	if (conn->flags & CONN_ACK_LATER) {
		conn->flags |= CONN_ACK_NOW;
		conn_want_output(conn);
	} else {
		conn_delay_ack(conn);
	}
}

/* No memory: the peer keeps it, and learns of the window at least. */
static __rte_noinline void data_refuse(struct tcp_conn *conn, struct rte_mbuf *m)
{
	conn->stack->counters.memory_drops++;
	stack_drop(conn->stack, m, DROP_mbuf_exhausted);
	ack_schedule(conn);
}

/* In order and nothing waits behind a hole: the usual case. */
static void data_append(struct tcp_conn *conn, struct rte_mbuf *m, bool is_merged)
{
	if (!rx_has_room(conn, m)) {
		data_refuse(conn, m);
		return;
	}
	conn->rcv_nxt += m->pkt_len;
	rx_append(conn, m);
	conn_raise(conn, EVENT_READABLE);
	/* Of several segments the second is acknowledged at once. */
	if (is_merged)
		conn->flags |= CONN_ACK_LATER;
	ack_schedule(conn);
}

static __rte_noinline void data_reorder(struct tcp_conn *conn, struct rte_mbuf *m, uint32_t seq)
{
	uint32_t before = conn->rcv_nxt;

	if (seq != conn->rcv_nxt)
		conn->stack->counters.out_of_order++;
	if (seq != conn->rcv_nxt ? stack_is_full(conn->stack) : !rx_has_room(conn, m)) {
		conn->flags |= CONN_ACK_NOW;
		conn_want_output(conn);
		data_refuse(conn, m);
		return;
	}
	ooo_insert(conn, m, seq);
	ooo_drain(conn);
	if (conn->rcv_nxt != before)
		conn_raise(conn, EVENT_READABLE);
	/* RFC 5681 4.2: at once, while there is a hole and when one is filled. */
	conn_send_ack(conn);
}

/* Nobody reads any more (RFC 2525 2.17). */
static __rte_noinline void orphan_reset(struct tcp_conn *conn, struct segment *seg)
{
	conn->rcv_nxt = seq_max(conn->rcv_nxt, seg->seq + seg->payload_len);
	conn_send_reset(conn);
	conn_end(conn, TCP_CLOSED_ABORTED);
	stack_drop(conn->stack, seg->m, DROP_tcp_invalid);
}

/* Seventh and eighth: cuts the segment to the window and takes what is new. */
static void data_receive(struct tcp_conn *conn, struct segment *seg)
{
	uint32_t offset = packet_of(seg->m)->payload_offset;
	uint32_t start = seg->seq;
	uint32_t end = seg->seq + seg->payload_len;
	bool has_fin = seg->flags & RTE_TCP_FIN_FLAG;

	if (seq_gt(end, conn->rcv_adv)) {
		end = seq_max(conn->rcv_adv, start);
		has_fin = false;
		conn->flags |= CONN_ACK_NOW;
	}
	if (conn->flags & CONN_FIN_SEEN && seq_gt(end, conn->fin_seq))
		end = seq_max(conn->fin_seq, start);
	if (has_fin && !(conn->flags & CONN_FIN_SEEN)) {
		conn->flags |= CONN_FIN_SEEN;
		conn->fin_seq = end;
	}
	if (seq_lt(start, conn->rcv_nxt)) {
		if (seg->payload_len > 0)
			dsack_note(conn, start, seq_lt(end, conn->rcv_nxt) ? end : conn->rcv_nxt);
		conn->flags |= CONN_ACK_NOW;
		start = conn->rcv_nxt;
	}
	if (seq_lt(start, end)) {
		struct rte_mbuf *m = payload_slice(
			seg->m, offset + (start - seg->seq), end - start);

		if (start == conn->rcv_nxt && conn->ooo_head == NULL)
			data_append(conn, m, seg->merged > 0);
		else
			data_reorder(conn, m, start);
	} else {
		conn->flags |= CONN_ACK_NOW;
		stack_drop(conn->stack, seg->m, DROP_consumed);
	}
	if (conn->flags & CONN_FIN_SEEN && conn->rcv_nxt == conn->fin_seq)
		fin_reach(conn);
	else if (conn->flags & CONN_ACK_NOW)
		conn_want_output(conn);
}

static void data_take(struct tcp_conn *conn, struct segment *seg)
{
	if (conn->stack->params.receive_window_max > conn->stack->params.receive_window)
		rx_tune(conn, seg);
	data_receive(conn, seg);
}

static bool can_receive_data(const struct tcp_conn *conn)
{
	return conn->state == CONN_ESTABLISHED || conn->state == CONN_FIN_WAIT_1 ||
		conn->state == CONN_FIN_WAIT_2;
}

/* Steps one to five. False: the segment ends here. */
static bool header_process(struct tcp_conn *conn, struct segment *seg)
{
	if (!timestamp_accept(conn, seg))
		return false;
	if (!is_acceptable(conn, seg)) {
		unacceptable_answer(conn, seg);
		return false;
	}
	if (seg->flags & (RTE_TCP_RST_FLAG | RTE_TCP_SYN_FLAG)) {
		if (seg->flags & RTE_TCP_RST_FLAG)
			reset_receive(conn, seg);
		else
			/* Fourth (RFC 5961 4.2). */
			conn_send_challenge(conn);
		return false;
	}
	if (!(seg->flags & RTE_TCP_ACK_FLAG))
		return false;
	if (conn->state == CONN_SYN_RECEIVED && !syn_received_ack(conn, seg))
		return false;
	if (!ack_receive(conn, seg))
		return false;
	return !(conn->flags & CONN_FIN_ACKED) || fin_acked(conn);
}

/* SYN-RECEIVED and later. */
static void segment_receive(struct tcp_conn *conn, struct segment *seg)
{
	if (!header_process(conn, seg)) {
		stack_drop(conn->stack, seg->m, DROP_tcp_invalid);
		return;
	}
	timestamp_note(conn, seg);
	if (conn->flags & CONN_HAS_ECN)
		ecn_receive(conn, seg);
	if (seg->payload_len == 0 && !(seg->flags & RTE_TCP_FIN_FLAG))
		rte_pktmbuf_free(seg->m);
	else if (!can_receive_data(conn))
		stack_drop(conn->stack, seg->m, DROP_tcp_invalid);
	else if (conn->flags & CONN_ORPHAN && seg->payload_len > 0)
		orphan_reset(conn, seg);
	else
		data_take(conn, seg);
}

void conn_receive(struct tcp_conn *conn, struct segment *seg)
{
	if (conn_is_traced(conn))
		tracer_in(conn, seg);
	if (conn->state == CONN_SYN_SENT)
		syn_sent_receive(conn, seg);
	else
		segment_receive(conn, seg);
	if (conn_is_traced(conn))
		tracer_look(conn);
}
