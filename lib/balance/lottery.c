/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "table.h"

/*
 * Backends drawn by weight. "random": one is drawn, and that is it. "p2c", power of two choices
 * (Mitzenmacher 2001): two are drawn, and the one with less load for its weight wins. Near to
 * least-requests without reading every backend's load.
 */
struct lottery {
	struct balance base;
	uint32_t count;
	uint64_t *sums; /* [count] weights up to and including each candidate */
	struct candidate candidates[];
};

static void lottery_destroy(struct balance *balance)
{
	struct lottery *table = (struct lottery *)balance;

	free(table->sums);
	free(table);
}

static struct balance *lottery_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	struct lottery *table = malloc(sizeof(*table) + count * sizeof(table->candidates[0]));
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
static uint32_t draw(const struct lottery *table, struct rng *rng)
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
	const struct lottery *table = (const struct lottery *)balance;
	const struct candidate *first;
	const struct candidate *second;

	if (table->count == 0)
		return -1;
	first = &table->candidates[draw(table, query->rng)];
	second = &table->candidates[draw(table, query->rng)];
	if (first != second &&
		candidate_load(second, query->now_us) * first->weight <
			candidate_load(first, query->now_us) * second->weight)
		return (int)second->index;
	return (int)first->index;
}

static int random_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct lottery *table = (const struct lottery *)balance;

	return table->count == 0 ? -1 : (int)table->candidates[draw(table, query->rng)].index;
}

const struct balance_ops p2c_ops = {
	.name = "p2c",
	.build = lottery_build,
	.pick = p2c_pick,
	.destroy = lottery_destroy,
};

/* As p2c, by requests under way times the time that answers took lately. */
const struct balance_ops peak_ewma_ops = {
	.name = "peak-ewma",
	.build = lottery_build,
	.pick = p2c_pick,
	.destroy = lottery_destroy,
};

const struct balance_ops random_ops = {
	.name = "random",
	.build = lottery_build,
	.pick = random_pick,
	.destroy = lottery_destroy,
};
