/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_memcpy.h>

#include "stack.h"

static struct rte_mbuf *slice_chain(struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	struct rte_mbuf *last;

	while (offset >= m->data_len) {
		struct rte_mbuf *next = m->next;

		offset -= m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	m->data_off = (uint16_t)(m->data_off + offset);
	m->data_len = (uint16_t)(m->data_len - offset);
	last = m;
	m->pkt_len = len;
	m->nb_segs = 1;
	while (len > last->data_len) {
		len -= last->data_len;
		last = last->next;
		m->nb_segs++;
	}
	last->data_len = (uint16_t)len;
	rte_pktmbuf_free(last->next);
	last->next = NULL;
	return m;
}

struct rte_mbuf *payload_slice(struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	if (m->nb_segs > 1)
		return slice_chain(m, offset, len);
	m->data_off = (uint16_t)(m->data_off + offset);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

static bool can_coalesce(const struct tcp_conn *conn, const struct rte_mbuf *m)
{
	const struct rte_mbuf *tail = conn->rx_tail;

	return tail != NULL && m->nb_segs == 1 && m->data_len <= RX_COPY_BYTES &&
		rte_pktmbuf_tailroom(tail) >= m->data_len && RTE_MBUF_DIRECT(tail) &&
		rte_mbuf_refcnt_read(tail) == 1;
}

/* Small payloads move together, so that a peer cannot pin 2 KB with every byte. */
static bool coalesce(struct tcp_conn *conn, struct rte_mbuf *m)
{
	struct rte_mbuf *tail = conn->rx_tail;

	if (!can_coalesce(conn, m))
		return false;
	memcpy(rte_pktmbuf_mtod_offset(tail, char *, tail->data_len),
		rte_pktmbuf_mtod(m, const char *), m->data_len);
	tail->data_len = (uint16_t)(tail->data_len + m->data_len);
	rte_pktmbuf_free(m);
	return true;
}

bool rx_has_room(const struct tcp_conn *conn, const struct rte_mbuf *m)
{
	const struct tcp_stack *stack = conn->stack;
	uint32_t held = stack_held_received(stack) + m->nb_segs;

	if (held <= stack->budget.receive_max || can_coalesce(conn, m))
		return true;
	return conn->rx_head == NULL && held <= stack->budget.receive_max + stack->budget.reserve;
}

void rx_append(struct tcp_conn *conn, struct rte_mbuf *m)
{
	struct tcp_stack *stack = conn->stack;

	conn->rx_bytes += m->pkt_len;
	conn->bytes_in += m->pkt_len;
	stack->counters.bytes_in += m->pkt_len;
	if (coalesce(conn, m))
		return;
	stack->held[HELD_RECEIVE] += m->nb_segs;
	if (conn->rx_tail == NULL)
		conn->rx_head = m;
	else
		conn->rx_tail->next = m;
	while (m->next != NULL)
		m = m->next;
	conn->rx_tail = m;
}

/* The queue is a chain of single segments: counts of packets within it mean nothing. */
static struct rte_mbuf *head_take(struct tcp_conn *conn)
{
	struct rte_mbuf *head = conn->rx_head;

	conn->rx_head = head->next;
	if (conn->rx_head == NULL)
		conn->rx_tail = NULL;
	conn->stack->held[HELD_RECEIVE]--;
	return head;
}

struct rte_mbuf *rx_pop(struct tcp_conn *conn)
{
	conn->rx_bytes -= conn->rx_head->data_len;
	return head_take(conn);
}

void rx_take(struct tcp_conn *conn, size_t len)
{
	conn->rx_bytes -= (uint32_t)len;
	while (conn->rx_head != NULL && len >= conn->rx_head->data_len) {
		len -= conn->rx_head->data_len;
		rte_pktmbuf_free_seg(head_take(conn));
	}
	if (len > 0) {
		conn->rx_head->data_off = (uint16_t)(conn->rx_head->data_off + len);
		conn->rx_head->data_len = (uint16_t)(conn->rx_head->data_len - len);
	}
}

void rx_clear(struct tcp_conn *conn)
{
	while (conn->rx_head != NULL)
		rte_pktmbuf_free_seg(head_take(conn));
	conn->rx_bytes = 0;
}

static __rte_noinline uint32_t buffer_shrunk(uint32_t buffer, uint32_t held, uint32_t max)
{
	uint32_t left = held < max ? max - held : 0;

	return (uint32_t)((uint64_t)buffer * left / (max - max / 2));
}

/* Without window scaling the field's 16 bits are the limit. From half of the budget on all windows
 * shrink, down to two segments when it is spent. */
static uint32_t rx_buffer(const struct tcp_conn *conn)
{
	const struct tcp_stack *stack = conn->stack;
	uint32_t buffer = RTE_MIN(rx_window_limit(conn), (uint32_t)UINT16_MAX << conn->rcv_wscale);
	uint32_t max = stack->budget.receive_max;
	uint32_t held = stack_held_received(stack);

	if (held <= max / 2)
		return buffer;
	return RTE_MAX(buffer_shrunk(buffer, held, max), RTE_MIN(buffer, 2u * conn->mss));
}

/* What the peer may send from rcv_nxt on. An edge once given is never taken back, and it moves in
 * steps worth a segment (RFC 9293 3.8.6.2.2). */
uint32_t rx_window(const struct tcp_conn *conn)
{
	const struct tcp_stack *stack = conn->stack;
	uint32_t buffer = rx_buffer(conn);
	uint32_t given = conn->rcv_adv - conn->rcv_nxt;
	uint32_t room = conn->rx_bytes < buffer ? buffer - conn->rx_bytes : 0;

	if (stack->is_short_of_memory || room < given)
		return given;
	return room - given >= RTE_MIN(buffer / 2, (uint32_t)conn->mss) ? room : given;
}

bool rx_window_has_opened(const struct tcp_conn *conn)
{
	uint32_t buffer = rx_buffer(conn);
	uint32_t given = conn->rcv_adv - conn->rcv_nxt;

	return given < RTE_MAX(buffer / 8, 2u * conn->mss) &&
		rx_window(conn) - given >= RTE_MIN(buffer / 2, 2u * conn->mss);
}
