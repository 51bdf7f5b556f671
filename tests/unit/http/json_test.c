/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/json.h"

/* What a scan finds at a pointer, or why it stops. Every row is read with every cut. */
struct row {
	const char *pointer;
	const char *body;
	enum json_result result;
	const char *found; /* its text; NULL: it is not there; "{}": there, and no scalar */
};

#define GOOD(pointer, body, found)                                                                 \
	{                                                                                          \
		pointer, body, JSON_GOOD, found                                                    \
	}
#define BAD(body)                                                                                  \
	{                                                                                          \
		"/a", body, JSON_MALFORMED, NULL                                                   \
	}

static const struct row rows[] = {
	GOOD("/a", "{\"a\":\"x\"}", "x"),
	GOOD("/a", " {\t\"b\" : [ ] ,\r\n\"a\" :\"x\" } \n", "x"),
	GOOD("/a/b/c", "{\"a\":{\"b\":{\"c\":\"x\",\"d\":1},\"c\":2},\"c\":3}", "x"),
	GOOD("/a/b", "{\"b\":1,\"a\":{\"a\":{\"b\":2}}}", NULL),
	GOOD("/a/1", "{\"a\":[\"x\",\"y\",\"z\"]}", "y"),
	GOOD("/a/1", "{\"a\":{\"1\":\"y\"}}", "y"),
	GOOD("/a/01", "{\"a\":[\"x\",\"y\"]}", NULL),
	GOOD("/a/10", "{\"a\":[0,1,2,3,4,5,6,7,8,9,\"x\"]}", "x"),
	GOOD("/0/1/a", "[[1,{\"a\":\"x\"}]]", "x"),
	GOOD("/a", "[]", NULL),
	GOOD("/a", "{}", NULL),
	GOOD("/a", "\"a\"", NULL),
	GOOD("/a", "12", NULL),
	GOOD("/a", "{\"a\":{}}", "{}"),
	GOOD("/a", "{\"a\":[1,[2]]}", "{}"),
	GOOD("/a", "{\"a\":\"\"}", ""),
	GOOD("/a", "{\"a\":true}", "true"),
	GOOD("/a", "{\"a\":false}", "false"),
	GOOD("/a", "{\"a\":null}", "null"),
	GOOD("/", "{\"\":\"x\"}", "x"),
	GOOD("/a~1b", "{\"a/b\":\"x\"}", "x"),
	GOOD("/m~0n", "{\"m~n\":\"x\"}", "x"),
	GOOD("/~01", "{\"~1\":\"x\"}", "x"),
	/* escapes, in names as well */
	GOOD("/plan", "{\"\\u0070l\\u0061n\":\"x\"}", "x"),
	GOOD("/a", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t"),
	GOOD("/a", "{\"a\":\"\\u00e9\\u20AC\\ud83d\\ude00\"}",
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	GOOD("/a", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	/* numbers by their value */
	GOOD("/a", "{\"a\":0}", "0"),
	GOOD("/a", "{\"a\":-0.0}", "0"),
	GOOD("/a", "{\"a\":1e3}", "1000"),
	GOOD("/a", "{\"a\":1000.00}", "1000"),
	GOOD("/a", "{\"a\":10000E-1}", "1000"),
	GOOD("/a", "{\"a\":0.001e6}", "1000"),
	GOOD("/a", "{\"a\":-12}", "-12"),
	GOOD("/a", "{\"a\":1.5}", "1.5"),
	GOOD("/a", "{\"a\":18446744073709551614}", "18446744073709551614"),
	GOOD("/a", "{\"a\":18446744073709551616}", "18446744073709551616"),
	GOOD("/a", "{\"a\":1e400}", "1e400"),
	GOOD("/a", "{\"a\":1e99999999}", "1e99999999"),
	GOOD("/a", "{\"a\":1e-99999999}", "1e-99999999"),
	/* twice: only what is asked for */
	{ "/a", "{\"a\":1,\"a\":2}", JSON_REPEATED, NULL },
	{ "/a/b", "{\"a\":{},\"a\":{\"b\":2}}", JSON_REPEATED, NULL },
	{ "/a", "{\"a\":1,\"\\u0061\":2}", JSON_REPEATED, NULL },
	GOOD("/a", "{\"b\":1,\"b\":2,\"a\":3}", "3"),
	GOOD("/0/a", "[{\"a\":1},{\"a\":2}]", "1"),
	/* limits: 4 deep, 14 values */
	GOOD("/a", "{\"b\":[[[]]],\"a\":1}", "1"),
	{ "/a", "{\"b\":[[[[]]]],\"a\":1}", JSON_TOO_DEEP, NULL },
	GOOD("/a", "[1,2,3,4,5,6,7,8,9,10,11,12,13]", NULL),
	{ "/a", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14]", JSON_TOO_MANY, NULL },
	{ "/a", "{\"a\":11111111111111111111111111111111111111111111111111111111111111111}",
		JSON_TOO_LONG, NULL },
	/* no JSON */
	BAD(""),
	BAD(" "),
	BAD("{"),
	BAD("{\"a\":1"),
	BAD("{\"a\":1}}"),
	BAD("{\"a\":1}{}"),
	BAD("{\"a\":1]"),
	BAD("[1}"),
	BAD("{\"a\" 1}"),
	BAD("{\"a\":1,}"),
	BAD("[1,]"),
	BAD("[,1]"),
	BAD("[1 2]"),
	BAD("{a:1}"),
	BAD("{'a':1}"),
	BAD("{\"a\":1} // x"),
	BAD("/**/{}"),
	BAD("\xef\xbb\xbf{}"),
	BAD("{\"a\":tru}"),
	BAD("{\"a\":True}"),
	BAD("{\"a\":NaN}"),
	BAD("{\"a\":+1}"),
	BAD("{\"a\":01}"),
	BAD("{\"a\":1.}"),
	BAD("{\"a\":.5}"),
	BAD("{\"a\":1e}"),
	BAD("{\"a\":-}"),
	BAD("{\"a\":0x1}"),
	BAD("1."),
	BAD("-"),
	BAD("{\"a\":\"\n\"}"),
	BAD("{\"a\":\"\\x\"}"),
	BAD("{\"a\":\"\\u12g4\"}"),
	BAD("{\"a\":\"\\ud83d\"}"),
	BAD("{\"a\":\"\\ud83dx\"}"),
	BAD("{\"a\":\"\\ud83d\\n\"}"),
	BAD("{\"a\":\"\\ude00\"}"),
	BAD("{\"a\":\"\xc0\xaf\"}"),
	BAD("{\"a\":\"\xe0\x80\xaf\"}"),
	BAD("{\"a\":\"\xed\xa0\x80\"}"),
	BAD("{\"a\":\"\xf4\x90\x80\x80\"}"),
	BAD("{\"a\":\"\xe2\x82\"}"),
	BAD("{\"a\":\"\xff\"}"),
};

static const struct json_limits limits = { .max_depth = 4, .max_values = 14 };

static void row_check(const struct row *row, size_t cut, void *memory)
{
	struct json_fields *fields = json_fields_create();
	size_t len = strlen(row->body);
	struct json_value value;
	struct json_scan *scan;
	enum json_result result;

	assert_int_equal(json_fields_add(fields, row->pointer, true), 0);
	scan = json_scan_begin(memory, fields, &limits);
	result = json_scan_add(scan, row->body, cut);
	if (result == JSON_GOOD)
		result = json_scan_add(scan, row->body + cut, len - cut);
	if (result == JSON_GOOD)
		result = json_scan_end(scan);
	if (result != row->result)
		fail_msg("%s, cut at %zu: %d", row->body, cut, result);
	value = json_scan_value(scan, 0);
	if (result == JSON_GOOD) {
		const char *found = value.is_scalar ? row->found : "{}";

		if (value.is_there != (row->found != NULL) ||
			(value.is_there && strcmp(found, row->found) != 0) ||
			(value.is_scalar && !http_span_is(value.text, row->found)))
			fail_msg("%s, cut at %zu: %.*s", row->body, cut, (int)value.text.len,
				value.text.data);
	}
	json_fields_destroy(fields);
}

static void every_row_with_every_cut(void **state)
{
	void *memory = malloc(json_scan_bytes());

	(void)state;
	assert_non_null(memory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t cut = 0; cut <= strlen(rows[i].body); cut++)
			row_check(&rows[i], cut, memory);
	}
	free(memory);
}

static struct json_value one(void *memory, const char *body)
{
	struct json_fields *fields = json_fields_create();
	struct json_scan *scan;
	struct json_value value;

	assert_int_equal(json_fields_add(fields, "/a", true), 0);
	scan = json_scan_begin(memory, fields, &limits);
	assert_int_equal(json_scan_add(scan, body, strlen(body)), JSON_GOOD);
	assert_int_equal(json_scan_end(scan), JSON_GOOD);
	value = json_scan_value(scan, 0);
	json_fields_destroy(fields);
	return value;
}

static void numbers_have_a_value(void **state)
{
	void *memory = malloc(json_scan_bytes());
	struct json_value value = one(memory, "{\"a\":-1234.5e1}");

	(void)state;
	assert_true(value.is_number && value.is_negative && !value.has_fraction);
	assert_int_equal(value.whole, 12345);
	value = one(memory, "{\"a\":1234.5}");
	assert_true(value.is_number && !value.is_negative && value.has_fraction);
	assert_int_equal(value.whole, 1234);
	value = one(memory, "{\"a\":1e400}");
	assert_true(value.whole == UINT64_MAX);
	value = one(memory, "{\"a\":\"12\"}");
	assert_true(value.is_scalar && !value.is_number);
	free(memory);
}

static void pointers_are_numbered(void **state)
{
	struct json_fields *fields = json_fields_create();
	char pointer[600] = "/";

	(void)state;
	assert_int_equal(json_fields_add(fields, "/a", false), 0);
	assert_int_equal(json_fields_add(fields, "/a/b", false), 1);
	assert_int_equal(json_fields_add(fields, "/a", true), 0);
	assert_int_equal(json_fields_add(fields, "a", true), -EINVAL);
	assert_int_equal(json_fields_add(fields, "", true), -EINVAL);
	assert_int_equal(json_fields_add(fields, "/~2", true), -EINVAL);
	assert_int_equal(json_fields_add(fields, "/~", true), -EINVAL);
	memset(pointer + 1, 'a', JSON_TOKEN_MAX + 1);
	assert_int_equal(json_fields_add(fields, pointer, true), -EINVAL);
	memset(pointer, '/', JSON_DEPTH_MAX + 1);
	pointer[JSON_DEPTH_MAX + 1] = '\0';
	assert_int_equal(json_fields_add(fields, pointer, true), -EINVAL);
	for (unsigned i = 2; i < JSON_FIELDS_MAX; i++) {
		snprintf(pointer, sizeof(pointer), "/%u", i);
		assert_int_equal(json_fields_add(fields, pointer, true), (int)i);
	}
	assert_int_equal(json_fields_add(fields, "/more", true), -E2BIG);
	assert_int_equal(json_fields_count(fields), JSON_FIELDS_MAX);
	json_fields_destroy(fields);
}

/* A long text is kept up to a bound, and only where somebody asks for it. */
static void texts_are_bounded(void **state)
{
	void *memory = malloc(json_scan_bytes());
	char body[JSON_TEXT_MAX + 64];

	(void)state;
	for (unsigned needs_text = 0; needs_text < 2; needs_text++) {
		struct json_fields *fields = json_fields_create();
		struct json_scan *scan;
		int len = snprintf(body, sizeof(body), "{\"a\":\"%0*d\"}", JSON_TEXT_MAX + 1, 0);

		assert_int_equal(json_fields_add(fields, "/a", needs_text == 1), 0);
		scan = json_scan_begin(memory, fields, &limits);
		assert_int_equal(json_scan_add(scan, body, (size_t)len),
			needs_text == 1 ? JSON_TOO_LONG : JSON_GOOD);
		json_fields_destroy(fields);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_with_every_cut),
		cmocka_unit_test(numbers_have_a_value),
		cmocka_unit_test(pointers_are_numbered),
		cmocka_unit_test(texts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
