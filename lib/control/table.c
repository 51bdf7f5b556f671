/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define CELL_MAX 512

static int gather(struct table *table)
{
	table->cells = NULL;
	table->gathered = open_memstream(&table->cells, &table->cells_len);
	return table->gathered == NULL ? -ENOMEM : 0;
}

int table_init(struct table *table, bool is_json)
{
	*table = (struct table){ .is_json = is_json };
	return gather(table);
}

void table_destroy(struct table *table)
{
	if (table->gathered != NULL)
		fclose(table->gathered);
	free(table->cells);
	*table = (struct table){ 0 };
}

void table_columns(struct table *table, const struct table_column *columns, unsigned count)
{
	table->columns = columns;
	table->column_count = count;
	table->at = 0;
	table->is_header_due = true;
	for (unsigned i = 0; i < count; i++)
		table->widths[i] = (unsigned)strlen(columns[i].name) + (i == 0 ? 2 : 0);
}

/* What a terminal or a line-wise reader must not see. */
static void clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[CELL_MAX];
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!table->is_json) {
		clean(text);
		if (text[0] == '\0')
			memcpy(text, "-", 2);
	}
	len = strlen(text);
	if (len > table->widths[table->at])
		table->widths[table->at] = (unsigned)len;
	fwrite(text, 1, len + 1, table->gathered);
	table->at = (table->at + 1) % table->column_count;
}

void table_json_string(FILE *out, const char *text)
{
	json_t *string = json_string(text);

	if (string != NULL) {
		json_dumpf(string, out, JSON_ENCODE_ANY);
		json_decref(string);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void text_row(const struct table *table, FILE *out, const char *const *cells)
{
	for (unsigned i = 0; i < table->column_count; i++) {
		int width = (int)table->widths[i];

		if (i > 0)
			fputc(' ', out);
		if (table->columns[i].is_number)
			fprintf(out, "%*s", width, cells[i]);
		else if (i + 1 < table->column_count)
			fprintf(out, "%-*s", width, cells[i]);
		else
			fputs(cells[i], out);
	}
	fputc('\n', out);
}

static void text_header(struct table *table, FILE *out)
{
	const char *cells[TABLE_COLUMNS_MAX];
	char first[64];

	snprintf(first, sizeof(first), "# %s", table->columns[0].name);
	cells[0] = first;
	for (unsigned i = 1; i < table->column_count; i++)
		cells[i] = table->columns[i].name;
	text_row(table, out, cells);
	table->is_header_due = false;
}

static void json_row(struct table *table, FILE *out, const char *const *cells)
{
	fputs(table->has_rows ? ",\n  {" : "\n  {", out);
	for (unsigned i = 0; i < table->column_count; i++) {
		fprintf(out, "%s\"%s\": ", i > 0 ? ", " : "", table->columns[i].name);
		if (!table->columns[i].is_number)
			table_json_string(out, cells[i]);
		else
			fputs(cells[i][0] != '\0' ? cells[i] : "null", out);
	}
	fputc('}', out);
}

static void rows_print(struct table *table, FILE *out)
{
	const char *end = table->cells + table->cells_len;
	const char *at = table->cells;

	while (at < end) {
		const char *cells[TABLE_COLUMNS_MAX];

		for (unsigned i = 0; i < table->column_count; i++) {
			cells[i] = at;
			at += strlen(at) + 1;
		}
		if (table->is_json)
			json_row(table, out, cells);
		else
			text_row(table, out, cells);
		table->has_rows = true;
	}
}

int table_flush(struct table *table, FILE *out)
{
	bool is_complete = fclose(table->gathered) == 0;

	table->gathered = NULL;
	if (table->is_json && !table->is_open)
		fputc('[', out);
	table->is_open = true;
	if (is_complete) {
		if (!table->is_json && table->is_header_due && table->cells_len > 0)
			text_header(table, out);
		rows_print(table, out);
	}
	free(table->cells);
	return gather(table) < 0 || !is_complete ? -ENOMEM : 0;
}

int table_end(struct table *table, FILE *out)
{
	int ret = table_flush(table, out);

	if (table->is_json)
		fputs(table->has_rows ? "\n]\n" : "]\n", out);
	else if (!table->has_rows)
		text_header(table, out);
	return ret;
}
