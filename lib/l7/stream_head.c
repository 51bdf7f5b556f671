/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>

#include "connection.h"
#include "core.h"
#include "stream.h"

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
	struct http_extra_field extra[2];
	struct http_write_options options;
	char address[IP_TEXT_MAX];
	int len;

	add_forwarded(stream, extra, address, &options);
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
	return len;
}

/*
 * HTTP/1.0 may do without Host, HTTP/1.1 to the member may not (RFC 9112 3.2): the address that
 * the client connected to stands in.
 */
static __rte_noinline int write_without_host(struct stream *stream)
{
	const struct packet_tuple *tuple = &stream->connection->tuple;
	struct http_head head = *inlet_head(&stream->request);
	char host[IP_ENDPOINT_MAX];

	ip_endpoint_format(&tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be), host);
	head.authority = (struct http_span){ .data = host, .len = strlen(host) };
	return write_request(stream, &head);
}

void stream_send_head(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	const struct http_head *head = inlet_head(&stream->request);
	int len = head->authority.len > 0 ? write_request(stream, head)
					  : write_without_host(stream);

	if (len == REFUSED)
		return;
	if (len < 0) {
		l7->refusals[HTTP_REFUSED_header_too_large]++;
		connection_counters(stream->connection)->denied_requests++;
		stream_answer(stream, 431);
		return;
	}
	stream->to_member.framing = head->body;
	if (stream_is_sent(stream))
		outlet_end(&stream->to_member, NULL, 0);
	stream->upstream->member->cores[l7->core->index].bytes_in += (uint64_t)len;
	stream->times.connected_us = l7->now_us;
	stream->state = STREAM_EXPECT_RESPONSE;
	stream->sent_us = l7->now_us;
	stream_wait(stream, STREAM_MEMBER, true);
	stream_pump_request(stream);
}
