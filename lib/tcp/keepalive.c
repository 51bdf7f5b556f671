/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

void keepalive_start(struct tcp_conn *conn)
{
	uint32_t idle_ms = conn->stack->params.keepalive_ms;

	conn->life_at_us = UINT64_MAX;
	if (idle_ms == 0)
		return;
	conn->life_at_us = conn->stack->now_us + idle_ms * CLOCK_US_PER_MS;
	conn_timer_update(conn);
}

/* Due after the idle time, however much was heard in between: arming anew for every segment would
 * cost more than this look. */
void keepalive_expire(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	const struct tcp_params *params = &stack->params;
	uint32_t silent_ms = stack_now_ms(stack) - conn->heard_ms;

	if (conn->tx_head != NULL) {
		/* The retransmission timer knows better. */
		keepalive_start(conn);
		return;
	}
	if (silent_ms < params->keepalive_ms) {
		conn->keepalive_sent = 0;
		conn->life_at_us = stack->now_us +
			(params->keepalive_ms - silent_ms) * CLOCK_US_PER_MS;
		return;
	}
	if (conn->keepalive_sent >= params->keepalive_count) {
		stack->counters.keepalive_ends++;
		conn_send_reset(conn);
		conn_end(conn, TCP_CLOSED_TIMEOUT);
		return;
	}
	conn->keepalive_sent++;
	stack->counters.keepalive_probes++;
	conn_send_probe(conn, conn->snd_nxt - 1);
	conn->life_at_us = stack->now_us + params->keepalive_interval_ms * CLOCK_US_PER_MS;
}
