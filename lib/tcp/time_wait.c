/* SPDX-License-Identifier: Apache-2.0 */
#include "time_wait.h"

#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "stack.h"

#define NONE 0x7fffffffu /* the largest that queue_prev holds */

struct time_wait {
	struct tw_entry *entries;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t max;
	uint32_t fresh; /* entries from here on were never used */
	uint32_t count;
	uint32_t free;
	uint32_t head; /* the oldest */
	uint32_t tail;
};

struct time_wait *time_wait_create(uint32_t max)
{
	struct time_wait *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->max = max;
	table->bucket_mask = rte_align32pow2(max) - 1;
	table->free = table->head = table->tail = NONE;
	table->entries = aligned_alloc(64, sizeof(*table->entries) * max);
	table->buckets = malloc(sizeof(*table->buckets) * (table->bucket_mask + 1));
	if (table->entries == NULL || table->buckets == NULL) {
		time_wait_destroy(table);
		return NULL;
	}
	for (uint32_t i = 0; i <= table->bucket_mask; i++)
		table->buckets[i] = NONE;
	return table;
}

void time_wait_destroy(struct time_wait *table)
{
	if (table == NULL)
		return;
	free(table->entries);
	free(table->buckets);
	free(table);
}

uint32_t time_wait_count(const struct time_wait *table)
{
	return table->count;
}

struct tw_entry *time_wait_find(
	const struct time_wait *table, const struct conn_tuple *tuple, uint32_t hash)
{
	uint32_t index;

	if (table->count == 0)
		return NULL;
	index = table->buckets[hash & table->bucket_mask];
	while (index != NONE) {
		struct tw_entry *entry = &table->entries[index];

		if (entry->remote_port_be == tuple->remote_port_be &&
			entry->local_port_be == tuple->local_port_be &&
			ip_equal(&entry->remote, tuple->remote) &&
			ip_equal(&entry->local, tuple->local))
			return entry;
		index = entry->hash_next;
	}
	return NULL;
}

static void queue_push(struct time_wait *table, uint32_t index)
{
	struct tw_entry *entry = &table->entries[index];

	entry->queue_next = NONE;
	entry->queue_prev = table->tail & NONE;
	if (table->tail == NONE)
		table->head = index;
	else
		table->entries[table->tail].queue_next = index;
	table->tail = index;
}

static void queue_unlink(struct time_wait *table, uint32_t index)
{
	struct tw_entry *entry = &table->entries[index];

	if (entry->queue_prev == NONE)
		table->head = entry->queue_next;
	else
		table->entries[entry->queue_prev].queue_next = entry->queue_next;
	if (entry->queue_next == NONE)
		table->tail = entry->queue_prev;
	else
		table->entries[entry->queue_next].queue_prev = entry->queue_prev;
}

static struct conn_tuple tuple_of(const struct tw_entry *entry)
{
	return (struct conn_tuple){
		.remote = &entry->remote,
		.local = &entry->local,
		.remote_port_be = entry->remote_port_be,
		.local_port_be = entry->local_port_be,
	};
}

void time_wait_remove(struct tcp_stack *stack, struct tw_entry *entry)
{
	struct time_wait *table = stack->time_wait;
	struct conn_tuple tuple = tuple_of(entry);
	uint32_t index = (uint32_t)(entry - table->entries);
	uint32_t *link = &table->buckets[conn_hash(stack, &tuple) & table->bucket_mask];

	while (*link != index)
		link = &table->entries[*link].hash_next;
	*link = entry->hash_next;
	queue_unlink(table, index);
	entry->hash_next = table->free;
	table->free = index;
	table->count--;
}

static uint32_t entry_get(struct tcp_stack *stack)
{
	struct time_wait *table = stack->time_wait;
	uint32_t index;

	if (table->free == NONE && table->fresh < table->max)
		return table->fresh++;
	if (table->free == NONE)
		time_wait_remove(stack, &table->entries[table->head]);
	index = table->free;
	table->free = table->entries[index].hash_next;
	return index;
}

void time_wait_enter(struct tcp_stack *stack, const struct tcp_conn *conn)
{
	struct time_wait *table = stack->time_wait;
	uint32_t index = entry_get(stack);
	struct tw_entry *entry = &table->entries[index];
	struct conn_tuple tuple;
	uint32_t *bucket;

	*entry = (struct tw_entry){
		.remote = conn->remote,
		.local = conn->local,
		.remote_port_be = conn->remote_port_be,
		.local_port_be = conn->local_port_be,
		.snd_nxt = conn->snd_nxt,
		.rcv_nxt = conn->rcv_nxt,
		.ts_recent = conn->ts_recent,
		.entered_ms = stack_now_ms(stack),
		.has_ts = !!(conn->flags & CONN_HAS_TS),
	};
	tuple = tuple_of(entry);
	bucket = &table->buckets[conn_hash(stack, &tuple) & table->bucket_mask];
	entry->hash_next = *bucket;
	*bucket = index;
	queue_push(table, index);
	table->count++;
}

static void entry_challenge(struct tcp_stack *stack, const struct tw_entry *entry)
{
	struct conn_tuple tuple = tuple_of(entry);
	struct bare_ack ack = {
		.tuple = &tuple,
		.seq = entry->snd_nxt,
		.ack = entry->rcv_nxt,
		.has_ts = entry->has_ts,
		.ts_recent = entry->ts_recent,
	};

	bare_ack_challenge(stack, &ack);
}

/* RFC 9293 3.10.7.4 and RFC 6191: a SYN that cannot belong to the old connection starts anew. */
static bool syn_is_newer(const struct tw_entry *entry, const struct segment *seg)
{
	if (entry->has_ts && (seg->options.present & OPTION_TS) &&
		seg->options.tsval != entry->ts_recent)
		return seq_gt(seg->options.tsval, entry->ts_recent);
	return seq_gt(seg->seq, entry->rcv_nxt);
}

void time_wait_receive(struct tcp_stack *stack, struct tw_entry *entry, struct segment *seg,
	const struct conn_tuple *tuple)
{
	bool is_syn = (seg->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG)) ==
		RTE_TCP_SYN_FLAG;

	if (is_syn && syn_is_newer(entry, seg)) {
		/* Far enough ahead that no old segment of ours fits the new window. */
		uint32_t min_iss = entry->snd_nxt + UINT16_MAX;

		time_wait_remove(stack, entry);
		listen_syn(stack, seg, tuple, min_iss);
		return;
	}
	/* RFC 1337: a reset does not end TIME-WAIT. */
	if (!(seg->flags & RTE_TCP_RST_FLAG)) {
		if (seg->flags & RTE_TCP_FIN_FLAG && segment_end(seg) == entry->rcv_nxt) {
			struct time_wait *table = stack->time_wait;
			uint32_t index = (uint32_t)(entry - table->entries);

			entry->entered_ms = stack_now_ms(stack);
			queue_unlink(table, index);
			queue_push(table, index);
			entry_challenge(stack, entry);
		} else if (segment_span(seg) > 0 || seg->seq != entry->rcv_nxt) {
			entry_challenge(stack, entry);
		}
	}
	stack_drop(stack, seg->m, DROP_consumed);
}

bool time_wait_is_reusable(const struct tcp_stack *stack, const struct tw_entry *entry)
{
	/* Our timestamps tick once a millisecond: after a second they are surely higher. */
	return entry->has_ts && stack_now_ms(stack) - entry->entered_ms > 1000;
}

void time_wait_advance(struct tcp_stack *stack)
{
	struct time_wait *table = stack->time_wait;

	while (table->head != NONE) {
		struct tw_entry *entry = &table->entries[table->head];

		if (stack_now_ms(stack) - entry->entered_ms < stack->params.time_wait_ms)
			break;
		time_wait_remove(stack, entry);
	}
}

uint64_t time_wait_next_us(const struct tcp_stack *stack)
{
	const struct time_wait *table = stack->time_wait;
	uint32_t age_ms, left_ms;

	if (table->head == NONE)
		return UINT64_MAX;
	age_ms = stack_now_ms(stack) - table->entries[table->head].entered_ms;
	left_ms = age_ms < stack->params.time_wait_ms ? stack->params.time_wait_ms - age_ms : 0;
	return (stack->now_us / CLOCK_US_PER_MS + left_ms) * CLOCK_US_PER_MS;
}
