/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

#define WORDS_MAX      1024
#define FIRST_CAPACITY 16

struct problem {
	const struct document *document;
	int line;
	size_t offset;    /* in the document: the place within the line */
	size_t order;     /* of finding */
	const char *path; /* "" for the file as a whole */
	const char *words;
};

static void problem_push(
	struct problems *problems, struct problem problem, const char *format, va_list args)
{
	char words[WORDS_MAX];

	if (problems->count == PROBLEMS_MAX) {
		problems->left_out++;
		return;
	}
	if (problems->count == problems->capacity) {
		size_t capacity = problems->capacity * 2 + FIRST_CAPACITY;
		struct problem *items = arena_array(
			problems->arena, capacity, sizeof(*problems->items));

		if (problems->count > 0)
			memcpy(items, problems->items, problems->count * sizeof(*items));
		problems->items = items;
		problems->capacity = capacity;
	}
	vsnprintf(words, sizeof(words), format, args);
	problem.words = arena_copy(problems->arena, words, strlen(words));
	problem.path = arena_copy(problems->arena, problem.path, strlen(problem.path));
	problem.order = problems->count;
	problems->items[problems->count++] = problem;
}

void problem_add(struct problems *problems, const struct node *node, const char *format, ...)
{
	char path[NODE_PATH_MAX];
	struct problem problem = {
		.document = node->document,
		.line = node->line,
		.offset = node->offset,
		.path = node_path_format(node, path),
	};
	va_list args;

	va_start(args, format);
	problem_push(problems, problem, format, args);
	va_end(args);
}

void problem_add_key(struct problems *problems, const struct node *node, const char *format, ...)
{
	char path[NODE_PATH_MAX];
	struct problem problem = {
		.document = node->document,
		.line = node->key_line,
		.offset = node->offset,
		.path = node_path_format(node, path),
	};
	va_list args;

	va_start(args, format);
	problem_push(problems, problem, format, args);
	va_end(args);
}

void problem_add_missing(struct problems *problems, const struct node *node, const char *key,
	const char *format, ...)
{
	char parent[NODE_PATH_MAX];
	char path[NODE_PATH_MAX + WORDS_MAX];
	struct problem problem = {
		.document = node->document,
		.line = node->line,
		.offset = node->offset,
		.path = path,
	};
	va_list args;

	node_path_format(node, parent);
	snprintf(path, sizeof(path), "%s%s%s", parent, parent[0] != '\0' ? "." : "", key);
	va_start(args, format);
	problem_push(problems, problem, format, args);
	va_end(args);
}

void problem_add_line(struct problems *problems, const struct document *document, int line,
	const char *format, ...)
{
	struct problem problem = { .document = document, .line = line, .path = "" };
	va_list args;

	va_start(args, format);
	problem_push(problems, problem, format, args);
	va_end(args);
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_problems(const void *a, const void *b)
{
	const struct problem *left = a;
	const struct problem *right = b;

	if (left->document->order != right->document->order)
		return compare_numbers(left->document->order, right->document->order);
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	if (left->offset != right->offset)
		return compare_numbers(left->offset, right->offset);
	return compare_numbers(left->order, right->order);
}

/* A route file that two services name is checked twice, and so is what is wrong with it. */
static bool is_repeated(const struct problems *problems, size_t at)
{
	const struct problem *problem = &problems->items[at];

	for (size_t i = at; i > 0; i--) {
		const struct problem *before = &problems->items[i - 1];

		if (before->document != problem->document || before->line != problem->line)
			return false;
		if (strcmp(before->path, problem->path) == 0 &&
			strcmp(before->words, problem->words) == 0)
			return true;
	}
	return false;
}

void problems_report(struct problems *problems, struct config_errors *errors)
{
	if (problems->count > 0)
		qsort(problems->items, problems->count, sizeof(*problems->items), compare_problems);
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i];

		if (!is_repeated(problems, i))
			config_error(errors, problem->document->path, problem->line, problem->path,
				"%s", problem->words);
	}
	if (problems->left_out > 0)
		config_error(errors, problems->items[0].document->path, 0, NULL, "and %zu more",
			problems->left_out);
}
