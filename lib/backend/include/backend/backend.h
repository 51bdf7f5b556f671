/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/balance.h"
#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"
#include "runtime/core.h"
#include "runtime/rcu.h"

/* What one core did with one member. Written by that core alone. */
struct member_counters {
#define COUNTER(name, help) uint64_t name;
#include "backend/member.def"
#undef COUNTER
} __rte_cache_aligned;
extern const struct stats_set member_stats_set;

enum member_admin { MEMBER_READY, MEMBER_DRAIN, MEMBER_MAINT };
enum member_health { MEMBER_UNCHECKED, MEMBER_UP, MEMBER_DOWN };

/*
 * A server of a pool. Lives from the configuration that names it first until none names it and no
 * core has a connection to it; its pointer is safe to keep as long as conns_now counts it. State
 * is written by the control thread only; workers see it through the pool's balance table.
 */
struct member {
	struct ip_addr address;
	uint16_t port; /* host order */
	uint16_t port_be;
	const char *name;
	const char *pool_name;
	uint32_t id; /* unique in this process, from 1 */
	/* Control thread. */
	enum member_admin admin;
	enum member_health health;
	uint32_t weight; /* effective: the file's, or the socket's since */
	uint32_t config_weight;
	bool is_weight_overridden;
	uint64_t changed_at_us; /* last change between up and down */
	uint64_t checks, checks_failed, downs;
	char check_detail[64]; /* last check's outcome, for show servers */
	void *health_state;    /* lib/health's, in control */
	unsigned core_count;
	struct member_counters *cores; /* [core_count] */
};

/*
 * A pool as a snapshot has it: members, and the balance table over those that are usable.
 * Immutable.
 */
struct pool {
	const struct config_pool *config;
	const char *name;
	struct member **members;
	unsigned count;
	unsigned usable; /* members with weight, ready, and not down */
	struct balance *balance;
};

/* All pools of one snapshot, in the order of config->pools. Pools are shared between snapshots. */
struct backend_set {
	struct pool **pools;
	unsigned count;
};

/* The control thread's book of members across configurations. */
struct backend_registry;

struct backend_registry *backend_registry_create(unsigned core_count, struct rcu *rcu);
void backend_registry_destroy(struct backend_registry *registry);

/*
 * Members by (pool, name): known ones keep state and counters. The members that config no longer
 * names stay until backend_registry_commit(). NULL on error. Control thread.
 */
struct backend_set *backend_set_create(
	struct backend_registry *registry, const struct config *config, struct err *err);

/* The same configuration with pool 'index' built again after a change of state; the other pools
 * are shared. */
struct backend_set *backend_set_rebuild(
	const struct backend_set *set, unsigned index, const struct config *config);
void backend_set_destroy(struct backend_set *set);

/* The published set: members outside of it are deferred for freeing. */
void backend_registry_commit(struct backend_registry *registry, const struct backend_set *set);

/* Member for new work, or NULL. hash: of flow or request. cursor and rng: the calling core's. */
static inline struct member *pool_pick(const struct pool *pool, const struct balance_query *query)
{
	int index = balance_pick(pool->balance, query);

	return index < 0 ? NULL : pool->members[index];
}

bool member_is_usable(const struct member *member);

/* Sum over cores. Any thread. */
uint64_t member_conns_now(const struct member *member);
void member_counters_sum(const struct member *member, struct member_counters *sum);

/* Finds a member in a set by "POOL/MEMBER" or its parts; *pool_index may be NULL. */
struct member *backend_set_find(
	const struct backend_set *set, const char *pool, const char *member, unsigned *pool_index);

#endif
