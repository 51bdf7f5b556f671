/* SPDX-License-Identifier: Apache-2.0 */
#include "bucket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"

#define WAYS      4
#define TRIES_MAX 8 /* others changed the same words so often: the request may pass */

/* One cache line: the keys of a set, 0 for none, and when each one's bucket is full again. */
struct set {
	uint64_t keys[WAYS];
	uint64_t full_ns[WAYS];
} __attribute__((aligned(64)));

struct bucket_table {
	struct hash_key key;
	size_t mask;
	struct set *sets;
};

struct bucket_table *bucket_table_create(size_t keys)
{
	struct bucket_table *table = calloc(1, sizeof(*table));
	size_t count = 1;

	if (table == NULL)
		return NULL;
	while (count * WAYS < keys)
		count *= 2;
	table->mask = count - 1;
	table->sets = aligned_alloc(sizeof(struct set), count * sizeof(struct set));
	if (table->sets == NULL ||
		getrandom(&table->key, sizeof(table->key), 0) != (ssize_t)sizeof(table->key)) {
		bucket_table_destroy(table);
		return NULL;
	}
	memset(table->sets, 0, count * sizeof(struct set));
	return table;
}

void bucket_table_destroy(struct bucket_table *table)
{
	if (table == NULL)
		return;
	free(table->sets);
	free(table);
}

uint64_t bucket_key(const struct bucket_table *table, const void *data, size_t len)
{
	uint64_t key = hash_bytes(table->key, data, len);

	return key != 0 ? key : 1;
}

/* What a bucket that is full at this time gives; *next: when it is full after that. */
static struct bucket_result judge(
	const struct bucket_rate *rate, uint64_t full_ns, uint64_t now_ns, uint64_t *next_ns)
{
	uint64_t base = full_ns > now_ns ? full_ns : now_ns;
	struct bucket_result result = { .is_taken = true };

	*next_ns = base + rate->interval_ns;
	if (*next_ns > now_ns + rate->depth_ns) {
		result.is_taken = false;
		result.wait_ns = *next_ns - rate->depth_ns - now_ns;
		*next_ns = full_ns;
	}
	result.reset_ns = *next_ns > now_ns ? *next_ns - now_ns : 0;
	if (result.is_taken)
		result.left = (rate->depth_ns - result.reset_ns) / rate->interval_ns;
	return result;
}

static struct bucket_result take_from(
	uint64_t *full_ns, const struct bucket_rate *rate, uint64_t now_ns, bool is_dry)
{
	uint64_t old = __atomic_load_n(full_ns, __ATOMIC_RELAXED);
	struct bucket_result result;
	uint64_t next;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		result = judge(rate, old, now_ns, &next);
		if (is_dry || !result.is_taken ||
			__atomic_compare_exchange_n(
				full_ns, &old, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
	}
	return result;
}

static unsigned fullest(const struct set *set)
{
	unsigned best = 0;

	for (unsigned i = 1; i < WAYS; i++) {
		if (__atomic_load_n(&set->full_ns[i], __ATOMIC_RELAXED) <
			__atomic_load_n(&set->full_ns[best], __ATOMIC_RELAXED))
			best = i;
	}
	return best;
}

/*
 * The key's bucket, made if need be; NULL when others were faster every time. A request of the old
 * key that is just being judged may be counted for the new one: one token, once.
 */
static uint64_t *bucket_find(struct set *set, uint64_t key, uint64_t now_ns, bool *is_evicted)
{
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		unsigned victim;
		uint64_t old, full;

		for (unsigned i = 0; i < WAYS; i++) {
			if (__atomic_load_n(&set->keys[i], __ATOMIC_RELAXED) == key)
				return &set->full_ns[i];
		}
		victim = fullest(set);
		old = __atomic_load_n(&set->keys[victim], __ATOMIC_RELAXED);
		full = __atomic_load_n(&set->full_ns[victim], __ATOMIC_RELAXED);
		if (!__atomic_compare_exchange_n(&set->keys[victim], &old, key, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		*is_evicted = full > now_ns;
		__atomic_store_n(&set->full_ns[victim], 0, __ATOMIC_RELAXED);
		return &set->full_ns[victim];
	}
	return NULL;
}

static uint64_t *bucket_peek(struct set *set, uint64_t key)
{
	for (unsigned i = 0; i < WAYS; i++) {
		if (__atomic_load_n(&set->keys[i], __ATOMIC_RELAXED) == key)
			return &set->full_ns[i];
	}
	return NULL;
}

struct bucket_result bucket_take(struct bucket_table *table, uint64_t key,
	const struct bucket_rate *rate, uint64_t now_ns, bool is_dry)
{
	struct set *set = &table->sets[key & table->mask];
	bool is_evicted = false;
	uint64_t none = 0;
	uint64_t *full_ns = is_dry ? bucket_peek(set, key)
				   : bucket_find(set, key, now_ns, &is_evicted);
	struct bucket_result result;

	result = take_from(full_ns != NULL ? full_ns : &none, rate, now_ns, is_dry);
	result.is_evicted = is_evicted;
	return result;
}
