/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "pool.h"
#include "registry.h"

/* A pool and the number of sets that share it. Control thread. */
struct shared_pool {
	struct pool pool;
	unsigned users;
};

static uint32_t (*pool_load(const struct config_pool *config))(const void *, uint64_t)
{
	if (config->balance == CONFIG_BALANCE_LEAST_CONNECTIONS ||
		config->balance == CONFIG_BALANCE_LC)
		return member_load_conns;
	if (config->balance == CONFIG_BALANCE_PEAK_EWMA)
		return member_load_latency;
	return member_load;
}

/* Members that may not be used take part with weight 0, so that indexes stay those of the pool. */
static struct balance *table_build(struct pool *pool, const struct config *config)
{
	struct balance_backend *backends = calloc(pool->count + 1, sizeof(*backends));
	struct balance *balance;

	if (backends == NULL)
		return NULL;
	for (unsigned i = 0; i < pool->count; i++) {
		const struct member *member = pool->members[i];
		uint32_t weight = member_weight_next(member, &pool->config->members[i]);
		bool is_usable = member_is_usable_with(member, weight);

		backends[i] = (struct balance_backend){
			.name = member->name,
			.weight = is_usable ? weight * member->warm : 0,
			.load = pool_load(pool->config),
			.ctx = member,
		};
		pool->usable += is_usable;
	}
	pool_tiers_apply(pool->config, backends);
	for (unsigned i = 0; i < pool->count; i++)
		pool->is_active[i] = backends[i].weight > 0;
	balance = balance_build(balance_find(config_balance_name(pool->config->balance)), backends,
		pool->count, hash_key_from_seed(config->seed), config->maglev_size);
	free(backends);
	return balance;
}

static void pool_release(struct pool *pool)
{
	struct shared_pool *shared = (struct shared_pool *)pool;

	if (pool == NULL || --shared->users > 0)
		return;
	balance_destroy(pool->balance);
	pool_lookup_destroy(pool->lookup);
	free(pool->chance);
	learned_put(pool->learned);
	free(pool->is_active);
	free(pool->members);
	free(shared);
}

/* A pool of the configuration with room for its members, used once. */
static struct pool *pool_alloc(const struct config_pool *config)
{
	struct shared_pool *shared = calloc(1, sizeof(*shared));

	if (shared == NULL)
		return NULL;
	shared->users = 1;
	shared->pool.config = config;
	shared->pool.name = config->name;
	shared->pool.count = (unsigned)config->member_count;
	shared->pool.members = calloc(config->member_count + 1, sizeof(struct member *));
	shared->pool.is_active = calloc(config->member_count + 1, sizeof(bool));
	if (shared->pool.members != NULL && shared->pool.is_active != NULL)
		return &shared->pool;
	free(shared->pool.members);
	free(shared->pool.is_active);
	free(shared);
	return NULL;
}

/*
 * The table belongs to the pool's name, so that it outlives configurations; one of another size
 * takes over what there is room for. False: no memory.
 */
static bool pool_learn(struct pool *pool)
{
	const struct config_learn *learn = &pool->config->sticky.learn;
	struct pool_identity *identity = pool->identity;
	struct learned *learned = identity->learned;

	if (!learn->is_set)
		return true;
	if (learned == NULL || learned_size(learned) != learn->entries) {
		learned = learned_create(learn->entries);
		if (learned == NULL)
			return false;
		if (identity->learned != NULL)
			learned_copy(learned, identity->learned);
		learned_put(identity->learned);
		identity->learned = learned;
	}
	pool->learned = learned_share(learned);
	return true;
}

/* What is made from the members. False: no memory. */
static bool pool_complete(struct pool *pool, const struct config *config)
{
	pool->lookup = pool_lookup_create(pool);
	if (pool->lookup != NULL)
		pool->balance = table_build(pool, config);
	return pool->balance != NULL;
}

static struct pool *pool_create(
	struct backend_registry *registry, const struct config *config, unsigned index)
{
	struct pool *pool = pool_alloc(&config->pools[index]);

	if (pool == NULL)
		return NULL;
	pool->identity = registry_pool_get(registry, pool->name);
	for (unsigned i = 0; pool->identity != NULL && i < pool->count; i++) {
		pool->members[i] = registry_member_get(
			registry, pool->config, &pool->config->members[i]);
		if (pool->members[i] == NULL) {
			pool_release(pool);
			return NULL;
		}
		pool->members[i]->identity = pool->identity;
	}
	if (pool->identity != NULL && pool_learn(pool) && pool_complete(pool, config))
		return pool;
	pool_release(pool);
	return NULL;
}

static struct pool *pool_rebuild(const struct pool *old, const struct config *config)
{
	struct pool *pool = pool_alloc(old->config);

	if (pool == NULL)
		return NULL;
	pool->identity = old->identity;
	pool->learned = old->learned == NULL ? NULL : learned_share(old->learned);
	memcpy(pool->members, old->members, pool->count * sizeof(struct member *));
	if (pool_complete(pool, config))
		return pool;
	pool_release(pool);
	return NULL;
}

static struct backend_set *set_alloc(unsigned count)
{
	struct backend_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->pools = calloc(count + 1, sizeof(struct pool *));
	if (set->pools == NULL) {
		free(set);
		return NULL;
	}
	set->count = count;
	return set;
}

struct backend_set *backend_set_create(
	struct backend_registry *registry, const struct config *config, struct err *err)
{
	struct backend_set *set = set_alloc((unsigned)config->pool_count);

	if (set == NULL) {
		err_set(err, ENOMEM, "no memory for the pools");
		return NULL;
	}
	for (unsigned i = 0; i < set->count; i++) {
		set->pools[i] = pool_create(registry, config, i);
		if (set->pools[i] == NULL) {
			err_set(err, ENOMEM,
				"pool %s: no memory for its members and a table of %u slots",
				config->pools[i].name, config->maglev_size);
			backend_set_destroy(set);
			return NULL;
		}
	}
	return set;
}

struct backend_set *backend_set_rebuild(
	const struct backend_set *set, unsigned index, const struct config *config)
{
	struct backend_set *next = set_alloc(set->count);

	if (next == NULL)
		return NULL;
	for (unsigned i = 0; i < set->count; i++) {
		if (i == index)
			continue;
		next->pools[i] = set->pools[i];
		((struct shared_pool *)next->pools[i])->users++;
	}
	next->pools[index] = pool_rebuild(set->pools[index], config);
	if (next->pools[index] != NULL)
		return next;
	backend_set_destroy(next);
	return NULL;
}

void backend_set_destroy(struct backend_set *set)
{
	if (set == NULL)
		return;
	for (unsigned i = 0; i < set->count; i++)
		pool_release(set->pools[i]);
	free(set->pools);
	free(set);
}

struct member *backend_set_find(
	const struct backend_set *set, const char *pool, const char *member, unsigned *pool_index)
{
	for (unsigned i = 0; i < set->count; i++) {
		const struct pool *candidate = set->pools[i];

		if (strcmp(candidate->name, pool) != 0)
			continue;
		for (unsigned k = 0; k < candidate->count; k++) {
			if (strcmp(candidate->members[k]->name, member) != 0)
				continue;
			if (pool_index != NULL)
				*pool_index = i;
			return candidate->members[k];
		}
	}
	return NULL;
}
