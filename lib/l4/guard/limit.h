/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_GUARD_LIMIT_H
#define L4_GUARD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_meter.h>

#include "base/hash.h"
#include "base/ip.h"

/*
 * Rates by rte_meter's single-rate token bucket (RFC 2697), which counts packets or connections
 * here instead of bytes. Time is in TSC cycles, but made of the caller's clock, so that tests can
 * make it up.
 */
struct limit {
	struct rte_meter_srtcm_profile profile;
	bool is_set; /* false: no limit */
};

/* rate_per_s 0: no limit. share: of how many the rate is. 0 or -EINVAL. */
int limit_init(struct limit *limit, unsigned rate_per_s, unsigned burst_ms, unsigned share);

/* Cycles for a time of the caller's clock. */
uint64_t limit_cycles(uint64_t now_us);

/* A full bucket. */
static inline void limit_meter_init(
	const struct limit *limit, struct rte_meter_srtcm *meter, uint64_t cycles)
{
	meter->time = cycles;
	meter->tc = limit->profile.cbs;
	meter->te = 0;
}

/* Takes one; false: there is none. */
static inline bool limit_take(
	const struct limit *limit, struct rte_meter_srtcm *meter, uint64_t cycles)
{
	struct rte_meter_srtcm_profile profile = limit->profile;

	return rte_meter_srtcm_color_blind_check(meter, &profile, cycles, 1) == RTE_COLOR_GREEN;
}

/*
 * Clients of one worker that are counted, by service: buckets of four, the one that was quiet
 * longest makes room for another. Bounded, and its key is secret: a flood of made-up sources costs
 * no more than itself, and cannot be aimed at one client's place.
 */
struct source_table;

struct source_key {
	struct ip_addr addr; /* not all zero */
	uint32_t service;
};

struct source {
	struct source_key key;
	uint32_t seen_ms;                 /* wraps */
	struct rte_meter_srtcm meters[2]; /* packets, connections */
};

/* NULL when memory is short. */
struct source_table *source_table_create(unsigned count, struct hash_key key);
void source_table_destroy(struct source_table *table);

/* The client's place: found, or taken from another, which is counted in *evicted; then its meters
 * are to be set up, and *is_new says so. Owner core. */
struct source *source_find(struct source_table *table, const struct source_key *key,
	uint32_t now_ms, bool *is_new, uint64_t *evicted);

#endif
