/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define CHUNK_BYTES 65536
#define ALIGN_BYTES 16

struct chunk {
	SLIST_ENTRY(chunk) link;
	size_t used;
	size_t size;
	_Alignas(ALIGN_BYTES) char bytes[];
};

struct arena {
	SLIST_HEAD(, chunk) chunks;
	jmp_buf *out_of_memory;
};

struct arena *arena_create(jmp_buf *out_of_memory)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	SLIST_INIT(&arena->chunks);
	arena->out_of_memory = out_of_memory;
	return arena;
}

void arena_destroy(struct arena *arena)
{
	struct chunk *chunk;

	if (arena == NULL)
		return;
	while ((chunk = SLIST_FIRST(&arena->chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&arena->chunks, link);
		free(chunk);
	}
	free(arena);
}

static struct chunk *chunk_add(struct arena *arena, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *chunk = NULL;

	if (size <= SIZE_MAX - sizeof(*chunk))
		chunk = calloc(1, sizeof(*chunk) + size);
	if (chunk == NULL)
		longjmp(*arena->out_of_memory, 1);
	chunk->size = size;
	SLIST_INSERT_HEAD(&arena->chunks, chunk, link);
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	struct chunk *chunk = SLIST_FIRST(&arena->chunks);
	void *room;

	if (bytes > SIZE_MAX - ALIGN_BYTES)
		longjmp(*arena->out_of_memory, 1);
	bytes = (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	if (chunk == NULL || chunk->size - chunk->used < bytes)
		chunk = chunk_add(arena, bytes);
	room = chunk->bytes + chunk->used;
	chunk->used += bytes;
	return room;
}

void *arena_array(struct arena *arena, size_t count, size_t item_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, item_bytes, &bytes))
		longjmp(*arena->out_of_memory, 1);
	return arena_alloc(arena, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		longjmp(*arena->out_of_memory, 1);
	text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
