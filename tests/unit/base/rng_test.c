/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "support/support.h"

/* The first values of SplitMix64 from the seed 1234567, as published with it. */
static void test_vectors(void **state)
{
	static const uint64_t expected[] = {
		6457827717110365317ull,
		3203168211198807973ull,
		9817491932198370423ull,
		4593380528125082431ull,
		16408922859458223821ull,
	};
	struct rng rng = { .state = 1234567 };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_true(rng_next(&rng) == expected[i]);
}

static void test_below(void **state)
{
	unsigned counts[7] = { 0 };
	struct rng rng = { .state = 1 };

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		uint32_t value = rng_below(&rng, 7);

		assert_true(value < 7);
		counts[value]++;
	}
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(counts[i], 9700, 10300);
	assert_int_equal(rng_below(&rng, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_below),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
