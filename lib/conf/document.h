/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_DOCUMENT_H
#define CONF_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <jansson.h>

#include "arena.h"

struct problems;

/*
 * A JSON file as jansson values, each beside its place in the text: jansson forgets lines, and of
 * two equal keys it keeps the last without a word. The nodes form the same tree as the values,
 * with the overridden keys left out.
 */
struct node {
	const struct document *document;
	const struct node *parent; /* NULL: the root */
	struct node *next;         /* sibling, in file order */
	struct node *children;
	json_t *json;
	const char *key; /* NULL: an item of a list, or the root */
	unsigned index;  /* in the parent's list */
	unsigned count;  /* of children */
	size_t offset;   /* in the text */
	int line;
	int key_line; /* the line of the key, or of the value when there is none */
};

struct document {
	SLIST_ENTRY(document) link;
	const char *path;
	char *text; /* NUL-terminated */
	size_t len;
	unsigned order; /* of reading: problems are listed in this order */
	bool is_parsed; /* as JSON */
	json_t *json;
	struct node *root;
};

SLIST_HEAD(document_list, document);

#define DOCUMENT_MAX_BYTES (16u << 20)

/*
 * Reads and parses a file into memory of the arena, and adds it to the list as soon as it owns
 * anything. What is wrong goes to problems: a file that cannot be read under blame (the node that
 * names it) or, without one, under its own path. Returns NULL when there is no tree.
 */
struct document *document_load(struct arena *arena, struct document_list *list, const char *path,
	const struct node *blame, struct problems *problems);
/*
 * The same for a file that is no JSON: there is its text, and no tree. NULL when it cannot be read
 * or is no text.
 */
struct document *document_load_text(struct arena *arena, struct document_list *list,
	const char *path, const struct node *blame, struct problems *problems);
void document_list_clear(struct document_list *list);

/* NULL when the node is no object or has no such key. */
const struct node *node_get(const struct node *node, const char *key);

/* The string's text; NULL when node is NULL or no string. */
const char *node_text(const struct node *node);

/* The value as it is quoted in an error, cut when long. */
#define NODE_VALUE_MAX 64
const char *node_value_format(const struct node *node, char text[NODE_VALUE_MAX]);

/* "services[2].listen", cut when long; "" for the root. */
#define NODE_PATH_MAX 512
const char *node_path_format(const struct node *node, char text[NODE_PATH_MAX]);

#endif
