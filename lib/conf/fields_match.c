/* SPDX-License-Identifier: Apache-2.0 */
/* What a route matches, beside host and path: methods, fields, parameters, cookies, sources. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "match.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "backtrack.h"
#include "reader.h"
#include "text.h"

bool match_is_token(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
			return false;
	}
	return *text != '\0';
}

static void method_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (match_is_token(text))
		*(const char **)target = arena_copy(reader->arena, text, strlen(text));
	else
		problem_add(&reader->problems, node,
			"expected a method, as \"GET\", found \"%.40s\"", text);
}

const struct text_kind match_method_kind = {
	.what = "METHOD",
	.pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
	.size = sizeof(const char *),
	.read = method_read,
};

bool match_regex_check(struct reader *reader, const struct node *node, const char *text)
{
	PCRE2_UCHAR words[160];
	PCRE2_SIZE offset;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, NULL);

	if (code != NULL) {
		pcre2_code_free(code);
		if (backtracks_badly(text))
			problem_add(&reader->warnings, node,
				"a text of %d characters keeps the expression busy beyond its limit "
				"of %d steps; requests that do so are refused",
				BACKTRACK_BYTES, BACKTRACK_STEPS);
		return true;
	}
	if (pcre2_get_error_message(error, words, sizeof(words)) < 0)
		words[0] = '\0';
	problem_add(&reader->problems, node, "the expression is wrong at character %zu: %s",
		(size_t)offset + 1, (const char *)words);
	return false;
}

static void test_set(
	struct reader *reader, const char *text, void *target, enum config_text_test test)
{
	struct config_text_match *match = target;

	match->text = arena_copy(reader->arena, text, strlen(text));
	match->test = test;
}

static void exact_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	(void)node;
	test_set(reader, text, target, CONFIG_TEXT_EXACT);
}

static void part_read(struct reader *reader, const struct node *node, const char *text,
	void *target, enum config_text_test test)
{
	if (text[0] == '\0')
		problem_add(&reader->problems, node,
			"must not be empty; { \"present\": true } matches every value");
	else
		test_set(reader, text, target, test);
}

static void prefix_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	part_read(reader, node, text, target, CONFIG_TEXT_PREFIX);
}

static void suffix_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	part_read(reader, node, text, target, CONFIG_TEXT_SUFFIX);
}

static void contains_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	part_read(reader, node, text, target, CONFIG_TEXT_CONTAINS);
}

static void regex_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (match_regex_check(reader, node, text))
		test_set(reader, text, target, CONFIG_TEXT_REGEX);
}

/* Up to 18 digits, which fit. */
static bool number_read(const char *text, size_t len, uint64_t *number)
{
	if (len == 0 || len > 18 || strspn(text, "0123456789") < len)
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static void range_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_text_match *match = target;
	const char *dash = strchr(text, '-');

	if (dash == NULL || !number_read(text, (size_t)(dash - text), &match->min) ||
		!number_read(dash + 1, strlen(dash + 1), &match->max) || match->min > match->max) {
		problem_add(&reader->problems, node,
			"expected FIRST-LAST, as \"10-99\", found \"%.40s\"", text);
		return;
	}
	match->test = CONFIG_TEXT_RANGE;
}

static const struct text_kind key_kind = { .what = "NAME", .pattern = "." };
static const struct text_kind exact_kind = { .what = "TEXT", .read = exact_read };
static const struct text_kind prefix_kind = { .what = "TEXT", .read = prefix_read };
static const struct text_kind suffix_kind = { .what = "TEXT", .read = suffix_read };
static const struct text_kind contains_kind = { .what = "TEXT", .read = contains_read };
static const struct text_kind regex_kind = { .what = "EXPRESSION", .read = regex_read };
static const struct text_kind range_kind = {
	.what = "FIRST-LAST",
	.pattern = "^[0-9]{1,18}-[0-9]{1,18}$",
	.read = range_read,
};

static void text_match_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_text_match *match = object;

	if (node->count != 1)
		problem_add(&reader->problems, node, "expected one test, found %u", node->count);
	else if (node_get(node, "present") != NULL)
		match->test = match->is_present ? CONFIG_TEXT_PRESENT : CONFIG_TEXT_ABSENT;
}

/* Each writes the test's kind and its text into the same struct. */
static const struct field text_match_fields[] = {
	{
		.name = "exact",
		.help = "the whole value; the short form of a text alone means the same",
		.type = FIELD_TEXT,
		.kind = &exact_kind,
	},
	{
		.name = "prefix",
		.help = "how the value begins",
		.type = FIELD_TEXT,
		.kind = &prefix_kind,
	},
	{
		.name = "suffix",
		.help = "how it ends",
		.type = FIELD_TEXT,
		.kind = &suffix_kind,
	},
	{
		.name = "contains",
		.help = "what stands somewhere in it",
		.type = FIELD_TEXT,
		.kind = &contains_kind,
	},
	{
		.name = "regex",
		.help = "Perl-compatible expression that fits somewhere in it; `^` and `$` anchor",
		.type = FIELD_TEXT,
		.kind = &regex_kind,
	},
	{
		.name = "range",
		.help = "a decimal number within these, both included",
		.type = FIELD_TEXT,
		.kind = &range_kind,
	},
	{
		.name = "present",
		.help = "true: with any value; false: not there at all",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_text_match, is_present),
		.value = true,
	},
	{ .name = NULL },
};

/* A test of a named value: a field of the head, a parameter of the query, a cookie. */
const struct table match_text_table = {
	.name = "text_match",
	.help = "One test of a value. Of several values of one name any may fit.",
	.fields = text_match_fields,
	.size = sizeof(struct config_text_match),
	.line_offset = offsetof(struct config_text_match, line),
	.key_offset = offsetof(struct config_text_match, name),
	.key_kind = &key_kind,
	.short_form = &exact_kind,
	.check = text_match_check,
};
