/* SPDX-License-Identifier: Apache-2.0 */
#include "pools.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

void pools_start(struct pools *pools, unsigned count)
{
	struct err err;

	memset(pools, 0, sizeof(*pools));
	for (unsigned i = 0; i < POOLS_MEMBERS_MAX; i++) {
		snprintf(pools->names[i], sizeof(pools->names[i]), "m%u", i);
		pools->members[i] = (struct config_member){
			.name = pools->names[i],
			.address = ip_from_v4(rte_cpu_to_be_32(0xc6336401 + i)),
			.port = 80,
			.weight = 1,
		};
	}
	pools->pool = (struct config_pool){
		.name = "web",
		.members = pools->members,
		.member_count = count,
		.second_chance_ms = 1000,
	};
	pools->config = (struct config){
		.seed = "",
		.maglev_size = 65537,
		.pools = &pools->pool,
		.pool_count = 1,
	};
	pools->rcu = rcu_create(1);
	pools->registry = backend_registry_create(1, pools->rcu);
	assert_non_null(pools->registry);
	pools->set = backend_set_create(pools->registry, &pools->config, &err);
	assert_non_null(pools->set);
	backend_registry_commit(pools->registry, pools->set);
}

void pools_stop(struct pools *pools)
{
	backend_set_destroy(pools->set);
	rcu_destroy(pools->rcu);
	backend_registry_destroy(pools->registry);
}

static void publish(struct pools *pools, struct backend_set *next, bool is_step, uint64_t now_us)
{
	assert_non_null(next);
	backend_set_follow(next, pools->set, is_step, now_us);
	backend_registry_commit(pools->registry, next);
	backend_set_destroy(pools->set);
	pools->set = next;
}

void pools_reload(struct pools *pools, uint64_t now_us)
{
	struct err err;

	publish(pools, backend_set_create(pools->registry, &pools->config, &err), false, now_us);
}

void pools_rebuild(struct pools *pools, bool is_step, uint64_t now_us)
{
	publish(pools, backend_set_rebuild(pools->set, 0, &pools->config), is_step, now_us);
}
