/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H1_FUZZ_H
#define FUZZ_H1_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "http/h1.h"

#define H1_FUZZ_BUFFER 4096

/* One run over a connection's bytes: a digest of all events, equal however the bytes are cut. */
struct h1_run {
	enum h1_role role;
	bool to_head_request;
	uint64_t digest;
	/* Called at every head. */
	void (*on_head)(const struct http_head *head);
};

static const struct http_limits h1_fuzz_limits = {
	.target_bytes = 512,
	.header_bytes = 2048,
	.header_fields = 32,
	.body_bytes = 1 << 20,
};

static inline void h1_digest(struct h1_run *run, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		run->digest = (run->digest ^ byte[i]) * 0x100000001b3;
}

static inline void h1_digest_span(struct h1_run *run, struct http_span span)
{
	h1_digest(run, &span.len, sizeof(span.len));
	h1_digest(run, span.data, span.len);
}

static inline void h1_digest_head(struct h1_run *run, const struct http_head *head)
{
	const uint64_t numbers[] = { head->status, head->minor, head->body, head->content_length,
		head->is_keep_alive, head->expects_continue, head->is_upgrade, head->is_head,
		head->field_count };

	h1_digest(run, numbers, sizeof(numbers));
	h1_digest_span(run, head->method);
	h1_digest_span(run, head->target);
	h1_digest_span(run, head->path);
	h1_digest_span(run, head->authority);
	h1_digest_span(run, head->host);
	h1_digest_span(run, head->reason);
	for (unsigned i = 0; i < head->field_count; i++) {
		h1_digest_span(run, head->fields[i].name);
		h1_digest_span(run, head->fields[i].value);
	}
}

static inline void h1_digest_event(
	struct h1_run *run, struct h1_parser *parser, enum http_event event, struct http_span body)
{
	const uint64_t refusal[] = { h1_refusal(parser), h1_refusal_offset(parser) };
	const uint8_t kind = (uint8_t)event;

	if (event == HTTP_EVENT_BODY) {
		h1_digest(run, body.data, body.len);
	} else if (event == HTTP_EVENT_HEAD) {
		h1_digest_head(run, h1_head(parser));
		run->on_head(h1_head(parser));
	} else if (event != HTTP_EVENT_MORE) {
		h1_digest(run, &kind, 1);
		h1_digest(run, refusal, sizeof(refusal));
	}
}

/* Pieces of 1 to `piece` bytes; 0: all at once. Each piece is a copy, for the sanitizer's sake. */
static inline void h1_run(struct h1_run *run, const uint8_t *data, size_t len, size_t piece)
{
	char *buffer = malloc(H1_FUZZ_BUFFER);
	void *memory = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	struct h1_parser *parser = h1_parser_init(
		memory, run->role, &h1_fuzz_limits, buffer, H1_FUZZ_BUFFER);
	enum http_event event = HTTP_EVENT_MORE;

	run->digest = 0xcbf29ce484222325;
	h1_expect_response(parser, run->to_head_request);
	for (size_t at = 0; at < len && event != HTTP_EVENT_REFUSED;) {
		size_t step = piece == 0 ? len : 1 + (at * 7 + piece) % piece;
		size_t used = 0, consumed;
		char *copy;

		step = step < len - at ? step : len - at;
		copy = malloc(step);
		memcpy(copy, data + at, step);
		do {
			struct http_span body = { 0 };

			event = h1_next(parser, copy + used, step - used, &consumed, &body);
			if (consumed > step - used)
				abort();
			used += consumed;
			h1_digest_event(run, parser, event, body);
		} while (event != HTTP_EVENT_MORE && event != HTTP_EVENT_REFUSED);
		if (event == HTTP_EVENT_MORE && used != step)
			abort();
		free(copy);
		at += step;
	}
	if (event != HTTP_EVENT_REFUSED)
		h1_digest_event(run, parser, h1_eof(parser), (struct http_span){ 0 });
	h1_parser_finish(parser);
	free(memory);
	free(buffer);
}

/* All cuts must tell the same. */
static inline void h1_run_cuts(struct h1_run *run, const uint8_t *data, size_t len)
{
	static const size_t pieces[] = { 1, 2, 5, 64 };
	uint64_t whole;

	h1_run(run, data, len, 0);
	whole = run->digest;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		h1_run(run, data, len, pieces[i]);
		if (run->digest != whole)
			abort();
	}
}

/* What we wrote must be read back as one head, with nothing behind it but its body. */
static inline void h1_reread(enum h1_role role, bool to_head_request, const char *text, int len,
	const struct http_head *head)
{
	char *buffer = malloc(H1_FUZZ_BUFFER * 2);
	void *memory = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	const struct http_limits limits = { .target_bytes = 1024,
		.header_bytes = H1_FUZZ_BUFFER * 2,
		.header_fields = HTTP_FIELDS_MAX };
	struct h1_parser *parser = h1_parser_init(
		memory, role, &limits, buffer, H1_FUZZ_BUFFER * 2);
	const struct http_head *again = h1_head(parser);
	struct http_span body;
	size_t used;

	h1_expect_response(parser, to_head_request);
	if (h1_next(parser, text, (size_t)len, &used, &body) != HTTP_EVENT_HEAD ||
		used != (size_t)len)
		abort();
	if (role == H1_REQUEST &&
		(again->body != head->body || again->is_upgrade ||
			again->target.len != head->target.len ||
			memcmp(again->target.data, head->target.data, head->target.len) != 0 ||
			again->host.len != head->host.len ||
			memcmp(again->host.data, head->host.data, head->host.len) != 0))
		abort();
	if (again->content_length != head->content_length && head->body == HTTP_BODY_LENGTH)
		abort();
	if (http_find(again, "upgrade") != NULL || http_find(again, "te") != NULL)
		abort();
	h1_parser_finish(parser);
	free(memory);
	free(buffer);
}

#endif
