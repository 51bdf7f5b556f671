/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/quantile.h"

#define STEP_BITS  3
#define FIRST_BITS 6 /* what is below 64 us is in one bucket */

static unsigned bucket_of(uint64_t us)
{
	unsigned bits, bucket;

	if (us >> FIRST_BITS == 0)
		return 0;
	bits = 63 - (unsigned)__builtin_clzll(us);
	bucket = 1 + (bits - FIRST_BITS) * QUANTILE_STEPS +
		(unsigned)(us >> (bits - STEP_BITS) & (QUANTILE_STEPS - 1));
	return bucket < QUANTILE_BUCKETS ? bucket : QUANTILE_BUCKETS - 1;
}

static uint64_t bucket_end_us(unsigned bucket)
{
	unsigned bits = FIRST_BITS + bucket / QUANTILE_STEPS;

	/* The end of one is the begin of the next, which has number bucket + 1. */
	return (uint64_t)(QUANTILE_STEPS + bucket % QUANTILE_STEPS) << (bits - STEP_BITS);
}

static void fade(struct quantile *quantile)
{
	quantile->total = 0;
	for (unsigned i = 0; i < QUANTILE_BUCKETS; i++) {
		quantile->counts[i] /= 2;
		quantile->total += quantile->counts[i];
	}
}

void quantile_add(struct quantile *quantile, uint64_t us)
{
	quantile->counts[bucket_of(us)]++;
	if (++quantile->total >= QUANTILE_FULL)
		fade(quantile);
}

uint64_t quantile_at(const struct quantile *quantile, unsigned percentile)
{
	uint64_t wanted = ((uint64_t)quantile->total * percentile + 99) / 100;
	uint64_t seen = 0;

	for (unsigned i = 0; i < QUANTILE_BUCKETS && wanted > 0; i++) {
		seen += quantile->counts[i];
		if (seen >= wanted)
			return bucket_end_us(i);
	}
	return 0;
}
