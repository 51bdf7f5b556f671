/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "core.h"
#include "stream.h"

void stream_member_failed(struct stream *stream, bool is_timeout)
{
	struct l7_core *l7 = stream->l7;
	bool is_begun = stream->state == STREAM_EXPECT_END;

	if (is_begun)
		stream_blame(stream, is_timeout ? L7_ENDED_member_stalled : L7_ENDED_member_broke);
	else
		stream_blame(stream, is_timeout ? L7_ENDED_member_timeout : L7_ENDED_member_closed);
	if (stream->upstream != NULL)
		stream->upstream->member->cores[l7->core->index].response_failures++;
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

/*
 * RFC 9112 9.3.1: a kept connection may close while the request is on its way; and a member may die
 * with requests in its hands. What is idempotent is sent again, once for each: a member that dies
 * closes its kept connections first, and may still take a new one before it stops listening.
 */
static bool may_replay(const struct stream *stream)
{
	bool was_sent_again = stream->upstream->was_reused ? stream->is_resent
							   : stream->is_replayed;

	return !stream->is_response_begun && !was_sent_again && !stream->is_body_begun &&
		(upstream_is_unprocessed(stream->upstream) ||
			is_idempotent(inlet_head(&stream->request)->method));
}

void stream_member_lost(struct stream *stream, bool is_timeout)
{
	struct l7_core *l7 = stream->l7;
	struct member_counters *counters;
	bool is_unprocessed;

	if (stream->state != STREAM_EXPECT_RESPONSE || !may_replay(stream)) {
		stream_member_failed(stream, is_timeout);
		return;
	}
	counters = &stream->upstream->member->cores[l7->core->index];
	if (stream->upstream->was_reused)
		stream->is_resent = true;
	else
		stream->is_replayed = true;
	is_unprocessed = upstream_is_unprocessed(stream->upstream);
	/* A kept connection says nothing about its member; a new one that broke does. */
	if (!stream->upstream->was_reused && !is_unprocessed)
		stream->failed_member_id = stream->upstream->member->id;
	stream_detach(stream, STREAM_ABORT);
	stream_dispatch(stream, is_unprocessed);
	if (stream->upstream == NULL) {
		counters->response_failures++;
		return;
	}
	l7->counters.upstream_retries++;
	counters->retries++;
}

void stream_connect_failed(struct stream *stream, bool is_timeout)
{
	struct l7_core *l7 = stream->l7;
	struct member *member = stream->upstream->member;

	member->cores[l7->core->index].connect_failures++;
	if (!stream->is_rerouted) {
		stream->is_rerouted = true;
		stream->failed_member_id = member->id;
		stream_detach(stream, STREAM_ABORT);
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
