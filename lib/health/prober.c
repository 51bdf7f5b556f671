/* SPDX-License-Identifier: Apache-2.0 */
#include "prober.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "base/clock.h"

#define GROW_COUNT     64
#define CHECKS_MAX     1024    /* at once; further ones wait their turn */
#define WAIT_US        10000ull

static uint64_t interval_us(const struct probe *probe)
{
	return probe->interval_ms * CLOCK_US_PER_MS;
}

static void start(struct wheel_timer *timer, uint64_t now_us)
{
	struct probe *probe = container_of(timer, struct probe, timer);
	struct health_core *health = probe->health;
	const struct pool *pool = health->snapshot->backends->pools[probe->pool_index];

	health->now_us = now_us;
	probe->started_us = now_us;
	if (check_start(probe, &pool->config->health) < 0)
		wheel_arm(health->wheel, timer, now_us + WAIT_US);
}

void probe_finish(struct probe *probe, bool is_ok, const char *detail)
{
	struct health_core *health = probe->health;
	struct health_result result = {
		.member_id = probe->member_id,
		.is_ok = is_ok,
		.took_us = (uint32_t)(health->now_us - probe->started_us),
	};

	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	health->params.report(health->params.ctx, &result);
	wheel_arm(health->wheel, &probe->timer, probe->started_us + interval_us(probe));
}

static struct probe *probe_find(struct health_core *health, uint32_t member_id)
{
	struct probe *probe;

	LIST_FOREACH(probe, &health->buckets[member_id % BUCKETS], link) {
		if (probe->member_id == member_id)
			return probe;
	}
	return NULL;
}

static struct probe *probe_create(struct health_core *health, const struct member *member)
{
	struct probe *probe = objpool_get(health->probes);

	if (probe == NULL)
		return NULL;
	*probe = (struct probe){
		.health = health,
		.member_id = member->id,
		.address = member->address,
		.port = member->port,
	};
	wheel_timer_init(&probe->timer, start);
	LIST_INSERT_HEAD(&health->buckets[member->id % BUCKETS], probe, link);
	return probe;
}

static void probe_destroy(struct probe *probe)
{
	wheel_cancel(&probe->timer);
	if (probe->check != NULL)
		check_cancel(probe->check);
	LIST_REMOVE(probe, link);
	objpool_put(probe->health->probes, probe);
}

/*
 * A new member's first check comes anywhere in its first interval: a large configuration does not
 * check all at once. Another interval counts from the last start; a check that runs is left alone.
 */
static void adopt_member(struct health_core *health, const struct member *member,
	unsigned pool_index, const struct config_health_check *config)
{
	struct probe *probe = probe_find(health, member->id);
	bool is_new = probe == NULL;

	if (is_new)
		probe = probe_create(health, member);
	if (probe == NULL)
		return;
	probe->generation = health->generation;
	probe->pool_index = pool_index;
	if (!is_new && probe->interval_ms == config->interval_ms)
		return;
	probe->interval_ms = config->interval_ms;
	if (is_new)
		probe->started_us = health->now_us + rng_below(&health->rng,
			(uint32_t)RTE_MIN(interval_us(probe), UINT32_MAX)) - interval_us(probe);
	if (probe->check == NULL)
		wheel_arm(health->wheel, &probe->timer, probe->started_us + interval_us(probe));
}

static void adopt_pool(struct health_core *health, const struct pool *pool, unsigned pool_index)
{
	const struct config_health_check *config = &pool->config->health;

	if (config->type == CONFIG_HEALTH_NONE)
		return;
	for (unsigned i = 0; i < pool->count; i++) {
		const struct member *member = pool->members[i];

		if (member->id % health->params.worker_count == health->params.worker)
			adopt_member(health, member, pool_index, config);
	}
}

static void forget(struct health_core *health, uint64_t generation)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct probe *probe = LIST_FIRST(&health->buckets[i]);

		while (probe != NULL) {
			struct probe *next = LIST_NEXT(probe, link);

			if (probe->generation < generation)
				probe_destroy(probe);
			probe = next;
		}
	}
}

static void adopt(struct health_core *health, const struct snapshot *snapshot)
{
	health->generation = snapshot->generation;
	for (unsigned i = 0; i < snapshot->backends->count; i++)
		adopt_pool(health, snapshot->backends->pools[i], i);
	forget(health, health->generation);
}

struct health_core *health_core_create(const struct health_params *params, uint64_t now_us)
{
	struct health_core *health = calloc(1, sizeof(*health));

	if (health == NULL)
		return NULL;
	health->params = *params;
	health->now_us = now_us;
	health->rng.state = params->seed;
	health->wheel = wheel_create(now_us);
	health->probes = objpool_create(sizeof(struct probe), GROW_COUNT, 0);
	health->checks = objpool_create(sizeof(struct check), GROW_COUNT, CHECKS_MAX);
	health->parsers = objpool_create(h1_parser_bytes(), GROW_COUNT, CHECKS_MAX);
	if (health->wheel != NULL && health->probes != NULL && health->checks != NULL &&
			health->parsers != NULL)
		return health;
	health_core_destroy(health);
	return NULL;
}

void health_core_destroy(struct health_core *health)
{
	if (health == NULL)
		return;
	if (health->probes != NULL)
		forget(health, UINT64_MAX);
	objpool_destroy(health->probes);
	objpool_destroy(health->checks);
	objpool_destroy(health->parsers);
	wheel_destroy(health->wheel);
	free(health);
}

void health_advance(struct health_core *health, const struct snapshot *snapshot, uint64_t now_us)
{
	health->now_us = now_us;
	health->snapshot = snapshot;
	if (snapshot->generation != health->generation)
		adopt(health, snapshot);
	wheel_advance(health->wheel, now_us);
}
