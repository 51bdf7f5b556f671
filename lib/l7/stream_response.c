/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "core.h"
#include "sticky_learn.h"
#include "stream.h"
#include "stream_hedge.h"
#include "tunnel.h"

static const struct http_limits limits = {
	.header_bytes = MESSAGE_HEAD_BYTES,
	.header_fields = HTTP_FIELDS_MAX,
};

static bool is_open_h2(struct stream *stream)
{
	struct h2_stream *h2 = stream->response.h2;

	stream->is_response_begun |= h2_has_begun(h2);
	if (stream->is_response_begun || !h2_is_cut(h2))
		return true;
	stream_member_lost(stream, false);
	return false;
}

/* Memory for the answer is taken with its first byte: a waiting request holds none. */
static bool is_open(struct stream *stream)
{
	struct transport *transport = &stream->upstream->transport;
	const char *data;

	if (stream->response.h2 != NULL)
		return is_open_h2(stream);
	if (stream->response.parser != NULL)
		return true;
	if (transport_peek(transport, &data) == 0) {
		if (transport_is_eof(transport))
			stream_member_lost(stream, false);
		return false;
	}
	stream->is_response_begun = true;
	if (inlet_open(&stream->response, transport, stream->l7->inlets, H1_RESPONSE, &limits) <
		0) {
		stream_starved(stream);
		return false;
	}
	h1_expect_response(stream->response.parser, inlet_head(&stream->request)->is_head);
	if (stream->is_tunnel_wanted)
		h1_expect_switch(stream->response.parser);
	return true;
}

static bool write_head(struct stream *stream, const struct http_head *head, unsigned minor)
{
	struct l7_core *l7 = stream->l7;
	struct http_write_options options = { .minor = minor, .close = stream->is_close };
	int len;

	if (!stream_edit_response(stream, head, &options))
		return false;
	len = outlet_response(&stream->to_client, head, &options, l7->scratch, sizeof(l7->scratch));
	if (len < 0)
		return false;
	stream->upstream->member->cores[l7->core->index].bytes_out += (uint64_t)len;
	return true;
}

/* RFC 9110 15.2: 1xx pass, but to HTTP/1.0, and but for the 100 that the client has from us. */
static bool on_interim(struct stream *stream, const struct http_head *head, unsigned minor)
{
	/* To a protocol that nobody asked for. */
	if (head->status == 101)
		return false;
	stream_count_response(stream, head->status, true);
	/* Of several members that may answer yet, none speaks to the client. */
	if (minor == 0 || (head->status == 100 && stream->is_continue_sent) ||
		hedge_is_racing(stream))
		return true;
	stream->is_continue_sent |= head->status == 100;
	return write_head(stream, head, minor);
}

static bool on_final(struct stream *stream, const struct http_head *head, unsigned minor)
{
	enum http_body framing = h1_response_framing(head, minor);

	/* A client of HTTP/2 would take it for the tunnel's begin. */
	if (stream->is_tunnel_wanted && stream->h2 != NULL && head->status / 100 == 2)
		return false;
	stream->response_timeout_ms = stream->pool->response_timeout_ms;
	if (!stream_has_replay(stream))
		replay_close(&stream->replay);
	stream->is_close = !inlet_head(&stream->request)->is_keep_alive ||
		!stream->is_request_done || stream->l7->is_draining ||
		framing == HTTP_BODY_UNTIL_CLOSE || connection_service(stream->connection) == NULL;
	if (!write_head(stream, head, minor))
		return false;
	hedge_win(stream);
	sticky_learn(stream, head);
	stream_count_response(stream, head->status, true);
	stream->times.answered_us = stream->l7->now_us;
	stream->to_client.framing = framing;
	stream->to_client.takes_trailers = http_takes_trailers(inlet_head(&stream->request));
	stream->state = STREAM_EXPECT_END;
	/* An error says that nobody wants the rest of the body; success may go on reading it. */
	if (!stream_is_sent(stream) && head->status >= 300)
		stream->is_body_given_up = true;
	stream_wait(stream, STREAM_MEMBER, true);
	return true;
}

static bool on_head(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->response);
	unsigned minor = inlet_head(&stream->request)->minor;
	bool is_agreed = stream->is_tunnel_wanted && tunnel_is_agreed(stream, head);
	bool is_good;

	if ((is_agreed || head->status >= 200) && stream_is_refused(stream, head->status))
		return false;
	if (is_agreed) {
		is_good = tunnel_open(stream, head);
		if (is_good)
			return false;
	} else if (head->status < 200) {
		is_good = on_interim(stream, head, minor);
	} else {
		is_good = on_final(stream, head, minor);
	}
	if (!is_good) {
		stream_blame(stream, L7_ENDED_member_invalid);
		stream_member_failed(stream, false);
	}
	return is_good;
}

static bool on_body(struct stream *stream, struct http_span body, bool *moved)
{
	struct l7_core *l7 = stream->l7;
	size_t len = outlet_pass(&stream->to_client, &stream->response, body);

	*moved |= len > 0;
	l7->counters.bytes_out += len;
	stream->body_out += len;
	connection_counters(stream->connection)->bytes_out += len;
	stream->upstream->member->cores[l7->core->index].bytes_out += len;
	if (len == body.len)
		return true;
	stream_wait(stream, STREAM_CLIENT, *moved);
	return false;
}

static void on_end(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->response);
	bool is_clean = head->is_keep_alive && stream_is_sent(stream) &&
		inlet_is_idle(&stream->response) && stream->to_member.pending == NULL;
	unsigned trailer_count;
	const struct http_field *trailers = inlet_trailers(&stream->response, &trailer_count);

	outlet_end(&stream->to_client, trailers, trailer_count);
	if (is_clean)
		stream_detach(stream, STREAM_KEEP);
	else
		stream_detach(stream, stream_is_sent(stream) ? STREAM_CLOSE : STREAM_ABORT);
	stream_end_response(stream);
}

/* One event of the answer. Returns false when it cannot go on now. */
static bool step(struct stream *stream, bool *moved)
{
	struct http_span body;

	switch (inlet_next(&stream->response, &body)) {
	case HTTP_EVENT_HEAD:
		*moved = true;
		return on_head(stream);
	case HTTP_EVENT_BODY:
		return on_body(stream, body, moved);
	case HTTP_EVENT_END:
		on_end(stream);
		return false;
	case HTTP_EVENT_MORE:
		if (inlet_is_eof(&stream->response))
			stream_member_failed(stream, false);
		else if (stream->state == STREAM_EXPECT_END)
			stream_wait(stream, STREAM_MEMBER, *moved);
		return false;
	default:
		stream->l7->refusals[inlet_refusal(&stream->response)]++;
		if (inlet_refusal(&stream->response) != HTTP_REFUSED_truncated)
			stream_blame(stream, L7_ENDED_member_invalid);
		stream_member_failed(stream, false);
		return false;
	}
}

void stream_pump_response(struct stream *stream)
{
	bool moved = false;

	if (stream->state == STREAM_TUNNEL) {
		tunnel_run(stream);
		return;
	}
	if (stream->upstream == NULL || !is_open(stream))
		return;
	do {
		if (stream->to_client.is_failed) {
			stream_starved(stream);
			return;
		}
		if (!outlet_flush(&stream->to_client)) {
			stream_wait(stream, STREAM_CLIENT, moved);
			return;
		}
	} while (step(stream, &moved));
	if (stream->state == STREAM_TUNNEL)
		tunnel_run(stream);
}
