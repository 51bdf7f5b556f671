/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "stack.h"

/*
 * Segments of a burst that follow each other without a gap, and say the same but for their bytes,
 * become one before the connection sees them: one pass through RFC 9293 3.10.7.4, one delivery.
 * What only one of them says must not be lost or come early, so whatever is not plain data in
 * order stands for itself. Nothing is copied: payloads are chained.
 */

#define HEADER_BYTES sizeof(struct rte_tcp_hdr)

static const uint8_t *header_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, const uint8_t *, packet_of(m)->l4_offset);
}

static bool is_same_flow(const struct packet *a, const struct packet *b)
{
	return a->src_port_be == b->src_port_be && a->dst_port_be == b->dst_port_be &&
		ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst);
}

/* A burst's worth of buffers fits: else each segment is judged by itself. */
static bool has_room(const struct tcp_stack *stack)
{
	return !stack->is_short_of_memory &&
		stack_held_received(stack) + MERGE_BURST <= stack->budget.receive_max;
}

/* Its timestamp and acknowledgment are such that it will be taken, and with it all the rest. */
static bool is_up_to_date(const struct tcp_conn *conn, const struct segment *seg)
{
	if (seq_lt(seg->ack, conn->snd_una) || seq_gt(seg->ack, conn->snd_nxt))
		return false;
	return !(conn->flags & CONN_HAS_TS) ||
		(seg->options.present & OPTION_TS && seq_ge(seg->options.tsval, conn->ts_recent));
}

bool merge_can_begin(const struct tcp_conn *conn, const struct segment *seg)
{
	return seg->flags == RTE_TCP_ACK_FLAG && seg->payload_len > RX_COPY_BYTES &&
		seg->seq == conn->rcv_nxt && conn->ooo_head == NULL && seg->m->nb_segs == 1 &&
		seg->options.sack_count == 0 && conn->state >= CONN_ESTABLISHED &&
		conn->state <= CONN_FIN_WAIT_2 &&
		!(conn->flags & (CONN_ORPHAN | CONN_FIN_SEEN | CONN_TRACED)) &&
		is_up_to_date(conn, seg) && ecn_codepoint(seg) != ECN_CE && has_room(conn->stack) &&
		!conn->stack->params.no_merge;
}

/* The same acknowledgment, window and options; of the flags, only PSH may be new. */
static bool says_the_same(const uint8_t *a, const uint8_t *b)
{
	unsigned options_len = (a[12] >> 4) * 4u - HEADER_BYTES;

	return memcmp(a + 8, b + 8, 5) == 0 && (b[13] & ~RTE_TCP_PSH_FLAG) == RTE_TCP_ACK_FLAG &&
		memcmp(a + 14, b + 14, 2) == 0 &&
		memcmp(a + HEADER_BYTES, b + HEADER_BYTES, options_len) == 0;
}

static bool can_follow(
	const struct tcp_conn *conn, const struct segment *seg, struct rte_mbuf *m, uint8_t ecn)
{
	const struct packet *p = packet_of(m);
	const uint8_t *header = header_of(m);
	struct segment next = { .m = m };
	uint32_t seq_be;

	memcpy(&seq_be, header + 4, sizeof(seq_be));
	next.seq = rte_be_to_cpu_32(seq_be);
	return next.seq == seg->seq + seg->payload_len && p->payload_len > RX_COPY_BYTES &&
		m->nb_segs == 1 && seq_le(next.seq + p->payload_len, conn->rcv_adv) &&
		says_the_same(header_of(seg->m), header) && ecn_codepoint(&next) == ecn;
}

/* Cuts the headers off and puts the payload behind what is there. */
static void append(struct segment *seg, struct rte_mbuf *last, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);

	m->data_off = (uint16_t)(m->data_off + p->payload_offset);
	m->data_len = p->payload_len;
	last->next = m;
	seg->m->nb_segs++;
	seg->m->pkt_len += p->payload_len;
	seg->payload_len += p->payload_len;
	seg->merged++;
}

void merge_run(
	struct tcp_conn *conn, struct segment *seg, const struct merge_burst *burst, uint16_t first)
{
	struct rte_mbuf *last = seg->m;
	uint8_t ecn = ecn_codepoint(seg);

	for (uint16_t i = (uint16_t)(first + 1); i < burst->count; i++) {
		struct rte_mbuf *m = burst->pkts[i];
		bool is_pushed;

		if (burst->hashes[i] != burst->hashes[first] || m == NULL ||
			!is_same_flow(packet_of(seg->m), packet_of(m)))
			continue;
		if (!can_follow(conn, seg, m, ecn))
			break;
		is_pushed = packet_of(m)->tcp_flags & RTE_TCP_PSH_FLAG;
		append(seg, last, m);
		last = m;
		burst->pkts[i] = NULL;
		if (is_pushed)
			break;
	}
	conn->stack->counters.segments_merged += seg->merged;
}
