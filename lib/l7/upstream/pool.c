/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../core.h"
#include "upstream.h"

#define GROW_COUNT 64

int upstream_pools_create(struct upstream_pools *pools, uint32_t max_connections)
{
	for (unsigned i = 0; i < UPSTREAM_BUCKETS; i++)
		LIST_INIT(&pools->buckets[i]);
	SLIST_INIT(&pools->dead);
	SLIST_INIT(&pools->dead_h2);
	pools->pools = objpool_create(sizeof(struct upstream_pool), GROW_COUNT, 0);
	pools->upstreams = objpool_create(sizeof(struct upstream), GROW_COUNT, 0);
	pools->h2s = objpool_create(sizeof(struct upstream_h2), GROW_COUNT, max_connections);
	return pools->pools == NULL || pools->h2s == NULL || pools->upstreams == NULL ? -ENOMEM : 0;
}

void upstream_pools_destroy(struct upstream_pools *pools)
{
	objpool_destroy(pools->pools);
	objpool_destroy(pools->upstreams);
	objpool_destroy(pools->h2s);
}

static unsigned bucket_of(const struct member *member)
{
	return (uint32_t)(member->id * 0x9e3779b1u) % UPSTREAM_BUCKETS;
}

struct upstream_pool *upstream_pool_find(struct l7_core *l7, const struct member *member)
{
	struct upstream_pool *pool;

	LIST_FOREACH (pool, &l7->upstreams.buckets[bucket_of(member)], link) {
		if (pool->member == member)
			return pool;
	}
	return NULL;
}

struct upstream_pool *upstream_pool_get(struct l7_core *l7, struct member *member)
{
	struct upstream_pool *pool = upstream_pool_find(l7, member);

	if (pool != NULL)
		return pool;
	pool = objpool_get(l7->upstreams.pools);
	if (pool == NULL)
		return NULL;
	memset(pool, 0, sizeof(*pool));
	pool->member = member;
	pool->generation = l7->generation;
	TAILQ_INIT(&pool->idle);
	LIST_INIT(&pool->h2s);
	LIST_INSERT_HEAD(&l7->upstreams.buckets[bucket_of(member)], pool, link);
	return pool;
}

void upstream_pool_put(struct upstream_pools *pools, struct upstream_pool *pool)
{
	LIST_REMOVE(pool, link);
	objpool_put(pools->pools, pool);
}

/* The entry goes with its last connection, but not before this is done. */
static void close_idle(struct l7_core *l7, struct upstream_pool *pool)
{
	struct upstream_h2 *h2 = LIST_FIRST(&pool->h2s);

	pool->conn_count++;
	while (h2 != NULL) {
		struct upstream_h2 *next = LIST_NEXT(h2, link);

		if (h2->user_count == 0)
			upstream_h2_close(h2);
		h2 = next;
	}
	while (pool->idle_count > 0)
		upstream_close(TAILQ_FIRST(&pool->idle));
	if (--pool->conn_count == 0)
		upstream_pool_put(&l7->upstreams, pool);
}

static void close_idle_before(struct l7_core *l7, uint64_t generation)
{
	for (unsigned i = 0; i < UPSTREAM_BUCKETS; i++) {
		struct upstream_pool *pool = LIST_FIRST(&l7->upstreams.buckets[i]);

		while (pool != NULL) {
			struct upstream_pool *next = LIST_NEXT(pool, link);

			if (pool->generation < generation)
				close_idle(l7, pool);
			pool = next;
		}
	}
}

void upstream_pools_refresh(struct l7_core *l7)
{
	const struct backend_set *set = l7->snapshot->backends;

	for (unsigned i = 0; i < set->count; i++) {
		for (unsigned j = 0; j < set->pools[i]->count; j++) {
			struct member *member = set->pools[i]->members[j];
			struct upstream_pool *pool = upstream_pool_find(l7, member);

			if (pool != NULL && member_is_usable(member))
				pool->generation = l7->generation;
		}
	}
	close_idle_before(l7, l7->generation);
}

/* With a connection counted on, the entry stays until this is done: see close_idle(). */
static void renew(struct l7_core *l7, struct upstream_pool *pool)
{
	struct upstream *upstream = TAILQ_FIRST(&pool->idle);
	struct upstream_h2 *h2 = LIST_FIRST(&pool->h2s);

	pool->conn_count++;
	while (h2 != NULL) {
		struct upstream_h2 *next = LIST_NEXT(h2, link);

		h2->is_retired |= h2->context != NULL;
		if (h2->is_retired && h2->user_count == 0)
			upstream_h2_close(h2);
		h2 = next;
	}
	while (upstream != NULL) {
		struct upstream *next = TAILQ_NEXT(upstream, idle_link);

		if (upstream->context != NULL)
			upstream_close(upstream);
		upstream = next;
	}
	if (--pool->conn_count == 0)
		upstream_pool_put(&l7->upstreams, pool);
}

void upstream_pools_renew(struct l7_core *l7)
{
	for (unsigned i = 0; i < UPSTREAM_BUCKETS; i++) {
		struct upstream_pool *pool = LIST_FIRST(&l7->upstreams.buckets[i]);

		while (pool != NULL) {
			struct upstream_pool *next = LIST_NEXT(pool, link);

			renew(l7, pool);
			pool = next;
		}
	}
}

void upstream_pools_close_idle(struct l7_core *l7)
{
	close_idle_before(l7, UINT64_MAX);
}

void upstream_pools_free_dead(struct upstream_pools *pools)
{
	struct upstream *upstream;

	while ((upstream = SLIST_FIRST(&pools->dead)) != NULL) {
		SLIST_REMOVE_HEAD(&pools->dead, dead_link);
		if (upstream->h2_stream != NULL)
			h2_stream_close(upstream->h2_stream, upstream->h2_code);
		transport_finish(&upstream->transport);
		objpool_put(pools->upstreams, upstream);
	}
	upstream_h2_free_dead(pools);
}
