/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "table.h"

struct least_loaded {
	struct balance base;
	uint32_t count;
	struct candidate candidates[];
};

static void least_loaded_destroy(struct balance *balance)
{
	free(balance);
}

static struct balance *least_loaded_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	struct least_loaded *table = malloc(sizeof(*table) + count * sizeof(table->candidates[0]));

	(void)key;
	(void)table_size;
	if (table == NULL)
		return NULL;
	table->count = candidates_collect(backends, count, table->candidates);
	return &table->base;
}

/*
 * The smallest (load + 1) / weight, so that an idle heavy backend goes before an idle light one.
 * The search begins one further each time: equals take turns.
 */
static int least_loaded_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct least_loaded *table = (const struct least_loaded *)balance;
	const struct candidate *best = NULL;
	uint64_t best_load = 0;
	uint32_t at;

	if (table->count == 0)
		return -1;
	at = (uint32_t)(query->cursor->position++ % table->count);
	for (uint32_t i = 0; i < table->count; i++) {
		const struct candidate *candidate = &table->candidates[at];
		uint64_t load = candidate_load(candidate, query->now_us) + 1;

		if (best == NULL || load * best->weight < best_load * candidate->weight) {
			best = candidate;
			best_load = load;
		}
		at = at + 1 == table->count ? 0 : at + 1;
	}
	return (int)best->index;
}

/* The three differ in what the caller counts as load, and in whether weights count. */
const struct balance_ops least_requests_ops = {
	.name = "least-requests",
	.build = least_loaded_build,
	.pick = least_loaded_pick,
	.destroy = least_loaded_destroy,
};

const struct balance_ops least_connections_ops = {
	.name = "least-connections",
	.build = least_loaded_build,
	.pick = least_loaded_pick,
	.destroy = least_loaded_destroy,
};

static struct balance *lc_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	return equal_build(&least_connections_ops, backends, count, key, table_size);
}

const struct balance_ops lc_ops = {
	.name = "lc",
	.build = lc_build,
	.pick = least_loaded_pick,
	.destroy = least_loaded_destroy,
};
