/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_SYNCACHE_H
#define TCP_SYNCACHE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "segment.h"

/*
 * Half-open connections (RFC 4987 3.4): a fixed array of one-line entries, found by hash chains of
 * 16-bit indices. Each wait of the retransmission schedule is a queue, so that its head is always
 * the next to act. Owned by one stack.
 */
#define SYNCACHE_MAX   65535 /* 16-bit indices, one of them means none */
#define SYNCACHE_WAITS 4     /* SYN-ACK again after 1, 2 and 4 s; given up after 8 more */

struct syn_entry {
	struct ip_addr remote;
	struct ip_addr local;
	uint16_t remote_port_be;
	uint16_t local_port_be;
	uint32_t irs;
	uint32_t iss;
	uint32_t ts_recent;
	uint32_t due_ms;
	uint16_t peer_mss;
	uint8_t present; /* enum option_bits: agreed options */
	uint8_t wscale : 4;
	uint8_t wait : 4;   /* SYN-ACKs sent again so far */
	uint16_t hash_next; /* also the free list */
	uint16_t queue_next;
	uint16_t queue_prev;
};

static_assert(sizeof(struct syn_entry) <= 64, "a half-open connection is one cache line");

struct syncache;
struct tcp_stack;
struct conn_tuple;

struct syncache *syncache_create(uint32_t max);
void syncache_destroy(struct syncache *cache);
uint32_t syncache_count(const struct syncache *cache);

struct syn_entry *syncache_find(
	const struct syncache *cache, const struct conn_tuple *tuple, uint32_t hash);

/* An entry for the tuple, its timer running; NULL when the cache is full. */
struct syn_entry *syncache_add(
	struct syncache *cache, const struct conn_tuple *tuple, uint32_t hash, uint32_t now_ms);
void syncache_remove(struct tcp_stack *stack, struct syn_entry *entry);

/* Sends SYN-ACKs again and gives up. */
void syncache_advance(struct tcp_stack *stack);
uint64_t syncache_next_us(const struct tcp_stack *stack);

/* A segment for an entry. Takes seg->m. */
void syncache_receive(struct tcp_stack *stack, struct syn_entry *entry, struct segment *seg,
	const struct conn_tuple *tuple);
void syncache_send(struct tcp_stack *stack, const struct syn_entry *entry);

/* A SYN-ACK made of values alone; the cookies' way to send one. */
struct syn_answer {
	const struct conn_tuple *tuple;
	uint32_t iss;
	uint32_t irs;
	uint32_t tsval;
	uint32_t tsecr;
	uint8_t present;
};
void syn_answer_send(struct tcp_stack *stack, const struct syn_answer *answer);

/* cookies.c (RFC 4987 3.6): answers a SYN without keeping anything. Takes nothing. */
void cookie_send(
	struct tcp_stack *stack, const struct segment *seg, const struct conn_tuple *tuple);
struct conn_start;
/* Does this ACK bring back a cookie of ours? Then start says what the SYN said. */
bool cookie_check(const struct tcp_stack *stack, const struct segment *seg,
	const struct conn_tuple *tuple, struct conn_start *start);

#endif
