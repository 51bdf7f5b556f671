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

static size_t count_names(struct tls_certificate *const *certificates, size_t count)
{
	size_t total = 0, len;

	for (size_t i = 0; i < count; i++)
		for (const char *name = name_next(certificates[i]->names, &len); name != NULL;
			name = name_next(name + len, &len))
			total++;
	return total;
}

static void add(
	struct name_index *index, struct tls_certificate *certificate, const char *name, size_t len)
{
	size_t at = slot_of(index, name, len);

	while (index->slots[at].name != NULL)
		at = (at + 1) & index->mask;
	index->slots[at] = (struct name_slot){
		.name = name,
		.len = (uint16_t)len,
		.certificate = certificate,
	};
}

int name_index_create(
	struct name_index *index, struct tls_certificate *const *certificates, size_t count)
{
	size_t size = 8, total = count_names(certificates, count), len;

	while (size < 2 * total)
		size *= 2;
	index->mask = size - 1;
	index->slots = calloc(size, sizeof(*index->slots));
	if (index->slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		for (const char *name = name_next(certificates[i]->names, &len); name != NULL;
			name = name_next(name + len, &len))
			add(index, certificates[i], name, len);
	return 0;
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

struct tls_certificate *name_walk_next(struct name_walk *walk)
{
	for (;;) {
		const struct name_slot *slot = &walk->index->slots[walk->at];

		if (slot->name == NULL)
			return NULL;
		walk->at = (walk->at + 1) & walk->index->mask;
		if (slot->len == walk->len && memcmp(slot->name, walk->name, walk->len) == 0)
			return slot->certificate;
	}
}
