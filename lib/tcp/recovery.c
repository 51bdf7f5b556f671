/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

uint32_t recovery_pipe(const struct tcp_conn *conn)
{
	return conn->flight - RTE_MIN(conn->flight, conn->dup_bytes);
}

/* RFC 6937: as much as leaves the path comes in, in proportion to where the window shall end. */
static void prr_apply(struct tcp_conn *conn, uint32_t delivered)
{
	struct cc *cc = &conn->cc;
	uint32_t pipe = recovery_pipe(conn);
	int64_t count;

	conn->prr_delivered += delivered;
	if (pipe > cc->ssthresh) {
		uint64_t share = (uint64_t)conn->prr_delivered * cc->ssthresh;

		count = (int64_t)((share + conn->prr_flight - 1) / conn->prr_flight) -
			conn->prr_out;
	} else {
		int64_t limit = (int64_t)conn->prr_delivered - conn->prr_out;

		limit = RTE_MAX(limit, (int64_t)delivered) + conn->mss;
		count = RTE_MIN((int64_t)(cc->ssthresh - pipe), limit);
	}
	/* The first retransmission leaves in any case. */
	if (conn->prr_out == 0)
		count = RTE_MAX(count, (int64_t)conn->mss);
	cc->cwnd = pipe + (uint32_t)RTE_MAX(count, 0);
}

static void prr_start(struct tcp_conn *conn, uint32_t flight)
{
	conn->recover = conn->snd_nxt;
	conn->prr_delivered = 0;
	conn->prr_out = 0;
	conn->prr_flight = RTE_MAX(flight, 1u);
}

/* RFC 5681's FlightSize, without what limited transmit added while the loss was being found out
 * (3.2, step 2): SACKed segments that new ones took the place of are not in use any more. */
static uint32_t flight_size(const struct tcp_conn *conn)
{
	return RTE_MIN(conn->snd_nxt - conn->snd_una, conn->cc.cwnd);
}

void recovery_enter_fast(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	/* A window that falls for ECN falls no further in this round trip (RFC 3168 6.1.2). */
	if (conn->recovery != RECOVERY_CWR) {
		undo_begin(conn);
		stack->cc->on_loss(&conn->cc, flight_size(conn), stack->now_us);
	}
	conn->flags |= CONN_ECN_CWR;
	conn->recovery = RECOVERY_FAST;
	prr_start(conn, conn->snd_nxt - conn->snd_una);
	conn->rto_base_us = stack->now_us;
	conn->tlp_end = 0;
	stack->counters.fast_retransmits++;
}

void recovery_enter_cwr(struct tcp_conn *conn, uint32_t acked)
{
	struct tcp_stack *stack = conn->stack;
	uint32_t flight = conn->snd_nxt - conn->snd_una;

	if (conn->recovery != RECOVERY_NONE || seq_le(conn->snd_una, conn->recover))
		return;
	stack->counters.ecn_reductions++;
	stack->cc->on_loss(&conn->cc, flight + acked, stack->now_us);
	conn->flags = (conn->flags & ~(uint32_t)CONN_CAN_UNDO) | CONN_ECN_CWR;
	prr_start(conn, flight);
	if (flight > 0)
		conn->recovery = RECOVERY_CWR;
	else
		conn->cc.cwnd = RTE_MIN(conn->cc.cwnd, conn->cc.ssthresh);
}

static void recovery_leave(struct tcp_conn *conn)
{
	if (recovery_is_for_loss(conn))
		rack_on_recovered(conn);
	if (conn->recovery == RECOVERY_CWR)
		conn->cc.cwnd = conn->cc.ssthresh;
	if (conn->recovery == RECOVERY_FAST)
		conn->cc.cwnd = RTE_MAX(
			RTE_MIN(conn->cc.ssthresh, conn->flight + conn->mss), 2u * conn->mss);
	conn->recovery = RECOVERY_NONE;
	conn->dup_bytes = 0;
	conn->dupacks = 0;
}

/* Without SACK duplicate ACKs are counted (RFC 6582); each says that one segment has arrived. */
static void dupack_count(struct tcp_conn *conn, struct ack_news *news)
{
	if (news->acked > 0) {
		uint32_t gone = news->acked > conn->mss ? news->acked - conn->mss : 0;

		conn->dup_bytes -= RTE_MIN(conn->dup_bytes, gone);
		conn->dupacks = 0;
		if (conn->recovery == RECOVERY_FAST && seq_lt(conn->snd_una, conn->recover))
			/* A partial ACK names the next hole. */
			tx_unit_mark_lost(conn, unit_of(conn->tx_head));
		else if (!recovery_is_for_loss(conn))
			conn->dup_bytes = 0;
		return;
	}
	if (!news->is_duplicate || conn->recovery == RECOVERY_RTO)
		return;
	conn->dupacks = (uint8_t)RTE_MIN(conn->dupacks + 1, UINT8_MAX);
	conn->dup_bytes += conn->mss;
	news->delivered = conn->mss;
	if (conn->dupacks == 3 && !recovery_is_for_loss(conn) &&
		seq_gt(conn->snd_una, conn->recover))
		tx_unit_mark_lost(conn, unit_of(conn->tx_head));
}

void recovery_on_ack(struct tcp_conn *conn, const struct ack_news *news)
{
	struct tcp_stack *stack = conn->stack;
	struct ack_news told = *news;

	if (!(conn->flags & CONN_HAS_SACK))
		dupack_count(conn, &told);
	if (conn->recovery != RECOVERY_NONE && told.acked > 0 &&
		seq_ge(conn->snd_una, conn->recover))
		recovery_leave(conn);
	if (!recovery_is_for_loss(conn) && conn->lost_bytes > 0 &&
		!(conn->flags & CONN_MTU_PROBING && mtu_probe_is_lost(conn)))
		recovery_enter_fast(conn);
	if (conn->recovery == RECOVERY_FAST || conn->recovery == RECOVERY_CWR)
		prr_apply(conn, told.delivered);
	else if (told.acked > 0 &&
		(conn->recovery == RECOVERY_RTO || conn->flags & CONN_CWND_LIMITED))
		stack->cc->on_ack(&conn->cc, told.acked, conn->srtt_us, stack->now_us);
}

/* A receiver may give up what it SACKed (RFC 2018 8): then the first unit shows it, for a block
 * that reaches down to the cumulative ACK would have moved it. */
static void reneging_check(struct tcp_conn *conn)
{
	if (!(unit_of(conn->tx_head)->flags & UNIT_SACKED))
		return;
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next)
		unit_of(m)->flags &= (uint8_t)~UNIT_SACKED;
	conn->sacked_bytes = 0;
	conn->stack->counters.sack_reneges++;
}

/* RFC 5681 3.1 and RFC 6298 5.4: all that is not SACKed goes again, from one segment on. */
void recovery_enter_rto(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	/* Again for the same data: the threshold was lowered the first time. */
	if (conn->recovery != RECOVERY_RTO) {
		uint32_t flight = conn->snd_nxt - conn->snd_una;

		if (conn->recovery == RECOVERY_NONE)
			undo_begin(conn);
		else
			conn->flags &= ~(uint32_t)CONN_CAN_UNDO;
		conn->prr_flight = RTE_MAX(flight, 1u);
		stack->cc->on_loss(&conn->cc, flight, stack->now_us);
	}
	conn->flags |= CONN_ECN_CWR;
	conn->recovery = RECOVERY_RTO;
	conn->recover = conn->snd_nxt;
	conn->cc.cwnd = conn->mss;
	conn->dup_bytes = 0;
	conn->dupacks = 0;
	conn->tlp_end = 0;
	reneging_check(conn);
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next) {
		if (!(unit_of(m)->flags & UNIT_SACKED))
			tx_unit_mark_lost(conn, unit_of(m));
	}
}
