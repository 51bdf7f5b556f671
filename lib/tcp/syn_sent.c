/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/* RFC 9293 3.10.7.3: our SYN is out. */

static void agree(struct tcp_conn *conn, const struct segment *seg)
{
	struct conn_start start = {
		.iss = conn->iss,
		.irs = seg->seq,
		.window = seg->window,
		.options = seg->options,
	};

	/* We offered everything: what the peer says is what was agreed. */
	conn_agree(conn, &start);
}

static void established(struct tcp_conn *conn, struct segment *seg)
{
	struct tcp_stack *stack = conn->stack;

	/* Both bits at once come from a peer that mirrors what it does not know. */
	if (stack->params.ecn == TCP_ECN_REQUEST && !(conn->flags & CONN_SYN_RESENT) &&
		(seg->flags & (RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG)) == RTE_TCP_ECE_FLAG)
		seg->options.present |= OPTION_ECN;
	agree(conn, seg);
	conn->snd_una = seg->ack;
	conn->snd_wl2 = seg->ack;
	if (conn->flags & CONN_HAS_TS)
		rtt_sample(conn,
			(conn_timestamp(conn) - seg->options.tsecr) * (uint32_t)CLOCK_US_PER_MS);
	else if (!(conn->flags & CONN_SYN_RESENT))
		rtt_sample(conn, (uint32_t)(stack->now_us - conn->rto_base_us));
	else
		conn->rto_us = 3 * CLOCK_US_PER_S; /* RFC 6298 5.7 */
	conn->backoff = 0;
	keepalive_start(conn);
	conn_loss_timer_set(conn, LOSS_NONE, UINT64_MAX);
	conn_set_state(conn, CONN_ESTABLISHED);
	stack->counters.connected++;
	conn->flags |= CONN_ACK_NOW;
	conn_want_output(conn);
	conn_raise(conn, EVENT_CONNECTED);
}

/* Both ends sent a SYN at once (RFC 9293 3.5). */
static void simultaneous_open(struct tcp_conn *conn, const struct segment *seg)
{
	agree(conn, seg);
	conn_set_state(conn, CONN_SYN_RECEIVED);
	conn_send_syn(conn);
}

void syn_sent_receive(struct tcp_conn *conn, struct segment *seg)
{
	struct tcp_stack *stack = conn->stack;

	if (seg->flags & RTE_TCP_ACK_FLAG && seg->ack != conn->snd_nxt) {
		reset_reply(stack, seg);
	} else if (seg->flags & RTE_TCP_RST_FLAG) {
		/* Only with our number: else anybody could end the attempt. */
		if (seg->flags & RTE_TCP_ACK_FLAG) {
			stack->counters.resets_in++;
			stack->counters.connect_failed++;
			conn_end(conn, TCP_CLOSED_RESET);
		}
	} else if (seg->flags & RTE_TCP_SYN_FLAG) {
		/* Data on it is not taken: its sender has to repeat it. */
		if (seg->flags & RTE_TCP_ACK_FLAG)
			established(conn, seg);
		else
			simultaneous_open(conn, seg);
	}
	stack_drop(stack, seg->m, DROP_consumed);
}
