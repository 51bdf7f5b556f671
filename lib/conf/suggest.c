/* SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Names that are wanted; those that are offered may be longer by a slip. */
#define NAME_MAX_LEN 63
#define SLIPS_MAX    3

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

static char lower(char c)
{
	return (char)tolower((unsigned char)c);
}

/* Optimal string alignment: insert, delete, replace, and swap of neighbours cost one each. b fits
 * a row. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_LEN + SLIPS_MAX + 1];
	size_t len_a = strlen(a);
	size_t len_b = strlen(b);

	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t differs = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[len_a % 3][len_b];
}

/* Nearer than this is a slip of the finger; farther is another word. */
static size_t distance_limit(size_t len)
{
	if (len <= 3)
		return 1;
	return len <= 7 ? 2 : SLIPS_MAX;
}

void suggestion_offer(struct suggestion *suggestion, const char *name)
{
	size_t len = strlen(suggestion->wanted);
	size_t name_len = strlen(name);
	size_t limit = distance_limit(len);
	size_t distance;

	/* Lengths alone tell most names apart: a table of thousands stays cheap. */
	if (len > NAME_MAX_LEN || name_len > len + limit || len > name_len + limit)
		return;
	distance = edit_distance(suggestion->wanted, name);
	if (distance > limit || distance >= len)
		return;
	if (suggestion->best != NULL && distance >= suggestion->best_distance)
		return;
	suggestion->best = name;
	suggestion->best_distance = distance;
}

const char *suggestion_format(const struct suggestion *suggestion, char text[SUGGESTION_MAX])
{
	text[0] = '\0';
	if (suggestion->best != NULL)
		snprintf(text, SUGGESTION_MAX, "; did you mean \"%s\"?", suggestion->best);
	return text;
}
