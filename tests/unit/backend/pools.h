/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POOLS_H
#define POOLS_H

#include "backend/backend.h"
#include "support/support.h"

#define POOLS_MEMBERS_MAX 64

/* One pool "web" of members m0, m1, ... at 198.51.100.1, ..., port 80, and its published set. */
struct pools {
	struct config_member members[POOLS_MEMBERS_MAX];
	char names[POOLS_MEMBERS_MAX][8];
	struct config_pool pool;
	struct config config;
	struct rcu *rcu;
	struct backend_registry *registry;
	struct backend_set *set;
};

void pools_start(struct pools *pools, unsigned count);
void pools_stop(struct pools *pools);

/* Publishes the configuration as it stands, or a change of the members' state. */
void pools_reload(struct pools *pools, uint64_t now_us);
void pools_rebuild(struct pools *pools, bool is_step, uint64_t now_us);

static inline struct pool *pools_pool(const struct pools *pools)
{
	return pools->set->pools[0];
}

#endif
