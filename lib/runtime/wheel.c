/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/wheel.h"

#include <stdlib.h>

#include <rte_common.h>

#define TICK_US     1000ull
#define LEVELS      4
#define SLOT_BITS   8
#define SLOTS       (1u << SLOT_BITS)
#define SLOT_MASK   (SLOTS - 1)
#define BITMAP_BITS 64
#define SPAN_TICKS  (1ull << (LEVELS * SLOT_BITS))

/*
 * Level L has 256 slots of 256^L ticks. 'tick' is the last tick whose timers have fired. A bitmap
 * per level knows the slots that may hold timers, so that empty stretches are skipped at once.
 */
struct level {
	uint64_t occupied[SLOTS / BITMAP_BITS];
	struct wheel_timer *slots[SLOTS];
};

struct wheel {
	uint64_t tick;
	struct level levels[LEVELS];
};

struct wheel *wheel_create(uint64_t now_us)
{
	struct wheel *wheel = calloc(1, sizeof(*wheel));

	if (wheel != NULL)
		wheel->tick = now_us / TICK_US;
	return wheel;
}

void wheel_destroy(struct wheel *wheel)
{
	free(wheel);
}

static void slot_push(struct level *level, unsigned slot, struct wheel_timer *timer)
{
	struct wheel_timer **head = &level->slots[slot];

	timer->next = *head;
	timer->prev = head;
	if (*head != NULL)
		(*head)->prev = &timer->next;
	*head = timer;
	level->occupied[slot / BITMAP_BITS] |= 1ull << (slot % BITMAP_BITS);
}

/* Puts a timer due at 'due' (> wheel->tick) where that tick's turn will find it. */
static void timer_place(struct wheel *wheel, struct wheel_timer *timer, uint64_t due)
{
	unsigned level = 0;

	if (due - wheel->tick >= SPAN_TICKS)
		due = wheel->tick + SPAN_TICKS - 1;
	/* The lowest level on which due and now differ in no higher digit. */
	while ((due ^ wheel->tick) >> ((level + 1) * SLOT_BITS) != 0 && level < LEVELS - 1)
		level++;
	slot_push(&wheel->levels[level], (due >> (level * SLOT_BITS)) & SLOT_MASK, timer);
}

/* The first tick at or after a deadline; UINT64_MAX, "never", must not wrap round to "now". */
static uint64_t tick_at(uint64_t deadline_us)
{
	return deadline_us / TICK_US + (deadline_us % TICK_US != 0);
}

static uint64_t due_tick(const struct wheel *wheel, const struct wheel_timer *timer)
{
	uint64_t due = tick_at(timer->deadline_us);

	return due > wheel->tick ? due : wheel->tick + 1;
}

void wheel_cancel(struct wheel_timer *timer)
{
	if (timer->prev == NULL)
		return;
	*timer->prev = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	timer->prev = NULL;
	timer->next = NULL;
}

void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_us)
{
	wheel_cancel(timer);
	timer->deadline_us = deadline_us;
	timer_place(wheel, timer, due_tick(wheel, timer));
}

static struct wheel_timer *slot_take(struct level *level, unsigned slot)
{
	struct wheel_timer *list = level->slots[slot];

	level->slots[slot] = NULL;
	level->occupied[slot / BITMAP_BITS] &= ~(1ull << (slot % BITMAP_BITS));
	return list;
}

/* Moves a higher slot's timers down, now that its stretch of time begins. */
static void slot_cascade(struct wheel *wheel, unsigned level, unsigned slot)
{
	struct wheel_timer *timer = slot_take(&wheel->levels[level], slot);

	while (timer != NULL) {
		struct wheel_timer *next = timer->next;
		uint64_t due = tick_at(timer->deadline_us);

		timer->prev = NULL;
		/* The tick that begins fires right after this: a timer due now goes there. */
		timer_place(wheel, timer, due > wheel->tick ? due : wheel->tick);
		timer = next;
	}
}

/* Fires one slot of the lowest level. The list hangs on a local head while handlers run, so that
 * a handler may cancel any timer of it. */
static void slot_fire(struct wheel *wheel, unsigned slot, uint64_t now_us)
{
	struct wheel_timer *head = slot_take(&wheel->levels[0], slot);

	if (head != NULL)
		head->prev = &head;
	while (head != NULL) {
		struct wheel_timer *timer = head;

		wheel_cancel(timer);
		timer->expire(timer, now_us);
	}
}

/*
 * The first slot from 'from' on that may hold timers. Cancelling leaves a slot's bit behind, which
 * its turn clears: advancing takes such a slot as it comes, is_exact passes it by.
 */
static bool level_find(const struct level *level, unsigned from, bool is_exact, unsigned *found)
{
	for (unsigned word = from / BITMAP_BITS; word < SLOTS / BITMAP_BITS; word++) {
		uint64_t bits = level->occupied[word];

		if (word == from / BITMAP_BITS)
			bits &= ~0ull << (from % BITMAP_BITS);
		for (; bits != 0; bits &= bits - 1) {
			*found = word * BITMAP_BITS + (unsigned)__builtin_ctzll(bits);
			if (!is_exact || level->slots[*found] != NULL)
				return true;
		}
	}
	return false;
}

/* The next tick > wheel->tick at which something fires or cascades; UINT64_MAX: never. */
static uint64_t next_event_tick(const struct wheel *wheel, bool is_exact)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		unsigned shift = level * SLOT_BITS;
		uint64_t digit = (wheel->tick >> shift) & SLOT_MASK;
		uint64_t base = wheel->tick >> shift >> SLOT_BITS;
		unsigned slot;

		if (digit < SLOT_MASK &&
			level_find(&wheel->levels[level], (unsigned)digit + 1, is_exact, &slot))
			return ((base << SLOT_BITS) | slot) << shift;
		/* The top level wraps: slots at or below the digit lie in its next round. */
		if (level == LEVELS - 1 && level_find(&wheel->levels[level], 0, is_exact, &slot))
			return (((base + 1) << SLOT_BITS) | slot) << shift;
	}
	return UINT64_MAX;
}

void wheel_advance(struct wheel *wheel, uint64_t now_us)
{
	uint64_t target = now_us / TICK_US;

	while (wheel->tick < target) {
		uint64_t next = next_event_tick(wheel, false);

		if (next > target) {
			wheel->tick = target;
			return;
		}
		wheel->tick = next;
		for (unsigned level = LEVELS - 1; level > 0; level--) {
			if ((next & ((1ull << (level * SLOT_BITS)) - 1)) == 0)
				slot_cascade(
					wheel, level, (next >> (level * SLOT_BITS)) & SLOT_MASK);
		}
		slot_fire(wheel, next & SLOT_MASK, now_us);
	}
}

uint64_t wheel_next_us(const struct wheel *wheel)
{
	uint64_t next = next_event_tick(wheel, true);

	return next == UINT64_MAX ? UINT64_MAX : next * TICK_US;
}
