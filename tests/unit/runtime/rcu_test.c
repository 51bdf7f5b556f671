/* SPDX-License-Identifier: Apache-2.0 */
/* Readers' steps are calls here: one thread plays all parts. */
#include "runtime/rcu.h"
#include "support/support.h"

struct object {
	bool is_idle;
	unsigned destroyed; /* at which place in the order; 0: not yet */
};

static unsigned destroy_count;

static void object_destroy(void *object)
{
	((struct object *)object)->destroyed = ++destroy_count;
}

static bool object_is_idle(void *object)
{
	return ((struct object *)object)->is_idle;
}

static int counters_reset(void **state)
{
	(void)state;
	destroy_count = 0;
	return 0;
}

static void test_waits_for_every_reader(void **state)
{
	struct rcu *rcu = rcu_create(2);
	struct object object = { .destroyed = 0 };

	(void)state;
	assert_non_null(rcu);
	rcu_reader_enter(rcu, 0);
	rcu_reader_enter(rcu, 1);
	assert_int_equal(rcu_defer(rcu, &object, NULL, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 1);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 1);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 1);
	assert_int_equal(object.destroyed, 0);
	rcu_reader_quiescent(rcu, 1);
	assert_int_equal(rcu_reap(rcu), 0);
	assert_int_equal(object.destroyed, 1);
	assert_int_equal(rcu_reap(rcu), 0);
	assert_int_equal(destroy_count, 1);
	rcu_destroy(rcu);
	assert_int_equal(destroy_count, 1);
}

static void test_quiet_before_does_not_count(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct object object = { .destroyed = 0 };

	(void)state;
	rcu_reader_enter(rcu, 0);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_defer(rcu, &object, NULL, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 1);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 0);
	rcu_destroy(rcu);
}

static void test_without_readers(void **state)
{
	struct rcu *rcu = rcu_create(4);
	struct object objects[2] = { { .destroyed = 0 } };

	(void)state;
	assert_int_equal(rcu_defer(rcu, &objects[0], NULL, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 0);
	/* A reader that has left is not waited for. */
	rcu_reader_enter(rcu, 3);
	assert_int_equal(rcu_defer(rcu, &objects[1], NULL, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 1);
	rcu_reader_leave(rcu, 3);
	assert_int_equal(rcu_reap(rcu), 0);
	assert_int_equal(objects[1].destroyed, 2);
	rcu_destroy(rcu);
}

/* A reader that entered after the defer cannot hold the object. */
static void test_late_reader(void **state)
{
	struct rcu *rcu = rcu_create(2);
	struct object object = { .destroyed = 0 };

	(void)state;
	rcu_reader_enter(rcu, 0);
	assert_int_equal(rcu_defer(rcu, &object, NULL, object_destroy), 0);
	rcu_reader_enter(rcu, 1);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 0);
	rcu_destroy(rcu);
}

static void test_in_use_stays(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct object busy = { .is_idle = false };
	struct object idle = { .is_idle = true };

	(void)state;
	rcu_reader_enter(rcu, 0);
	assert_int_equal(rcu_defer(rcu, &busy, object_is_idle, object_destroy), 0);
	assert_int_equal(rcu_defer(rcu, &idle, object_is_idle, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 2);
	rcu_reader_quiescent(rcu, 0);
	/* The younger one goes past the older, which is in use. */
	assert_int_equal(rcu_reap(rcu), 1);
	assert_int_equal(idle.destroyed, 1);
	assert_int_equal(busy.destroyed, 0);
	assert_int_equal(rcu_reap(rcu), 1);
	busy.is_idle = true;
	assert_int_equal(rcu_reap(rcu), 0);
	assert_int_equal(busy.destroyed, 2);
	rcu_destroy(rcu);
}

/* Idle is asked only after the grace period: before, a reader may still take a reference. */
static void test_idle_too_early(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct object object = { .is_idle = true };

	(void)state;
	rcu_reader_enter(rcu, 0);
	assert_int_equal(rcu_defer(rcu, &object, object_is_idle, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 1);
	object.is_idle = false;
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 1);
	assert_int_equal(object.destroyed, 0);
	object.is_idle = true;
	assert_int_equal(rcu_reap(rcu), 0);
	rcu_destroy(rcu);
}

static void test_order_of_age(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct object objects[5] = { { .destroyed = 0 } };

	(void)state;
	rcu_reader_enter(rcu, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rcu_defer(rcu, &objects[i], NULL, object_destroy), 0);
	rcu_reader_quiescent(rcu, 0);
	for (unsigned i = 3; i < 5; i++)
		assert_int_equal(rcu_defer(rcu, &objects[i], NULL, object_destroy), 0);
	assert_int_equal(rcu_reap(rcu), 2);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(objects[i].destroyed, i < 3 ? i + 1 : 0);
	rcu_reader_quiescent(rcu, 0);
	assert_int_equal(rcu_reap(rcu), 0);
	assert_int_equal(objects[4].destroyed, 5);
	rcu_destroy(rcu);
}

static void test_destroy_takes_all(void **state)
{
	struct rcu *rcu = rcu_create(1);
	struct object objects[2] = { { .is_idle = false } };

	(void)state;
	rcu_reader_enter(rcu, 0);
	assert_int_equal(rcu_defer(rcu, &objects[0], object_is_idle, object_destroy), 0);
	assert_int_equal(rcu_defer(rcu, &objects[1], NULL, object_destroy), 0);
	rcu_reader_leave(rcu, 0);
	rcu_destroy(rcu);
	assert_int_equal(objects[0].destroyed, 1);
	assert_int_equal(objects[1].destroyed, 2);
	rcu_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_waits_for_every_reader, counters_reset),
		cmocka_unit_test_setup(test_quiet_before_does_not_count, counters_reset),
		cmocka_unit_test_setup(test_without_readers, counters_reset),
		cmocka_unit_test_setup(test_late_reader, counters_reset),
		cmocka_unit_test_setup(test_in_use_stays, counters_reset),
		cmocka_unit_test_setup(test_idle_too_early, counters_reset),
		cmocka_unit_test_setup(test_order_of_age, counters_reset),
		cmocka_unit_test_setup(test_destroy_takes_all, counters_reset),
	};

	return cmocka_run_group_tests_name("rcu", tests, NULL, NULL);
}
