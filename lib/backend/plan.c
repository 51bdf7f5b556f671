/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration would do to a pool, without doing it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/maglev.h"
#include "pool.h"
#include "registry.h"

/* A name on its way to an index, for search. */
struct place {
	const char *name;
	uint32_t index;
};

static int place_compare(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

/* Members of the running pool by name; NULL: no memory. */
static struct place *places_create(const struct pool *now)
{
	unsigned count = now == NULL ? 0 : now->count;
	struct place *places = calloc(count + 1, sizeof(*places));

	for (unsigned i = 0; places != NULL && i < count; i++)
		places[i] = (struct place){ .name = now->members[i]->name, .index = i };
	if (places != NULL)
		qsort(places, count, sizeof(*places), place_compare);
	return places;
}

/* The same server: under another address the name is another one's. */
static uint16_t member_now(
	const struct pool *now, const struct place *places, const struct config_member *config)
{
	const struct place wanted = { .name = config->name };
	const struct place *place;
	const struct member *member;

	if (now == NULL)
		return UINT16_MAX;
	place = bsearch(&wanted, places, now->count, sizeof(wanted), place_compare);
	if (place == NULL)
		return UINT16_MAX;
	member = now->members[place->index];
	if (member->port != config->port || !ip_equal(&member->address, &config->address))
		return UINT16_MAX;
	return (uint16_t)place->index;
}

/* The weight with which a member takes part once the plan is loaded and slow starts are over. */
static uint32_t weight_planned(const struct member *member, const struct config_member *config)
{
	uint32_t weight;

	if (member == NULL)
		return config->weight;
	weight = member_weight_next(member, config);
	return member_is_usable_with(member, weight) ? weight : 0;
}

static int id_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The plan's members: who they are now, and what they would weigh. */
static void members_plan(struct pool_plan *plan, const struct pool *now, const struct place *places,
	struct balance_backend *backends, uint16_t *positions)
{
	const struct config_pool *config = plan->config;
	size_t count = config->member_count;

	for (size_t i = 0; i < count; i++) {
		const struct member *member = NULL;

		positions[i] = member_now(now, places, &config->members[i]);
		if (positions[i] != UINT16_MAX)
			member = now->members[positions[i]];
		else
			plan->added++;
		plan->ids[i] = member == NULL ? 0 : member->id;
		plan->sorted[i] = plan->ids[i];
		backends[i] = (struct balance_backend){
			.name = config->members[i].name,
			.weight = weight_planned(member, &config->members[i]),
		};
	}
	pool_tiers_apply(config, backends);
	qsort(plan->sorted, count, sizeof(plan->sorted[0]), id_compare);
	if (now != NULL)
		plan->removed = now->count - (unsigned)(count - plan->added);
}

/* unchanged: by member of the running pool, whether its weight stays what it is. */
static void slots_compare(struct pool_plan *plan, const struct pool *now, const uint16_t *positions,
	const bool *unchanged)
{
	uint32_t count_now;
	const uint16_t *slots_now = balance_slots(now->balance, &count_now);
	const uint16_t *slots_next = balance_slots(plan->balance, &plan->slots);

	if (slots_now == NULL || slots_next == NULL)
		return;
	for (uint32_t i = 0; i < plan->slots; i++) {
		/* Of another size: what stands at the same place of the range of hashes. */
		uint16_t was = slots_now[(uint64_t)i * count_now / plan->slots];
		uint16_t is = slots_next[i] == MAGLEV_EMPTY ? MAGLEV_EMPTY
							    : positions[slots_next[i]];

		if (was == is && was != MAGLEV_EMPTY)
			continue;
		plan->moved += was != MAGLEV_EMPTY || slots_next[i] != MAGLEV_EMPTY;
		plan->collateral += was != MAGLEV_EMPTY && is != MAGLEV_EMPTY && unchanged[was] &&
			unchanged[is];
	}
}

/* Marks the members of the running pool whose weight stays. NULL: no memory. */
static bool *unchanged_mark(const struct pool *now, const struct balance_backend *backends,
	const uint16_t *positions, size_t count)
{
	bool *unchanged = calloc(now->count + 1, sizeof(*unchanged));

	for (size_t i = 0; unchanged != NULL && i < count; i++) {
		const struct member *member;
		uint32_t weight;

		if (positions[i] == UINT16_MAX)
			continue;
		member = now->members[positions[i]];
		weight = member_is_usable(member) ? member->weight : 0;
		unchanged[positions[i]] = backends[i].weight == weight;
	}
	return unchanged;
}

static int plan_fill(struct pool_plan *plan, const struct pool *now, const struct config *next,
	struct balance_backend *backends, uint16_t *positions)
{
	const struct config_pool *config = plan->config;
	struct place *places = places_create(now);
	bool *unchanged;

	if (places == NULL)
		return -ENOMEM;
	members_plan(plan, now, places, backends, positions);
	free(places);
	plan->balance = balance_build(balance_find(config_balance_name(config->balance)), backends,
		config->member_count, hash_key_from_seed(next->seed), next->maglev_size);
	if (plan->balance == NULL)
		return -ENOMEM;
	balance_slots(plan->balance, &plan->slots);
	if (now == NULL)
		return 0;
	unchanged = unchanged_mark(now, backends, positions, config->member_count);
	if (unchanged == NULL)
		return -ENOMEM;
	slots_compare(plan, now, positions, unchanged);
	free(unchanged);
	return 0;
}

int pool_plan_create(
	struct pool_plan *plan, const struct pool *now, const struct config *next, unsigned index)
{
	size_t room = next->pools[index].member_count + 1;
	struct balance_backend *backends = calloc(room, sizeof(*backends));
	uint16_t *positions = calloc(room, sizeof(*positions));
	int ret = -ENOMEM;

	*plan = (struct pool_plan){
		.config = &next->pools[index],
		.ids = calloc(room, sizeof(plan->ids[0])),
		.sorted = calloc(room, sizeof(plan->sorted[0])),
	};
	if (backends != NULL && positions != NULL && plan->ids != NULL && plan->sorted != NULL)
		ret = plan_fill(plan, now, next, backends, positions);
	free(backends);
	free(positions);
	return ret;
}

void pool_plan_destroy(struct pool_plan *plan)
{
	balance_destroy(plan->balance);
	free(plan->ids);
	free(plan->sorted);
	*plan = (struct pool_plan){ .config = NULL };
}

uint32_t pool_plan_pick(const struct pool_plan *plan, uint32_t hash)
{
	const struct balance_query query = { .hash = hash };
	int index = balance_pick(plan->balance, &query);

	return index < 0 ? 0 : plan->ids[index];
}

bool pool_plan_keeps(const struct pool_plan *plan, uint32_t member_id)
{
	return bsearch(&member_id, plan->sorted, plan->config->member_count, sizeof(member_id),
		       id_compare) != NULL;
}
