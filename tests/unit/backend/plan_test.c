/* SPDX-License-Identifier: Apache-2.0 */
/* A plan says what the same change does once it is made. */
#include <rte_common.h>

#include "base/rng.h"
#include "pools.h"

#define FLOWS 20000

struct change {
	const char *what;
	unsigned count_before, count_after;
	unsigned weight_after; /* of m1 */
	enum config_balance balance;
	unsigned moved_min, moved_max; /* in hundredths of a per cent */
};

static const struct change changes[] = {
	{ "nothing", 10, 10, 1, CONFIG_BALANCE_MAGLEV, 0, 0 },
	{ "one joins ten", 10, 11, 1, CONFIG_BALANCE_MAGLEV, 909, 1000 },
	{ "one of ten leaves", 10, 9, 1, CONFIG_BALANCE_MAGLEV, 1000, 1100 },
	{ "one of ten is drained", 10, 10, 0, CONFIG_BALANCE_SOURCE_HASH, 1000, 1100 },
	{ "one of ten gets twice as much", 10, 10, 2, CONFIG_BALANCE_MAGLEV, 800, 1100 },
};

static uint32_t id_at(const struct pool *pool, uint32_t hash)
{
	const struct balance_query query = { .hash = hash };

	return pool_pick(pool, &query)->id;
}

static void change_check(const struct change *change)
{
	struct rng rng = { .state = 5 };
	struct pool_plan plan;
	struct pools pools;
	unsigned share;

	pools_start(&pools, change->count_before);
	pools.pool.balance = change->balance;
	pools_reload(&pools, 0);
	pools.pool.member_count = change->count_after;
	pools.members[1].weight = change->weight_after;
	assert_int_equal(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0), 0);
	assert_int_equal(plan.slots, 65537);
	share = (unsigned)(plan.moved * 10000ull / plan.slots);
	if (share < change->moved_min || share > change->moved_max)
		fail_msg("%s: %u of 10000 slots move", change->what, share);
	assert_true(plan.collateral <= plan.moved / 5);
	pools_reload(&pools, 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		uint32_t hash = (uint32_t)rng_next(&rng);
		uint32_t after = id_at(pools_pool(&pools), hash);

		/* A new member has its id only now. */
		assert_int_equal(
			pool_plan_pick(&plan, hash), after <= change->count_before ? after : 0);
	}
	pool_plan_destroy(&plan);
	pools_stop(&pools);
}

static void a_plan_is_what_the_change_does(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(changes); i++)
		change_check(&changes[i]);
}

/* Members by name and address: under another address a name is a new server. */
static void members_are_told_apart(void **state)
{
	struct pool_plan plan;
	struct pools pools;

	(void)state;
	pools_start(&pools, 4);
	pools.members[0].port = 81;
	pools.members[3] = pools.members[5];
	assert_int_equal(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0), 0);
	assert_int_equal(plan.added, 2);
	assert_int_equal(plan.removed, 2);
	assert_false(pool_plan_keeps(&plan, pools_pool(&pools)->members[0]->id));
	assert_true(pool_plan_keeps(&plan, pools_pool(&pools)->members[1]->id));
	assert_true(pool_plan_keeps(&plan, pools_pool(&pools)->members[2]->id));
	assert_false(pool_plan_keeps(&plan, pools_pool(&pools)->members[3]->id));
	pool_plan_destroy(&plan);
	pools_stop(&pools);
}

/* What the socket and the health checks have done stays done. */
static void states_of_members_count(void **state)
{
	struct pool_plan plan;
	struct pools pools;
	uint32_t down;

	(void)state;
	pools_start(&pools, 4);
	down = pools_pool(&pools)->members[2]->id;
	pools_pool(&pools)->members[2]->health = MEMBER_DOWN;
	pools_rebuild(&pools, false, 0);
	assert_int_equal(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0), 0);
	assert_int_equal(plan.moved, 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_not_equal(pool_plan_pick(&plan, i * 0x01234567), down);
	pool_plan_destroy(&plan);
	pools_stop(&pools);
}

static void new_pools_and_pools_without_slots(void **state)
{
	struct pool_plan plan;
	struct pools pools;

	(void)state;
	pools_start(&pools, 4);
	assert_int_equal(pool_plan_create(&plan, NULL, &pools.config, 0), 0);
	assert_int_equal(plan.slots, 65537);
	assert_int_equal(plan.moved, 0);
	assert_int_equal(plan.added, 4);
	pool_plan_destroy(&plan);
	pools.pool.balance = CONFIG_BALANCE_ROUND_ROBIN;
	assert_int_equal(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0), 0);
	assert_int_equal(plan.moved, 0);
	pool_plan_destroy(&plan);
	/* Not a prime: the file would have been refused. */
	pools.pool.balance = CONFIG_BALANCE_MAGLEV;
	pools.config.maglev_size = 4096;
	assert_true(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0) < 0);
	pool_plan_destroy(&plan);
	pools_stop(&pools);
}

/* A member that becomes a spare loses its slots in the plan, as it then does. */
static void spares_have_no_slots(void **state)
{
	struct pool_plan plan;
	struct pools pools;
	uint32_t spare;

	(void)state;
	pools_start(&pools, 4);
	spare = pools_pool(&pools)->members[3]->id;
	pools.members[3].tier = 1;
	assert_int_equal(pool_plan_create(&plan, pools_pool(&pools), &pools.config, 0), 0);
	assert_in_range(plan.moved, plan.slots / 5, plan.slots / 3);
	pools_reload(&pools, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_not_equal(pool_plan_pick(&plan, i * 0x01234567), spare);
		assert_int_equal(pool_plan_pick(&plan, i * 0x01234567),
			id_at(pools_pool(&pools), i * 0x01234567));
	}
	pool_plan_destroy(&plan);
	pools_stop(&pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_is_what_the_change_does),
		cmocka_unit_test(members_are_told_apart),
		cmocka_unit_test(states_of_members_count),
		cmocka_unit_test(spares_have_no_slots),
		cmocka_unit_test(new_pools_and_pools_without_slots),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
