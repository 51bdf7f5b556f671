/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include <inttypes.h>
#include <stdarg.h>

#include "table.h"

#define FORMAT_MAX 256

static void pair_begin(struct pairs *pairs, const char *key)
{
	if (pairs->is_json)
		fprintf(pairs->out, "%s\n  \"%s\": ", pairs->has_some ? "," : "{", key);
	else
		fprintf(pairs->out, "%s: ", key);
	pairs->has_some = true;
}

void pair_text(struct pairs *pairs, const char *key, const char *text)
{
	pair_begin(pairs, key);
	if (pairs->is_json)
		table_json_string(pairs->out, text);
	else
		fprintf(pairs->out, "%s\n", text);
}

void pair_format(struct pairs *pairs, const char *key, const char *format, ...)
{
	char text[FORMAT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pair_text(pairs, key, text);
}

void pair_number(struct pairs *pairs, const char *key, uint64_t number)
{
	pair_begin(pairs, key);
	fprintf(pairs->out, pairs->is_json ? "%" PRIu64 : "%" PRIu64 "\n", number);
}

void pair_bool(struct pairs *pairs, const char *key, bool value)
{
	pair_begin(pairs, key);
	if (pairs->is_json)
		fputs(value ? "true" : "false", pairs->out);
	else
		fputs(value ? "yes\n" : "no\n", pairs->out);
}

void pairs_end(struct pairs *pairs)
{
	if (pairs->is_json)
		fputs("\n}\n", pairs->out);
}
