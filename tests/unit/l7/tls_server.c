/* SPDX-License-Identifier: Apache-2.0 */
/* A member behind TLS: one short answer to each request that has no body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers.h"

struct tls_server_conn {
	struct server *server;
	struct tcp_conn *tcp;
	struct tls_session *session;
	struct tls_server_conn *next;
	size_t head_len;
	bool is_failed;
};

static size_t receive(void *ctx, uint8_t *data, size_t max)
{
	struct tls_server_conn *conn = ctx;
	struct tcp_span span;

	if (conn->tcp == NULL || tcp_peek(conn->tcp, &span, 1) == 0)
		return 0;
	max = span.len < max ? span.len : max;
	memcpy(data, span.data, max);
	tcp_consume(conn->tcp, max);
	return max;
}

static size_t send_bytes(void *ctx, const uint8_t *data, size_t len)
{
	struct tls_server_conn *conn = ctx;

	return conn->tcp == NULL ? 0 : tcp_write(conn->tcp, data, len);
}

static const struct tls_io io = { .receive = receive, .send = send_bytes };

static void answer(struct tls_server_conn *conn)
{
	struct server *server = conn->server;
	char text[128];
	int len;

	if (server->answer != NULL)
		len = snprintf(text, sizeof(text), "%s", server->answer);
	else
		len = snprintf(text, sizeof(text),
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%c\n",
			(char)('A' + (server - server->world->servers)));

	server->requests++;
	conn->head_len = 0;
	assert_int_equal(tls_write(conn->session, text, (size_t)len), len);
	if (server->closes)
		assert_int_equal(tls_close(conn->session), TLS_OK);
	if (server->closes || server->cuts)
		tcp_shutdown(conn->tcp);
}

static void read_requests(struct tls_server_conn *conn)
{
	char *head = conn->server->head;
	int got;

	while ((got = tls_read(conn->session, head + conn->head_len,
			sizeof(conn->server->head) - 1 - conn->head_len)) > 0) {
		conn->head_len += (size_t)got;
		head[conn->head_len] = '\0';
		if (strstr(head, "\r\n\r\n") != NULL)
			answer(conn);
	}
	if (got != TLS_AGAIN || tcp_is_eof(conn->tcp))
		tcp_shutdown(conn->tcp);
}

static void on_event(struct tcp_conn *tcp, void *ctx)
{
	struct tls_server_conn *conn = ctx;

	if (conn->server->is_stuck || conn->is_failed)
		return;
	switch (tls_handshake(conn->session)) {
	case TLS_OK:
		read_requests(conn);
		break;
	case TLS_AGAIN:
		if (!tcp_is_eof(tcp))
			break;
		/* fall through */
	default:
		conn->is_failed = true;
		conn->server->tls_failures++;
		tcp_shutdown(tcp);
	}
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct tls_server_conn *conn = ctx;

	(void)tcp;
	(void)reason;
	conn->server->open--;
	conn->tcp = NULL;
	conn->is_failed = true;
}

static const struct tcp_handler handler = {
	.on_readable = on_event,
	.on_writable = on_event,
	.on_closed = on_closed,
};

void tls_server_accept(struct server *server, struct tcp_conn *tcp)
{
	struct tls_server_conn *conn = calloc(1, sizeof(*conn));

	assert_non_null(conn);
	conn->server = server;
	conn->tcp = tcp;
	conn->session = tls_session_create(server->tls, &io, conn);
	assert_non_null(conn->session);
	conn->next = server->world->tls_server_conns;
	server->world->tls_server_conns = conn;
	tcp_set_handler(tcp, &handler, conn);
}

void tls_servers_free(struct world *world)
{
	while (world->tls_server_conns != NULL) {
		struct tls_server_conn *conn = world->tls_server_conns;

		world->tls_server_conns = conn->next;
		tls_session_destroy(conn->session);
		free(conn);
	}
}
