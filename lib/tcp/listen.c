/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/* The tuple of the segment's connection, seen from here. */
static struct conn_tuple tuple_of(const struct segment *seg)
{
	const struct packet *p = packet_of(seg->m);

	return (struct conn_tuple){
		.remote = &p->src,
		.local = &p->dst,
		.remote_port_be = p->src_port_be,
		.local_port_be = p->dst_port_be,
	};
}

static struct segment_out answer_to(const struct conn_tuple *tuple)
{
	return (struct segment_out){
		.local = tuple->local,
		.remote = tuple->remote,
		.local_port_be = tuple->local_port_be,
		.remote_port_be = tuple->remote_port_be,
	};
}

void reset_reply(struct tcp_stack *stack, const struct segment *seg)
{
	struct conn_tuple tuple = tuple_of(seg);
	struct segment_out out = answer_to(&tuple);

	if (seg->flags & RTE_TCP_RST_FLAG)
		return;
	if (!limiter_take(stack, &stack->resets, STACK_RESETS_PPS))
		return;
	if (seg->flags & RTE_TCP_ACK_FLAG) {
		out.seq = seg->ack;
		out.flags = RTE_TCP_RST_FLAG;
	} else {
		out.ack = segment_end(seg);
		out.flags = RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG;
	}
	if (segment_send(stack, &out))
		stack->counters.resets_out++;
}

void bare_ack_challenge(struct tcp_stack *stack, const struct bare_ack *ack)
{
	struct segment_out out = answer_to(ack->tuple);

	if (!limiter_take(stack, &stack->challenges, STACK_CHALLENGES_PPS)) {
		stack->counters.challenge_acks_limited++;
		return;
	}
	out.seq = ack->seq;
	out.ack = ack->ack;
	out.window = ack->window;
	out.flags = RTE_TCP_ACK_FLAG;
	if (ack->has_ts)
		out.options_len = (uint8_t)options_put_ts(out.options,
			stack_now_ms(stack) + stack_ts_offset(stack, ack->tuple), ack->ts_recent);
	if (segment_send(stack, &out))
		stack->counters.challenge_acks++;
}

/* RFC 3168 6.1.1 */
bool is_ecn_setup(const struct tcp_stack *stack, const struct segment *seg)
{
	return (seg->flags & (RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG)) ==
		(RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG) &&
		stack->params.ecn != TCP_ECN_OFF;
}

void listen_syn(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple,
	uint32_t min_iss)
{
	struct syn_entry *entry;

	if (objpool_used(stack->conns) >= stack->params.max_connections) {
		stack->counters.refused_limit++;
		stack_drop(stack, seg->m, DROP_tcp_limit);
		return;
	}
	if (stack_is_full(stack)) {
		stack->counters.refused_memory++;
		stack_drop(stack, seg->m, DROP_mbuf_exhausted);
		return;
	}
	entry = syncache_add(stack->syncache, tuple, conn_hash(stack, tuple), stack_now_ms(stack));
	if (entry == NULL) {
		cookie_send(stack, seg, tuple);
		stack_drop(stack, seg->m, DROP_consumed);
		return;
	}
	entry->irs = seg->seq;
	entry->iss = stack_isn(stack, tuple);
	if (min_iss != 0 && seq_lt(entry->iss, min_iss))
		entry->iss = min_iss;
	entry->present = seg->options.present;
	if (is_ecn_setup(stack, seg))
		entry->present |= OPTION_ECN;
	entry->peer_mss = seg->options.mss;
	entry->wscale = seg->options.wscale & 0xf;
	entry->ts_recent = seg->options.tsval;
	syncache_send(stack, entry);
	stack_drop(stack, seg->m, DROP_consumed);
}

void listen_establish(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple,
	const struct conn_start *start)
{
	struct tcp_conn *conn = conn_create(stack, tuple);

	if (conn == NULL) {
		reset_reply(stack, seg);
		stack_drop(stack, seg->m, DROP_tcp_limit);
		return;
	}
	conn->flags |= CONN_ACCEPTED;
	conn_agree(conn, start);
	conn->snd_una = conn->snd_nxt = start->iss + 1;
	conn->recover = start->iss;
	if (conn->flags & CONN_HAS_TS)
		rtt_sample(conn, (conn_timestamp(conn) - seg->options.tsecr) * 1000);
	/* The final ACK's window is scaled already, and taken as any other's. */
	conn->snd_wl1 = seg->seq - 1;
	conn_set_state(conn, CONN_ESTABLISHED);
	keepalive_start(conn);
	stack->counters.accepted++;
	conn_raise(conn, EVENT_ACCEPT);
	conn_receive(conn, seg);
}

/* An ACK where no connection is known may bring back a cookie. True: it did, seg->m is taken. */
static bool cookie_receive(
	struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple)
{
	struct conn_start start;

	if (stack->cookies_sent_us == 0 || seg->flags & (RTE_TCP_RST_FLAG | RTE_TCP_SYN_FLAG))
		return false;
	if (!cookie_check(stack, seg, tuple, &start)) {
		stack->counters.cookies_bad++;
		return false;
	}
	stack->counters.cookies_ok++;
	listen_establish(stack, seg, tuple, &start);
	return true;
}

/* RFC 9293 3.10.7.2, and 3.10.7.1 where nobody listens. */
void listen_receive(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple)
{
	const struct tcp_stack_ops *ops = stack->params.ops;

	if (!ops->is_listening(stack->params.ctx, tuple->local, tuple->local_port_be)) {
		reset_reply(stack, seg);
		stack_drop(stack, seg->m, DROP_tcp_no_listener);
		return;
	}
	if (seg->flags & RTE_TCP_ACK_FLAG) {
		if (cookie_receive(stack, seg, tuple))
			return;
		reset_reply(stack, seg);
	} else if ((seg->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG)) ==
		RTE_TCP_SYN_FLAG) {
		listen_syn(stack, seg, tuple, 0);
		return;
	}
	stack_drop(stack, seg->m, DROP_tcp_invalid);
}
