/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_QUANTILE_H
#define BACKEND_QUANTILE_H

#include <stdint.h>

/*
 * How long answers took lately, in eighths of powers of two. Old ones fade: when QUANTILE_FULL are
 * there, all counts are halved. One owner core. Zeroed: empty.
 */
#define QUANTILE_STEPS   8 /* for each power of two */
#define QUANTILE_BUCKETS 176
#define QUANTILE_FULL    4096

struct quantile {
	uint32_t total;
	uint32_t counts[QUANTILE_BUCKETS];
};

void quantile_add(struct quantile *quantile, uint64_t us);

/*
 * The microseconds within which so many of a hundred were there, rounded up to the bucket's end; 0
 * when empty.
 */
uint64_t quantile_at(const struct quantile *quantile, unsigned percentile);

#endif
