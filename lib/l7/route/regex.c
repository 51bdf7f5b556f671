/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <errno.h>
#include <stdlib.h>

#include <pcre2.h>

/* Some microseconds' worth; expressions that do not backtrack need no more than a few hundred. */
#define STEPS_MAX 20000
#define STACK_MIN (32 * 1024)
#define STACK_MAX (256 * 1024)
#define WORDS_MAX 160

struct route_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool has_given_up;
};

struct regex {
	pcre2_code *code;
};

struct route_scratch *route_scratch_create(void)
{
	struct route_scratch *scratch = calloc(1, sizeof(*scratch));

	if (scratch == NULL)
		return NULL;
	scratch->data = pcre2_match_data_create(CONFIG_GROUPS_MAX, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	scratch->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (scratch->data == NULL || scratch->context == NULL || scratch->stack == NULL) {
		route_scratch_destroy(scratch);
		return NULL;
	}
	pcre2_set_match_limit(scratch->context, STEPS_MAX);
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	return scratch;
}

void route_scratch_destroy(struct route_scratch *scratch)
{
	if (scratch == NULL)
		return;
	pcre2_jit_stack_free(scratch->stack);
	pcre2_match_context_free(scratch->context);
	pcre2_match_data_free(scratch->data);
	free(scratch);
}

struct regex *regex_create(const char *text, struct err *err)
{
	struct regex *regex = calloc(1, sizeof(*regex));
	PCRE2_UCHAR words[WORDS_MAX] = "out of memory";
	PCRE2_SIZE offset = 0;
	int error;

	if (regex == NULL) {
		err_set(err, ENOMEM, "no memory for an expression");
		return NULL;
	}
	regex->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, NULL);
	if (regex->code == NULL) {
		pcre2_get_error_message(error, words, sizeof(words));
		err_set(err, EINVAL, "expression \"%s\", character %zu: %s", text,
			(size_t)offset + 1, (const char *)words);
		free(regex);
		return NULL;
	}
	/* Where there is no compiler for this processor the interpreter does it. */
	(void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	return regex;
}

void regex_destroy(struct regex *regex)
{
	if (regex == NULL)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}

/* Below 0: it does not fit, or nobody knows. */
static int match(const struct regex *regex, struct http_span text, struct route_scratch *scratch)
{
	int count = pcre2_match(regex->code, (PCRE2_SPTR)text.data, text.len, 0, 0, scratch->data,
		scratch->context);

	if (count < 0 && count != PCRE2_ERROR_NOMATCH)
		scratch->has_given_up = true;
	return count;
}

bool route_scratch_take_given_up(struct route_scratch *scratch)
{
	bool has_given_up = scratch->has_given_up;

	scratch->has_given_up = false;
	return has_given_up;
}

unsigned regex_groups(const struct regex *regex, struct http_span text,
	struct route_scratch *scratch, struct http_span groups[CONFIG_GROUPS_MAX])
{
	const PCRE2_SIZE *offsets;
	int count = match(regex, text, scratch);

	if (count < 0)
		return 0;
	/* 0: there are more groups than places for them. */
	if (count == 0)
		count = CONFIG_GROUPS_MAX;
	offsets = pcre2_get_ovector_pointer(scratch->data);
	for (int i = 0; i < CONFIG_GROUPS_MAX; i++) {
		bool is_set = i < count && offsets[2 * i] != PCRE2_UNSET &&
			offsets[2 * i] <= offsets[2 * i + 1];

		groups[i] = (struct http_span){ .data = "", .len = 0 };
		if (is_set)
			groups[i] = (struct http_span){ .data = text.data + offsets[2 * i],
				.len = offsets[2 * i + 1] - offsets[2 * i] };
	}
	return (unsigned)count;
}

bool regex_fits(const struct regex *regex, struct http_span text, struct route_scratch *scratch)
{
	return match(regex, text, scratch) >= 0;
}
