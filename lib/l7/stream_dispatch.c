/* SPDX-License-Identifier: Apache-2.0 */
#include "attribute.h"
#include "connection.h"
#include "core.h"
#include "listener.h"
#include "resilience/limits.h"
#include "sticky.h"
#include "sticky_learn.h"
#include "stream.h"
#include "stream_hedge.h"

#define PICK_TRIES       8    /* to get past a member that just failed */
#define CONNECT_GRACE_MS 1000 /* TCP's own limit comes first */

void stream_mark_tried(struct stream *stream, const struct member *member)
{
	stream->tried[stream->tried_count % STREAM_TRIED_MAX] = member->id;
	if (stream->tried_count < UINT8_MAX)
		stream->tried_count++;
}

bool stream_was_tried(const struct stream *stream, const struct member *member)
{
	unsigned count = RTE_MIN(stream->tried_count, STREAM_TRIED_MAX);

	for (unsigned i = 0; i < count; i++) {
		if (stream->tried[i] == member->id)
			return true;
	}
	return false;
}

static bool can_take(struct stream *stream, const struct pool *pool, const struct member *member)
{
	return !stream_was_tried(stream, member) &&
		limits_member_has_room(stream->l7, pool, member, stream->is_retry);
}

/* From a random one on; of the tiers that get requests, else of another one. */
struct member *stream_other_member(struct stream *stream, const struct pool *pool, bool needs_room)
{
	uint32_t start = (uint32_t)(rng_next(&stream->l7->rng) >> 32);

	for (unsigned i = 0; i < 2 * pool->count; i++) {
		unsigned at = (unsigned)(((uint64_t)start + i) % pool->count);
		struct member *member = pool->members[at];

		if (pool->is_active[at] == (i < pool->count) && member_is_usable(member) &&
			(needs_room ? can_take(stream, pool, member)
				    : !stream_was_tried(stream, member)))
			return member;
	}
	return NULL;
}

/* What the request is told apart by, where it has it. */
static bool request_hash(
	struct stream *stream, const struct config_attribute *attribute, uint32_t *hash)
{
	const struct attribute_request request = {
		.head = inlet_head(&stream->request),
		.source = &stream->connection->tuple.src,
	};

	if (stream->is_raw && attribute->kind != CONFIG_ATTRIBUTE_SOURCE)
		return false;
	return attribute->kind != CONFIG_ATTRIBUTE_NONE &&
		attribute_hash(attribute, &request, stream->l7->snapshot->key, hash);
}

/* The member that the client's cookie names, or has its session, if it can take the request. */
static struct member *sticky_pick(struct stream *stream, const struct pool *pool)
{
	struct member *member;

	if (!pool->config->sticky.is_set || stream->is_raw)
		return NULL;
	if (pool->learned != NULL)
		member = sticky_learned(stream, pool);
	else
		member = sticky_member(pool, inlet_head(&stream->request));
	stream->sticky = member;
	return member != NULL && can_take(stream, pool, member) ? member : NULL;
}

/*
 * The pool's choice, but no member that failed, and none without room. A choice by load may well
 * insist on the first: nobody has fewer requests than a dead member.
 */
struct member *stream_pick(struct stream *stream, const struct pool *pool)
{
	struct l7_core *l7 = stream->l7;
	bool is_source = pool->config->balance == CONFIG_BALANCE_SOURCE_HASH;
	struct balance_query query = {
		.hash = is_source ? stream->connection->source_hash : stream->connection->flow_hash,
		.cursor = &l7->cursors[stream->pool_index % CURSORS_MAX],
		.rng = &l7->rng,
		.now_us = l7->now_us,
	};
	struct member *member;

	member = sticky_pick(stream, pool);
	if (member != NULL)
		return member;
	request_hash(stream, &pool->config->hash_on, &query.hash);
	member = pool_pick(pool, &query);
	for (unsigned i = 0; i < PICK_TRIES && member != NULL; i++) {
		if (can_take(stream, pool, member))
			return member;
		query.hash = (uint32_t)rng_next(&l7->rng);
		member = pool_pick(pool, &query);
	}
	if (member == NULL)
		return NULL;
	member = stream_other_member(stream, pool, true);
	if (member != NULL || stream->retry == NULL || !stream->retry->same_member ||
		stream->tried_count == 0 || hedge_is_racing(stream) ||
		stream_other_member(stream, pool, false) != NULL)
		return member;
	/* All have failed once: one more round. */
	stream->tried_count = 0;
	return stream_other_member(stream, pool, true);
}

/* The time for one try: the pool's, or less by the retry policy, and never more than is left. */
static uint32_t try_timeout_ms(struct stream *stream, uint32_t whole_ms)
{
	uint64_t now_us = stream->l7->now_us;
	uint64_t left_ms;

	if (stream->retry == NULL || stream->retry->try_timeout_ms == 0)
		return whole_ms;
	if (stream->tries_until_us == 0)
		stream->tries_until_us = now_us +
			stream->pool->response_timeout_ms * CLOCK_US_PER_MS;
	left_ms = stream->tries_until_us > now_us
		? (stream->tries_until_us - now_us) / CLOCK_US_PER_MS
		: 0;
	left_ms = RTE_MIN(left_ms, (uint64_t)whole_ms);
	return left_ms < stream->retry->try_timeout_ms ? (uint32_t)left_ms
						       : stream->retry->try_timeout_ms;
}

void stream_attach(struct stream *stream, struct upstream *upstream)
{
	unsigned core = stream->l7->core->index;
	struct member_counters *counters = &upstream->member->cores[core];
	struct pool_counters *pool = member_pool_counters(upstream->member, core);

	stream->upstream = upstream;
	stream->times.dispatched_us = stream->l7->now_us;
	stream_note_member(stream, upstream->member);
	stream->response_timeout_ms = try_timeout_ms(stream, stream->pool->response_timeout_ms);
	counters->requests++;
	pool->tries++;
	counters->retries_got += stream->is_retry;
	pool->retries += stream->is_retry;
	hedge_watch(stream);
	if (upstream->state == UPSTREAM_BUSY) {
		stream_send_head(stream);
		return;
	}
	counters->pending++;
	stream->is_pending = true;
	stream->state = STREAM_EXPECT_CONNECT;
	stream->waits_for = STREAM_MEMBER;
	stream_deadline(stream,
		try_timeout_ms(stream, stream->pool->connect_timeout_ms + CONNECT_GRACE_MS));
}

void stream_no_member(struct stream *stream)
{
	struct l7_counters *counters = &stream->l7->counters;

	if (stream->tried_count == 0 && stream->attempts == 0) {
		counters->no_member++;
		stream_blame(stream, L7_ENDED_no_member);
		stream_answer(stream, 503);
	} else if (stream->is_last_timeout) {
		counters->upstream_timeout++;
		stream_blame(stream,
			stream->times.connected_us != 0 ? L7_ENDED_member_timeout
							: L7_ENDED_connect_timeout);
		stream_answer(stream, 504);
	} else {
		counters->upstream_failed++;
		stream_blame(stream,
			stream->is_last_tls           ? L7_ENDED_member_tls
				: stream->is_replayed ? L7_ENDED_member_closed
						      : L7_ENDED_connect_refused);
		stream_answer(stream, 502);
	}
}

/* Without a choice: because members are busy, or because there are none. */
static void no_choice(struct stream *stream, const struct pool *pool)
{
	if (stream_other_member(stream, pool, false) != NULL)
		limits_wait(stream, pool);
	else
		stream_no_member(stream);
}

static void send_to(struct stream *stream, const struct pool *pool, bool may_reuse)
{
	struct l7_core *l7 = stream->l7;
	struct upstream *upstream;
	struct member *member;

	do {
		member = limits_pool_has_room(l7, pool) ? stream_pick(stream, pool) : NULL;
		if (member == NULL) {
			no_choice(stream, pool);
			return;
		}
		upstream = upstream_acquire(l7, stream, member, pool->config, may_reuse);
		if (upstream != NULL) {
			stream_attach(stream, upstream);
			return;
		}
		member->cores[l7->core->index].connect_failures++;
		outcome_failed(l7, member, 0);
		stream_mark_tried(stream, member);
	} while (stream_may_connect_again(stream, member));
	stream_no_member(stream);
}

/* By the route's weights, its own pool or the fallback; of a split's pools, one with a usable
 * member where there is any. */
static unsigned choose_pool(struct stream *stream, const struct route *route)
{
	struct pool **pools = stream->l7->snapshot->backends->pools;
	uint32_t random = (uint32_t)rng_next(&stream->l7->rng);
	unsigned chosen;

	if (route->config == NULL)
		return route->pool;
	request_hash(stream, &route->config->split_by, &random);
	chosen = route_pool(route, random);
	if (pools[chosen]->usable > 0)
		return chosen;
	for (size_t i = 0; i < route->config->split_count; i++) {
		const struct config_split *split = &route->config->splits[i];

		if (route_weight(route, i) > 0 && pools[split->pool]->usable > 0)
			return split->pool;
	}
	return route->config->has_fallback ? route->config->fallback : chosen;
}

void stream_release_route(struct stream *stream)
{
	stream_leave_route(stream);
	if (stream->listener != NULL)
		stream->listener->workers[stream->l7->worker].closed++;
	stream->listener = NULL;
	stream->route = NULL;
}

/*
 * The request's route, found once: what is sent again follows the same one, unless another
 * configuration was loaded since. Then all of the request is treated as that one says.
 */
static void find_route(struct stream *stream, struct l7_listener *listener)
{
	struct l7_core *l7 = stream->l7;
	struct route_request request = {
		.head = inlet_head(&stream->request),
		.source = &stream->connection->tuple.src,
		.scratch = l7->route_scratch,
	};

	if (stream->listener == listener && stream->route != &route_needs_body &&
		stream->config_generation == l7->config_generation)
		return;
	if (stream->route != &route_needs_body)
		stream->random = (uint32_t)rng_next(&l7->rng);
	request.random = stream->random;
	request.body = stream_body(stream, listener);
	request.json = stream->scan;
	stream_release_route(stream);
	listener->workers[l7->worker].opened++;
	stream->listener = listener;
	stream->config_generation = l7->config_generation;
	stream->trust_forwarded = listener->trust_forwarded;
	request.facts = connection_facts(stream->connection);
	route_scratch_take_given_up(l7->route_scratch);
	stream->route = route_find(listener->routes, &request);
	stream_identify(stream);
}

/* The policy of this request, and what it brings to the budget of retries. */
static void adopt_pool(struct stream *stream, unsigned pool_index)
{
	struct l7_core *l7 = stream->l7;
	const struct pool *pool = l7->snapshot->backends->pools[pool_index];
	const struct config_l7_route *route = stream->route->config;
	bool is_first = stream->pool == NULL;

	stream->pool_index = pool_index;
	stream->pool = pool->config;
	stream->retry = pool->config->retry.is_set ? &pool->config->retry : NULL;
	if (route != NULL && route->retry.is_set)
		stream->retry = &route->retry;
	if (!is_first || stream->retry == NULL)
		return;
	budget_earn(l7, pool->identity, stream->retry);
	stream_keep_body(stream);
}

/* Its host has a policy of TLS other than the connection's: RFC 9110 7.4. */
static bool is_misdirected(const struct stream *stream)
{
	const struct tls_session *tls = stream->connection->transport.tls;
	struct http_span host = inlet_head(&stream->request)->host;

	return tls != NULL && !tls_session_serves(tls, host.data, host.len);
}

void stream_dispatch(struct stream *stream, bool may_reuse)
{
	const struct service *service = connection_service(stream->connection);

	/* What was begun as one thing is not gone on with as another. */
	if (service == NULL || config_mode_is_raw(service->mode) != stream->is_raw) {
		stream->is_close = true;
		stream->l7->counters.no_member++;
		stream_blame(stream, L7_ENDED_no_service);
		stream_answer(stream, 503);
		return;
	}
	if (is_misdirected(stream)) {
		stream->l7->counters.misdirected++;
		stream_blame(stream, L7_ENDED_misdirected);
		stream_answer(stream, 421);
		return;
	}
	find_route(stream, service->listener);
	if (route_scratch_take_given_up(stream->l7->route_scratch)) {
		stream_gave_up(stream);
		return;
	}
	if (stream->route == &route_needs_body) {
		stream_gather(stream);
		return;
	}
	if (stream->route == NULL) {
		stream->l7->counters.no_route++;
		stream_blame(stream, L7_ENDED_no_route);
		stream_answer(stream, 404);
		return;
	}
	if (!stream_admit(stream))
		return;
	adopt_pool(stream, choose_pool(stream, stream->route));
	send_to(stream, stream->l7->snapshot->backends->pools[stream->pool_index], may_reuse);
}
