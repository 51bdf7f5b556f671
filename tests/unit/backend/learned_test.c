/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <pthread.h>

#include "backend/learned.h"
#include "backend/quantile.h"

#define EXPIRE_S 100

static uint64_t key_of(const struct learned *learned, uint32_t number)
{
	return learned_key(learned, &number, sizeof(number));
}

static void sessions_are_found_until_they_expire(void **state)
{
	struct learned *learned = learned_create(64);
	uint64_t key = key_of(learned, 1);

	(void)state;
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 5), 0);
	assert_false(learned_set(learned, key, 7, EXPIRE_S, 5));
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 5), 7);
	/* A use makes it last. */
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 105), 7);
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 205), 7);
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 306), 0);
	/* Another member takes it over. */
	learned_set(learned, key, 8, EXPIRE_S, 306);
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 306), 8);
	learned_clear(learned);
	assert_int_equal(learned_find(learned, key, EXPIRE_S, 306), 0);
	learned_put(learned);
}

/* Room is made by what was not used for longest, and that is told. */
static void the_table_is_bounded(void **state)
{
	struct learned *learned = learned_create(64);
	struct learned_row row;
	unsigned evicted = 0, found = 0;
	size_t cursor = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		evicted += learned_set(learned, key_of(learned, i), i + 1, EXPIRE_S, 10 + i / 100);
		assert_int_equal(
			learned_find(learned, key_of(learned, i), EXPIRE_S, 10 + i / 100), i + 1);
	}
	while (learned_next(learned, &cursor, EXPIRE_S, 19, &row)) {
		assert_int_equal(row.key, key_of(learned, row.member_id - 1));
		assert_true(row.idle_s <= 9);
		found++;
	}
	assert_int_equal(evicted + found, 1000);
	assert_true(found <= 64 && found >= 50);
	/* Those that have expired are no loss. */
	for (uint32_t i = 2000; i < 2032; i++)
		assert_false(learned_set(learned, key_of(learned, i), 1, 0, 1000 + i));
	learned_put(learned);
}

static void a_larger_table_takes_over(void **state)
{
	struct learned *small = learned_create(64);
	struct learned *large = learned_create(4096);
	struct learned *shared = learned_share(small);
	uint64_t key = key_of(small, 3);

	(void)state;
	learned_set(small, key, 9, EXPIRE_S, 50);
	learned_copy(large, small);
	learned_put(small);
	assert_int_equal(learned_find(shared, key, EXPIRE_S, 50), 9);
	learned_put(shared);
	assert_int_equal(key_of(large, 3), key);
	assert_int_equal(learned_find(large, key, EXPIRE_S, 150), 9);
	assert_int_equal(learned_find(large, key, EXPIRE_S, 251), 0);
	learned_put(large);
}

/* Two workers on a table that is far too small: whoever is found is who was set. */
static void *work(void *arg)
{
	struct learned *learned = arg;
	uintptr_t wrong = 0;

	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t number = i * 2654435761u % 512;
		uint64_t key = key_of(learned, number);
		uint32_t id = learned_find(learned, key, EXPIRE_S, i / 1000);

		wrong += id != 0 && id != number + 1;
		learned_set(learned, key, number + 1, EXPIRE_S, i / 1000);
	}
	return (void *)wrong;
}

static void workers_never_find_anothers(void **state)
{
	struct learned *learned = learned_create(64);
	pthread_t threads[2];
	void *wrong;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, learned), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	learned_put(learned);
}

static void percentiles_are_those_of_late(void **state)
{
	struct quantile quantile = { 0 };
	uint64_t value;

	(void)state;
	assert_int_equal(quantile_at(&quantile, 95), 0);
	for (unsigned i = 0; i < 1000; i++)
		quantile_add(&quantile, i % 20 == 0 ? 50000 : 1000);
	value = quantile_at(&quantile, 90);
	assert_true(value > 1000 && value <= 1150);
	value = quantile_at(&quantile, 99);
	assert_true(value > 50000 && value <= 57500);
	/* What is past fades. */
	for (unsigned i = 0; i < 20000; i++)
		quantile_add(&quantile, 200);
	value = quantile_at(&quantile, 99);
	assert_true(value > 200 && value <= 230);
	quantile_add(&quantile, UINT64_MAX);
	quantile_add(&quantile, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_found_until_they_expire),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(a_larger_table_takes_over),
		cmocka_unit_test(workers_never_find_anothers),
		cmocka_unit_test(percentiles_are_those_of_late),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
