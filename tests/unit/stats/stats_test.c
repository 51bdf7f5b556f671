/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "stats/drop.h"
#include "stats/stats.h"
#include "support/support.h"

static const struct stats_desc red_descs[] = { { "in", "came" }, { "out", "went" } };
static const struct stats_desc blue_descs[] = { { "lost", "was lost" } };
static const struct stats_set red = STATS_SET("red", red_descs);
static const struct stats_set blue = STATS_SET("blue", blue_descs);

struct visit {
	const struct stats_set *set;
	const char *name;
	uint64_t sum;
};

struct visits {
	struct visit items[8];
	unsigned count;
};

static void visit_note(
	void *ctx, const struct stats_set *set, const struct stats_desc *desc, uint64_t sum)
{
	struct visits *visits = ctx;

	assert_true(visits->count < 8);
	visits->items[visits->count++] = (struct visit){
		.set = set, .name = desc->name, .sum = sum
	};
}

static void test_sum_and_walk(void **state)
{
	struct stats_registry *registry = stats_registry_create();
	uint64_t red0[2] = { 1, 2 };
	uint64_t red1[2] = { 10, 20 };
	uint64_t blue1[1] = { 7 };
	struct visits visits = { .count = 0 };

	(void)state;
	assert_non_null(registry);
	assert_int_equal(stats_registry_add(registry, &red, 0, red0), 0);
	assert_int_equal(stats_registry_add(registry, &blue, 1, blue1), 0);
	assert_int_equal(stats_registry_add(registry, &red, 1, red1), 0);
	assert_int_equal(stats_sum(registry, &red, 0), 11);
	assert_int_equal(stats_sum(registry, &red, 1), 22);
	assert_int_equal(stats_sum(registry, &blue, 0), 7);
	assert_int_equal(stats_sum(registry, &drop_stats_set, 0), 0);
	/* Borrowed, not copied. */
	red1[1] = 21;
	stats_registry_walk(registry, visit_note, &visits);
	assert_int_equal(visits.count, 3);
	assert_ptr_equal(visits.items[0].set, &red);
	assert_string_equal(visits.items[0].name, "in");
	assert_int_equal(visits.items[0].sum, 11);
	assert_string_equal(visits.items[1].name, "out");
	assert_int_equal(visits.items[1].sum, 23);
	assert_ptr_equal(visits.items[2].set, &blue);
	assert_int_equal(visits.items[2].sum, 7);
	stats_registry_destroy(registry);
}

static void test_many_cores(void **state)
{
	struct stats_registry *registry = stats_registry_create();
	uint64_t values[64][2];

	(void)state;
	for (unsigned core = 0; core < 64; core++) {
		values[core][0] = core;
		values[core][1] = UINT64_MAX;
		assert_int_equal(stats_registry_add(registry, &red, core, values[core]), 0);
	}
	assert_int_equal(stats_sum(registry, &red, 0), 64 * 63 / 2);
	/* Sums wrap as counters do. */
	assert_true(stats_sum(registry, &red, 1) == (uint64_t)-64);
	stats_registry_destroy(registry);
	stats_registry_destroy(NULL);
}

static void test_empty(void **state)
{
	struct stats_registry *registry = stats_registry_create();
	struct visits visits = { .count = 0 };

	(void)state;
	stats_registry_walk(registry, visit_note, &visits);
	assert_int_equal(visits.count, 0);
	assert_int_equal(stats_sum(registry, &red, 0), 0);
	stats_registry_destroy(registry);
}

static bool is_snake_case(const char *name)
{
	for (const char *c = name; *c != '\0'; c++) {
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			return false;
	}
	return islower((unsigned char)name[0]);
}

/* The table, the enum and the struct have the same order, and every name is one of its own. */
static void test_drops(void **state)
{
	(void)state;
	assert_string_equal(drop_stats_set.prefix, "drop");
	assert_int_equal(drop_stats_set.count, DROP_REASON_COUNT);
	assert_string_equal(drop_stats_set.descs[DROP_NONE].name, "none");
	assert_string_equal(drop_stats_set.descs[DROP_no_backend].name, "no_backend");
	assert_string_equal(drop_stats_set.descs[DROP_consumed].name, "consumed");
	for (unsigned i = 0; i < drop_stats_set.count; i++) {
		const struct stats_desc *desc = &drop_stats_set.descs[i];

		assert_true(is_snake_case(desc->name));
		assert_true(strlen(desc->help) > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(desc->name, drop_stats_set.descs[j].name);
	}
	assert_int_equal(sizeof(struct drop_counters), DROP_REASON_COUNT * sizeof(uint64_t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum_and_walk),
		cmocka_unit_test(test_many_cores),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_drops),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
