/* SPDX-License-Identifier: Apache-2.0 */
/* Members by other ways than the scheduler's choice, and members that start slowly. */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "balance/maglev.h"
#include "base/clock.h"

/* A slow start rebuilds the table so often. */
#define WARM_STEPS 32

#define TIERS_MAX 16

struct key {
	struct config_quic_id quic;
	uint32_t id;
	uint32_t index;
};

struct pool_lookup {
	unsigned count;
	unsigned quic_count;
	struct key *by_quic; /* [quic_count] in the order of quic */
	struct key by_id[];  /* [count] in the order of id */
};

/* The slots before the change, by index into the members after it; MAGLEV_EMPTY: left the pool. */
struct pool_chance {
	uint64_t until_us;
	uint32_t count;
	uint16_t slots[];
};

static int quic_compare(const void *a, const void *b)
{
	return memcmp(&((const struct key *)a)->quic, &((const struct key *)b)->quic,
		sizeof(struct config_quic_id));
}

static int id_compare(const void *a, const void *b)
{
	uint32_t left = ((const struct key *)a)->id;
	uint32_t right = ((const struct key *)b)->id;

	return left < right ? -1 : left > right;
}

struct pool_lookup *pool_lookup_create(const struct pool *pool)
{
	struct pool_lookup *lookup = calloc(
		1, sizeof(*lookup) + 2 * pool->count * sizeof(struct key));

	if (lookup == NULL)
		return NULL;
	lookup->count = pool->count;
	lookup->by_quic = &lookup->by_id[pool->count];
	for (unsigned i = 0; i < pool->count; i++) {
		struct key key = {
			.quic = pool->config->members[i].quic_id,
			.id = pool->members[i]->id,
			.index = i,
		};

		lookup->by_id[i] = key;
		if (key.quic.len > 0)
			lookup->by_quic[lookup->quic_count++] = key;
	}
	qsort(lookup->by_id, lookup->count, sizeof(struct key), id_compare);
	qsort(lookup->by_quic, lookup->quic_count, sizeof(struct key), quic_compare);
	return lookup;
}

void pool_lookup_destroy(struct pool_lookup *lookup)
{
	free(lookup);
}

struct member *pool_member_by_id(const struct pool *pool, uint32_t id, uint32_t *index)
{
	const struct key wanted = { .id = id };
	const struct key *key;

	if (*index < pool->count && pool->members[*index]->id == id)
		return pool->members[*index];
	key = bsearch(
		&wanted, pool->lookup->by_id, pool->lookup->count, sizeof(wanted), id_compare);
	if (key == NULL)
		return NULL;
	*index = key->index;
	return pool->members[key->index];
}

struct member *pool_member_by_quic_id(const struct pool *pool, const uint8_t *id, unsigned len)
{
	struct key wanted = { .quic = { .len = (uint8_t)len } };
	const struct key *key;

	if (len == 0 || len > sizeof(wanted.quic.bytes))
		return NULL;
	memcpy(wanted.quic.bytes, id, len);
	key = bsearch(&wanted, pool->lookup->by_quic, pool->lookup->quic_count, sizeof(wanted),
		quic_compare);
	return key == NULL ? NULL : pool->members[key->index];
}

/* The member that the table before the change names; MAGLEV_EMPTY: none, or too late to ask. */
static uint16_t chance_index(const struct pool *pool, uint32_t hash, uint64_t now_us)
{
	const struct pool_chance *chance = pool->chance;

	if (chance == NULL || now_us >= chance->until_us)
		return MAGLEV_EMPTY;
	return chance->slots[balance_slot_of(hash, chance->count)];
}

/*
 * The highest tier that is to get something: tiers are taken together, the lowest first, until
 * enough of their weight is usable.
 */
static unsigned tier_last(const struct config_pool *config, const struct balance_backend *backends)
{
	uint64_t all = 0;
	uint64_t usable = 0;
	bool has_usable = false;
	unsigned tier = 0;

	for (; tier < TIERS_MAX; tier++) {
		for (size_t i = 0; i < config->member_count; i++) {
			const struct config_member *member = &config->members[i];

			if (member->tier != tier)
				continue;
			all += member->weight;
			usable += backends[i].weight > 0 ? member->weight : 0;
			has_usable |= backends[i].weight > 0;
		}
		if (has_usable && usable * 100 >= all * config->tier_min_pct)
			break;
	}
	return tier;
}

void pool_tiers_apply(const struct config_pool *config, struct balance_backend *backends)
{
	unsigned last = tier_last(config, backends);

	for (size_t i = 0; i < config->member_count; i++) {
		if (config->members[i].tier > last)
			backends[i].weight = 0;
	}
}

static bool is_down(const struct member *member)
{
	/* Written by the control thread at any time. */
	return __atomic_load_n(&member->health, __ATOMIC_RELAXED) == MEMBER_DOWN;
}

struct member *pool_pick_established(
	const struct pool *pool, const struct balance_query *query, uint64_t now_us)
{
	uint16_t index = chance_index(pool, query->hash, now_us);
	uint32_t slot_count;

	if (index != MAGLEV_EMPTY && !is_down(pool->members[index]))
		return pool->members[index];
	if (balance_slots(pool->balance, &slot_count) == NULL)
		return NULL;
	return pool_pick(pool, query);
}

bool pool_is_settled(const struct pool *pool, uint32_t hash, uint64_t now_us)
{
	const struct balance_query query = { .hash = hash };
	uint16_t index = chance_index(pool, hash, now_us);

	return index == MAGLEV_EMPTY || (int)index == balance_pick(pool->balance, &query);
}

/* Where each member of old is in pool. Freed by the caller; NULL: no memory. */
static uint16_t *positions_map(const struct pool *pool, const struct pool *old)
{
	uint16_t *positions = malloc((old->count + 1) * sizeof(*positions));

	for (unsigned i = 0; positions != NULL && i < old->count; i++) {
		uint32_t index = i;
		const struct member *member = pool_member_by_id(pool, old->members[i]->id, &index);

		positions[i] = member == NULL ? MAGLEV_EMPTY : (uint16_t)index;
	}
	return positions;
}

static struct pool_chance *chance_create(
	const struct pool *pool, const struct pool *old, const uint16_t *slots, uint32_t count)
{
	struct pool_chance *chance = malloc(sizeof(*chance) + count * sizeof(chance->slots[0]));
	uint16_t *positions = positions_map(pool, old);

	if (chance == NULL || positions == NULL) {
		free(positions);
		free(chance);
		return NULL;
	}
	chance->count = count;
	for (uint32_t i = 0; i < count; i++)
		chance->slots[i] = slots[i] == MAGLEV_EMPTY ? MAGLEV_EMPTY : positions[slots[i]];
	free(positions);
	return chance;
}

static bool is_same_table(const struct pool *pool, const struct pool_chance *chance)
{
	uint32_t count;
	const uint16_t *slots = balance_slots(pool->balance, &count);

	return slots != NULL && count == chance->count &&
		memcmp(slots, chance->slots, count * sizeof(slots[0])) == 0;
}

static void pool_follow(struct pool *pool, const struct pool *old, bool is_step, uint64_t now_us)
{
	const struct pool_chance *older = old->chance;
	struct pool_chance *chance = NULL;
	const uint16_t *slots;
	uint32_t count;

	if (pool->config->second_chance_ms == 0)
		return;
	slots = balance_slots(old->balance, &count);
	if (slots != NULL && !is_step)
		chance = chance_create(pool, old, slots, count);
	if (chance != NULL && !is_same_table(pool, chance)) {
		chance->until_us = now_us + pool->config->second_chance_ms * CLOCK_US_PER_MS;
	} else {
		/* Nothing moved now: what moved before goes on having its second chance. */
		free(chance);
		chance = NULL;
		if (older != NULL && now_us < older->until_us)
			chance = chance_create(pool, old, older->slots, older->count);
		if (chance != NULL)
			chance->until_us = older->until_us;
	}
	pool->chance = chance;
}

static const struct pool *pool_named(
	const struct backend_set *set, const char *name, unsigned guess)
{
	if (guess < set->count && strcmp(set->pools[guess]->name, name) == 0)
		return set->pools[guess];
	for (unsigned i = 0; i < set->count; i++) {
		if (strcmp(set->pools[i]->name, name) == 0)
			return set->pools[i];
	}
	return NULL;
}

void backend_set_follow(
	struct backend_set *set, const struct backend_set *old, bool is_step, uint64_t now_us)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct pool *pool = set->pools[i];
		const struct pool *before = pool_named(old, pool->name, i);

		/* A pool that both share has been published: it stays as it is. */
		if (before != NULL && before != pool)
			pool_follow(pool, before, is_step, now_us);
	}
}

void member_warm_start(struct member *member, const struct config_pool *pool)
{
	if (pool->slow_start_ms == 0)
		return;
	member->warm = 1;
	member->warm_from_us = 0;
}

static uint32_t warm_share(const struct member *member, unsigned slow_start_ms, uint64_t now_us)
{
	uint64_t full_us = slow_start_ms * CLOCK_US_PER_MS;
	uint64_t elapsed_us = now_us - member->warm_from_us;
	uint64_t share;

	if (elapsed_us >= full_us)
		return MEMBER_WARM;
	share = elapsed_us * WARM_STEPS / full_us * (MEMBER_WARM / WARM_STEPS);
	return share == 0 ? 1 : (uint32_t)share;
}

bool pool_warm(const struct pool *pool, uint64_t now_us)
{
	bool has_changed = false;

	for (unsigned i = 0; i < pool->count; i++) {
		struct member *member = pool->members[i];
		uint32_t share;

		if (member->warm == MEMBER_WARM)
			continue;
		if (member->warm_from_us == 0)
			member->warm_from_us = now_us;
		share = warm_share(member, pool->config->slow_start_ms, now_us);
		has_changed |= share != member->warm;
		member->warm = share;
	}
	return has_changed;
}
