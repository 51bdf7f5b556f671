/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a request whose try failed: sent again, or answered with an error. */
#include "connection.h"
#include "core.h"
#include "resilience/limits.h"
#include "stream.h"
#include "stream_hedge.h"

static struct pool_counters *pool_counters_of(const struct stream *stream)
{
	return member_pool_counters(stream->upstream->member, stream->l7->core->index);
}

static struct member_counters *counters_of(const struct stream *stream)
{
	return &stream->upstream->member->cores[stream->l7->core->index];
}

/* What counts a retry for that cause; NULL: the policy makes none. */
static uint64_t *counter_if(const struct stream *stream, unsigned cause, uint64_t *counter)
{
	return (stream->retry->on & cause) != 0 ? counter : NULL;
}

/* It failed while other tries are under way: only its member hears of it. */
static void race_on(struct stream *stream, bool is_timeout)
{
	struct pool_counters *counters = pool_counters_of(stream);

	counters_of(stream)->response_failures++;
	outcome_failed(stream->l7, stream->upstream->member,
		is_timeout ? stream->l7->now_us - stream->sent_us : 0);
	hedge_yield(stream,
		is_timeout ? counter_if(stream, CONFIG_RETRY_TIMEOUT, &counters->retries_timeout)
			   : counter_if(stream, CONFIG_RETRY_RESET, &counters->retries_reset));
}

void stream_member_failed(struct stream *stream, bool is_timeout)
{
	struct l7_core *l7 = stream->l7;
	bool is_begun = stream->state == STREAM_EXPECT_END;

	if (hedge_is_racing(stream)) {
		race_on(stream, is_timeout);
		return;
	}
	if (is_begun)
		stream_blame(stream, is_timeout ? L7_ENDED_member_stalled : L7_ENDED_member_broke);
	else
		stream_blame(stream, is_timeout ? L7_ENDED_member_timeout : L7_ENDED_member_closed);
	if (stream->upstream != NULL) {
		counters_of(stream)->response_failures++;
		outcome_failed(l7, stream->upstream->member,
			is_timeout ? l7->now_us - stream->sent_us : 0);
	}
	if (is_timeout)
		l7->counters.upstream_timeout++;
	else
		l7->counters.upstream_failed++;
	stream_answer(stream, is_timeout ? 504 : 502);
}

/* RFC 9110 9.2.2. */
static bool is_idempotent(struct http_span method)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE" };

	for (size_t i = 0; i < RTE_DIM(methods); i++)
		if (http_span_is(method, methods[i]))
			return true;
	return false;
}

void stream_keep_body(struct stream *stream)
{
	const struct config_retry *retry = stream->retry;
	const struct http_head *head = inlet_head(&stream->request);

	if (retry->buffer_bytes == 0 || stream->is_request_done || stream->is_body_begun)
		return;
	if (!retry->non_idempotent && !is_idempotent(head->method))
		return;
	if (head->body == HTTP_BODY_LENGTH && head->content_length > retry->buffer_bytes)
		return;
	replay_open(&stream->replay, stream->l7->replays, retry->buffer_bytes);
}

bool stream_has_body(const struct stream *stream)
{
	return !stream->is_body_begun || (stream->replay.pool != NULL && !stream->replay.is_lost);
}

bool stream_is_repeatable(const struct stream *stream)
{
	return is_idempotent(inlet_head(&stream->request)->method) ||
		(stream->retry != NULL && stream->retry->non_idempotent);
}

/* Whether the member may see the request twice, or has never seen it. */
static bool is_safe(const struct stream *stream)
{
	if (stream->state == STREAM_EXPECT_CONNECT || upstream_is_unprocessed(stream->upstream))
		return true;
	return stream_is_repeatable(stream);
}

/*
 * RFC 9112 9.3.1: a kept connection may close while the request is on its way; and a member may die
 * with requests in its hands. What is idempotent is sent again, once for each, also without a
 * policy: a member that dies closes its kept connections first, and may still take a new one before
 * it stops listening.
 */
static bool may_replay(const struct stream *stream)
{
	bool was_sent_again = stream->upstream->was_reused ? stream->is_resent
							   : stream->is_replayed;

	return !was_sent_again && !stream->is_response_begun && stream_has_body(stream) &&
		is_safe(stream);
}

static bool is_retried_status(const struct config_retry *retry, unsigned status)
{
	if (status >= 500 && (retry->on & CONFIG_RETRY_5XX) != 0)
		return true;
	for (unsigned i = 0; i < retry->status_count; i++) {
		if (retry->statuses[i] == status)
			return true;
	}
	return false;
}

/* Where the policy's other conditions are met: what still stands in the way, counted. */
static bool is_allowed(struct stream *stream)
{
	const struct config_retry *retry = stream->retry;
	struct pool_identity *identity = stream->upstream->member->identity;
	struct pool_counters *counters = pool_counters_of(stream);
	struct l7_core *l7 = stream->l7;

	if (!is_safe(stream) || !stream_has_body(stream)) {
		counters->retries_unsafe++;
		return false;
	}
	if (stream->attempts >= retry->attempts ||
		(stream->tries_until_us != 0 && l7->now_us >= stream->tries_until_us)) {
		counters->retries_spent++;
		return false;
	}
	return limits_allow_retry(l7, identity, stream->pool) && budget_spend(l7, identity, retry);
}

/* Whether the policy sends it again for that cause. */
static bool may_retry(struct stream *stream, unsigned cause)
{
	return stream->retry != NULL && (stream->retry->on & cause) != 0 && is_allowed(stream);
}

/* The request starts anew. Returns false when it could not be sent. */
static bool send_again(struct stream *stream, bool is_retry, bool may_reuse)
{
	struct l7_core *l7 = stream->l7;
	struct member_counters *counters = counters_of(stream);

	stream_detach(stream, STREAM_ABORT);
	stream->is_retry = is_retry;
	inlet_close(&stream->response);
	stream->is_response_begun = false;
	replay_rewind(&stream->replay);
	stream->state = STREAM_EXPECT_HEAD;
	stream_dispatch(stream, may_reuse);
	if (stream->upstream == NULL && stream->queue == NULL)
		return false;
	l7->counters.upstream_retries++;
	counters->retries++;
	return true;
}

/* By the policy: to another member, and counted. */
static void retry(struct stream *stream, uint64_t *cause_counter)
{
	(*cause_counter)++;
	stream->attempts++;
	stream_mark_tried(stream, stream->upstream->member);
	send_again(stream, true, true);
}

/* A connection broke: without a policy, or before it counts, the request is sent again once. */
static void resend(struct stream *stream)
{
	struct member_counters *counters = counters_of(stream);
	bool is_unprocessed = upstream_is_unprocessed(stream->upstream);

	if (stream->upstream->was_reused)
		stream->is_resent = true;
	else
		stream->is_replayed = true;
	/* A kept connection says nothing about its member; a new one that broke does. */
	if (!stream->upstream->was_reused && !is_unprocessed) {
		stream_mark_tried(stream, stream->upstream->member);
		outcome_failed(stream->l7, stream->upstream->member, 0);
	}
	if (!send_again(stream, false, is_unprocessed))
		counters->response_failures++;
}

void stream_member_lost(struct stream *stream, bool is_timeout)
{
	bool is_free = stream->retry == NULL || stream->upstream->was_reused;

	/* A kept connection says nothing about its member. */
	if (hedge_is_racing(stream) && stream->upstream->was_reused &&
		hedge_yield(stream,
			counter_if(stream, CONFIG_RETRY_RESET,
				&pool_counters_of(stream)->retries_reset)))
		return;
	if (hedge_is_racing(stream)) {
		race_on(stream, is_timeout);
		return;
	}
	if (stream->state == STREAM_EXPECT_RESPONSE && is_free && may_replay(stream)) {
		resend(stream);
		return;
	}
	if (stream->state != STREAM_EXPECT_RESPONSE || stream->is_response_begun ||
		!may_retry(stream, CONFIG_RETRY_RESET)) {
		stream_member_failed(stream, is_timeout);
		return;
	}
	counters_of(stream)->response_failures++;
	outcome_failed(stream->l7, stream->upstream->member, 0);
	retry(stream, &pool_counters_of(stream)->retries_reset);
}

void stream_member_late(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;

	stream->is_last_timeout = true;
	if (hedge_is_racing(stream)) {
		race_on(stream, true);
		return;
	}
	if (stream->is_response_begun || !may_retry(stream, CONFIG_RETRY_TIMEOUT)) {
		stream_member_failed(stream, true);
		return;
	}
	counters_of(stream)->response_failures++;
	outcome_failed(l7, stream->upstream->member, l7->now_us - stream->sent_us);
	retry(stream, &pool_counters_of(stream)->retries_timeout);
}

bool stream_is_refused(struct stream *stream, unsigned status)
{
	struct l7_core *l7 = stream->l7;
	struct member *member = stream->upstream->member;
	const struct pool *pool;

	if (status >= 500)
		outcome_failed(l7, member, 0);
	else
		outcome_good(l7, member, l7->now_us - stream->sent_us);
	if (stream->retry == NULL || !is_retried_status(stream->retry, status)) {
		pool_counters_of(stream)->retries_good += stream->attempts > 0 && status < 500;
		return false;
	}
	if (hedge_is_racing(stream)) {
		stream_count_member_response(stream, status);
		return hedge_yield(stream, &pool_counters_of(stream)->retries_status);
	}
	/* The answer that is there is better than none: only for another one is it thrown away. */
	if (stream->config_generation != l7->config_generation)
		return false;
	pool = l7->snapshot->backends->pools[stream->pool_index];
	stream_mark_tried(stream, member);
	if ((!stream->retry->same_member && stream_other_member(stream, pool, true) == NULL) ||
		!is_allowed(stream))
		return false;
	stream_count_member_response(stream, status);
	retry(stream, &pool_counters_of(stream)->retries_status);
	return true;
}

/* Nothing was sent yet: without a policy another member is tried once. */
bool stream_may_connect_again(struct stream *stream, struct member *member)
{
	struct pool_counters *counters = member_pool_counters(member, stream->l7->core->index);

	if (stream->retry == NULL) {
		bool may = !stream->is_rerouted;

		stream->is_rerouted = true;
		return may;
	}
	if ((stream->retry->on & CONFIG_RETRY_CONNECT) == 0)
		return false;
	if (stream->attempts >= stream->retry->attempts) {
		counters->retries_spent++;
		return false;
	}
	if (!limits_allow_retry(stream->l7, member->identity, stream->pool) ||
		!budget_spend(stream->l7, member->identity, stream->retry))
		return false;
	stream->attempts++;
	stream->is_retry = true;
	counters->retries_connect++;
	return true;
}

void stream_connect_failed(struct stream *stream, bool is_timeout)
{
	struct l7_core *l7 = stream->l7;
	struct member *member = stream->upstream->member;

	member->cores[l7->core->index].connect_failures++;
	outcome_failed(l7, member, 0);
	stream->is_last_timeout = is_timeout;
	if (hedge_is_racing(stream)) {
		hedge_yield(stream,
			counter_if(stream, CONFIG_RETRY_CONNECT,
				&member_pool_counters(member, l7->core->index)->retries_connect));
		return;
	}
	stream_mark_tried(stream, member);
	stream_detach(stream, STREAM_ABORT);
	if (stream_may_connect_again(stream, member)) {
		stream->state = STREAM_EXPECT_HEAD;
		stream_dispatch(stream, true);
		return;
	}
	stream_blame(stream,
		is_timeout                    ? L7_ENDED_connect_timeout
			: stream->is_last_tls ? L7_ENDED_member_tls
					      : L7_ENDED_connect_refused);
	if (is_timeout)
		l7->counters.upstream_timeout++;
	else
		l7->counters.upstream_failed++;
	stream_answer(stream, is_timeout ? 504 : 502);
}
