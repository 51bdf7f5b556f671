/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/*
 * The receive window follows what the application reads in a round trip: it is to be four times
 * that, so that it does not hold up a sender whose own window doubles meanwhile (dynamic
 * right-sizing, Fisk and Feng 2001). It moves in doublings between receive_window and
 * receive_window_max, one a round trip, and what is promised by it must fit a share of the budget.
 * Who reads slowly, or has a short path, keeps what all begin with. When memory is short it goes
 * back the same way; an edge that was given stays where it is (rx_window()).
 */
#define READS_PER_WINDOW 4
#define BUDGET_SHARE     4  /* of the free receive budget, for one connection at most */
#define COARSE_MS        4  /* shorter rounds are told apart by the smoothed round trip */
#define STEPS_MAX        15 /* the field's four bits */

uint32_t rx_window_limit(const struct tcp_conn *conn)
{
	const struct tcp_params *params = &conn->stack->params;

	return (uint32_t)RTE_MIN((uint64_t)params->receive_window << conn->window_steps,
		(uint64_t)params->receive_window_max);
}

static uint32_t bytes_read(const struct tcp_conn *conn)
{
	return (uint32_t)conn->bytes_in - conn->rx_bytes;
}

void rx_tune_start(struct tcp_conn *conn)
{
	conn->round_ts = conn_timestamp(conn);
	conn->round_bytes = bytes_read(conn);
}

/* The peer echoes what we sent in the tick in which the round began, or later; or so much time has
 * passed. */
static bool is_round_over(const struct tcp_conn *conn, const struct segment *seg)
{
	uint32_t spent_ms = conn_timestamp(conn) - conn->round_ts;

	if (conn->flags & CONN_HAS_TS)
		return spent_ms > 0 && seq_ge(seg->options.tsecr, conn->round_ts);
	return conn->srtt_us != 0 && spent_ms > conn->srtt_us / CLOCK_US_PER_MS + 1;
}

/* What was read in a round trip. A round lasts for some ticks of the clock of timestamps at least,
 * and a round trip may be much shorter. */
static uint64_t bytes_of_round(const struct tcp_conn *conn)
{
	uint64_t bytes = bytes_read(conn) - conn->round_bytes;
	uint32_t spent_ms = conn_timestamp(conn) - conn->round_ts;
	uint32_t spent_us = spent_ms * (uint32_t)CLOCK_US_PER_MS;

	if (spent_ms < COARSE_MS && conn->srtt_us != 0 && conn->srtt_us < spent_us)
		bytes = bytes * conn->srtt_us / spent_us;
	return bytes;
}

/* What this connection may promise, as the budget stands. */
static uint64_t share_bytes(const struct tcp_conn *conn)
{
	const struct tcp_stack *stack = conn->stack;
	uint32_t held = stack_held_received(stack);
	uint32_t left = held < stack->budget.receive_max ? stack->budget.receive_max - held : 0;

	return (uint64_t)left * conn->mss / BUDGET_SHARE;
}

static void window_adapt(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	uint32_t window = rx_window_limit(conn);

	if (stack_is_pressed(stack)) {
		if (conn->window_steps == 0)
			return;
		conn->window_steps--;
		stack->counters.windows_shrunk++;
	} else if (window < stack->params.receive_window_max && conn->window_steps < STEPS_MAX &&
		bytes_of_round(conn) * READS_PER_WINDOW > window &&
		2ull * window <= share_bytes(conn)) {
		conn->window_steps++;
		stack->counters.windows_grown++;
	}
}

void rx_tune(struct tcp_conn *conn, const struct segment *seg)
{
	if (conn->flags & CONN_FIN_SEEN || !is_round_over(conn, seg))
		return;
	window_adapt(conn);
	rx_tune_start(conn);
}
