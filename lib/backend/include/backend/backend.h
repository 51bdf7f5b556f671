/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend/learned.h"
#include "backend/quantile.h"
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
	/* No counters: the present, for the others to read. */
	uint64_t failed_streak; /* tries that failed since the last good one */
	uint64_t latency_us;    /* peak EWMA of the time to the answer; 0: none yet */
	uint64_t latency_at_us; /* its last change */
} __rte_cache_aligned;
extern const struct stats_set member_stats_set;

/* What one core did with a pool, and its requests that wait. Written by that core alone. */
struct pool_counters {
#define COUNTER(name, help) uint64_t name;
#include "backend/pool.def"
#undef COUNTER
};
extern const struct stats_set pool_stats_set;

/* A request of a core that waits for a member with room. */
struct pool_waiter {
	TAILQ_ENTRY(pool_waiter) link;
};
TAILQ_HEAD(pool_waiters, pool_waiter);

struct pool_core {
	struct pool_counters counters;
	/* Nobody else reads these. */
	uint64_t budget_milli; /* thousandths of retries that may be made */
	uint64_t budget_at_us;
	uint64_t
		queued_max; /* the most that this core ever saw waiting, over all; others read it */
	struct quantile answers; /* times to the answer */
	struct pool_waiters waiters;
	TAILQ_ENTRY(pool_core) waiting_link; /* pools with waiters, of that core */
} __rte_cache_aligned;

/* Lives as long as the registry, by the pool's name: configurations come and go. */
struct pool_identity {
	const char *name;
	unsigned core_count;
	struct pool_core *cores; /* [core_count] */
	struct learned *learned; /* control thread: what the last configuration has; or NULL */
	SLIST_ENTRY(pool_identity) link;
};

/* Ejection of one member: how it stood, as the control thread last looked. */
struct outlier {
	bool is_ejected;
	bool was_logged;    /* the composer's: whether that was said */
	unsigned level;     /* times eject_ms that the last or present ejection lasts */
	uint64_t until_us;  /* while ejected */
	uint64_t ejections; /* so far */
	uint64_t spared;    /* would have been ejected, but too many were already */
	uint64_t streak;    /* failed tries in a row, over all cores */
	uint64_t seen_good; /* at the last look */
	uint64_t seen_failed;
	uint64_t window_at_us; /* start of the window; 0: not begun */
	uint64_t window_good, window_failed, window_answers, window_us; /* at its start */
	char reason[48]; /* of the last ejection, in words */
};

enum member_admin { MEMBER_READY, MEMBER_DRAIN, MEMBER_MAINT };
enum member_health { MEMBER_UNCHECKED, MEMBER_UP, MEMBER_DOWN };

#define MEMBER_LATENCY_FADE_US                                                                     \
	10000000 /* a peak of the time to the answer is forgotten by then                          \
		  */

#define MEMBER_WARM 256 /* a share of its weight that is all of it */

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
	uint32_t id;        /* unique in this process, from 1 */
	uint64_t name_hash; /* of pool and name: the same everywhere */
	/* Control thread. */
	enum member_admin admin;
	enum member_health health;
	uint32_t weight; /* effective: the file's, or the socket's since */
	uint32_t config_weight;
	bool is_weight_overridden;
	uint32_t warm;          /* share of the weight while it starts slowly: 1 to MEMBER_WARM */
	uint64_t warm_from_us;  /* when the slow start began; 0: not yet known */
	uint64_t changed_at_us; /* last change between up and down */
	uint64_t checks, checks_failed, downs;
	struct outlier outlier;
	struct pool_identity *identity; /* of its pool */
	char check_detail[64];          /* last check's outcome, for show servers */
	void *health_state;             /* lib/health's, in control */
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
	struct pool_identity *identity;
	struct member **members;
	unsigned count;
	unsigned usable; /* members with weight, ready, and not down */
	bool *is_active; /* [count] usable, and of a tier that gets requests */
	struct balance *balance;
	struct pool_lookup *lookup; /* members by other names */
	struct learned *learned;    /* sessions; NULL: none are learned */
	struct pool_chance *chance; /* the table before the last change; NULL: none */
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

/*
 * Before set is published in place of old: pools that old has too remember what its table said,
 * for pool_pick_established(). With is_step, a step of a slow start, they take over what old
 * remembers instead. Without memory there is no second chance. Control thread.
 */
void backend_set_follow(
	struct backend_set *set, const struct backend_set *old, bool is_step, uint64_t now_us);

/* The published set: members outside of it are deferred for freeing. */
void backend_registry_commit(struct backend_registry *registry, const struct backend_set *set);

/* Member for new work, or NULL. hash: of flow or request. cursor and rng: the calling core's. */
static inline struct member *pool_pick(const struct pool *pool, const struct balance_query *query)
{
	int index = balance_pick(pool->balance, query);

	return index < 0 ? NULL : pool->members[index];
}

/*
 * Member for a packet in the midst of a connection that no table of connections knows: where the
 * pool's table before its last change sends it, while the second chance lasts, or else where the
 * present table does. NULL: no usable one, or an algorithm that is not consistent, which cannot
 * tell. Down members get nothing; draining ones do. Any worker.
 */
struct member *pool_pick_established(
	const struct pool *pool, const struct balance_query *query, uint64_t now_us);

/* True when both tables of the pool have the same answer, or the second chance is over. */
bool pool_is_settled(const struct pool *pool, uint32_t hash, uint64_t now_us);

/* The member with this id, or NULL. index: where it probably is, and on return where it is. */
struct member *pool_member_by_id(const struct pool *pool, uint32_t id, uint32_t *index);

/* The member that connection IDs of QUIC call so, or NULL. Any worker. */
struct member *pool_member_by_quic_id(const struct pool *pool, const uint8_t *id, unsigned len);

bool member_is_usable(const struct member *member);

/*
 * Begins a slow start, if the pool is to have one: the member is new or has come back. Its pool is
 * then to be rebuilt. Control thread.
 */
void member_warm_start(struct member *member, const struct config_pool *pool);

/*
 * Lets time pass for members that start slowly. True when shares changed: the pool is then to be
 * rebuilt and followed up as a step. Control thread, some times a second.
 */
bool pool_warm(const struct pool *pool, uint64_t now_us);

/*
 * Looks at the members' tries since the last time, ejects those that fail too often and takes back
 * those whose time is over. True when the pool is to be rebuilt. Control thread, some times a
 * second.
 */
bool pool_eject(const struct pool *pool, uint64_t now_us);

/* What that core counts of the member's pool. */
static inline struct pool_counters *member_pool_counters(const struct member *member, unsigned core)
{
	return &member->identity->cores[core].counters;
}

/* Sum over cores. Any thread. */
uint64_t member_conns_now(const struct member *member);
uint64_t member_requests_now(const struct member *member);
uint64_t member_pending_now(const struct member *member);
uint64_t member_retries_now(const struct member *member);

/* Peak EWMA of the time to the answer: the mean over cores that know one; 0: none does. */
uint64_t member_latency_us(const struct member *member, uint64_t now_us);

uint64_t pool_conns_now(const struct pool_identity *identity);
uint64_t pool_requests_now(const struct pool_identity *identity);
uint64_t pool_retries_now(const struct pool_identity *identity);
uint64_t pool_queued_now(const struct pool_identity *identity);

/* The most that ever waited at a time, as far as a core saw. Any thread. */
uint64_t pool_queued_max(const struct pool_identity *identity);
void pool_counters_sum(const struct pool_identity *identity, struct pool_counters *sum);
void member_counters_sum(const struct member *member, struct member_counters *sum);

/*
 * What a new configuration would do to one pool, reckoned aside: nothing is registered. Members
 * that exist keep their state. Control thread.
 */
struct pool_plan {
	const struct config_pool *config;
	uint32_t slots;      /* of a consistent algorithm; 0: none */
	uint32_t moved;      /* slots with another member than now */
	uint32_t collateral; /* of these, from and to members whose weight stays */
	unsigned added;      /* members that the running pool has not */
	unsigned removed;    /* members of the running pool that are not in the plan */
	struct balance *balance;
	uint32_t *ids;    /* of the plan's members, in their order; 0: a new one */
	uint32_t *sorted; /* the same in the order of their numbers */
};

/*
 * now: the running pool of that name, or NULL; not needed afterwards. next's pool 'index' is
 * planned, its seed and table size count. 0 or -ENOMEM. End with pool_plan_destroy(), also after an
 * error.
 */
int pool_plan_create(
	struct pool_plan *plan, const struct pool *now, const struct config *next, unsigned index);
void pool_plan_destroy(struct pool_plan *plan);

/* Id of the member that a consistent plan has for a hash; 0: a new one, or none. */
uint32_t pool_plan_pick(const struct pool_plan *plan, uint32_t hash);

/* Whether the plan keeps the member. */
bool pool_plan_keeps(const struct pool_plan *plan, uint32_t member_id);

/* Finds a member in a set by "POOL/MEMBER" or its parts; *pool_index may be NULL. */
struct member *backend_set_find(
	const struct backend_set *set, const char *pool, const char *member, unsigned *pool_index);

#endif
