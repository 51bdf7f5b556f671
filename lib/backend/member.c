/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/hash.h"
#include "registry.h"
#include "stats/stats.h"

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "backend/member.def"
#undef COUNTER
};

const struct stats_set member_stats_set = STATS_SET("member", descs);

static_assert(sizeof(struct member_counters) / sizeof(uint64_t) >= sizeof(descs) / sizeof(descs[0]),
	"the counters are an array of words");

static uint64_t name_hash(const char *pool, const char *name)
{
	struct hash_key key = { .k0 = hash_bytes((struct hash_key){ 0 }, pool, strlen(pool)) };

	return hash_bytes(key, name, strlen(name));
}

struct member *member_create(
	const struct config_pool *pool, const struct config_member *config, unsigned core_count)
{
	struct member_entry *entry = calloc(1, sizeof(*entry));
	struct member *member;
	size_t bytes = core_count * sizeof(struct member_counters);

	if (entry == NULL)
		return NULL;
	member = &entry->member;
	/* Copies: a member outlives the configuration that named it first. */
	member->name = strdup(config->name);
	member->pool_name = strdup(pool->name);
	member->cores = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (member->name == NULL || member->pool_name == NULL || member->cores == NULL) {
		member_destroy(entry);
		return NULL;
	}
	memset(member->cores, 0, bytes);
	member->name_hash = name_hash(pool->name, config->name);
	member->address = config->address;
	member->port = config->port;
	member->port_be = rte_cpu_to_be_16(config->port);
	member->weight = config->weight;
	member->config_weight = config->weight;
	member->warm = MEMBER_WARM;
	member->core_count = core_count;
	return member;
}

void member_destroy(void *object)
{
	struct member_entry *entry = object;

	if (entry == NULL)
		return;
	free((char *)entry->member.name);
	free((char *)entry->member.pool_name);
	free(entry->member.cores);
	free(entry);
}

bool member_is_usable_with(const struct member *member, uint32_t weight)
{
	return weight > 0 && member->admin == MEMBER_READY && member->health != MEMBER_DOWN &&
		!member->outlier.is_ejected;
}

bool member_is_usable(const struct member *member)
{
	return member_is_usable_with(member, member->weight);
}

uint32_t member_weight_next(const struct member *member, const struct config_member *config)
{
	return config->weight == member->config_weight ? member->weight : config->weight;
}

/*
 * What has begun and not ended, by two counters of a core. What ended is read first over all cores,
 * so that the difference is never below zero.
 */
static uint64_t count_open(const struct member *member, size_t begun_offset, size_t ended_offset)
{
	const char *cores = (const char *)member->cores;
	uint64_t begun = 0;
	uint64_t ended = 0;

	for (unsigned i = 0; i < member->core_count; i++)
		ended += __atomic_load_n((const uint64_t *)(cores +
						 i * sizeof(struct member_counters) + ended_offset),
			__ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < member->core_count; i++)
		begun += stats_read((const uint64_t *)(cores + i * sizeof(struct member_counters) +
			begun_offset));
	return begun - ended;
}

uint64_t member_requests_now(const struct member *member)
{
	return count_open(member, offsetof(struct member_counters, requests),
		offsetof(struct member_counters, requests_done));
}

uint64_t member_pending_now(const struct member *member)
{
	return count_open(member, offsetof(struct member_counters, pending),
		offsetof(struct member_counters, pending_done));
}

uint64_t member_retries_now(const struct member *member)
{
	return count_open(member, offsetof(struct member_counters, retries_got),
		offsetof(struct member_counters, retries_got_done));
}

uint64_t member_latency_us(const struct member *member, uint64_t now_us)
{
	uint64_t sum = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < member->core_count; i++) {
		uint64_t at_us = stats_read(&member->cores[i].latency_at_us);
		uint64_t latency_us = stats_read(&member->cores[i].latency_us);
		uint64_t passed_us = now_us > at_us ? now_us - at_us : 0;

		if (latency_us == 0 || passed_us >= MEMBER_LATENCY_FADE_US)
			continue;
		sum += latency_us * (MEMBER_LATENCY_FADE_US - passed_us) / MEMBER_LATENCY_FADE_US;
		count++;
	}
	return count == 0 ? 0 : sum / count;
}

uint64_t member_conns_now(const struct member *member)
{
	return count_open(member, offsetof(struct member_counters, conns_opened),
		offsetof(struct member_counters, conns_closed));
}

static bool has_requests(const struct member *member)
{
	for (unsigned i = 0; i < member->core_count; i++) {
		if (stats_read(&member->cores[i].requests) > 0)
			return true;
	}
	return false;
}

/* A member that serves requests keeps idle connections: those are not its load. */
uint32_t member_load(const void *ctx, uint64_t now_us)
{
	const struct member *member = ctx;
	uint64_t load;

	(void)now_us;
	if (has_requests(member))
		load = member_requests_now(member);
	else
		load = member_conns_now(member);
	return load > UINT32_MAX ? UINT32_MAX : (uint32_t)load;
}

uint32_t member_load_latency(const void *ctx, uint64_t now_us)
{
	uint64_t load = (member_requests_now(ctx) + 1) * (member_latency_us(ctx, now_us) + 1);

	return load > UINT32_MAX ? UINT32_MAX : (uint32_t)load;
}

uint32_t member_load_conns(const void *ctx, uint64_t now_us)
{
	uint64_t load = member_conns_now(ctx);

	(void)now_us;
	return load > UINT32_MAX ? UINT32_MAX : (uint32_t)load;
}

void member_counters_sum(const struct member *member, struct member_counters *sum)
{
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < member->core_count; i++) {
		const uint64_t *from = (const uint64_t *)&member->cores[i];

		for (unsigned k = 0; k < member_stats_set.count; k++)
			to[k] += stats_read(&from[k]);
	}
}
