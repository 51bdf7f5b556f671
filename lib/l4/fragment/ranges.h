/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FRAGMENT_RANGES_H
#define L4_FRAGMENT_RANGES_H

#include <stdint.h>

#define RANGES_MAX 12

/* The bytes of a datagram that have come: in order, apart from each other. */
struct ranges {
	struct {
		uint16_t from;
		uint16_t to; /* one behind the last */
	} at[RANGES_MAX];
	uint8_t count;
};

enum ranges_verdict {
	RANGES_NEW,
	RANGES_KNOWN,   /* all of it was there */
	RANGES_OVERLAP, /* a part of it was */
	RANGES_FULL,    /* one gap too many */
};

/* Adds from..to - 1 if none of it is there yet. from < to. */
enum ranges_verdict ranges_add(struct ranges *ranges, uint32_t from, uint32_t to);

#endif
