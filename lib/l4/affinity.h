/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_AFFINITY_H
#define L4_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/*
 * Which member a client went to last, by service, on one core. Bounded: a client belongs into one
 * of four places, and when all are taken the one that was seen longest ago is forgotten.
 */
struct affinity;

struct affinity_key {
	struct ip_addr source;
	uint32_t service; /* identity's id */
};

/* One place; 32 bytes, two to a cache line. */
struct affinity_entry {
	struct ip_addr source;
	uint32_t service;
	uint32_t member;  /* its id; 0: nobody is here */
	uint32_t index;   /* where in the pool it was */
	uint32_t seen_ms; /* wraps */
};

/* Room for a quarter as many clients as connections, within bounds. NULL: no memory. */
struct affinity *affinity_create(uint32_t max_connections, uint64_t seed);
void affinity_destroy(struct affinity *affinity);

/* The client's entry, if it was seen within timeout_ms; NULL otherwise. */
struct affinity_entry *affinity_find(struct affinity *affinity, const struct affinity_key *key,
	uint32_t timeout_ms, uint32_t now_ms);

/*
 * The place for a client that affinity_find() did not know, already with its key: its own stale
 * one, an empty one, or another's. *is_evicted says that another was still within timeout_ms.
 */
struct affinity_entry *affinity_claim(struct affinity *affinity, const struct affinity_key *key,
	uint32_t timeout_ms, uint32_t now_ms, bool *is_evicted);

#endif
