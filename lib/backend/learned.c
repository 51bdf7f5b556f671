/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/learned.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"

#define WAYS 4
#define FREE 0
#define BUSY 1 /* being written: nobody else's */

/*
 * One cache line. A value is the member's id above the second of its last use. Who writes a member
 * claims the key first, so that a key and the value that is read between two looks at it belong
 * together.
 */
struct set {
	uint64_t keys[WAYS];
	uint64_t values[WAYS];
} __attribute__((aligned(64)));

struct learned {
	struct hash_key key;
	unsigned users;
	unsigned entries;
	size_t mask;
	struct set *sets;
};

struct learned *learned_create(unsigned entries)
{
	struct learned *learned = calloc(1, sizeof(*learned));
	size_t count = 1;

	if (learned == NULL)
		return NULL;
	while (count * WAYS < entries)
		count *= 2;
	learned->users = 1;
	learned->entries = entries;
	learned->mask = count - 1;
	learned->sets = aligned_alloc(sizeof(struct set), count * sizeof(struct set));
	if (learned->sets == NULL ||
		getrandom(&learned->key, sizeof(learned->key), 0) !=
			(ssize_t)sizeof(learned->key)) {
		learned_put(learned);
		return NULL;
	}
	memset(learned->sets, 0, count * sizeof(struct set));
	return learned;
}

struct learned *learned_share(struct learned *learned)
{
	learned->users++;
	return learned;
}

void learned_put(struct learned *learned)
{
	if (learned == NULL || --learned->users > 0)
		return;
	free(learned->sets);
	free(learned);
}

unsigned learned_size(const struct learned *learned)
{
	return learned->entries;
}

uint64_t learned_key(const struct learned *learned, const void *data, size_t len)
{
	uint64_t key = hash_bytes(learned->key, data, len);

	return key > BUSY ? key : key + 2;
}

static uint64_t value_of(uint32_t member_id, uint32_t now_s)
{
	return (uint64_t)member_id << 32 | now_s;
}

static uint32_t idle_s(uint64_t value, uint32_t now_s)
{
	uint32_t seen_s = (uint32_t)value;

	return now_s > seen_s ? now_s - seen_s : 0;
}

static bool is_live(uint64_t value, uint32_t expire_s, uint32_t now_s)
{
	return value != 0 && idle_s(value, now_s) <= expire_s;
}

/* The value that goes with the key; false: somebody is writing it, or has. */
static bool read_way(const struct set *set, unsigned way, uint64_t key, uint64_t *value)
{
	*value = __atomic_load_n(&set->values[way], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&set->keys[way], __ATOMIC_ACQUIRE) == key;
}

uint32_t learned_find(struct learned *learned, uint64_t key, uint32_t expire_s, uint32_t now_s)
{
	struct set *set = &learned->sets[key & learned->mask];

	for (unsigned way = 0; way < WAYS; way++) {
		uint64_t value, seen;

		if (__atomic_load_n(&set->keys[way], __ATOMIC_ACQUIRE) != key ||
			!read_way(set, way, key, &value))
			continue;
		if (!is_live(value, expire_s, now_s))
			return 0;
		/* The member stays what it is, whoever the way belongs to by now. */
		seen = value;
		if ((uint32_t)value != now_s)
			__atomic_compare_exchange_n(&set->values[way], &seen,
				value_of((uint32_t)(value >> 32), now_s), false, __ATOMIC_RELAXED,
				__ATOMIC_RELAXED);
		return (uint32_t)(value >> 32);
	}
	return 0;
}

/* The way that has the key, else the one to give up: a free one, or the least used. */
static unsigned way_for(const struct set *set, uint64_t key, uint64_t *old)
{
	uint32_t oldest_s = UINT32_MAX;
	unsigned best = 0;

	*old = BUSY;
	for (unsigned way = 0; way < WAYS; way++) {
		uint64_t found = __atomic_load_n(&set->keys[way], __ATOMIC_ACQUIRE);
		uint32_t seen_s;

		if (found == key) {
			*old = key;
			return way;
		}
		if (found == BUSY)
			continue;
		seen_s = found == FREE
			? 0
			: (uint32_t)__atomic_load_n(&set->values[way], __ATOMIC_RELAXED);
		if (*old == BUSY || seen_s < oldest_s) {
			oldest_s = seen_s;
			best = way;
			*old = found;
		}
	}
	return best;
}

bool learned_set(struct learned *learned, uint64_t key, uint32_t member_id, uint32_t expire_s,
	uint32_t now_s)
{
	struct set *set = &learned->sets[key & learned->mask];
	uint64_t old, before;
	unsigned way = way_for(set, key, &old);

	/* Others are at work in all ways, or were faster: the next answer says it again. */
	if (old == BUSY ||
		!__atomic_compare_exchange_n(
			&set->keys[way], &old, BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	before = __atomic_exchange_n(
		&set->values[way], value_of(member_id, now_s), __ATOMIC_ACQ_REL);
	__atomic_store_n(&set->keys[way], key, __ATOMIC_RELEASE);
	return old != key && old != FREE && is_live(before, expire_s, now_s);
}

void learned_clear(struct learned *learned)
{
	for (size_t i = 0; i <= learned->mask; i++) {
		for (unsigned way = 0; way < WAYS; way++) {
			uint64_t key = __atomic_load_n(
				&learned->sets[i].keys[way], __ATOMIC_RELAXED);

			/* A session that is being written now comes behind the command. */
			if (key != BUSY)
				__atomic_compare_exchange_n(&learned->sets[i].keys[way], &key, FREE,
					false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		}
	}
}

bool learned_next(const struct learned *learned, size_t *cursor, uint32_t expire_s, uint32_t now_s,
	struct learned_row *row)
{
	for (; *cursor < (learned->mask + 1) * WAYS; (*cursor)++) {
		const struct set *set = &learned->sets[*cursor / WAYS];
		unsigned way = (unsigned)(*cursor % WAYS);
		uint64_t value;

		row->key = __atomic_load_n(&set->keys[way], __ATOMIC_ACQUIRE);
		if (row->key <= BUSY || !read_way(set, way, row->key, &value) ||
			!is_live(value, expire_s, now_s))
			continue;
		row->member_id = (uint32_t)(value >> 32);
		row->idle_s = idle_s(value, now_s);
		(*cursor)++;
		return true;
	}
	return false;
}

void learned_copy(struct learned *to, const struct learned *from)
{
	struct learned_row row;
	size_t cursor = 0;

	/* Under the same hash, or nobody would find it. */
	to->key = from->key;
	while (learned_next(from, &cursor, UINT32_MAX, UINT32_MAX, &row))
		learned_set(to, row.key, row.member_id, 0, UINT32_MAX - row.idle_s);
}
