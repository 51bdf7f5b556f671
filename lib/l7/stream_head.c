/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>

#include "connection.h"
#include "core.h"
#include "grpc.h"
#include "listener.h"
#include "stream.h"
#include "tunnel.h"

#define EXTRA_MAX 6 /* fields that are added */

/* Fills in what is added to every request. address: room for the client's. */
static void add_forwarded(const struct stream *stream, struct http_extra_field extra[2],
	char address[IP_TEXT_MAX], struct http_write_options *options)
{
	const struct connection *connection = stream->connection;
	const char *scheme = connection->transport.tls != NULL ? "https" : "http";

	ip_format(&connection->tuple.src, address);
	extra[0] = (struct http_extra_field){ .name = "X-Forwarded-For",
		.value = { .data = address, .len = strlen(address) } };
	extra[1] = (struct http_extra_field){ .name = "X-Forwarded-Proto",
		.value = { .data = scheme, .len = strlen(scheme) } };
	*options = (struct http_write_options){ .minor = 1, .extra = extra, .extra_count = 2 };
	options->keep_forwarded = stream->trust_forwarded;
	options->asks_trailers = http_takes_trailers(inlet_head(&stream->request));
	/* A trusted proxy ahead of us knows how the client came; its word stands. */
	if (stream->trust_forwarded &&
		http_find(inlet_head(&stream->request), "x-forwarded-proto") != NULL)
		options->extra_count = 1;
}

#define REFUSED -EBADMSG /* and answered already */

/* Returns the head's length, or < 0 when it cannot be sent. */
static int write_request(struct stream *stream, const struct http_head *head)
{
	struct l7_core *l7 = stream->l7;
	struct http_extra_field extra[EXTRA_MAX];
	struct http_write_options options;
	char address[IP_TEXT_MAX];
	char key[WEBSOCKET_KEY_LEN + 1];
	char timeout[GRPC_TIMEOUT_MAX];
	int len;

	add_forwarded(stream, extra, address, &options);
	stream_put_marks(stream, &extra[options.extra_count], &options);
	grpc_put_timeout(stream, &extra[options.extra_count], timeout, &options);
	if (stream->is_tunnel_wanted)
		tunnel_ask(stream, &options, &extra[options.extra_count], key);
	head = stream_edit_request(stream, head, &options);
	if (head == NULL)
		return REFUSED;
	if (stream->upstream->h2 != NULL)
		return upstream_h2_request(stream, head, &options);
	len = h1_write_request(l7->scratch, sizeof(l7->scratch), head, &options);
	if (len < 0)
		return len;
	outlet_close(&stream->to_member);
	outlet_open(&stream->to_member, &stream->upstream->transport, l7->outs);
	outlet_put(&stream->to_member, l7->scratch, (size_t)len);
	if (!stream->is_tunnel_wanted)
		mirror_send(stream, l7->scratch, (size_t)len);
	return len;
}

/*
 * HTTP/1.0 may do without Host, HTTP/1.1 to the member may not (RFC 9112 3.2): the address that
 * the client connected to stands in.
 */
static __rte_noinline int write_without_host(struct stream *stream)
{
	const struct packet_tuple *tuple = &stream->connection->tuple;
	struct http_head head;
	char host[IP_ENDPOINT_MAX];

	http_head_borrow(&head, inlet_head(&stream->request));
	ip_endpoint_format(&tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be), host);
	head.authority = (struct http_span){ .data = host, .len = strlen(host) };
	return write_request(stream, &head);
}

/* A client of HTTP/2 asks by CONNECT, with what is to be a body; HTTP/1 does by GET. */
static __rte_noinline int write_upgrade(struct stream *stream)
{
	struct http_head head;

	http_head_borrow(&head, inlet_head(&stream->request));
	head.method = (struct http_span){ .data = "GET", .len = strlen("GET") };
	head.body = HTTP_BODY_NONE;
	return write_request(stream, &head);
}

static int write_any(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->request);

	if (stream->is_tunnel_wanted && stream->upstream->h2 == NULL)
		return write_upgrade(stream);
	return head->authority.len > 0 ? write_request(stream, head) : write_without_host(stream);
}

/* False: it is not for this member, or not yet. */
static bool may_send(struct stream *stream)
{
	stream->is_tunnel_wanted = tunnel_is_wanted(stream);
	if (!stream->is_tunnel_wanted) {
		/* It was taken while the service had tunnels. */
		if (inlet_head(&stream->request)->protocol.len == 0)
			return true;
		stream->l7->refusals[HTTP_REFUSED_method_unsupported]++;
		stream_blame(stream, L7_ENDED_refused);
		stream_answer(stream, 501);
		return false;
	}
	switch (tunnel_can_ask(stream)) {
	case 0:
		return true;
	case -EAGAIN:
		stream->state = STREAM_EXPECT_CONNECT;
		stream_deadline(stream, stream->response_timeout_ms);
		return false;
	default:
		stream_blame(stream, L7_ENDED_member_no_tunnel);
		stream_member_failed(stream, false);
		return false;
	}
}

void stream_send_head(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	const struct http_head *head = inlet_head(&stream->request);
	int len;

	if (!may_send(stream))
		return;
	len = write_any(stream);
	if (len == REFUSED)
		return;
	if (len < 0) {
		l7->refusals[HTTP_REFUSED_header_too_large]++;
		connection_counters(stream->connection)->denied_requests++;
		stream_answer(stream, 431);
		return;
	}
	stream->to_member.framing = head->body;
	stream->to_member.takes_trailers = true;
	if (stream_is_sent(stream) && !stream->is_tunnel_wanted)
		outlet_end(&stream->to_member, NULL, 0);
	stream->upstream->member->cores[l7->core->index].bytes_in += (uint64_t)len;
	stream->times.connected_us = l7->now_us;
	stream->state = STREAM_EXPECT_RESPONSE;
	stream->sent_us = l7->now_us;
	stream_wait(stream, STREAM_MEMBER, true);
	stream_pump_request(stream);
}
