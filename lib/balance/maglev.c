/* SPDX-License-Identifier: Apache-2.0 */
#include "balance/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_BITS 24
#define SKIP_KEY      0x736b6970736b6970ull /* makes h2 another function than h1 */

/* One backend's place in its permutation while the table fills. */
struct turn {
	uint32_t backend; /* index into the caller's backends */
	uint32_t slot;    /* next slot of its permutation */
	uint32_t skip;
	uint32_t weight;
	uint64_t credit; /* weights added up since its last claim */
};

struct named {
	const char *name;
	uint32_t index;
};

bool maglev_is_size(uint32_t size)
{
	if (size < 3 || size > 1u << SIZE_MAX_BITS || size % 2 == 0)
		return false;
	for (uint32_t i = 3; i * i <= size; i += 2) {
		if (size % i == 0)
			return false;
	}
	return true;
}

void maglev_permute(struct maglev_backend *backend, uint32_t size, struct hash_key key)
{
	struct hash_key second = { .k0 = key.k0 ^ SKIP_KEY, .k1 = key.k1 };
	size_t len = strlen(backend->name);

	backend->offset = (uint32_t)(hash_bytes(key, backend->name, len) % size);
	backend->skip = (uint32_t)(hash_bytes(second, backend->name, len) % (size - 1)) + 1;
}

/* Claims the next free slot of a backend's permutation; there is one. */
static void slot_claim(struct turn *turn, uint16_t *slots, uint32_t size)
{
	while (slots[turn->slot] != MAGLEV_EMPTY) {
		turn->slot += turn->skip;
		if (turn->slot >= size)
			turn->slot -= size;
	}
	slots[turn->slot] = (uint16_t)turn->backend;
}

/* The usable backends in the given order. Returns how many; *max is the largest weight. */
static size_t turns_prepare(const struct maglev_backend *backends, const uint32_t *order,
	size_t count, struct turn *turns, uint32_t *max)
{
	size_t used = 0;

	*max = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t index = order == NULL ? (uint32_t)i : order[i];
		const struct maglev_backend *backend = &backends[index];

		if (backend->weight == 0)
			continue;
		if (backend->weight > *max)
			*max = backend->weight;
		turns[used++] = (struct turn){
			.backend = index,
			.slot = backend->offset,
			.skip = backend->skip,
			.weight = backend->weight,
		};
	}
	return used;
}

/* Turns are taken until every slot has an owner. */
static void turns_take(
	struct turn *turns, size_t count, uint32_t max, uint16_t *slots, uint32_t size)
{
	uint32_t filled = 0;

	for (;;) {
		for (size_t i = 0; i < count; i++) {
			turns[i].credit += turns[i].weight;
			if (turns[i].credit < max)
				continue;
			turns[i].credit -= max;
			slot_claim(&turns[i], slots, size);
			if (++filled == size)
				return;
		}
	}
}

static int fill(const struct maglev_backend *backends, const uint32_t *order, size_t count,
	uint16_t *slots, uint32_t size)
{
	struct turn *turns;
	size_t used;
	uint32_t max;

	if (!maglev_is_size(size) || count >= MAGLEV_EMPTY)
		return -EINVAL;
	/* Never 0 bytes: calloc may answer that with NULL. */
	turns = calloc(count + 1, sizeof(*turns));
	if (turns == NULL)
		return -ENOMEM;
	memset(slots, 0xff, size * sizeof(*slots));
	used = turns_prepare(backends, order, count, turns, &max);
	if (used > 0)
		turns_take(turns, used, max, slots, size);
	free(turns);
	return 0;
}

int maglev_fill(const struct maglev_backend *backends, size_t count, uint16_t *slots, uint32_t size)
{
	return fill(backends, NULL, count, slots, size);
}

static int name_compare(const void *a, const void *b)
{
	const struct named *left = a;
	const struct named *right = b;

	return strcmp(left->name, right->name);
}

/* Indexes of the backends in the order of their names, for the caller to free; NULL: no memory. */
static uint32_t *order_by_name(const struct maglev_backend *backends, size_t count)
{
	struct named *named = calloc(count + 1, sizeof(*named));
	uint32_t *order = calloc(count + 1, sizeof(*order));

	if (named == NULL || order == NULL) {
		free(named);
		free(order);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		named[i] = (struct named){ .name = backends[i].name, .index = (uint32_t)i };
	qsort(named, count, sizeof(*named), name_compare);
	for (size_t i = 0; i < count; i++)
		order[i] = named[i].index;
	free(named);
	return order;
}

int maglev_build(struct maglev_backend *backends, size_t count, struct hash_key key,
	uint16_t *slots, uint32_t size)
{
	uint32_t *order;
	int error;

	if (!maglev_is_size(size))
		return -EINVAL;
	order = order_by_name(backends, count);
	if (order == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		maglev_permute(&backends[i], size, key);
	error = fill(backends, order, count, slots, size);
	free(order);
	return error;
}
