/* SPDX-License-Identifier: Apache-2.0 */
#include "limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_cycles.h>

#include "base/clock.h"

#define BUCKET_SOURCES 4

struct source_table {
	struct hash_key key;
	uint32_t mask;
	struct source sources[][BUCKET_SOURCES];
};

int limit_init(struct limit *limit, unsigned rate_per_s, unsigned burst_ms, unsigned share)
{
	uint64_t rate = RTE_MAX(rate_per_s / RTE_MAX(share, 1u), 1u);
	struct rte_meter_srtcm_params params = {
		.cir = rate,
		.cbs = RTE_MAX(rate * burst_ms / 1000, (uint64_t)1),
	};

	limit->is_set = rate_per_s > 0;
	if (!limit->is_set)
		return 0;
	return rte_meter_srtcm_profile_config(&limit->profile, &params);
}

uint64_t limit_cycles(uint64_t now_us)
{
	uint64_t hz = rte_get_tsc_hz();

	return now_us / CLOCK_US_PER_S * hz + now_us % CLOCK_US_PER_S * hz / CLOCK_US_PER_S;
}

struct source_table *source_table_create(unsigned count, struct hash_key key)
{
	uint32_t buckets = rte_align32pow2((count + BUCKET_SOURCES - 1) / BUCKET_SOURCES);
	struct source_table *table = calloc(
		1, sizeof(*table) + (size_t)buckets * sizeof(table->sources[0]));

	if (table == NULL)
		return NULL;
	table->key = key;
	table->mask = buckets - 1;
	return table;
}

void source_table_destroy(struct source_table *table)
{
	free(table);
}

static bool is_free(const struct source *source)
{
	return (source->key.addr.halves[0] | source->key.addr.halves[1]) == 0;
}

struct source *source_find(struct source_table *table, const struct source_key *key,
	uint32_t now_ms, bool *is_new, uint64_t *evicted)
{
	uint64_t hash = hash_words2(table->key, key->addr.halves[0] ^ (uint64_t)key->service << 32,
		key->addr.halves[1]);
	struct source *bucket = table->sources[(hash >> 32) & table->mask];
	struct source *oldest = bucket;

	for (unsigned i = 0; i < BUCKET_SOURCES; i++) {
		struct source *source = &bucket[i];

		if (ip_equal(&source->key.addr, &key->addr) &&
			source->key.service == key->service) {
			source->seen_ms = now_ms;
			*is_new = false;
			return source;
		}
		if (is_free(oldest))
			continue;
		if (is_free(source) || now_ms - source->seen_ms > now_ms - oldest->seen_ms)
			oldest = source;
	}
	*evicted += !is_free(oldest);
	*is_new = true;
	*oldest = (struct source){ .key = *key, .seen_ms = now_ms };
	return oldest;
}
