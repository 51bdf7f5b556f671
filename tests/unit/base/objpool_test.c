/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/objpool.h"
#include "base/rng.h"
#include "support/support.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define IS_POISONED(address) (__asan_address_is_poisoned(address) != 0)
#else
#define IS_POISONED(address) ((address) != NULL)
#endif

static void test_limit(void **state)
{
	struct objpool *pool = objpool_create(100, 4, 10);
	void *objects[10];

	(void)state;
	assert_non_null(pool);
	assert_int_equal(objpool_bytes(pool), 0);
	for (unsigned i = 0; i < 10; i++) {
		objects[i] = objpool_get(pool);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 64, 0);
		assert_int_equal(objpool_used(pool), i + 1);
		/* All 100 bytes, up to the next line, are ours. */
		memset(objects[i], (int)i, 128);
	}
	assert_null(objpool_get(pool));
	assert_int_equal(objpool_used(pool), 10);
	assert_int_equal(objpool_bytes(pool), 10 * 128);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(((uint8_t *)objects[i])[127], i);
		objpool_put(pool, objects[i]);
	}
	assert_int_equal(objpool_used(pool), 0);
	assert_int_equal(objpool_bytes(pool), 10 * 128);
	objpool_destroy(pool);
}

/* What went out last comes first: it is still warm. */
static void test_reuse(void **state)
{
	struct objpool *pool = objpool_create(64, 8, 0);
	void *first = objpool_get(pool);
	void *second = objpool_get(pool);

	(void)state;
	assert_ptr_not_equal(first, second);
	objpool_put(pool, first);
	assert_ptr_equal(objpool_get(pool), first);
	objpool_put(pool, first);
	objpool_put(pool, second);
	assert_ptr_equal(objpool_get(pool), second);
	objpool_put(pool, second);
	objpool_destroy(pool);
}

static void test_poison(void **state)
{
	struct objpool *pool = objpool_create(64, 2, 0);
	char *object = objpool_get(pool);

	(void)state;
	object[63] = 1;
	objpool_put(pool, object);
	assert_true(IS_POISONED(object));
	assert_true(IS_POISONED(object + 63));
	assert_ptr_equal(objpool_get(pool), object);
	object[63] = 2;
	objpool_put(pool, object);
	objpool_destroy(pool);
}

static void test_zero_sizes(void **state)
{
	struct objpool *pool = objpool_create(1, 0, 0);
	void *a = objpool_get(pool);
	void *b = objpool_get(pool);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_int_equal(objpool_bytes(pool), 2 * 64);
	objpool_put(pool, a);
	objpool_put(pool, b);
	objpool_destroy(pool);
	objpool_destroy(NULL);
}

/* Objects never overlap: each carries a pattern of its own through random gets and puts. */
static void test_random(void **state)
{
	struct objpool *pool = objpool_create(72, 16, 500);
	uint64_t *objects[500] = { NULL };
	struct rng rng = { .state = 3 };
	unsigned used = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		unsigned at = rng_below(&rng, 500);

		if (objects[at] == NULL) {
			objects[at] = objpool_get(pool);
			assert_non_null(objects[at]);
			for (unsigned j = 0; j < 9; j++)
				objects[at][j] = at;
			used++;
		} else {
			for (unsigned j = 0; j < 9; j++)
				assert_int_equal(objects[at][j], at);
			objpool_put(pool, objects[at]);
			objects[at] = NULL;
			used--;
		}
		assert_int_equal(objpool_used(pool), used);
	}
	/* Objects that are still out go with the pool. */
	objpool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_zero_sizes),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("objpool", tests, NULL, NULL);
}
