/* SPDX-License-Identifier: Apache-2.0 */
#include "connection_h2.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include <rte_common.h>

#include "core.h"
#include "listener.h"
#include "tunnel.h"

/* For the peer to see the first GOAWAY, when it does not acknowledge it. */
#define DRAIN_MS 1000

/* As much of the preface as no request of HTTP/1 begins with. */
static const char preface[] = "PRI * HTTP/2.0";

bool connection_h2_is_chosen(const struct connection *connection)
{
	const char *alpn;

	if (connection->transport.tls == NULL)
		return false;
	alpn = tls_session_alpn(connection->transport.tls);
	return alpn != NULL && strcmp(alpn, "h2") == 0;
}

enum connection_version connection_h2_detect(const struct connection *connection)
{
	const struct tcp_conn *tcp = connection->transport.tcp;
	struct tcp_span spans[sizeof(preface)];
	size_t seen = 0;
	unsigned count;

	if (connection->transport.tls != NULL || !connection->listener->prior_knowledge)
		return CONNECTION_IS_H1;
	count = tcp_peek(tcp, spans, sizeof(preface));
	for (unsigned i = 0; i < count && seen < sizeof(preface) - 1; i++) {
		size_t len = MIN(spans[i].len, sizeof(preface) - 1 - seen);

		if (memcmp(spans[i].data, preface + seen, len) != 0)
			return CONNECTION_IS_H1;
		seen += len;
	}
	if (seen == sizeof(preface) - 1)
		return CONNECTION_IS_H2;
	/* Half a preface and no more to come is a bad request of HTTP/1. */
	return tcp_is_eof(tcp) || seen == 0 ? CONNECTION_IS_H1 : CONNECTION_MAY_BE_H2;
}

static void start(struct connection *connection, struct h2_stream *h2)
{
	if (h2_is_cut(h2) || stream_start_h2(connection, h2) < 0) {
		connection->l7->counters.buffers_exhausted += !h2_is_cut(h2);
		h2_stream_close(h2, H2_REFUSED_STREAM);
		return;
	}
	stream_on_client(h2_stream_owner(h2));
}

static void on_ready(struct mux *mux, struct h2_stream *h2)
{
	struct connection_h2 *own = container_of(mux, struct connection_h2, mux);
	struct stream *stream = h2_stream_owner(h2);

	if (own->connection->state != CONNECTION_MULTIPLEX)
		return;
	if (stream == NULL) {
		/* Over, and closed at the end of this turn, or new. */
		if (!h2_is_told(h2))
			start(own->connection, h2);
		return;
	}
	stream_on_client(stream);
	if (h2_is_cut(h2) && stream->state != STREAM_OVER)
		stream_abandon(stream, true);
}

/* No streams, or a head that drips: the connection's own deadline runs. */
static void watch(struct connection *connection)
{
	struct connection_h2 *own = connection->h2;
	bool is_in_head = h2_is_in_head(own->mux.session);
	bool is_idle = h2_stream_count(own->mux.session) == 0 && connection->requests > 0;

	if (is_in_head && !own->is_in_head)
		connection_deadline(connection, connection->limits.header_timeout_ms);
	else if (!is_in_head && is_idle && (!own->is_idle || own->is_in_head))
		connection_deadline(connection, connection->limits.idle_timeout_ms);
	own->is_in_head = is_in_head;
	own->is_idle = is_idle;
}

static void on_rest(struct mux *mux)
{
	struct connection_h2 *own = container_of(mux, struct connection_h2, mux);
	struct connection *connection = own->connection;

	if (connection->state != CONNECTION_MULTIPLEX)
		return;
	if (h2_is_done(mux->session) || transport_is_eof(mux->transport)) {
		connection_h2_abandon(connection, true);
		connection_finish(connection);
		return;
	}
	if (h2_is_drain_seen(mux->session))
		h2_drain_finish(mux->session);
	watch(connection);
}

static const struct mux_ops ops = { .on_ready = on_ready, .on_rest = on_rest };

int connection_h2_open(struct connection *connection)
{
	struct l7_core *l7 = connection->l7;
	struct connection_h2 *own = objpool_get(l7->connections_h2);
	struct http_limits limits;
	const struct mux_params params = {
		.role = H2_SERVER,
		.limits = &limits,
		.config = &connection->listener->h2,
		.ops = &ops,
		.takes_websocket = connection->listener->tunnels.websocket,
	};

	if (own == NULL)
		return -ENOMEM;
	connection_read_limits(connection, &limits);
	limits.header_bytes = MIN(limits.header_bytes, (size_t)MESSAGE_HEAD_BYTES);
	*own = (struct connection_h2){ .connection = connection };
	if (mux_open(&own->mux, l7, &connection->transport, &params) < 0) {
		objpool_put(l7->connections_h2, own);
		return -ENOMEM;
	}
	connection->h2 = own;
	l7->counters.h2_conns++;
	if (l7->is_draining)
		connection_h2_drain(connection);
	return 0;
}

void connection_h2_run(struct connection *connection)
{
	mux_run(&connection->h2->mux);
}

void connection_h2_on_deadline(struct connection *connection)
{
	struct connection_h2 *own = connection->h2;

	if (own->is_in_head) {
		connection->l7->counters.client_timeout++;
		connection_abort(connection);
		return;
	}
	if (!own->is_idle && connection->requests > 0 && !connection->l7->is_draining &&
		connection_service(connection) != NULL)
		return;
	h2_drain_finish(own->mux.session);
	mux_run(&own->mux);
	/* It does not even read our GOAWAY. */
	if (connection->state == CONNECTION_MULTIPLEX && h2_stream_count(own->mux.session) == 0)
		connection_abort(connection);
}

/* They would not end by themselves. */
static void close_tunnels(struct connection *connection)
{
	struct stream *stream = LIST_FIRST(&connection->h2->streams);

	while (stream != NULL) {
		struct stream *next = LIST_NEXT(stream, link);

		if (stream->state == STREAM_TUNNEL)
			tunnel_close(stream, L7_ENDED_drained);
		stream = next;
	}
}

void connection_h2_drain(struct connection *connection)
{
	if (connection->h2->is_draining)
		return;
	connection->h2->is_draining = true;
	h2_drain(connection->h2->mux.session);
	connection->l7->counters.h2_goaway++;
	connection_deadline(connection, DRAIN_MS);
	close_tunnels(connection);
}

void connection_h2_abandon(struct connection *connection, bool is_by_client)
{
	struct stream *stream;

	if (connection->h2 == NULL)
		return;
	connection->h2->mux.is_over = true;
	while ((stream = LIST_FIRST(&connection->h2->streams)) != NULL)
		stream_abandon(stream, is_by_client);
}

void connection_h2_free(struct connection *connection)
{
	if (connection->h2 == NULL)
		return;
	mux_close(&connection->h2->mux);
	objpool_put(connection->l7->connections_h2, connection->h2);
	connection->h2 = NULL;
}
