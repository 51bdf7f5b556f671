/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include <stddef.h>

/* The known name nearest to a wrong one: start with {.wanted = ...}, then offer every name. */
struct suggestion {
	const char *wanted;
	const char *best; /* borrowed; NULL while nothing is near enough */
	size_t best_distance;
};

void suggestion_offer(struct suggestion *suggestion, const char *name);

/* "; did you mean \"NAME\"?" or "". */
#define SUGGESTION_MAX 128
const char *suggestion_format(const struct suggestion *suggestion, char text[SUGGESTION_MAX]);

#endif
