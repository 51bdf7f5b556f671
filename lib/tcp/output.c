/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>
#include <rte_memcpy.h>

#include "stack.h"
#include "tracer.h"
#include "train.h"

#define COPY_BYTES   256 /* up to here a copy is cheaper than a second mbuf */
#define CHALLENGE_MS 200 /* one per connection in so long */

uint32_t conn_timestamp(const struct tcp_conn *conn)
{
	return stack_now_ms(conn->stack) + conn->ts_offset;
}

/* The window field, and what it promises. */
static uint16_t window_advertise(struct tcp_conn *conn)
{
	uint16_t field = (uint16_t)RTE_MIN(
		rx_window(conn) >> conn->rcv_wscale, (uint32_t)UINT16_MAX);

	conn->rcv_adv = seq_max(
		conn->rcv_adv, conn->rcv_nxt + ((uint32_t)field << conn->rcv_wscale));
	return field;
}

void conn_segment_start(struct tcp_conn *conn, struct segment_out *out)
{
	out->local = &conn->local;
	out->remote = &conn->remote;
	out->local_port_be = conn->local_port_be;
	out->remote_port_be = conn->remote_port_be;
	out->seq = conn->snd_nxt;
	out->ack = conn->rcv_nxt;
	out->window = window_advertise(conn);
	out->flags = RTE_TCP_ACK_FLAG;
	if (conn->flags & CONN_ECN_ECHO)
		out->flags |= RTE_TCP_ECE_FLAG;
	out->ecn = 0;
	out->options_len = 0;
	if (conn->flags & CONN_HAS_TS)
		out->options_len = (uint8_t)options_put_ts(
			out->options, conn_timestamp(conn), conn->ts_recent);
	conn->last_ack_sent = conn->rcv_nxt;
	conn->flags &= ~(uint32_t)(CONN_ACK_NOW | CONN_ACK_LATER);
	conn->ack_at_us = UINT64_MAX;
}

/* SACK blocks, as many as the option space and room bytes allow; a DSACK goes first (RFC 2883). */
static __rte_noinline void sack_put(struct tcp_conn *conn, struct segment_out *out, uint32_t room)
{
	struct sack_block blocks[SACK_BLOCKS_MAX];
	uint32_t space = RTE_MIN((uint32_t)OPTIONS_MAX - out->options_len, room);
	unsigned max = space < 12 ? 0 : RTE_MIN((space - 4) / 8, (unsigned)SACK_BLOCKS_MAX);
	unsigned count = 0;

	if (max == 0)
		return;
	if (conn->flags & CONN_DSACK_PENDING)
		blocks[count++] = conn->dsack;
	conn->flags &= ~(uint32_t)CONN_DSACK_PENDING;
	count += ooo_blocks(conn, blocks + count, max - count);
	out->options_len = (uint8_t)(out->options_len +
		options_put_sack(out->options + out->options_len, blocks, count));
}

static bool has_sack_news(const struct tcp_conn *conn)
{
	return conn->flags & CONN_HAS_SACK &&
		(conn->ooo_head != NULL || conn->flags & CONN_DSACK_PENDING);
}

/* The unit's payload behind the headers: copied when short, else referred to. */
static bool payload_put(struct tcp_stack *stack, struct rte_mbuf *packet, struct rte_mbuf *m)
{
	const struct tx_unit *unit = unit_of(m);
	struct rte_mbuf *clone;

	if (unit->len <= COPY_BYTES) {
		rte_memcpy(rte_pktmbuf_append(packet, unit->len), unit_payload(m), unit->len);
		return true;
	}
	clone = stack_mbuf(stack);
	if (clone == NULL)
		return false;
	rte_pktmbuf_attach(clone, m);
	clone->data_off = unit->data_off;
	clone->data_len = unit->len;
	packet->next = clone;
	packet->nb_segs = 2;
	packet->pkt_len += unit->len;
	return true;
}

/* Somebody still holds what was sent before: headers of its own, and the payload by reference. */
static __rte_noinline struct rte_mbuf *packet_apart(
	struct tcp_stack *stack, const struct segment_out *out, struct rte_mbuf *m)
{
	struct rte_mbuf *packet = segment_make(stack, out, unit_of(m)->len);

	if (packet != NULL && unit_of(m)->len > 0 && !payload_put(stack, packet, m)) {
		rte_pktmbuf_free(packet);
		return NULL;
	}
	return packet;
}

/* The unit as a packet, mostly the unit's own mbuf; NULL: no mbuf. */
static struct rte_mbuf *packet_of_unit(
	struct tcp_stack *stack, const struct segment_out *out, struct rte_mbuf *m)
{
	const struct tx_unit *unit = unit_of(m);

	if (rte_mbuf_refcnt_read(m) > 1 || !segment_wrap(m, out, unit->data_off, unit->len))
		return packet_apart(stack, out, m);
	rte_mbuf_refcnt_set(m, 2);
	return m;
}

/* First transmission: the unit moves from the unsent to the sent part of the queue. */
static void unit_first_sent(struct tcp_conn *conn, struct tx_unit *unit)
{
	struct tcp_stack *stack = conn->stack;

	if (conn->snd_una == conn->snd_nxt) {
		conn->rto_base_us = stack->now_us;
		conn->heard_ms = stack_now_ms(stack);
	}
	conn->tx_unsent = unit->next;
	conn->unsent_bytes -= unit->len;
	conn->snd_nxt = unit_end(unit);
	stack->counters.bytes_out += unit->len;
	if (!(unit->flags & UNIT_FIN))
		return;
	if (conn->state == CONN_ESTABLISHED)
		conn_set_state(conn, CONN_FIN_WAIT_1);
	else if (conn->state == CONN_CLOSE_WAIT)
		conn_set_state(conn, CONN_LAST_ACK);
}

void conn_unit_sent(struct tcp_conn *conn, struct tx_unit *unit)
{
	struct tcp_stack *stack = conn->stack;

	if (unit->sends == 0) {
		unit_first_sent(conn, unit);
	} else {
		conn->retransmissions++;
		undo_note_resent(conn);
		stack->counters.retransmits++;
		tx_unit_unlost(conn, unit);
		tx_unit_leave_flight(conn, unit);
	}
	if (unit->sends < UINT8_MAX)
		unit->sends++;
	unit->sent_us = stack->now_us;
	unit->flags |= UNIT_IN_FLIGHT;
	conn->flight += unit_span(unit);
	conn->last_send_ms = stack_now_ms(stack);
	if (conn->recovery == RECOVERY_FAST || conn->recovery == RECOVERY_CWR)
		conn->prr_out += unit_span(unit);
}

/* New data may be marked on its way, what repeats it not (RFC 3168 6.1.5). */
static void ecn_put(struct tcp_conn *conn, struct segment_out *out, const struct tx_unit *unit)
{
	if (unit->sends > 0 || unit->len == 0)
		return;
	out->ecn = ECN_ECT_0;
	if (conn->flags & CONN_ECN_CWR)
		out->flags |= RTE_TCP_CWR_FLAG;
	conn->flags &= ~(uint32_t)CONN_ECN_CWR;
}

/* The marks of the unit are still those that had it sent. */
static __rte_noinline void unit_trace(
	struct tcp_conn *conn, const struct segment_out *out, const struct tx_unit *unit)
{
	enum trace_cause cause = conn->flags & CONN_HAS_SACK ? TRACE_RACK : TRACE_DUPACK;

	if (unit->sends == 0) {
		tracer_out(conn, out, unit->len);
		return;
	}
	if (!(unit->flags & UNIT_LOST))
		cause = TRACE_TLP;
	else if (conn->recovery == RECOVERY_RTO)
		cause = TRACE_RTO;
	tracer_resent(conn, out, unit->len, cause);
}

/* A segment without payload. False: no mbuf. */
static bool bare_send(struct tcp_conn *conn, const struct segment_out *out)
{
	if (!segment_send(conn->stack, out))
		return false;
	if (conn_is_traced(conn))
		tracer_out(conn, out, 0);
	return true;
}

bool conn_transmit(struct tcp_conn *conn, struct rte_mbuf *m)
{
	struct tcp_stack *stack = conn->stack;
	struct tx_unit *unit = unit_of(m);
	struct segment_out out;
	struct rte_mbuf *packet;

	conn_segment_start(conn, &out);
	out.seq = unit->seq;
	if (has_sack_news(conn))
		sack_put(conn, &out, conn->mss - RTE_MIN(unit->len, conn->mss));
	if (unit->next == NULL && unit->len > 0)
		out.flags |= RTE_TCP_PSH_FLAG;
	if (unit->flags & UNIT_FIN)
		out.flags |= RTE_TCP_FIN_FLAG;
	if (conn->flags & CONN_HAS_ECN)
		ecn_put(conn, &out, unit);
	packet = packet_of_unit(stack, &out, m);
	if (packet == NULL) {
		stack->counters.memory_drops++;
		conn->flags |= CONN_ACK_NOW;
		return false;
	}
	if (conn_is_traced(conn))
		unit_trace(conn, &out, unit);
	conn_unit_sent(conn, unit);
	segment_emit(stack, packet);
	return true;
}

/* Sends what was marked lost, as far as the congestion window goes. False: no mbuf. */
static __rte_noinline bool lost_send(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->tx_head;

	for (; m != conn->tx_unsent && conn->lost_bytes > 0; m = unit_of(m)->next) {
		struct tx_unit *unit = unit_of(m);
		uint32_t pipe = recovery_pipe(conn);

		if (!(unit->flags & UNIT_LOST))
			continue;
		if (unit->len > conn->mss) {
			if (conn->flags & CONN_MTU_PROBING)
				mtu_probe_fail(conn);
			if (!tx_split(conn, m, conn->mss))
				return false;
		}
		if (pipe > 0 && pipe + unit_span(unit) > conn->cc.cwnd)
			break;
		if (!conn_transmit(conn, m))
			return false;
	}
	return true;
}

/* May this unsent unit leave as it is, or be cut so that it may? Sender's SWS avoidance
 * (RFC 9293 3.8.6.2.1): a part is worth sending when it is half of the largest window seen. */
static bool window_fit(struct tcp_conn *conn, struct rte_mbuf *m)
{
	struct tx_unit *unit = unit_of(m);
	int32_t usable = (int32_t)(conn->snd_una + conn->snd_wnd - unit->seq);

	if (usable <= 0)
		return false;
	if (unit->len <= (uint32_t)usable)
		return true;
	if ((uint32_t)usable < conn->snd_wnd_max / 2 && !(conn->flags & CONN_CAN_OVERRIDE))
		return false;
	conn->flags &= ~(uint32_t)CONN_CAN_OVERRIDE;
	return tx_split(conn, m, (uint16_t)usable);
}

/* Nagle (RFC 9293 3.7.4): a short tail waits for the acknowledgment of what is on its way. */
static bool is_held_back(const struct tcp_conn *conn, const struct tx_unit *unit)
{
	return conn->flags & CONN_NAGLE && unit->len < conn->mss && unit->next == NULL &&
		!(unit->flags & UNIT_FIN) && conn->snd_una != conn->snd_nxt;
}

/* As far as the windows, the pace and Nagle allow. */
static bool units_take(struct tcp_conn *conn, struct train *train)
{
	bool is_paced = conn->stack->params.pacing && conn->srtt_us != 0;

	while (conn->tx_unsent != NULL) {
		struct rte_mbuf *m = conn->tx_unsent;
		uint32_t pipe = recovery_pipe(conn);

		if (unit_of(m)->len > conn->mss && !tx_split(conn, m, conn->mss))
			return false;
		if (!window_fit(conn, m))
			break;
		if (pipe > 0 && pipe + unit_span(unit_of(m)) > conn->cc.cwnd) {
			conn->flags |= CONN_CWND_LIMITED;
			break;
		}
		if (is_held_back(conn, unit_of(m)) || (is_paced && !pace_allows(conn)))
			break;
		if (!train_take(conn, train, m))
			return false;
		if (is_paced)
			pace_charge(conn, unit_of(m)->len);
	}
	return true;
}

static bool new_send(struct tcp_conn *conn)
{
	struct train train = { .first = NULL };
	bool had_memory;

	if (conn->flags & CONN_MTU_SEARCH && conn->tx_unsent != NULL && !mtu_probe_try(conn))
		return false;
	had_memory = units_take(conn, &train);
	train_leave(conn, &train);
	return had_memory;
}

/* RFC 5681 4.1: after a pause longer than the RTO the window that was learned is stale. */
static void idle_restart(struct tcp_conn *conn)
{
	uint32_t idle_ms = stack_now_ms(conn->stack) - conn->last_send_ms;

	if (idle_ms <= conn->rto_us / CLOCK_US_PER_MS)
		return;
	conn->cc.cwnd = RTE_MIN(conn->cc.cwnd, cc_initial_window(conn->mss));
	conn->stack->cc->on_idle(&conn->cc);
}

void conn_output(struct tcp_conn *conn)
{
	bool had_memory = true;
	uint64_t sent_before = conn->stack->counters.segments_out;

	if (conn->state < CONN_ESTABLISHED)
		return;
	if ((conn->flags & (CONN_FIN_WANTED | CONN_FIN_QUEUED)) == CONN_FIN_WANTED)
		had_memory = tx_queue_fin(conn);
	if (conn->tx_head != NULL) {
		conn->flags &= ~(uint32_t)CONN_CWND_LIMITED;
		if (conn->flight == 0 && conn->recovery == RECOVERY_NONE)
			idle_restart(conn);
		if (conn->lost_bytes > 0)
			had_memory = lost_send(conn);
		if (had_memory)
			had_memory = new_send(conn);
		if (conn->loss_timer != LOSS_REORDER &&
			(conn->stack->counters.segments_out != sent_before ||
				conn->loss_timer == LOSS_NONE))
			conn_loss_timer_rearm(conn);
	}
	if (conn->flags & CONN_ACK_NOW)
		conn_send_ack(conn);
	if (conn->flags & CONN_WANTS_WRITE && conn->tx_head == NULL) {
		/* It was memory that lacked: no acknowledgment will wake the writer. */
		if (stack_has_memory(conn->stack))
			conn_writable_check(conn);
		else
			had_memory = false;
	}
	if (!had_memory)
		conn_want_output(conn);
	if (conn_is_traced(conn))
		tracer_look(conn);
	conn_timer_update(conn);
}

void conn_send_ack(struct tcp_conn *conn)
{
	struct segment_out out;

	conn_segment_start(conn, &out);
	if (has_sack_news(conn))
		sack_put(conn, &out, OPTIONS_MAX);
	if (!bare_send(conn, &out))
		conn_delay_ack(conn);
}

void conn_send_challenge(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	uint32_t now_ms = stack_now_ms(stack);

	if ((conn->last_challenge_ms != 0 && now_ms - conn->last_challenge_ms < CHALLENGE_MS) ||
		!limiter_take(stack, &stack->challenges, STACK_CHALLENGES_PPS)) {
		stack->counters.challenge_acks_limited++;
		return;
	}
	conn->last_challenge_ms = now_ms != 0 ? now_ms : 1;
	stack->counters.challenge_acks++;
	conn_send_ack(conn);
}

void conn_send_reset(struct tcp_conn *conn)
{
	struct segment_out out;

	if (conn->state == CONN_SYN_SENT)
		return;
	conn_segment_start(conn, &out);
	out.flags |= RTE_TCP_RST_FLAG;
	if (bare_send(conn, &out))
		conn->stack->counters.resets_out++;
}

/* Repeats a number that the peer has, so that nothing of the queue is cut and the peer has to
 * answer with its window. */
void conn_send_probe(struct tcp_conn *conn, uint32_t seq)
{
	struct segment_out out;

	conn_segment_start(conn, &out);
	out.seq = seq;
	bare_send(conn, &out);
}

void conn_send_syn(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	bool is_answer = conn->state == CONN_SYN_RECEIVED;
	struct options options = {
		.present = OPTION_MSS | OPTION_WSCALE | OPTION_SACK_OK | OPTION_TS,
		.mss = stack_path_mss(stack, &conn->remote),
		.wscale = stack->rcv_wscale,
		.tsval = conn_timestamp(conn),
		.tsecr = conn->ts_recent,
	};
	struct segment_out out;

	conn_segment_start(conn, &out);
	if (is_answer) {
		if (!(conn->flags & CONN_HAS_TS))
			options.present &= (uint8_t)~OPTION_TS;
		if (!(conn->flags & CONN_HAS_SACK))
			options.present &= (uint8_t)~OPTION_SACK_OK;
		if (conn->rcv_wscale == 0 && conn->snd_wscale == 0)
			options.present &= (uint8_t)~OPTION_WSCALE;
	} else {
		out.ack = 0;
	}
	out.seq = conn->iss;
	out.flags = is_answer ? RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG : RTE_TCP_SYN_FLAG;
	/* A SYN that is lost may have been lost for these bits (RFC 3168 6.1.1.1). */
	if (!is_answer && stack->params.ecn == TCP_ECN_REQUEST && !(conn->flags & CONN_SYN_RESENT))
		out.flags |= RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG;
	out.window = (uint16_t)RTE_MIN(stack->params.receive_window, (uint32_t)UINT16_MAX);
	out.options_len = (uint8_t)options_put_syn(out.options, &options);
	if (!segment_send(stack, &out) || !conn_is_traced(conn))
		return;
	if (conn->flags & CONN_SYN_RESENT)
		tracer_resent(conn, &out, 0, TRACE_SYN);
	else
		tracer_out(conn, &out, 0);
}
