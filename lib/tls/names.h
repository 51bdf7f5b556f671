/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * From a host name to what has it, exactly or by a wildcard, in one look-up each, however many
 * there are. Built once, then read only; points to the names that it was given.
 */
struct name_slot {
	const char *name; /* NULL: empty */
	uint16_t len;
	void *value;
};

struct name_index {
	struct name_slot *slots;
	size_t mask; /* how many, less one: a power of two, at most half full */
};

/* Walks over the slots of one name. */
struct name_walk {
	const struct name_index *index;
	const char *name;
	size_t len;
	size_t at;
};

/* Room for so many names. 0 or -ENOMEM. */
int name_index_create(struct name_index *index, size_t count);
/* names: separated by spaces, in lower case, valid as long as the index. */
void name_index_add(struct name_index *index, const char *names, void *value);
void name_index_destroy(struct name_index *index);

/* How many names these are, separated by spaces. */
size_t name_count(const char *names);

/* RFC 9525 6.3: a wildcard stands for one whole label, the first. The length in out, or 0. */
size_t name_wildcard(char *out, const char *name, size_t len);

/* name: in lower case, and valid for the walk. */
struct name_walk name_walk_begin(const struct name_index *index, const char *name, size_t len);
/* The value of the next slot with this name, in the order of name_index_add(); NULL: no more. */
void *name_walk_next(struct name_walk *walk);

#endif
