/* SPDX-License-Identifier: Apache-2.0 */
#include "train.h"

#include <rte_ip.h>

#include "stack.h"

/* Headers in front of payload: IPv6, TCP, timestamps, and a link's with a tag. */
#define HEADROOM_BYTES                                                                             \
	(sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_tcp_hdr) + TS_OPTION_BYTES + 18)
/* Of payload, such that the IP header's 16 bits hold the length. */
#define TRAIN_BYTES (UINT16_MAX - (uint32_t)HEADROOM_BYTES)

/* Only what is usual rides along: what one segment alone has to say goes by itself, and so does
 * whatever a trace is to show. */
static bool can_ride(const struct tcp_conn *conn, struct rte_mbuf *m)
{
	const struct tx_unit *unit = unit_of(m);

	return conn->stack->params.large_output && unit->len > 0 &&
		!(conn->flags & (CONN_TRACED | CONN_ECN_CWR | CONN_DSACK_PENDING)) &&
		conn->ooo_head == NULL && m->data_off >= HEADROOM_BYTES &&
		rte_mbuf_refcnt_read(m) == 1;
}

/* Whoever cuts makes all segments as long as the first, but for the last. */
static bool can_follow(const struct train *train, struct rte_mbuf *m)
{
	const struct tx_unit *unit = unit_of(m);
	uint16_t len = unit_of(train->first)->len;

	return unit_of(train->last)->len == len && unit->len <= len &&
		train->count < PACKET_SEGMENTS_MAX && train->bytes + unit->len <= TRAIN_BYTES;
}

bool train_take(struct tcp_conn *conn, struct train *train, struct rte_mbuf *m)
{
	if (!can_ride(conn, m)) {
		train_leave(conn, train);
		return conn_transmit(conn, m);
	}
	if (train->first != NULL && !can_follow(train, m))
		train_leave(conn, train);
	if (train->first == NULL)
		*train = (struct train){ .first = m };
	else
		train->last->next = m;
	train->last = m;
	train->bytes += unit_of(m)->len;
	train->count++;
	rte_mbuf_refcnt_set(m, 2);
	conn_unit_sent(conn, unit_of(m));
	return true;
}

void train_leave(struct tcp_conn *conn, struct train *train)
{
	struct tcp_stack *stack = conn->stack;
	struct rte_mbuf *m = train->first;
	struct segment_out out;

	if (m == NULL)
		return;
	conn_segment_start(conn, &out);
	out.seq = unit_of(m)->seq;
	if (unit_of(train->last)->next == NULL)
		out.flags |= RTE_TCP_PSH_FLAG;
	if (unit_of(train->last)->flags & UNIT_FIN)
		out.flags |= RTE_TCP_FIN_FLAG;
	if (conn->flags & CONN_HAS_ECN)
		out.ecn = ECN_ECT_0;
	segment_wrap_chain(m, &out, train->bytes, train->count);
	if (train->count > 1)
		stack->counters.segments_grouped += train->count;
	stack->counters.segments_out += train->count - 1u;
	train->first = NULL;
	segment_emit(stack, m);
}
