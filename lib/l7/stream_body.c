/* SPDX-License-Identifier: Apache-2.0 */
/* A body of JSON that is read ahead of routing, since a route depends on it. */
#include "connection.h"
#include "core.h"
#include "http/json.h"
#include "listener.h"
#include "route/class.h"
#include "stream.h"

/* Why it cannot be read: the status where it is refused, and its counter. */
static unsigned reason_count(struct l7_counters *counters, enum json_result result)
{
	switch (result) {
	case JSON_TOO_DEEP:
		counters->json_too_deep++;
		return 413;
	case JSON_TOO_MANY:
		counters->json_too_many++;
		return 413;
	case JSON_TOO_LONG:
		counters->json_too_large++;
		return 413;
	default:
		counters->json_malformed++;
		return 400;
	}
}

static void settle(struct stream *stream, enum route_body body)
{
	stream->is_gathered = true;
	stream->body = body;
	stream->state = STREAM_EXPECT_HEAD;
	stream_dispatch(stream, true);
}

/* As the listener says: refused, or routed without it. */
static __rte_noinline void give_up(struct stream *stream, unsigned status)
{
	if (stream->listener->json_body.unreadable == CONFIG_UNREADABLE_NO_MATCH) {
		settle(stream, ROUTE_BODY_UNREADABLE);
		return;
	}
	connection_counters(stream->connection)->denied_requests++;
	stream_blame(stream, L7_ENDED_refused);
	stream_answer(stream, status);
}

static void scan_begin(struct stream *stream, const struct l7_listener *listener)
{
	stream->scan_fields = route_table_fields(listener->routes);
	json_scan_begin(stream->scan, stream->scan_fields, &listener->json_limits);
}

/*
 * Another configuration was loaded meanwhile: it asks for other fields of what was kept. Of what
 * was not kept nothing is known.
 */
static __rte_noinline enum route_body scan_again(
	struct stream *stream, const struct l7_listener *listener)
{
	struct replay *replay = &stream->replay;
	struct replay place = *replay;
	enum json_result result = JSON_GOOD;
	const char *data;
	size_t len;

	if (stream->scan == NULL)
		stream->scan = objpool_get(stream->l7->scans);
	if (stream->scan == NULL || replay->pool == NULL || replay->is_lost ||
		!stream->is_request_done)
		return ROUTE_BODY_UNREADABLE;
	scan_begin(stream, listener);
	replay_rewind(&place);
	while (result == JSON_GOOD && (len = replay_peek(&place, &data)) > 0) {
		result = json_scan_add(stream->scan, data, len);
		replay_advance(&place, len);
	}
	if (result == JSON_GOOD)
		result = json_scan_end(stream->scan);
	return result == JSON_GOOD ? ROUTE_BODY_READ : ROUTE_BODY_UNREADABLE;
}

static bool has_body(const struct http_head *head)
{
	return head->protocol.len == 0 && head->body != HTTP_BODY_NONE &&
		(head->body != HTTP_BODY_LENGTH || head->content_length > 0);
}

enum route_body stream_body(struct stream *stream, const struct l7_listener *listener)
{
	const struct json_fields *fields = route_table_fields(listener->routes);
	const struct http_head *head = inlet_head(&stream->request);

	if (fields == NULL || !has_body(head) || !is_json(head))
		return ROUTE_BODY_NONE;
	if (stream->is_gathered && stream->body == ROUTE_BODY_READ && stream->scan_fields != fields)
		stream->body = scan_again(stream, listener);
	else if (!stream->is_gathered && stream->is_body_begun)
		return scan_again(stream, listener);
	return stream->is_gathered ? stream->body : ROUTE_BODY_UNREAD;
}

/* All of it is there. */
static void finish(struct stream *stream)
{
	enum json_result result;

	stream->is_request_done = true;
	if (stream->replay.len == 0) {
		settle(stream, ROUTE_BODY_NONE);
		return;
	}
	result = json_scan_end(stream->scan);
	if (result != JSON_GOOD) {
		give_up(stream, reason_count(&stream->l7->counters, result));
		return;
	}
	stream->l7->counters.json_read++;
	settle(stream, ROUTE_BODY_READ);
}

/* False: it cannot be read, and something else was done. */
static bool piece_take(struct stream *stream, struct http_span piece)
{
	struct l7_core *l7 = stream->l7;
	struct replay *replay = &stream->replay;
	enum json_result result;

	if (piece.len > replay->max - replay->len) {
		l7->counters.json_too_large++;
		give_up(stream, 413);
		return false;
	}
	if (!replay_store(replay, piece.data, piece.len)) {
		stream_starved(stream);
		return false;
	}
	result = json_scan_add(stream->scan, piece.data, piece.len);
	inlet_take(&stream->request, piece.len);
	stream->is_body_begun = true;
	l7->counters.bytes_in += piece.len;
	stream->body_in += piece.len;
	connection_counters(stream->connection)->bytes_in += piece.len;
	if (result == JSON_GOOD)
		return true;
	give_up(stream, reason_count(&l7->counters, result));
	return false;
}

void stream_gather_step(struct stream *stream)
{
	struct http_span piece;

	for (;;) {
		switch (inlet_next(&stream->request, &piece)) {
		case HTTP_EVENT_BODY:
			if (!piece_take(stream, piece))
				return;
			break;
		case HTTP_EVENT_END:
			finish(stream);
			return;
		case HTTP_EVENT_MORE:
			stream_invite_body(stream);
			return;
		default:
			stream_body_broke(stream);
			return;
		}
	}
}

static bool is_encoded(const struct http_head *head)
{
	const struct http_field *field = http_find(head, "content-encoding");

	return field != NULL && !http_span_is_nocase(field->value, "identity");
}

void stream_gather(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->request);
	const struct config_json_body *config = &stream->listener->json_body;
	struct l7_core *l7 = stream->l7;

	if (is_encoded(head)) {
		l7->counters.json_encoded++;
		give_up(stream, 415);
		return;
	}
	if (head->body == HTTP_BODY_LENGTH && head->content_length > config->max_bytes) {
		l7->counters.json_too_large++;
		give_up(stream, 413);
		return;
	}
	if (stream->scan == NULL)
		stream->scan = objpool_get(l7->scans);
	if (stream->scan == NULL) {
		stream_starved(stream);
		return;
	}
	scan_begin(stream, stream->listener);
	replay_open(&stream->replay, l7->replays, config->max_bytes);
	stream->state = STREAM_EXPECT_BODY;
	stream->waits_for = STREAM_CLIENT;
	stream_deadline(stream, config->timeout_ms);
	stream_gather_step(stream);
}
