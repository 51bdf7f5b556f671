/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are none, too large, or no text; and how errors are gathered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "conf_support.h"

#define MIB (1u << 20)

static void test_missing(void **state)
{
	(void)state;
	remove("c.json");
	conf_errors_expect("c.json: cannot read: No such file or directory");
}

static void test_folder(void **state)
{
	(void)state;
	assert_int_equal(mkdir("c.json", 0700), 0);
	conf_errors_expect("c.json: cannot read: Is a directory");
	assert_int_equal(rmdir("c.json"), 0);
}

static void test_empty(void **state)
{
	(void)state;
	conf_file_write("c.json", "", 0);
	conf_errors_expect("c.json: the file is empty");
	conf_file_write("c.json", " \n\t\n", 4);
	conf_errors_expect("c.json: the file is empty");
}

static void test_nul(void **state)
{
	(void)state;
	conf_file_write("c.json", "{\n\0}", 4);
	conf_errors_expect("c.json:2: a NUL byte; this is no text file");
	conf_file_write("c.json", "\0", 1);
	conf_errors_expect("c.json:1: a NUL byte; this is no text file");
	conf_json_write("c.json", "{'seed': 'a\\u0000b'}");
	conf_errors_expect("c.json:1: column 19: \\u0000 is not allowed without JSON_ALLOW_NUL "
			   "near '\"a\\u0000b\"'");
}

static void test_encoding(void **state)
{
	(void)state;
	conf_file_write("c.json", "\xef\xbb\xbf{}", 5);
	conf_errors_expect("c.json:1: the file begins with a byte order mark; save it as UTF-8 "
			   "without one");
	conf_file_write("c.json", "{\"\xff\": 1}", 8);
	conf_errors_expect("c.json:1: column 2: unable to decode byte 0xff near '\"'");
}

/* A string of x makes the file as large as wanted. */
static void large_write(size_t len)
{
	static const char head[] =
		"{\"ports\": [{\"name\": \"p\", \"device\": \"d\"}], \"seed\": \"";
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, head, strlen(head));
	memcpy(text + len - 2, "\"}", 2);
	conf_file_write("c.json", text, len);
	free(text);
}

static void test_large(void **state)
{
	struct config_errors errors = { .lines = NULL };
	struct config *config;

	(void)state;
	large_write(16 * MIB);
	config = config_load("c.json", &errors);
	assert_non_null(config);
	assert_int_equal(errors.count, 0);
	assert_int_equal(strlen(config->text), 16 * MIB);
	config_destroy(config);
	large_write(16 * MIB + 1);
	conf_errors_expect("c.json: cannot read: the file is larger than 16 MiB");
	/* A sparse one of 100 MiB is not even read. */
	assert_int_equal(truncate("c.json", 100 * MIB), 0);
	conf_errors_expect("c.json: cannot read: the file is larger than 16 MiB");
}

/* What has no size beforehand is read up to the limit. */
static void test_endless(void **state)
{
	(void)state;
	remove("c.json");
	assert_int_equal(symlink("/dev/zero", "c.json"), 0);
	conf_errors_expect("c.json: cannot read: the file is larger than 16 MiB");
	remove("c.json");
}

static void test_nesting(void **state)
{
	size_t len = 1000000;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, '[', len);
	conf_file_write("c.json", text, len);
	conf_errors_expect("c.json:1: column 2049: maximum parsing depth reached near '['");
	/* The deepest that jansson takes. */
	memset(text + 2047, ']', 2047);
	conf_file_write("c.json", text, 2 * 2047);
	conf_errors_expect("c.json:1: expected an object, found a list");
	free(text);
}

/* A duplicate key below 2000 lists has a path too long to print. */
static void test_deep_path(void **state)
{
	struct config_errors errors = { .lines = NULL };
	FILE *out = fopen("c.json", "w");

	(void)state;
	assert_non_null(out);
	fputs("{\"ports\":", out);
	for (unsigned i = 0; i < 2000; i++)
		fputc('[', out);
	fputs("{\"a\": 1, \"a\": 2}", out);
	for (unsigned i = 0; i < 2000; i++)
		fputc(']', out);
	fputc('}', out);
	fclose(out);
	assert_null(config_load("c.json", &errors));
	assert_int_equal(errors.count, 2);
	assert_string_equal(
		errors.lines[0], "c.json:1: ports[0]: expected an object, found a list");
	assert_int_equal(strncmp(errors.lines[1], "c.json:1: ports[0][0][0]", 24), 0);
	assert_non_null(strstr(errors.lines[1], ": the key is given twice, first on line 1"));
	assert_true(strlen(errors.lines[1]) < 700);
	config_errors_clear(&errors);
}

static void test_many_errors(void **state)
{
	struct config_errors errors = { .lines = NULL };
	FILE *out = fopen("c.json", "w");

	(void)state;
	assert_non_null(out);
	fputs("{\"ports\": 1,\n\"local_addresses\": [0", out);
	for (unsigned i = 0; i < 2999; i++)
		fputs(",\n0", out);
	fputs("]}", out);
	fclose(out);
	assert_null(config_load("c.json", &errors));
	assert_int_equal(errors.count, 1001);
	assert_string_equal(errors.lines[0], "c.json:1: ports: expected a list, found 1");
	assert_string_equal(
		errors.lines[999], "c.json:1000: local_addresses[998]: expected a string, found 0");
	assert_string_equal(errors.lines[1000], "c.json: and 2001 more");
	config_errors_clear(&errors);
}

static void test_error_format(void **state)
{
	struct config_errors errors = { .lines = NULL };

	(void)state;
	config_error(&errors, "a.json", 3, "x.y", "%d is %s", 5, "wrong");
	config_error(&errors, "a.json", 3, "", "no path");
	config_error(&errors, "a.json", 0, NULL, "a\nb\033[1m");
	assert_int_equal(errors.count, 3);
	assert_string_equal(errors.lines[0], "a.json:3: x.y: 5 is wrong");
	assert_string_equal(errors.lines[1], "a.json:3: no path");
	assert_string_equal(errors.lines[2], "a.json: a?b?[1m");
	config_errors_clear(&errors);
	assert_int_equal(errors.count, 0);
	assert_null(errors.lines);
	config_errors_clear(&errors);
}

/* Paths in errors are those of the operator: relative to where he stands. */
static void test_other_folder(void **state)
{
	struct config_errors errors = { .lines = NULL };

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	conf_json_write("sub/c.json",
		"{" CONF_PORTS ", 'services': [{'name': 's', 'mode': 'l7', 'listen': "
		"'192.0.2.9:80/tcp', 'routes': 'r.json'}]}");
	conf_json_write("sub/r.json", "{'routes': [{'pool': 'x'}]}");
	assert_null(config_load("sub/c.json", &errors));
	assert_int_equal(errors.count, 1);
	assert_string_equal(
		errors.lines[0], "sub/r.json:1: routes[0].pool: there is no pool \"x\"");
	config_errors_clear(&errors);
	remove("sub/c.json");
	remove("sub/r.json");
	rmdir("sub");
}

static size_t allocations_left;

static void *failing_malloc(size_t len)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return malloc(len);
}

/* Whichever of jansson's allocations fails: an error or a config, no crash, no leak. */
static void test_jansson_out_of_memory(void **state)
{
	bool is_loaded = false;

	(void)state;
	conf_json_write("c.json",
		"{" CONF_PORTS ", 's\\u0065ed': 'x', 'pools': {'\\u0061': "
		"{'members': ['198.51.100.1:80', {'address': '198.51.100.2:80'}]}}}");
	for (size_t limit = 0; !is_loaded; limit++) {
		struct config_errors errors = { .lines = NULL };
		struct config *config;

		allocations_left = limit;
		json_set_alloc_funcs(failing_malloc, free);
		config = config_load("c.json", &errors);
		json_set_alloc_funcs(malloc, free);
		is_loaded = config != NULL;
		assert_true((errors.count == 0) == is_loaded);
		for (size_t i = 0; i < errors.count; i++)
			assert_null(strstr(errors.lines[i], "column -1"));
		config_destroy(config);
		config_errors_clear(&errors);
		assert_true(limit < 10000);
	}
}

static void test_certificate_paths(void **state)
{
	struct config *config = conf_load(conf_full);
	char folder[PATH_MAX];
	char expected[PATH_MAX + 16];

	(void)state;
	assert_non_null(realpath(".", folder));
	snprintf(expected, sizeof(expected), "%s/site.pem", folder);
	assert_int_equal(config->certificate_count, 2);
	assert_string_equal(config->certificates[0].name, "site");
	assert_string_equal(config->certificates[0].chain_path, expected);
	assert_string_equal(config->certificates[0].key_path, "/etc/site.key");
	assert_string_equal(config->certificates[0].ocsp_path, "/etc/site.ocsp");
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_deep_path),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_error_format),
		cmocka_unit_test(test_other_folder),
		cmocka_unit_test(test_jansson_out_of_memory),
		cmocka_unit_test(test_certificate_paths),
	};

	return cmocka_run_group_tests_name("file", tests, conf_folder_enter, conf_folder_leave);
}
