/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static size_t slot_of(const struct name_index *index, const char *name, size_t len)
{
	/* Names come from our own files: nobody can aim at one chain. */
	static const struct hash_key key = { .k0 = 0, .k1 = 1 };

	return hash_bytes(key, name, len) & index->mask;
}

static const char *name_next(const char *names, size_t *len)
{
	names += strspn(names, " ");
	*len = strcspn(names, " ");
	return *len > 0 ? names : NULL;
}

size_t name_count(const char *names)
{
	size_t total = 0, len;

	for (const char *name = name_next(names, &len); name != NULL;
		name = name_next(name + len, &len))
		total++;
	return total;
}

size_t name_wildcard(char *out, const char *name, size_t len)
{
	const char *dot = memchr(name, '.', len);
	size_t rest;

	if (dot == NULL || dot == name)
		return 0;
	rest = len - (size_t)(dot - name);
	out[0] = '*';
	memcpy(out + 1, dot, rest);
	return 1 + rest;
}

int name_index_create(struct name_index *index, size_t count)
{
	size_t size = 8;

	while (size < 2 * count)
		size *= 2;
	index->mask = size - 1;
	index->slots = calloc(size, sizeof(*index->slots));
	return index->slots == NULL ? -ENOMEM : 0;
}

void name_index_add(struct name_index *index, const char *names, void *value)
{
	size_t len;

	for (const char *name = name_next(names, &len); name != NULL;
		name = name_next(name + len, &len)) {
		size_t at = slot_of(index, name, len);

		while (index->slots[at].name != NULL)
			at = (at + 1) & index->mask;
		index->slots[at] = (struct name_slot){
			.name = name,
			.len = (uint16_t)len,
			.value = value,
		};
	}
}

void name_index_destroy(struct name_index *index)
{
	free(index->slots);
	index->slots = NULL;
}

struct name_walk name_walk_begin(const struct name_index *index, const char *name, size_t len)
{
	return (struct name_walk){
		.index = index,
		.name = name,
		.len = len,
		.at = slot_of(index, name, len),
	};
}

void *name_walk_next(struct name_walk *walk)
{
	for (;;) {
		const struct name_slot *slot = &walk->index->slots[walk->at];

		if (slot->name == NULL)
			return NULL;
		walk->at = (walk->at + 1) & walk->index->mask;
		if (slot->len == walk->len && memcmp(slot->name, walk->name, walk->len) == 0)
			return slot->value;
	}
}
