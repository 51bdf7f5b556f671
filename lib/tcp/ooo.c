/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "stack.h"

/*
 * Segments ahead of a hole, disjoint and in order. An entry is the payload's own mbuf with a
 * rx_unit in its private area: without holes nothing is allocated for this.
 */
struct rx_unit {
	struct rte_mbuf *next;
	uint32_t seq;
	uint32_t len;
};

static_assert(sizeof(struct rx_unit) <= PACKET_PRIV_BYTES, "fits the private area");

#define OOO_MIN        64 /* entries that any connection may have */
#define OOO_MAX        2048
#define BYTES_PER_UNIT 1024 /* window per entry: two short segments for each buffer's worth */

static struct rx_unit *rx_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static uint32_t rx_end(struct rte_mbuf *m)
{
	return rx_of(m)->seq + rx_of(m)->len;
}

static unsigned entries_max(const struct tcp_conn *conn)
{
	uint32_t share = rx_window_limit(conn) / BYTES_PER_UNIT;

	return RTE_MIN(RTE_MAX(share, (uint32_t)OOO_MIN), (uint32_t)OOO_MAX);
}

static void recent_note(struct tcp_conn *conn, uint32_t seq)
{
	memmove(conn->sack_recent + 1, conn->sack_recent,
		sizeof(conn->sack_recent) - sizeof(conn->sack_recent[0]));
	conn->sack_recent[0] = seq;
	if (conn->sack_recent_count < SACK_BLOCKS_MAX)
		conn->sack_recent_count++;
}

static void link_insert(
	struct tcp_conn *conn, struct rte_mbuf **link, struct rte_mbuf *m, uint32_t seq)
{
	*rx_of(m) = (struct rx_unit){ .next = *link, .seq = seq, .len = m->pkt_len };
	*link = m;
	if (conn->ooo_count++ == 0)
		TAILQ_INSERT_TAIL(&conn->stack->with_ooo, conn, queue_link);
	conn->stack->held[HELD_OOO] += m->nb_segs;
}

/* Entries from *link on that end at or before seq are passed. */
static struct rte_mbuf **link_find(struct rte_mbuf **link, uint32_t seq)
{
	while (*link != NULL && seq_le(rx_end(*link), seq))
		link = &rx_of(*link)->next;
	return link;
}

static struct rte_mbuf *head_take(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->ooo_head;

	conn->ooo_head = rx_of(m)->next;
	conn->stack->held[HELD_OOO] -= m->nb_segs;
	if (--conn->ooo_count == 0) {
		TAILQ_REMOVE(&conn->stack->with_ooo, conn, queue_link);
		conn->sack_recent_count = 0;
	}
	return m;
}

void ooo_clear(struct tcp_conn *conn)
{
	while (conn->ooo_head != NULL)
		rte_pktmbuf_free(head_take(conn));
}

void ooo_evict(struct tcp_stack *stack)
{
	stack->counters.ooo_evictions++;
	ooo_clear(TAILQ_FIRST(&stack->with_ooo));
}

void ooo_insert(struct tcp_conn *conn, struct rte_mbuf *m, uint32_t seq)
{
	struct tcp_stack *stack = conn->stack;
	struct rte_mbuf **link;
	uint32_t end = seq + m->pkt_len;
	bool fills_hole = seq == conn->rcv_nxt;

	while (stack->held[HELD_OOO] >= stack->budget.ooo_max && !TAILQ_EMPTY(&stack->with_ooo))
		ooo_evict(stack);
	link = link_find(&conn->ooo_head, seq);
	recent_note(conn, seq);
	while (m != NULL) {
		struct rte_mbuf *rest = NULL;
		uint32_t next_seq = *link != NULL ? rx_of(*link)->seq : end;

		if (seq_le(next_seq, seq) && *link != NULL) {
			/* These bytes came before. */
			uint32_t have = rx_end(*link) - seq;

			if (have >= end - seq) {
				rte_pktmbuf_free(m);
				return;
			}
			m = payload_slice(m, have, end - seq - have);
			seq += have;
			link = &rx_of(*link)->next;
			continue;
		}
		if (conn->ooo_count >= entries_max(conn) && !fills_hole) {
			conn->stack->counters.memory_drops++;
			stack_drop(conn->stack, m, DROP_tcp_limit);
			return;
		}
		if (seq_lt(next_seq, end)) {
			/* What lies behind the next entry goes into a buffer of its own; without
			 * one the peer has to send it again. */
			if (seq_lt(rx_end(*link), end))
				rest = rte_pktmbuf_copy(m, conn->stack->params.mbufs,
					rx_end(*link) - seq, end - rx_end(*link));
			m = payload_slice(m, 0, next_seq - seq);
		}
		link_insert(conn, link, m, seq);
		link = link_find(&rx_of(m)->next, seq + m->pkt_len);
		m = rest;
		if (m != NULL) {
			seq = rx_end(*link);
			link = &rx_of(*link)->next;
		}
	}
}

void ooo_drain(struct tcp_conn *conn)
{
	while (conn->ooo_head != NULL && rx_of(conn->ooo_head)->seq == conn->rcv_nxt) {
		struct rte_mbuf *m = head_take(conn);

		conn->rcv_nxt += m->pkt_len;
		rx_append(conn, m);
	}
}

/* The block of adjoining entries that holds seq; false: none does. */
static bool block_find(struct tcp_conn *conn, uint32_t seq, struct sack_block *block)
{
	struct rte_mbuf *m = conn->ooo_head;

	while (m != NULL) {
		block->start = rx_of(m)->seq;
		block->end = rx_end(m);
		for (m = rx_of(m)->next; m != NULL && rx_of(m)->seq == block->end;
			m = rx_of(m)->next)
			block->end = rx_end(m);
		if (seq_lt(seq, block->start))
			return false;
		if (seq_lt(seq, block->end)) {
			/* The FIN counts as received with the last byte. */
			if (conn->flags & CONN_FIN_SEEN && conn->fin_seq == block->end)
				block->end++;
			return true;
		}
	}
	return false;
}

unsigned ooo_blocks(struct tcp_conn *conn, struct sack_block *blocks, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < conn->sack_recent_count && count < max; i++) {
		struct sack_block block;
		bool is_new = block_find(conn, conn->sack_recent[i], &block);

		for (unsigned j = 0; j < count && is_new; j++)
			is_new = blocks[j].start != block.start;
		if (is_new)
			blocks[count++] = block;
	}
	return count;
}

int ooo_check(const struct tcp_conn *conn, uint32_t *mbufs, struct err *err)
{
	uint32_t count = 0;
	uint32_t after = conn->rcv_nxt + 1; /* what stands at rcv_nxt waits for nothing */

	for (struct rte_mbuf *m = conn->ooo_head; m != NULL; m = rx_of(m)->next) {
		if (seq_lt(rx_of(m)->seq, after) || rx_of(m)->len != m->pkt_len ||
			seq_gt(rx_end(m), conn->rcv_adv))
			return err_set(err, EINVAL,
				"bytes %u to %u ahead of a hole: RCV.NXT is %u, the last end %u, "
				"the window's edge %u",
				rx_of(m)->seq, rx_end(m), conn->rcv_nxt, after, conn->rcv_adv);
		after = rx_end(m);
		*mbufs += m->nb_segs;
		count++;
	}
	if (count != conn->ooo_count)
		return err_set(err, EINVAL, "%u entries ahead of a hole, but %u are counted", count,
			conn->ooo_count);
	return 0;
}
