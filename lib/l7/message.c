/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include <rte_common.h>

static size_t parser_bytes(void)
{
	return RTE_ALIGN_CEIL(h1_parser_bytes(), (size_t)RTE_CACHE_LINE_SIZE);
}

size_t inlet_memory_bytes(void)
{
	return parser_bytes() + MESSAGE_HEAD_BYTES;
}

int inlet_open(struct inlet *inlet, struct transport *transport, struct objpool *pool,
	enum h1_role role, const struct h1_limits *limits)
{
	char *memory = objpool_get(pool);

	*inlet = (struct inlet){ .transport = transport, .memory = memory, .pool = pool };
	if (memory == NULL)
		return -ENOMEM;
	inlet->parser = h1_parser_init(
		memory, role, limits, memory + parser_bytes(), MESSAGE_HEAD_BYTES);
	return 0;
}

void inlet_close(struct inlet *inlet)
{
	if (inlet->parser == NULL)
		return;
	h1_parser_finish(inlet->parser);
	objpool_put(inlet->pool, inlet->memory);
	inlet->parser = NULL;
}

/* A piece is a part of the bytes that were parsed: what stands before it goes, it stays. */
static enum h1_event body_begin(struct inlet *inlet, const char *data, size_t consumed,
	struct http_span *body)
{
	size_t lead = (size_t)(body->data - data);

	inlet->body_len = body->len;
	inlet->skip_len = consumed - lead - body->len;
	if (lead > 0) {
		transport_consume(inlet->transport, lead);
		transport_peek(inlet->transport, &body->data);
	}
	return H1_BODY;
}

enum h1_event inlet_next(struct inlet *inlet, struct http_span *body)
{
	size_t consumed;

	do {
		const char *data = "";
		size_t len = transport_peek(inlet->transport, &data);
		enum h1_event event;

		consumed = 0;
		if (inlet->body_len > 0) {
			body->data = data;
			body->len = MIN(len, inlet->body_len);
			return H1_BODY;
		}
		event = h1_next(inlet->parser, data, len, &consumed, body);
		if (event == H1_BODY)
			return body_begin(inlet, data, consumed, body);
		transport_consume(inlet->transport, consumed);
		if (event != H1_MORE)
			return event;
	} while (consumed > 0);
	return transport_is_eof(inlet->transport) ? h1_eof(inlet->parser) : H1_MORE;
}

void inlet_take(struct inlet *inlet, size_t len)
{
	transport_consume(inlet->transport, len);
	inlet->body_len -= len;
	if (inlet->body_len == 0) {
		transport_consume(inlet->transport, inlet->skip_len);
		inlet->skip_len = 0;
	}
}

void outlet_open(struct outlet *outlet, struct transport *transport, struct objpool *pool)
{
	*outlet = (struct outlet){ .transport = transport, .pool = pool };
}

void outlet_close(struct outlet *outlet)
{
	if (outlet->pending != NULL)
		objpool_put(outlet->pool, outlet->pending);
	outlet->pending = NULL;
}

bool outlet_flush(struct outlet *outlet)
{
	if (outlet->pending == NULL)
		return true;
	outlet->pending_at += (uint32_t)transport_write(outlet->transport,
		outlet->pending + outlet->pending_at, outlet->pending_len - outlet->pending_at);
	if (outlet->pending_at < outlet->pending_len)
		return false;
	outlet_close(outlet);
	return true;
}

/* What the transport does not take now. Cannot overflow: one head and its framing fit. */
static __rte_noinline void outlet_keep(struct outlet *outlet, const char *data, size_t len)
{
	if (outlet->pending == NULL) {
		outlet->pending = objpool_get(outlet->pool);
		outlet->pending_at = outlet->pending_len = 0;
	}
	if (outlet->pending == NULL || MESSAGE_OUT_BYTES - outlet->pending_len < len) {
		outlet->is_failed = true;
		return;
	}
	memcpy(outlet->pending + outlet->pending_len, data, len);
	outlet->pending_len += (uint32_t)len;
}

void outlet_put(struct outlet *outlet, const char *data, size_t len)
{
	size_t taken = 0;

	if (outlet_flush(outlet))
		taken = transport_write(outlet->transport, data, len);
	if (taken < len)
		outlet_keep(outlet, data + taken, len - taken);
}

/* The announced bytes are there, in the piece at hand: a chunk is never longer than its data. */
static size_t chunk_write(struct outlet *outlet, const char *data, size_t len)
{
	size_t taken;

	if (outlet->chunk_left == 0) {
		char head[H1_CHUNK_HEAD_MAX];

		outlet_put(outlet, head, (size_t)h1_write_chunk_head(head, len));
		outlet->chunk_left = len;
		if (outlet->pending != NULL)
			return 0;
	}
	taken = transport_write(outlet->transport, data, MIN(len, outlet->chunk_left));
	outlet->chunk_left -= taken;
	if (outlet->chunk_left == 0)
		outlet_put(outlet, "\r\n", 2);
	return taken;
}

size_t outlet_body(struct outlet *outlet, const char *data, size_t len)
{
	if (!outlet_flush(outlet))
		return 0;
	if (outlet->framing == HTTP_BODY_CHUNKED)
		return chunk_write(outlet, data, len);
	return transport_write(outlet->transport, data, len);
}

void outlet_end(struct outlet *outlet)
{
	if (outlet->framing == HTTP_BODY_CHUNKED)
		outlet_put(outlet, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
}
