/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/param.h>

#include "chars.h"
#include "h1_internal.h"

/* Gives a piece of the body to the caller. */
static int take_body(
	struct h1_parser *parser, struct h1_input *in, size_t len, struct http_span *body)
{
	body->data = in->data + in->used;
	body->len = len;
	if (!h1_is_agreed(parser, body->data, len)) {
		h1_refuse_at(parser, HTTP_REFUSED_syntax, parser->offset);
		return HTTP_EVENT_REFUSED;
	}
	parser->offset += len;
	in->used += len;
	return HTTP_EVENT_BODY;
}

int h1_expect_body(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	size_t len = MIN(in->len - in->used, parser->remaining);

	if (len == 0)
		return HTTP_EVENT_MORE;
	parser->remaining -= len;
	if (parser->remaining == 0)
		parser->state = parser->head.body == HTTP_BODY_LENGTH ? EXPECT_END
								      : EXPECT_CHUNK_END;
	return take_body(parser, in, len, body);
}

int h1_expect_close(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	size_t len = in->len - in->used;

	if (len == 0)
		return HTTP_EVENT_MORE;
	if (parser->limits.body_bytes != 0 &&
		len > parser->limits.body_bytes - parser->body_total) {
		h1_refuse_at(parser, HTTP_REFUSED_body_too_large,
			parser->offset + parser->limits.body_bytes - parser->body_total);
		return HTTP_EVENT_REFUSED;
	}
	parser->body_total += len;
	return take_body(parser, in, len, body);
}

/*
 * RFC 9112 7.1, without white space: llhttp takes any number of zeros, and extensions without end.
 * Returns the number of good bytes; that is len when the line is good.
 */
static size_t chunk_line_check(const char *line, size_t len, uint64_t *size)
{
	size_t i;

	*size = 0;
	for (i = 0; i < 16 && char_hex(line[i]) >= 0; i++)
		*size = *size << 4 | (unsigned)char_hex(line[i]);
	if (i == 0)
		return 0;
	if (line[i] == ';')
		while (char_is(line[i], CHAR_TEXT))
			i++;
	if (line[i] != '\r')
		return i;
	return i + 2 == len ? len : i + 1;
}

/* The complete line: the next state, or false. start: the line's place in the connection. */
static bool chunk_begin(struct h1_parser *parser, const char *line, size_t len, uint64_t start)
{
	uint64_t limit = parser->limits.body_bytes;
	uint64_t size;
	size_t good = chunk_line_check(line, len, &size);

	if (good != len)
		return h1_refuse_at(parser, HTTP_REFUSED_chunk, start + good);
	/* Sums below can then not wrap, with any limit. */
	if (size > INT64_MAX)
		return h1_refuse_at(parser, HTTP_REFUSED_chunk, start);
	if (limit != 0 && size > limit - parser->body_total)
		return h1_refuse_at(parser, HTTP_REFUSED_body_too_large, start);
	if (!h1_is_agreed(parser, line, len) || parser->llhttp.content_length != size)
		return h1_refuse_at(parser, HTTP_REFUSED_chunk, start);
	if (limit != 0)
		parser->body_total += size;
	parser->remaining = size;
	parser->state = EXPECT_CHUNK_DATA;
	if (size == 0) {
		h1_section_begin(parser, parser->used);
		parser->state = EXPECT_TRAILER;
	}
	return true;
}

int h1_expect_chunk_line(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	size_t len = MIN(in->len - in->used, CHUNK_LINE_MAX - parser->chunk_line_len);
	uint64_t line_offset = parser->offset - parser->chunk_line_len;
	const char *start, *line, *feed;

	(void)body;
	if (len == 0)
		return HTTP_EVENT_MORE;
	start = line = in->data + in->used;
	feed = memchr(start, '\n', len);
	if (feed != NULL)
		len = (size_t)(feed - start) + 1;
	if (feed == NULL || parser->chunk_line_len > 0) {
		memcpy(parser->chunk_line + parser->chunk_line_len, start, len);
		line = parser->chunk_line;
	}
	parser->chunk_line_len += (unsigned)len;
	parser->offset += len;
	in->used += len;
	if (feed != NULL) {
		len = parser->chunk_line_len;
		parser->chunk_line_len = 0;
		return chunk_begin(parser, line, len, line_offset) ? H1_GO_ON : HTTP_EVENT_REFUSED;
	}
	if (parser->chunk_line_len < CHUNK_LINE_MAX)
		return HTTP_EVENT_MORE;
	h1_refuse_at(parser, HTTP_REFUSED_chunk, line_offset + CHUNK_LINE_MAX - 1);
	return HTTP_EVENT_REFUSED;
}

/* The CRLF behind a chunk's data; chunk_line_len counts what is there of it. */
int h1_expect_chunk_end(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	(void)body;
	while (in->used < in->len && parser->chunk_line_len < 2) {
		const char *c = in->data + in->used;

		if (*c != "\r\n"[parser->chunk_line_len] || !h1_is_agreed(parser, c, 1)) {
			h1_refuse_at(parser, HTTP_REFUSED_chunk, parser->offset);
			return HTTP_EVENT_REFUSED;
		}
		parser->chunk_line_len++;
		parser->offset++;
		in->used++;
	}
	if (parser->chunk_line_len < 2)
		return HTTP_EVENT_MORE;
	parser->chunk_line_len = 0;
	parser->state = EXPECT_CHUNK_LINE;
	return H1_GO_ON;
}

/* RFC 9110 6.5.1: a trailer says nothing about framing, routing or the connection. */
static bool trailer_is_allowed(struct http_span name)
{
	static const char *const never[] = {
		"connection",
		"content-length",
		"expect",
		"host",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (span_is(name, never[i]))
			return false;
	return true;
}

static bool trailer_line(struct h1_parser *parser)
{
	const char *start = parser->buffer + parser->line;
	unsigned count = parser->trailer_count;

	if (h1_line_is_empty(parser)) {
		start = parser->buffer + parser->section;
		if (!h1_is_agreed(parser, start, parser->used - parser->section) ||
			!parser->is_llhttp_done || parser->values_seen != count) {
			h1_refuse_field(parser, parser->trailers, count);
			parser->refusal = HTTP_REFUSED_trailer;
			return false;
		}
		parser->state = EXPECT_END;
		return true;
	}
	if (count == MIN(parser->limits.header_fields, TRAILERS_MAX))
		return h1_refuse(parser, HTTP_REFUSED_trailer, start);
	if (!h1_field_line(parser, parser->trailers, &parser->trailer_count, HTTP_REFUSED_trailer))
		return false;
	if (!trailer_is_allowed(parser->trailers[count].name))
		return h1_refuse(parser, HTTP_REFUSED_trailer, start);
	parser->line = parser->used;
	return true;
}

int h1_expect_trailer(struct h1_parser *parser, struct h1_input *in, struct http_span *body)
{
	(void)body;
	while (parser->state == EXPECT_TRAILER && in->used < in->len) {
		enum h1_taken taken = h1_take_line(parser, in);

		if (taken == H1_LINE_OVERFLOW)
			h1_refuse(parser, HTTP_REFUSED_trailer, parser->buffer + parser->used);
		else if (taken == H1_LINE_COMPLETE && h1_line_ends_well(parser))
			trailer_line(parser);
	}
	if (parser->state == REFUSED)
		return HTTP_EVENT_REFUSED;
	return parser->state == EXPECT_END ? H1_GO_ON : HTTP_EVENT_MORE;
}
