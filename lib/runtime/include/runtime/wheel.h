/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_WHEEL_H
#define RUNTIME_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Hierarchical timer wheel with 1 ms ticks (Varghese, Lauck 1987), for one owner core: arming,
 * moving and cancelling cost O(1). A timer is a node inside its owner's struct.
 */
struct wheel;
struct wheel_timer;

typedef void wheel_expire(struct wheel_timer *timer, uint64_t now_us);

struct wheel_timer {
	struct wheel_timer *next;
	struct wheel_timer **prev; /* NULL: not armed */
	wheel_expire *expire;
	uint64_t deadline_us;
};

struct wheel *wheel_create(uint64_t now_us);

/* NULL is fine. Armed timers are forgotten, not fired. */
void wheel_destroy(struct wheel *wheel);

static inline void wheel_timer_init(struct wheel_timer *timer, wheel_expire *expire)
{
	timer->next = 0;
	timer->prev = 0;
	timer->expire = expire;
	timer->deadline_us = 0;
}

static inline bool wheel_is_armed(const struct wheel_timer *timer)
{
	return timer->prev != 0;
}

/* Arms, or moves an armed timer. Fires at the first tick at or after the deadline, never early. */
void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_us);
void wheel_cancel(struct wheel_timer *timer);

/* Fires what is due. A handler may arm and cancel any timer, its own included. */
void wheel_advance(struct wheel *wheel, uint64_t now_us);

/* A lower bound of the next deadline, UINT64_MAX when nothing is armed: for sleeping and tests. */
uint64_t wheel_next_us(const struct wheel *wheel);

#endif
