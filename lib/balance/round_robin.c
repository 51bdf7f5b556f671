/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "table.h"

#define TURNS_MAX (1u << 18)

/*
 * Weighted round robin as a ready schedule: each backend stands in it as often as its weight says,
 * spread evenly, and the calling core's cursor walks along.
 */
struct round_robin {
	struct balance base;
	uint32_t length;
	uint16_t turns[];
};

/* The k-th of weight turns is due at (2k + 1) / 2 weight of the schedule. */
struct due {
	uint32_t backend;
	uint32_t numerator;
	uint32_t weight;
};

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int due_compare(const void *a, const void *b)
{
	const struct due *left = a;
	const struct due *right = b;
	uint64_t at_left = (uint64_t)left->numerator * right->weight;
	uint64_t at_right = (uint64_t)right->numerator * left->weight;

	if (at_left != at_right)
		return at_left < at_right ? -1 : 1;
	return left->backend < right->backend ? -1 : 1;
}

/* Turns of one backend: its weight in lowest terms, scaled down when the schedule grew too long. */
static uint32_t turn_count(uint32_t weight, uint32_t divisor, uint64_t total)
{
	uint64_t turns = weight / divisor;

	if (total > TURNS_MAX)
		turns = turns * TURNS_MAX / total;
	return turns == 0 && weight > 0 ? 1 : (uint32_t)turns;
}

/* All turns of all backends, not in order yet. dues may be NULL: then they are only counted. */
static size_t dues_list(const struct balance_backend *backends, size_t count, struct due *dues)
{
	uint32_t divisor = 0;
	uint64_t total = 0;
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		divisor = common_divisor(divisor, backends[i].weight);
		total += backends[i].weight;
	}
	if (divisor == 0)
		return 0;
	total /= divisor;
	for (size_t i = 0; i < count; i++) {
		uint32_t turns = turn_count(backends[i].weight, divisor, total);

		for (uint32_t k = 0; dues != NULL && k < turns; k++)
			dues[length + k] = (struct due){
				.backend = (uint32_t)i,
				.numerator = 2 * k + 1,
				.weight = turns,
			};
		length += turns;
	}
	return length;
}

static void round_robin_destroy(struct balance *balance)
{
	free(balance);
}

static struct balance *round_robin_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	size_t length = dues_list(backends, count, NULL);
	struct due *dues = calloc(length + 1, sizeof(*dues));
	struct round_robin *table = malloc(sizeof(*table) + length * sizeof(table->turns[0]));

	(void)key;
	(void)table_size;
	if (dues == NULL || table == NULL) {
		free(dues);
		free(table);
		return NULL;
	}
	dues_list(backends, count, dues);
	qsort(dues, length, sizeof(*dues), due_compare);
	table->length = (uint32_t)length;
	for (size_t i = 0; i < length; i++)
		table->turns[i] = (uint16_t)dues[i].backend;
	free(dues);
	return &table->base;
}

static int round_robin_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct round_robin *table = (const struct round_robin *)balance;

	if (table->length == 0)
		return -1;
	return table->turns[query->cursor->position++ % table->length];
}

const struct balance_ops round_robin_ops = {
	.name = "round-robin",
	.build = round_robin_build,
	.pick = round_robin_pick,
	.destroy = round_robin_destroy,
};

static struct balance *rr_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	return equal_build(&round_robin_ops, backends, count, key, table_size);
}

/* IPVS's rr: weights do not count. */
const struct balance_ops rr_ops = {
	.name = "rr",
	.build = rr_build,
	.pick = round_robin_pick,
	.destroy = round_robin_destroy,
};
