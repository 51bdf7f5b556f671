/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "http/h1.h"
#include "http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The session glue: a peer's bytes, preface included, in pieces; every request is answered in one
 * of several ways. Whatever comes, the owner sees only messages that HTTP/1 can carry, and all
 * memory comes back.
 */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct owner {
	size_t objects;
	unsigned requests;
};

static void *memory(void *ctx, void *object, size_t len)
{
	struct owner *owner = ctx;

	owner->objects += object == NULL && len > 0;
	owner->objects -= object != NULL && len == 0;
	if (len > 0)
		return realloc(object, len);
	free(object);
	return NULL;
}

static void wake(void *ctx)
{
	(void)ctx;
}

static void refused(void *ctx, enum http_refusal refusal)
{
	(void)ctx;
	if (refusal == HTTP_REFUSED_NOT || refusal >= HTTP_REFUSAL_COUNT)
		abort();
}

/* What goes to a member by HTTP/1 must be one head there. */
static void check_head(const struct http_head *head)
{
	const struct http_limits limits = {
		.target_bytes = 4096, .header_bytes = 16384, .header_fields = HTTP_FIELDS_MAX
	};
	const struct http_write_options options = { .minor = 1 };
	static char out[32768], buffer[32768];
	void *space = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	struct h1_parser *parser = h1_parser_init(
		space, H1_REQUEST, &limits, buffer, sizeof(buffer));
	int len = h1_write_request(out, sizeof(out), head, &options);
	struct http_span body;
	size_t used;

	if (len <= 0 || h1_next(parser, out, (size_t)len, &used, &body) != HTTP_EVENT_HEAD ||
		used != (size_t)len || h1_head(parser)->body != head->body)
		abort();
	free(space);
}

static void answer(struct owner *owner, struct h2_stream *stream)
{
	static const struct http_write_options options = { 0 };
	struct http_head head;

	memset(&head, 0, sizeof(head));
	head.status = 200;
	head.body = HTTP_BODY_CHUNKED;
	switch (owner->requests++ % 3) {
	case 0:
		h2_send_response(stream, &head, &options, false);
		h2_send_body(stream, "hello", 5);
		h2_send_end(stream, NULL, 0);
		break;
	case 1:
		head.body = HTTP_BODY_NONE;
		h2_send_response(stream, &head, &options, true);
		break;
	default:
		break;
	}
}

static void stream_run(struct owner *owner, struct h2_stream *stream)
{
	struct http_span body;

	if (h2_stream_owner(stream) == NULL && h2_is_told(stream))
		return;
	h2_stream_set_owner(stream, owner);
	for (;;) {
		switch (h2_next(stream, &body)) {
		case HTTP_EVENT_HEAD:
			check_head(h2_head(stream));
			answer(owner, stream);
			continue;
		case HTTP_EVENT_BODY:
			h2_take(stream, body.len);
			continue;
		case HTTP_EVENT_REFUSED:
			h2_stream_close(stream, H2_CANCEL);
			return;
		default:
			break;
		}
		break;
	}
	if (h2_is_cut(stream) || h2_is_sent(stream))
		h2_stream_close(stream, H2_NO_ERROR);
}

static void session_run(struct h2_session *session, struct owner *owner)
{
	struct h2_stream *stream;
	const char *out;
	size_t len;

	while ((stream = h2_next_ready(session)) != NULL)
		stream_run(owner, stream);
	while ((len = h2_output(session, &out)) > 0)
		h2_output_take(session, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner owner = { 0 };
	const struct h2_params params = {
		.role = H2_SERVER,
		.limits = { .target_bytes = 512,
			.header_bytes = 4096,
			.header_fields = 32,
			.body_bytes = 1 << 20 },
		.budgets = { 20, 20, 8, 20, 20, 20, 20, 20 },
		.max_streams = 10,
		.stream_window = 65535,
		.connection_window = 65535,
		.memory = memory,
		.wake = wake,
		.refused = refused,
		.ctx = &owner,
	};
	struct h2_session *session = h2_session_create(&params);

	if (session == NULL)
		abort();
	h2_receive(session, PREFACE, strlen(PREFACE), 0);
	for (size_t at = 0; at < size;) {
		size_t step = 1 + (size_t)data[at] * 7 % 200;
		char *copy;

		step = step < size - at ? step : size - at;
		copy = malloc(step);
		memcpy(copy, data + at, step);
		h2_receive(session, copy, step, at * 1000);
		free(copy);
		session_run(session, &owner);
		at += step;
	}
	h2_session_destroy(session);
	if (owner.objects != 0)
		abort();
	return 0;
}
