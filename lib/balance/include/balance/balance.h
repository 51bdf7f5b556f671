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
struct balance_backend {
	const char *name;
	uint32_t weight; /* 0: never chosen */
	/* Requests or connections now, over all cores: for least-requests and p2c. NULL: unknown.
	 */
	uint32_t (*load)(const void *ctx);
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
};

struct balance; /* a built table */

struct balance_ops {
	const char *name; /* as in the configuration */
	struct balance *(*build)(const struct balance_backend *backends, size_t count,
		struct hash_key key, uint32_t table_size);
	int (*pick)(const struct balance *balance, const struct balance_query *query);
	void (*destroy)(struct balance *balance);
};

/* "maglev", "round-robin", "least-requests", "p2c", "source-hash"; NULL for another name. */
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
void balance_destroy(struct balance *balance);

/*
 * The slot of a consistent table that a hash falls on, and how many slots there are; -1: this
 * algorithm has no slots. Any thread.
 */
int balance_slot(const struct balance *balance, uint32_t hash, uint32_t *count);

#endif
