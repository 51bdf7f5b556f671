/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/h1.h"
#include "http/websocket.h"

struct server_conn {
	struct server *server;
	bool is_introduced;
	struct tcp_conn *tcp;
	struct server_conn *next;
	struct h1_parser *parser;
	void *memory;
	char head_buffer[8192];
	char out[16384];
	size_t out_len, out_at;
	uint64_t extra_left, extra_done;
	bool is_answering;
	bool is_done; /* no further request is read */
	bool is_raw;  /* a WebSocket's bytes, which go back */
};

struct server *server_at(struct world *world, const struct ip_addr *address)
{
	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		if (ip_equal(&world->servers[i].address, address))
			return &world->servers[i];
	return NULL;
}

static void parser_start(struct server_conn *conn)
{
	const struct http_limits limits = {
		.target_bytes = 8192, .header_bytes = 8192, .header_fields = HTTP_FIELDS_MAX
	};

	memset(conn->head_buffer, 0, sizeof(conn->head_buffer));
	conn->parser = h1_parser_init(
		conn->memory, H1_REQUEST, &limits, conn->head_buffer, sizeof(conn->head_buffer));
}

/* Sends what is left of the answer; true when all is on its way. */
static bool server_flush(struct server_conn *conn)
{
	while (conn->out_at < conn->out_len) {
		size_t taken = tcp_write(
			conn->tcp, conn->out + conn->out_at, conn->out_len - conn->out_at);

		if (taken == 0)
			return false;
		conn->out_at += taken;
	}
	while (conn->extra_left > 0) {
		char piece[4096];
		size_t len = conn->extra_left < sizeof(piece) ? (size_t)conn->extra_left
							      : sizeof(piece);
		size_t taken;

		for (size_t i = 0; i < len; i++)
			piece[i] = world_byte(conn->extra_done + i);
		taken = tcp_write(conn->tcp, piece, len);
		conn->extra_left -= taken;
		conn->extra_done += taken;
		if (taken < len)
			return false;
	}
	return true;
}

static void server_write(struct server_conn *conn, const char *data, size_t len)
{
	if (conn->out_at == conn->out_len)
		conn->out_at = conn->out_len = 0;
	assert_true(conn->out_len + len <= sizeof(conn->out));
	memcpy(conn->out + conn->out_len, data, len);
	conn->out_len += len;
	server_flush(conn);
}

/* Behind the answer. Returns false when the connection is gone. */
static bool server_after(struct server_conn *conn)
{
	if (!conn->is_answering || !server_flush(conn))
		return true;
	conn->is_answering = false;
	if (conn->server->aborts) {
		/* What is queued would be lost by RST: it leaves first. */
		tcp_advance(conn->server->world->peer, conn->server->world->now_us);
		tcp_abort(conn->tcp);
		return false;
	}
	if (conn->server->closes) {
		tcp_shutdown(conn->tcp);
		conn->is_done = true;
	}
	return true;
}

static bool server_answer(struct server_conn *conn)
{
	struct server *server = conn->server;
	char text[128];

	server->requests++;
	if (server->aborts_on_request > 0) {
		server->aborts_on_request--;
		tcp_abort(conn->tcp);
		return false;
	}
	if (server->is_holding)
		return true;
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%c\n",
		(char)('A' + (server - server->world->servers)));
	if (server->answer != NULL)
		server_write(conn, server->answer, strlen(server->answer));
	else
		server_write(conn, text, strlen(text));
	conn->extra_left = server->extra_bytes;
	conn->extra_done = 0;
	conn->is_answering = true;
	return server_after(conn);
}

static void server_head(struct server_conn *conn, const char *data, size_t len)
{
	size_t kept = len < sizeof(conn->server->head) - 1 ? len : sizeof(conn->server->head) - 1;

	memcpy(conn->server->head, data, kept);
	conn->server->head[kept] = '\0';
}

static void server_body(struct server_conn *conn, struct http_span body)
{
	struct server *server = conn->server;
	char head[H1_CHUNK_HEAD_MAX];

	for (size_t i = 0; i < body.len; i++)
		server->body_sum += (uint8_t)body.data[i] * (uint32_t)(server->body_bytes + i + 1);
	server->body_bytes += body.len;
	if (!server->echoes)
		return;
	server_write(conn, head, (size_t)h1_write_chunk_head(head, body.len));
	server_write(conn, body.data, body.len);
	server_write(conn, "\r\n", 2);
}

static void trailers_note(struct server_conn *conn)
{
	char *out = conn->server->trailers_seen;
	unsigned count;
	const struct http_field *trailers = h1_trailers(conn->parser, &count);

	out[0] = '\0';
	for (unsigned i = 0; i < count; i++)
		snprintf(out + strlen(out), sizeof(conn->server->trailers_seen) - strlen(out),
			"%.*s=%.*s\n", (int)trailers[i].name.len, trailers[i].name.data,
			(int)trailers[i].value.len, trailers[i].value.data);
}

/* The answer to a WebSocket's opening handshake, if that is what the head was. */
static bool server_switch(struct server_conn *conn)
{
	const char *field = strstr(conn->server->head, "Sec-WebSocket-Key: ");
	char accept[WEBSOCKET_ACCEPT_LEN + 1], text[256];
	struct http_span key;

	if (!conn->server->tunnels || strstr(conn->server->head, "Upgrade: websocket") == NULL ||
		field == NULL)
		return false;
	key = (struct http_span){ .data = strchr(field, ' ') + 1, .len = WEBSOCKET_KEY_LEN };
	websocket_accept_make(accept, key);
	if (conn->server->is_wrong)
		accept[0] ^= 1;
	snprintf(text, sizeof(text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	conn->server->requests++;
	conn->is_raw = true;
	server_write(conn, text, strlen(text));
	return true;
}

static void tail_keep(struct server *server, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		memmove(server->tail, server->tail + 1, sizeof(server->tail) - 1);
		server->tail[sizeof(server->tail) - 1] = (char)data[i];
	}
}

static void raw_readable(struct server_conn *conn)
{
	struct tcp_span span;

	while (!conn->server->is_stuck && server_flush(conn) && tcp_peek(conn->tcp, &span, 1) > 0) {
		size_t len = span.len < 4096 ? span.len : 4096;

		tail_keep(conn->server, span.data, len);
		server_write(conn, (const char *)span.data, len);
		tcp_consume(conn->tcp, len);
		conn->server->body_bytes += len;
	}
	if (tcp_is_eof(conn->tcp) && server_flush(conn) && !conn->is_done) {
		conn->server->eofs++;
		conn->is_done = true;
		tcp_shutdown(conn->tcp);
	}
}

/* Returns false when the connection is gone. */
static bool server_event(struct server_conn *conn, enum http_event event, struct http_span body)
{
	struct server *server = conn->server;

	switch (event) {
	case HTTP_EVENT_HEAD:
		if (server->echoes)
			server_write(conn, server->answer, strlen(server->answer));
		return !server->answers_early || server_answer(conn);
	case HTTP_EVENT_BODY:
		server_body(conn, body);
		return true;
	case HTTP_EVENT_END:
		trailers_note(conn);
		parser_start(conn);
		if (server_switch(conn))
			return true;
		if (server->echoes) {
			server->requests++;
			server_write(conn, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
			return true;
		}
		return server->answers_early || server_answer(conn);
	default:
		fail_msg("the proxy sent what no server takes: %s",
			http_refusal_name(h1_refusal(conn->parser)));
		return false;
	}
}

/* False: it is not complete yet. */
static bool server_introduced(struct server_conn *conn)
{
	struct server *server = conn->server;
	struct tcp_span span;
	int len;

	if (!server->expects_proxy || conn->is_introduced)
		return true;
	if (tcp_peek(conn->tcp, &span, 1) == 0)
		return false;
	len = proxy_header_parse(span.data, span.len, &server->proxy);
	assert_true(len > 0);
	snprintf(server->proxy_authority, sizeof(server->proxy_authority), "%.*s",
		(int)server->proxy.authority.len, (const char *)server->proxy.authority.data);
	tcp_consume(conn->tcp, (size_t)len);
	conn->is_introduced = true;
	return true;
}

static void server_readable(struct tcp_conn *tcp, void *ctx)
{
	struct server_conn *conn = ctx;
	struct tcp_span span = { 0 };

	if (!server_introduced(conn))
		return;
	while (!conn->is_done && !conn->server->is_stuck && !conn->is_raw) {
		struct http_span body = { 0 };
		enum http_event event;
		size_t consumed;

		if (tcp_peek(tcp, &span, 1) == 0)
			span.len = 0;
		if (conn->server->echoes && conn->out_len - conn->out_at > sizeof(conn->out) / 4)
			return;
		if (span.len > 2048)
			span.len = 2048;
		event = h1_next(conn->parser, (const char *)span.data, span.len, &consumed, &body);
		if (event == HTTP_EVENT_HEAD)
			server_head(conn, conn->head_buffer, sizeof(conn->head_buffer) - 1);
		if (event == HTTP_EVENT_MORE && consumed == 0)
			break;
		if (event != HTTP_EVENT_MORE && !server_event(conn, event, body))
			return;
		tcp_consume(tcp, consumed);
	}
	if (conn->is_raw)
		raw_readable(conn);
	else if (tcp_is_eof(tcp) && !conn->is_answering)
		tcp_shutdown(tcp);
}

static void server_writable(struct tcp_conn *tcp, void *ctx)
{
	struct server_conn *conn = ctx;

	if (server_flush(conn) && server_after(conn))
		server_readable(tcp, conn);
}

static void server_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct server_conn *conn = ctx;

	(void)tcp;
	(void)reason;
	conn->server->open--;
	conn->tcp = NULL;
	conn->is_done = true;
}

static const struct tcp_handler server_handler = {
	.on_readable = server_readable,
	.on_writable = server_writable,
	.on_closed = server_closed,
};

int server_accept(void *ctx, struct tcp_conn *tcp)
{
	struct world *world = ctx;
	struct server_conn *conn;
	struct server *server;
	struct tcp_info info;

	tcp_conn_info(tcp, &info);
	server = server_at(world, &info.tuple.dst);
	assert_non_null(server);
	server->accepted++;
	server->open++;
	if (server->tls != NULL) {
		tls_server_accept(server, tcp);
		return 0;
	}
	if (server->is_h2) {
		h2_server_accept(server, tcp);
		return 0;
	}
	conn = calloc(1, sizeof(*conn));
	conn->server = server;
	conn->tcp = tcp;
	conn->is_raw = server->is_raw;
	conn->memory = aligned_alloc(64, RTE_ALIGN_CEIL(h1_parser_bytes(), (size_t)64));
	conn->next = world->server_conns;
	world->server_conns = conn;
	parser_start(conn);
	tcp_set_handler(tcp, &server_handler, conn);
	return 0;
}

void server_resume(struct server *server)
{
	server->is_stuck = false;
	for (struct server_conn *conn = server->world->server_conns; conn != NULL;
		conn = conn->next) {
		if (conn->server == server && conn->tcp != NULL)
			server_readable(conn->tcp, conn);
	}
}

void servers_free(struct world *world)
{
	h2_servers_free(world);
	tls_servers_free(world);
	while (world->server_conns != NULL) {
		struct server_conn *conn = world->server_conns;

		world->server_conns = conn->next;
		free(conn->memory);
		free(conn);
	}
}
