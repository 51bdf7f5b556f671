/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <stdbool.h>
#include <string.h>

/* The first range that ends behind from; count when none does. */
static unsigned place_find(const struct ranges *ranges, uint32_t from)
{
	unsigned i = 0;

	while (i < ranges->count && ranges->at[i].to <= from)
		i++;
	return i;
}

enum ranges_verdict ranges_add(struct ranges *ranges, uint32_t from, uint32_t to)
{
	unsigned i = place_find(ranges, from);
	bool is_after = i > 0 && ranges->at[i - 1].to == from;
	bool is_before = i < ranges->count && ranges->at[i].from == to;

	if (i < ranges->count && ranges->at[i].from < to)
		return ranges->at[i].from <= from && to <= ranges->at[i].to ? RANGES_KNOWN
									    : RANGES_OVERLAP;
	if (is_after && is_before) {
		ranges->at[i - 1].to = ranges->at[i].to;
		ranges->count--;
		memmove(&ranges->at[i], &ranges->at[i + 1],
			(ranges->count - i) * sizeof(ranges->at[0]));
	} else if (is_after) {
		ranges->at[i - 1].to = (uint16_t)to;
	} else if (is_before) {
		ranges->at[i].from = (uint16_t)from;
	} else {
		if (ranges->count == RANGES_MAX)
			return RANGES_FULL;
		memmove(&ranges->at[i + 1], &ranges->at[i],
			(ranges->count - i) * sizeof(ranges->at[0]));
		ranges->at[i].from = (uint16_t)from;
		ranges->at[i].to = (uint16_t)to;
		ranges->count++;
	}
	return RANGES_NEW;
}
