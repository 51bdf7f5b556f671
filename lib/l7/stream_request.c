/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "connection.h"
#include "core.h"
#include "grpc.h"
#include "passthrough.h"
#include "stream.h"
#include "stream_hedge.h"
#include "tunnel.h"

void stream_on_connected(struct upstream *upstream)
{
	struct stream *stream = upstream->stream;

	hedge_bring(stream, upstream);
	if (stream->is_pending)
		stream->upstream->member->cores[stream->l7->core->index].pending_done++;
	stream->is_pending = false;
	if (stream->is_raw)
		passthrough_open(stream);
	else
		stream_send_head(stream);
	connection_settle(stream->connection);
}

static bool is_bodyless(const struct http_head *head)
{
	return head->body == HTTP_BODY_NONE ||
		(head->body == HTTP_BODY_LENGTH && head->content_length == 0);
}

static void on_head(struct stream *stream)
{
	struct http_span body;

	stream->has_request = true;
	stream->times.head_us = stream->l7->now_us;
	stream->connection->requests++;
	stream->l7->counters.requests++;
	connection_counters(stream->connection)->requests++;
	/* Its end takes no byte, and is known before anything is answered. */
	if (is_bodyless(inlet_head(&stream->request)))
		stream->is_request_done = inlet_next(&stream->request, &body) == HTTP_EVENT_END;
	if (grpc_admit(stream))
		stream_dispatch(stream, true);
}

static void expect_head(struct stream *stream)
{
	struct http_span body;

	switch (inlet_next(&stream->request, &body)) {
	case HTTP_EVENT_HEAD:
		on_head(stream);
		break;
	case HTTP_EVENT_MORE:
		if (inlet_is_eof(&stream->request))
			stream_cut(stream, H2_CANCEL);
		break;
	default:
		stream_refuse(stream);
	}
}

/*
 * RFC 9110 10.1.1: the client waits for a word before it sends the body. It gets it from us, once
 * there is a member that takes the request; Expect is not passed on.
 */
void stream_invite_body(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->request);
	const struct http_write_options options = { .minor = 1 };
	struct l7_core *l7 = stream->l7;
	struct http_head answer;

	if (!head->expects_continue || head->minor == 0 || stream->is_continue_sent ||
		stream->is_body_begun ||
		(stream->state != STREAM_EXPECT_RESPONSE && stream->state != STREAM_EXPECT_BODY))
		return;
	stream->is_continue_sent = true;
	memset(&answer, 0, offsetof(struct http_head, fields));
	answer.status = 100;
	answer.reason = (struct http_span){ .data = "Continue", .len = strlen("Continue") };
	outlet_response(&stream->to_client, &answer, &options, l7->scratch, sizeof(l7->scratch));
}

void stream_body_broke(struct stream *stream)
{
	if (inlet_refusal(&stream->request) != HTTP_REFUSED_truncated) {
		stream_refuse(stream);
		return;
	}
	/* It closed in the middle of its body: nobody is left to answer. */
	stream->l7->counters.client_aborted++;
	stream_blame(stream, L7_ENDED_client_aborted);
	stream_cut(stream, H2_CANCEL);
}

static void request_end(struct stream *stream)
{
	unsigned trailer_count;
	const struct http_field *trailers = inlet_trailers(&stream->request, &trailer_count);

	stream->sent_us = stream->l7->now_us;
	outlet_end(&stream->to_member, trailers, trailer_count);
	stream_wait(stream, STREAM_MEMBER, true);
}

/* What was kept of the body goes first. Returns false when it cannot go on now. */
static bool replay_step(struct stream *stream)
{
	struct replay *replay = &stream->replay;
	const char *data;
	size_t len, taken;

	while ((len = replay_peek(replay, &data)) > 0) {
		taken = outlet_body(&stream->to_member, data, len);
		replay_advance(replay, taken);
		stream->upstream->member->cores[stream->l7->core->index].bytes_in += taken;
		if (taken < len) {
			stream_wait(stream, STREAM_MEMBER, taken > 0);
			return false;
		}
	}
	if (stream->is_request_done)
		request_end(stream);
	return true;
}

/* A copy is kept of what may have to be sent again; all else passes without one. */
static size_t body_pass(struct stream *stream, struct http_span body)
{
	size_t len;

	if (stream->replay.pool == NULL) {
		len = outlet_pass(&stream->to_member, &stream->request, body);
		stream->replay.is_lost |= len > 0;
		return len;
	}
	len = outlet_body(&stream->to_member, body.data, body.len);
	replay_add(&stream->replay, body.data, len);
	inlet_take(&stream->request, len);
	return len;
}

/* One event of the body. Returns false when it cannot go on now. */
static bool body_step(struct stream *stream, bool *moved)
{
	struct l7_core *l7 = stream->l7;
	struct http_span body;
	size_t len;

	switch (inlet_next(&stream->request, &body)) {
	case HTTP_EVENT_BODY:
		len = body_pass(stream, body);
		*moved |= len > 0;
		stream->is_body_begun |= len > 0;
		l7->counters.bytes_in += len;
		stream->body_in += len;
		connection_counters(stream->connection)->bytes_in += len;
		stream->upstream->member->cores[l7->core->index].bytes_in += len;
		if (len == body.len)
			return true;
		stream_wait(stream, STREAM_MEMBER, *moved);
		return false;
	case HTTP_EVENT_END:
		stream->is_request_done = true;
		request_end(stream);
		return false;
	case HTTP_EVENT_MORE:
		/* HTTP/1 calls that truncated; a cut stream is abandoned by its connection. */
		stream_invite_body(stream);
		stream_wait(stream, STREAM_CLIENT, *moved);
		return false;
	default:
		stream_body_broke(stream);
		return false;
	}
}

static void pump_body(struct stream *stream)
{
	bool moved = false;

	/* RFC 8441 5: what a client of HTTP/2 sends already is for the tunnel. */
	if (stream->is_tunnel_wanted)
		return;
	if (!outlet_flush(&stream->to_member)) {
		stream_wait(stream, STREAM_MEMBER, false);
		return;
	}
	if (stream->to_member.is_failed) {
		stream_starved(stream);
		return;
	}
	if (stream_has_replay(stream) && !stream->is_body_given_up && !replay_step(stream))
		return;
	while (!stream->is_request_done && !stream->is_body_given_up)
		if (!body_step(stream, &moved))
			return;
}

void stream_pump_request(struct stream *stream)
{
	if (stream->state == STREAM_EXPECT_HEAD && stream->is_raw)
		passthrough_run(stream);
	else if (stream->state == STREAM_EXPECT_HEAD)
		expect_head(stream);
	else if (stream->state == STREAM_EXPECT_BODY)
		stream_gather_step(stream);
	else if (stream->state == STREAM_TUNNEL)
		tunnel_run(stream);
	else if (stream->state == STREAM_EXPECT_RESPONSE || stream->state == STREAM_EXPECT_END)
		pump_body(stream);
	/* Small pieces become one record, here: HTTP/2 has its own time for it. */
	if (stream->upstream != NULL && stream->upstream->state == UPSTREAM_BUSY &&
		stream->upstream->h2 == NULL)
		transport_flush(&stream->upstream->transport);
}
