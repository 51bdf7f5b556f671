/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a pool, over all of its configurations. */
#include <stdlib.h>
#include <string.h>

#include "registry.h"
#include "stats/stats.h"

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "backend/pool.def"
#undef COUNTER
};

const struct stats_set pool_stats_set = STATS_SET("pool", descs);

static_assert(sizeof(struct pool_counters) == sizeof(descs) / sizeof(descs[0]) * sizeof(uint64_t),
	"the counters are an array of words");

struct pool_identity *pool_identity_create(const char *name, unsigned core_count)
{
	struct pool_identity *identity = calloc(1, sizeof(*identity));
	size_t bytes = core_count * sizeof(struct pool_core);

	if (identity == NULL)
		return NULL;
	identity->name = strdup(name);
	identity->cores = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (identity->name == NULL || identity->cores == NULL) {
		pool_identity_destroy(identity);
		return NULL;
	}
	memset(identity->cores, 0, bytes);
	identity->core_count = core_count;
	for (unsigned i = 0; i < core_count; i++)
		TAILQ_INIT(&identity->cores[i].waiters);
	return identity;
}

void pool_identity_destroy(struct pool_identity *identity)
{
	if (identity == NULL)
		return;
	free((char *)identity->name);
	free(identity->cores);
	learned_put(identity->learned);
	free(identity);
}

/* As in member.c: what ended is read first, so that the difference is never below zero. */
static uint64_t count_open(
	const struct pool_identity *identity, size_t begun_offset, size_t ended_offset)
{
	const char *cores = (const char *)identity->cores;
	uint64_t begun = 0;
	uint64_t ended = 0;

	for (unsigned i = 0; i < identity->core_count; i++)
		ended += __atomic_load_n(
			(const uint64_t *)(cores + i * sizeof(struct pool_core) + ended_offset),
			__ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < identity->core_count; i++)
		begun += stats_read(
			(const uint64_t *)(cores + i * sizeof(struct pool_core) + begun_offset));
	return begun - ended;
}

uint64_t pool_conns_now(const struct pool_identity *identity)
{
	return count_open(identity, offsetof(struct pool_core, counters.conns_opened),
		offsetof(struct pool_core, counters.conns_closed));
}

uint64_t pool_requests_now(const struct pool_identity *identity)
{
	return count_open(identity, offsetof(struct pool_core, counters.tries),
		offsetof(struct pool_core, counters.tries_done));
}

uint64_t pool_retries_now(const struct pool_identity *identity)
{
	return count_open(identity, offsetof(struct pool_core, counters.retries),
		offsetof(struct pool_core, counters.retries_done));
}

uint64_t pool_queued_now(const struct pool_identity *identity)
{
	return count_open(identity, offsetof(struct pool_core, counters.queued),
		offsetof(struct pool_core, counters.queued_done));
}

uint64_t pool_queued_max(const struct pool_identity *identity)
{
	uint64_t max = 0;

	for (unsigned i = 0; i < identity->core_count; i++) {
		uint64_t seen = __atomic_load_n(&identity->cores[i].queued_max, __ATOMIC_RELAXED);

		max = seen > max ? seen : max;
	}
	return max;
}

void pool_counters_sum(const struct pool_identity *identity, struct pool_counters *sum)
{
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < identity->core_count; i++) {
		const uint64_t *from = (const uint64_t *)&identity->cores[i].counters;

		for (unsigned k = 0; k < pool_stats_set.count; k++)
			to[k] += stats_read(&from[k]);
	}
}
