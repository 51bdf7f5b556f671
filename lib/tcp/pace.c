/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/* New data leaves at a multiple of the window per round trip, in steps of the wheel's tick: twice
 * in slow start, that the window can double, else a quarter more (as RFC 9002 7.7 advises). */

bool pace_allows(struct tcp_conn *conn)
{
	if (conn->pace_at_us <= conn->stack->now_us + PACE_TICK_US)
		return true;
	conn->waits_for_pace = true;
	/* It is the window that sets the pace: when it is well used it may grow. */
	if (recovery_pipe(conn) >= conn->cc.cwnd / 2)
		conn->flags |= CONN_CWND_LIMITED;
	return false;
}

void pace_charge(struct tcp_conn *conn, uint32_t len)
{
	uint32_t quarters = conn->cc.cwnd < conn->cc.ssthresh ? 8 : 5;
	uint64_t gap_us = (uint64_t)len * conn->srtt_us * 4 / ((uint64_t)conn->cc.cwnd * quarters);

	conn->pace_at_us = RTE_MAX(conn->pace_at_us, conn->stack->now_us) + gap_us;
}
