/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FRAGMENT_TABLE_H
#define L4_FRAGMENT_TABLE_H

#include <stdint.h>

#include "l4/l4.h"

/*
 * What the first fragment of a datagram tells, its ports, remembered for the others: nothing is
 * reassembled (RFC 8900 calls that fragile), each fragment goes on by itself as soon as the first
 * has been seen. Those that come before it wait, few and not for long. The table is small and of
 * one size: sets of four datagrams, found by a keyed hash, in which the oldest gives way.
 */
struct fragment_table;

/* NULL when memory is short. */
struct fragment_table *fragment_table_create(
	struct core *core, struct l4_counters *counters, struct hash_key key);

/* NULL is fine; frees what waits. */
void fragment_table_destroy(struct fragment_table *table);

/* As l4_fragment(). key: of the flow hash. */
uint16_t fragment_table_run(struct fragment_table *table, struct rte_mbuf *m, struct hash_key key,
	struct rte_mbuf **out, uint64_t now_us);

/* Gives up the datagrams whose time is over. */
void fragment_table_expire(struct fragment_table *table, uint64_t now_us);

#endif
