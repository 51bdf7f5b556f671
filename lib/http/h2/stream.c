/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#include "../chars.h"
#include "../filter.h"
#include "internal.h"

/* A head's own fields, pseudo-header fields, framing, and those that are added. */
#define NV_MAX (HTTP_FIELDS_MAX + 16)

/* A head on its way out. */
struct nv_list {
	nghttp2_nv fields[NV_MAX];
	size_t count;
	bool is_bad;
	char length[24];
};

void *h2_stream_owner(const struct h2_stream *stream)
{
	return stream->owner;
}

void h2_stream_set_owner(struct h2_stream *stream, void *owner)
{
	stream->owner = owner;
	stream->is_told |= owner != NULL;
}

bool h2_is_told(const struct h2_stream *stream)
{
	return stream->is_told;
}

struct h2_session *h2_stream_session(const struct h2_stream *stream)
{
	return stream->session;
}

enum http_event h2_next(struct h2_stream *stream, struct http_span *body)
{
	struct h2_block *block = STAILQ_FIRST(&stream->blocks);

	if (stream->refusal != HTTP_REFUSED_NOT)
		return HTTP_EVENT_REFUSED;
	if (block != NULL) {
		STAILQ_REMOVE_HEAD(&stream->blocks, link);
		h2_block_free(stream->session, stream->current);
		stream->current = block;
		return HTTP_EVENT_HEAD;
	}
	body->len = h2_queue_peek(&stream->in, &body->data);
	if (body->len > 0)
		return HTTP_EVENT_BODY;
	if (stream->is_remote_end && !stream->is_end_told) {
		stream->is_end_told = true;
		return HTTP_EVENT_END;
	}
	return HTTP_EVENT_MORE;
}

void h2_take(struct h2_stream *stream, size_t len)
{
	struct h2_session *session = stream->session;

	if (len == 0)
		return;
	h2_queue_take(session, &stream->in, len);
	if (stream->is_closed)
		nghttp2_session_consume_connection(session->nghttp2, len);
	else
		nghttp2_session_consume(session->nghttp2, stream->id, len);
	h2_wake(session);
}

const struct http_head *h2_head(const struct h2_stream *stream)
{
	return stream->current == NULL ? NULL : stream->current->head;
}

enum http_refusal h2_refusal(const struct h2_stream *stream)
{
	return stream->refusal;
}

const struct http_field *h2_trailers(const struct h2_stream *stream, unsigned *count)
{
	*count = stream->trailers == NULL ? 0 : stream->trailers->head->field_count;
	return stream->trailers == NULL ? NULL : stream->trailers->head->fields;
}

void h2_limit_body(struct h2_stream *stream, uint64_t bytes)
{
	uint64_t limit = stream->session->params.limits.body_bytes;

	if (limit != 0 && limit <= bytes)
		return;
	stream->body_limit = bytes;
	/* Some of it may have come with the head. */
	if (stream->body_total > bytes && stream->refusal == HTTP_REFUSED_NOT)
		stream->refusal = HTTP_REFUSED_body_too_large;
}

bool h2_has_begun(const struct h2_stream *stream)
{
	return stream->current != NULL || !STAILQ_EMPTY(&stream->blocks) ||
		stream->refusal != HTTP_REFUSED_NOT;
}

bool h2_is_ended(const struct h2_stream *stream)
{
	return stream->is_remote_end;
}

bool h2_is_cut(const struct h2_stream *stream)
{
	return stream->is_closed && stream->is_cut;
}

bool h2_is_unprocessed(const struct h2_stream *stream)
{
	return stream->is_closed && stream->is_unprocessed;
}

/* Whatever a value came from, HTTP/1 readers behind the peer may take a line end for one. */
static bool is_clean(struct http_span span)
{
	for (size_t i = 0; i < span.len; i++)
		if (!char_is(span.data[i], CHAR_TEXT))
			return false;
	return true;
}

/* nghttp2 copies both, and names to lower case. */
static void put(struct nv_list *list, struct http_span name, struct http_span value)
{
	if (list->count == NV_MAX || !is_clean(value)) {
		list->is_bad = true;
		return;
	}
	list->fields[list->count++] = (nghttp2_nv){
		.name = (uint8_t *)name.data,
		.value = (uint8_t *)value.data,
		.namelen = name.len,
		.valuelen = value.len,
	};
}

static void put_text(struct nv_list *list, const char *name, struct http_span value)
{
	put(list, (struct http_span){ .data = name, .len = strlen(name) }, value);
}

static void put_length(struct nv_list *list, uint64_t length)
{
	int len = snprintf(list->length, sizeof(list->length), "%llu", (unsigned long long)length);

	put_text(list, "content-length",
		(struct http_span){ .data = list->length, .len = (size_t)len });
}

/* RFC 8441 5: what proves in HTTP/1.1 that both sides mean it. */
static bool is_of_h1_handshake(struct http_span name)
{
	return span_is(name, "sec-websocket-key") || span_is(name, "sec-websocket-accept");
}

static void put_fields(struct nv_list *list, const struct http_head *head,
	const struct http_write_options *options, bool is_request)
{
	struct http_filter filter;

	http_filter_init(&filter, head, options, is_request);
	for (unsigned i = 0; i < head->field_count; i++)
		if (http_filter_passes(&filter, head->fields[i].name) &&
			!(options->upgrade != NULL && is_of_h1_handshake(head->fields[i].name)))
			put(list, head->fields[i].name, head->fields[i].value);
	for (unsigned i = 0; i < options->extra_count; i++)
		put_text(list, options->extra[i].name, options->extra[i].value);
}

static ssize_t read_body(nghttp2_session *nghttp2, int32_t id, uint8_t *out, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = source->ptr;
	size_t used = 0;
	const char *data;
	size_t len;

	while (used < size && (len = h2_queue_peek(&stream->out, &data)) > 0) {
		len = MIN(len, size - used);
		memcpy(out + used, data, len);
		h2_queue_take(session, &stream->out, len);
		used += len;
	}
	if (stream->is_blocked && stream->out.len <= SEND_QUEUE_BYTES / 2) {
		stream->is_blocked = false;
		h2_stream_ready(stream);
	}
	if (stream->out.len == 0 && stream->is_send_end && !stream->is_left) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (stream->send_trailers != NULL) {
			struct nv_list list = { .count = 0 };
			const struct http_head *head = stream->send_trailers->head;

			for (unsigned i = 0; i < head->field_count; i++)
				put(&list, head->fields[i].name, head->fields[i].value);
			if (nghttp2_submit_trailer(nghttp2, id, list.fields, list.count) == 0)
				*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		}
	} else if (used == 0) {
		stream->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)used;
}

static nghttp2_data_provider provider(struct h2_stream *stream)
{
	return (nghttp2_data_provider){ .source.ptr = stream, .read_callback = read_body };
}

/* RFC 9110 8.6: what the sender said of a body that is not sent passes. */
static void put_response_length(struct nv_list *list, const struct http_head *head)
{
	bool has_length = head->body == HTTP_BODY_LENGTH;

	if (head->body == HTTP_BODY_NONE && head->status >= 200 && head->status != 204)
		has_length = http_find(head, "content-length") != NULL;
	if (has_length)
		put_length(list, head->content_length);
}

int h2_send_response(struct h2_stream *stream, const struct http_head *head,
	const struct http_write_options *options, bool is_last)
{
	struct nv_list list = { .count = 0 };
	nghttp2_data_provider source = provider(stream);
	char status[4];
	int result;

	if (stream->is_closed)
		return 0;
	snprintf(status, sizeof(status), "%u", head->status % 1000);
	put_text(&list, ":status", (struct http_span){ .data = status, .len = 3 });
	put_fields(&list, head, options, false);
	put_response_length(&list, head);
	if (list.is_bad)
		return -EINVAL;
	if (head->status < 200)
		result = nghttp2_submit_headers(stream->session->nghttp2, NGHTTP2_FLAG_NONE,
			stream->id, NULL, list.fields, list.count, NULL);
	else
		result = nghttp2_submit_response(stream->session->nghttp2, stream->id, list.fields,
			list.count, is_last ? NULL : &source);
	h2_wake(stream->session);
	return result < 0 ? -EINVAL : 0;
}

struct h2_stream *h2_send_request(struct h2_session *session, const struct http_head *head,
	const struct http_write_options *options, bool is_last)
{
	const struct http_field *te = http_find(head, "te");
	struct nv_list list = { .count = 0 };
	struct h2_stream *stream;
	nghttp2_data_provider source;
	int32_t id = -1;

	stream = h2_stream_create(session, -1);
	if (stream == NULL)
		return NULL;
	source = provider(stream);
	if (options->upgrade != NULL) {
		put_text(&list, ":method", (struct http_span){ .data = "CONNECT", .len = 7 });
		put_text(&list, ":protocol",
			(struct http_span){
				.data = options->upgrade, .len = strlen(options->upgrade) });
	} else {
		put_text(&list, ":method", head->method);
	}
	put_text(&list, ":scheme", (struct http_span){ .data = "http", .len = 4 });
	put_text(&list, ":path", head->target);
	put_text(&list, ":authority", head->authority);
	put_fields(&list, head, options, true);
	/* RFC 9110 10.1.4: gRPC asks for trailers by it, and they do pass here. */
	if (te != NULL && http_span_is_nocase(te->value, "trailers"))
		put_text(&list, "te", te->value);
	if (head->body == HTTP_BODY_LENGTH)
		put_length(&list, head->content_length);
	if (!list.is_bad)
		id = nghttp2_submit_request(session->nghttp2, NULL, list.fields, list.count,
			is_last ? NULL : &source, stream);
	stream->is_known = true;
	stream->is_head_request = head->is_head && options->upgrade == NULL;
	stream->id = id;
	if (id < 0) {
		stream->is_closed = true;
		h2_stream_close(stream, H2_CANCEL);
		return NULL;
	}
	h2_wake(session);
	return stream;
}

static void resume(struct h2_stream *stream)
{
	if (stream->is_deferred)
		nghttp2_session_resume_data(stream->session->nghttp2, stream->id);
	stream->is_deferred = false;
	h2_wake(stream->session);
}

size_t h2_send_room(const struct h2_stream *stream)
{
	return stream->is_closed || stream->is_left ? 0 : SEND_QUEUE_BYTES - stream->out.len;
}

size_t h2_send_body(struct h2_stream *stream, const char *data, size_t len)
{
	size_t taken;

	if (stream->is_closed || stream->is_left)
		return 0;
	taken = MIN(len, SEND_QUEUE_BYTES - stream->out.len);
	taken = h2_queue_put(stream->session, &stream->out, data, taken);
	stream->is_blocked |= taken < len;
	if (taken > 0)
		resume(stream);
	return taken;
}

void h2_send_end(struct h2_stream *stream, const struct http_field *trailers, unsigned count)
{
	struct http_head head = { .field_count = 0 };

	if (stream->is_closed || stream->is_send_end)
		return;
	for (unsigned i = 0; i < count && head.field_count < TRAILERS_MAX; i++)
		if (http_trailer_passes(trailers[i].name))
			head.fields[head.field_count++] = trailers[i];
	if (head.field_count > 0) {
		stream->send_trailers = h2_block_create(stream->session, &head);
	}
	stream->is_send_end = true;
	resume(stream);
}

size_t h2_unsent(const struct h2_stream *stream)
{
	return stream->out.len;
}

bool h2_is_sent(const struct h2_stream *stream)
{
	return stream->is_sent || stream->is_closed;
}
