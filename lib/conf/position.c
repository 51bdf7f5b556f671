/* SPDX-License-Identifier: Apache-2.0 */
#include "position.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "problems.h"

/* The text is known to be JSON; the bounds are kept all the same. */
struct scanner {
	const char *at;
	const char *end;
	int line;
	const struct document *document;
	struct arena *arena;
	struct problems *problems;
};

int position_line(const char *text, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

/* Skips space and the separators, which jansson has checked, and returns what comes: 0 at the
 * end. */
static char next_char(struct scanner *scanner)
{
	while (scanner->at < scanner->end) {
		char c = *scanner->at;

		if (c == '\n')
			scanner->line++;
		else if (strchr(" \t\r,:", c) == NULL || c == '\0')
			return c;
		scanner->at++;
	}
	return '\0';
}

static void string_skip(struct scanner *scanner)
{
	scanner->at++;
	while (scanner->at < scanner->end && *scanner->at != '"') {
		scanner->at += *scanner->at == '\\' ? 2 : 1;
	}
	scanner->at++;
	if (scanner->at > scanner->end)
		scanner->at = scanner->end;
}

static void literal_skip(struct scanner *scanner)
{
	while (scanner->at < scanner->end && strchr(" \t\r\n,:]}", *scanner->at) == NULL)
		scanner->at++;
}

/*
 * Reads a key token. One with escapes is decoded by jansson, and jansson's own copy is taken, which
 * lives as long as the object. Inside of an overridden key the object is another one: there, where
 * nothing is read any more, the undecoded text does.
 */
static const char *key_scan(struct scanner *scanner, json_t *object)
{
	const char *start = scanner->at;
	json_t *decoded;
	void *found;
	size_t len;

	string_skip(scanner);
	len = (size_t)(scanner->at - start);
	if (memchr(start, '\\', len) != NULL) {
		decoded = json_loadb(start, len, JSON_DECODE_ANY, NULL);
		found = json_object_iter_at(object, json_string_value(decoded));
		json_decref(decoded);
		if (found != NULL)
			return json_object_iter_key(found);
	}
	return arena_copy(scanner->arena, start + 1, len >= 2 ? len - 2 : 0);
}

static struct node *node_create(struct scanner *scanner, const struct node *parent, json_t *json)
{
	struct node *node = arena_alloc(scanner->arena, sizeof(*node));

	node->document = scanner->document;
	node->parent = parent;
	node->json = json;
	node->line = scanner->line;
	node->key_line = scanner->line;
	node->offset = (size_t)(scanner->at - scanner->document->text);
	return node;
}

struct entry {
	struct node *node;
};

static int compare_keys(const void *a, const void *b)
{
	const struct node *left = ((const struct entry *)a)->node;
	const struct node *right = ((const struct entry *)b)->node;
	int order = strcmp(left->key, right->key);

	if (order != 0)
		return order;
	return left->index < right->index ? -1 : 1;
}

/* Reports the keys that come again, and leaves in the tree those that jansson kept: the last. */
static void duplicates_remove(struct scanner *scanner, struct node *object)
{
	struct entry *sorted = arena_array(scanner->arena, object->count, sizeof(*sorted));
	const struct node *first = NULL;
	struct node **link;
	unsigned count = 0;

	for (struct node *child = object->children; child != NULL; child = child->next)
		sorted[count++].node = child;
	qsort(sorted, count, sizeof(*sorted), compare_keys);
	for (unsigned i = 0; i < count; i++) {
		struct node *node = sorted[i].node;

		if (first == NULL || strcmp(first->key, node->key) != 0) {
			first = node;
			continue;
		}
		problem_add_key(scanner->problems, node, "the key is given twice, first on line %d",
			first->key_line);
		sorted[i - 1].node->json = NULL;
	}
	for (link = &object->children; *link != NULL;) {
		if ((*link)->json == NULL) {
			*link = (*link)->next;
			object->count--;
		} else {
			link = &(*link)->next;
		}
	}
}

static void value_scan(struct scanner *scanner, struct node *node);

/* Both kinds of container: the children of an object have keys. */
static void children_scan(struct scanner *scanner, struct node *node)
{
	bool is_object = *scanner->at == '{';
	char close = is_object ? '}' : ']';
	struct node **link = &node->children;
	char c;

	scanner->at++;
	while ((c = next_char(scanner)) != close && c != '\0') {
		int key_line = scanner->line;
		struct node *child;

		if (is_object) {
			const char *key = key_scan(scanner, node->json);

			next_char(scanner);
			child = node_create(scanner, node, json_object_get(node->json, key));
			child->key = key;
			child->key_line = key_line;
		} else {
			child = node_create(scanner, node, json_array_get(node->json, node->count));
		}
		child->index = node->count++;
		*link = child;
		link = &child->next;
		value_scan(scanner, child);
	}
	if (scanner->at < scanner->end)
		scanner->at++;
	if (is_object && node->count != json_object_size(node->json))
		duplicates_remove(scanner, node);
}

/* The scanner stands at the value. Recursion is bounded by jansson's limit on nesting, 2048. */
static void value_scan(struct scanner *scanner, struct node *node)
{
	char c = next_char(scanner);

	if (c == '{' || c == '[')
		children_scan(scanner, node);
	else if (c == '"')
		string_skip(scanner);
	else
		literal_skip(scanner);
}

struct node *position_scan(
	struct arena *arena, const struct document *document, struct problems *problems)
{
	struct scanner scanner = {
		.at = document->text,
		.end = document->text + document->len,
		.line = 1,
		.document = document,
		.arena = arena,
		.problems = problems,
	};
	struct node *root;

	next_char(&scanner);
	root = node_create(&scanner, NULL, document->json);
	value_scan(&scanner, root);
	return root;
}
