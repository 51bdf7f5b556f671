/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* Points of a backend with BALANCE_WEIGHT_ONE, and of all together at most. */
#define POINTS_ONE 160
#define POINTS_MAX (1u << 20)

/*
 * Consistent hashing on a ring (Karger et al. 1997): each backend has points there in proportion to
 * its weight, and a hash belongs to the next point. A backend that leaves gives its parts to
 * others, and nothing else moves; shares are less even than Maglev's, weights change with less
 * movement.
 */
struct point {
	uint32_t at;
	uint32_t index;
};

struct ring {
	struct balance base;
	uint32_t count;
	struct point points[];
};

static void ring_destroy(struct balance *balance)
{
	free(balance);
}

static uint64_t points_of(uint32_t weight, uint64_t scale)
{
	uint64_t points = (uint64_t)weight * POINTS_ONE / BALANCE_WEIGHT_ONE;

	points = scale > POINTS_MAX ? points * POINTS_MAX / scale : points;
	return points == 0 && weight > 0 ? 1 : points;
}

static uint64_t points_sum(const struct balance_backend *backends, size_t count, uint64_t scale)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += points_of(backends[i].weight, scale);
	return sum;
}

static int point_compare(const void *a, const void *b)
{
	const struct point *left = a;
	const struct point *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

/* The k-th point of a name: the same whoever else is there. */
static uint32_t place(struct hash_key key, uint64_t name_hash, uint64_t k)
{
	return (uint32_t)(hash_words2(key, name_hash, k) >> 32);
}

static struct balance *ring_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	uint64_t scale = points_sum(backends, count, 0);
	uint64_t total = points_sum(backends, count, scale);
	struct ring *ring = malloc(sizeof(*ring) + total * sizeof(ring->points[0]));

	(void)table_size;
	if (ring == NULL)
		return NULL;
	ring->count = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hash_bytes(key, backends[i].name, strlen(backends[i].name));
		uint64_t own = points_of(backends[i].weight, scale);

		for (uint64_t k = 0; k < own; k++)
			ring->points[ring->count++] = (struct point){ .at = place(key, hash, k),
				.index = (uint32_t)i };
	}
	qsort(ring->points, ring->count, sizeof(ring->points[0]), point_compare);
	return &ring->base;
}

static int ring_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct ring *ring = (const struct ring *)balance;
	/* As in balance_slot_of(): the upper bits also chose the worker. */
	uint32_t hash = query->hash * 0x9e3779b1u;
	uint32_t low = 0;
	uint32_t high = ring->count;

	if (ring->count == 0)
		return -1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ring->points[middle].at < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return (int)ring->points[low == ring->count ? 0 : low].index;
}

const struct balance_ops ring_hash_ops = {
	.name = "ring-hash",
	.build = ring_build,
	.pick = ring_pick,
	.destroy = ring_destroy,
};
