/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "core.h"
#include "listener.h"
#include "stream.h"

#define PICK_TRIES       8    /* to get past a member that just failed */
#define CONNECT_GRACE_MS 1000 /* TCP's own limit comes first */

/* Any usable member but the one that failed, from a random one on; NULL when there is none. */
static struct member *other_member(const struct pool *pool, uint32_t failed_id, uint32_t start)
{
	for (unsigned i = 0; i < pool->count; i++) {
		struct member *member = pool->members[(start + i) % pool->count];

		if (member->id != failed_id && member_is_usable(member))
			return member;
	}
	return NULL;
}

/*
 * The pool's choice, but not the member that just failed. A choice by load may well insist on that
 * one: nobody has fewer requests than a dead member.
 */
static struct member *pick(struct stream *stream, const struct pool *pool, unsigned pool_index)
{
	struct l7_core *l7 = stream->l7;
	bool is_source = pool->config->balance == CONFIG_BALANCE_SOURCE_HASH;
	struct balance_query query = {
		.hash = is_source ? stream->connection->source_hash : stream->connection->flow_hash,
		.cursor = &l7->cursors[pool_index % CURSORS_MAX],
		.rng = &l7->rng,
	};
	struct member *member = pool_pick(pool, &query);

	for (unsigned i = 0; i < PICK_TRIES && member != NULL; i++) {
		if (member->id != stream->failed_member_id)
			return member;
		query.hash = (uint32_t)rng_next(&l7->rng);
		member = pool_pick(pool, &query);
	}
	if (member == NULL)
		return NULL;
	return other_member(pool, stream->failed_member_id, (uint32_t)rng_next(&l7->rng));
}

static void attach(
	struct stream *stream, struct upstream *upstream, const struct config_pool *config)
{
	stream->upstream = upstream;
	stream->times.dispatched_us = stream->l7->now_us;
	stream_note_member(stream, upstream->member);
	stream->response_timeout_ms = config->response_timeout_ms;
	upstream->member->cores[stream->l7->core->index].requests++;
	if (upstream->state == UPSTREAM_BUSY) {
		stream_send_head(stream);
		return;
	}
	stream->state = STREAM_EXPECT_CONNECT;
	stream_deadline(stream, (uint64_t)config->connect_timeout_ms + CONNECT_GRACE_MS);
}

/* Nobody to send it to: at first 503, after a failure what that was. */
static void no_member(struct stream *stream)
{
	struct l7_counters *counters = &stream->l7->counters;

	if (stream->failed_member_id == 0) {
		counters->no_member++;
		stream_blame(stream, L7_ENDED_no_member);
		stream_answer(stream, 503);
	} else if (stream->is_last_timeout) {
		counters->upstream_timeout++;
		stream_blame(stream, L7_ENDED_connect_timeout);
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

static void send_to(
	struct stream *stream, const struct pool *pool, unsigned pool_index, bool may_reuse)
{
	struct l7_core *l7 = stream->l7;
	struct member *member = pick(stream, pool, pool_index);
	struct upstream *upstream;

	if (member == NULL) {
		no_member(stream);
		return;
	}
	upstream = upstream_acquire(l7, stream, member, pool->config, may_reuse);
	if (upstream != NULL) {
		attach(stream, upstream, pool->config);
		return;
	}
	member->cores[l7->core->index].connect_failures++;
	stream->failed_member_id = member->id;
	if (stream->is_rerouted) {
		no_member(stream);
		return;
	}
	stream->is_rerouted = true;
	send_to(stream, pool, pool_index, may_reuse);
}

/* By the route's weights; of a split's pools, one with a usable member where there is any. */
static unsigned choose_pool(struct stream *stream, const struct route *route)
{
	struct pool **pools = stream->l7->snapshot->backends->pools;
	unsigned chosen = route_pool(route, (uint32_t)rng_next(&stream->l7->rng));

	if (pools[chosen]->usable > 0 || route->config == NULL)
		return chosen;
	for (size_t i = 0; i < route->config->split_count; i++) {
		const struct config_split *split = &route->config->splits[i];

		if (split->weight > 0 && pools[split->pool]->usable > 0)
			return split->pool;
	}
	return chosen;
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
		.facts = connection_facts(stream->connection),
		.random = (uint32_t)rng_next(&l7->rng),
		.scratch = l7->route_scratch,
	};

	if (stream->listener == listener && stream->config_generation == l7->config_generation)
		return;
	stream_release_route(stream);
	listener->workers[l7->worker].opened++;
	stream->listener = listener;
	stream->config_generation = l7->config_generation;
	stream->trust_forwarded = listener->trust_forwarded;
	stream->route = route_find(listener->routes, &request);
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
	unsigned pool_index;

	if (service == NULL) {
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
	if (stream->route == NULL) {
		stream->l7->counters.no_route++;
		stream_blame(stream, L7_ENDED_no_route);
		stream_answer(stream, 404);
		return;
	}
	if (!stream_admit(stream))
		return;
	pool_index = choose_pool(stream, stream->route);
	send_to(stream, stream->l7->snapshot->backends->pools[pool_index], pool_index, may_reuse);
}
