/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>
#include <rte_memcpy.h>

#include "stack.h"

#define BYTES_PER_UNIT 256 /* of send buffer per unit: bounds what short pieces may pin */
#define UNITS_MIN      16
#define ADOPT_SEGMENTS 4u /* so many are ready: they go one by one, behind what may be short */

static uint32_t queue_end(const struct tcp_conn *conn)
{
	return conn->tx_tail != NULL ? unit_end(unit_of(conn->tx_tail)) : conn->snd_nxt;
}

/* The mbuf becomes a unit at the end of the queue. */
static void unit_put(struct tcp_conn *conn, struct rte_mbuf *m)
{
	*unit_of(m) = (struct tx_unit){
		.seq = queue_end(conn), .len = m->data_len, .data_off = m->data_off
	};
	if (conn->tx_tail == NULL)
		conn->tx_head = m;
	else
		unit_of(conn->tx_tail)->next = m;
	conn->tx_tail = m;
	if (conn->tx_unsent == NULL)
		conn->tx_unsent = m;
	conn->tx_units++;
	conn->stack->held[HELD_TX]++;
}

/* An empty unit; NULL: no mbuf. */
static struct rte_mbuf *unit_add(struct tcp_conn *conn)
{
	struct rte_mbuf *m = stack_mbuf(conn->stack);

	if (m != NULL)
		unit_put(conn, m);
	return m;
}

static bool has_unit_room(const struct tcp_conn *conn)
{
	return conn->tx_units < conn->stack->params.send_buffer / BYTES_PER_UNIT + UNITS_MIN;
}

/* Bytes that the tail unit can still take: only before it was first sent. */
static uint32_t tail_room(const struct tcp_conn *conn)
{
	struct tx_unit *unit;
	uint32_t room;

	if (conn->tx_unsent == NULL)
		return 0;
	unit = unit_of(conn->tx_tail);
	room = unit->len < conn->mss ? conn->mss - unit->len : 0;
	return RTE_MIN(room, (uint32_t)rte_pktmbuf_tailroom(conn->tx_tail));
}

size_t tx_write(struct tcp_conn *conn, const uint8_t *data, size_t len)
{
	size_t taken = 0;

	len = RTE_MIN(len, tcp_write_space(conn));
	while (taken < len) {
		uint32_t room = tail_room(conn);
		size_t part;
		struct rte_mbuf *m;

		if (room == 0) {
			if (!has_unit_room(conn) || !stack_has_memory(conn->stack) ||
				unit_add(conn) == NULL)
				break;
			room = conn->mss;
		}
		m = conn->tx_tail;
		part = RTE_MIN(len - taken, (size_t)room);
		rte_memcpy(rte_pktmbuf_append(m, (uint16_t)part), data + taken, part);
		unit_of(m)->len = (uint16_t)(unit_of(m)->len + part);
		taken += part;
	}
	conn->tx_bytes += (uint32_t)taken;
	conn->unsent_bytes += (uint32_t)taken;
	return taken;
}

/* Less than half a segment is better copied behind what stands there; more, too, where that fills
 * a segment, unless so much follows that one short segment does not matter. */
bool tx_can_adopt(const struct tcp_conn *conn, const struct rte_mbuf *m, uint32_t ready_bytes)
{
	if (tail_room(conn) > 0 && ready_bytes < ADOPT_SEGMENTS * conn->mss)
		return false;
	return m->data_len <= conn->mss && m->data_len >= conn->mss / 2 && RTE_MBUF_DIRECT(m) &&
		rte_mbuf_refcnt_read(m) == 1 && m->pool == conn->stack->params.mbufs &&
		m->data_off >= RTE_PKTMBUF_HEADROOM && m->data_len <= tcp_write_space(conn) &&
		has_unit_room(conn) && stack_has_memory(conn->stack);
}

void tx_adopt(struct tcp_conn *conn, struct rte_mbuf *m)
{
	m->pkt_len = m->data_len;
	m->nb_segs = 1;
	m->next = NULL;
	unit_put(conn, m);
	conn->tx_bytes += m->data_len;
	conn->unsent_bytes += m->data_len;
}

bool tx_queue_fin(struct tcp_conn *conn)
{
	if (conn->tx_unsent == NULL && unit_add(conn) == NULL)
		return false;
	unit_of(conn->tx_tail)->flags |= UNIT_FIN;
	conn->flags |= CONN_FIN_QUEUED;
	return true;
}

/* The unit behind m gives its first bytes to m. */
static void unit_pull(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t len)
{
	struct tx_unit *unit = unit_of(m);
	struct rte_mbuf *next = unit->next;

	rte_memcpy(rte_pktmbuf_append(m, len), unit_payload(next), len);
	unit->len = (uint16_t)(unit->len + len);
	rte_pktmbuf_adj(next, len);
	unit_of(next)->data_off = next->data_off;
	unit_of(next)->seq += len;
	unit_of(next)->len = (uint16_t)(unit_of(next)->len - len);
	if (unit_of(next)->len > 0)
		return;
	unit->next = unit_of(next)->next;
	if (conn->tx_tail == next)
		conn->tx_tail = m;
	conn->tx_units--;
	conn->stack->held[HELD_TX]--;
	rte_pktmbuf_free_seg(next);
}

bool tx_grow(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t len)
{
	struct tx_unit *unit = unit_of(m);

	while (unit->len < len) {
		struct rte_mbuf *next = unit->next;
		uint16_t missing = (uint16_t)(len - unit->len);

		if (next == NULL || unit_of(next)->flags & UNIT_FIN ||
			rte_pktmbuf_tailroom(m) < missing)
			return false;
		unit_pull(conn, m, RTE_MIN(missing, unit_of(next)->len));
	}
	return true;
}

bool tx_split(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t first_len)
{
	struct rte_mbuf *second = stack_mbuf(conn->stack);
	struct tx_unit *unit = unit_of(m);
	uint16_t rest = (uint16_t)(unit->len - first_len);

	if (second == NULL)
		return false;
	rte_memcpy(rte_pktmbuf_append(second, rest), unit_payload(m) + first_len, rest);
	if (unit->sends == 0)
		rte_pktmbuf_trim(m, rest);
	*unit_of(second) = *unit;
	unit_of(second)->data_off = second->data_off;
	unit_of(second)->seq = unit->seq + first_len;
	unit_of(second)->len = rest;
	unit->len = first_len;
	unit->flags &= (uint8_t)~UNIT_FIN;
	unit->next = second;
	if (conn->tx_tail == m)
		conn->tx_tail = second;
	conn->tx_units++;
	conn->stack->held[HELD_TX]++;
	return true;
}

void tx_clear(struct tcp_conn *conn)
{
	while (conn->tx_head != NULL) {
		struct rte_mbuf *m = conn->tx_head;

		conn->tx_head = unit_of(m)->next;
		conn->stack->held[HELD_TX]--;
		rte_pktmbuf_free_seg(m);
	}
	conn->tx_tail = conn->tx_unsent = NULL;
	conn->tx_bytes = conn->unsent_bytes = conn->tx_units = 0;
	conn->flight = conn->lost_bytes = conn->sacked_bytes = 0;
}

void tx_unit_leave_flight(struct tcp_conn *conn, struct tx_unit *unit)
{
	if (unit->flags & UNIT_IN_FLIGHT)
		conn->flight -= unit_span(unit);
	unit->flags &= (uint8_t)~UNIT_IN_FLIGHT;
}

void tx_unit_unlost(struct tcp_conn *conn, struct tx_unit *unit)
{
	if (unit->flags & UNIT_LOST)
		conn->lost_bytes -= unit_span(unit);
	unit->flags &= (uint8_t)~UNIT_LOST;
}

void tx_unit_mark_lost(struct tcp_conn *conn, struct tx_unit *unit)
{
	tx_unit_leave_flight(conn, unit);
	if (!(unit->flags & UNIT_LOST))
		conn->lost_bytes += unit_span(unit);
	unit->flags |= UNIT_LOST;
}
