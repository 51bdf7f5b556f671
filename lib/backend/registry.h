/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_REGISTRY_H
#define BACKEND_REGISTRY_H

#include <sys/queue.h>

#include "backend/backend.h"

#define REGISTRY_BUCKETS 4096

/* A member and its place in the registry. Control thread. */
struct member_entry {
	struct member member;
	SLIST_ENTRY(member_entry) link;
	uint64_t mark; /* of the last commit whose set had it */
};

SLIST_HEAD(member_list, member_entry);

struct backend_registry {
	struct member_list buckets[REGISTRY_BUCKETS];
	SLIST_HEAD(, pool_identity) pools;
	struct rcu *rcu;
	unsigned core_count;
	uint32_t last_id;
	uint64_t mark;
};

/* The member that the configuration names, made if it is new; NULL when memory is short. */
struct member *registry_member_get(struct backend_registry *registry,
	const struct config_pool *pool, const struct config_member *config);

/* The pool's book, made if the name is new; NULL when memory is short. */
struct pool_identity *registry_pool_get(struct backend_registry *registry, const char *name);

/* NULL when memory is short. */
struct pool_identity *pool_identity_create(const char *name, unsigned core_count);
void pool_identity_destroy(struct pool_identity *identity);

/* NULL when memory is short. */
struct member *member_create(
	const struct config_pool *pool, const struct config_member *config, unsigned core_count);
void member_destroy(void *entry);

/*
 * The weight that the member has once 'config' is published: a weight set by the socket holds
 * until the file's weight changes.
 */
uint32_t member_weight_next(const struct member *member, const struct config_member *config);

/* Whether the member may get new work when that is its weight. */
bool member_is_usable_with(const struct member *member, uint32_t weight);

/* Requests or connections now, and connections alone, for balancing. Any thread. */
uint32_t member_load(const void *member, uint64_t now_us);
uint32_t member_load_conns(const void *member, uint64_t now_us);

/* Requests now, and one more, times the time to the answer. */
uint32_t member_load_latency(const void *member, uint64_t now_us);

#endif
