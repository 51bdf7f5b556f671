/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_PROBLEMS_H
#define CONF_PROBLEMS_H

#include <stddef.h>

#include "arena.h"
#include "document.h"

struct config_errors;
struct problem;

/* All that is wrong, gathered in the order of finding and handed out in the order of lines. */
struct problems {
	struct arena *arena;
	struct problem *items;
	size_t count;
	size_t capacity;
	size_t left_out; /* beyond PROBLEMS_MAX */
};

/* More than anyone reads, and little enough for a log. */
#define PROBLEMS_MAX 1000

/* At a node's value. */
void problem_add(struct problems *problems, const struct node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* At a node's key: its name is what is wrong. */
void problem_add_key(struct problems *problems, const struct node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* At a key that the object 'node' lacks. */
void problem_add_missing(struct problems *problems, const struct node *node, const char *key,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* At a line of a file without a tree; line 0: the file as a whole. */
void problem_add_line(struct problems *problems, const struct document *document, int line,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sorts, drops repetitions and appends to errors. */
void problems_report(struct problems *problems, struct config_errors *errors);

#endif
