/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

#include "../connection.h"
#include "../core.h"

static struct pool_counters *counters_of(struct l7_core *l7, const struct pool *pool)
{
	return &pool->identity->cores[l7->core->index].counters;
}

static bool pool_has_room(const struct pool *pool, struct pool_counters *counters)
{
	unsigned max = pool->config->limits.requests;

	if (max == 0 || pool_requests_now(pool->identity) < max)
		return true;
	counters->limit_requests++;
	return false;
}

/* A kept connection takes no place of another one. */
static bool has_connection(struct l7_core *l7, const struct pool *pool, const struct member *member,
	struct pool_counters *counters)
{
	const struct config_pool_limits *limits = &pool->config->limits;

	if (limits->connections == 0 && limits->member_connections == 0 &&
		limits->member_pending == 0)
		return true;
	if (upstream_is_kept(l7, member, pool->config))
		return true;
	if ((limits->connections > 0 && pool_conns_now(pool->identity) >= limits->connections) ||
		(limits->member_connections > 0 &&
			member_conns_now(member) >= limits->member_connections)) {
		counters->limit_connections++;
		return false;
	}
	if (limits->member_pending > 0 && member_pending_now(member) >= limits->member_pending) {
		counters->limit_pending++;
		return false;
	}
	return true;
}

static bool member_has_room(struct l7_core *l7, const struct pool *pool,
	const struct member *member, bool is_retry, struct pool_counters *counters)
{
	const struct config_pool_limits *limits = &pool->config->limits;

	if (limits->member_requests > 0 && member_requests_now(member) >= limits->member_requests) {
		counters->limit_requests++;
		return false;
	}
	if (is_retry && limits->member_retries > 0 &&
		member_retries_now(member) >= limits->member_retries) {
		counters->limit_retries++;
		return false;
	}
	return has_connection(l7, pool, member, counters);
}

bool limits_pool_has_room(struct l7_core *l7, const struct pool *pool)
{
	return pool_has_room(pool, counters_of(l7, pool));
}

bool limits_member_has_room(
	struct l7_core *l7, const struct pool *pool, const struct member *member, bool is_retry)
{
	return member_has_room(l7, pool, member, is_retry, counters_of(l7, pool));
}

bool limits_allow_retry(
	struct l7_core *l7, const struct pool_identity *identity, const struct config_pool *config)
{
	if (config->limits.retries == 0 || pool_retries_now(identity) < config->limits.retries)
		return true;
	identity->cores[l7->core->index].counters.limit_retries++;
	return false;
}

void limits_wait(struct stream *stream, const struct pool *pool)
{
	const struct config_pool_limits *limits = &pool->config->limits;
	struct l7_core *l7 = stream->l7;
	struct pool_core *core = &pool->identity->cores[l7->core->index];
	uint64_t queued;

	if (stream->queued_until_us == 0) {
		if (pool_queued_now(pool->identity) >= limits->queue) {
			core->counters.queue_full++;
			stream_blame(stream, L7_ENDED_queue_full);
			stream_answer(stream, 503);
			return;
		}
		stream->times.queued_us = l7->now_us;
		stream->queued_until_us = l7->now_us + limits->queue_ms * CLOCK_US_PER_MS;
	}
	core->counters.queued++;
	queued = pool_queued_now(pool->identity);
	if (queued > core->queued_max)
		__atomic_store_n(&core->queued_max, queued, __ATOMIC_RELAXED);
	if (TAILQ_EMPTY(&core->waiters))
		TAILQ_INSERT_TAIL(&l7->waiting, core, waiting_link);
	TAILQ_INSERT_TAIL(&core->waiters, &stream->waiter, link);
	stream->queue = core;
	stream->state = STREAM_EXPECT_ROOM;
	stream->waits_for = STREAM_MEMBER;
	stream_deadline(stream,
		stream->queued_until_us > l7->now_us
			? (stream->queued_until_us - l7->now_us) / CLOCK_US_PER_MS
			: 0);
}

void limits_leave(struct stream *stream)
{
	struct pool_core *core = stream->queue;

	if (core == NULL)
		return;
	stream->queue = NULL;
	core->counters.queued_done++;
	TAILQ_REMOVE(&core->waiters, &stream->waiter, link);
	if (TAILQ_EMPTY(&core->waiters))
		TAILQ_REMOVE(&stream->l7->waiting, core, waiting_link);
}

/* False while it would only wait again. It is asked every turn, and that is not counted. */
static bool has_room(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	struct pool_counters ignored = { 0 };
	const struct pool *pool;
	bool is_usable = false;

	/* Another configuration: it is to decide anew. */
	if (stream->config_generation != l7->config_generation)
		return true;
	pool = l7->snapshot->backends->pools[stream->pool_index];
	if (!pool_has_room(pool, &ignored))
		return false;
	for (unsigned i = 0; i < pool->count; i++) {
		if (!member_is_usable(pool->members[i]))
			continue;
		is_usable = true;
		if (member_has_room(l7, pool, pool->members[i], stream->is_retry, &ignored))
			return true;
	}
	/* With nobody left there is nothing to wait for. */
	return !is_usable;
}

static void queue_run(struct pool_core *core)
{
	struct pool_waiter *last = TAILQ_LAST(&core->waiters, pool_waiters);
	struct pool_waiter *waiter;

	/* Those that come to wait meanwhile have their turn later. */
	while ((waiter = TAILQ_FIRST(&core->waiters)) != NULL) {
		struct stream *stream = container_of(waiter, struct stream, waiter);

		if (!has_room(stream))
			return;
		limits_leave(stream);
		stream->state = STREAM_EXPECT_HEAD;
		stream_dispatch(stream, true);
		connection_settle(stream->connection);
		if (waiter == last)
			return;
	}
}

void limits_run(struct l7_core *l7)
{
	struct pool_core *core = TAILQ_FIRST(&l7->waiting);

	while (core != NULL) {
		struct pool_core *next = TAILQ_NEXT(core, waiting_link);

		queue_run(core);
		core = next;
	}
}

/* As many retries as a hundred requests earn, and a second brings, can be saved up. */
static void budget_add(struct pool_core *core, const struct config_retry *retry, uint64_t milli)
{
	uint64_t max = 1000ull * (retry->budget_pct + retry->budget_min);

	core->budget_milli += milli;
	if (core->budget_milli > max)
		core->budget_milli = max;
}

void budget_earn(
	struct l7_core *l7, struct pool_identity *identity, const struct config_retry *retry)
{
	budget_add(&identity->cores[l7->core->index], retry, 10ull * retry->budget_pct);
}

bool budget_spend(
	struct l7_core *l7, struct pool_identity *identity, const struct config_retry *retry)
{
	struct pool_core *core = &identity->cores[l7->core->index];
	uint64_t passed_us = l7->now_us - core->budget_at_us;

	if (passed_us > CLOCK_US_PER_S)
		passed_us = CLOCK_US_PER_S;
	if (passed_us >= CLOCK_US_PER_MS) {
		core->budget_at_us = l7->now_us;
		budget_add(core, retry, passed_us * retry->budget_min / CLOCK_US_PER_MS);
	}
	if (core->budget_milli < 1000) {
		core->counters.limit_budget++;
		return false;
	}
	core->budget_milli -= 1000;
	return true;
}

static void latency_take(struct l7_core *l7, struct member_counters *counters, uint64_t took_us)
{
	uint64_t passed_us = l7->now_us - counters->latency_at_us;
	uint64_t latency_us = counters->latency_us;

	/* A rise counts at once, a fall little by little: the past fades over LATENCY_FADE_US. */
	if (took_us < latency_us && passed_us < MEMBER_LATENCY_FADE_US)
		latency_us -= (latency_us - took_us) * passed_us / MEMBER_LATENCY_FADE_US;
	else
		latency_us = took_us;
	__atomic_store_n(&counters->latency_us, latency_us, __ATOMIC_RELAXED);
	__atomic_store_n(&counters->latency_at_us, l7->now_us, __ATOMIC_RELAXED);
}

void outcome_good(struct l7_core *l7, struct member *member, uint64_t took_us)
{
	struct member_counters *counters = &member->cores[l7->core->index];

	counters->tries_good++;
	counters->answers++;
	counters->answer_us += took_us;
	quantile_add(&member->identity->cores[l7->core->index].answers, took_us);
	__atomic_store_n(&counters->failed_streak, 0, __ATOMIC_RELAXED);
	latency_take(l7, counters, took_us);
}

void outcome_outrun(struct l7_core *l7, struct member *member, uint64_t waited_us)
{
	struct member_counters *counters = &member->cores[l7->core->index];

	counters->tries_outrun++;
	counters->answer_us += waited_us;
	quantile_add(&member->identity->cores[l7->core->index].answers, waited_us);
	if (waited_us > counters->latency_us)
		latency_take(l7, counters, waited_us);
}

void outcome_failed(struct l7_core *l7, struct member *member, uint64_t took_us)
{
	struct member_counters *counters = &member->cores[l7->core->index];

	counters->tries_failed++;
	__atomic_store_n(&counters->failed_streak, counters->failed_streak + 1, __ATOMIC_RELAXED);
	if (took_us > 0)
		latency_take(l7, counters, took_us);
}
