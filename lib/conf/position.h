/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_POSITION_H
#define CONF_POSITION_H

#include "document.h"

/*
 * A second pass over a text that jansson has parsed (document->text, len and json are set): makes
 * the tree of nodes, and reports every key that an object has twice.
 */
struct node *position_scan(
	struct arena *arena, const struct document *document, struct problems *problems);

/* The line, counted from 1, of a byte of the text. */
int position_line(const char *text, size_t offset);

#endif
