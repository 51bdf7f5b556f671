/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static struct member_list *bucket_of(
	struct backend_registry *registry, const char *pool, const char *name)
{
	/* The key keeps nobody out: names come from our own configuration. */
	struct hash_key key = { .k0 = hash_bytes((struct hash_key){ 0 }, pool, strlen(pool)) };

	return &registry->buckets[hash_bytes(key, name, strlen(name)) % REGISTRY_BUCKETS];
}

struct backend_registry *backend_registry_create(unsigned core_count, struct rcu *rcu)
{
	struct backend_registry *registry = calloc(1, sizeof(*registry));

	if (registry == NULL)
		return NULL;
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++)
		SLIST_INIT(&registry->buckets[i]);
	SLIST_INIT(&registry->pools);
	registry->rcu = rcu;
	registry->core_count = core_count;
	return registry;
}

void backend_registry_destroy(struct backend_registry *registry)
{
	struct pool_identity *identity;

	if (registry == NULL)
		return;
	while ((identity = SLIST_FIRST(&registry->pools)) != NULL) {
		SLIST_REMOVE_HEAD(&registry->pools, link);
		pool_identity_destroy(identity);
	}
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++) {
		struct member_entry *entry;

		while ((entry = SLIST_FIRST(&registry->buckets[i])) != NULL) {
			SLIST_REMOVE_HEAD(&registry->buckets[i], link);
			member_destroy(entry);
		}
	}
	free(registry);
}

struct pool_identity *registry_pool_get(struct backend_registry *registry, const char *name)
{
	struct pool_identity *identity;

	SLIST_FOREACH(identity, &registry->pools, link)
	{
		if (strcmp(identity->name, name) == 0)
			return identity;
	}
	identity = pool_identity_create(name, registry->core_count);
	if (identity != NULL)
		SLIST_INSERT_HEAD(&registry->pools, identity, link);
	return identity;
}

/* Another address or port under a known name is another server, without the old one's state. */
static bool is_same(const struct member *member, const struct config_pool *pool,
	const struct config_member *config)
{
	return member->port == config->port && ip_equal(&member->address, &config->address) &&
		strcmp(member->name, config->name) == 0 &&
		strcmp(member->pool_name, pool->name) == 0;
}

struct member *registry_member_get(struct backend_registry *registry,
	const struct config_pool *pool, const struct config_member *config)
{
	struct member_list *bucket = bucket_of(registry, pool->name, config->name);
	struct member_entry *entry;
	struct member *member;

	SLIST_FOREACH(entry, bucket, link)
	{
		if (is_same(&entry->member, pool, config))
			return &entry->member;
	}
	member = member_create(pool, config, registry->core_count);
	if (member == NULL)
		return NULL;
	member->id = ++registry->last_id;
	/* All members of the first configuration are new: none needs to be spared. */
	if (registry->mark > 0)
		member_warm_start(member, pool);
	entry = (struct member_entry *)member;
	SLIST_INSERT_HEAD(bucket, entry, link);
	return member;
}

static bool member_is_idle(void *entry)
{
	return member_conns_now(&((struct member_entry *)entry)->member) == 0;
}

/* The file's weights take effect with the set that was built from them. */
static void set_mark(struct backend_registry *registry, const struct backend_set *set)
{
	registry->mark++;
	for (unsigned i = 0; i < set->count; i++) {
		const struct pool *pool = set->pools[i];

		for (unsigned k = 0; k < pool->count; k++) {
			struct member *member = pool->members[k];
			const struct config_member *config = &pool->config->members[k];

			((struct member_entry *)member)->mark = registry->mark;
			member->weight = member_weight_next(member, config);
			if (member->config_weight != config->weight)
				member->is_weight_overridden = false;
			member->config_weight = config->weight;
		}
	}
}

/* Out of the book at once; the memory goes when its last connection has. */
static void member_retire(
	struct backend_registry *registry, struct member_list *bucket, struct member_entry *entry)
{
	/* Workers read this one: UDP flows leave the member as they leave one in maintenance. */
	__atomic_store_n(&entry->member.admin, MEMBER_MAINT, __ATOMIC_RELAXED);
	if (rcu_defer(registry->rcu, entry, member_is_idle, member_destroy) == 0)
		SLIST_REMOVE(bucket, entry, member_entry, link);
}

void backend_registry_commit(struct backend_registry *registry, const struct backend_set *set)
{
	set_mark(registry, set);
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++) {
		struct member_entry *entry = SLIST_FIRST(&registry->buckets[i]);

		while (entry != NULL) {
			struct member_entry *next = SLIST_NEXT(entry, link);

			if (entry->mark != registry->mark)
				member_retire(registry, &registry->buckets[i], entry);
			entry = next;
		}
	}
}
