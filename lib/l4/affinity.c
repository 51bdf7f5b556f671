/* SPDX-License-Identifier: Apache-2.0 */
#include "affinity.h"

#include <assert.h>
#include <stdlib.h>

#include <rte_common.h>

#include "base/hash.h"

#define PLACES      4
#define BUCKETS_MIN 256
#define BUCKETS_MAX (1u << 16)

struct bucket {
	struct affinity_entry places[PLACES];
};

static_assert(sizeof(struct bucket) == 128, "a search touches two cache lines");

struct affinity {
	struct hash_key key;
	uint32_t mask;
	struct bucket buckets[];
};

struct affinity *affinity_create(uint32_t max_connections, uint64_t seed)
{
	uint32_t wanted = max_connections / (4 * PLACES);
	uint32_t count = BUCKETS_MIN;
	struct affinity *affinity;

	while (count < wanted && count < BUCKETS_MAX)
		count *= 2;
	/* Pages that no client needs are never touched. */
	affinity = calloc(1, sizeof(*affinity) + count * sizeof(affinity->buckets[0]));
	if (affinity == NULL)
		return NULL;
	affinity->key = (struct hash_key){ .k0 = seed, .k1 = ~seed };
	affinity->mask = count - 1;
	return affinity;
}

void affinity_destroy(struct affinity *affinity)
{
	free(affinity);
}

static struct bucket *bucket_of(struct affinity *affinity, const struct affinity_key *key)
{
	const uint64_t words[5] = { key->source.halves[0], key->source.halves[1], key->service };

	return &affinity->buckets[hash_words5(affinity->key, words) & affinity->mask];
}

static bool is_entry_of(const struct affinity_entry *entry, const struct affinity_key *key)
{
	return entry->member != 0 && entry->service == key->service &&
		ip_equal(&entry->source, &key->source);
}

struct affinity_entry *affinity_find(struct affinity *affinity, const struct affinity_key *key,
	uint32_t timeout_ms, uint32_t now_ms)
{
	struct bucket *bucket = bucket_of(affinity, key);

	for (unsigned i = 0; i < PLACES; i++) {
		struct affinity_entry *entry = &bucket->places[i];

		if (is_entry_of(entry, key))
			return now_ms - entry->seen_ms < timeout_ms ? entry : NULL;
	}
	return NULL;
}

/* The client's own place, else an empty one, else the one that was seen longest ago. */
static struct affinity_entry *place_choose(
	struct bucket *bucket, const struct affinity_key *key, uint32_t now_ms)
{
	struct affinity_entry *best = NULL;

	for (unsigned i = 0; i < PLACES; i++) {
		struct affinity_entry *entry = &bucket->places[i];

		if (is_entry_of(entry, key))
			return entry;
		if (best == NULL || entry->member == 0 ||
			(best->member != 0 && now_ms - entry->seen_ms > now_ms - best->seen_ms))
			best = entry;
	}
	return best;
}

struct affinity_entry *affinity_claim(struct affinity *affinity, const struct affinity_key *key,
	uint32_t timeout_ms, uint32_t now_ms, bool *is_evicted)
{
	struct affinity_entry *entry = place_choose(bucket_of(affinity, key), key, now_ms);

	*is_evicted = entry->member != 0 && !is_entry_of(entry, key) &&
		now_ms - entry->seen_ms < timeout_ms;
	entry->source = key->source;
	entry->service = key->service;
	return entry;
}
