/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"

#define CUT_MARK "..."

const struct node *node_get(const struct node *node, const char *key)
{
	if (!json_is_object(node->json))
		return NULL;
	for (const struct node *child = node->children; child != NULL; child = child->next) {
		if (strcmp(child->key, key) == 0)
			return child;
	}
	return NULL;
}

const char *node_text(const struct node *node)
{
	return node != NULL ? json_string_value(node->json) : NULL;
}

const char *node_value_format(const struct node *node, char text[NODE_VALUE_MAX])
{
	char *dump;
	int len;

	if (json_is_object(node->json) || json_is_array(node->json)) {
		snprintf(text, NODE_VALUE_MAX, "%s",
			json_is_object(node->json) ? "an object" : "a list");
		return text;
	}
	/* Escaped down to ASCII: no byte of a file reaches a terminal as a command. */
	dump = json_dumps(node->json, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	len = snprintf(text, NODE_VALUE_MAX, "%s", dump != NULL ? dump : "a value");
	if (len >= NODE_VALUE_MAX)
		memcpy(text + NODE_VALUE_MAX - sizeof(CUT_MARK), CUT_MARK, sizeof(CUT_MARK));
	free(dump);
	return text;
}

static bool is_plain_key(const char *key)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$";

	return key[0] != '\0' && key[strspn(key, plain)] == '\0';
}

/* One step of the path, behind what is there already. Returns the new length. */
static size_t step_format(const struct node *node, char *text, size_t len)
{
	size_t room = NODE_PATH_MAX - len;
	int added;

	if (node->key == NULL) {
		added = snprintf(text + len, room, "[%u]", node->index);
	} else if (is_plain_key(node->key)) {
		added = snprintf(text + len, room, "%s%s", len > 0 ? "." : "", node->key);
	} else {
		json_t *key = json_string(node->key);
		char quoted[NODE_VALUE_MAX];
		struct node value = { .json = key };

		added = snprintf(text + len, room, "[%s]", node_value_format(&value, quoted));
		json_decref(key);
	}
	return (size_t)added < room ? len + (size_t)added : NODE_PATH_MAX - 1;
}

const char *node_path_format(const struct node *node, char text[NODE_PATH_MAX])
{
	size_t len = 0;

	text[0] = '\0';
	/* From the root down: each turn finds the ancestor one step nearer to the node. */
	for (const struct node *done = NULL; done != node && len < NODE_PATH_MAX - 1;) {
		const struct node *step = node;

		while (step->parent != done && step->parent != NULL)
			step = step->parent;
		if (step->parent != NULL)
			len = step_format(step, text, len);
		done = step;
	}
	return text;
}
