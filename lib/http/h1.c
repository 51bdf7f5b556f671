/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

#include <string.h>
#include <sys/param.h>

#include "h1_internal.h"

static int on_value_complete(llhttp_t *llhttp)
{
	struct h1_parser *parser = llhttp->data;

	parser->values_seen++;
	return 0;
}

/* 1 tells llhttp that no body follows: it knows neither HEAD nor that 204 has none at all. */
static int on_headers_complete(llhttp_t *llhttp)
{
	const struct h1_parser *parser = llhttp->data;

	return parser->role == H1_RESPONSE && parser->head.body == HTTP_BODY_NONE;
}

static int on_message_complete(llhttp_t *llhttp)
{
	struct h1_parser *parser = llhttp->data;

	parser->is_llhttp_done = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

size_t h1_parser_bytes(void)
{
	return sizeof(struct h1_parser);
}

struct h1_parser *h1_parser_init(void *memory, enum h1_role role, const struct http_limits *limits,
	char *head_buffer, size_t head_buffer_len)
{
	struct h1_parser *parser = memory;

	memset(parser, 0, offsetof(struct h1_parser, trailers));
	memset(&parser->head, 0, offsetof(struct http_head, fields));
	parser->role = role;
	parser->limits = *limits;
	parser->limits.header_fields = MIN(limits->header_fields, HTTP_FIELDS_MAX);
	parser->buffer = head_buffer;
	parser->size = head_buffer_len;
	llhttp_init(&parser->fresh, role == H1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	parser->fresh.data = parser;
	/*
	 * llhttp knows a fixed list of methods and changes its rules for some of them (CONNECT,
	 * PRI, those of RTSP and ICE). The method is checked here and kept from it.
	 */
	if (role == H1_REQUEST)
		llhttp_execute(&parser->fresh, "GET ", 4);
	return parser;
}

void h1_limit_body(struct h1_parser *parser, uint64_t bytes)
{
	if (parser->limits.body_bytes == 0 || bytes < parser->limits.body_bytes)
		parser->limits.body_bytes = bytes;
}

void h1_parser_finish(struct h1_parser *parser)
{
	(void)parser;
}

void h1_expect_response(struct h1_parser *parser, bool to_head_request)
{
	parser->is_expected = true;
	parser->to_head_request = to_head_request;
}

void h1_expect_switch(struct h1_parser *parser)
{
	parser->may_switch = true;
}

bool h1_refuse_at(struct h1_parser *parser, enum http_refusal refusal, uint64_t offset)
{
	parser->state = REFUSED;
	parser->refusal = refusal;
	parser->refusal_offset = offset;
	return false;
}

bool h1_refuse(struct h1_parser *parser, enum http_refusal refusal, const char *at)
{
	size_t index = (size_t)(at - parser->buffer) - parser->section;

	return h1_refuse_at(parser, refusal, parser->section_offset + index);
}

/* An upgrade pauses llhttp at the end of the message, which is where it is left anyway. */
bool h1_is_agreed(struct h1_parser *parser, const char *data, size_t len)
{
	llhttp_errno_t error = llhttp_execute(&parser->llhttp, data, len);

	return error == HPE_OK || (error == HPE_PAUSED_UPGRADE && parser->is_llhttp_done);
}

void h1_section_begin(struct h1_parser *parser, size_t start)
{
	size_t room = parser->size - start;

	parser->section = start;
	parser->used = start;
	parser->line = start;
	parser->section_max = start + MIN(room, parser->limits.header_bytes);
	parser->section_offset = parser->offset;
	parser->values_seen = 0;
}

static void message_begin(struct h1_parser *parser)
{
	h1_section_begin(parser, 0);
	memset(&parser->head, 0, offsetof(struct http_head, fields));
	parser->llhttp = parser->fresh;
	parser->is_llhttp_done = false;
	parser->has_first_line = false;
	parser->is_started = true;
	parser->trailer_count = 0;
	parser->body_total = 0;
}

enum h1_taken h1_take_line(struct h1_parser *parser, struct h1_input *in)
{
	const char *start = in->data + in->used;
	size_t left = in->len - in->used;
	const char *feed = memchr(start, '\n', left);
	size_t want = feed != NULL ? (size_t)(feed - start) + 1 : left;
	size_t taken = MIN(want, parser->section_max - parser->used);

	memcpy(parser->buffer + parser->used, start, taken);
	parser->used += taken;
	parser->offset += taken;
	in->used += taken;
	if (taken < want)
		return H1_LINE_OVERFLOW;
	return feed != NULL ? H1_LINE_COMPLETE : H1_LINE_PARTIAL;
}

/* RFC 9112 2.2: some take a bare LF for a line's end and some do not: that is how to smuggle. */
bool h1_line_ends_well(struct h1_parser *parser)
{
	const char *feed = parser->buffer + parser->used - 1;

	if (parser->used - parser->line >= 2 && feed[-1] == '\r')
		return true;
	return h1_refuse(parser, HTTP_REFUSED_bare_lf, feed);
}

bool h1_line_is_empty(const struct h1_parser *parser)
{
	return parser->used - parser->line == 2;
}

/* Where the body goes on, and whether llhttp sees it that way. */
static bool body_begin(struct h1_parser *parser)
{
	const struct http_head *head = &parser->head;
	bool is_empty = head->body == HTTP_BODY_NONE ||
		(head->body == HTTP_BODY_LENGTH && head->content_length == 0);

	if (is_empty != parser->is_llhttp_done)
		return h1_refuse(parser, HTTP_REFUSED_syntax, parser->buffer + parser->line);
	parser->remaining = head->content_length;
	parser->chunk_line_len = 0;
	if (parser->role == H1_RESPONSE && head->status == 101)
		parser->state = EXPECT_NOTHING;
	else if (parser->role == H1_RESPONSE && head->status < 200)
		parser->state = EXPECT_HEAD;
	else if (is_empty)
		parser->state = EXPECT_END;
	else if (head->body == HTTP_BODY_LENGTH)
		parser->state = EXPECT_BODY;
	else if (head->body == HTTP_BODY_CHUNKED)
		parser->state = EXPECT_CHUNK_LINE;
	else
		parser->state = EXPECT_CLOSE;
	return true;
}

static bool head_finish(struct h1_parser *parser)
{
	const char *start = parser->buffer + parser->target_at;
	struct http_head *head = &parser->head;

	if (!h1_framing(parser))
		return false;
	if (!h1_is_agreed(parser, start, parser->used - parser->target_at) ||
		parser->values_seen != head->field_count)
		return h1_refuse_field(parser, head->fields, head->field_count);
	if (parser->role == H1_REQUEST && !h1_target(parser))
		return false;
	return body_begin(parser);
}

/* Returns false when refused; *done: the head is complete. */
static bool head_line(struct h1_parser *parser, bool *done)
{
	struct http_head *head = &parser->head;

	/* First, since it is what half a line is refused by. */
	if (!parser->has_first_line && parser->role == H1_REQUEST &&
		!h1_request_line_prefix(parser))
		return false;
	if (!h1_line_ends_well(parser))
		return false;
	if (!parser->has_first_line) {
		/* RFC 9112 2.2: one empty line ahead of a request is forgiven. */
		if (h1_line_is_empty(parser) && parser->role == H1_REQUEST &&
			!parser->is_blank_seen) {
			parser->is_blank_seen = true;
			parser->is_started = false;
			return true;
		}
		parser->has_first_line = true;
		if (!h1_first_line(parser))
			return false;
	} else if (h1_line_is_empty(parser)) {
		*done = true;
		return head_finish(parser);
	} else if (head->field_count == parser->limits.header_fields) {
		return h1_refuse(
			parser, HTTP_REFUSED_header_too_many, parser->buffer + parser->line);
	} else if (!h1_field_line(
			   parser, head->fields, &head->field_count, HTTP_REFUSED_header_name)) {
		return false;
	}
	parser->line = parser->used;
	return true;
}

/* A first line that cannot become one, or a head that is too long, is refused before its end. */
static bool head_prefix(struct h1_parser *parser, enum h1_taken taken)
{
	if (!parser->has_first_line && parser->role == H1_REQUEST &&
		!h1_request_line_prefix(parser))
		return false;
	if (taken == H1_LINE_OVERFLOW)
		return h1_refuse(
			parser, HTTP_REFUSED_header_too_large, parser->buffer + parser->used);
	return true;
}

static int expect_head(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	bool done = false;

	(void)body;
	if (in->used < in->len && parser->role == H1_RESPONSE && !parser->is_expected) {
		h1_refuse_at(parser, HTTP_REFUSED_surplus, parser->offset);
		return HTTP_EVENT_REFUSED;
	}
	while (in->used < in->len) {
		enum h1_taken taken;

		if (!parser->is_started)
			message_begin(parser);
		taken = h1_take_line(parser, in);
		if (taken == H1_LINE_COMPLETE ? !head_line(parser, &done)
					      : !head_prefix(parser, taken))
			return HTTP_EVENT_REFUSED;
		if (done) {
			parser->is_started = parser->state != EXPECT_HEAD;
			return HTTP_EVENT_HEAD;
		}
	}
	return HTTP_EVENT_MORE;
}

static int expect_end(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	(void)in;
	(void)body;
	if (!parser->is_llhttp_done) {
		h1_refuse_at(parser, HTTP_REFUSED_syntax, parser->offset);
		return HTTP_EVENT_REFUSED;
	}
	parser->is_started = false;
	parser->is_blank_seen = false;
	parser->is_expected = false;
	parser->may_switch = false;
	parser->interim_count = 0;
	/* RFC 9112 9.6: nothing behind a request with "close" is read as a request. */
	parser->state = EXPECT_HEAD;
	if (parser->role == H1_REQUEST && !parser->head.is_keep_alive)
		parser->state = EXPECT_NOTHING;
	return HTTP_EVENT_END;
}

static int expect_nothing(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	(void)body;
	parser->offset += in->len - in->used;
	in->used = in->len;
	return HTTP_EVENT_MORE;
}

static int refused(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	(void)parser;
	(void)in;
	(void)body;
	return HTTP_EVENT_REFUSED;
}

enum http_event h1_next(struct h1_parser *parser, const char *data, size_t len, size_t *consumed,
	struct http_span *body)
{
	static int (*const handlers[H1_STATE_COUNT])(
		struct h1_parser *, struct h1_input *, struct http_span *) = {
		[EXPECT_HEAD] = expect_head,
		[EXPECT_BODY] = h1_expect_body,
		[EXPECT_CHUNK_LINE] = h1_expect_chunk_line,
		[EXPECT_CHUNK_DATA] = h1_expect_body,
		[EXPECT_CHUNK_END] = h1_expect_chunk_end,
		[EXPECT_TRAILER] = h1_expect_trailer,
		[EXPECT_CLOSE] = h1_expect_close,
		[EXPECT_END] = expect_end,
		[EXPECT_NOTHING] = expect_nothing,
		[REFUSED] = refused,
	};
	struct h1_input in = { .data = data, .len = len };
	int event;

	do
		event = handlers[parser->state](parser, &in, body);
	while (event == H1_GO_ON);
	*consumed = in.used;
	return (enum http_event)event;
}

enum http_event h1_eof(struct h1_parser *parser)
{
	switch (parser->state) {
	case EXPECT_NOTHING:
		return HTTP_EVENT_MORE;
	case EXPECT_CLOSE:
		parser->is_llhttp_done = true;
		parser->state = EXPECT_END;
		/* fall through */
	case EXPECT_END:
		return (enum http_event)expect_end(parser, NULL, NULL);
	case REFUSED:
		return HTTP_EVENT_REFUSED;
	case EXPECT_HEAD:
		/* A response that was asked for and never began is the caller's to judge. */
		if (!parser->is_started && parser->interim_count == 0)
			return HTTP_EVENT_MORE;
		/* fall through */
	default:
		h1_refuse_at(parser, HTTP_REFUSED_truncated, parser->offset);
		return HTTP_EVENT_REFUSED;
	}
}

enum http_event h1_cut(struct h1_parser *parser)
{
	if (parser->state != EXPECT_CLOSE)
		return h1_eof(parser);
	h1_refuse_at(parser, HTTP_REFUSED_truncated, parser->offset);
	return HTTP_EVENT_REFUSED;
}

bool h1_is_idle(const struct h1_parser *parser)
{
	return parser->state == EXPECT_HEAD && !parser->is_started && parser->interim_count == 0;
}

const struct http_head *h1_head(const struct h1_parser *parser)
{
	return &parser->head;
}

enum http_refusal h1_refusal(const struct h1_parser *parser)
{
	return parser->refusal;
}

uint64_t h1_refusal_offset(const struct h1_parser *parser)
{
	return parser->refusal_offset;
}

const struct http_field *h1_trailers(const struct h1_parser *parser, unsigned *count)
{
	*count = parser->trailer_count;
	return parser->trailers;
}

struct http_span h1_section(const struct h1_parser *parser, size_t *refused_at)
{
	size_t len = parser->used - parser->section;
	uint64_t index = parser->refusal_offset - parser->section_offset;

	*refused_at = index < len ? (size_t)index : len;
	return (struct http_span){ .data = parser->buffer + parser->section, .len = len };
}
