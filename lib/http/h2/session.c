/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/param.h>

#include "internal.h"

#define SETTING_COUNT_MAX 5

void *h2_alloc(struct h2_session *session, size_t len)
{
	return session->params.memory(session->params.ctx, NULL, len);
}

void h2_free(struct h2_session *session, void *object)
{
	session->params.memory(session->params.ctx, object, 0);
}

static void *memory_malloc(size_t len, void *ctx)
{
	struct h2_params *params = ctx;

	return len == 0 ? NULL : params->memory(params->ctx, NULL, len);
}

static void memory_free(void *object, void *ctx)
{
	struct h2_params *params = ctx;

	if (object != NULL)
		params->memory(params->ctx, object, 0);
}

static void *memory_calloc(size_t count, size_t size, void *ctx)
{
	void *object = memory_malloc(count * size, ctx);

	if (object != NULL)
		memset(object, 0, count * size);
	return object;
}

static void *memory_realloc(void *object, size_t len, void *ctx)
{
	struct h2_params *params = ctx;

	return params->memory(params->ctx, object, len);
}

const char *h2_failure_name(enum h2_failure failure)
{
	static const char *const names[H2_FAILURE_COUNT] = {
		[H2_FAILED_NOT] = "not",
#define H2_FAILURE(name, help) [H2_FAILED_##name] = #name,
#include "http/h2_failure.def"
#undef H2_FAILURE
	};

	return names[failure];
}

void h2_wake(struct h2_session *session)
{
	session->params.wake(session->params.ctx);
}

void h2_fail(struct h2_session *session, enum h2_failure failure)
{
	if (session->failure != H2_FAILED_NOT)
		return;
	session->failure = failure;
	if (!session->is_terminated)
		nghttp2_session_terminate_session(session->nghttp2,
			failure == H2_FAILED_memory ? NGHTTP2_INTERNAL_ERROR
						    : NGHTTP2_ENHANCE_YOUR_CALM);
	session->is_terminated = true;
	h2_wake(session);
}

void h2_stream_ready(struct h2_stream *stream)
{
	if (stream->is_ready || stream->is_left)
		return;
	stream->is_ready = true;
	TAILQ_INSERT_TAIL(&stream->session->ready, stream, ready_link);
	h2_wake(stream->session);
}

struct h2_stream *h2_next_ready(struct h2_session *session)
{
	struct h2_stream *stream = TAILQ_FIRST(&session->ready);

	if (stream == NULL)
		return NULL;
	TAILQ_REMOVE(&session->ready, stream, ready_link);
	stream->is_ready = false;
	stream->is_known = true;
	return stream;
}

struct h2_stream *h2_stream_create(struct h2_session *session, int32_t id)
{
	struct h2_stream *stream = h2_alloc(session, sizeof(*stream));

	if (stream == NULL) {
		h2_fail(session, H2_FAILED_memory);
		return NULL;
	}
	memset(stream, 0, sizeof(*stream));
	stream->session = session;
	stream->id = id;
	STAILQ_INIT(&stream->blocks);
	LIST_INSERT_HEAD(&session->streams, stream, link);
	session->stream_count++;
	session->flood.streams++;
	return stream;
}

static void blocks_clear(struct h2_stream *stream)
{
	while (!STAILQ_EMPTY(&stream->blocks)) {
		struct h2_block *block = STAILQ_FIRST(&stream->blocks);

		STAILQ_REMOVE_HEAD(&stream->blocks, link);
		h2_block_free(stream->session, block);
	}
}

static void stream_destroy(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (stream->is_ready)
		TAILQ_REMOVE(&session->ready, stream, ready_link);
	LIST_REMOVE(stream, link);
	session->stream_count--;
	blocks_clear(stream);
	h2_block_free(session, stream->current);
	h2_block_free(session, stream->trailers);
	h2_block_free(session, stream->send_trailers);
	h2_queue_clear(session, &stream->in);
	h2_queue_clear(session, &stream->out);
	h2_free(session, stream);
}

void h2_stream_close(struct h2_stream *stream, enum h2_code code)
{
	struct h2_session *session = stream->session;

	/* What nobody will read makes room for the other streams. */
	if (stream->in.len > 0)
		nghttp2_session_consume_connection(session->nghttp2, stream->in.len);
	h2_wake(session);
	if (stream->is_closed) {
		stream_destroy(stream);
		return;
	}
	h2_queue_clear(session, &stream->in);
	h2_queue_clear(session, &stream->out);
	if (stream->is_ready)
		TAILQ_REMOVE(&session->ready, stream, ready_link);
	stream->is_ready = false;
	stream->is_left = true;
	stream->owner = NULL;
	nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, code);
}

static struct h2_stream *stream_of(nghttp2_session *nghttp2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(nghttp2, id);
}

static bool is_empty_data(const nghttp2_frame_hd *hd)
{
	return hd->type == NGHTTP2_DATA && hd->length == 0 &&
		(hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
}

/* Every frame is counted by its header, whether it turns out to be valid or not. */
static int on_begin_frame(nghttp2_session *nghttp2, const nghttp2_frame_hd *hd, void *ctx)
{
	struct h2_session *session = ctx;
	bool is_ack = (hd->flags & NGHTTP2_FLAG_ACK) != 0;

	(void)nghttp2;
	if (hd->type == NGHTTP2_RST_STREAM)
		h2_flood_count(session, KIND_RESET);
	else if (hd->type == NGHTTP2_SETTINGS && !is_ack)
		h2_flood_count(session, KIND_SETTINGS);
	else if (hd->type == NGHTTP2_PING && !is_ack)
		h2_flood_count(session, KIND_PING);
	else if (hd->type == NGHTTP2_PRIORITY || hd->type == NGHTTP2_PRIORITY_UPDATE)
		h2_flood_count(session, KIND_PRIORITY);
	else if (hd->type == NGHTTP2_WINDOW_UPDATE)
		h2_flood_count(session, KIND_WINDOW_UPDATE);
	else if (is_empty_data(hd))
		h2_flood_count(session, KIND_EMPTY);
	return 0;
}

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, frame->hd.stream_id);
	bool is_client = session->params.role == H2_CLIENT;

	if (stream == NULL && !is_client && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		stream = h2_stream_create(session, frame->hd.stream_id);
		nghttp2_session_set_stream_user_data(nghttp2, frame->hd.stream_id, stream);
	}
	if (stream != NULL)
		h2_assembly_begin(session, is_client, stream->has_head);
	return 0;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, nghttp2_rcbuf *name,
	nghttp2_rcbuf *value, uint8_t flags, void *ctx)
{
	struct h2_session *session = ctx;
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
	nghttp2_vec v = nghttp2_rcbuf_get_buf(value);

	(void)nghttp2;
	(void)frame;
	(void)flags;
	if (session->assembly != NULL)
		h2_assembly_field(session,
			(struct http_span){ .data = (const char *)n.base, .len = n.len },
			(struct http_span){ .data = (const char *)v.base, .len = v.len });
	return 0;
}

static void head_done(struct h2_stream *stream, struct h2_block *block, bool is_last)
{
	stream->is_remote_end |= is_last;
	if (stream->has_head) {
		stream->trailers = block;
		return;
	}
	STAILQ_INSERT_TAIL(&stream->blocks, block, link);
	if (stream->session->params.role == H2_SERVER || block->head->status >= 200)
		stream->has_head = true;
	else if (++stream->interim_count > INTERIM_MAX || is_last)
		stream->refusal = HTTP_REFUSED_surplus;
	if (block->head->body == HTTP_BODY_LENGTH)
		stream->has_length = true;
	stream->is_tunnel |= block->head->protocol.len > 0;
}

static void on_headers_done(struct h2_session *session, const nghttp2_frame *frame)
{
	struct h2_stream *stream = stream_of(session->nghttp2, frame->hd.stream_id);
	bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	enum http_refusal refusal;
	struct h2_block *block;

	if (session->assembly == NULL || stream == NULL)
		return;
	block = h2_assembly_finish(session, stream, is_last, &refusal);
	if (block != NULL)
		head_done(stream, block, is_last);
	else if (stream->refusal == HTTP_REFUSED_NOT)
		stream->refusal = refusal;
	if (block != NULL || refusal != HTTP_REFUSED_NOT)
		h2_stream_ready(stream);
}

static int on_frame_recv(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		on_headers_done(session, frame);
		break;
	case NGHTTP2_DATA:
		if (frame->hd.length > 0 && frame->data.padlen >= frame->hd.length &&
			(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
			h2_flood_count(session, KIND_EMPTY);
		stream = stream_of(nghttp2, frame->hd.stream_id);
		if (stream == NULL || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
			break;
		stream->is_remote_end = true;
		h2_stream_ready(stream);
		break;
	case NGHTTP2_SETTINGS:
		session->has_settings |= (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
		break;
	case NGHTTP2_GOAWAY:
		session->is_going = true;
		break;
	case NGHTTP2_PING:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session->is_draining)
			session->is_drain_seen = true;
		break;
	default:
		break;
	}
	h2_wake(session);
	return 0;
}

/* What nghttp2 refuses by itself: it resets the stream. */
static int on_invalid_frame(
	nghttp2_session *nghttp2, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, frame->hd.stream_id);
	enum http_refusal refusal = HTTP_REFUSED_h2_head;

	(void)error;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* The rule that we found to be broken first has the better name. */
	if (session->assembly != NULL && session->assembly->refusal != HTTP_REFUSED_NOT)
		refusal = session->assembly->refusal;
	h2_assembly_drop(session);
	if (stream == NULL)
		return 0;
	if (stream->is_known)
		stream->refusal = refusal;
	else
		session->params.refused(session->params.ctx, refusal);
	return 0;
}

static int on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, id);
	uint64_t limit = session->params.limits.body_bytes;

	(void)flags;
	if (stream == NULL || stream->is_left || stream->refusal != HTTP_REFUSED_NOT) {
		nghttp2_session_consume(nghttp2, id, len);
		return 0;
	}
	stream->body_total += len;
	if (stream->body_limit != 0)
		limit = stream->body_limit;
	if (limit != 0 && stream->body_total > limit && !stream->is_tunnel) {
		stream->refusal = HTTP_REFUSED_body_too_large;
		nghttp2_session_consume(nghttp2, id, len);
	} else if (h2_queue_put(session, &stream->in, (const char *)data, len) < len) {
		h2_fail(session, H2_FAILED_memory);
	}
	h2_stream_ready(stream);
	return 0;
}

static int on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t code, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, id);

	h2_wake(session);
	if (stream == NULL)
		return 0;
	stream->is_closed = true;
	stream->is_unprocessed = code == NGHTTP2_REFUSED_STREAM;
	stream->is_cut = !stream->is_remote_end || !stream->is_sent;
	/* RFC 9113 8.1.1: nghttp2 reset it since the body did not have its length. */
	if (stream->is_reset_by_us && code == NGHTTP2_PROTOCOL_ERROR && stream->has_length &&
		stream->refusal == HTTP_REFUSED_NOT)
		stream->refusal = HTTP_REFUSED_h2_length;
	if (stream->is_left || (!stream->is_known && session->params.role == H2_SERVER)) {
		if (!stream->is_left && stream->refusal != HTTP_REFUSED_NOT)
			session->params.refused(session->params.ctx, stream->refusal);
		stream_destroy(stream);
		return 0;
	}
	h2_stream_ready(stream);
	return 0;
}

static bool is_peers_fault(uint32_t code)
{
	return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
		code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR ||
		code == NGHTTP2_REFUSED_STREAM || code == NGHTTP2_COMPRESSION_ERROR;
}

static int on_frame_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_DATA)
		session->flood.data_sent++;
	if (frame->hd.type == NGHTTP2_RST_STREAM) {
		if (stream != NULL)
			stream->is_reset_by_us = true;
		if (is_peers_fault(frame->rst_stream.error_code))
			h2_flood_count(session, KIND_ERROR);
	}
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
		session->failure == H2_FAILED_NOT) {
		session->failure = H2_FAILED_protocol;
		session->is_terminated = true;
	}
	if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
		(frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
		stream->is_sent = true;
		h2_stream_ready(stream);
	}
	return 0;
}

static void callbacks_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
}

static void options_set(nghttp2_option *option, const struct h2_params *params)
{
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_continuations(option, params->budgets.continuations);
	/* Its own limit of resets has no counter: ours comes first, whatever it is set to. */
	nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
	nghttp2_option_set_peer_max_concurrent_streams(option, params->max_streams);
	/* RFC 9218: urgency decides whose data goes first. */
	nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
}

static int settings_submit(struct h2_session *session)
{
	const struct h2_params *params = &session->params;
	bool is_server = params->role == H2_SERVER;
	nghttp2_settings_entry entries[SETTING_COUNT_MAX] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, params->stream_window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)params->limits.header_bytes },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, is_server ? params->max_streams : 0 },
	};
	size_t count = 4;

	if (!is_server)
		entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
	else if (params->takes_websocket)
		entries[count++] = (nghttp2_settings_entry){
			NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1
		};
	if (nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, entries, count) != 0)
		return -1;
	return nghttp2_session_set_local_window_size(
		session->nghttp2, NGHTTP2_FLAG_NONE, 0, (int32_t)params->connection_window);
}

static int nghttp2_create(struct h2_session *session)
{
	nghttp2_mem memory = {
		.mem_user_data = &session->params,
		.malloc = memory_malloc,
		.free = memory_free,
		.calloc = memory_calloc,
		.realloc = memory_realloc,
	};
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int result = -1;

	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
		callbacks_set(callbacks);
		options_set(option, &session->params);
		if (session->params.role == H2_SERVER)
			result = nghttp2_session_server_new3(
				&session->nghttp2, callbacks, session, option, &memory);
		else
			result = nghttp2_session_client_new3(
				&session->nghttp2, callbacks, session, option, &memory);
	}
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return result;
}

struct h2_session *h2_session_create(const struct h2_params *params)
{
	struct h2_session *session = params->memory(params->ctx, NULL, sizeof(*session));

	if (session == NULL)
		return NULL;
	memset(session, 0, sizeof(*session));
	session->params = *params;
	TAILQ_INIT(&session->ready);
	LIST_INIT(&session->streams);
	if (nghttp2_create(session) == 0 && settings_submit(session) == 0)
		return session;
	h2_session_destroy(session);
	return NULL;
}

void h2_session_destroy(struct h2_session *session)
{
	struct h2_stream *stream;

	if (session == NULL)
		return;
	h2_assembly_drop(session);
	while ((stream = LIST_FIRST(&session->streams)) != NULL)
		stream_destroy(stream);
	nghttp2_session_del(session->nghttp2);
	h2_free(session, session);
}

bool h2_receive(struct h2_session *session, const char *data, size_t len, uint64_t now_us)
{
	ssize_t taken;

	session->now_us = now_us;
	if (session->is_terminated)
		return false;
	taken = nghttp2_session_mem_recv(session->nghttp2, (const uint8_t *)data, len);
	if (taken == (ssize_t)len)
		return session->failure == H2_FAILED_NOT;
	if (taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
		h2_fail(session, H2_FAILED_continuation);
	else if (taken == NGHTTP2_ERR_FLOODED)
		h2_fail(session, H2_FAILED_ping);
	else if (taken == NGHTTP2_ERR_NOMEM)
		h2_fail(session, H2_FAILED_memory);
	else
		h2_fail(session, H2_FAILED_protocol);
	return false;
}
