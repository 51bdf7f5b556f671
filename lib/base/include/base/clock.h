/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/*
 * Time in all of lib/ is an argument: "uint64_t now_us", microseconds of a monotonic clock that
 * starts anywhere above zero. Workers read it once a loop with clock_now_us(); tests make it up.
 */
#define CLOCK_US_PER_MS 1000ull
#define CLOCK_US_PER_S  1000000ull

/* Monotonic microseconds from the TSC. Call after rte_eal_init() only. Any thread. */
uint64_t clock_now_us(void);

#endif
