/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FLOOD_H
#define L4_FLOOD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Keeps one flow from filling the ring to another core. While the ring is less than half full,
 * everybody may. Beyond that a flow gets an eighth of it: packets are counted by flow hash, which
 * is keyed, so that nobody aims at another's counter, and the counts begin anew once as many
 * packets as fit the ring have gone through. One owner: the sending core.
 */
#define FLOOD_COUNTERS 1024

struct flood_gate {
	uint32_t passed; /* since the counts began */
	uint16_t counts[FLOOD_COUNTERS];
};

/* True when a packet of this flow may be put into a ring of size slots, of which used are taken. */
static inline bool flood_admit(
	struct flood_gate *gate, uint32_t flow_hash, uint32_t used, uint32_t size)
{
	/* The upper bits have chosen the ring. */
	uint16_t *count = &gate->counts[flow_hash % FLOOD_COUNTERS];

	if (gate->passed >= size)
		memset(gate, 0, sizeof(*gate));
	if (used >= size / 2 && *count >= size / 8)
		return false;
	gate->passed++;
	*count += *count < UINT16_MAX;
	return true;
}

#endif
