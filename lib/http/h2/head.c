/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#include "../chars.h"
#include "../filter.h"
#include "../target.h"
#include "http/websocket.h"
#include "internal.h"

/* Longer than any registered method. */
#define METHOD_MAX 32
/* RFC 9113 6.5.2: what a field counts for beside its bytes. */
#define FIELD_OVERHEAD 32

void h2_assembly_begin(struct h2_session *session, bool is_response, bool is_trailer)
{
	size_t size = session->params.limits.header_bytes;
	struct h2_assembly *assembly = h2_alloc(session, sizeof(*assembly) + size);

	h2_assembly_drop(session);
	if (assembly == NULL) {
		h2_fail(session, H2_FAILED_memory);
		return;
	}
	memset(assembly, 0, sizeof(*assembly));
	assembly->size = size;
	assembly->is_response = is_response;
	assembly->is_trailer = is_trailer;
	assembly->head.minor = 1;
	assembly->head.is_keep_alive = true;
	session->assembly = assembly;
}

void h2_assembly_drop(struct h2_session *session)
{
	if (session->assembly != NULL)
		h2_free(session, session->assembly);
	session->assembly = NULL;
}

static void refuse(struct h2_assembly *assembly, enum http_refusal refusal)
{
	if (assembly->refusal == HTTP_REFUSED_NOT)
		assembly->refusal = refusal;
}

static struct http_span keep(struct h2_assembly *assembly, struct http_span span)
{
	char *place = assembly->buffer + assembly->used;

	if (assembly->size - assembly->used < span.len) {
		refuse(assembly, HTTP_REFUSED_header_too_large);
		return (struct http_span){ .data = place };
	}
	if (span.len > 0)
		memcpy(place, span.data, span.len);
	assembly->used += span.len;
	return (struct http_span){ .data = place, .len = span.len };
}

static bool is_text(struct http_span span, enum char_class class)
{
	for (size_t i = 0; i < span.len; i++)
		if (!char_is(span.data[i], class))
			return false;
	return true;
}

/* Decimal digits and no more than a length can have; false for anything else. */
static bool read_number(struct http_span value, uint64_t *number)
{
	*number = 0;
	if (value.len == 0 || value.len > 18)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!char_is_digit(value.data[i]))
			return false;
		*number = *number * 10 + (unsigned)(value.data[i] - '0');
	}
	return true;
}

/* RFC 9113 8.3: each once, ahead of all others. nghttp2 holds to that too. */
static void pseudo_set(
	struct h2_assembly *assembly, struct http_span *target, struct http_span value)
{
	if (target->data != NULL || assembly->head.field_count > 0)
		refuse(assembly, HTTP_REFUSED_h2_head);
	*target = keep(assembly, value);
}

static void pseudo_field(
	struct h2_assembly *assembly, struct http_span name, struct http_span value)
{
	struct http_head *head = &assembly->head;

	if (assembly->is_trailer) {
		refuse(assembly, HTTP_REFUSED_trailer);
	} else if (assembly->is_response) {
		uint64_t status;

		if (!span_is(name, ":status") || head->status != 0 || value.len != 3 ||
			!read_number(value, &status) || status < 100)
			refuse(assembly, HTTP_REFUSED_h2_head);
		else
			head->status = (unsigned)status;
	} else if (span_is(name, ":method")) {
		pseudo_set(assembly, &head->method, value);
	} else if (span_is(name, ":scheme")) {
		pseudo_set(assembly, &assembly->scheme, value);
	} else if (span_is(name, ":path")) {
		pseudo_set(assembly, &head->target, value);
	} else if (span_is(name, ":protocol")) {
		pseudo_set(assembly, &head->protocol, value);
	} else if (span_is(name, ":authority")) {
		pseudo_set(assembly, &head->authority, value);
	} else {
		refuse(assembly, HTTP_REFUSED_h2_head);
	}
}

/*
 * RFC 9113 8.2.3: HTTP/1 has one Cookie field, so that is what the pieces become. One that stands
 * last in the buffer grows in place, another one is moved there.
 */
static bool cookie_join(struct h2_assembly *assembly, struct http_span value)
{
	struct http_head *head = &assembly->head;
	struct http_field *cookie = NULL;

	for (unsigned i = 0; i < head->field_count && cookie == NULL; i++)
		if (span_is(head->fields[i].name, "cookie"))
			cookie = &head->fields[i];
	if (cookie == NULL)
		return false;
	if (cookie->value.data + cookie->value.len != assembly->buffer + assembly->used)
		cookie->value = keep(assembly, cookie->value);
	cookie->value.len += keep(assembly, (struct http_span){ .data = "; ", .len = 2 }).len;
	cookie->value.len += keep(assembly, value).len;
	return true;
}

/* RFC 9113 8.2.2. */
static bool is_of_connection(struct http_span name, struct http_span value)
{
	if (span_is(name, "te"))
		return !span_is(value, "trailers");
	return span_is(name, "connection") || span_is(name, "keep-alive") ||
		span_is(name, "proxy-connection") || span_is(name, "transfer-encoding") ||
		span_is(name, "upgrade");
}

static void length_field(struct h2_assembly *assembly, struct http_span value)
{
	struct http_head *head = &assembly->head;

	/* body says whether there was one already. */
	if (head->body == HTTP_BODY_LENGTH || !read_number(value, &head->content_length))
		refuse(assembly, HTTP_REFUSED_content_length);
	head->body = HTTP_BODY_LENGTH;
}

static void special_field(
	struct h2_assembly *assembly, struct http_span name, struct http_span value)
{
	if (is_of_connection(name, value)) {
		refuse(assembly, HTTP_REFUSED_h2_head);
	} else if (span_is(name, "content-length")) {
		length_field(assembly, value);
	} else if (span_is(name, "expect") && !assembly->is_response) {
		if (span_is(value, "100-continue"))
			assembly->head.expects_continue = true;
		else
			refuse(assembly, HTTP_REFUSED_expectation);
	} else if (span_is(name, "host") && !assembly->is_response) {
		if (assembly->host.data != NULL)
			refuse(assembly, HTTP_REFUSED_host_repeated);
		assembly->host = value;
	}
}

/* RFC 9110 6.5.1: a trailer says nothing about framing, routing or the connection. */
static bool is_allowed_trailer(struct http_span name)
{
	return !http_is_hop_by_hop(name) && !span_is(name, "host");
}

static void plain_field(struct h2_session *session, struct http_span name, struct http_span value)
{
	struct h2_assembly *assembly = session->assembly;
	struct http_head *head = &assembly->head;
	unsigned max = MIN(session->params.limits.header_fields, HTTP_FIELDS_MAX);
	struct http_field *field = &head->fields[head->field_count];

	/* nghttp2 lets an empty name pass as one to be ignored. */
	if (name.len == 0 || !is_text(name, CHAR_TOKEN))
		refuse(assembly, HTTP_REFUSED_header_name);
	if (!is_text(value, CHAR_TEXT))
		refuse(assembly, HTTP_REFUSED_header_value);
	if (assembly->is_trailer && !is_allowed_trailer(name))
		refuse(assembly, HTTP_REFUSED_trailer);
	if (span_is(name, "cookie") && cookie_join(assembly, value))
		return;
	if (head->field_count == (assembly->is_trailer ? MIN(max, TRAILERS_MAX) : max)) {
		refuse(assembly, HTTP_REFUSED_header_too_many);
		return;
	}
	field->name = keep(assembly, name);
	field->value = keep(assembly, value);
	head->field_count++;
	if (!assembly->is_trailer)
		special_field(assembly, field->name, field->value);
}

void h2_assembly_field(struct h2_session *session, struct http_span name, struct http_span value)
{
	const struct http_limits *limits = &session->params.limits;
	struct h2_assembly *assembly = session->assembly;

	assembly->fields++;
	assembly->bytes += name.len + value.len + FIELD_OVERHEAD;
	/* Fields cost a byte each on the wire and are looked at one by one: that has an end. */
	if (assembly->bytes >
		BOMB_FACTOR * (limits->header_bytes + FIELD_OVERHEAD * HTTP_FIELDS_MAX))
		h2_fail(session, H2_FAILED_header_bomb);
	if (assembly->fields > limits->header_fields + 4)
		refuse(assembly, HTTP_REFUSED_header_too_many);
	if (assembly->refusal != HTTP_REFUSED_NOT)
		return;
	if (name.len > 0 && name.data[0] == ':')
		pseudo_field(assembly, name, value);
	else
		plain_field(session, name, value);
}

/* RFC 9113 8.3.1: :authority is what counts; Host stands in for it. */
static void finish_authority(struct h2_assembly *assembly)
{
	struct http_head *head = &assembly->head;
	struct http_authority authority;

	if (head->authority.len == 0)
		head->authority = assembly->host;
	if (head->authority.len == 0) {
		refuse(assembly, HTTP_REFUSED_host_missing);
		return;
	}
	/* All spans point into the buffer, which is ours to write. */
	if (!http_authority_read((char *)head->authority.data, head->authority.len, &authority))
		refuse(assembly, HTTP_REFUSED_host_invalid);
	head->host = authority.host;
}

static void finish_target(struct h2_assembly *assembly, const struct http_limits *limits)
{
	struct http_head *head = &assembly->head;
	char *start = (char *)head->target.data;
	size_t len = head->target.len;
	const char *bad;

	if (len == 1 && start[0] == '*' && http_span_is(head->method, "OPTIONS")) {
		head->path = head->target;
		return;
	}
	if (len > limits->target_bytes)
		refuse(assembly, HTTP_REFUSED_target_too_long);
	else if (len == 0 || start[0] != '/' || !is_text(head->target, CHAR_TARGET))
		refuse(assembly, HTTP_REFUSED_target);
	else if (!http_path_take(head, start, start + len, &bad))
		refuse(assembly, HTTP_REFUSED_path_escape);
}

/* RFC 8441 4: CONNECT with :protocol is a request as any other. Others are not configured. */
static bool is_method_taken(const struct h2_session *session, struct h2_assembly *assembly)
{
	const struct http_head *head = &assembly->head;
	bool is_connect = http_span_is(head->method, "CONNECT");

	if (!is_connect && head->protocol.data != NULL)
		refuse(assembly, HTTP_REFUSED_h2_head);
	else if (is_connect && head->body == HTTP_BODY_LENGTH)
		refuse(assembly, HTTP_REFUSED_h2_length);
	else if (is_connect &&
		!(session->params.takes_websocket && http_span_is(head->protocol, WEBSOCKET_TOKEN)))
		refuse(assembly, HTTP_REFUSED_method_unsupported);
	return assembly->refusal == HTTP_REFUSED_NOT;
}

static void finish_request(const struct h2_session *session, struct h2_assembly *assembly)
{
	const struct http_limits *limits = &session->params.limits;
	struct http_head *head = &assembly->head;

	if (!is_method_taken(session, assembly))
		return;
	if (head->method.len == 0 || assembly->scheme.len == 0 || head->target.data == NULL) {
		refuse(assembly, HTTP_REFUSED_h2_head);
		return;
	}
	if (head->method.len > METHOD_MAX || !is_text(head->method, CHAR_TOKEN))
		refuse(assembly, HTTP_REFUSED_method);
	if (!span_is(assembly->scheme, "http") && !span_is(assembly->scheme, "https"))
		refuse(assembly, HTTP_REFUSED_target);
	head->is_head = http_span_is(head->method, "HEAD");
	if (assembly->refusal == HTTP_REFUSED_NOT)
		finish_authority(assembly);
	if (assembly->refusal == HTTP_REFUSED_NOT)
		finish_target(assembly, limits);
}

/* How the body goes on: what HTTP/1 would call it. */
static void finish_body(struct h2_assembly *assembly, const struct h2_stream *stream, bool is_last)
{
	struct http_head *head = &assembly->head;
	bool has_length = head->body == HTTP_BODY_LENGTH;
	bool is_bodyless = assembly->is_response &&
		(stream->is_head_request || head->status < 200 || head->status == 204 ||
			head->status == 304);

	if (!has_length)
		head->body = is_last || is_bodyless ? HTTP_BODY_NONE : HTTP_BODY_CHUNKED;
	if (is_bodyless)
		head->body = HTTP_BODY_NONE;
	else if (is_last && has_length && head->content_length > 0)
		refuse(assembly, HTTP_REFUSED_h2_length);
	/* A tunnel that nothing will go through. */
	if (is_last && head->protocol.len > 0)
		refuse(assembly, HTTP_REFUSED_h2_head);
	if (is_last)
		head->expects_continue = false;
}

static void finish_response(struct h2_assembly *assembly, const struct h2_stream *stream)
{
	struct http_head *head = &assembly->head;

	head->is_head = stream->is_head_request;
	head->reason.data = http_status_reason(head->status);
	head->reason.len = strlen(head->reason.data);
	if (head->status == 0)
		refuse(assembly, HTTP_REFUSED_h2_head);
	/* RFC 9113 8.6: there is no switching of protocols. */
	if (head->status == 101)
		refuse(assembly, HTTP_REFUSED_surplus);
}

static void move(struct http_span *span, const char *from, size_t len, char *to)
{
	if (span->data >= from && span->data < from + len)
		span->data = to + (span->data - from);
}

static size_t head_bytes(const struct http_head *head)
{
	return offsetof(struct http_head, fields) + head->field_count * sizeof(head->fields[0]);
}

/* Only as large as what is in it: a stream that waits holds no room for what might have come. */
static struct h2_block *block_make(
	struct h2_session *session, const struct http_head *head, const char *bytes, size_t len)
{
	size_t head_len = head_bytes(head);
	struct h2_block *block = h2_alloc(session, sizeof(*block) + head_len + len);
	char *copy;

	if (block == NULL)
		return NULL;
	block->head = (struct http_head *)(block + 1);
	copy = (char *)block->head + head_len;
	memcpy((void *)block->head, head, head_len);
	memcpy(copy, bytes, len);
	move(&block->head->method, bytes, len, copy);
	move(&block->head->target, bytes, len, copy);
	move(&block->head->path, bytes, len, copy);
	move(&block->head->authority, bytes, len, copy);
	move(&block->head->host, bytes, len, copy);
	move(&block->head->protocol, bytes, len, copy);
	for (unsigned i = 0; i < head->field_count; i++) {
		move(&block->head->fields[i].name, bytes, len, copy);
		move(&block->head->fields[i].value, bytes, len, copy);
	}
	return block;
}

struct h2_block *h2_block_create(struct h2_session *session, const struct http_head *head)
{
	size_t len = 0;
	struct h2_block *block;
	char *bytes;

	for (unsigned i = 0; i < head->field_count; i++)
		len += head->fields[i].name.len + head->fields[i].value.len;
	block = h2_alloc(session, sizeof(*block) + head_bytes(head) + len);
	if (block == NULL)
		return NULL;
	block->head = (struct http_head *)(block + 1);
	bytes = (char *)block->head + head_bytes(head);
	memcpy((void *)block->head, head, head_bytes(head));
	for (unsigned i = 0; i < head->field_count; i++) {
		struct http_span *spans[] = { &block->head->fields[i].name,
			&block->head->fields[i].value };

		for (unsigned j = 0; j < 2; j++) {
			memcpy(bytes, spans[j]->data, spans[j]->len);
			spans[j]->data = bytes;
			bytes += spans[j]->len;
		}
	}
	return block;
}

void h2_block_free(struct h2_session *session, struct h2_block *block)
{
	if (block != NULL)
		h2_free(session, block);
}

struct h2_block *h2_assembly_finish(struct h2_session *session, const struct h2_stream *stream,
	bool is_last, enum http_refusal *refusal)
{
	const struct http_limits *limits = &session->params.limits;
	struct h2_assembly *assembly = session->assembly;
	struct http_head *head = &assembly->head;
	struct h2_block *block = NULL;

	if (!assembly->is_trailer) {
		if (assembly->is_response)
			finish_response(assembly, stream);
		else if (assembly->refusal == HTTP_REFUSED_NOT)
			finish_request(session, assembly);
		finish_body(assembly, stream, is_last);
		if (head->body == HTTP_BODY_LENGTH && limits->body_bytes != 0 &&
			head->content_length > limits->body_bytes)
			refuse(assembly, HTTP_REFUSED_body_too_large);
	}
	*refusal = assembly->refusal;
	if (assembly->refusal == HTTP_REFUSED_NOT)
		block = block_make(session, head, assembly->buffer, assembly->used);
	if (block == NULL && assembly->refusal == HTTP_REFUSED_NOT)
		h2_fail(session, H2_FAILED_memory);
	h2_assembly_drop(session);
	return block;
}
