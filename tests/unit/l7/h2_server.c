/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

/* A member that speaks HTTP/2 by prior knowledge: nghttp2 over a connection of the world's. */

#define STREAMS_MAX 64

struct h2_server_stream {
	int32_t id;
	uint64_t left, done;
	bool has_trailers;
};

struct h2_server_conn {
	struct server *server;
	struct tcp_conn *tcp;
	nghttp2_session *session;
	const uint8_t *out;
	size_t out_len;
	struct h2_server_conn *next;
	struct h2_server_stream streams[STREAMS_MAX];
	unsigned used;
	/* A WebSocket's bytes, which go back. */
	int32_t tunnel;
	char echo[65536];
	size_t echo_len;
	bool is_echo_end;
};

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct h2_server_conn *conn = ctx;
	struct h2_server_stream *stream = source->ptr;
	const char *trailers = conn->server->trailers;
	size_t len = size < stream->left ? size : (size_t)stream->left;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)world_byte(stream->done + i);
	if (conn->server->extra_bytes == 0 && len == 2)
		memcpy(out,
			(char[2]){
				(char)('A' + (conn->server - conn->server->world->servers)), '\n' },
			2);
	if (conn->server->message != NULL)
		memcpy(out, conn->server->message + stream->done, len);
	stream->done += len;
	stream->left -= len;
	if (stream->left > 0)
		return (ssize_t)len;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (trailers != NULL) {
		const char *colon = strchr(trailers, ':');
		nghttp2_nv nv = { .name = (uint8_t *)trailers,
			.namelen = (size_t)(colon - trailers),
			.value = (uint8_t *)colon + 2,
			.valuelen = strcspn(colon + 2, "\n") };

		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, &nv, 1);
	}
	return (ssize_t)len;
}

static void answer(struct h2_server_conn *conn, int32_t id)
{
	nghttp2_nv nv = {
		.name = (uint8_t *)":status", .namelen = 7, .value = (uint8_t *)"200", .valuelen = 3
	};
	struct server *server = conn->server;
	struct h2_server_stream *stream = &conn->streams[conn->used++ % STREAMS_MAX];
	nghttp2_data_provider body = { .source.ptr = stream, .read_callback = read_body };

	server->requests++;
	if (server->aborts_on_request > 0) {
		server->aborts_on_request--;
		nghttp2_submit_rst_stream(conn->session, 0, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	if (server->is_holding)
		return;
	*stream = (struct h2_server_stream){ .id = id,
		.left = server->message != NULL   ? server->message_len
			: server->extra_bytes > 0 ? server->extra_bytes
						  : 2 };
	nghttp2_submit_response(conn->session, id, &nv, 1, &body);
	if (server->goes_away)
		nghttp2_submit_goaway(conn->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
}

static ssize_t read_echo(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct h2_server_conn *conn = ctx;
	size_t len = size < conn->echo_len ? size : conn->echo_len;

	(void)session;
	(void)id;
	(void)source;
	if (len == 0 && !conn->is_echo_end)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(out, conn->echo, len);
	memmove(conn->echo, conn->echo + len, conn->echo_len - len);
	conn->echo_len -= len;
	if (conn->is_echo_end && conn->echo_len == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static bool tunnel_begin(struct h2_server_conn *conn, int32_t id)
{
	nghttp2_nv nv = {
		.name = (uint8_t *)":status", .namelen = 7, .value = (uint8_t *)"200", .valuelen = 3
	};
	nghttp2_data_provider echo = { .read_callback = read_echo };

	if (strstr(conn->server->head, ":protocol: websocket\n") == NULL)
		return false;
	conn->server->requests++;
	conn->tunnel = id;
	conn->is_echo_end = false;
	nghttp2_submit_response(conn->session, id, &nv, 1, &echo);
	return true;
}

static void tunnel_data(struct h2_server_conn *conn, const uint8_t *data, size_t len)
{
	struct server *server = conn->server;

	assert_true(conn->echo_len + len <= sizeof(conn->echo));
	memcpy(conn->echo + conn->echo_len, data, len);
	conn->echo_len += len;
	for (size_t i = 0; i < len; i++) {
		memmove(server->tail, server->tail + 1, sizeof(server->tail) - 1);
		server->tail[sizeof(server->tail) - 1] = (char)data[i];
	}
	nghttp2_session_resume_data(conn->session, conn->tunnel);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	struct h2_server_conn *conn = ctx;
	char *head = conn->server->head;
	size_t used = strlen(head);

	(void)session;
	(void)frame;
	(void)flags;
	if (name_len == 7 && memcmp(name, ":method", 7) == 0)
		used = 0;
	snprintf(head + used, sizeof(conn->server->head) - used, "%.*s: %.*s\n", (int)name_len,
		name, (int)value_len, value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *ctx)
{
	struct h2_server_conn *conn = ctx;

	(void)session;
	(void)flags;
	conn->server->body_bytes += len;
	if (id == conn->tunnel)
		tunnel_data(conn, data, len);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_server_conn *conn = ctx;

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		conn->server->resets++;
	if (frame->hd.type == NGHTTP2_HEADERS && tunnel_begin(conn, frame->hd.stream_id))
		return 0;
	if (frame->hd.type == NGHTTP2_DATA && frame->hd.stream_id == conn->tunnel) {
		conn->is_echo_end |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
		conn->server->eofs += conn->is_echo_end;
		nghttp2_session_resume_data(session, conn->tunnel);
		return 0;
	}
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		answer(conn, frame->hd.stream_id);
	return 0;
}

static void push(struct h2_server_conn *conn)
{
	for (;;) {
		size_t taken;

		if (conn->out_len == 0) {
			ssize_t len = nghttp2_session_mem_send(conn->session, &conn->out);

			assert_true(len >= 0);
			conn->out_len = (size_t)len;
		}
		if (conn->out_len == 0)
			break;
		taken = tcp_write(conn->tcp, conn->out, conn->out_len);
		conn->out += taken;
		conn->out_len -= taken;
		if (conn->out_len > 0)
			return;
	}
	if (!nghttp2_session_want_read(conn->session) || tcp_is_eof(conn->tcp))
		tcp_shutdown(conn->tcp);
}

static void on_event(struct tcp_conn *tcp, void *ctx)
{
	struct h2_server_conn *conn = ctx;
	struct tcp_span span;

	while (!conn->server->is_stuck && tcp_peek(tcp, &span, 1) > 0) {
		ssize_t taken = nghttp2_session_mem_recv(conn->session, span.data, span.len);

		assert_true(taken == (ssize_t)span.len);
		tcp_consume(tcp, span.len);
	}
	push(conn);
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct h2_server_conn *conn = ctx;

	(void)tcp;
	(void)reason;
	conn->server->open--;
	conn->tcp = NULL;
}

static const struct tcp_handler handler = {
	.on_readable = on_event,
	.on_writable = on_event,
	.on_closed = on_closed,
};

void h2_server_accept(struct server *server, struct tcp_conn *tcp)
{
	const nghttp2_settings_entry connect = { NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 };
	struct h2_server_conn *conn = calloc(1, sizeof(*conn));
	nghttp2_session_callbacks *callbacks;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_server_new(&conn->session, callbacks, conn);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(conn->session, 0, &connect, server->tunnels ? 1 : 0);
	conn->server = server;
	conn->tcp = tcp;
	conn->next = server->world->h2_server_conns;
	server->world->h2_server_conns = conn;
	tcp_set_handler(tcp, &handler, conn);
	push(conn);
}

void h2_servers_free(struct world *world)
{
	while (world->h2_server_conns != NULL) {
		struct h2_server_conn *conn = world->h2_server_conns;

		world->h2_server_conns = conn->next;
		nghttp2_session_del(conn->session);
		free(conn);
	}
}
