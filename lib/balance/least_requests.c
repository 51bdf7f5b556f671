/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "table.h"

struct least_requests {
	struct balance base;
	uint32_t count;
	struct candidate candidates[];
};

static void least_requests_destroy(struct balance *balance)
{
	free(balance);
}

static struct balance *least_requests_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	struct least_requests *table = malloc(
		sizeof(*table) + count * sizeof(table->candidates[0]));

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
static int least_requests_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct least_requests *table = (const struct least_requests *)balance;
	const struct candidate *best = NULL;
	uint64_t best_load = 0;
	uint32_t at;

	if (table->count == 0)
		return -1;
	at = (uint32_t)(query->cursor->position++ % table->count);
	for (uint32_t i = 0; i < table->count; i++) {
		const struct candidate *candidate = &table->candidates[at];
		uint64_t load = candidate_load(candidate) + 1;

		if (best == NULL || load * best->weight < best_load * candidate->weight) {
			best = candidate;
			best_load = load;
		}
		at = at + 1 == table->count ? 0 : at + 1;
	}
	return (int)best->index;
}

const struct balance_ops least_requests_ops = {
	.name = "least-requests",
	.build = least_requests_build,
	.pick = least_requests_pick,
	.destroy = least_requests_destroy,
};
