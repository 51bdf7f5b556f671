/* SPDX-License-Identifier: Apache-2.0 */
/* Second chances, slow starts, and members by their other names. */
#include <string.h>

#include "balance/maglev.h"
#include "base/rng.h"
#include "pools.h"

#define FLOWS 20000
#define MS    1000ull

/* Which member each of FLOWS hashes has, by id. */
struct choices {
	uint32_t ids[FLOWS];
};

static uint32_t hash_at(unsigned flow)
{
	struct rng rng = { .state = flow };

	return (uint32_t)rng_next(&rng);
}

static uint32_t new_id(const struct pools *pools, unsigned flow)
{
	const struct balance_query query = { .hash = hash_at(flow) };

	return pool_pick(pools_pool(pools), &query)->id;
}

static uint32_t established_id(const struct pools *pools, unsigned flow, uint64_t now_us)
{
	const struct balance_query query = { .hash = hash_at(flow) };

	return pool_pick_established(pools_pool(pools), &query, now_us)->id;
}

static void choices_take(const struct pools *pools, struct choices *choices)
{
	for (unsigned i = 0; i < FLOWS; i++)
		choices->ids[i] = new_id(pools, i);
}

/* Flows for which established packets go elsewhere than they went. */
static unsigned lost_count(
	const struct pools *pools, const struct choices *choices, uint64_t now_us)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		lost += established_id(pools, i, now_us) != choices->ids[i];
	return lost;
}

static unsigned moved_count(const struct pools *pools, const struct choices *choices)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		moved += new_id(pools, i) != choices->ids[i];
	return moved;
}

/* Members join, weights change, members drain: no flow is lost while the second chance lasts. */
static void old_flows_find_their_members_after_a_change(void **state)
{
	static struct choices choices;
	struct pools pools;
	unsigned moved;

	(void)state;
	pools_start(&pools, 10);
	choices_take(&pools, &choices);
	assert_int_equal(lost_count(&pools, &choices, 0), 0);
	pools.pool.member_count = 12;
	pools.members[3].weight = 4;
	pools.members[4].weight = 0;
	pools_reload(&pools, 500 * MS);
	moved = moved_count(&pools, &choices);
	assert_in_range(moved, FLOWS / 5, FLOWS / 2);
	assert_int_equal(lost_count(&pools, &choices, 500 * MS), 0);
	assert_int_equal(lost_count(&pools, &choices, 1499 * MS), 0);
	/* Bounded in time: from then on the present table is asked. */
	assert_int_equal(lost_count(&pools, &choices, 1500 * MS), moved);
	pools_stop(&pools);
}

/* Only where the tables differ a flow is unsettled, and only for the time. */
static void unsettled_are_the_slots_that_moved(void **state)
{
	static struct choices choices;
	struct pools pools;
	unsigned unsettled = 0;

	(void)state;
	pools_start(&pools, 10);
	choices_take(&pools, &choices);
	pools.pool.member_count = 11;
	pools_reload(&pools, 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		bool is_moved = new_id(&pools, i) != choices.ids[i];

		assert_int_equal(pool_is_settled(pools_pool(&pools), hash_at(i), 0), !is_moved);
		assert_true(pool_is_settled(pools_pool(&pools), hash_at(i), 1000 * MS));
		unsettled += is_moved;
	}
	assert_in_range(unsettled, FLOWS / 20, FLOWS / 6);
	pools_stop(&pools);
}

/* A server that is down, or no longer in the file, gets nothing: the present table is asked. */
static void the_dead_and_the_gone_have_no_second_chance(void **state)
{
	static struct choices choices;
	struct pools pools;
	uint32_t down, gone;

	(void)state;
	pools_start(&pools, 4);
	choices_take(&pools, &choices);
	down = pools_pool(&pools)->members[0]->id;
	gone = pools_pool(&pools)->members[3]->id;
	pools_pool(&pools)->members[0]->health = MEMBER_DOWN;
	pools_rebuild(&pools, false, 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		assert_int_not_equal(established_id(&pools, i, 0), down);
		if (choices.ids[i] != down)
			assert_int_equal(established_id(&pools, i, 0), choices.ids[i]);
	}
	choices_take(&pools, &choices);
	pools.pool.member_count = 3;
	pools_reload(&pools, 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		assert_int_not_equal(established_id(&pools, i, 0), gone);
		if (choices.ids[i] != gone)
			assert_int_equal(established_id(&pools, i, 0), choices.ids[i]);
	}
	pools_stop(&pools);
}

/* A reload that changes nothing, or the order of members alone, ends no second chance. */
static void what_changes_nothing_keeps_the_second_chance(void **state)
{
	static struct choices choices;
	struct config_member swapped;
	struct pools pools;

	(void)state;
	pools_start(&pools, 6);
	choices_take(&pools, &choices);
	pools.pool.member_count = 8;
	pools_reload(&pools, 0);
	pools_reload(&pools, 300 * MS);
	swapped = pools.members[0];
	pools.members[0] = pools.members[7];
	pools.members[7] = swapped;
	pools_reload(&pools, 600 * MS);
	assert_int_equal(lost_count(&pools, &choices, 999 * MS), 0);
	assert_true(lost_count(&pools, &choices, 1000 * MS) > 0);
	pools_stop(&pools);
}

static void no_second_chance_where_none_is_wanted(void **state)
{
	static struct choices choices;
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };
	struct pools pools;

	(void)state;
	pools_start(&pools, 4);
	choices_take(&pools, &choices);
	pools.pool.second_chance_ms = 0;
	pools.pool.member_count = 5;
	pools_reload(&pools, 0);
	assert_int_equal(lost_count(&pools, &choices, 0), moved_count(&pools, &choices));
	/* In turns: nothing tells where an unknown flow went. */
	pools.pool.second_chance_ms = 1000;
	pools.pool.balance = CONFIG_BALANCE_ROUND_ROBIN;
	pools_reload(&pools, 0);
	pools_rebuild(&pools, false, 0);
	assert_null(pool_pick_established(pools_pool(&pools), &query, 1000 * MS));
	pools_stop(&pools);
}

static unsigned share_of(const struct pools *pools, unsigned index)
{
	uint32_t count;
	const uint16_t *slots = balance_slots(pools_pool(pools)->balance, &count);
	unsigned share = 0;

	for (uint32_t i = 0; i < count; i++)
		share += slots[i] == index;
	return share;
}

/*
 * A member that joins grows into its share, step by step; meanwhile, and for the second chance
 * after it, the flows from before find their members.
 */
static void a_new_member_starts_slowly(void **state)
{
	static struct choices choices;
	struct pools pools;
	unsigned share, last = 0, steps = 0;

	(void)state;
	pools_start(&pools, 4);
	pools.pool.slow_start_ms = 3200;
	pools.pool.second_chance_ms = 4000;
	choices_take(&pools, &choices);
	assert_int_equal(pools_pool(&pools)->members[0]->warm, MEMBER_WARM);
	pools.pool.member_count = 5;
	pools_reload(&pools, 1000 * MS);
	assert_int_equal(pools_pool(&pools)->members[0]->warm, MEMBER_WARM);
	for (uint64_t ms = 1000; ms <= 4500; ms += 50) {
		if (pool_warm(pools_pool(&pools), ms * MS)) {
			pools_rebuild(&pools, true, ms * MS);
			steps++;
		}
		share = share_of(&pools, 4);
		assert_true(share >= last && share > 0);
		assert_int_equal(lost_count(&pools, &choices, ms * MS), 0);
		if (ms == 1000)
			assert_in_range(share, 60, 70); /* a 256th of an equal share */
		if (ms == 2600)
			assert_in_range(share, 7200, 7350); /* half: a ninth of all */
		last = share;
	}
	assert_in_range(last, 13107, 13108);
	assert_int_equal(steps, 32);
	assert_false(pool_warm(pools_pool(&pools), 9999 * MS));
	pools_stop(&pools);
}

/* Back from the dead: the same, and only for that member. Without slow start: at once. */
static void a_revived_member_starts_slowly(void **state)
{
	struct pools pools;
	struct member *member;

	(void)state;
	pools_start(&pools, 2);
	member = pools_pool(&pools)->members[1];
	member->health = MEMBER_DOWN;
	pools_rebuild(&pools, false, 0);
	assert_int_equal(share_of(&pools, 1), 0);
	member->health = MEMBER_UP;
	member_warm_start(member, &pools.pool);
	pools_rebuild(&pools, false, 0);
	assert_in_range(share_of(&pools, 1), 32768, 32769);
	pools.pool.slow_start_ms = 1000;
	member_warm_start(member, &pools.pool);
	pools_rebuild(&pools, false, 0);
	assert_in_range(share_of(&pools, 1), 250, 260);
	assert_false(pool_warm(pools_pool(&pools), 5000 * MS));
	assert_true(pool_warm(pools_pool(&pools), 5500 * MS));
	pools_rebuild(&pools, true, 5500 * MS);
	assert_in_range(share_of(&pools, 1), 65537 / 3 - 1, 65537 / 3 + 1);
	/* Given up by the file in the midst of it. */
	pools.pool.slow_start_ms = 0;
	assert_true(pool_warm(pools_pool(&pools), 5501 * MS));
	pools_rebuild(&pools, true, 5501 * MS);
	assert_in_range(share_of(&pools, 1), 32768, 32769);
	pools_stop(&pools);
}

static void members_are_found_by_id(void **state)
{
	struct pools pools;
	const struct pool *pool;
	uint32_t index;

	(void)state;
	pools_start(&pools, 20);
	pool = pools_pool(&pools);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned guess = 0; guess < 25; guess++) {
			index = guess;
			assert_ptr_equal(pool_member_by_id(pool, pool->members[i]->id, &index),
				pool->members[i]);
			assert_int_equal(index, i);
		}
	}
	assert_null(pool_member_by_id(pool, 0, &index));
	assert_null(pool_member_by_id(pool, 999, &index));
	pools_stop(&pools);
}

static void members_are_found_by_quic_id(void **state)
{
	static const uint8_t ids[][3] = { { 1, 2, 3 }, { 0, 0, 0 }, { 0xff, 0, 1 }, { 1, 2, 0 } };
	struct pools pools;
	const struct pool *pool;

	(void)state;
	pools_start(&pools, 5);
	for (unsigned i = 0; i < 4; i++) {
		pools.members[i].quic_id.len = 3;
		memcpy(pools.members[i].quic_id.bytes, ids[i], 3);
	}
	pools_reload(&pools, 0);
	pool = pools_pool(&pools);
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(pool_member_by_quic_id(pool, ids[i], 3), pool->members[i]);
	/* A prefix is another ID, and no ID is none. */
	assert_null(pool_member_by_quic_id(pool, ids[0], 2));
	assert_null(pool_member_by_quic_id(pool, ids[0], 0));
	assert_null(pool_member_by_quic_id(pool, (const uint8_t[16]){ 0 }, 16));
	pools_stop(&pools);
}

/* Connections and requests are different loads: kept connections do not count as requests do. */
static void least_connections_counts_connections_over_all_cores(void **state)
{
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };
	struct pools pools;
	struct member *const *members;

	(void)state;
	pools_start(&pools, 2);
	pools.pool.balance = CONFIG_BALANCE_LEAST_CONNECTIONS;
	pools_reload(&pools, 0);
	members = pools_pool(&pools)->members;
	members[0]->cores[0].conns_opened = 3;
	members[0]->cores[0].requests = 1;
	members[0]->cores[0].requests_done = 1;
	members[1]->cores[0].conns_opened = 9;
	members[1]->cores[0].conns_closed = 7;
	members[1]->cores[0].requests = 9;
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(pool_pick(pools_pool(&pools), &query), members[1]);
	pools.pool.balance = CONFIG_BALANCE_LEAST_REQUESTS;
	pools_reload(&pools, 0);
	members = pools_pool(&pools)->members;
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(pool_pick(pools_pool(&pools), &query), members[0]);
	members[0]->cores[0].conns_closed = 3;
	members[1]->cores[0].conns_closed = 9;
	pools_stop(&pools);
}

/* Spares get something when nobody, or too little, of the first tier is usable. */
static void tiers_are_asked_in_their_order(void **state)
{
	static const struct {
		unsigned min_pct, down, active;
	} rows[] = {
		/* Of m0 to m3 in tier 0 and m4, m5 in tier 2: how many are down, and get requests.
		 */
		{ 0, 0, 4 },
		{ 0, 3, 1 },
		{ 0, 4, 2 },
		{ 50, 2, 2 },
		{ 50, 3, 3 },
		{ 100, 1, 5 },
	};
	struct pools pools;

	(void)state;
	pools_start(&pools, 6);
	pools.members[4].tier = 2;
	pools.members[5].tier = 2;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		unsigned active = 0;

		pools.pool.tier_min_pct = rows[i].min_pct;
		for (unsigned k = 0; k < 4; k++)
			pools_pool(&pools)->members[k]->health = k < rows[i].down ? MEMBER_DOWN
										  : MEMBER_UP;
		pools_rebuild(&pools, false, 0);
		for (unsigned k = 0; k < 6; k++)
			active += pools_pool(&pools)->is_active[k];
		assert_int_equal(active, rows[i].active);
		assert_int_equal(pools_pool(&pools)->usable, 6 - rows[i].down);
	}
	pools_stop(&pools);
}

/* The quicker one gets more; one that has become slow is spared at once, and not for ever. */
static void peak_ewma_prefers_the_quick(void **state)
{
	struct rng rng = { .state = 5 };
	struct pools pools;
	unsigned counts[2] = { 0 };

	(void)state;
	pools_start(&pools, 2);
	pools.pool.balance = CONFIG_BALANCE_PEAK_EWMA;
	pools_reload(&pools, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct member_counters *core = &pools_pool(&pools)->members[i]->cores[0];

		core->latency_us = i == 0 ? 1000 : 50000;
		core->latency_at_us = 1000000;
	}
	for (unsigned i = 0; i < 2000; i++) {
		struct balance_query query = { .rng = &rng, .now_us = 1000000 };

		counts[pool_pick(pools_pool(&pools), &query) == pools_pool(&pools)->members[1]]++;
	}
	assert_in_range(counts[1], 400, 600); /* when both draws are it */
	counts[0] = counts[1] = 0;
	for (unsigned i = 0; i < 2000; i++) {
		struct balance_query query = { .rng = &rng,
			.now_us = 1000000 + MEMBER_LATENCY_FADE_US };

		counts[pool_pick(pools_pool(&pools), &query) == pools_pool(&pools)->members[1]]++;
	}
	assert_in_range(counts[1], 900, 1100);
	pools_stop(&pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers_are_asked_in_their_order),
		cmocka_unit_test(peak_ewma_prefers_the_quick),
		cmocka_unit_test(old_flows_find_their_members_after_a_change),
		cmocka_unit_test(unsettled_are_the_slots_that_moved),
		cmocka_unit_test(the_dead_and_the_gone_have_no_second_chance),
		cmocka_unit_test(what_changes_nothing_keeps_the_second_chance),
		cmocka_unit_test(no_second_chance_where_none_is_wanted),
		cmocka_unit_test(a_new_member_starts_slowly),
		cmocka_unit_test(a_revived_member_starts_slowly),
		cmocka_unit_test(members_are_found_by_id),
		cmocka_unit_test(members_are_found_by_quic_id),
		cmocka_unit_test(least_connections_counts_connections_over_all_cores),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
