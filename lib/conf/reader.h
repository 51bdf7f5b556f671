/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <setjmp.h>
#include <stddef.h>

#include "arena.h"
#include "conf/config.h"
#include "document.h"
#include "field.h"
#include "names.h"
#include "problems.h"

/* What one config_load() works with. */
struct reader {
	struct arena *arena;
	struct config *config;
	struct problems problems;
	struct problems warnings; /* what may be meant */
	struct document_list documents;
	const char *folder;          /* of the configuration file, with its slash, or "" */
	const char *absolute_folder; /* the same, absolute */
	struct names pools;          /* by name; filled at the first question */
	struct names certificates;
	const struct config_l7_route *route; /* being read, once its match is; or NULL */
	jmp_buf out_of_memory;
};

/* Fills the struct at object from the node, defaults first. */
void table_read(
	struct reader *reader, const struct table *table, const struct node *node, void *object);

/* True when the value is there and a string equal to text. */
bool node_is_text(const struct node *node, const char *text);

#endif
