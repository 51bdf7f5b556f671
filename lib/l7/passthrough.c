/* SPDX-License-Identifier: Apache-2.0 */
#include "passthrough.h"

#include <string.h>
#include <sys/param.h>

#include "connection.h"
#include "core.h"
#include "listener.h"
#include "stream.h"
#include "tunnel.h"

/* Small pieces share buffers, so that a ClientHello has never so many; more are no client's. */
#define SPANS_MAX 128

/* RFC 8446 6, RFC 6066 3, RFC 7301 3.2 */
enum alert {
	ALERT_DECODE_ERROR = 50,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_UNRECOGNIZED_NAME = 112,
	ALERT_NO_APPLICATION_PROTOCOL = 120,
};

enum tls_hello_result passthrough_judge(
	const uint8_t *data, size_t len, size_t max_bytes, struct tls_hello *hello)
{
	enum tls_hello_result result = tls_hello_parse(data, MIN(len, max_bytes), hello);

	return result == TLS_HELLO_MORE && len >= max_bytes ? TLS_HELLO_TOO_LONG : result;
}

/* The bytes that TCP has, in one piece: where they lie, or gathered in the worker's scratch. */
static const uint8_t *bytes_of(struct connection *connection, size_t *len)
{
	struct l7_core *l7 = connection->l7;
	size_t max = MIN(sizeof(l7->scratch), (size_t)connection->listener->max_hello_bytes);
	struct tcp_span spans[SPANS_MAX];
	unsigned count = tcp_peek(connection->transport.tcp, spans, SPANS_MAX);

	*len = 0;
	if (count == 1) {
		*len = spans[0].len;
		return spans[0].data;
	}
	for (unsigned i = 0; i < count && *len < max; i++) {
		size_t step = MIN(spans[i].len, max - *len);

		memcpy(l7->scratch + *len, spans[i].data, step);
		*len += step;
	}
	return (const uint8_t *)l7->scratch;
}

static void head_fill(struct http_head *head, const struct tls_hello *hello)
{
	memset(head, 0, offsetof(struct http_head, fields));
	head->host = (struct http_span){ .data = hello->sni, .len = hello->sni_len };
	head->protocol = (struct http_span){ .data = (const char *)hello->alpn,
		.len = hello->alpn_len };
}

static struct stream *stream_begin(struct connection *connection, const struct tls_hello *hello)
{
	struct l7_core *l7 = connection->l7;
	struct stream *stream = objpool_get(l7->streams);
	struct http_head head;

	if (stream == NULL)
		return NULL;
	*stream = (struct stream){ .connection = connection,
		.l7 = l7,
		.is_raw = true,
		.has_request = true,
		.is_request_done = true,
		.is_close = true,
		.alert = ALERT_INTERNAL_ERROR };
	head_fill(&head, hello);
	if (inlet_open_raw(
		    &stream->request, &connection->transport, &head, &l7->heap, &l7->tunnels) < 0) {
		objpool_put(l7->streams, stream);
		return NULL;
	}
	outlet_open(&stream->to_client, &connection->transport, l7->outs);
	outlet_become_raw(&stream->to_client);
	stream->times.begun_us = connection->opened_us;
	stream->times.head_us = l7->now_us;
	connection->stream = stream;
	l7->counters.passthrough_opened++;
	return stream;
}

/* Counts what is wrong with the bytes so far. False: nothing, but more must come. */
static bool judge(struct connection *connection, size_t len, enum tls_hello_result result)
{
	struct l7_counters *counters = &connection->l7->counters;

	switch (result) {
	case TLS_HELLO_COMPLETE:
		return true;
	case TLS_HELLO_INVALID:
		counters->hello_invalid++;
		return true;
	case TLS_HELLO_TOO_LONG:
		counters->hello_too_long++;
		return true;
	case TLS_HELLO_MORE:
		break;
	}
	if (tcp_has_fin(connection->transport.tcp)) {
		counters->hello_truncated++;
		return true;
	}
	/* In more pieces than are looked at: it would never become complete. */
	if (len < MIN(tcp_readable(connection->transport.tcp),
			  (size_t)connection->listener->max_hello_bytes)) {
		counters->hello_too_long++;
		return true;
	}
	return false;
}

enum passthrough_begin passthrough_begin(struct connection *connection)
{
	enum tls_hello_result result = TLS_HELLO_COMPLETE;
	struct tls_hello hello = { .sni_len = 0 };
	struct stream *stream;
	const uint8_t *data;
	size_t len;

	if (connection->listener->mode == CONFIG_MODE_TLS_PASSTHROUGH) {
		data = bytes_of(connection, &len);
		if (len == 0)
			return tcp_is_eof(connection->transport.tcp) ? PASSTHROUGH_EMPTY
								     : PASSTHROUGH_MORE;
		result = passthrough_judge(
			data, len, connection->listener->max_hello_bytes, &hello);
		if (!judge(connection, len, result))
			return PASSTHROUGH_MORE;
	}
	stream = stream_begin(connection, &hello);
	if (stream == NULL)
		return PASSTHROUGH_STARVED;
	if (result != TLS_HELLO_COMPLETE) {
		stream_blame(stream, L7_ENDED_hello);
		stream->alert = ALERT_DECODE_ERROR;
	}
	return PASSTHROUGH_BEGUN;
}

void passthrough_late(struct connection *connection)
{
	const struct tls_hello none = { .sni_len = 0 };
	struct stream *stream = stream_begin(connection, &none);

	connection->l7->counters.hello_timeout++;
	if (stream != NULL)
		stream_blame(stream, L7_ENDED_client_slow);
}

void passthrough_run(struct stream *stream)
{
	if (stream->ending == L7_ENDED_hello)
		passthrough_refuse(stream);
	else
		stream_dispatch(stream, false);
}

void passthrough_open(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	struct transport *transport = &stream->upstream->transport;

	stream->times.connected_us = l7->now_us;
	stream->sent_us = l7->now_us;
	outlet_open(&stream->to_member, transport, l7->outs);
	outlet_become_raw(&stream->to_member);
	inlet_open_raw(&stream->response, transport, NULL, &l7->heap, &l7->tunnels);
	tunnel_begin(stream);
}

/* No route: for want of a name, or only of a protocol that the client has. */
static void alert_choose(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	const struct route_request request = {
		.head = inlet_head(&stream->request),
		.source = &stream->connection->tuple.src,
		.is_any_alpn = true,
		.scratch = l7->route_scratch,
	};

	if (stream->ending != L7_ENDED_no_route || stream->listener == NULL)
		return;
	stream->alert = route_find(stream->listener->routes, &request) == NULL
		? ALERT_UNRECOGNIZED_NAME
		: ALERT_NO_APPLICATION_PROTOCOL;
}

void passthrough_refuse(struct stream *stream)
{
	/* A record of its own, of the version that every client takes: RFC 8446 5.1. */
	char alert[] = { 21, 3, 1, 0, 2, 2, 0 };

	connection_counters(stream->connection)->denied_requests++;
	if (stream->connection->listener->mode == CONFIG_MODE_TCP ||
		stream->state == STREAM_TUNNEL) {
		stream_cut(stream, H2_CANCEL);
		return;
	}
	alert_choose(stream);
	alert[sizeof(alert) - 1] = (char)stream->alert;
	outlet_put(&stream->to_client, alert, sizeof(alert));
	stream_end_response(stream);
}
