/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

#define WORDS_MAX      2048
#define FIRST_CAPACITY 16

/* Room for one more, or false. */
static bool errors_grow(struct config_errors *errors)
{
	size_t capacity = errors->capacity * 2 + FIRST_CAPACITY;
	char **lines;

	if (errors->count < errors->capacity)
		return true;
	lines = reallocarray(errors->lines, capacity, sizeof(*lines));
	if (lines == NULL)
		return false;
	errors->lines = lines;
	errors->capacity = capacity;
	return true;
}

/* What came from a file must not move a terminal's cursor, nor a log's line. */
static void controls_replace(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

void config_error(struct config_errors *errors, const char *file, int line, const char *json_path,
	const char *format, ...)
{
	bool has_path = json_path != NULL && json_path[0] != '\0';
	char words[WORDS_MAX];
	char place[16] = "";
	char *text;
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (line > 0)
		snprintf(place, sizeof(place), ":%d", line);
	if (!errors_grow(errors) ||
		asprintf(&text, "%s%s: %s%s%s", file, place, has_path ? json_path : "",
			has_path ? ": " : "", words) < 0)
		return;
	controls_replace(text);
	errors->lines[errors->count++] = text;
}

void config_errors_clear(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct config_errors){ .lines = NULL };
}
