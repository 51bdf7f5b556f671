/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "runtime/wheel.h"
#include "support/support.h"

#define MS    1000ull
#define START (7 * MS)

struct probe {
	struct wheel_timer timer;
	unsigned fired;
	uint64_t fired_us;
	/* What its handler does beside counting. */
	struct wheel *wheel;
	struct probe *cancels;
	struct probe *arms;
	uint64_t arms_us;
};

static void probe_expire(struct wheel_timer *timer, uint64_t now_us)
{
	struct probe *probe = (struct probe *)((char *)timer - offsetof(struct probe, timer));

	assert_false(wheel_is_armed(timer));
	probe->fired++;
	probe->fired_us = now_us;
	if (probe->cancels != NULL)
		wheel_cancel(&probe->cancels->timer);
	if (probe->arms != NULL)
		wheel_arm(probe->wheel, &probe->arms->timer, probe->arms_us);
}

static struct probe probe_create(struct wheel *wheel)
{
	struct probe probe = { .wheel = wheel };

	wheel_timer_init(&probe.timer, probe_expire);
	return probe;
}

static int wheel_setup(void **state)
{
	*state = wheel_create(START);
	return *state != NULL ? 0 : -1;
}

static int wheel_teardown(void **state)
{
	wheel_destroy(*state);
	return 0;
}

static void test_never_early(void **state)
{
	/* Offsets around the borders of ticks and levels, in microseconds. */
	static const uint64_t offsets[] = { 1, 999, 1000, 1001, 248999, 249000, 249001, 255999,
		256000, 256001, 65528999, 65529000, 65535999, 65536000, 65536001, 16777208999,
		16777216000, 4294967287999, 4294967295999, 4294967296000, 4294967296001,
		99999999999999 };
	struct wheel *wheel = *state;

	for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct wheel *own = wheel_create(START);
		struct probe probe = probe_create(own);
		uint64_t deadline = START + offsets[i];
		uint64_t tick = (deadline + 999) / MS * MS;

		wheel_arm(own, &probe.timer, deadline);
		assert_true(wheel_is_armed(&probe.timer));
		wheel_advance(own, deadline - 1);
		assert_int_equal(probe.fired, 0);
		wheel_advance(own, tick - 1);
		assert_int_equal(probe.fired, 0);
		wheel_advance(own, tick);
		assert_int_equal(probe.fired, 1);
		assert_true(probe.fired_us == tick);
		assert_false(wheel_is_armed(&probe.timer));
		wheel_advance(own, tick + 300 * MS);
		assert_int_equal(probe.fired, 1);
		wheel_destroy(own);
	}
	assert_true(wheel_next_us(wheel) == UINT64_MAX);
}

/* The same, but time comes in one leap. */
static void test_one_leap(void **state)
{
	struct wheel *wheel = *state;
	struct probe probes[40];

	for (unsigned i = 0; i < 40; i++) {
		probes[i] = probe_create(wheel);
		wheel_arm(wheel, &probes[i].timer, START + (1ull << i));
	}
	wheel_advance(wheel, START + (1ull << 39) - 1);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(probes[i].fired, i < 39);
	wheel_advance(wheel, START + (1ull << 40));
	assert_int_equal(probes[39].fired, 1);
}

static void test_past_deadline(void **state)
{
	struct wheel *wheel = *state;
	struct probe probe = probe_create(wheel);

	wheel_arm(wheel, &probe.timer, 0);
	wheel_advance(wheel, START + 999);
	assert_int_equal(probe.fired, 0);
	wheel_advance(wheel, START + 1000);
	assert_int_equal(probe.fired, 1);
}

/* As far as the clock goes is as good as never. */
static void test_farthest_deadline(void **state)
{
	struct wheel *wheel = *state;
	struct probe probe = probe_create(wheel);

	wheel_arm(wheel, &probe.timer, UINT64_MAX);
	wheel_advance(wheel, START + 1000 * MS);
	wheel_advance(wheel, START + (1ull << 50));
	assert_int_equal(probe.fired, 0);
	assert_true(wheel_is_armed(&probe.timer));
	wheel_cancel(&probe.timer);
}

static void test_time_stands_or_goes_back(void **state)
{
	struct wheel *wheel = *state;
	struct probe probe = probe_create(wheel);

	wheel_arm(wheel, &probe.timer, START + 5 * MS);
	wheel_advance(wheel, START);
	wheel_advance(wheel, 0);
	assert_int_equal(probe.fired, 0);
	wheel_advance(wheel, START + 5 * MS);
	wheel_advance(wheel, START + 5 * MS);
	assert_int_equal(probe.fired, 1);
}

static void test_cancel(void **state)
{
	struct wheel *wheel = *state;
	struct probe a = probe_create(wheel);
	struct probe b = probe_create(wheel);

	wheel_cancel(&a.timer);
	wheel_arm(wheel, &a.timer, START + 10 * MS);
	wheel_arm(wheel, &b.timer, START + 10 * MS);
	wheel_cancel(&a.timer);
	assert_false(wheel_is_armed(&a.timer));
	wheel_cancel(&a.timer);
	wheel_advance(wheel, START + 20 * MS);
	assert_int_equal(a.fired, 0);
	assert_int_equal(b.fired, 1);
}

static void test_move(void **state)
{
	struct wheel *wheel = *state;
	struct probe probe = probe_create(wheel);

	wheel_arm(wheel, &probe.timer, START + 10 * MS);
	wheel_arm(wheel, &probe.timer, START + 1000 * MS);
	wheel_advance(wheel, START + 500 * MS);
	assert_int_equal(probe.fired, 0);
	wheel_arm(wheel, &probe.timer, START + 501 * MS);
	wheel_advance(wheel, START + 501 * MS);
	assert_int_equal(probe.fired, 1);
	wheel_advance(wheel, START + 2000 * MS);
	assert_int_equal(probe.fired, 1);
}

/* All due at one tick; each handler cancels the next but one, whatever the order is. */
static void test_cancel_inside(void **state)
{
	struct wheel *wheel = *state;
	struct probe a = probe_create(wheel);
	struct probe b = probe_create(wheel);

	a.cancels = &b;
	b.cancels = &a;
	wheel_arm(wheel, &a.timer, START + 10 * MS);
	wheel_arm(wheel, &b.timer, START + 10 * MS);
	wheel_advance(wheel, START + 20 * MS);
	assert_int_equal(a.fired + b.fired, 1);
	assert_false(wheel_is_armed(&a.timer));
	assert_false(wheel_is_armed(&b.timer));
}

static void test_rearm_inside(void **state)
{
	struct wheel *wheel = *state;
	struct probe self = probe_create(wheel);
	struct probe other = probe_create(wheel);

	self.arms = &self;
	self.arms_us = START + 15 * MS;
	wheel_arm(wheel, &self.timer, START + 10 * MS);
	wheel_advance(wheel, START + 14 * MS);
	assert_int_equal(self.fired, 1);
	self.arms = &other;
	self.arms_us = START + 16 * MS;
	/* Armed inside for a tick that this same advance still reaches. */
	wheel_advance(wheel, START + 100 * MS);
	assert_int_equal(self.fired, 2);
	assert_int_equal(other.fired, 1);
}

/* Armed inside for the past: the next tick, not this one, so that an advance comes to its end. */
static void test_rearm_inside_for_the_past(void **state)
{
	struct wheel *wheel = *state;
	struct probe probe = probe_create(wheel);

	probe.arms = &probe;
	probe.arms_us = 0;
	wheel_arm(wheel, &probe.timer, START + 10 * MS);
	wheel_advance(wheel, START + 10 * MS);
	assert_int_equal(probe.fired, 1);
	wheel_advance(wheel, START + 13 * MS);
	assert_int_equal(probe.fired, 4);
	wheel_cancel(&probe.timer);
}

/* A handler moves another timer of its own tick into the future. */
static void test_move_inside(void **state)
{
	struct wheel *wheel = *state;
	struct probe a = probe_create(wheel);
	struct probe b = probe_create(wheel);

	a.arms = &b;
	b.arms = &a;
	a.arms_us = START + 50 * MS;
	b.arms_us = START + 50 * MS;
	wheel_arm(wheel, &a.timer, START + 10 * MS);
	wheel_arm(wheel, &b.timer, START + 10 * MS);
	wheel_advance(wheel, START + 49 * MS);
	assert_int_equal(a.fired + b.fired, 1);
	a.arms = NULL;
	b.arms = NULL;
	wheel_advance(wheel, START + 50 * MS);
	assert_int_equal(a.fired + b.fired, 2);
}

static void test_next(void **state)
{
	struct wheel *wheel = *state;
	struct probe a = probe_create(wheel);
	struct probe b = probe_create(wheel);

	assert_true(wheel_next_us(wheel) == UINT64_MAX);
	wheel_arm(wheel, &a.timer, START + 10 * MS);
	assert_true(wheel_next_us(wheel) == START + 10 * MS);
	wheel_arm(wheel, &b.timer, START + 5 * MS + 1);
	assert_true(wheel_next_us(wheel) == START + 6 * MS);
	wheel_cancel(&b.timer);
	assert_true(wheel_next_us(wheel) == START + 10 * MS);
	wheel_cancel(&a.timer);
	assert_true(wheel_next_us(wheel) == UINT64_MAX);
	/* A far one: a bound that is not late, and that sleeping up to brings nearer. */
	wheel_arm(wheel, &a.timer, START + 100000 * MS);
	for (unsigned i = 0; a.fired == 0; i++) {
		uint64_t next = wheel_next_us(wheel);

		assert_true(next <= START + 100000 * MS);
		assert_true(i < 4);
		wheel_advance(wheel, next);
	}
	assert_true(a.fired_us == START + 100000 * MS);
}

static void test_destroy_forgets(void **state)
{
	struct wheel *wheel = wheel_create(START);
	struct probe probe = probe_create(wheel);

	(void)state;
	wheel_arm(wheel, &probe.timer, START + MS);
	wheel_destroy(wheel);
	assert_int_equal(probe.fired, 0);
	wheel_destroy(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, wheel_setup, wheel_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_never_early),
		TEST(test_one_leap),
		TEST(test_past_deadline),
		TEST(test_farthest_deadline),
		TEST(test_time_stands_or_goes_back),
		TEST(test_cancel),
		TEST(test_move),
		TEST(test_cancel_inside),
		TEST(test_rearm_inside),
		TEST(test_rearm_inside_for_the_past),
		TEST(test_move_inside),
		TEST(test_next),
		TEST(test_destroy_forgets),
	};

	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
