/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_TIME_WAIT_H
#define TCP_TIME_WAIT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "segment.h"

/*
 * TIME-WAIT as one-line entries in one queue by age, found by hash chains of indices. When the
 * table is full the oldest makes room. Owned by one stack.
 */
struct tw_entry {
	struct ip_addr remote;
	struct ip_addr local;
	uint16_t remote_port_be;
	uint16_t local_port_be;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t ts_recent;
	uint32_t entered_ms;
	uint32_t hash_next; /* also the free list */
	uint32_t queue_next;
	uint32_t queue_prev : 31;
	uint32_t has_ts : 1;
};

static_assert(sizeof(struct tw_entry) <= 64, "a connection in TIME-WAIT is one cache line");

struct time_wait;
struct tcp_stack;
struct tcp_conn;
struct conn_tuple;

struct time_wait *time_wait_create(uint32_t max);
void time_wait_destroy(struct time_wait *table);
uint32_t time_wait_count(const struct time_wait *table);

struct tw_entry *time_wait_find(
	const struct time_wait *table, const struct conn_tuple *tuple, uint32_t hash);

/* Takes a connection's place. */
void time_wait_enter(struct tcp_stack *stack, const struct tcp_conn *conn);
void time_wait_remove(struct tcp_stack *stack, struct tw_entry *entry);

/* A segment for an entry. Takes seg->m. */
void time_wait_receive(struct tcp_stack *stack, struct tw_entry *entry, struct segment *seg,
	const struct conn_tuple *tuple);

/* May a new connection of ours take the tuple (RFC 6191)? */
bool time_wait_is_reusable(const struct tcp_stack *stack, const struct tw_entry *entry);

void time_wait_advance(struct tcp_stack *stack);
uint64_t time_wait_next_us(const struct tcp_stack *stack);

#endif
