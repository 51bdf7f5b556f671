/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "connection.h"
#include "core.h"
#include "listener.h"
#include "stream.h"

static bool is_client_h2(const struct stream *stream)
{
	return stream->h2 != NULL;
}

static bool is_member_h2(const struct stream *stream)
{
	return stream->upstream->h2 != NULL;
}

bool tunnel_is_wanted(const struct stream *stream)
{
	return stream->listener->tunnels.websocket &&
		websocket_is_asked(inlet_head(&stream->request));
}

int tunnel_can_ask(struct stream *stream)
{
	const struct h2_session *session;

	if (!is_member_h2(stream))
		return 0;
	/* RFC 8441 3: not before its SETTINGS have said so. */
	session = stream->upstream->h2->mux.session;
	stream->upstream->is_waiting = !h2_has_settings(session);
	if (stream->upstream->is_waiting)
		return -EAGAIN;
	return h2_takes_connect(session) ? 0 : -ENOTSUP;
}

void tunnel_ask(struct stream *stream, struct http_write_options *options,
	struct http_extra_field *extra, char key[WEBSOCKET_KEY_LEN + 1])
{
	options->upgrade = WEBSOCKET_TOKEN;
	if (!is_client_h2(stream) || is_member_h2(stream))
		return;
	stream->nonce[0] = rng_next(&stream->l7->rng);
	stream->nonce[1] = rng_next(&stream->l7->rng);
	websocket_key_make(key, (const uint8_t *)stream->nonce);
	*extra = (struct http_extra_field){ .name = "Sec-WebSocket-Key",
		.value = { .data = key, .len = WEBSOCKET_KEY_LEN } };
	options->extra_count++;
}

/* Toward a client of HTTP/2 nobody else looks at it: RFC 6455 4.1, behind the list of six. */
static bool is_accepted(const struct stream *stream, const struct http_head *head)
{
	const struct http_field *field = http_find(head, "sec-websocket-accept");
	char key[WEBSOCKET_KEY_LEN + 1], accept[WEBSOCKET_ACCEPT_LEN + 1];

	if (!is_client_h2(stream))
		return true;
	websocket_key_make(key, (const uint8_t *)stream->nonce);
	websocket_accept_make(accept, (struct http_span){ .data = key, .len = WEBSOCKET_KEY_LEN });
	return field != NULL && http_span_is(field->value, accept);
}

bool tunnel_is_agreed(const struct stream *stream, const struct http_head *head)
{
	if (is_member_h2(stream))
		return head->status / 100 == 2;
	return websocket_is_agreed(head) && is_accepted(stream, head);
}

/* The head as the client's version says it. */
static int answer(struct stream *stream, const struct http_head *head)
{
	const struct http_field *key = http_find(inlet_head(&stream->request), "sec-websocket-key");
	struct http_write_options options = { .minor = 1, .upgrade = WEBSOCKET_TOKEN };
	struct l7_core *l7 = stream->l7;
	struct http_extra_field extra;
	struct http_head own;
	char accept[WEBSOCKET_ACCEPT_LEN + 1];

	http_head_borrow(&own, head);
	own.status = is_client_h2(stream) ? 200 : 101;
	own.body = is_client_h2(stream) ? HTTP_BODY_CHUNKED : HTTP_BODY_NONE;
	own.reason.data = http_status_reason(own.status);
	own.reason.len = strlen(own.reason.data);
	if (!is_client_h2(stream) && is_member_h2(stream)) {
		websocket_accept_make(accept, key->value);
		extra = (struct http_extra_field){ .name = "Sec-WebSocket-Accept",
			.value = { .data = accept, .len = WEBSOCKET_ACCEPT_LEN } };
		options.extra = &extra;
		options.extra_count = 1;
	}
	return outlet_response(
		&stream->to_client, &own, &options, l7->scratch, sizeof(l7->scratch));
}

static int ends_become_raw(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;

	outlet_become_raw(&stream->to_client);
	outlet_become_raw(&stream->to_member);
	stream->tunnel = heap_resize(&l7->heap, &l7->tunnels, NULL, sizeof(*stream->tunnel));
	if (stream->tunnel == NULL)
		return -ENOMEM;
	memset(stream->tunnel, 0, sizeof(*stream->tunnel));
	if (inlet_become_raw(&stream->request, &l7->heap, &l7->tunnels) < 0)
		return -ENOMEM;
	return inlet_become_raw(&stream->response, &l7->heap, &l7->tunnels);
}

/* Whose bytes go this way. */
static bool is_to_member(const struct stream *stream, const struct tunnel_way *way)
{
	return way == &stream->tunnel->to_member;
}

static void count(struct stream *stream, bool to_member, size_t len)
{
	struct l7_core *l7 = stream->l7;
	struct service_counters *service = connection_counters(stream->connection);
	struct member_counters *member;

	/* Behind the member's end nothing goes on. */
	if (len == 0)
		return;
	if (!to_member && stream->times.answered_us == 0)
		stream->times.answered_us = l7->now_us;
	member = &stream->upstream->member->cores[l7->core->index];
	if (to_member) {
		l7->counters.bytes_in += len;
		stream->body_in += len;
		service->bytes_in += len;
		member->bytes_in += len;
	} else {
		l7->counters.bytes_out += len;
		stream->body_out += len;
		service->bytes_out += len;
		member->bytes_out += len;
	}
}

/* How many bytes of a piece may go on: when we close, none behind the frame at hand. */
static size_t allowed(
	const struct stream *stream, const struct tunnel_way *way, const struct http_span *piece)
{
	struct websocket_frames frames = way->frames;

	if (!stream->tunnel->is_closing)
		return piece->len;
	if (way->is_ended || websocket_frames_is_between(&frames))
		return 0;
	return websocket_frames_take(&frames, piece->data, piece->len);
}

static void follow(struct tunnel_way *way, const char *data, size_t len)
{
	while (len > 0) {
		size_t taken = websocket_frames_take(&way->frames, data, len);

		data += taken;
		len -= taken;
	}
}

/* Our Close frame and our end, where they may stand. */
static void say_goodbye(struct stream *stream, struct tunnel_way *way, struct outlet *to)
{
	bool to_member = is_to_member(stream, way);
	char frame[WEBSOCKET_CLOSE_MAX];
	size_t len;

	if (stream->is_raw && !way->is_ended) {
		outlet_end(to, NULL, 0);
		way->is_ended = true;
	}
	if (way->is_ended || !websocket_frames_is_between(&way->frames))
		return;
	len = websocket_close_make(frame, WEBSOCKET_GOING_AWAY, to_member,
		to_member ? (uint32_t)rng_next(&stream->l7->rng) : 0);
	if (!outlet_body_whole(to, frame, len))
		return;
	outlet_end(to, NULL, 0);
	way->is_ended = true;
}

/* How many bytes of a piece were done with; fewer than there are: the rest waits for space. */
static size_t piece_take(struct stream *stream, struct tunnel_way *way, struct outlet *to,
	const struct http_span *piece)
{
	size_t want = allowed(stream, way, piece);
	size_t len = want > 0 ? outlet_body(to, piece->data, want) : 0;

	follow(way, piece->data, len);
	count(stream, is_to_member(stream, way), len);
	if (!stream->tunnel->is_closing)
		return len;
	say_goodbye(stream, way, to);
	/* Behind our own end, what comes is for nobody. */
	return way->is_ended ? piece->len : len;
}

/* The same where bytes have no frames: without copying them between plain connections. */
static size_t raw_take(struct stream *stream, struct tunnel_way *way, struct inlet *from,
	struct outlet *to, size_t len)
{
	if (way->is_ended) {
		inlet_take(from, len);
		return len;
	}
	len = outlet_flush(to) ? transport_pass(to->transport, from->transport, len) : 0;
	count(stream, is_to_member(stream, way), len);
	return len;
}

static void rearm(struct stream *stream)
{
	const struct tunnel *tunnel = stream->tunnel;
	uint64_t timeout_ms = stream->listener->tunnels.idle_timeout_ms;

	if (tunnel->is_closing)
		return;
	/* An end that has closed is likely to be gone: the other one should notice soon. */
	if (tunnel->to_member.is_read || tunnel->to_client.is_read)
		timeout_ms = MIN(timeout_ms, stream->connection->limits.body_timeout_ms);
	if (tunnel->is_leaving)
		timeout_ms = MIN(timeout_ms, stream->listener->tunnels.close_timeout_ms);
	stream_deadline(stream, timeout_ms);
}

/* The source's end: the other end gets it too, and may go on sending. */
static void end_take(struct tunnel_way *way, struct outlet *to)
{
	way->is_read = true;
	if (!way->is_ended)
		outlet_end(to, NULL, 0);
	way->is_ended = true;
}

/* HTTP/2 has the end in its frames. */
static void shut(struct tunnel_way *way, struct outlet *to)
{
	if (!way->is_ended || way->is_shut)
		return;
	if (to->h2 == NULL) {
		if (!outlet_flush(to) || !transport_flush(to->transport))
			return;
		transport_shutdown(to->transport);
	}
	way->is_shut = true;
}

/* Returns whether anything moved. */
static bool way_run(
	struct stream *stream, struct tunnel_way *way, struct inlet *from, struct outlet *to)
{
	bool moved = false, goes_on = true;
	struct http_span piece;
	size_t len;

	if (stream->tunnel->is_closing)
		say_goodbye(stream, way, to);
	while (goes_on && !way->is_read && !to->is_failed) {
		switch (inlet_next(from, &piece)) {
		case HTTP_EVENT_BODY:
			if (stream->is_raw) {
				len = raw_take(stream, way, from, to, piece.len);
			} else {
				len = piece_take(stream, way, to, &piece);
				inlet_take(from, len);
			}
			moved |= len > 0;
			goes_on = len == piece.len || (len > 0 && stream->tunnel->is_closing);
			break;
		case HTTP_EVENT_END:
			end_take(way, to);
			moved = true;
			break;
		default:
			goes_on = false;
		}
	}
	shut(way, to);
	return moved;
}

/* Both ends have ended, or it was time for them to. */
static void finish(struct stream *stream)
{
	stream_detach(stream, STREAM_CLOSE);
	stream_end_response(stream);
}

static bool is_over(const struct tunnel_way *way)
{
	return way->is_read && way->is_ended && way->is_shut;
}

static void member_broke(struct stream *stream)
{
	stream_blame(stream, L7_ENDED_member_broke);
	stream_cut(stream, H2_CANCEL);
}

/* Only its stream: the end of its connection is told of. */
static bool is_member_cut(const struct stream *stream)
{
	const struct h2_stream *h2 = stream->response.h2;

	return h2 != NULL && h2_is_cut(h2) && !stream->tunnel->to_client.is_read;
}

void tunnel_run(struct stream *stream)
{
	struct tunnel *tunnel = stream->tunnel;
	bool moved;

	moved = way_run(stream, &tunnel->to_member, &stream->request, &stream->to_member);
	moved |= way_run(stream, &tunnel->to_client, &stream->response, &stream->to_client);
	if (stream->to_member.is_failed || stream->to_client.is_failed) {
		stream_starved(stream);
		return;
	}
	if (stream->upstream != NULL)
		transport_flush(&stream->upstream->transport);
	if (is_over(&tunnel->to_member) && is_over(&tunnel->to_client))
		finish(stream);
	else if (is_member_cut(stream))
		member_broke(stream);
	else if (moved)
		rearm(stream);
}

/* Closed in order and read to its end, it has nothing to say any more; the client may have. */
void tunnel_on_member_closed(struct stream *stream, enum tcp_close_reason reason)
{
	struct tunnel *tunnel = stream->tunnel;

	if (reason != TCP_CLOSED_DONE || !tunnel->to_member.is_shut || !tunnel->to_client.is_read) {
		member_broke(stream);
		return;
	}
	stream_detach(stream, STREAM_CLOSE);
	tunnel_run(stream);
}

bool tunnel_is_read(const struct stream *stream)
{
	return stream->tunnel->to_member.is_read && stream->tunnel->to_client.is_read;
}

void tunnel_close(struct stream *stream, enum l7_ending ending)
{
	if (stream->tunnel->is_closing)
		return;
	stream_blame(stream, ending);
	stream->tunnel->is_closing = true;
	stream_deadline(stream, stream->listener->tunnels.close_timeout_ms);
	tunnel_run(stream);
	connection_settle(stream->connection);
}

void tunnel_leave(struct stream *stream)
{
	if (!stream->is_raw) {
		tunnel_close(stream, L7_ENDED_drained);
	} else if (!stream->tunnel->is_leaving && !stream->tunnel->is_closing) {
		stream->tunnel->is_leaving = true;
		rearm(stream);
	}
}

void tunnel_begin(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;

	stream->tunnel = heap_resize(&l7->heap, &l7->tunnels, NULL, sizeof(*stream->tunnel));
	if (stream->tunnel == NULL) {
		stream_starved(stream);
		return;
	}
	memset(stream->tunnel, 0, sizeof(*stream->tunnel));
	stream->state = STREAM_TUNNEL;
	if (l7->is_draining || connection_service(stream->connection) == NULL)
		tunnel_leave(stream);
	else
		rearm(stream);
	tunnel_run(stream);
}

bool tunnel_open(struct stream *stream, const struct http_head *head)
{
	struct l7_core *l7 = stream->l7;
	unsigned status = is_client_h2(stream) ? 200 : 101;

	if (answer(stream, head) < 0)
		return false;
	stream_count_response(stream, status, true);
	stream->times.answered_us = l7->now_us;
	stream->is_close = true;
	stream->is_request_done = true;
	stream->state = STREAM_TUNNEL;
	l7->counters.tunnels_opened++;
	if (ends_become_raw(stream) < 0)
		stream_starved(stream);
	else if (l7->is_draining || connection_service(stream->connection) == NULL)
		tunnel_close(stream, L7_ENDED_drained);
	else
		rearm(stream);
	return true;
}

void tunnel_on_deadline(struct stream *stream)
{
	if (!stream->tunnel->is_closing) {
		tunnel_close(stream,
			stream->tunnel->is_leaving ? L7_ENDED_drained : L7_ENDED_tunnel_idle);
		return;
	}
	stream->l7->counters.tunnels_cut++;
	stream_cut(stream, H2_CANCEL);
}

void tunnel_free(struct stream *stream)
{
	if (stream->tunnel != NULL)
		heap_resize(&stream->l7->heap, &stream->l7->tunnels, stream->tunnel, 0);
	stream->tunnel = NULL;
}
