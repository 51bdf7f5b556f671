/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "table.h"

/*
 * Power of two choices (Mitzenmacher 2001): two backends drawn by weight, and the one with less
 * load for its weight wins. Near to least-requests without reading every backend's load.
 */
struct p2c {
	struct balance base;
	uint32_t count;
	uint64_t *sums; /* [count] weights up to and including each candidate */
	struct candidate candidates[];
};

static void p2c_destroy(struct balance *balance)
{
	struct p2c *table = (struct p2c *)balance;

	free(table->sums);
	free(table);
}

static struct balance *p2c_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	struct p2c *table = malloc(sizeof(*table) + count * sizeof(table->candidates[0]));
	uint64_t sum = 0;

	(void)key;
	(void)table_size;
	if (table == NULL)
		return NULL;
	table->sums = calloc(count + 1, sizeof(table->sums[0]));
	if (table->sums == NULL) {
		free(table);
		return NULL;
	}
	table->count = candidates_collect(backends, count, table->candidates);
	for (uint32_t i = 0; i < table->count; i++) {
		sum += table->candidates[i].weight;
		table->sums[i] = sum;
	}
	return &table->base;
}

/* A candidate drawn by weight: the first whose sum lies above a uniform number. */
static uint32_t draw(const struct p2c *table, struct rng *rng)
{
	uint64_t total = table->sums[table->count - 1];
	uint64_t ticket = (uint64_t)(((unsigned __int128)rng_next(rng) * total) >> 64);
	uint32_t low = 0;
	uint32_t high = table->count - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->sums[middle] > ticket)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int p2c_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct p2c *table = (const struct p2c *)balance;
	const struct candidate *first;
	const struct candidate *second;

	if (table->count == 0)
		return -1;
	first = &table->candidates[draw(table, query->rng)];
	second = &table->candidates[draw(table, query->rng)];
	if (first != second &&
		candidate_load(second) * first->weight < candidate_load(first) * second->weight)
		return (int)second->index;
	return (int)first->index;
}

const struct balance_ops p2c_ops = {
	.name = "p2c",
	.build = p2c_build,
	.pick = p2c_pick,
	.destroy = p2c_destroy,
};
