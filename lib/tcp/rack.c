/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/* RFC 8985 6.2: order of transmission, ties broken by sequence. */
static bool sent_after(uint64_t us1, uint32_t end1, uint64_t us2, uint32_t end2)
{
	return us1 > us2 || (us1 == us2 && seq_gt(end1, end2));
}

/* Step 2: is this the acknowledgment of an earlier transmission of the unit? */
static bool is_of_earlier_send(const struct tcp_conn *conn, const struct tx_unit *unit,
	const struct segment *seg, uint32_t rtt_us)
{
	if (unit->sends <= 1)
		return false;
	if (conn->flags & CONN_HAS_TS) {
		uint32_t sent_ts = (uint32_t)(unit->sent_us / CLOCK_US_PER_MS) + conn->ts_offset;

		if (seq_lt(seg->options.tsecr, sent_ts))
			return true;
	}
	return rtt_us < conn->min_rtt_us;
}

/* Steps 1 to 3, for every unit that is delivered now. */
void rack_update(struct tcp_conn *conn, const struct tx_unit *unit, const struct segment *seg)
{
	uint32_t rtt_us = (uint32_t)(conn->stack->now_us - unit->sent_us);
	uint32_t end = unit_end(unit);

	if (conn->rack_fack == 0 || seq_gt(end, conn->rack_fack))
		conn->rack_fack = end;
	else if (unit->sends == 1 && seq_lt(end, conn->rack_fack))
		conn->flags |= CONN_REORDERED;
	if (is_of_earlier_send(conn, unit, seg, rtt_us))
		return;
	conn->rack_rtt_us = rtt_us;
	if (sent_after(unit->sent_us, end, conn->rack_sent_us, conn->rack_end)) {
		conn->rack_sent_us = unit->sent_us;
		conn->rack_end = end;
	}
}

#define REO_RECOVERIES 16
#define REO_MULT_MAX   63 /* by then the cap of one SRTT rules */

/* A wider window once a recovery: RFC 8985 counts round trips with DSACKs, which within one are
 * few. */
void rack_on_dsack(struct tcp_conn *conn)
{
	if (conn->reo_persist == REO_RECOVERIES)
		return;
	conn->reo_persist = REO_RECOVERIES;
	if (conn->reo_mult < REO_MULT_MAX)
		conn->reo_mult++;
}

void rack_on_recovered(struct tcp_conn *conn)
{
	if (conn->reo_persist > 0 && --conn->reo_persist == 0)
		conn->reo_mult = 0;
}

/* Step 4: how much later than its successors a unit may arrive. */
static uint64_t reorder_window_us(const struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_REORDERED) &&
		(recovery_is_for_loss(conn) || conn->sacked_bytes >= 3u * conn->mss))
		return 0;
	return RTE_MIN(
		(uint64_t)conn->min_rtt_us / 4 * (1u + conn->reo_mult), (uint64_t)conn->srtt_us);
}

/* Step 5. Sets the reordering timer for units that may yet be only late. */
void rack_detect(struct tcp_conn *conn)
{
	uint64_t window_us = reorder_window_us(conn);
	uint64_t wait_until = 0;

	if (!(conn->flags & CONN_HAS_SACK) || conn->rack_sent_us == 0)
		return;
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next) {
		struct tx_unit *unit = unit_of(m);
		uint64_t due = unit->sent_us + conn->rack_rtt_us + window_us;

		if (!(unit->flags & UNIT_IN_FLIGHT) ||
			!sent_after(
				conn->rack_sent_us, conn->rack_end, unit->sent_us, unit_end(unit)))
			continue;
		if (due <= conn->stack->now_us)
			tx_unit_mark_lost(conn, unit);
		else
			wait_until = RTE_MAX(wait_until, due);
	}
	if (wait_until != 0)
		conn_loss_timer_set(conn, LOSS_REORDER, wait_until);
}
