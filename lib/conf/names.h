/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_NAMES_H
#define CONF_NAMES_H

#include <stddef.h>

#include "arena.h"
#include "problems.h"

struct name {
	const char *text;
	const struct node *node; /* that gives it */
	unsigned index;          /* of the thing so named */
};

/* Names of things, for finding and for telling two of the same. Room is made by names_create(). */
struct names {
	struct name *items;
	size_t count;
	size_t capacity;
};

struct names names_create(struct arena *arena, size_t capacity);

/* node may be NULL where duplicates cannot be. text is borrowed; NULL is left out. */
void names_add(struct names *names, const char *text, const struct node *node, unsigned index);

/* After the last names_add(). */
void names_sort(struct names *names);

/* Index of the thing, or -1. */
int names_find(const struct names *names, const char *text);

/* Sorts, and says of every name that is there again: "what \"NAME\" ... line N". */
void names_check(struct names *names, struct problems *problems, const char *what);

/* A problem at node: there is no such thing, and which one it may have meant. */
void names_report_missing(const struct names *names, struct problems *problems,
	const struct node *node, const char *what, const char *text);

#endif
