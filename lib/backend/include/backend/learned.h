/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_LEARNED_H
#define BACKEND_LEARNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which member a session is with: values by a keyed hash, in memory of a fixed size, shared by all
 * workers without locks and without waiting. Sets of four; where a set is full the session that
 * was not used for longest makes room. A reader that meets a writer finds nothing, and never
 * another session's member.
 */
struct learned;

struct learned_row {
	uint64_t key;
	uint32_t member_id;
	uint32_t idle_s;
};

/* One user; room for at least so many. NULL: no memory. Control thread, as the next three. */
struct learned *learned_create(unsigned entries);

/* Another user of it. */
struct learned *learned_share(struct learned *learned);

/* NULL is fine. Freed with the last user. */
void learned_put(struct learned *learned);

/* What from knows, as far as there is room. */
void learned_copy(struct learned *to, const struct learned *from);

/* Any thread from here on. The entries that it was made for. */
unsigned learned_size(const struct learned *learned);

/* The number that stands for a value, never 0; nobody outside can aim at another one's. */
uint64_t learned_key(const struct learned *learned, const void *data, size_t len);

/* Id of the member; 0: unknown, or not used for more than expire_s. Counts as a use. */
uint32_t learned_find(struct learned *learned, uint64_t key, uint32_t expire_s, uint32_t now_s);

/* Remembers it, or another member for it. True when a session that was in use made room. */
bool learned_set(struct learned *learned, uint64_t key, uint32_t member_id, uint32_t expire_s,
	uint32_t now_s);

/* Forgets all. */
void learned_clear(struct learned *learned);

/* The next row from *cursor on, which is moved behind it; false: no further one. */
bool learned_next(const struct learned *learned, size_t *cursor, uint32_t expire_s, uint32_t now_s,
	struct learned_row *row);

#endif
