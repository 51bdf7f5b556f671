/* SPDX-License-Identifier: Apache-2.0 */
#include "syncache.h"

#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "stack.h"

#define NONE UINT16_MAX

struct queue {
	uint16_t head;
	uint16_t tail;
};

struct syncache {
	struct syn_entry *entries;
	uint16_t *buckets;
	uint32_t bucket_mask;
	uint32_t max;
	uint32_t fresh; /* entries from here on were never used */
	uint32_t count;
	uint16_t free;
	struct queue queues[SYNCACHE_WAITS];
};

static const uint32_t wait_ms[SYNCACHE_WAITS] = { 1000, 2000, 4000, 8000 };

struct syncache *syncache_create(uint32_t max)
{
	struct syncache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->max = RTE_MIN(max, (uint32_t)SYNCACHE_MAX);
	cache->bucket_mask = rte_align32pow2(cache->max) - 1;
	cache->free = NONE;
	for (unsigned i = 0; i < SYNCACHE_WAITS; i++)
		cache->queues[i] = (struct queue){ .head = NONE, .tail = NONE };
	cache->entries = aligned_alloc(64, sizeof(*cache->entries) * cache->max);
	cache->buckets = malloc(sizeof(*cache->buckets) * (cache->bucket_mask + 1));
	if (cache->entries == NULL || cache->buckets == NULL) {
		syncache_destroy(cache);
		return NULL;
	}
	memset(cache->buckets, 0xff, sizeof(*cache->buckets) * (cache->bucket_mask + 1));
	return cache;
}

void syncache_destroy(struct syncache *cache)
{
	if (cache == NULL)
		return;
	free(cache->entries);
	free(cache->buckets);
	free(cache);
}

uint32_t syncache_count(const struct syncache *cache)
{
	return cache->count;
}

static bool entry_matches(const struct syn_entry *entry, const struct conn_tuple *tuple)
{
	return entry->remote_port_be == tuple->remote_port_be &&
		entry->local_port_be == tuple->local_port_be &&
		ip_equal(&entry->remote, tuple->remote) && ip_equal(&entry->local, tuple->local);
}

struct syn_entry *syncache_find(
	const struct syncache *cache, const struct conn_tuple *tuple, uint32_t hash)
{
	uint16_t index;

	if (cache->count == 0)
		return NULL;
	index = cache->buckets[hash & cache->bucket_mask];
	while (index != NONE && !entry_matches(&cache->entries[index], tuple))
		index = cache->entries[index].hash_next;
	return index == NONE ? NULL : &cache->entries[index];
}

static void queue_push(struct syncache *cache, uint16_t index)
{
	struct syn_entry *entry = &cache->entries[index];
	struct queue *queue = &cache->queues[entry->wait];

	entry->queue_next = NONE;
	entry->queue_prev = queue->tail;
	if (queue->tail == NONE)
		queue->head = index;
	else
		cache->entries[queue->tail].queue_next = index;
	queue->tail = index;
}

static void queue_unlink(struct syncache *cache, uint16_t index)
{
	struct syn_entry *entry = &cache->entries[index];
	struct queue *queue = &cache->queues[entry->wait];

	if (entry->queue_prev == NONE)
		queue->head = entry->queue_next;
	else
		cache->entries[entry->queue_prev].queue_next = entry->queue_next;
	if (entry->queue_next == NONE)
		queue->tail = entry->queue_prev;
	else
		cache->entries[entry->queue_next].queue_prev = entry->queue_prev;
}

struct syn_entry *syncache_add(
	struct syncache *cache, const struct conn_tuple *tuple, uint32_t hash, uint32_t now_ms)
{
	uint16_t *bucket = &cache->buckets[hash & cache->bucket_mask];
	struct syn_entry *entry;
	uint16_t index = cache->free;

	if (index != NONE)
		cache->free = cache->entries[index].hash_next;
	else if (cache->fresh < cache->max)
		index = (uint16_t)cache->fresh++;
	else
		return NULL;
	entry = &cache->entries[index];
	*entry = (struct syn_entry){
		.remote = *tuple->remote,
		.local = *tuple->local,
		.remote_port_be = tuple->remote_port_be,
		.local_port_be = tuple->local_port_be,
		.due_ms = now_ms + wait_ms[0],
		.hash_next = *bucket,
	};
	*bucket = index;
	queue_push(cache, index);
	cache->count++;
	return entry;
}

static struct conn_tuple tuple_of(const struct syn_entry *entry)
{
	return (struct conn_tuple){
		.remote = &entry->remote,
		.local = &entry->local,
		.remote_port_be = entry->remote_port_be,
		.local_port_be = entry->local_port_be,
	};
}

void syncache_remove(struct tcp_stack *stack, struct syn_entry *entry)
{
	struct syncache *cache = stack->syncache;
	struct conn_tuple tuple = tuple_of(entry);
	uint16_t index = (uint16_t)(entry - cache->entries);
	uint16_t *link = &cache->buckets[conn_hash(stack, &tuple) & cache->bucket_mask];

	while (*link != index)
		link = &cache->entries[*link].hash_next;
	*link = entry->hash_next;
	queue_unlink(cache, index);
	entry->hash_next = cache->free;
	cache->free = index;
	cache->count--;
}

void syn_answer_send(struct tcp_stack *stack, const struct syn_answer *answer)
{
	const struct conn_tuple *tuple = answer->tuple;
	struct options options = {
		/* The MSS is an announcement, no echo: always there (RFC 9293 3.7.1). */
		.present = answer->present | OPTION_MSS,
		.mss = stack_path_mss(stack, tuple->remote),
		.wscale = stack->rcv_wscale,
		.tsval = answer->tsval,
		.tsecr = answer->tsecr,
	};
	struct segment_out out = {
		.local = tuple->local,
		.remote = tuple->remote,
		.local_port_be = tuple->local_port_be,
		.remote_port_be = tuple->remote_port_be,
		.seq = answer->iss,
		.ack = answer->irs + 1,
		/* RFC 7323 2.2: the window of a SYN is never scaled. */
		.window = (uint16_t)RTE_MIN(stack->params.receive_window, UINT16_MAX),
		.flags = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
	};

	if (answer->present & OPTION_ECN)
		out.flags |= RTE_TCP_ECE_FLAG;
	out.options_len = (uint8_t)options_put_syn(out.options, &options);
	segment_send(stack, &out);
}

void syncache_send(struct tcp_stack *stack, const struct syn_entry *entry)
{
	struct conn_tuple tuple = tuple_of(entry);
	struct syn_answer answer = {
		.tuple = &tuple,
		.iss = entry->iss,
		.irs = entry->irs,
		.tsval = stack_now_ms(stack) + stack_ts_offset(stack, &tuple),
		.tsecr = entry->ts_recent,
		.present = entry->present,
	};

	syn_answer_send(stack, &answer);
}

static void entry_expire(struct tcp_stack *stack, struct syn_entry *entry)
{
	struct syncache *cache = stack->syncache;
	uint16_t index = (uint16_t)(entry - cache->entries);

	if (entry->wait == SYNCACHE_WAITS - 1) {
		stack->counters.half_open_expired++;
		syncache_remove(stack, entry);
		return;
	}
	queue_unlink(cache, index);
	entry->wait = (entry->wait + 1) & 0xf;
	entry->due_ms = stack_now_ms(stack) + wait_ms[entry->wait];
	queue_push(cache, index);
	stack->counters.retransmits++;
	syncache_send(stack, entry);
}

void syncache_advance(struct tcp_stack *stack)
{
	struct syncache *cache = stack->syncache;
	uint32_t now_ms = stack_now_ms(stack);

	for (unsigned wait = SYNCACHE_WAITS; wait-- > 0;) {
		struct queue *queue = &cache->queues[wait];

		while (queue->head != NONE && seq_le(cache->entries[queue->head].due_ms, now_ms))
			entry_expire(stack, &cache->entries[queue->head]);
	}
}

uint64_t syncache_next_us(const struct tcp_stack *stack)
{
	const struct syncache *cache = stack->syncache;
	uint64_t next = UINT64_MAX;

	for (unsigned wait = 0; wait < SYNCACHE_WAITS; wait++) {
		uint16_t head = cache->queues[wait].head;
		int32_t left_ms;
		uint64_t at;

		if (head == NONE)
			continue;
		left_ms = (int32_t)(cache->entries[head].due_ms - stack_now_ms(stack));
		at = (stack->now_us / CLOCK_US_PER_MS + (uint64_t)RTE_MAX(left_ms, 0)) *
			CLOCK_US_PER_MS;
		next = RTE_MIN(next, at);
	}
	return next;
}

static void entry_challenge(struct tcp_stack *stack, const struct syn_entry *entry)
{
	struct conn_tuple tuple = tuple_of(entry);
	struct bare_ack ack = {
		.tuple = &tuple,
		.seq = entry->iss + 1,
		.ack = entry->irs + 1,
		.window = (uint16_t)(stack->params.receive_window >>
			(entry->present & OPTION_WSCALE ? stack->rcv_wscale : 0)),
		.has_ts = !!(entry->present & OPTION_TS),
		.ts_recent = entry->ts_recent,
	};

	bare_ack_challenge(stack, &ack);
}

/* RFC 9293 3.10.7.4 in SYN-RECEIVED; false: dropped, answered or not. */
static bool entry_accepts(
	struct tcp_stack *stack, struct syn_entry *entry, const struct segment *seg)
{
	uint32_t offset = seg->seq - (entry->irs + 1);

	if (seg->flags & RTE_TCP_RST_FLAG) {
		/* RFC 5961 3.2: only the exact number resets; in the window it is challenged. */
		if (offset == 0) {
			stack->counters.resets_in++;
			syncache_remove(stack, entry);
		} else if (offset < UINT16_MAX) {
			entry_challenge(stack, entry);
		}
		return false;
	}
	if (seg->flags & RTE_TCP_SYN_FLAG) {
		/* The same SYN again, or another one: RFC 5961 4.2. */
		if (seg->seq != entry->irs || seg->flags & RTE_TCP_ACK_FLAG)
			entry_challenge(stack, entry);
		else if (limiter_take(stack, &stack->challenges, STACK_CHALLENGES_PPS))
			syncache_send(stack, entry);
		return false;
	}
	if (!(seg->flags & RTE_TCP_ACK_FLAG))
		return false;
	if (seg->ack != entry->iss + 1) {
		reset_reply(stack, seg);
		return false;
	}
	if (offset >= UINT16_MAX) {
		entry_challenge(stack, entry);
		return false;
	}
	if ((entry->present & OPTION_TS) &&
		(!(seg->options.present & OPTION_TS) ||
			seq_lt(seg->options.tsval, entry->ts_recent))) {
		stack->counters.paws_drops++;
		return false;
	}
	return true;
}

void syncache_receive(struct tcp_stack *stack, struct syn_entry *entry, struct segment *seg,
	const struct conn_tuple *tuple)
{
	struct conn_start start;

	if (!entry_accepts(stack, entry, seg)) {
		stack_drop(stack, seg->m, DROP_tcp_invalid);
		return;
	}
	start = (struct conn_start){
		.iss = entry->iss,
		.irs = entry->irs,
		.options = {
			.present = entry->present,
			.wscale = entry->wscale,
			.mss = entry->peer_mss,
			.tsval = entry->ts_recent,
		},
	};
	syncache_remove(stack, entry);
	listen_establish(stack, seg, tuple, &start);
}
