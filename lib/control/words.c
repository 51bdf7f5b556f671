/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word_end(char c)
{
	return c == '\0' || c == ';' || is_blank(c);
}

/* Unescapes one word onto itself; returns where it ended in the line as it was. */
static char *word_take(char *at, char **end)
{
	char *to = at;

	while (!is_word_end(*at)) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		*to++ = *at++;
	}
	*end = to;
	return at;
}

int words_split(char *line, const char **words, unsigned max, char **rest)
{
	bool is_too_many = false;
	unsigned count = 0;

	*rest = NULL;
	for (;;) {
		char *end, ended_by;

		while (is_blank(*line))
			line++;
		if (*line == ';')
			*rest = line + 1;
		if (*line == ';' || *line == '\0')
			break;
		if (count < max)
			words[count++] = line;
		else
			is_too_many = true;
		line = word_take(line, &end);
		ended_by = *line;
		*end = '\0';
		if (ended_by == ';')
			*rest = line + 1;
		if (ended_by == ';' || ended_by == '\0')
			break;
		line++;
	}
	return is_too_many ? -E2BIG : (int)count;
}
