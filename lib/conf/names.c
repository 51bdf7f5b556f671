/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

struct names names_create(struct arena *arena, size_t capacity)
{
	return (struct names){
		.items = arena_array(arena, capacity, sizeof(struct name)),
		.capacity = capacity,
	};
}

void names_add(struct names *names, const char *text, const struct node *node, unsigned index)
{
	if (text == NULL)
		return;
	assert(names->count < names->capacity);
	names->items[names->count++] = (struct name){ .text = text, .node = node, .index = index };
}

static int compare_names(const void *a, const void *b)
{
	const struct name *left = a;
	const struct name *right = b;
	int order = strcmp(left->text, right->text);

	if (order != 0)
		return order;
	return (left->index > right->index) - (left->index < right->index);
}

void names_sort(struct names *names)
{
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

static int compare_text(const void *text, const void *item)
{
	return strcmp(text, ((const struct name *)item)->text);
}

int names_find(const struct names *names, const char *text)
{
	const struct name *found = NULL;

	if (names->count > 0)
		found = bsearch(
			text, names->items, names->count, sizeof(*names->items), compare_text);
	return found != NULL ? (int)found->index : -1;
}

void names_check(struct names *names, struct problems *problems, const char *what)
{
	const struct name *first = NULL;

	names_sort(names);
	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->items[i];

		if (first != NULL && strcmp(first->text, name->text) == 0)
			problem_add(problems, name->node, "%s %s is given twice, first on line %d",
				what, name->text, first->node->line);
		else
			first = name;
	}
}

void names_report_missing(const struct names *names, struct problems *problems,
	const struct node *node, const char *what, const char *text)
{
	struct suggestion suggestion = { .wanted = text };
	char quoted[NODE_VALUE_MAX];
	char words[SUGGESTION_MAX];

	/* Beyond the limit nobody reads the words. */
	for (size_t i = 0; i < names->count && problems->count < PROBLEMS_MAX; i++)
		suggestion_offer(&suggestion, names->items[i].text);
	problem_add(problems, node, "there is no %s %s%s", what, node_value_format(node, quoted),
		suggestion_format(&suggestion, words));
}
