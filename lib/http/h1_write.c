/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "chars.h"
#include "filter.h"
#include "h1_internal.h"

/* A head on its way out. Running out of room is noted and told once, at the end. */
struct writer {
	char *out;
	size_t size;
	size_t used;
	size_t lines;
	bool is_short;
};

static void put(struct writer *writer, const char *data, size_t len)
{
	if (writer->size - writer->used < len) {
		writer->is_short = true;
		return;
	}
	if (len > 0)
		memcpy(writer->out + writer->used, data, len);
	writer->used += len;
}

static void put_text(struct writer *writer, const char *text)
{
	put(writer, text, strlen(text));
}

static void put_line_end(struct writer *writer)
{
	put(writer, "\r\n", 2);
	writer->lines++;
}

static void put_field(struct writer *writer, struct http_span name, struct http_span value)
{
	put(writer, name.data, name.len);
	put(writer, ": ", 2);
	put(writer, value.data, value.len);
	put_line_end(writer);
}

static void put_line(struct writer *writer, const char *text)
{
	put_text(writer, text);
	put_line_end(writer);
}

static void put_number(struct writer *writer, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	put(writer, digits + at, sizeof(digits) - at);
}

static void put_content_length(struct writer *writer, uint64_t length)
{
	put_text(writer, "Content-Length: ");
	put_number(writer, length);
	put_line_end(writer);
}

static void put_fields(struct writer *writer, const struct http_head *head,
	const struct http_write_options *options, bool is_request)
{
	struct http_filter filter;

	http_filter_init(&filter, head, options, is_request);
	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_filter_passes(&filter, head->fields[i].name))
			put_field(writer, head->fields[i].name, head->fields[i].value);
	}
	for (unsigned i = 0; i < options->extra_count; i++) {
		const struct http_extra_field *extra = &options->extra[i];

		put_text(writer, extra->name);
		put(writer, ": ", 2);
		put(writer, extra->value.data, extra->value.len);
		put_line_end(writer);
	}
}

static size_t count_byte(const char *data, size_t len, char byte)
{
	const char *end = data + len;
	size_t count = 0;

	while ((data = memchr(data, byte, (size_t)(end - data))) != NULL) {
		count++;
		data++;
	}
	return count;
}

/*
 * Whatever a field's value came from, a line end in it would be a field or a message more: the
 * lines that were written must be the lines that a reader will count.
 */
static int finish(struct writer *writer)
{
	put_line_end(writer);
	if (writer->is_short)
		return -ENOSPC;
	if (count_byte(writer->out, writer->used, '\n') != writer->lines ||
		count_byte(writer->out, writer->used, '\r') != writer->lines ||
		memchr(writer->out, '\0', writer->used) != NULL)
		return -EINVAL;
	return (int)writer->used;
}

int h1_write_chunk_end(char *out, size_t size, const struct http_field *trailers, unsigned count)
{
	struct writer writer = { .out = out, .size = size };

	put_line(&writer, "0");
	for (unsigned i = 0; i < count; i++)
		if (http_trailer_passes(trailers[i].name))
			put_field(&writer, trailers[i].name, trailers[i].value);
	return finish(&writer);
}

/* RFC 9110 10.1.4: TE is of one connection, and Connection says so. */
static void put_connection(struct writer *writer, const struct http_write_options *options)
{
	if (options->asks_trailers) {
		put_line(writer, "TE: trailers");
		put_line(writer, options->close ? "Connection: TE, close" : "Connection: TE");
	} else if (options->close) {
		put_line(writer, "Connection: close");
	}
}

/* RFC 9110 7.8 */
static void put_upgrade(struct writer *writer, const char *protocol)
{
	put_line(writer, "Connection: Upgrade");
	put_text(writer, "Upgrade: ");
	put_line(writer, protocol);
}

int h1_write_request(char *out, size_t size, const struct http_head *head,
	const struct http_write_options *options)
{
	struct writer writer = { .out = out, .size = size };

	if (head->body == HTTP_BODY_UNTIL_CLOSE ||
		(head->body == HTTP_BODY_CHUNKED && options->minor == 0))
		return -EINVAL;
	put(&writer, head->method.data, head->method.len);
	put(&writer, " ", 1);
	put(&writer, head->target.data, head->target.len);
	put_line(&writer, " HTTP/1.1");
	put_field(&writer, (struct http_span){ .data = "Host", .len = 4 }, head->authority);
	put_fields(&writer, head, options, true);
	if (head->body == HTTP_BODY_LENGTH)
		put_content_length(&writer, head->content_length);
	else if (head->body == HTTP_BODY_CHUNKED)
		put_line(&writer, "Transfer-Encoding: chunked");
	if (options->upgrade != NULL)
		put_upgrade(&writer, options->upgrade);
	else
		put_connection(&writer, options);
	return finish(&writer);
}

enum http_body h1_response_framing(const struct http_head *head, unsigned peer_minor)
{
	if (head->body != HTTP_BODY_CHUNKED && head->body != HTTP_BODY_UNTIL_CLOSE)
		return head->body;
	return peer_minor == 0 ? HTTP_BODY_UNTIL_CLOSE : HTTP_BODY_CHUNKED;
}

/*
 * A response without a body: to HEAD, and with 304, Content-Length tells of the body that is not
 * sent (RFC 9110 8.6), so the sender's passes; elsewhere only a zero keeps the reader from waiting.
 */
static void put_no_body(struct writer *writer, const struct http_head *head)
{
	if (head->status < 200 || head->status == 204)
		return;
	if (!head->is_head && head->status != 304)
		put_content_length(writer, 0);
	else if (http_find(head, "content-length") != NULL)
		put_content_length(writer, head->content_length);
}

int h1_write_response(char *out, size_t size, const struct http_head *head,
	const struct http_write_options *options)
{
	struct writer writer = { .out = out, .size = size };
	enum http_body body = h1_response_framing(head, options->minor);

	put_text(&writer, "HTTP/1.1 ");
	put_number(&writer, head->status);
	put(&writer, " ", 1);
	put(&writer, head->reason.data, head->reason.len);
	put_line_end(&writer);
	put_fields(&writer, head, options, false);
	if (body == HTTP_BODY_NONE)
		put_no_body(&writer, head);
	else if (body == HTTP_BODY_LENGTH)
		put_content_length(&writer, head->content_length);
	else if (body == HTTP_BODY_CHUNKED)
		put_line(&writer, "Transfer-Encoding: chunked");
	if (head->status == 101 && options->upgrade != NULL)
		put_upgrade(&writer, options->upgrade);
	else if (head->status >= 200 && (options->close || body == HTTP_BODY_UNTIL_CLOSE))
		put_line(&writer, "Connection: close");
	else if (head->status >= 200 && options->minor == 0)
		put_line(&writer, "Connection: keep-alive");
	return finish(&writer);
}

int h1_write_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char reversed[16];
	int count = 0, used = 0;

	do
		reversed[count++] = digits[len & 15];
	while ((len >>= 4) > 0);
	while (count > 0)
		out[used++] = reversed[--count];
	out[used++] = '\r';
	out[used++] = '\n';
	return used;
}
