/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ARENA_H
#define CONF_ARENA_H

#include <setjmp.h>
#include <stddef.h>

/*
 * Memory of one configuration: grows, and is given back all at once. Short memory leaves through
 * the jump that the owner gave: a reload that does not fit must fail without taking the appliance
 * along, and a check behind every line of reading would hide what the line reads.
 */
struct arena;

/* out_of_memory is borrowed for as long as arena_alloc() is called. NULL when memory is short. */
struct arena *arena_create(jmp_buf *out_of_memory);

/* NULL is fine. */
void arena_destroy(struct arena *arena);

/* Zeroed, aligned for any type; never NULL, also for 0 bytes. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_array(struct arena *arena, size_t count, size_t item_bytes);

/* A copy with a NUL behind it. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
