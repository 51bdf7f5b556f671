/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATS_DROP_H
#define STATS_DROP_H

#include <stdint.h>

#include "stats/stats.h"

enum drop_reason {
	DROP_NONE,
#define DROP(name, help) DROP_##name,
#include "stats/drop.def"
#undef DROP
	DROP_REASON_COUNT,
};

/* Owned by one core. counts[DROP_NONE] stays 0. */
struct drop_counters {
	uint64_t counts[DROP_REASON_COUNT];
};

/* Its descs are indexed by enum drop_reason. */
extern const struct stats_set drop_stats_set;

#endif
