/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BALANCE_TABLE_H
#define BALANCE_TABLE_H

#include "balance/balance.h"

/* What every built table begins with; the algorithm's own part follows. */
struct balance {
	const struct balance_ops *ops;
};

extern const struct balance_ops maglev_ops;
extern const struct balance_ops source_hash_ops;
extern const struct balance_ops round_robin_ops;
extern const struct balance_ops rr_ops;
extern const struct balance_ops least_requests_ops;
extern const struct balance_ops least_connections_ops;
extern const struct balance_ops lc_ops;
extern const struct balance_ops p2c_ops;
extern const struct balance_ops peak_ewma_ops;
extern const struct balance_ops random_ops;
extern const struct balance_ops ring_hash_ops;

/* A backend as the algorithms that ask for the load keep it: only those with a weight. */
struct candidate {
	uint32_t index; /* in the caller's list */
	uint32_t weight;
	uint32_t (*load)(const void *ctx, uint64_t now_us);
	const void *ctx;
};

/* Copies the backends that have a weight; candidates has room for count. Returns how many. */
uint32_t candidates_collect(
	const struct balance_backend *backends, size_t count, struct candidate *candidates);

/* What ops builds, for backends that all weigh the same; one of weight 0 is still left out. */
struct balance *equal_build(const struct balance_ops *ops, const struct balance_backend *backends,
	size_t count, struct hash_key key, uint32_t table_size);

static inline uint64_t candidate_load(const struct candidate *candidate, uint64_t now_us)
{
	return candidate->load == NULL ? 0 : candidate->load(candidate->ctx, now_us);
}

#endif
