/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_OBJPOOL_H
#define BASE_OBJPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Fixed-size objects for one owner thread, without locks: a free list over chunks that grow up to
 * a limit and are given back by objpool_destroy() only. Under ASan, freed objects are poisoned.
 */
struct objpool;

/*
 * size_bytes is rounded up to a cache line; grow_count objects are taken from the system at once,
 * max_count in all (0: no limit). Returns NULL when memory is short.
 */
struct objpool *objpool_create(size_t size_bytes, uint32_t grow_count, uint32_t max_count);

/* NULL is fine. Objects still out are lost with it: objpool_used() tells. */
void objpool_destroy(struct objpool *pool);

/* Uninitialised memory, 64-byte aligned, or NULL at the limit or out of memory. */
void *objpool_get(struct objpool *pool);
void objpool_put(struct objpool *pool, void *object);

uint32_t objpool_used(const struct objpool *pool);
size_t objpool_bytes(const struct objpool *pool);

#endif
