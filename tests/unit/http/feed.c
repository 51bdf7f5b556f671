/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

#define HEADER_BYTES 8192

struct run {
	struct feed *feed;
	struct h1_parser *parser;
	size_t log_len;
	bool in_body;
};

static void note(struct run *run, const char *format, ...)
{
	size_t room = FEED_LOG_MAX - run->log_len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(run->feed->log + run->log_len, room, format, args);
	va_end(args);
	assert_true(len >= 0 && (size_t)len < room);
	run->log_len += (size_t)len;
}

#define SPAN(span) (int)(span).len, (span).data

static void note_head(struct run *run)
{
	static const char *const bodies[] = { "none", "length", "chunked", "close" };
	const struct http_head *head = h1_head(run->parser);

	run->feed->heads++;
	if (run->feed->role == H1_REQUEST)
		note(run, "%.*s %.*s path=%.*s authority=%.*s host=%.*s", SPAN(head->method),
			SPAN(head->target), SPAN(head->path), SPAN(head->authority),
			SPAN(head->host));
	else
		note(run, "%u '%.*s'", head->status, SPAN(head->reason));
	note(run, " 1.%u body=%s:%llu%s%s%s%s\n", head->minor, bodies[head->body],
		(unsigned long long)head->content_length, head->is_keep_alive ? " keep" : "",
		head->expects_continue ? " expect" : "", head->is_upgrade ? " upgrade" : "",
		head->is_head ? " head" : "");
	for (unsigned i = 0; i < head->field_count; i++)
		note(run, "  %.*s=%.*s\n", SPAN(head->fields[i].name), SPAN(head->fields[i].value));
}

static void note_end(struct run *run)
{
	const struct http_field *trailers;
	unsigned count;

	if (run->in_body)
		note(run, "\n");
	run->in_body = false;
	run->feed->ends++;
	note(run, "end\n");
	trailers = h1_trailers(run->parser, &count);
	for (unsigned i = 0; i < count; i++)
		note(run, "  %.*s=%.*s\n", SPAN(trailers[i].name), SPAN(trailers[i].value));
}

static bool note_event(struct run *run, enum http_event event, struct http_span body)
{
	if (event == HTTP_EVENT_HEAD)
		note_head(run);
	else if (event == HTTP_EVENT_BODY)
		note(run, "%s%.*s", run->in_body ? "" : "body ", SPAN(body));
	else if (event == HTTP_EVENT_END)
		note_end(run);
	if (event == HTTP_EVENT_BODY)
		run->in_body = true;
	if (event != HTTP_EVENT_REFUSED)
		return true;
	run->feed->refusal = h1_refusal(run->parser);
	run->feed->offset = h1_refusal_offset(run->parser);
	note(run, "%srefused %s at %llu\n", run->in_body ? "\n" : "",
		http_refusal_name(run->feed->refusal), (unsigned long long)run->feed->offset);
	return false;
}

/* A copy of exactly the right length: a read beyond it is the sanitizer's. */
static bool feed_piece(struct run *run, const char *data, size_t len)
{
	char *copy = malloc(len + 1);
	size_t used = 0;
	bool goes_on = true;
	enum http_event event;

	assert_non_null(copy);
	memcpy(copy + 1, data, len);
	do {
		struct http_span body = { 0 };
		size_t consumed = 0;

		event = h1_next(run->parser, copy + 1 + used, len - used, &consumed, &body);
		assert_true(consumed <= len - used);
		used += consumed;
		goes_on = note_event(run, event, body);
	} while (goes_on && event != HTTP_EVENT_MORE);
	assert_true(!goes_on || used == len);
	free(copy);
	return goes_on;
}

static void run_all(
	struct feed *feed, const char *data, size_t len, size_t piece, size_t cut, bool with_eof)
{
	struct run run = { .feed = feed };
	struct http_limits limits = feed->limits;
	size_t buffer_len, at = 0;
	void *memory = NULL;
	char *buffer;
	bool goes_on = true;

	if (limits.header_bytes == 0)
		limits = (struct http_limits){ .target_bytes = 4096,
			.header_bytes = HEADER_BYTES,
			.header_fields = 100,
			.body_bytes = feed->limits.body_bytes };
	buffer_len = feed->buffer_len != 0 ? feed->buffer_len : limits.header_bytes;
	buffer = malloc(buffer_len);
	assert_non_null(buffer);
	assert_int_equal(posix_memalign(&memory, 64, h1_parser_bytes()), 0);
	memset(memory, 0xa5, h1_parser_bytes());
	run.parser = h1_parser_init(memory, feed->role, &limits, buffer, buffer_len);
	if (feed->role == H1_RESPONSE && !feed->is_unasked)
		h1_expect_response(run.parser, feed->to_head_request);
	feed->log[0] = '\0';
	feed->refusal = HTTP_REFUSED_NOT;
	feed->offset = 0;
	feed->heads = feed->ends = 0;
	while (goes_on && at < len) {
		size_t step = len - at;

		if (piece != 0 && step > piece)
			step = piece;
		else if (piece == 0 && at < cut && cut < len)
			step = cut - at;
		goes_on = feed_piece(&run, data + at, step);
		at += step;
	}
	if (goes_on && with_eof)
		note_event(&run, h1_eof(run.parser), (struct http_span){ 0 });
	h1_parser_finish(run.parser);
	free(memory);
	free(buffer);
}

void feed_run(struct feed *feed, const char *data, size_t len, size_t piece, size_t cut)
{
	run_all(feed, data, len, piece, cut, false);
}

void feed_eof(struct feed *feed, const char *data, size_t len, size_t piece, size_t cut)
{
	run_all(feed, data, len, piece, cut, true);
}
