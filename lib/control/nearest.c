/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <string.h>

#define TEXT_MAX 64

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance, where swapping two neighbors counts as one (Damerau). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][TEXT_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = a[i - 1] != b[j - 1];

			now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = smallest(now[j], before[j - 2] + 1, now[j]);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

void nearest_init(struct nearest *nearest, const char *typed)
{
	size_t len = strlen(typed);

	/* Half the letters wrong is no longer a typing error. */
	*nearest = (struct nearest){ .typed = typed, .best_distance = len / 3 + 2 };
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t typed_len = strlen(nearest->typed), len = strlen(candidate), found;

	if (typed_len > TEXT_MAX || len > TEXT_MAX)
		return;
	found = distance(nearest->typed, typed_len, candidate, len);
	if (found >= nearest->best_distance || found >= len)
		return;
	nearest->best = candidate;
	nearest->best_distance = found;
}
