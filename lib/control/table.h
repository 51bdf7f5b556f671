/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Rows under a header, as aligned text or as a JSON array of objects. Text: the header line begins
 * with "# ", cells have no control characters, an empty one shows as "-"; a group without rows has
 * a header only when it is the only one. Rows are gathered until table_flush(), so that columns
 * fit; a long table is flushed piece by piece. Control thread.
 */
#define TABLE_COLUMNS_MAX 24

struct table_column {
	const char *name;
	bool is_number; /* right-aligned; bare in JSON, where empty is null */
};

struct table {
	const struct table_column *columns;
	unsigned column_count;
	unsigned at; /* next cell of the row */
	unsigned widths[TABLE_COLUMNS_MAX];
	bool is_json;
	bool is_header_due; /* text: before the next row */
	bool is_open;       /* JSON: '[' was written */
	bool has_rows;      /* one was printed */
	FILE *gathered;     /* NUL-terminated cells since the last flush */
	char *cells;
	size_t cells_len;
};

/* 0 or -ENOMEM. Free with table_destroy(). */
int table_init(struct table *table, bool is_json);
void table_destroy(struct table *table);

/* Starts a group of rows with these columns. Flush what came before. */
void table_columns(struct table *table, const struct table_column *columns, unsigned count);

/* The next cell. The row ends with its last column. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the rows so far. 0 or -ENOMEM. */
int table_flush(struct table *table, FILE *out);

/* Flushes, and closes the JSON array. 0 or -ENOMEM. */
int table_end(struct table *table, FILE *out);

/* A string as JSON, quotes included; bytes that are no UTF-8 are taken as Latin-1. */
void table_json_string(FILE *out, const char *text);

#endif
