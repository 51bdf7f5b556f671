/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "base/objpool.h"

#define CLASS_MIN_BYTES 64
#define GROW_BYTES      262144

/* Ahead of every object; keeps what follows aligned for anything. */
struct prefix {
	size_t class;
	size_t len;
};

static size_t class_bytes(size_t class)
{
	return (size_t)CLASS_MIN_BYTES << class;
}

int heap_create(struct heap *heap)
{
	for (size_t i = 0; i < HEAP_CLASSES; i++) {
		uint32_t grow = (uint32_t)MAX(GROW_BYTES / class_bytes(i) / 4, 4);

		heap->classes[i] = objpool_create(class_bytes(i), grow, 0);
		if (heap->classes[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

void heap_destroy(struct heap *heap)
{
	for (size_t i = 0; i < HEAP_CLASSES; i++)
		objpool_destroy(heap->classes[i]);
}

static void *take(struct heap *heap, struct heap_account *account, size_t len)
{
	struct prefix *prefix;
	size_t class = 0;

	while (class < HEAP_CLASSES && class_bytes(class) - sizeof(*prefix) < len)
		class ++;
	if (class == HEAP_CLASSES || account->used_bytes + class_bytes(class) > account->max_bytes)
		return NULL;
	prefix = objpool_get(heap->classes[class]);
	if (prefix == NULL)
		return NULL;
	*prefix = (struct prefix){ .class = class, .len = len };
	account->used_bytes += class_bytes(class);
	return prefix + 1;
}

static void give(struct heap *heap, struct heap_account *account, struct prefix *prefix)
{
	account->used_bytes -= class_bytes(prefix->class);
	objpool_put(heap->classes[prefix->class], prefix);
}

void *heap_resize(struct heap *heap, struct heap_account *account, void *object, size_t len)
{
	struct prefix *prefix = object == NULL ? NULL : (struct prefix *)object - 1;
	void *moved;

	if (len == 0) {
		if (prefix != NULL)
			give(heap, account, prefix);
		return NULL;
	}
	if (prefix != NULL && class_bytes(prefix->class) - sizeof(*prefix) >= len) {
		prefix->len = len;
		return object;
	}
	moved = take(heap, account, len);
	if (moved != NULL && prefix != NULL) {
		memcpy(moved, object, MIN(prefix->len, len));
		give(heap, account, prefix);
	}
	return moved;
}
