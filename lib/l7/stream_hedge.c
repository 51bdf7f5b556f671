/* SPDX-License-Identifier: Apache-2.0 */
/* A request goes to a second member when the first takes long. */
#include "stream_hedge.h"

#include "connection.h"
#include "core.h"
#include "resilience/limits.h"
#include "tunnel.h"

#define SAMPLES_MIN 100 /* of which a percentile is taken */

static void try_store(const struct stream *stream, struct stream_try *try)
{
	*try = (struct stream_try){
		.upstream = stream->upstream,
		.state = stream->state,
		.is_response_begun = stream->is_response_begun,
		.is_pending = stream->is_pending,
		.is_retry = stream->is_retry,
		.is_hedge = stream->is_hedge,
		.sent_us = stream->sent_us,
		.until_us = stream->until_us,
		.dispatched_us = stream->times.dispatched_us,
		.connected_us = stream->times.connected_us,
		.response = stream->response,
		.to_member = stream->to_member,
		.replay_sent_at = stream->replay.sent_at,
		.replay_at_offset = stream->replay.at_offset,
		.replay_at_piece = stream->replay.at_piece,
	};
}

static void try_load(struct stream *stream, const struct stream_try *try)
{
	stream->upstream = try->upstream;
	stream->state = try->state;
	stream->is_response_begun = try->is_response_begun;
	stream->is_pending = try->is_pending;
	stream->is_retry = try->is_retry;
	stream->is_hedge = try->is_hedge;
	stream->sent_us = try->sent_us;
	stream->until_us = try->until_us;
	stream->times.dispatched_us = try->dispatched_us;
	stream->times.connected_us = try->connected_us;
	stream->response = try->response;
	stream->to_member = try->to_member;
	stream->replay.sent_at = try->replay_sent_at;
	stream->replay.at_offset = try->replay_at_offset;
	stream->replay.at_piece = try->replay_at_piece;
}

static void try_swap(struct stream *stream, struct stream_try *other)
{
	struct stream_try front;

	try_store(stream, &front);
	try_load(stream, other);
	*other = front;
}

void hedge_bring(struct stream *stream, const struct upstream *upstream)
{
	struct hedge *hedge = stream->hedge;

	if (stream->upstream == upstream || hedge == NULL)
		return;
	for (unsigned i = 0; i < hedge->count; i++) {
		if (hedge->others[i].upstream == upstream) {
			try_swap(stream, &hedge->others[i]);
			return;
		}
	}
}

void hedge_bring_late(struct stream *stream)
{
	struct hedge *hedge = stream->hedge;

	for (unsigned i = 0; hedge != NULL && i < hedge->count; i++) {
		if (hedge->others[i].until_us < stream->until_us)
			try_swap(stream, &hedge->others[i]);
	}
}

uint64_t hedge_until_us(const struct stream *stream)
{
	const struct hedge *hedge = stream->hedge;
	uint64_t until_us = stream->until_us;

	for (unsigned i = 0; i < hedge->count; i++)
		until_us = RTE_MIN(until_us, hedge->others[i].until_us);
	return until_us;
}

/* What came of the try in front so far is let go. */
static void give_up(struct stream *stream, bool is_outrun)
{
	if (is_outrun && stream->state == STREAM_EXPECT_RESPONSE)
		outcome_outrun(
			stream->l7, stream->upstream->member, stream->l7->now_us - stream->sent_us);
	stream_detach(stream, STREAM_CANCEL);
	inlet_close(&stream->response);
	outlet_close(&stream->to_member);
}

static void tries_end(struct stream *stream, bool is_outrun)
{
	struct hedge *hedge = stream->hedge;

	if (hedge == NULL)
		return;
	while (hedge->count > 0) {
		struct stream_try *other = &hedge->others[--hedge->count];

		try_swap(stream, other);
		give_up(stream, is_outrun);
		try_swap(stream, other);
	}
	wheel_cancel(&hedge->timer);
	stream->hedge = NULL;
	objpool_put(stream->l7->hedges, hedge);
}

void hedge_end(struct stream *stream)
{
	tries_end(stream, false);
}

void hedge_win(struct stream *stream)
{
	const struct member *member = stream->upstream->member;

	if (stream->hedge == NULL)
		return;
	stream_name_member(stream, member);
	if (stream->is_hedge) {
		member_pool_counters(member, stream->l7->core->index)->hedges_won++;
		stream->hedge_result = STREAM_HEDGE_WON;
	}
	/* Counted: it does not count as lost when it ends. */
	stream->is_hedge = false;
	tries_end(stream, true);
}

static uint64_t delay_us(const struct stream *stream)
{
	const struct config_hedge *config = &stream->retry->hedge;
	unsigned core = stream->l7->core->index;
	const struct quantile *answers = &stream->upstream->member->identity->cores[core].answers;
	uint64_t delay_us = config->delay_ms * CLOCK_US_PER_MS;

	if (config->percentile > 0 && answers->total >= SAMPLES_MIN)
		delay_us = RTE_MAX(quantile_at(answers, config->percentile),
			config->min_delay_ms * CLOCK_US_PER_MS);
	return delay_us;
}

/* Counted from the last try's start, or the request's end: no answer can come before that. */
static uint64_t due_us(const struct stream *stream)
{
	const struct hedge *hedge = stream->hedge;
	uint64_t from_us = hedge->last_us;

	if (!stream->is_request_done)
		from_us = stream->l7->now_us;
	else if (hedge->count == 0 && stream->sent_us > from_us)
		from_us = stream->sent_us;
	return from_us + delay_us(stream);
}

/* A session stays with its member, a tunnel is one, and indices of pools are a configuration's. */
static bool may_start(const struct stream *stream)
{
	return (stream->state == STREAM_EXPECT_CONNECT ||
		       stream->state == STREAM_EXPECT_RESPONSE) &&
		stream->config_generation == stream->l7->config_generation &&
		stream->sticky != stream->upstream->member && stream_has_body(stream) &&
		!tunnel_is_wanted(stream);
}

/* Within the limits and the budget of retries, which it is one of. The front is empty. */
static struct upstream *open_another(struct stream *stream, struct pool *pool)
{
	struct l7_core *l7 = stream->l7;
	struct pool_counters *counters = &pool->identity->cores[l7->core->index].counters;
	struct upstream *upstream;
	struct member *member = limits_pool_has_room(l7, pool) ? stream_pick(stream, pool) : NULL;

	if (member == NULL) {
		counters->hedges_nobody++;
		return NULL;
	}
	if (!limits_allow_retry(l7, pool->identity, pool->config) ||
		!budget_spend(l7, pool->identity, stream->retry)) {
		counters->hedges_refused++;
		return NULL;
	}
	upstream = upstream_acquire(l7, stream, member, pool->config, true);
	if (upstream == NULL)
		member->cores[l7->core->index].connect_failures++;
	return upstream;
}

static bool start(struct stream *stream, struct hedge *hedge, bool is_hedge)
{
	struct pool *pool = stream->l7->snapshot->backends->pools[stream->pool_index];
	struct stream_try *other = &hedge->others[hedge->count++];
	struct upstream *upstream;

	stream_mark_tried(stream, stream->upstream->member);
	*other = (struct stream_try){ .state = STREAM_EXPECT_HEAD, .is_retry = true };
	try_swap(stream, other);
	upstream = open_another(stream, pool);
	if (upstream == NULL) {
		hedge->count--;
		try_load(stream, other);
		return false;
	}
	if (is_hedge) {
		hedge->started++;
		stream->is_hedge = true;
		stream->hedge_result = STREAM_HEDGE_LOST;
		member_pool_counters(upstream->member, stream->l7->core->index)->hedges++;
	}
	stream_attach(stream, upstream);
	return true;
}

bool hedge_yield(struct stream *stream, uint64_t *retry_counter)
{
	struct hedge *hedge = stream->hedge;

	if (!hedge_is_racing(stream))
		return false;
	if (!stream_was_tried(stream, stream->upstream->member))
		stream_mark_tried(stream, stream->upstream->member);
	stream_detach(stream, STREAM_ABORT);
	inlet_close(&stream->response);
	outlet_close(&stream->to_member);
	try_load(stream, &hedge->others[--hedge->count]);
	stream_name_member(stream, stream->upstream->member);
	stream_rearm(stream);
	if (retry_counter != NULL && stream->attempts < stream->retry->attempts &&
		may_start(stream) && start(stream, hedge, false)) {
		(*retry_counter)++;
		stream->attempts++;
	}
	return true;
}

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	struct hedge *hedge = container_of(timer, struct hedge, timer);
	struct stream *stream = hedge->stream;
	struct connection *connection = stream->connection;
	uint64_t due;

	if (!may_start(stream))
		return;
	due = due_us(stream);
	if (now_us < due) {
		wheel_arm(stream->l7->wheel, timer, due);
		return;
	}
	start(stream, hedge, true);
	connection_settle(connection);
}

static struct hedge *hedge_get(struct stream *stream)
{
	struct hedge *hedge = stream->hedge;

	if (hedge != NULL)
		return hedge;
	hedge = objpool_get(stream->l7->hedges);
	if (hedge == NULL)
		return NULL;
	*hedge = (struct hedge){ .stream = stream };
	wheel_timer_init(&hedge->timer, on_timer);
	stream->hedge = hedge;
	return hedge;
}

void hedge_watch(struct stream *stream)
{
	const struct config_retry *retry = stream->retry;
	struct hedge *hedge;

	if (retry == NULL || !retry->hedge.is_set || !stream_is_repeatable(stream))
		return;
	hedge = hedge_get(stream);
	if (hedge == NULL || hedge->started >= retry->hedge.max)
		return;
	hedge->last_us = stream->l7->now_us;
	wheel_arm(stream->l7->wheel, &hedge->timer, due_us(stream));
}
