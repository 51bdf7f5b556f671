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
	enum h1_role role, const struct http_limits *limits)
{
	char *memory = objpool_get(pool);

	*inlet = (struct inlet){ .transport = transport, .memory = memory, .pool = pool };
	if (memory == NULL)
		return -ENOMEM;
	inlet->parser = h1_parser_init(
		memory, role, limits, memory + parser_bytes(), MESSAGE_HEAD_BYTES);
	return 0;
}

/* A head that stays, of its own size. */
static int head_keep(struct inlet *inlet, const struct http_head *head, struct heap *heap,
	struct heap_account *account)
{
	inlet->heap = heap;
	inlet->account = account;
	inlet->kept = heap_resize(heap, account, NULL, http_head_bytes(head));
	if (inlet->kept == NULL)
		return -ENOMEM;
	http_head_copy(inlet->kept, head);
	return 0;
}

int inlet_open_raw(struct inlet *inlet, struct transport *transport, const struct http_head *head,
	struct heap *heap, struct heap_account *account)
{
	*inlet = (struct inlet){ .transport = transport, .is_raw = true };
	return head == NULL ? 0 : head_keep(inlet, head, heap, account);
}

void inlet_open_h2(struct inlet *inlet, struct h2_stream *h2)
{
	*inlet = (struct inlet){ .h2 = h2 };
}

void inlet_close(struct inlet *inlet)
{
	inlet->h2 = NULL;
	if (inlet->kept != NULL)
		heap_resize(inlet->heap, inlet->account, inlet->kept, 0);
	inlet->kept = NULL;
	if (inlet->parser == NULL)
		return;
	h1_parser_finish(inlet->parser);
	objpool_put(inlet->pool, inlet->memory);
	inlet->parser = NULL;
}

int inlet_become_raw(struct inlet *inlet, struct heap *heap, struct heap_account *account)
{
	inlet->is_raw = true;
	if (inlet->parser == NULL)
		return 0;
	if (head_keep(inlet, h1_head(inlet->parser), heap, account) < 0)
		return -ENOMEM;
	h1_parser_finish(inlet->parser);
	objpool_put(inlet->pool, inlet->memory);
	inlet->parser = NULL;
	return 0;
}

static enum http_event raw_next(struct inlet *inlet, struct http_span *body)
{
	body->len = transport_peek(inlet->transport, &body->data);
	if (body->len > 0)
		return HTTP_EVENT_BODY;
	if (inlet->is_end_told || !transport_is_eof(inlet->transport))
		return HTTP_EVENT_MORE;
	inlet->is_end_told = true;
	return HTTP_EVENT_END;
}

/* A piece is a part of the bytes that were parsed: what stands before it goes, it stays. */
static enum http_event body_begin(
	struct inlet *inlet, const char *data, size_t consumed, struct http_span *body)
{
	size_t lead = (size_t)(body->data - data);

	inlet->body_len = body->len;
	inlet->skip_len = consumed - lead - body->len;
	if (lead > 0) {
		transport_consume(inlet->transport, lead);
		transport_peek(inlet->transport, &body->data);
	}
	return HTTP_EVENT_BODY;
}

enum http_event inlet_next(struct inlet *inlet, struct http_span *body)
{
	size_t consumed;

	if (inlet->h2 != NULL)
		return h2_next(inlet->h2, body);
	if (inlet->is_raw)
		return raw_next(inlet, body);
	do {
		const char *data = "";
		size_t len = transport_peek(inlet->transport, &data);
		enum http_event event;

		consumed = 0;
		if (inlet->body_len > 0) {
			body->data = data;
			body->len = MIN(len, inlet->body_len);
			return HTTP_EVENT_BODY;
		}
		event = h1_next(inlet->parser, data, len, &consumed, body);
		if (event == HTTP_EVENT_BODY)
			return body_begin(inlet, data, consumed, body);
		transport_consume(inlet->transport, consumed);
		if (event != HTTP_EVENT_MORE)
			return event;
	} while (consumed > 0);
	if (!transport_is_eof(inlet->transport))
		return HTTP_EVENT_MORE;
	return transport_is_cut(inlet->transport) ? h1_cut(inlet->parser) : h1_eof(inlet->parser);
}

/* So much of the piece in front has left the transport; the framing behind it follows the last. */
static void body_went(struct inlet *inlet, size_t len)
{
	inlet->body_len -= len;
	if (inlet->body_len == 0) {
		transport_consume(inlet->transport, inlet->skip_len);
		inlet->skip_len = 0;
	}
}

void inlet_take(struct inlet *inlet, size_t len)
{
	if (inlet->h2 != NULL) {
		h2_take(inlet->h2, len);
		return;
	}
	transport_consume(inlet->transport, len);
	if (!inlet->is_raw)
		body_went(inlet, len);
}

void inlet_limit_body(struct inlet *inlet, uint64_t bytes)
{
	if (inlet->h2 != NULL)
		h2_limit_body(inlet->h2, bytes);
	else
		h1_limit_body(inlet->parser, bytes);
}

bool inlet_is_open(const struct inlet *inlet)
{
	return inlet->parser != NULL || inlet->h2 != NULL;
}

const struct http_head *inlet_head(const struct inlet *inlet)
{
	if (inlet->h2 != NULL)
		return h2_head(inlet->h2);
	return inlet->kept != NULL ? inlet->kept : h1_head(inlet->parser);
}

enum http_refusal inlet_refusal(const struct inlet *inlet)
{
	return inlet->h2 != NULL ? h2_refusal(inlet->h2) : h1_refusal(inlet->parser);
}

const struct http_field *inlet_trailers(const struct inlet *inlet, unsigned *count)
{
	if (inlet->h2 != NULL)
		return h2_trailers(inlet->h2, count);
	return h1_trailers(inlet->parser, count);
}

bool inlet_is_eof(const struct inlet *inlet)
{
	return inlet->h2 != NULL ? h2_is_cut(inlet->h2) : transport_is_eof(inlet->transport);
}

bool inlet_is_idle(const struct inlet *inlet)
{
	return inlet->h2 != NULL || h1_is_idle(inlet->parser);
}

void outlet_open(struct outlet *outlet, struct transport *transport, struct objpool *pool)
{
	*outlet = (struct outlet){ .transport = transport, .pool = pool };
}

void outlet_open_h2(struct outlet *outlet, struct h2_stream *h2)
{
	*outlet = (struct outlet){ .h2 = h2 };
}

void outlet_close(struct outlet *outlet)
{
	if (outlet->pending != NULL)
		objpool_put(outlet->pool, outlet->pending);
	outlet->pending = NULL;
	outlet->h2 = NULL;
}

bool outlet_flush(struct outlet *outlet)
{
	if (outlet->pending == NULL)
		return true;
	outlet->pending_at += (uint32_t)transport_write(outlet->transport,
		outlet->pending + outlet->pending_at, outlet->pending_len - outlet->pending_at);
	if (outlet->pending_at < outlet->pending_len)
		return false;
	objpool_put(outlet->pool, outlet->pending);
	outlet->pending = NULL;
	return true;
}

bool outlet_is_done(struct outlet *outlet)
{
	return outlet->h2 != NULL ? h2_is_sent(outlet->h2) : outlet_flush(outlet);
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

static bool has_no_body(const struct http_head *head)
{
	return head->body == HTTP_BODY_NONE ||
		(head->body == HTTP_BODY_LENGTH && head->content_length == 0);
}

int outlet_response(struct outlet *outlet, const struct http_head *head,
	const struct http_write_options *options, char *out, size_t size)
{
	int len;

	if (outlet->h2 != NULL)
		return h2_send_response(outlet->h2, head, options, has_no_body(head));
	len = h1_write_response(out, size, head, options);
	if (len > 0)
		outlet_put(outlet, out, (size_t)len);
	return len;
}

void outlet_become_raw(struct outlet *outlet)
{
	outlet->is_raw = true;
	outlet->framing = HTTP_BODY_UNTIL_CLOSE;
}

bool outlet_body_whole(struct outlet *outlet, const char *data, size_t len)
{
	if (outlet->h2 == NULL) {
		if (!outlet_flush(outlet))
			return false;
		outlet_put(outlet, data, len);
		return true;
	}
	return h2_send_room(outlet->h2) >= len && h2_send_body(outlet->h2, data, len) == len;
}

size_t outlet_body(struct outlet *outlet, const char *data, size_t len)
{
	if (outlet->h2 != NULL)
		return h2_send_body(outlet->h2, data, len);
	if (!outlet_flush(outlet))
		return 0;
	if (outlet->framing == HTTP_BODY_CHUNKED)
		return chunk_write(outlet, data, len);
	return transport_write(outlet->transport, data, len);
}

/* Chunks are copied: their framing would make a short segment before each piece. */
size_t outlet_pass(struct outlet *outlet, struct inlet *inlet, struct http_span body)
{
	size_t len = 0;

	if (inlet->h2 != NULL || outlet->h2 != NULL || outlet->framing == HTTP_BODY_CHUNKED) {
		len = outlet_body(outlet, body.data, body.len);
		inlet_take(inlet, len);
	} else if (outlet_flush(outlet)) {
		len = transport_pass(outlet->transport, inlet->transport, body.len);
		body_went(inlet, len);
	}
	return len;
}

static __rte_noinline void chunks_end(
	struct outlet *outlet, const struct http_field *trailers, unsigned count)
{
	char end[MESSAGE_OUT_BYTES - H1_CHUNK_HEAD_MAX];
	int len = h1_write_chunk_end(end, sizeof(end), trailers, count);

	if (len > 0)
		outlet_put(outlet, end, (size_t)len);
	else
		outlet_put(outlet, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
}

void outlet_end(struct outlet *outlet, const struct http_field *trailers, unsigned count)
{
	outlet->is_ended = true;
	if (outlet->h2 != NULL)
		h2_send_end(outlet->h2, trailers, count);
	else if (outlet->framing == HTTP_BODY_CHUNKED && count > 0 && outlet->takes_trailers)
		chunks_end(outlet, trailers, count);
	else if (outlet->framing == HTTP_BODY_CHUNKED)
		outlet_put(outlet, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
}
