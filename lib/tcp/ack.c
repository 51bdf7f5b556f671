/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

static void head_free(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->tx_head;

	conn->tx_head = unit_of(m)->next;
	if (conn->tx_head == NULL)
		conn->tx_tail = NULL;
	conn->tx_units--;
	conn->stack->held[HELD_TX]--;
	rte_pktmbuf_free_seg(m);
}

/* The first gone bytes of a unit are acknowledged. */
static void unit_shorten(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t gone)
{
	struct tx_unit *unit = unit_of(m);

	if (unit->flags & UNIT_IN_FLIGHT)
		conn->flight -= gone;
	if (unit->flags & UNIT_LOST)
		conn->lost_bytes -= gone;
	if (unit->flags & UNIT_SACKED)
		conn->sacked_bytes -= gone;
	unit->seq += gone;
	unit->len = (uint16_t)(unit->len - gone);
	conn->tx_bytes -= gone;
	unit->data_off = (uint16_t)(unit->data_off + gone);
}

/* A whole unit is acknowledged. */
static void unit_acked(struct tcp_conn *conn, struct tx_unit *unit, const struct segment *seg,
	struct ack_news *news)
{
	if (unit->flags & UNIT_SACKED) {
		conn->sacked_bytes -= unit_span(unit);
	} else {
		news->delivered += unit_span(unit);
		news->has_original |= unit->flags & UNIT_LOST && unit->sends == 1;
		rack_update(conn, unit, seg);
		/* Karn: what was sent twice gives no sample, and nor does what came with it: it
		 * may have waited at the peer for the hole to be filled. */
		if (unit->sends > 1)
			news->is_ambiguous = true;
		else
			news->rtt_us = (uint32_t)RTE_MAX(conn->stack->now_us - unit->sent_us, 1u);
	}
	tx_unit_leave_flight(conn, unit);
	tx_unit_unlost(conn, unit);
	conn->tx_bytes -= unit->len;
	conn->bytes_acked += unit->len;
	if (unit->flags & UNIT_FIN)
		conn->flags |= CONN_FIN_ACKED;
}

static void queue_acked(struct tcp_conn *conn, const struct segment *seg, struct ack_news *news)
{
	while (conn->tx_head != conn->tx_unsent) {
		struct tx_unit *unit = unit_of(conn->tx_head);

		if (seq_gt(unit_end(unit), seg->ack)) {
			if (seq_lt(unit->seq, seg->ack)) {
				uint16_t gone = (uint16_t)(seg->ack - unit->seq);

				conn->bytes_acked += gone;
				news->delivered += unit->flags & UNIT_SACKED ? 0 : gone;
				unit_shorten(conn, conn->tx_head, gone);
			}
			break;
		}
		unit_acked(conn, unit, seg, news);
		head_free(conn);
	}
}

/* RFC 8985 7.4: did the tail probe repair a loss that nothing else would show? */
static void tlp_check(struct tcp_conn *conn, const struct segment *seg, const struct ack_news *news)
{
	if (seq_lt(seg->ack, conn->tlp_end))
		return;
	if (!(conn->flags & CONN_TLP_RETRANS) || news->is_dsack) {
		conn->tlp_end = 0;
	} else if (seq_gt(seg->ack, conn->tlp_end)) {
		struct tcp_stack *stack = conn->stack;

		conn->tlp_end = 0;
		if (conn->recovery != RECOVERY_NONE)
			return;
		stack->counters.tail_losses++;
		/* Little is left in flight by now: the window says what it was. */
		stack->cc->on_loss(&conn->cc, conn->cc.cwnd, stack->now_us);
		conn->cc.cwnd = RTE_MIN(conn->cc.cwnd, conn->cc.ssthresh);
	} else if (news->is_duplicate && seg->options.sack_count == 0) {
		conn->tlp_end = 0;
	}
}

static void advance(struct tcp_conn *conn, const struct segment *seg, struct ack_news *news)
{
	news->acked = seg->ack - conn->snd_una;
	queue_acked(conn, seg, news);
	conn->snd_una = seg->ack;
	if (conn->flags & CONN_MTU_PROBING)
		mtu_on_ack(conn);
	conn->backoff = 0;
	conn->rto_base_us = conn->stack->now_us;
	if (news->is_ambiguous)
		news->rtt_us = 0;
	if (news->rtt_us == 0 && conn->flags & CONN_HAS_TS)
		/* RFC 7323 4: the echo tells even after a retransmission. */
		news->rtt_us = (conn_timestamp(conn) - seg->options.tsecr) *
			(uint32_t)CLOCK_US_PER_MS;
	if (news->rtt_us != 0)
		rtt_sample(conn, news->rtt_us);
	conn_writable_check(conn);
	conn_want_output(conn);
}

/* RFC 9293 3.10.7.4: newer segments tell the window. */
static void window_update(struct tcp_conn *conn, const struct segment *seg, uint32_t window)
{
	if (!seq_lt(conn->snd_wl1, seg->seq) &&
		!(conn->snd_wl1 == seg->seq && seq_le(conn->snd_wl2, seg->ack)))
		return;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
	if (window == conn->snd_wnd)
		return;
	if (window > conn->snd_wnd && conn->tx_unsent != NULL) {
		if (conn->loss_timer == LOSS_PERSIST) {
			conn->backoff = 0;
			conn_loss_timer_set(conn, LOSS_NONE, UINT64_MAX);
		}
		conn_want_output(conn);
	}
	conn->snd_wnd = window;
	conn->snd_wnd_max = RTE_MAX(conn->snd_wnd_max, window);
	if (conn_is_traced(conn))
		tracer_note(conn, TCP_TRACE_WINDOW, 0);
}

/* Loss detection and the congestion window: only when there is something to judge. */
static void losses_judge(struct tcp_conn *conn, const struct ack_news *news)
{
	if (conn->sacked_bytes > 0 || conn->recovery != RECOVERY_NONE || news->has_sacked)
		rack_detect(conn);
	recovery_on_ack(conn, news);
	if (conn->lost_bytes > 0 || news->is_duplicate || news->has_sacked)
		conn_want_output(conn);
}

bool ack_receive(struct tcp_conn *conn, const struct segment *seg)
{
	uint32_t window = (uint32_t)seg->window << conn->snd_wscale;
	struct ack_news news = { 0 };
	bool has_outstanding = conn->snd_una != conn->snd_nxt;

	if (seq_gt(seg->ack, conn->snd_nxt)) {
		conn_send_challenge(conn);
		return false;
	}
	/* RFC 5961 5.2 */
	if (seq_lt(seg->ack, conn->snd_una - conn->snd_wnd_max)) {
		conn_send_challenge(conn);
		return false;
	}
	conn->heard_ms = stack_now_ms(conn->stack);
	if (seq_lt(seg->ack, conn->snd_una))
		return true;
	news.is_duplicate = has_outstanding && seg->ack == conn->snd_una && seg->payload_len == 0 &&
		!(seg->flags & RTE_TCP_FIN_FLAG) && window == conn->snd_wnd;
	if (seg->options.sack_count > 0 && conn->flags & CONN_HAS_SACK)
		sack_apply(conn, seg, &news);
	if (seg->ack != conn->snd_una)
		advance(conn, seg, &news);
	window_update(conn, seg, window);
	if (conn->flags & CONN_CAN_UNDO)
		undo_on_ack(conn, seg, &news);
	if (conn->flags & CONN_HAS_ECN && seg->flags & RTE_TCP_ECE_FLAG)
		recovery_enter_cwr(conn, news.acked);
	if (!has_outstanding)
		return true;
	if (conn->tlp_end != 0)
		tlp_check(conn, seg, &news);
	if (news.acked > 0)
		conn_loss_timer_rearm(conn);
	losses_judge(conn, &news);
	return true;
}
