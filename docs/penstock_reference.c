/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the generated pages of docs/reference/, or tells whether they are up to date. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

#define PATH_BYTES 4096

struct page {
	const char *name;
	void (*print)(FILE *out);
};

static const struct page pages[] = {
	{ .name = "penstock.schema.json", .print = config_schema_print },
	{ .name = "configuration.md", .print = config_reference_print },
};

/* The page as it should be: a string to free, or NULL. */
static char *page_print(const struct page *page, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (out == NULL)
		return NULL;
	page->print(out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static bool page_write(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");
	bool is_written;

	if (file == NULL)
		return false;
	is_written = fwrite(text, 1, len, file) == len;
	return fclose(file) == 0 && is_written;
}

/* True when the file holds the text and nothing else. */
static bool page_compare(const char *path, const char *text, size_t len)
{
	char *found = malloc(len + 1);
	FILE *file = fopen(path, "r");
	bool is_same = false;

	if (file != NULL && found != NULL)
		is_same = fread(found, 1, len + 1, file) == len && memcmp(found, text, len) == 0;
	if (file != NULL)
		fclose(file);
	free(found);
	return is_same;
}

/* What is wrong with the page, or NULL. */
static const char *page_run(const struct page *page, const char *path, bool is_check)
{
	const char *fault = NULL;
	size_t len;
	char *text = page_print(page, &len);

	if (text == NULL)
		fault = "out of memory";
	else if (is_check && !page_compare(path, text, len))
		fault = "is stale; run: ninja -C BUILD reference";
	else if (!is_check && !page_write(path, text, len))
		fault = strerror(errno);
	free(text);
	return fault;
}

int main(int argc, char **argv)
{
	bool is_check = argc == 3 && strcmp(argv[1], "--check") == 0;
	int result = 0;

	if (argc != 2 && !is_check) {
		fprintf(stderr, "usage: %s [--check] FOLDER\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char path[PATH_BYTES];
		const char *fault;

		snprintf(path, sizeof(path), "%s/%s", argv[argc - 1], pages[i].name);
		fault = page_run(&pages[i], path, is_check);
		if (fault != NULL) {
			fprintf(stderr, "%s: %s\n", path, fault);
			result = 1;
		}
	}
	return result;
}
