/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "balance/balance.h"
#include "base/rng.h"
#include "support/support.h"

static const struct hash_key key = { .k0 = 1, .k1 = 2 };

#define TABLE_SIZE 65537

static uint32_t load_read(const void *ctx, uint64_t now_us)
{
	(void)now_us;
	return *(const uint32_t *)ctx;
}

static struct balance *build(const char *name, const struct balance_backend *backends, size_t count)
{
	struct balance *balance = balance_build(
		balance_find(name), backends, count, key, TABLE_SIZE);

	assert_non_null(balance);
	return balance;
}

static void algorithms_are_listed_by_name(void **state)
{
	static const char *const names[] = {
		"maglev",
		"source-hash",
		"round-robin",
		"rr",
		"least-requests",
		"least-connections",
		"lc",
		"p2c",
		"peak-ewma",
		"random",
		"ring-hash",
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(names); i++) {
		const struct balance_ops *ops = balance_find(names[i]);

		assert_non_null(ops);
		assert_string_equal(ops->name, names[i]);
		assert_string_equal(balance_at(i)->name, names[i]);
	}
	assert_null(balance_at(RTE_DIM(names)));
	assert_null(balance_find("fastest"));
}

/* For every algorithm: nobody there, nobody usable, one usable among drained ones. */
static void drained_backends_are_never_picked(void **state)
{
	struct balance_backend backends[4] = {
		{ .name = "a" },
		{ .name = "b" },
		{ .name = "c", .weight = 3 },
		{ .name = "d" },
	};
	struct rng rng = { .state = 3 };
	struct balance_cursor cursor = { 0 };

	(void)state;
	for (unsigned i = 0; balance_at(i) != NULL; i++) {
		struct balance *nobody = build(balance_at(i)->name, NULL, 0);
		struct balance *drained = build(balance_at(i)->name, backends, 2);
		struct balance *one = build(balance_at(i)->name, backends, 4);

		for (uint32_t n = 0; n < 100; n++) {
			struct balance_query query = {
				.hash = n * 0x01234567,
				.cursor = &cursor,
				.rng = &rng,
			};

			assert_int_equal(balance_pick(nobody, &query), -1);
			assert_int_equal(balance_pick(drained, &query), -1);
			assert_int_equal(balance_pick(one, &query), 2);
		}
		balance_destroy(nobody);
		balance_destroy(drained);
		balance_destroy(one);
	}
	balance_destroy(NULL);
}

static void too_many_backends_and_bad_sizes_are_refused(void **state)
{
	struct balance_backend backend = { .name = "a", .weight = 1 };

	(void)state;
	assert_null(balance_build(balance_find("maglev"), &backend, 65535, key, TABLE_SIZE));
	assert_null(balance_build(balance_find("maglev"), &backend, 1, key, 65536));
	assert_null(balance_build(balance_find("source-hash"), &backend, 1, key, 0));
}

/* Consistent: the same hash gives the same answer, and shares follow the weights. */
static void maglev_picks_by_hash_and_weight(void **state)
{
	struct balance_backend backends[3] = {
		{ .name = "a", .weight = 1 },
		{ .name = "b", .weight = 2 },
		{ .name = "c", .weight = 1 },
	};
	struct balance *balance = build("maglev", backends, 3);
	struct balance *again = build("maglev", backends, 3);
	struct rng rng = { .state = 11 };
	unsigned counts[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		struct balance_query query = { .hash = (uint32_t)rng_next(&rng) };
		int choice = balance_pick(balance, &query);

		assert_int_equal(choice, balance_pick(again, &query));
		counts[choice]++;
	}
	/* 10000 and 20000: five standard deviations are 433 and 500. */
	assert_in_range(counts[0], 9567, 10433);
	assert_in_range(counts[1], 19500, 20500);
	balance_destroy(balance);
	balance_destroy(again);
}

/* A worker sees a contiguous range of hashes (steer_by_hash): it still spreads over all. */
static void maglev_spreads_one_workers_hashes(void **state)
{
	struct balance_backend backends[4] = {
		{ .name = "a", .weight = 1 },
		{ .name = "b", .weight = 1 },
		{ .name = "c", .weight = 1 },
		{ .name = "d", .weight = 1 },
	};
	struct balance *balance = build("maglev", backends, 4);
	unsigned counts[4] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		struct balance_query query = { .hash = 0x40000000 + i };

		counts[balance_pick(balance, &query)]++;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(counts[i], 800, 1200);
	balance_destroy(balance);
}

static void round_robin_interleaves_by_weight(void **state)
{
	static const int want[] = { 0, 0, 1, 2, 0, 0 };
	struct balance_backend backends[4] = {
		{ .name = "a", .weight = 8 },
		{ .name = "b", .weight = 2 },
		{ .name = "c", .weight = 2 },
		{ .name = "d", .weight = 0 },
	};
	struct balance *balance = build("round-robin", backends, 4);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };

	(void)state;
	for (unsigned i = 0; i < 5 * RTE_DIM(want); i++)
		assert_int_equal(balance_pick(balance, &query), want[i % RTE_DIM(want)]);
	balance_destroy(balance);
}

/* Smooth: in any run of the schedule each backend's count is within one of its share. */
static void round_robin_is_smooth(void **state)
{
	static const unsigned weights[] = { 5, 1, 3, 7 };
	struct balance_backend backends[RTE_DIM(weights)];
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };
	unsigned counts[RTE_DIM(weights)] = { 0 };
	struct balance *balance;

	(void)state;
	memset(backends, 0, sizeof(backends));
	for (unsigned i = 0; i < RTE_DIM(weights); i++) {
		backends[i].name = "x";
		backends[i].weight = weights[i];
	}
	balance = build("round-robin", backends, RTE_DIM(weights));
	for (unsigned n = 1; n <= 160; n++) {
		counts[balance_pick(balance, &query)]++;
		for (unsigned i = 0; i < RTE_DIM(weights); i++) {
			double share = n * weights[i] / 16.0;

			assert_true(counts[i] >= share - 1 && counts[i] <= share + 1);
		}
	}
	balance_destroy(balance);
}

/* Two cores walk the same table without disturbing each other. */
static void round_robin_cursors_are_the_callers(void **state)
{
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = 1 },
		{ .name = "b", .weight = 1 },
	};
	struct balance *balance = build("round-robin", backends, 2);
	struct balance_cursor cursors[2] = { { 0 }, { 0 } };

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct balance_query first = { .cursor = &cursors[0] };
		struct balance_query second = { .cursor = &cursors[1] };

		assert_int_equal(balance_pick(balance, &first), i % 2);
		assert_int_equal(balance_pick(balance, &second), i % 2);
	}
	balance_destroy(balance);
}

/* Weights whose schedule would be enormous are scaled, and nobody falls out. */
static void round_robin_bounds_its_schedule(void **state)
{
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = UINT32_MAX },
		{ .name = "b", .weight = 1 },
	};
	struct balance *balance = build("round-robin", backends, 2);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };
	unsigned counts[2] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1u << 18; i++)
		counts[balance_pick(balance, &query)]++;
	assert_int_equal(counts[1], 1);
	balance_destroy(balance);
}

static void least_requests_takes_the_smallest_load_for_its_weight(void **state)
{
	uint32_t loads[3] = { 4, 2, 9 };
	struct balance_backend backends[3] = {
		{ .name = "a", .weight = 1, .load = load_read, .ctx = &loads[0] },
		{ .name = "b", .weight = 1, .load = load_read, .ctx = &loads[1] },
		{ .name = "c", .weight = 4, .load = load_read, .ctx = &loads[2] },
	};
	struct balance *balance = build("least-requests", backends, 3);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };

	(void)state;
	assert_int_equal(balance_pick(balance, &query), 2); /* 10/4 before 3 and 5 */
	loads[2] = 12;
	assert_int_equal(balance_pick(balance, &query), 1); /* 3 before 13/4 and 5 */
	loads[0] = 0;
	loads[1] = 0;
	assert_int_equal(balance_pick(balance, &query), 0);
	assert_int_equal(balance_pick(balance, &query), 0);
	assert_int_equal(balance_pick(balance, &query), 1); /* equals take turns */
	balance_destroy(balance);
}

/* Filled one request at a time, the loads end up in proportion to the weights. */
static void least_requests_fills_by_weight(void **state)
{
	uint32_t loads[2] = { 0, 0 };
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = 1, .load = load_read, .ctx = &loads[0] },
		{ .name = "b", .weight = 10, .load = load_read, .ctx = &loads[1] },
	};
	struct balance *balance = build("least-requests", backends, 2);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };

	(void)state;
	for (unsigned i = 0; i < 1100; i++)
		loads[balance_pick(balance, &query)]++;
	assert_in_range(loads[0], 99, 101);
	balance_destroy(balance);
}

static void p2c_draws_by_weight_when_loads_are_unknown(void **state)
{
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = 1 },
		{ .name = "b", .weight = 9 },
	};
	struct balance *balance = build("p2c", backends, 2);
	struct rng rng = { .state = 5 };
	struct balance_query query = { .rng = &rng };
	unsigned counts[2] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		counts[balance_pick(balance, &query)]++;
	assert_in_range(counts[0], 850, 1150); /* 1000, five standard deviations */
	balance_destroy(balance);
}

/* The known result: with two choices the fullest stays within a few of the mean. */
static void p2c_keeps_loads_even(void **state)
{
	uint32_t loads[20] = { 0 };
	struct balance_backend backends[20];
	struct rng rng = { .state = 6 };
	struct balance_query query = { .rng = &rng };
	struct balance *balance;

	(void)state;
	memset(backends, 0, sizeof(backends));
	for (unsigned i = 0; i < 20; i++)
		backends[i] = (struct balance_backend){
			.name = "x",
			.weight = 1,
			.load = load_read,
			.ctx = &loads[i],
		};
	balance = build("p2c", backends, 20);
	for (unsigned i = 0; i < 20000; i++)
		loads[balance_pick(balance, &query)]++;
	for (unsigned i = 0; i < 20; i++)
		assert_in_range(loads[i], 990, 1010);
	balance_destroy(balance);
}

/* rr: in turns, each as often as the others, and still nobody of weight 0. */
static void rr_ignores_weights(void **state)
{
	struct balance_backend backends[4] = {
		{ .name = "a", .weight = 100 },
		{ .name = "b", .weight = 0 },
		{ .name = "c", .weight = 1 },
		{ .name = "d", .weight = 7 },
	};
	static const int want[] = { 0, 2, 3 };
	struct balance *balance = build("rr", backends, 4);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(balance_pick(balance, &query), want[i % 3]);
	balance_destroy(balance);
}

/* lc: the smallest load whatever the weights, where least-connections takes the larger server. */
static void lc_ignores_weights_and_least_connections_does_not(void **state)
{
	uint32_t loads[2] = { 3, 9 };
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = 1, .load = load_read, .ctx = &loads[0] },
		{ .name = "b", .weight = 10, .load = load_read, .ctx = &loads[1] },
	};
	struct balance *equal = build("lc", backends, 2);
	struct balance *weighted = build("least-connections", backends, 2);
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };

	(void)state;
	assert_int_equal(balance_pick(equal, &query), 0);
	assert_int_equal(balance_pick(weighted, &query), 1);
	loads[0] = 10;
	assert_int_equal(balance_pick(equal, &query), 1);
	balance_destroy(equal);
	balance_destroy(weighted);
}

/* By weight, by the caller's random numbers alone: the same ones give the same choices. */
static void random_draws_by_weight(void **state)
{
	uint32_t loads[3] = { 1000000, 0, 0 };
	struct balance_backend backends[3] = {
		{ .name = "a", .weight = 1, .load = load_read, .ctx = &loads[0] },
		{ .name = "b", .weight = 2, .load = load_read, .ctx = &loads[1] },
		{ .name = "c", .weight = 1, .load = load_read, .ctx = &loads[2] },
	};
	struct balance *balance = build("random", backends, 3);
	struct rng first = { .state = 21 };
	struct rng second = { .state = 21 };
	unsigned counts[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		struct balance_query one = { .hash = i, .rng = &first };
		struct balance_query two = { .hash = ~i, .rng = &second };
		int choice = balance_pick(balance, &one);

		assert_int_equal(choice, balance_pick(balance, &two));
		counts[choice]++;
	}
	/* 10000 and 20000: five standard deviations are 433 and 500. */
	assert_in_range(counts[0], 9567, 10433);
	assert_in_range(counts[1], 19500, 20500);
	balance_destroy(balance);
}

/* Only what is a table has slots, and a pick is the slot that the hash falls into. */
static void consistent_algorithms_show_their_slots(void **state)
{
	struct balance_backend backends[2] = {
		{ .name = "a", .weight = 1 },
		{ .name = "b", .weight = 1 },
	};

	(void)state;
	for (unsigned i = 0; balance_at(i) != NULL; i++) {
		struct balance *balance = build(balance_at(i)->name, backends, 2);
		uint32_t count = 1;
		const uint16_t *slots = balance_slots(balance, &count);

		assert_int_equal(count, i < 2 ? TABLE_SIZE : 0);
		assert_true((slots != NULL) == (i < 2));
		for (uint32_t n = 0; n < 1000 && slots != NULL; n++) {
			struct balance_query query = { .hash = n * 0x01234567 };

			assert_int_equal(balance_pick(balance, &query),
				slots[balance_slot_of(query.hash, count)]);
		}
		balance_destroy(balance);
	}
}

/* Shares follow the weights; who leaves gives up its own part, and no other moves. */
static void ring_hash_moves_what_it_must(void **state)
{
	struct balance_backend backends[4] = {
		{ .name = "a", .weight = BALANCE_WEIGHT_ONE },
		{ .name = "b", .weight = BALANCE_WEIGHT_ONE },
		{ .name = "c", .weight = 2 * BALANCE_WEIGHT_ONE },
		{ .name = "d", .weight = BALANCE_WEIGHT_ONE / 100 },
	};
	struct balance *before = build("ring-hash", backends, 4);
	struct balance *after;
	struct rng rng = { .state = 17 };
	unsigned counts[4] = { 0 };

	(void)state;
	backends[1].weight = 0;
	after = build("ring-hash", backends, 4);
	for (unsigned i = 0; i < 40000; i++) {
		struct balance_query query = { .hash = (uint32_t)rng_next(&rng) };
		int first = balance_pick(before, &query);
		int second = balance_pick(after, &query);

		counts[first]++;
		assert_true(first == 1 ? second != 1 : second == first);
	}
	assert_in_range(counts[0], 8000, 12000);
	assert_in_range(counts[1], 8000, 12000);
	assert_in_range(counts[2], 17000, 23000);
	assert_in_range(counts[3], 1, 400);
	balance_destroy(before);
	balance_destroy(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_hash_moves_what_it_must),
		cmocka_unit_test(algorithms_are_listed_by_name),
		cmocka_unit_test(drained_backends_are_never_picked),
		cmocka_unit_test(too_many_backends_and_bad_sizes_are_refused),
		cmocka_unit_test(maglev_picks_by_hash_and_weight),
		cmocka_unit_test(maglev_spreads_one_workers_hashes),
		cmocka_unit_test(round_robin_interleaves_by_weight),
		cmocka_unit_test(round_robin_is_smooth),
		cmocka_unit_test(round_robin_cursors_are_the_callers),
		cmocka_unit_test(round_robin_bounds_its_schedule),
		cmocka_unit_test(least_requests_takes_the_smallest_load_for_its_weight),
		cmocka_unit_test(least_requests_fills_by_weight),
		cmocka_unit_test(p2c_draws_by_weight_when_loads_are_unknown),
		cmocka_unit_test(p2c_keeps_loads_even),
		cmocka_unit_test(rr_ignores_weights),
		cmocka_unit_test(lc_ignores_weights_and_least_connections_does_not),
		cmocka_unit_test(random_draws_by_weight),
		cmocka_unit_test(consistent_algorithms_show_their_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
