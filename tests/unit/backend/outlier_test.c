/* SPDX-License-Identifier: Apache-2.0 */
/* Members are ejected for what their tries came to, for longer each time, and never too many. */
#include "pools.h"

#define TICK_US 50000ull

struct world {
	struct pools pools;
	uint64_t now_us;
};

static void start(struct world *world, unsigned count)
{
	pools_start(&world->pools, count);
	world->pools.pool.outlier = (struct config_outlier){
		.is_set = true,
		.consecutive = 5,
		.min_requests = 10,
		.window_ms = 1000,
		.eject_ms = 1000,
		.max_eject_ms = 2500,
		.max_ejected_pct = 50,
	};
	world->now_us = 1000000;
}

static struct member *member_at(struct world *world, unsigned index)
{
	return pools_pool(&world->pools)->members[index];
}

static void good(struct world *world, unsigned index, unsigned count, unsigned took_us)
{
	struct member_counters *core = &member_at(world, index)->cores[0];

	core->tries_good += count;
	core->answers += count;
	core->answer_us += (uint64_t)count * took_us;
	core->failed_streak = 0;
}

static void failed(struct world *world, unsigned index, unsigned count)
{
	member_at(world, index)->cores[0].tries_failed += count;
	member_at(world, index)->cores[0].failed_streak += count;
}

/* A tick of the control thread. */
static bool tick(struct world *world)
{
	bool has_changed;

	world->now_us += TICK_US;
	has_changed = pool_eject(pools_pool(&world->pools), world->now_us);
	if (has_changed)
		pools_rebuild(&world->pools, false, world->now_us);
	return has_changed;
}

static bool is_ejected(struct world *world, unsigned index)
{
	return member_at(world, index)->outlier.is_ejected;
}

static void failures_in_a_row_eject(void **state)
{
	struct world world;

	(void)state;
	start(&world, 3);
	assert_false(tick(&world));
	failed(&world, 1, 3);
	assert_false(tick(&world));
	/* A good one in between: it starts anew. */
	good(&world, 1, 1, 100);
	failed(&world, 1, 4);
	assert_false(tick(&world));
	failed(&world, 1, 1);
	assert_true(tick(&world));
	assert_true(is_ejected(&world, 1));
	assert_false(member_is_usable(member_at(&world, 1)));
	assert_int_equal(pools_pool(&world.pools)->usable, 2);
	assert_string_equal(member_at(&world, 1)->outlier.reason, "5 failures in a row");
	for (unsigned hash = 0; hash < 1000; hash++) {
		const struct balance_query query = { .hash = hash * 0x9e3779b9u };

		assert_ptr_not_equal(
			pool_pick(pools_pool(&world.pools), &query), member_at(&world, 1));
	}
	pools_stop(&world.pools);
}

/* Returns how many ticks it lasted. */
static unsigned until_back(struct world *world, unsigned index)
{
	unsigned ticks = 0;

	while (is_ejected(world, index)) {
		tick(world);
		assert_true(++ticks < 1000);
	}
	return ticks;
}

static void each_ejection_is_longer_and_good_times_shorten_them(void **state)
{
	static const unsigned lasts[] = { 20, 40, 50, 50 };
	struct world world;

	(void)state;
	start(&world, 3);
	tick(&world);
	for (unsigned i = 0; i < 4; i++) {
		failed(&world, 0, 5);
		assert_true(tick(&world));
		assert_int_equal(until_back(&world, 0), lasts[i]);
		/* What it was ejected for is forgotten. */
		good(&world, 0, 1, 100);
		assert_false(tick(&world));
	}
	for (unsigned i = 0; i < 41; i++)
		tick(&world);
	failed(&world, 0, 5);
	assert_true(tick(&world));
	assert_int_equal(until_back(&world, 0), 20);
	assert_int_equal(member_at(&world, 0)->outlier.ejections, 5);
	pools_stop(&world.pools);
}

static void only_so_many_are_ejected(void **state)
{
	struct world world;

	(void)state;
	start(&world, 4);
	tick(&world);
	for (unsigned i = 0; i < 4; i++)
		failed(&world, i, 9);
	tick(&world);
	assert_int_equal(pools_pool(&world.pools)->usable, 2);
	assert_int_equal(member_at(&world, 2)->outlier.spared, 1);
	assert_int_equal(member_at(&world, 3)->outlier.spared, 1);
	pools_stop(&world.pools);
}

static void the_last_usable_one_stays(void **state)
{
	struct world world;

	(void)state;
	start(&world, 2);
	world.pools.pool.outlier.max_ejected_pct = 100;
	member_at(&world, 0)->health = MEMBER_DOWN;
	tick(&world);
	failed(&world, 1, 9);
	assert_false(tick(&world));
	assert_false(is_ejected(&world, 1));
	pools_stop(&world.pools);
}

static void a_share_of_failures_ejects(void **state)
{
	struct world world;

	(void)state;
	start(&world, 3);
	world.pools.pool.outlier.consecutive = 0;
	world.pools.pool.outlier.error_pct = 40;
	tick(&world);
	/* Too few to say. */
	failed(&world, 2, 9);
	assert_false(tick(&world));
	/* The window ends, and what was in it. */
	for (unsigned i = 0; i < 20; i++)
		assert_false(tick(&world));
	good(&world, 2, 7, 100);
	failed(&world, 2, 4);
	assert_false(tick(&world));
	failed(&world, 2, 1);
	assert_true(tick(&world));
	assert_string_equal(member_at(&world, 2)->outlier.reason, "5 of 12 tries failed");
	pools_stop(&world.pools);
}

static void slowness_beside_the_others_ejects(void **state)
{
	struct world world;

	(void)state;
	start(&world, 4);
	world.pools.pool.outlier.consecutive = 0;
	world.pools.pool.outlier.latency_pct = 300;
	tick(&world);
	good(&world, 0, 10, 1000);
	good(&world, 1, 10, 2000);
	good(&world, 2, 10, 3000);
	good(&world, 3, 10, 5999);
	assert_false(tick(&world));
	good(&world, 3, 10, 6100);
	assert_true(tick(&world));
	assert_true(is_ejected(&world, 3));
	assert_string_equal(member_at(&world, 3)->outlier.reason, "6049 us, the others 2000 us");
	pools_stop(&world.pools);
}

static void a_pool_without_the_policy_takes_members_back(void **state)
{
	struct world world;

	(void)state;
	start(&world, 3);
	tick(&world);
	failed(&world, 0, 5);
	assert_true(tick(&world));
	world.pools.pool.outlier.is_set = false;
	assert_true(tick(&world));
	assert_false(is_ejected(&world, 0));
	pools_stop(&world.pools);
}

/* Numbers are the pool's, whatever configurations come and go. */
static void a_pools_book_outlives_configurations(void **state)
{
	struct pool_counters sum;
	struct world world;

	(void)state;
	start(&world, 2);
	pools_pool(&world.pools)->identity->cores[0].counters.retries = 3;
	pools_pool(&world.pools)->identity->cores[0].counters.retries_done = 1;
	pools_reload(&world.pools, world.now_us);
	pool_counters_sum(pools_pool(&world.pools)->identity, &sum);
	assert_int_equal(sum.retries, 3);
	assert_int_equal(pool_retries_now(pools_pool(&world.pools)->identity), 2);
	pools_stop(&world.pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_in_a_row_eject),
		cmocka_unit_test(each_ejection_is_longer_and_good_times_shorten_them),
		cmocka_unit_test(only_so_many_are_ejected),
		cmocka_unit_test(the_last_usable_one_stays),
		cmocka_unit_test(a_share_of_failures_ejects),
		cmocka_unit_test(slowness_beside_the_others_ejects),
		cmocka_unit_test(a_pool_without_the_policy_takes_members_back),
		cmocka_unit_test(a_pools_book_outlives_configurations),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
