/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* The candidate that a typing error is most likely to have been. Feed candidates one by one. */
struct nearest {
	const char *typed;
	const char *best; /* borrowed from the caller, NULL: nothing is near */
	size_t best_distance;
};

void nearest_init(struct nearest *nearest, const char *typed);
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
