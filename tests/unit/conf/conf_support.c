/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/penstock-conf-XXXXXX";

int conf_folder_enter(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

int conf_folder_leave(void **state)
{
	DIR *entries = opendir(".");
	struct dirent *entry;

	(void)state;
	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		if (remove(entry->d_name) != 0)
			continue;
	}
	if (entries != NULL)
		closedir(entries);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

void conf_file_write(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

void conf_json_write(const char *name, const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++) {
		if (*c == '\'')
			*c = '"';
	}
	conf_file_write(name, copy, strlen(copy));
	free(copy);
}

static char *errors_join(const struct config_errors *errors)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (size_t i = 0; i < errors->count; i++)
		fprintf(out, "%s%s", i > 0 ? "\n" : "", errors->lines[i]);
	fclose(out);
	return text;
}

struct config *conf_load(const char *text)
{
	struct config_errors errors = { .lines = NULL };
	struct config *config;
	char *words;

	conf_json_write("c.json", text);
	config = config_load("c.json", &errors);
	words = errors_join(&errors);
	assert_string_equal(words, "");
	assert_non_null(config);
	free(words);
	config_errors_clear(&errors);
	return config;
}

void conf_errors_expect(const char *expected)
{
	struct config_errors errors = { .lines = NULL };
	struct config *config = config_load("c.json", &errors);
	char *words = errors_join(&errors);

	assert_null(config);
	assert_string_equal(words, expected);
	free(words);
	config_errors_clear(&errors);
}

static void row_run(void **state)
{
	const struct conf_row *row = *state;

	conf_json_write("c.json", row->json);
	if (row->routes != NULL)
		conf_json_write("routes.json", row->routes);
	conf_errors_expect(row->expected);
}

int conf_rows_run(const char *group, const struct conf_row *rows, size_t count)
{
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	int failed;

	assert_non_null(tests);
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){
			.name = rows[i].what,
			.test_func = row_run,
			.initial_state = (void *)(uintptr_t)&rows[i],
		};
	failed = _cmocka_run_group_tests(group, tests, count, conf_folder_enter, conf_folder_leave);
	free(tests);
	return failed;
}
