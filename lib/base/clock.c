/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <rte_cycles.h>

uint64_t clock_now_us(void)
{
	uint64_t tsc = rte_rdtsc();
	uint64_t hz = rte_get_tsc_hz();

	/* In two steps, or tsc * 1000000 overflows after two hours. */
	return tsc / hz * CLOCK_US_PER_S + tsc % hz * CLOCK_US_PER_S / hz;
}
