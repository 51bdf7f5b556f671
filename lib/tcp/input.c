/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>
#include <rte_prefetch.h>

#include "merge.h"
#include "stack.h"

/* The packet of this number, and perhaps some behind it. */
static void segment_input(struct tcp_stack *stack, const struct merge_burst *burst, uint16_t number)
{
	struct rte_mbuf *m = burst->pkts[number];
	uint32_t hash = burst->hashes[number];
	const struct packet *p = packet_of(m);
	struct conn_tuple tuple = {
		.remote = &p->src,
		.local = &p->dst,
		.remote_port_be = p->src_port_be,
		.local_port_be = p->dst_port_be,
	};
	struct tcp_conn *conn = conn_find(stack, &tuple, hash);
	struct syn_entry *half_open;
	struct tw_entry *waiting;
	struct segment seg;

	if (!segment_read(m, &seg))
		stack->counters.bad_options++;
	if (conn != NULL) {
		if (merge_can_begin(conn, &seg))
			merge_run(conn, &seg, burst, number);
		conn_receive(conn, &seg);
		return;
	}
	half_open = syncache_find(stack->syncache, &tuple, hash);
	if (half_open != NULL) {
		syncache_receive(stack, half_open, &seg, &tuple);
		return;
	}
	waiting = time_wait_find(stack->time_wait, &tuple, hash);
	if (waiting != NULL)
		time_wait_receive(stack, waiting, &seg, &tuple);
	else
		listen_receive(stack, &seg, &tuple);
}

/* Buckets first, then blocks: the lookups of a burst wait for memory together. */
static void burst_input(struct tcp_stack *stack, struct rte_mbuf **pkts, uint16_t count)
{
	uint32_t hashes[MERGE_BURST];
	struct merge_burst burst = { .pkts = pkts, .hashes = hashes, .count = count };

	for (uint16_t i = 0; i < count; i++) {
		const struct packet *p = packet_of(pkts[i]);
		struct conn_tuple tuple = {
			.remote = &p->src,
			.local = &p->dst,
			.remote_port_be = p->src_port_be,
			.local_port_be = p->dst_port_be,
		};

		hashes[i] = conn_hash(stack, &tuple);
		rte_prefetch0(&stack->buckets[hashes[i] & stack->bucket_mask]);
	}
	for (uint16_t i = 0; i < count; i++) {
		const char *conn = (const char *)stack->buckets[hashes[i] & stack->bucket_mask];

		if (conn != NULL) {
			rte_prefetch0(conn);
			rte_prefetch0(conn + RTE_CACHE_LINE_SIZE);
		}
	}
	for (uint16_t i = 0; i < count; i++) {
		if (pkts[i] != NULL)
			segment_input(stack, &burst, i);
	}
}

void tcp_input(struct tcp_stack *stack, struct rte_mbuf **pkts, uint16_t count, uint64_t now_us)
{
	stack->now_us = now_us;
	stack->counters.segments_in += count;
	for (uint16_t done = 0; done < count; done += MERGE_BURST)
		burst_input(stack, pkts + done, (uint16_t)RTE_MIN(count - done, MERGE_BURST));
	stack_dispatch(stack);
}
