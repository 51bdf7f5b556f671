/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

/*
 * A recovery is needless when what counted as lost was only late, or when only acknowledgments
 * were lost. Three signs tell: an acknowledgment that echoes a timestamp older than the first
 * retransmission (Eifel, RFC 3522), one for data that an RTO took for lost and that was not yet
 * sent again (F-RTO, RFC 5682 3.1), and duplicates reported for all that was sent again (DSACK,
 * RFC 3708). The answer is that of RFC 4015: the window is put back.
 */

void undo_begin(struct tcp_conn *conn)
{
	bool has_probe = conn->tlp_end != 0 && conn->flags & CONN_TLP_RETRANS;

	conn->undo_cwnd = conn->cc.cwnd;
	conn->undo_ssthresh = conn->cc.ssthresh;
	/* The duplicate of a tail probe may be reported in this episode. */
	conn->undo_left = has_probe ? 1 : 0;
	conn->flags = (conn->flags & ~(uint32_t)CONN_UNDO_STAMPED) | CONN_CAN_UNDO;
}

void undo_note_resent(struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_CAN_UNDO))
		return;
	if (!(conn->flags & CONN_UNDO_STAMPED)) {
		conn->flags |= CONN_UNDO_STAMPED;
		conn->undo_ts = conn_timestamp(conn);
	}
	if (conn->undo_left < UINT16_MAX)
		conn->undo_left++;
}

/* What was marked and not sent again is on its way after all. */
static void units_unmark(struct tcp_conn *conn)
{
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next) {
		struct tx_unit *unit = unit_of(m);

		if (!(unit->flags & UNIT_LOST))
			continue;
		tx_unit_unlost(conn, unit);
		unit->flags |= UNIT_IN_FLIGHT;
		conn->flight += unit_span(unit);
	}
}

static void undo_apply(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (conn_is_traced(conn))
		tracer_note(conn, TCP_TRACE_UNDO, conn->recovery);
	if (conn->recovery == RECOVERY_RTO)
		stack->counters.spurious_timeouts++;
	else
		stack->counters.spurious_recoveries++;
	conn->flags &= ~(uint32_t)CONN_CAN_UNDO;
	conn->cc.cwnd = RTE_MAX(conn->cc.cwnd, conn->undo_cwnd);
	conn->cc.ssthresh = RTE_MAX(conn->cc.ssthresh, conn->undo_ssthresh);
	stack->cc->on_undo(&conn->cc);
	if (recovery_is_for_loss(conn)) {
		units_unmark(conn);
		conn->recovery = RECOVERY_NONE;
		conn->dup_bytes = 0;
		conn->dupacks = 0;
	}
	conn_want_output(conn);
}

/* The reported range lies in what was outstanding when the episode began. */
static bool is_of_episode(const struct tcp_conn *conn, uint32_t dsack_end)
{
	return seq_gt(dsack_end, conn->recover - conn->prr_flight) &&
		seq_le(dsack_end, conn->recover);
}

void undo_on_ack(struct tcp_conn *conn, const struct segment *seg, const struct ack_news *news)
{
	bool is_spurious = false;

	if (!(conn->flags & CONN_CAN_UNDO))
		return;
	if (recovery_is_for_loss(conn) && news->acked > 0 && conn->flags & CONN_HAS_TS &&
		conn->flags & CONN_UNDO_STAMPED)
		is_spurious = seq_lt(seg->options.tsecr, conn->undo_ts);
	if (conn->recovery == RECOVERY_RTO && news->has_original && conn->flags & CONN_HAS_SACK)
		/* All of it at once may be the retransmission's work: RFC 5682 3.1, step 2a. */
		is_spurious = is_spurious || seq_lt(conn->snd_una, conn->recover);
	if (news->is_dsack && conn->undo_left > 0 && is_of_episode(conn, news->dsack_end))
		is_spurious = --conn->undo_left == 0 || is_spurious;
	if (is_spurious)
		undo_apply(conn);
}
