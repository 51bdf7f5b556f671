/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ejection of members whose answers fail. Workers only count; the control thread compares counts
 * and publishes the pool anew, as it does after health checks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "stats/stats.h"

/* What all cores have counted of a member so far. */
struct look {
	uint64_t good, failed, answers, answer_us;
	uint64_t streak; /* the longest of a core */
};

static struct look look_at(const struct member *member)
{
	struct look look = { 0 };

	for (unsigned i = 0; i < member->core_count; i++) {
		const struct member_counters *core = &member->cores[i];
		uint64_t streak = stats_read(&core->failed_streak);

		look.good += stats_read(&core->tries_good);
		look.failed += stats_read(&core->tries_failed);
		/* A member that others outran is slow by at least as much. */
		look.answers += stats_read(&core->answers) + stats_read(&core->tries_outrun);
		look.answer_us += stats_read(&core->answer_us);
		look.streak = streak > look.streak ? streak : look.streak;
	}
	return look;
}

/*
 * Cores do not tell in which order they failed. Where none has had a good answer since the last
 * look, all of their failures count; else those of one core since then, so that a member is never
 * ejected for failures that good answers stood between.
 */
static void streak_update(struct outlier *outlier, const struct look *look)
{
	uint64_t failed = look->failed - outlier->seen_failed;

	if (look->good == outlier->seen_good)
		outlier->streak += failed;
	else
		outlier->streak = look->streak < failed ? look->streak : failed;
	outlier->seen_good = look->good;
	outlier->seen_failed = look->failed;
}

static void window_begin(struct outlier *outlier, const struct look *look, uint64_t now_us)
{
	outlier->window_at_us = now_us;
	outlier->window_good = look->good;
	outlier->window_failed = look->failed;
	outlier->window_answers = look->answers;
	outlier->window_us = look->answer_us;
}

/* Mean time to the answer in this window; 0: too few to say. */
static uint64_t window_mean_us(const struct member *member, unsigned min_requests)
{
	struct look look = look_at(member);
	uint64_t answers = look.answers - member->outlier.window_answers;

	return answers < min_requests || answers == 0
		? 0
		: (look.answer_us - member->outlier.window_us) / answers;
}

static int mean_compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The median of the other members' means; 0: nobody to compare with. */
static uint64_t others_median_us(const struct pool *pool, const struct member *member)
{
	uint64_t *means = calloc(pool->count + 1, sizeof(*means));
	uint64_t median = 0;
	unsigned count = 0;

	for (unsigned i = 0; means != NULL && i < pool->count; i++) {
		uint64_t mean = pool->members[i] == member
			? 0
			: window_mean_us(pool->members[i], pool->config->outlier.min_requests);

		if (mean > 0)
			means[count++] = mean;
	}
	if (count > 0) {
		qsort(means, count, sizeof(*means), mean_compare);
		median = means[(count - 1) / 2];
	}
	free(means);
	return median;
}

static bool has_streak(const struct config_outlier *config, struct outlier *outlier)
{
	if (config->consecutive == 0 || outlier->streak < config->consecutive)
		return false;
	snprintf(outlier->reason, sizeof(outlier->reason), "%llu failures in a row",
		(unsigned long long)outlier->streak);
	return true;
}

static bool has_errors(
	const struct config_outlier *config, struct outlier *outlier, const struct look *look)
{
	uint64_t failed = look->failed - outlier->window_failed;
	uint64_t tries = failed + look->good - outlier->window_good;

	if (config->error_pct == 0 || tries < config->min_requests || tries == 0 ||
		failed * 100 < tries * config->error_pct)
		return false;
	snprintf(outlier->reason, sizeof(outlier->reason), "%llu of %llu tries failed",
		(unsigned long long)failed, (unsigned long long)tries);
	return true;
}

static bool is_slow(const struct pool *pool, struct member *member)
{
	const struct config_outlier *config = &pool->config->outlier;
	uint64_t median;
	uint64_t mean;

	if (config->latency_pct == 0)
		return false;
	mean = window_mean_us(member, config->min_requests);
	median = mean == 0 ? 0 : others_median_us(pool, member);
	if (median == 0 || mean * 100 < median * config->latency_pct)
		return false;
	snprintf(member->outlier.reason, sizeof(member->outlier.reason),
		"%llu us, the others %llu us", (unsigned long long)mean,
		(unsigned long long)median);
	return true;
}

/* Never the last usable one: a bad answer now and then is better than none. */
static bool may_eject(const struct pool *pool)
{
	unsigned ejected = 0;
	unsigned usable = 0;

	for (unsigned i = 0; i < pool->count; i++) {
		ejected += pool->members[i]->outlier.is_ejected;
		usable += member_is_usable(pool->members[i]);
	}
	return usable > 1 &&
		(uint64_t)(ejected + 1) * 100 <=
		(uint64_t)pool->count * pool->config->outlier.max_ejected_pct;
}

/* Written here, read by workers at any time. */
static void set_ejected(struct outlier *outlier, bool is_ejected)
{
	__atomic_store_n(&outlier->is_ejected, is_ejected, __ATOMIC_RELAXED);
}

static void eject(const struct config_outlier *config, struct outlier *outlier, uint64_t now_us)
{
	uint64_t eject_ms;

	outlier->level++;
	eject_ms = (uint64_t)outlier->level * config->eject_ms;
	if (eject_ms > config->max_eject_ms) {
		eject_ms = config->max_eject_ms;
		outlier->level--;
	}
	outlier->until_us = now_us + eject_ms * CLOCK_US_PER_MS;
	outlier->ejections++;
	set_ejected(outlier, true);
}

static bool member_eject(const struct pool *pool, struct member *member, uint64_t now_us)
{
	const struct config_outlier *config = &pool->config->outlier;
	struct outlier *outlier = &member->outlier;
	struct look look = look_at(member);
	bool is_bad;

	streak_update(outlier, &look);
	if (outlier->window_at_us == 0)
		window_begin(outlier, &look, now_us);
	if (outlier->is_ejected)
		return false;
	is_bad = has_streak(config, outlier) || has_errors(config, outlier, &look) ||
		is_slow(pool, member);
	if (is_bad && may_eject(pool)) {
		eject(config, outlier, now_us);
		return true;
	}
	if (is_bad) {
		/* Said once for each of its windows, or streaks. */
		outlier->spared++;
		outlier->streak = 0;
		window_begin(outlier, &look, now_us);
	} else if (now_us - outlier->window_at_us >= config->window_ms * CLOCK_US_PER_MS) {
		outlier->level -= outlier->level > 0;
		window_begin(outlier, &look, now_us);
	}
	return false;
}

/* Its time is over: it begins anew, without what it was ejected for. */
static bool take_back(const struct pool *pool, struct member *member, uint64_t now_us)
{
	struct outlier *outlier = &member->outlier;
	struct look look;

	if (!outlier->is_ejected || (now_us < outlier->until_us && pool->config->outlier.is_set))
		return false;
	set_ejected(outlier, false);
	look = look_at(member);
	outlier->streak = 0;
	outlier->seen_good = look.good;
	outlier->seen_failed = look.failed;
	window_begin(outlier, &look, now_us);
	member_warm_start(member, pool->config);
	return true;
}

bool pool_eject(const struct pool *pool, uint64_t now_us)
{
	bool has_changed = false;

	for (unsigned i = 0; i < pool->count; i++)
		has_changed |= take_back(pool, pool->members[i], now_us);
	for (unsigned i = 0; pool->config->outlier.is_set && i < pool->count; i++)
		has_changed |= member_eject(pool, pool->members[i], now_us);
	return has_changed;
}
