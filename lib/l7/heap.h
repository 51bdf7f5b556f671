/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>
#include <stdint.h>

struct objpool;

#define HEAP_CLASSES 11 /* 64 bytes to 64 KB */

/* Memory of many sizes for one worker: powers of two, from pools that never shrink. */
struct heap {
	struct objpool *classes[HEAP_CLASSES];
};

/* What one user holds, and may hold. */
struct heap_account {
	size_t used_bytes;
	size_t max_bytes;
};

/* 0 or -ENOMEM. */
int heap_create(struct heap *heap);
void heap_destroy(struct heap *heap);

/*
 * As realloc(), with free() for len 0: NULL when the account is exhausted, memory is short, or len
 * is beyond what the classes hold.
 */
void *heap_resize(struct heap *heap, struct heap_account *account, void *object, size_t len);

#endif
