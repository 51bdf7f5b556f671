/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wheel against a model that has no cleverness: an array of timers, each with the tick at
 * which it must fire. Random arming, moving and cancelling, from outside and from inside of
 * handlers, over spans from microseconds to years.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "runtime/wheel.h"
#include "support/support.h"

#define TICK_US 1000ull
#define TIMERS  200
#define IDLE    UINT64_MAX /* not armed */

struct item {
	struct wheel_timer timer;
	struct model *model;
	uint64_t due; /* tick */
};

struct model {
	struct wheel *wheel;
	struct item items[TIMERS];
	struct rng rng;
	uint64_t tick;   /* the wheel's: the last that has fired, or fires now */
	uint64_t target; /* of the advance under way */
	unsigned span_bits;
	unsigned fired;
};

/* From 0 to about 2^bits, all orders of magnitude alike. */
static uint64_t random_span(struct model *model)
{
	unsigned bits = rng_below(&model->rng, model->span_bits + 1);

	return rng_next(&model->rng) & ((1ull << bits) - 1);
}

static void item_arm(struct item *item, uint64_t deadline_us)
{
	struct model *model = item->model;
	uint64_t due = (deadline_us + TICK_US - 1) / TICK_US;

	item->due = due > model->tick ? due : model->tick + 1;
	wheel_arm(model->wheel, &item->timer, deadline_us);
	assert_true(wheel_is_armed(&item->timer));
}

static void item_cancel(struct item *item)
{
	assert_int_equal(wheel_is_armed(&item->timer), item->due != IDLE);
	wheel_cancel(&item->timer);
	item->due = IDLE;
	assert_false(wheel_is_armed(&item->timer));
}

static uint64_t earliest_due(const struct model *model)
{
	uint64_t due = IDLE;

	for (unsigned i = 0; i < TIMERS; i++) {
		if (model->items[i].due < due)
			due = model->items[i].due;
	}
	return due;
}

static struct item *random_item(struct model *model)
{
	return &model->items[rng_below(&model->rng, TIMERS)];
}

/* What a handler may do: nothing, cancel another, move another, arm itself again. */
static void item_act(struct item *item, uint64_t now_us)
{
	struct model *model = item->model;
	struct item *other = random_item(model);

	switch (rng_below(&model->rng, 6)) {
	case 0:
		item_cancel(other);
		break;
	case 1:
		item_arm(other, now_us + random_span(model));
		break;
	case 2:
		item_arm(item, now_us + 1 + random_span(model));
		break;
	case 3:
		/* Within the advance that goes on, or in the past. */
		item_arm(other, model->tick * TICK_US + rng_below(&model->rng, 5000));
		break;
	default:
		break;
	}
}

static void item_expire(struct wheel_timer *timer, uint64_t now_us)
{
	struct item *item = (struct item *)((char *)timer - offsetof(struct item, timer));
	struct model *model = item->model;

	assert_false(wheel_is_armed(timer));
	assert_true(item->due != IDLE);
	assert_true(item->due <= model->target);
	assert_true(now_us / TICK_US == model->target);
	/* In the order of ticks: nobody that is still armed was due before. */
	assert_true(item->due == earliest_due(model));
	assert_true(item->due >= model->tick);
	model->tick = item->due;
	item->due = IDLE;
	model->fired++;
	item_act(item, now_us);
}

static void model_advance(struct model *model, uint64_t now_us)
{
	uint64_t next_us = wheel_next_us(model->wheel);
	uint64_t earliest = earliest_due(model);

	/* A lower bound, and none exactly when nothing is armed. */
	assert_int_equal(next_us == UINT64_MAX, earliest == IDLE);
	if (earliest != IDLE)
		assert_true(next_us <= earliest * TICK_US);
	model->target = now_us / TICK_US;
	wheel_advance(model->wheel, now_us);
	model->tick = model->target;
	assert_true(earliest_due(model) > model->tick);
	for (unsigned i = 0; i < TIMERS; i++)
		assert_int_equal(
			wheel_is_armed(&model->items[i].timer), model->items[i].due != IDLE);
}

static void model_run(uint64_t seed, unsigned span_bits, unsigned steps)
{
	static struct model model;
	uint64_t now_us;

	model = (struct model){ .rng = { .state = seed }, .span_bits = span_bits };
	now_us = 1 + random_span(&model);
	model.wheel = wheel_create(now_us);
	assert_non_null(model.wheel);
	model.tick = now_us / TICK_US;
	for (unsigned i = 0; i < TIMERS; i++) {
		model.items[i].model = &model;
		model.items[i].due = IDLE;
		wheel_timer_init(&model.items[i].timer, item_expire);
	}
	for (unsigned step = 0; step < steps; step++) {
		unsigned count = rng_below(&model.rng, 20);

		for (unsigned i = 0; i < count; i++)
			item_arm(random_item(&model), now_us + random_span(&model));
		if (rng_below(&model.rng, 3) == 0)
			item_cancel(random_item(&model));
		now_us += random_span(&model);
		model_advance(&model, now_us);
	}
	assert_true(model.fired > steps / 2);
	wheel_destroy(model.wheel);
}

/* 2^20 us: one second. */
static void test_seconds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		model_run(seed, 20, 300);
}

/* 2^32 us: an hour. */
static void test_hours(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 120; seed++)
		model_run(seed, 32, 300);
}

/* 2^42 us: 50 days, which is as far as the wheel reaches without going round again. */
static void test_months(void **state)
{
	(void)state;
	for (uint64_t seed = 200; seed < 220; seed++)
		model_run(seed, 42, 300);
}

/* 2^48 us: 9 years, many rounds. */
static void test_years(void **state)
{
	(void)state;
	for (uint64_t seed = 300; seed < 320; seed++)
		model_run(seed, 48, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_months),
		cmocka_unit_test(test_years),
	};

	return cmocka_run_group_tests_name("wheel_model", tests, NULL, NULL);
}
