/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "base/rng.h"
#include "runtime/steer.h"
#include "support/support.h"

static void assert_owner(
	const struct steer *steer, unsigned port, enum steer_kind kind, unsigned index)
{
	struct steer_owner owner = steer_by_port(steer, (uint16_t)port);

	assert_int_equal(owner.kind, kind);
	if (kind != STEER_NONE)
		assert_int_equal(owner.index, index);
}

static void test_slices(void **state)
{
	/* 100 ports for 3 workers: 33 each, and one is left over. */
	struct steer steer = steer_create(1000, 1099, 2, 1);

	(void)state;
	assert_int_equal(steer.slice_ports, 33);
	assert_int_equal(steer_l4_slice(&steer, 0).port_min, 1000);
	assert_int_equal(steer_l4_slice(&steer, 0).port_max, 1032);
	assert_int_equal(steer_l4_slice(&steer, 1).port_min, 1033);
	assert_int_equal(steer_l4_slice(&steer, 1).port_max, 1065);
	assert_int_equal(steer_l7_slice(&steer, 0).port_min, 1066);
	assert_int_equal(steer_l7_slice(&steer, 0).port_max, 1098);
	assert_owner(&steer, 0, STEER_NONE, 0);
	assert_owner(&steer, 999, STEER_NONE, 0);
	assert_owner(&steer, 1000, STEER_L4, 0);
	assert_owner(&steer, 1032, STEER_L4, 0);
	assert_owner(&steer, 1033, STEER_L4, 1);
	assert_owner(&steer, 1066, STEER_L7, 0);
	assert_owner(&steer, 1098, STEER_L7, 0);
	assert_owner(&steer, 1099, STEER_NONE, 0);
	assert_owner(&steer, 65535, STEER_NONE, 0);
}

/* For every size of machine: each port of the range has the owner whose slice it lies in. */
static void test_all_ports(void **state)
{
	(void)state;
	for (unsigned l4 = 1; l4 <= 64; l4 += 7) {
		for (unsigned l7 = 0; l7 <= 64; l7 += 9) {
			struct steer steer = steer_create(1024, 65535, l4, l7);
			unsigned next = 1024;

			for (unsigned i = 0; i < l4 + l7; i++) {
				bool is_l4 = i < l4;
				struct steer_slice slice = is_l4 ? steer_l4_slice(&steer, i)
								 : steer_l7_slice(&steer, i - l4);

				assert_int_equal(slice.port_min, next);
				for (unsigned port = slice.port_min; port <= slice.port_max; port++)
					assert_owner(&steer, port, is_l4 ? STEER_L4 : STEER_L7,
						is_l4 ? i : i - l4);
				next = slice.port_max + 1u;
			}
			for (; next <= 65535; next++)
				assert_owner(&steer, next, STEER_NONE, 0);
		}
	}
}

static void test_one_worker_has_all(void **state)
{
	struct steer steer = steer_create(1, 65535, 1, 0);

	(void)state;
	assert_int_equal(steer_l4_slice(&steer, 0).port_min, 1);
	assert_int_equal(steer_l4_slice(&steer, 0).port_max, 65535);
	assert_owner(&steer, 0, STEER_NONE, 0);
	assert_owner(&steer, 1, STEER_L4, 0);
	assert_owner(&steer, 65535, STEER_L4, 0);
}

static void test_hash(void **state)
{
	unsigned counts[5] = { 0 };
	struct rng rng = { .state = 5 };

	(void)state;
	assert_int_equal(steer_by_hash(0, 64), 0);
	assert_int_equal(steer_by_hash(UINT32_MAX, 64), 63);
	assert_int_equal(steer_by_hash(UINT32_MAX, 1), 0);
	for (unsigned i = 0; i < 100000; i++)
		counts[steer_by_hash((uint32_t)rng_next(&rng), 5)]++;
	for (unsigned i = 0; i < 5; i++)
		assert_in_range(counts[i], 19500, 20500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_one_worker_has_all),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
