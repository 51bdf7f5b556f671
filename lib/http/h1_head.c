/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#include "chars.h"
#include "h1_internal.h"

/* Longer than any registered method. */
#define METHOD_MAX 32

/* What the framing fields of one head say together. */
struct framing {
	const char *length_at;      /* value of Content-Length, or NULL */
	const char *chunked_at;     /* value of Transfer-Encoding, or NULL */
	const char *expectation_at; /* value of an Expect that is not 100-continue, or NULL */
	unsigned connection_options;
	bool has_upgrade;
	bool is_close;
	bool is_keep_alive;
	bool is_connection_upgrade;
	bool expects_continue;
};

bool h1_request_line_prefix(struct h1_parser *parser)
{
	const char *line = parser->buffer + parser->line;
	size_t len = parser->used - parser->line;
	size_t method = 0;
	const char *target, *space;
	size_t target_len;

	if (len <= 2 && memcmp(line, "\r\n", len) == 0 && !parser->is_blank_seen)
		return true;
	while (method < len && method <= METHOD_MAX && char_is(line[method], CHAR_TOKEN))
		method++;
	if (method > METHOD_MAX)
		return h1_refuse(parser, HTTP_REFUSED_method, line + METHOD_MAX);
	if (method == len)
		return true;
	if (method == 0 || line[method] != ' ')
		return h1_refuse(parser, HTTP_REFUSED_method, line + method);
	target = line + method + 1;
	target_len = len - method - 1;
	space = memchr(target, ' ', target_len);
	if (space != NULL)
		target_len = (size_t)(space - target);
	if (target_len > parser->limits.target_bytes)
		return h1_refuse(
			parser, HTTP_REFUSED_target_too_long, target + parser->limits.target_bytes);
	return true;
}

/* "HTTP/1.0" or "HTTP/1.1" at version; room: how far the line goes. */
static bool version_line(struct h1_parser *parser, const char *version, size_t room)
{
	static const char expected[] = "HTTP/";
	size_t i = 0;

	while (i < 5 && i < room && version[i] == expected[i])
		i++;
	if (i < 5 || room < 8 || !char_is_digit(version[5]) || version[6] != '.' ||
		!char_is_digit(version[7]))
		return h1_refuse(parser, HTTP_REFUSED_syntax, version + i);
	if (version[5] != '1' || version[7] > '1')
		return h1_refuse(parser, HTTP_REFUSED_version, version + 5);
	parser->head.minor = (unsigned)(version[7] - '0');
	return true;
}

/* RFC 9112 3.2: origin form, absolute form, or "*" with OPTIONS. */
static bool has_target_form(const struct http_head *head, const char *target, size_t len)
{
	return target[0] == '/' || (len > 7 && strncasecmp(target, "http://", 7) == 0) ||
		(len > 8 && strncasecmp(target, "https://", 8) == 0) ||
		(len == 1 && target[0] == '*' && http_span_is(head->method, "OPTIONS"));
}

/* RFC 9112 3: method SP target SP version CRLF, with single spaces. */
static bool request_line(struct h1_parser *parser)
{
	const char *line = parser->buffer + parser->line;
	const char *end = parser->buffer + parser->used - 2;
	struct http_head *head = &parser->head;
	const char *space, *target, *version;

	space = memchr(line, ' ', (size_t)(end - line));
	if (space == NULL)
		return h1_refuse(parser, HTTP_REFUSED_syntax, end);
	head->method = (struct http_span){ .data = line, .len = (size_t)(space - line) };
	head->is_head = http_span_is(head->method, "HEAD");
	if (http_span_is(head->method, "CONNECT"))
		return h1_refuse(parser, HTTP_REFUSED_method_unsupported, line);
	target = version = space + 1;
	while (version < end && char_is(*version, CHAR_TARGET))
		version++;
	if (version == target || (version < end && *version != ' '))
		return h1_refuse(parser, HTTP_REFUSED_target, version);
	if (version == end)
		return h1_refuse(parser, HTTP_REFUSED_syntax, end);
	if (!has_target_form(head, target, (size_t)(version - target)))
		return h1_refuse(parser, HTTP_REFUSED_target, target);
	parser->target_at = (size_t)(target - parser->buffer);
	parser->target_len = (size_t)(version - target);
	version++;
	if (!version_line(parser, version, (size_t)(end - version)))
		return false;
	if (version + 8 != end)
		return h1_refuse(parser, HTTP_REFUSED_syntax, version + 8);
	return true;
}

/* RFC 9112 4: version SP status [SP reason] CRLF. */
static bool status_line(struct h1_parser *parser)
{
	const char *line = parser->buffer + parser->line;
	const char *end = parser->buffer + parser->used - 2;
	struct http_head *head = &parser->head;
	const char *c = line + 9;

	parser->target_at = parser->line;
	if (!version_line(parser, line, (size_t)(end - line)))
		return false;
	for (size_t i = 8; i < 12; i++)
		if (line + i >= end || (i == 8 ? line[i] != ' ' : !char_is_digit(line[i])))
			return h1_refuse(parser, HTTP_REFUSED_syntax, MIN(line + i, end));
	head->status = (unsigned)((c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0'));
	if (head->status < 100)
		return h1_refuse(parser, HTTP_REFUSED_syntax, c);
	/* Switching protocols answers only a request that asked for it. */
	if (head->status == 101 && !parser->may_switch)
		return h1_refuse(parser, HTTP_REFUSED_surplus, line);
	c += 3;
	if (c < end && *c != ' ')
		return h1_refuse(parser, HTTP_REFUSED_syntax, c);
	if (c < end)
		c++;
	head->reason = (struct http_span){ .data = c, .len = (size_t)(end - c) };
	for (; c < end; c++)
		if (!char_is(*c, CHAR_TEXT))
			return h1_refuse(parser,
				*c == '\r' ? HTTP_REFUSED_bare_lf : HTTP_REFUSED_header_value, c);
	if (head->status < 200 && ++parser->interim_count > INTERIM_MAX)
		return h1_refuse(parser, HTTP_REFUSED_surplus, line);
	return true;
}

bool h1_first_line(struct h1_parser *parser)
{
	return parser->role == H1_REQUEST ? request_line(parser) : status_line(parser);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool h1_field_line(struct h1_parser *parser, struct http_field *fields, unsigned *count,
	enum http_refusal bad_name)
{
	const char *line = parser->buffer + parser->line;
	const char *end = parser->buffer + parser->used - 2;
	struct http_field *field = &fields[*count];
	const char *colon, *value;

	if (is_blank(line[0]))
		return h1_refuse(parser, HTTP_REFUSED_header_folding, line);
	colon = memchr(line, ':', (size_t)(end - line));
	if (colon == NULL || colon == line) {
		const char *c = line;

		while (c < end && char_is(*c, CHAR_TOKEN))
			c++;
		return h1_refuse(parser, bad_name, c);
	}
	value = colon + 1;
	while (value < end && is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	field->name = (struct http_span){ .data = line, .len = (size_t)(colon - line) };
	field->value = (struct http_span){ .data = value, .len = (size_t)(end - value) };
	(*count)++;
	return true;
}

/* Names are checked byte by byte by llhttp; this only finds out which byte it did not like. */
bool h1_refuse_field(struct h1_parser *parser, const struct http_field *fields, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct http_span name = fields[i].name;
		struct http_span value = fields[i].value;

		for (size_t j = 0; j < name.len; j++)
			if (!char_is(name.data[j], CHAR_TOKEN))
				return h1_refuse(parser, HTTP_REFUSED_header_name, name.data + j);
		for (size_t j = 0; j < value.len; j++)
			if (!char_is(value.data[j], CHAR_TEXT))
				return h1_refuse(parser,
					value.data[j] == '\r' ? HTTP_REFUSED_bare_lf
							      : HTTP_REFUSED_header_value,
					value.data + j);
	}
	return h1_refuse(parser, HTTP_REFUSED_syntax, parser->buffer + parser->section);
}

static bool read_content_length(
	struct h1_parser *parser, struct framing *framing, struct http_span value)
{
	uint64_t length = 0;

	if (framing->chunked_at != NULL)
		return h1_refuse(parser, HTTP_REFUSED_length_and_chunked, value.data);
	if (framing->length_at != NULL || value.len == 0)
		return h1_refuse(parser, HTTP_REFUSED_content_length, value.data);
	for (size_t i = 0; i < value.len; i++) {
		/* 18 digits fit; a length with more is nobody's. */
		if (!char_is_digit(value.data[i]) || i == 18)
			return h1_refuse(parser, HTTP_REFUSED_content_length, value.data + i);
		length = length * 10 + (unsigned)(value.data[i] - '0');
	}
	framing->length_at = value.data;
	parser->head.content_length = length;
	return true;
}

static bool read_transfer_encoding(
	struct h1_parser *parser, struct framing *framing, struct http_span value)
{
	if (framing->length_at != NULL)
		return h1_refuse(parser, HTTP_REFUSED_length_and_chunked, value.data);
	/* RFC 9112 6.1: HTTP/1.0 has none, and a peer that says so anyway may be read both ways. */
	if (framing->chunked_at != NULL || parser->head.minor == 0 || !span_is(value, "chunked"))
		return h1_refuse(parser, HTTP_REFUSED_transfer_encoding, value.data);
	framing->chunked_at = value.data;
	return true;
}

/* RFC 9110 7.6.1 */
static bool read_connection(
	struct h1_parser *parser, struct framing *framing, struct http_span value)
{
	const char *c = value.data;
	const char *end = value.data + value.len;

	while (c < end) {
		struct http_span option = { .data = c };

		while (c < end && char_is(*c, CHAR_TOKEN))
			c++;
		option.len = (size_t)(c - option.data);
		if (option.len > 0 && ++framing->connection_options > CONNECTION_OPTIONS_MAX)
			return h1_refuse(parser, HTTP_REFUSED_connection, option.data);
		framing->is_close |= span_is(option, "close");
		framing->is_keep_alive |= span_is(option, "keep-alive");
		framing->is_connection_upgrade |= span_is(option, "upgrade");
		while (c < end && is_blank(*c))
			c++;
		if (c < end && *c != ',')
			return h1_refuse(parser, HTTP_REFUSED_connection, c);
		while (c < end && (is_blank(*c) || *c == ','))
			c++;
	}
	return true;
}

/* RFC 9110 10.1.1; HTTP/1.0 has no Expect. */
static void read_expect(struct h1_parser *parser, struct framing *framing, struct http_span value)
{
	if (parser->role == H1_RESPONSE || parser->head.minor == 0)
		return;
	if (span_is(value, "100-continue"))
		framing->expects_continue = true;
	else if (framing->expectation_at == NULL)
		framing->expectation_at = value.data;
}

static bool read_field(
	struct h1_parser *parser, struct framing *framing, const struct http_field *field)
{
	switch (field->name.len) {
	case 6:
		if (span_is(field->name, "expect"))
			read_expect(parser, framing, field->value);
		return true;
	case 7:
		if (span_is(field->name, "upgrade"))
			framing->has_upgrade = field->value.len > 0;
		return true;
	case 10:
		if (span_is(field->name, "connection"))
			return read_connection(parser, framing, field->value);
		return true;
	case 14:
		if (span_is(field->name, "content-length"))
			return read_content_length(parser, framing, field->value);
		return true;
	case 17:
		if (span_is(field->name, "transfer-encoding"))
			return read_transfer_encoding(parser, framing, field->value);
		return true;
	default:
		return true;
	}
}

/* RFC 9112 6.3 */
static enum http_body response_body(const struct h1_parser *parser, const struct framing *framing)
{
	unsigned status = parser->head.status;

	if (parser->to_head_request || status < 200 || status == 204 || status == 304)
		return HTTP_BODY_NONE;
	if (framing->chunked_at != NULL)
		return HTTP_BODY_CHUNKED;
	return framing->length_at != NULL ? HTTP_BODY_LENGTH : HTTP_BODY_UNTIL_CLOSE;
}

static enum http_body request_body(const struct framing *framing)
{
	if (framing->chunked_at != NULL)
		return HTTP_BODY_CHUNKED;
	return framing->length_at != NULL ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
}

bool h1_framing(struct h1_parser *parser)
{
	struct http_head *head = &parser->head;
	struct framing framing = { 0 };

	for (unsigned i = 0; i < head->field_count; i++)
		if (!read_field(parser, &framing, &head->fields[i]))
			return false;
	if (framing.expectation_at != NULL)
		return h1_refuse(parser, HTTP_REFUSED_expectation, framing.expectation_at);
	if (parser->role == H1_RESPONSE) {
		head->is_head = parser->to_head_request;
		head->body = response_body(parser, &framing);
	} else {
		head->body = request_body(&framing);
	}
	if (head->body == HTTP_BODY_LENGTH && parser->limits.body_bytes != 0 &&
		head->content_length > parser->limits.body_bytes)
		return h1_refuse(parser, HTTP_REFUSED_body_too_large, framing.length_at);
	head->is_keep_alive = !framing.is_close && head->body != HTTP_BODY_UNTIL_CLOSE &&
		(head->minor == 1 || framing.is_keep_alive);
	head->is_upgrade = framing.has_upgrade && framing.is_connection_upgrade && head->minor == 1;
	head->expects_continue = framing.expects_continue && head->body != HTTP_BODY_NONE;
	return true;
}
