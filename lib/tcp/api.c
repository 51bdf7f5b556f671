/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

void tcp_set_handler(struct tcp_conn *conn, const struct tcp_handler *handler, void *ctx)
{
	conn->handler = handler;
	conn->handler_ctx = ctx;
}

unsigned tcp_peek(const struct tcp_conn *conn, struct tcp_span *spans, unsigned max)
{
	unsigned count = 0;

	for (struct rte_mbuf *m = conn->rx_head; m != NULL && count < max; m = m->next) {
		if (m->data_len == 0)
			continue;
		spans[count++] = (struct tcp_span){
			.data = rte_pktmbuf_mtod(m, const uint8_t *),
			.len = m->data_len,
		};
	}
	return count;
}

size_t tcp_readable(const struct tcp_conn *conn)
{
	return conn->rx_bytes;
}

/* Bytes were read: the window may open, or the last word be said. */
static void on_consumed(struct tcp_conn *conn)
{
	if (conn_is_dead(conn)) {
		if (conn->flags & CONN_FINISHED && conn->rx_bytes == 0 && conn->handler != NULL)
			conn_raise(conn, EVENT_CLOSED);
		return;
	}
	if (!(conn->flags & CONN_FIN_RECEIVED) && rx_window_has_opened(conn)) {
		conn->flags |= CONN_ACK_NOW;
		conn_want_output(conn);
	}
}

void tcp_consume(struct tcp_conn *conn, size_t len)
{
	rx_take(conn, RTE_MIN(len, (size_t)conn->rx_bytes));
	on_consumed(conn);
}

bool tcp_has_fin(const struct tcp_conn *conn)
{
	return conn->flags & CONN_FIN_RECEIVED;
}

bool tcp_is_eof(const struct tcp_conn *conn)
{
	return conn->flags & CONN_FIN_RECEIVED && conn->rx_bytes == 0;
}

size_t tcp_write(struct tcp_conn *conn, const void *data, size_t len)
{
	size_t taken;

	if (conn_is_dead(conn) || conn->flags & CONN_FIN_WANTED)
		return 0;
	taken = tx_write(conn, data, len);
	if (taken < len)
		conn->flags |= CONN_WANTS_WRITE;
	/* With nothing taken for want of memory, conn_output() says when there is some again. */
	if (len > 0)
		conn_want_output(conn);
	return taken;
}

/* The first buffer's bytes, len at most. Returns how many went. */
static size_t buffer_splice(struct tcp_conn *to, struct tcp_conn *from, size_t len)
{
	struct rte_mbuf *m = from->rx_head;
	size_t part = RTE_MIN(len, (size_t)m->data_len);

	if (part == m->data_len && tx_can_adopt(to, m, from->rx_bytes)) {
		tx_adopt(to, rx_pop(from));
		return part;
	}
	part = tx_write(to, rte_pktmbuf_mtod(m, const uint8_t *), part);
	rx_take(from, part);
	return part;
}

size_t tcp_splice(struct tcp_conn *to, struct tcp_conn *from, size_t len)
{
	size_t moved = 0;

	if (conn_is_dead(to) || to->flags & CONN_FIN_WANTED)
		return 0;
	len = RTE_MIN(len, (size_t)from->rx_bytes);
	while (moved < len) {
		size_t part = buffer_splice(to, from, len - moved);

		if (part == 0)
			break;
		moved += part;
	}
	if (moved < len)
		to->flags |= CONN_WANTS_WRITE;
	if (len > 0)
		conn_want_output(to);
	on_consumed(from);
	return moved;
}

size_t tcp_write_space(const struct tcp_conn *conn)
{
	uint32_t limit = conn->stack->params.send_buffer;

	if (conn_is_dead(conn) || conn->flags & CONN_FIN_WANTED)
		return 0;
	return conn->tx_bytes < limit ? limit - conn->tx_bytes : 0;
}

size_t tcp_unacked(const struct tcp_conn *conn)
{
	return conn->tx_bytes;
}

void tcp_shutdown(struct tcp_conn *conn)
{
	if (conn_is_dead(conn) || conn->flags & CONN_FIN_WANTED)
		return;
	conn->flags |= CONN_FIN_WANTED;
	conn_want_output(conn);
}

void tcp_close(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	conn->handler = NULL;
	if (conn_is_dead(conn)) {
		conn_bury(conn);
	} else if (conn->state == CONN_SYN_SENT) {
		conn_end(conn, TCP_CLOSED_ABORTED);
	} else if (conn->rx_bytes > 0) {
		conn_send_reset(conn);
		conn_end(conn, TCP_CLOSED_ABORTED);
	} else {
		conn->flags |= CONN_ORPHAN;
		if (conn->state == CONN_FIN_WAIT_2) {
			conn->life_at_us = stack->now_us +
				stack->params.time_wait_ms * CLOCK_US_PER_MS;
			conn_timer_update(conn);
		}
		tcp_shutdown(conn);
	}
}

void tcp_set_nagle(struct tcp_conn *conn, bool is_on)
{
	if (is_on) {
		conn->flags |= CONN_NAGLE;
		return;
	}
	conn->flags &= ~(uint32_t)CONN_NAGLE;
	if (!conn_is_dead(conn) && conn->tx_unsent != NULL)
		conn_want_output(conn);
}

void tcp_set_user_timeout(struct tcp_conn *conn, uint32_t seconds)
{
	conn->user_timeout_s = (uint16_t)RTE_MIN(seconds, (uint32_t)UINT16_MAX);
}

void tcp_abort(struct tcp_conn *conn)
{
	const struct tcp_handler *handler = conn->handler;

	conn->handler = NULL;
	if (!conn_is_dead(conn))
		conn_send_reset(conn);
	conn_end(conn, TCP_CLOSED_ABORTED);
	conn_bury(conn);
	if (handler != NULL && handler->on_closed != NULL)
		handler->on_closed(conn, conn->handler_ctx, TCP_CLOSED_ABORTED);
}

/* RFC 5927 4: only what quotes bytes that are on their way is believed. */
static bool is_in_flight(const struct tcp_conn *conn, uint32_t seq)
{
	return seq_ge(seq, conn->snd_una) && seq_lt(seq, conn->snd_nxt);
}

void tcp_icmp_error(struct tcp_stack *stack, const struct packet_tuple *quoted, uint32_t quoted_seq,
	bool is_too_big, uint16_t mtu, uint64_t now_us)
{
	struct conn_tuple tuple = {
		.remote = &quoted->dst,
		.local = &quoted->src,
		.remote_port_be = quoted->dst_port_be,
		.local_port_be = quoted->src_port_be,
	};
	struct tcp_conn *conn = conn_find(stack, &tuple, conn_hash(stack, &tuple));

	stack->now_us = now_us;
	if (conn == NULL || !is_in_flight(conn, quoted_seq)) {
		stack->counters.icmp_ignored++;
		return;
	}
	if (is_too_big) {
		if (conn->state >= CONN_ESTABLISHED)
			mtu_icmp_too_big(conn, mtu);
	} else if (conn->state == CONN_SYN_SENT) {
		stack->counters.connect_failed++;
		conn_end(conn, TCP_CLOSED_UNREACHABLE);
	}
}
