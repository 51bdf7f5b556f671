/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "balance/maglev.h"
#include "base/rng.h"
#include "support/support.h"

#define NAME_BYTES   32
#define BACKENDS_MAX 1000

static const struct hash_key key = { .k0 = 0x0123456789abcdef, .k1 = 0xfedcba9876543211 };

struct fleet {
	char names[BACKENDS_MAX][NAME_BYTES];
	struct maglev_backend backends[BACKENDS_MAX];
};

static struct fleet *fleet_create(size_t count)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	assert_non_null(fleet);
	for (size_t i = 0; i < count; i++) {
		snprintf(fleet->names[i], NAME_BYTES, "198.51.%zu.%zu:80", i / 250, i % 250);
		fleet->backends[i].name = fleet->names[i];
		fleet->backends[i].weight = 1;
	}
	return fleet;
}

static uint16_t *slots_create(uint32_t size)
{
	uint16_t *slots = malloc(size * sizeof(*slots));

	assert_non_null(slots);
	return slots;
}

static void slots_count(const uint16_t *slots, uint32_t size, uint32_t *shares, size_t count)
{
	memset(shares, 0, count * sizeof(*shares));
	for (uint32_t i = 0; i < size; i++) {
		assert_true(slots[i] < count);
		shares[slots[i]]++;
	}
}

/* Table 1 of the paper, before and after backend 1 leaves. */
static void golden_vector_is_the_papers(void **state)
{
	static const uint16_t before[7] = { 1, 0, 1, 0, 2, 2, 0 };
	static const uint16_t after[7] = { 0, 0, 0, 0, 2, 2, 2 };
	struct maglev_backend backends[3] = {
		{ .weight = 1, .offset = 3, .skip = 4 },
		{ .weight = 1, .offset = 0, .skip = 2 },
		{ .weight = 1, .offset = 3, .skip = 1 },
	};
	uint16_t slots[7];

	(void)state;
	assert_int_equal(maglev_fill(backends, RTE_DIM(backends), slots, RTE_DIM(slots)), 0);
	assert_memory_equal(slots, before, sizeof(slots));
	backends[1].weight = 0;
	assert_int_equal(maglev_fill(backends, RTE_DIM(backends), slots, RTE_DIM(slots)), 0);
	assert_memory_equal(slots, after, sizeof(slots));
}

static void sizes_are_odd_primes_up_to_2_24(void **state)
{
	static const uint32_t good[] = { 3, 7, 4093, 65537, 655373, 16777213 };
	static const uint32_t bad[] = { 0, 1, 2, 4, 9, 65536, 65539 * 3, 16777216, 16777259 };
	struct maglev_backend backend = { .name = "a", .weight = 1 };
	uint16_t slots[16];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(good); i++)
		assert_true(maglev_is_size(good[i]));
	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		assert_false(maglev_is_size(bad[i]));
		assert_int_equal(maglev_fill(&backend, 1, slots, bad[i]), -EINVAL);
		assert_int_equal(maglev_build(&backend, 1, key, slots, bad[i]), -EINVAL);
	}
}

static void permutations_lie_in_range_and_depend_on_the_key(void **state)
{
	struct hash_key other = { .k0 = key.k0 + 1, .k1 = key.k1 };
	struct fleet *fleet = fleet_create(500);
	unsigned same = 0;

	(void)state;
	for (size_t i = 0; i < 500; i++) {
		struct maglev_backend rekeyed = fleet->backends[i];

		maglev_permute(&fleet->backends[i], 65537, key);
		maglev_permute(&rekeyed, 65537, other);
		assert_in_range(fleet->backends[i].offset, 0, 65536);
		assert_in_range(fleet->backends[i].skip, 1, 65536);
		same += fleet->backends[i].offset == rekeyed.offset;
	}
	assert_true(same < 3);
	free(fleet);
}

static void nobody_usable_leaves_the_table_empty(void **state)
{
	struct maglev_backend backend = { .name = "a", .weight = 0 };
	uint16_t slots[7];

	(void)state;
	assert_int_equal(maglev_build(&backend, 1, key, slots, RTE_DIM(slots)), 0);
	for (size_t i = 0; i < RTE_DIM(slots); i++)
		assert_int_equal(slots[i], MAGLEV_EMPTY);
	assert_int_equal(maglev_build(NULL, 0, key, slots, RTE_DIM(slots)), 0);
	assert_int_equal(slots[0], MAGLEV_EMPTY);
}

/* Equal weights: whole turns, so shares differ by at most one slot, at any size. */
static void shares_differ_by_one_slot_at_most(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 10, 100, 655, 1000 };
	uint16_t *slots = slots_create(65537);
	uint32_t shares[BACKENDS_MAX];

	(void)state;
	for (size_t c = 0; c < RTE_DIM(counts); c++) {
		struct fleet *fleet = fleet_create(counts[c]);
		uint32_t least = UINT32_MAX;
		uint32_t most = 0;

		assert_int_equal(maglev_build(fleet->backends, counts[c], key, slots, 65537), 0);
		slots_count(slots, 65537, shares, counts[c]);
		for (size_t i = 0; i < counts[c]; i++) {
			least = RTE_MIN(least, shares[i]);
			most = RTE_MAX(most, shares[i]);
		}
		assert_true(most - least <= 1);
		free(fleet);
	}
	free(slots);
}

/* 65537 = 11 * 5957 + 10: a tenth to one, up to the slots of the last, broken turn. */
static void weights_one_and_ten_share_one_to_ten(void **state)
{
	struct maglev_backend backends[2] = {
		{ .name = "light", .weight = 1 },
		{ .name = "heavy", .weight = 10 },
	};
	uint16_t *slots = slots_create(65537);
	uint32_t shares[2];

	(void)state;
	assert_int_equal(maglev_build(backends, 2, key, slots, 65537), 0);
	slots_count(slots, 65537, shares, 2);
	assert_int_equal(shares[0], 5957);
	assert_int_equal(shares[1], 59580);
	free(slots);
}

/*
 * Any weights, large and coprime ones too. Each light backend may be one claim behind when the
 * table is full, to the heaviest one's gain.
 */
static void arbitrary_weights_get_their_shares(void **state)
{
	static const uint32_t weights[] = { 1, 3, 7, 100, 256, 0, 1000, 77777 };
	struct fleet *fleet = fleet_create(RTE_DIM(weights));
	uint16_t *slots = slots_create(65537);
	uint32_t shares[RTE_DIM(weights)];
	double total = 0;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(weights); i++) {
		fleet->backends[i].weight = weights[i];
		total += weights[i];
	}
	assert_int_equal(maglev_build(fleet->backends, RTE_DIM(weights), key, slots, 65537), 0);
	slots_count(slots, 65537, shares, RTE_DIM(weights));
	for (size_t i = 0; i < RTE_DIM(weights); i++) {
		double want = 65537.0 * weights[i] / total;

		assert_true(shares[i] >= want - 1 && shares[i] <= want + RTE_DIM(weights));
	}
	assert_int_equal(shares[5], 0);
	free(slots);
	free(fleet);
}

static void swap(struct maglev_backend *a, struct maglev_backend *b)
{
	struct maglev_backend kept = *a;

	*a = *b;
	*b = kept;
}

/* The same backends in another order get the same slots, by name. */
static void order_does_not_matter(void **state)
{
	struct rng rng = { .state = 7 };
	struct fleet *fleet = fleet_create(50);
	struct maglev_backend shuffled[50];
	uint16_t *first = slots_create(4093);
	uint16_t *second = slots_create(4093);

	(void)state;
	for (size_t i = 0; i < 50; i++)
		fleet->backends[i].weight = (uint32_t)(i % 5);
	memcpy(shuffled, fleet->backends, sizeof(shuffled));
	for (uint32_t i = 49; i > 0; i--)
		swap(&shuffled[i], &shuffled[rng_below(&rng, i + 1)]);
	assert_int_equal(maglev_build(fleet->backends, 50, key, first, 4093), 0);
	assert_int_equal(maglev_build(shuffled, 50, key, second, 4093), 0);
	for (size_t i = 0; i < 4093; i++)
		assert_string_equal(fleet->backends[first[i]].name, shuffled[second[i]].name);
	free(first);
	free(second);
	free(fleet);
}

struct disruption {
	size_t backends;
	uint32_t size;
	unsigned trials;
	size_t leave;
	double changed;    /* per cent of all slots */
	double collateral; /* per cent: slots of survivors that moved */
};

/*
 * The design's table of slots that change when k of N backends leave. One build differs from the
 * next by chance, so a row is the mean of its trials, and must come within 12 per cent of the
 * table's figure or 0.06 points, whichever is more.
 */
#define ROW(backends_, size_, leave_, changed_, collateral_, trials_)                              \
	{                                                                                          \
		.backends = (backends_), .size = (size_), .leave = (leave_),                       \
		.changed = (changed_), .collateral = (collateral_), .trials = (trials_)            \
	}
static const struct disruption disruptions[] = {
	ROW(1000, 65537, 1, 0.67, 0.57, 12),
	ROW(1000, 65537, 10, 3.32, 2.32, 6),
	ROW(1000, 65537, 50, 8.25, 3.25, 4),
	ROW(1000, 655373, 1, 0.43, 0.33, 6),
	ROW(1000, 655373, 10, 1.58, 0.58, 3),
	ROW(100, 65537, 1, 1.56, 0.56, 12),
	ROW(10, 65537, 1, 10.24, 0.24, 20),
	ROW(100, 4093, 1, 3.98, 2.98, 40),
};
#undef ROW

static void assert_near(double got, double want)
{
	double tolerance = RTE_MAX(want * 0.12, 0.06);

	if (got < want - tolerance || got > want + tolerance)
		fail_msg("%.3f %%, but the table says %.2f %%", got, want);
}

/* Takes k random backends out and counts the slots that changed hands. */
static void trial_run(
	const struct disruption *row, struct rng *rng, uint64_t *changed, uint64_t *collateral)
{
	struct hash_key trial_key = { .k0 = rng_next(rng), .k1 = rng_next(rng) };
	struct fleet *fleet = fleet_create(row->backends);
	uint16_t *before = slots_create(row->size);
	uint16_t *after = slots_create(row->size);
	size_t left = 0;

	assert_int_equal(
		maglev_build(fleet->backends, row->backends, trial_key, before, row->size), 0);
	while (left < row->leave) {
		uint32_t victim = rng_below(rng, (uint32_t)row->backends);

		left += fleet->backends[victim].weight;
		fleet->backends[victim].weight = 0;
	}
	assert_int_equal(
		maglev_build(fleet->backends, row->backends, trial_key, after, row->size), 0);
	for (uint32_t i = 0; i < row->size; i++) {
		*changed += before[i] != after[i];
		*collateral += before[i] != after[i] && fleet->backends[before[i]].weight > 0;
	}
	free(before);
	free(after);
	free(fleet);
}

static void disruption_is_the_tables(void **state)
{
	struct rng rng = { .state = 2016 };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(disruptions); i++) {
		const struct disruption *row = &disruptions[i];
		double slots = (double)row->size * row->trials;
		uint64_t changed = 0;
		uint64_t collateral = 0;

		for (unsigned trial = 0; trial < row->trials; trial++)
			trial_run(row, &rng, &changed, &collateral);
		print_message("N %zu M %u k %zu: changed %.2f %%, collateral %.2f %%\n",
			row->backends, row->size, row->leave, 100 * (double)changed / slots,
			100 * (double)collateral / slots);
		assert_near(100 * (double)changed / slots, row->changed);
		assert_near(100 * (double)collateral / slots, row->collateral);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_vector_is_the_papers),
		cmocka_unit_test(sizes_are_odd_primes_up_to_2_24),
		cmocka_unit_test(permutations_lie_in_range_and_depend_on_the_key),
		cmocka_unit_test(nobody_usable_leaves_the_table_empty),
		cmocka_unit_test(shares_differ_by_one_slot_at_most),
		cmocka_unit_test(weights_one_and_ten_share_one_to_ten),
		cmocka_unit_test(arbitrary_weights_get_their_shares),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(disruption_is_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
