/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BALANCE_BALANCE_H
#define BALANCE_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rng.h"

/*
 * Choosing one of count backends, behind one table of algorithms. The built state is immutable and
 * shared; what changes per choice (the round-robin position) belongs to the calling core.
 */
#define BALANCE_WEIGHT_ONE                                                                         \
	256 /* what a weight of 1 is where only 256ths of it matter: ring-hash                     \
	     */

struct balance_backend {
	const char *name;
	uint32_t weight; /* 0: never chosen */
	/* Requests or connections now, over all cores: for the algorithms that look at load. NULL:
	 * unknown. */
	uint32_t (*load)(const void *ctx, uint64_t now_us);
	const void *ctx;
};

/* Per core and pool; zeroed at first, lives in the caller. */
struct balance_cursor {
	uint64_t position;
};

struct balance_query {
	uint32_t hash; /* of the flow or request */
	struct balance_cursor *cursor;
	struct rng *rng;
	uint64_t now_us; /* for loads that fade */
};

struct balance; /* a built table */

struct balance_ops {
	const char *name; /* as in the configuration */
	struct balance *(*build)(const struct balance_backend *backends, size_t count,
		struct hash_key key, uint32_t table_size);
	int (*pick)(const struct balance *balance, const struct balance_query *query);
	/* Consistent algorithms: the table, see balance_slots(); NULL for the others. */
	const uint16_t *(*slots)(const struct balance *balance, uint32_t *count);
	void (*destroy)(struct balance *balance);
};

/*
 * "maglev", "source-hash", "round-robin" (weighted, smooth), "rr" (weights ignored),
 * "least-requests", "least-connections" (weighted), "lc" (weights ignored), "p2c", "peak-ewma"
 * (the same choice; what load is, is the caller's), "random", "ring-hash" (weighted). NULL for
 * another name.
 */
const struct balance_ops *balance_find(const char *name);

/* Row of the table, for lists; NULL past its end. */
const struct balance_ops *balance_at(unsigned index);

/*
 * key and table_size: of Maglev's table, for "maglev" and "source-hash"; the latter differs only in
 * what its caller hashes, which is the client's address.
 * Copies what it needs; 'load' contexts are borrowed. A backend of weight 0 is never picked.
 * NULL when memory is short, for a table_size that is no prime, and for 65535 backends or more.
 */
struct balance *balance_build(const struct balance_ops *ops, const struct balance_backend *backends,
	size_t count, struct hash_key key, uint32_t table_size);

/* Index of the choice, or -1 when nothing is usable. Any worker. */
int balance_pick(const struct balance *balance, const struct balance_query *query);

/*
 * The slots of a consistent algorithm, each the index of a backend or MAGLEV_EMPTY, and how many;
 * NULL and 0 for the other algorithms. Belongs to the table. Any thread.
 */
const uint16_t *balance_slots(const struct balance *balance, uint32_t *count);

/* The slot that a hash falls into. */
uint32_t balance_slot_of(uint32_t hash, uint32_t slot_count);

void balance_destroy(struct balance *balance);

#endif
