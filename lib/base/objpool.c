/* SPDX-License-Identifier: Apache-2.0 */
#include "base/objpool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <rte_common.h>

/* gcc says it by a macro, clang by a feature. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define ALIGN_BYTES 64

struct free_object {
	struct free_object *next;
};

struct chunk {
	SLIST_ENTRY(chunk) link;
	uint32_t count;
};

struct objpool {
	struct free_object *free;
	size_t size;
	uint32_t grow;
	uint32_t max;
	uint32_t total;
	uint32_t used;
	SLIST_HEAD(, chunk) chunks;
};

struct objpool *objpool_create(size_t size_bytes, uint32_t grow_count, uint32_t max_count)
{
	struct objpool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->size = RTE_ALIGN_CEIL(size_bytes, (size_t)ALIGN_BYTES);
	pool->grow = grow_count > 0 ? grow_count : 1;
	pool->max = max_count;
	SLIST_INIT(&pool->chunks);
	return pool;
}

void objpool_destroy(struct objpool *pool)
{
	struct chunk *chunk;

	if (pool == NULL)
		return;
	while ((chunk = SLIST_FIRST(&pool->chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&pool->chunks, link);
		ASAN_UNPOISON_MEMORY_REGION(chunk, ALIGN_BYTES + pool->size * chunk->count);
		free(chunk);
	}
	free(pool);
}

static void object_release(struct objpool *pool, void *object)
{
	struct free_object *entry = object;

	entry->next = pool->free;
	pool->free = entry;
	ASAN_POISON_MEMORY_REGION(object, pool->size);
}

static __rte_noinline bool objpool_grow(struct objpool *pool)
{
	uint32_t count = pool->grow;
	struct chunk *chunk;

	if (pool->max > 0 && count > pool->max - pool->total)
		count = pool->max - pool->total;
	if (count == 0)
		return false;
	chunk = aligned_alloc(ALIGN_BYTES, ALIGN_BYTES + pool->size * count);
	if (chunk == NULL)
		return false;
	chunk->count = count;
	SLIST_INSERT_HEAD(&pool->chunks, chunk, link);
	pool->total += count;
	for (uint32_t i = count; i > 0; i--)
		object_release(pool, (char *)chunk + ALIGN_BYTES + pool->size * (i - 1));
	return true;
}

void *objpool_get(struct objpool *pool)
{
	struct free_object *object;

	if (pool->free == NULL && !objpool_grow(pool))
		return NULL;
	object = pool->free;
	ASAN_UNPOISON_MEMORY_REGION(object, pool->size);
	pool->free = object->next;
	pool->used++;
	return object;
}

void objpool_put(struct objpool *pool, void *object)
{
	object_release(pool, object);
	pool->used--;
}

uint32_t objpool_used(const struct objpool *pool)
{
	return pool->used;
}

size_t objpool_bytes(const struct objpool *pool)
{
	return pool->size * pool->total;
}
