/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frames.h"

/* The session by itself: what is refused, what ends it, what it holds, and how bodies wait. */

#define GET     ":method: GET\n:scheme: http\n:path: /x\n:authority: a.test\n"
#define POST    ":method: POST\n:scheme: http\n:path: /x\n:authority: a.test\n"
#define WINDOW  65535
#define HEADERS 4096

/* One of our sessions, and what it told. */
struct side {
	struct h2_session *session;
	size_t objects; /* memory that it holds */
	unsigned refused[HTTP_REFUSAL_COUNT];
	bool is_awake;
};

static void *memory(void *ctx, void *object, size_t len)
{
	struct side *side = ctx;

	if (object == NULL && len > 0)
		side->objects++;
	if (len > 0)
		return realloc(object, len);
	if (object != NULL)
		side->objects--;
	free(object);
	return NULL;
}

static void wake(void *ctx)
{
	((struct side *)ctx)->is_awake = true;
}

static void refused(void *ctx, enum http_refusal refusal)
{
	((struct side *)ctx)->refused[refusal]++;
}

static void side_open(struct side *side, enum h2_role role)
{
	const struct h2_params params = {
		.role = role,
		.limits = { .target_bytes = 64,
			.header_bytes = HEADERS,
			.header_fields = 20,
			.body_bytes = 100000 },
		.budgets = { .resets = 20,
			.errors = 10,
			.continuations = 4,
			.settings = 10,
			.pings = 10,
			.priorities = 10,
			.window_updates = 50,
			.empty_frames = 10 },
		.max_streams = 100,
		.stream_window = WINDOW,
		.connection_window = 2 * WINDOW,
		.memory = memory,
		.wake = wake,
		.refused = refused,
		.ctx = side,
	};

	memset(side, 0, sizeof(*side));
	side->session = h2_session_create(&params);
	assert_non_null(side->session);
}

/* Nothing that it took may be left. */
static void side_close(struct side *side)
{
	h2_session_destroy(side->session);
	assert_int_equal(side->objects, 0);
}

static size_t drain(struct side *side, char *out, size_t size)
{
	const char *data;
	size_t len, used = 0;

	while ((len = h2_output(side->session, &data)) > 0) {
		if (out != NULL) {
			assert_true(used + len <= size);
			memcpy(out + used, data, len);
		}
		used += len;
		h2_output_take(side->session, len);
	}
	return used;
}

/* Fed in pieces, so that every state is met half way. */
static bool feed(struct side *side, const char *data, size_t len, size_t piece)
{
	bool is_good = true;

	for (size_t at = 0; at < len && is_good; at += piece) {
		char *copy = malloc(piece);
		size_t step = len - at < piece ? len - at : piece;

		memcpy(copy, data + at, step);
		is_good = h2_receive(side->session, copy, step, 1000);
		free(copy);
	}
	return is_good;
}

struct strict_row {
	const char *words;
	const char *head;
	const char *body; /* NULL: the head ends the stream */
	const char *trailers;
	enum http_refusal refusal;
};

#define BAD(refusal_name) HTTP_REFUSED_##refusal_name

static const struct strict_row strict_rows[] = {
	{ "a plain request", GET, NULL, NULL, HTTP_REFUSED_NOT },
	{ "a body of its length", POST "content-length: 3\n", "abc", NULL, HTTP_REFUSED_NOT },
	{ "a body with trailers", POST, "abc", "x-sum: 1\n", HTTP_REFUSED_NOT },
	{ "te: trailers", GET "te: trailers\n", NULL, NULL, HTTP_REFUSED_NOT },
	{ "Host stands in", ":method: GET\n:scheme: http\n:path: /\nhost: b\n", NULL, NULL,
		HTTP_REFUSED_NOT },
	{ "CR in a value", GET "x-a: b\rc\n", NULL, NULL, BAD(header_value) },
	{ "NUL-like control in a value", GET "x-a: b\001c\n", NULL, NULL, BAD(header_value) },
	{ "upper case in a name", GET "X-a: b\n", NULL, NULL, BAD(h2_head) },
	{ "an empty name", GET "!: b\n", NULL, NULL, BAD(header_name) },
	{ "space in a name", GET "x a: b\n", NULL, NULL, BAD(header_name) },
	{ "connection", GET "connection: close\n", NULL, NULL, BAD(h2_head) },
	{ "keep-alive", GET "keep-alive: 5\n", NULL, NULL, BAD(h2_head) },
	{ "proxy-connection", GET "proxy-connection: x\n", NULL, NULL, BAD(h2_head) },
	{ "transfer-encoding", POST "transfer-encoding: chunked\n", "abc", NULL, BAD(h2_head) },
	{ "upgrade", GET "upgrade: websocket\n", NULL, NULL, BAD(h2_head) },
	{ "te with more", GET "te: gzip\n", NULL, NULL, BAD(h2_head) },
	{ "no method", ":scheme: http\n:path: /\n:authority: a\n", NULL, NULL, BAD(h2_head) },
	{ "no path", ":method: GET\n:scheme: http\n:authority: a\n", NULL, NULL, BAD(h2_head) },
	{ "empty path", ":method: GET\n:scheme: http\n:path: \n:authority: a\n", NULL, NULL,
		BAD(h2_head) },
	{ "no scheme", ":method: GET\n:path: /\n:authority: a\n", NULL, NULL, BAD(h2_head) },
	{ "two paths", GET ":path: /y\n", NULL, NULL, BAD(h2_head) },
	{ "pseudo behind a field", "x-a: b\n" GET, NULL, NULL, BAD(h2_head) },
	{ "an unknown pseudo", GET ":version: 2\n", NULL, NULL, BAD(h2_head) },
	{ "a response's pseudo", GET ":status: 200\n", NULL, NULL, BAD(h2_head) },
	{ "no authority", ":method: GET\n:scheme: http\n:path: /\n", NULL, NULL, BAD(h2_head) },
	{ "an empty authority", ":method: GET\n:scheme: http\n:path: /\n:authority: \n", NULL, NULL,
		BAD(h2_head) },
	{ "user information", ":method: GET\n:scheme: http\n:path: /\n:authority: u@a\n", NULL,
		NULL, BAD(host_invalid) },
	{ "an ftp scheme", ":method: GET\n:scheme: ftp\n:path: /\n:authority: a\n", NULL, NULL,
		BAD(target) },
	{ "CONNECT", ":method: CONNECT\n:authority: a:443\n", NULL, NULL, BAD(method_unsupported) },
	{ "a space in the path", ":method: GET\n:scheme: http\n:path: /a b\n:authority: a\n", NULL,
		NULL, BAD(h2_head) },
	{ "a request line in the path",
		":method: GET\n:scheme: http\n:path: /\tHTTP/1.1\n:authority: a\n", NULL, NULL,
		BAD(h2_head) },
	{ "a fragment", ":method: GET\n:scheme: http\n:path: /#x\n:authority: a\n", NULL, NULL,
		BAD(target) },
	{ "star without OPTIONS", ":method: GET\n:scheme: http\n:path: *\n:authority: a\n", NULL,
		NULL, BAD(h2_head) },
	{ "above the root", ":method: GET\n:scheme: http\n:path: /../x\n:authority: a\n", NULL,
		NULL, BAD(path_escape) },
	{ "an encoded slash", ":method: GET\n:scheme: http\n:path: /a%2fb\n:authority: a\n", NULL,
		NULL, BAD(path_escape) },
	{ "a long path",
		":method: GET\n:scheme: http\n:authority: a\n:path: /0123456789012345678901234567890"
		"12345678901234567890123456789012345678901234567890123456789\n",
		NULL, NULL, BAD(target_too_long) },
	{ "a bare end behind a length", POST "content-length: 3\n", NULL, NULL, BAD(h2_head) },
	{ "a body shorter than its length", POST "content-length: 5\n", "abc", NULL,
		BAD(h2_length) },
	{ "a body longer than its length", POST "content-length: 1\n", "abc", NULL,
		BAD(h2_length) },
	{ "a shorter body ended by trailers", POST "content-length: 5\n", "abc", "x-sum: 1\n",
		BAD(h2_length) },
	{ "two lengths", POST "content-length: 3\ncontent-length: 3\n", "abc", NULL, BAD(h2_head) },
	{ "a signed length", POST "content-length: +3\n", "abc", NULL, BAD(h2_head) },
	{ "a length above the limit", POST "content-length: 100001\n", "abc", NULL,
		BAD(body_too_large) },
	{ "another expectation", POST "expect: tea\n", "abc", NULL, BAD(expectation) },
	{ "pseudo in trailers", POST, "abc", ":path: /\n", BAD(h2_head) },
	{ "framing in trailers", POST, "abc", "content-length: 3\n", BAD(trailer) },
	{ "host in trailers", POST, "abc", "host: b\n", BAD(trailer) },
};

/* Reads what there is of the only stream. Returns its owner's view of a refusal. */
static enum http_refusal read_all(struct side *side, bool *is_complete)
{
	enum http_refusal refusal = HTTP_REFUSED_NOT;
	struct h2_stream *stream;
	struct http_span body;

	while ((stream = h2_next_ready(side->session)) != NULL) {
		enum http_event event;

		h2_stream_set_owner(stream, side);
		while ((event = h2_next(stream, &body)) == HTTP_EVENT_HEAD ||
			event == HTTP_EVENT_BODY)
			if (event == HTTP_EVENT_BODY)
				h2_take(stream, body.len);
		if (event == HTTP_EVENT_REFUSED)
			refusal = h2_refusal(stream);
		*is_complete |= event == HTTP_EVENT_END;
	}
	return refusal;
}

static void strict_check(const struct strict_row *row, size_t piece)
{
	struct frames *frames = malloc(sizeof(*frames));
	enum http_refusal refusal;
	bool is_complete = false;
	struct side side;

	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, row->head, row->body == NULL);
	if (row->body != NULL)
		frames_data(frames, 1, row->body, strlen(row->body), row->trailers == NULL);
	if (row->trailers != NULL)
		frames_headers(frames, 1, row->trailers, true);
	feed(&side, frames->data, frames->len, piece);
	refusal = read_all(&side, &is_complete);
	drain(&side, NULL, 0);
	if (refusal == HTTP_REFUSED_NOT)
		refusal = read_all(&side, &is_complete);
	for (unsigned i = 1; i < HTTP_REFUSAL_COUNT && refusal == HTTP_REFUSED_NOT; i++)
		if (side.refused[i] > 0)
			refusal = i;
	if (refusal != row->refusal)
		fail_msg("%s: refused as %s and not as %s", row->words, http_refusal_name(refusal),
			http_refusal_name(row->refusal));
	if (is_complete != (row->refusal == HTTP_REFUSED_NOT))
		fail_msg("%s: complete or not", row->words);
	side_close(&side);
	frames_end(frames);
	free(frames);
}

static void requests_are_refused(void **state)
{
	static const size_t pieces[] = { 1 << 18, 1, 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(strict_rows) / sizeof(strict_rows[0]); i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++)
			strict_check(&strict_rows[i], pieces[j]);
}

/* One head as it is given to the owner. */
static struct h2_stream *one_head(struct side *side, struct frames *frames, const char *lines)
{
	struct h2_stream *stream;
	struct http_span body;

	side_open(side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, lines, true);
	assert_true(feed(side, frames->data, frames->len, frames->len));
	stream = h2_next_ready(side->session);
	assert_non_null(stream);
	h2_stream_set_owner(stream, side);
	assert_int_equal(h2_next(stream, &body), HTTP_EVENT_HEAD);
	return stream;
}

static void heads_are_those_of_http1(void **state)
{
	struct frames *frames = malloc(sizeof(*frames));
	struct side side;
	struct h2_stream *stream = one_head(&side, frames,
		":method: GET\n:scheme: https\n:path: /a/./b/../%41?q=%2f\n:authority: A.Test:8443\n"
		"host: evil.test\ncookie: a=1\nx-a: b\ncookie: c=2\ncookie: d=3\n");
	const struct http_head *head = h2_head(stream);

	(void)state;
	assert_true(http_span_is(head->method, "GET"));
	assert_true(http_span_is(head->target, "/a/A?q=%2f"));
	assert_true(http_span_is(head->path, "/a/A"));
	assert_true(http_span_is(head->authority, "a.test:8443"));
	assert_true(http_span_is(head->host, "a.test"));
	assert_int_equal(head->body, HTTP_BODY_NONE);
	assert_int_equal(head->minor, 1);
	assert_true(http_span_is(http_find(head, "cookie")->value, "a=1; c=2; d=3"));
	assert_true(http_span_is(http_find(head, "x-a")->value, "b"));
	assert_int_equal(head->field_count, 3);
	side_close(&side);
	frames_end(frames);
	free(frames);
}

struct flood_row {
	const char *words;
	enum h2_failure failure;
	unsigned allowed; /* so many pass */
	void (*write)(struct frames *frames, unsigned i);
};

static uint32_t stream_id(unsigned i)
{
	return 2 * i + 1;
}

static void write_resets(struct frames *frames, unsigned i)
{
	const uint8_t code[4] = { 0, 0, 0, NGHTTP2_CANCEL };

	frames_headers(frames, stream_id(i), GET, true);
	frames_frame(frames, NGHTTP2_RST_STREAM, 0, stream_id(i), code, 4);
}

/* The other cause: our side has to reset them. */
static void write_overflows(struct frames *frames, unsigned i)
{
	const uint8_t increment[4] = { 0x7f, 0xff, 0xff, 0xff };

	frames_headers(frames, stream_id(i), GET, true);
	frames_frame(frames, NGHTTP2_WINDOW_UPDATE, 0, stream_id(i), increment, 4);
}

static void write_malformed(struct frames *frames, unsigned i)
{
	frames_headers(frames, stream_id(i), GET "connection: close\n", true);
}

static void write_settings(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void write_pings(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_PING, 0, 0, "12345678", 8);
}

static void write_priorities(struct frames *frames, unsigned i)
{
	const uint8_t payload[5] = { 0, 0, 0, 0, 16 };

	frames_frame(frames, NGHTTP2_PRIORITY, 0, stream_id(i), payload, 5);
}

static void write_priority_updates(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7);
}

static void write_window_updates(struct frames *frames, unsigned i)
{
	const uint8_t increment[4] = { 0, 0, 0, 1 };

	(void)i;
	frames_frame(frames, NGHTTP2_WINDOW_UPDATE, 0, 0, increment, 4);
}

static void write_empty_data(struct frames *frames, unsigned i)
{
	if (i == 0)
		frames_headers(frames, 1, POST, false);
	frames_data(frames, 1, NULL, 0, false);
}

static void write_padding(struct frames *frames, unsigned i)
{
	const char payload[5] = { 4 };

	if (i == 0)
		frames_headers(frames, 1, POST, false);
	frames_frame(frames, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, payload, sizeof(payload));
}

static void write_continuations(struct frames *frames, unsigned i)
{
	if (i == 0)
		frames_frame(frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82", 1);
	frames_frame(frames, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
}

static const struct flood_row flood_rows[] = {
	{ "rapid reset", H2_FAILED_reset, 20, write_resets },
	{ "resets by a window that overflows", H2_FAILED_error, 10, write_overflows },
	{ "resets by malformed heads", H2_FAILED_error, 10, write_malformed },
	{ "CONTINUATION", H2_FAILED_continuation, 4, write_continuations },
	{ "SETTINGS", H2_FAILED_settings, 9, write_settings },
	{ "PING", H2_FAILED_ping, 10, write_pings },
	{ "PRIORITY", H2_FAILED_priority, 10, write_priorities },
	{ "PRIORITY_UPDATE", H2_FAILED_priority, 10, write_priority_updates },
	{ "WINDOW_UPDATE", H2_FAILED_window_update, 50, write_window_updates },
	{ "empty DATA", H2_FAILED_empty, 10, write_empty_data },
	{ "DATA of padding", H2_FAILED_empty, 10, write_padding },
};

static bool has_goaway(const char *out, size_t len, uint32_t code)
{
	for (size_t at = 0; at + 9 <= len;) {
		const uint8_t *head = (const uint8_t *)out + at;
		size_t payload = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

		if (head[3] == NGHTTP2_GOAWAY && head[9 + 7] == code)
			return true;
		at += 9 + payload;
	}
	return false;
}

static void flood_check(const struct flood_row *row)
{
	struct frames *frames = malloc(sizeof(*frames));
	char *out = malloc(1 << 20);
	bool is_complete = false;
	struct side side;
	size_t len = 0;

	side_open(&side, H2_SERVER);
	frames_begin(frames);
	for (unsigned i = 0; i <= row->allowed; i++) {
		if (h2_failure(side.session) != H2_FAILED_NOT)
			fail_msg("%s: ended after %u", row->words, i);
		row->write(frames, i);
		h2_receive(side.session, frames->data, frames->len, 1000);
		frames->len = 0;
		read_all(&side, &is_complete);
		len += drain(&side, out + len, (1 << 20) - len);
	}
	if (h2_failure(side.session) != row->failure)
		fail_msg("%s: ended by %s", row->words, h2_failure_name(h2_failure(side.session)));
	if (!has_goaway(out, len, NGHTTP2_ENHANCE_YOUR_CALM))
		fail_msg("%s: no GOAWAY with ENHANCE_YOUR_CALM", row->words);
	assert_true(h2_is_done(side.session));
	assert_false(h2_receive(side.session, "x", 1, 1000));
	side_close(&side);
	frames_end(frames);
	free(frames);
	free(out);
}

static void floods_end_the_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flood_rows) / sizeof(flood_rows[0]); i++)
		flood_check(&flood_rows[i]);
}

/* Spread over time the same number is nothing. */
static void budgets_are_renewed(void **state)
{
	struct frames *frames = malloc(sizeof(*frames));
	struct side side;

	(void)state;
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	for (unsigned i = 0; i < 100; i++) {
		write_pings(frames, i);
		assert_true(h2_receive(side.session, frames->data, frames->len, 2000000ull * i));
		frames->len = 0;
		drain(&side, NULL, 0);
	}
	side_close(&side);
	frames_end(frames);
	free(frames);
}

/* Header sections that unpack to more than they may: the request is refused, or all ends. */
static void bombs(void **state)
{
	static char lines[1 << 17];
	struct frames *frames = malloc(sizeof(*frames));
	bool is_complete = false;
	struct side side;
	size_t used;

	(void)state;
	/* Cookie crumbs count as fields. */
	used = (size_t)sprintf(lines, "%s", GET);
	for (unsigned i = 0; i < 30; i++)
		used += (size_t)sprintf(lines + used, "cookie: a=%u\n", i);
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, lines, true);
	assert_true(feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(read_all(&side, &is_complete), HTTP_REFUSED_header_too_many);
	side_close(&side);
	frames_end(frames);
	/* Bytes count when unpacked. */
	used = (size_t)sprintf(lines, "%sx-a: ", GET);
	memset(lines + used, 'a', HEADERS);
	memcpy(lines + used + HEADERS, "\n", 2);
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, lines, true);
	assert_true(feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(read_all(&side, &is_complete), HTTP_REFUSED_header_too_large);
	side_close(&side);
	frames_end(frames);
	/* One long entry of the table, named again and again by one byte. */
	used = (size_t)sprintf(lines, "%s", GET);
	for (unsigned i = 0; i < 60; i++) {
		used += (size_t)sprintf(lines + used, "x-a: ");
		memset(lines + used, 'a', 1000);
		used += 1000;
		lines[used++] = '\n';
	}
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers_len(frames, 1, lines, used, true);
	assert_true(frames->len < 2000);
	assert_false(feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(h2_failure(side.session), H2_FAILED_header_bomb);
	side_close(&side);
	frames_end(frames);
	free(frames);
}

/* A body that its reader does not take stays at the sender, and is taken in order later. */
static void bodies_wait(void **state)
{
	static char piece[16384];
	struct frames *frames = malloc(sizeof(*frames));
	struct h2_stream *stream;
	struct http_span body;
	struct side side;
	size_t total = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, POST, false);
	for (unsigned i = 0; i < 3; i++)
		frames_data(frames, 1, piece, sizeof(piece), false);
	frames_data(frames, 1, piece, WINDOW - 3 * sizeof(piece), false);
	assert_true(feed(&side, frames->data, frames->len, 1000));
	stream = h2_next_ready(side.session);
	h2_stream_set_owner(stream, &side);
	assert_int_equal(h2_next(stream, &body), HTTP_EVENT_HEAD);
	assert_int_equal(h2_head(stream)->body, HTTP_BODY_CHUNKED);
	drain(&side, NULL, 0);
	/* Nothing was taken: no WINDOW_UPDATE. */
	assert_int_equal(drain(&side, NULL, 0), 0);
	while (h2_next(stream, &body) == HTTP_EVENT_BODY) {
		total += body.len;
		h2_take(stream, body.len);
	}
	assert_int_equal(total, WINDOW);
	assert_true(drain(&side, NULL, 0) > 0);
	/* One byte beyond the window is an error of the stream. */
	frames->len = 0;
	for (unsigned i = 0; i < 5; i++)
		frames_data(frames, 1, piece, sizeof(piece), false);
	feed(&side, frames->data, frames->len, frames->len);
	drain(&side, NULL, 0);
	assert_true(h2_is_cut(stream) || h2_failure(side.session) == H2_FAILED_protocol);
	side_close(&side);
	frames_end(frames);
	free(frames);
}

/* Moves bytes between our two roles until neither has any. */
static void exchange(struct side *client, struct side *server)
{
	static char bytes[1 << 20];
	bool moved;

	do {
		size_t len = drain(client, bytes, sizeof(bytes));

		moved = len > 0;
		if (len > 0)
			h2_receive(server->session, bytes, len, 1000);
		len = drain(server, bytes, sizeof(bytes));
		moved |= len > 0;
		if (len > 0)
			h2_receive(client->session, bytes, len, 1000);
	} while (moved);
}

static struct http_span span(const char *text)
{
	return (struct http_span){ .data = text, .len = strlen(text) };
}

/* The next thing that happened to the stream of this side. */
static struct h2_stream *next_of(
	struct side *side, enum http_event expected, struct http_span *body)
{
	struct h2_stream *stream = h2_next_ready(side->session);

	assert_non_null(stream);
	assert_int_equal(h2_next(stream, body), expected);
	return stream;
}

static struct h2_stream *send_post(struct side *client)
{
	struct http_head *head = calloc(1, sizeof(*head));
	const struct http_extra_field extra = { "X-Forwarded-For", span("192.0.2.1") };
	const struct http_write_options options = { .extra = &extra, .extra_count = 1 };
	struct h2_stream *stream;

	head->method = span("POST");
	head->target = span("/rpc");
	head->authority = span("a.test");
	head->body = HTTP_BODY_CHUNKED;
	head->fields[0] = (struct http_field){ span("TE"), span("trailers") };
	head->fields[1] = (struct http_field){ span("Connection"), span("x-drop") };
	head->fields[2] = (struct http_field){ span("X-Drop"), span("1") };
	head->fields[3] = (struct http_field){ span("X-Forwarded-For"), span("198.51.100.9") };
	head->fields[4] = (struct http_field){ span("X-Keep"), span("1") };
	head->field_count = 5;
	stream = h2_send_request(client->session, head, &options, false);
	assert_non_null(stream);
	free(head);
	return stream;
}

static void request_and_response_with_trailers(void **state)
{
	const struct http_write_options plain = { 0 };
	const struct http_field trailer = { span("Grpc-Status"), span("0") };
	struct http_head *answer = calloc(1, sizeof(*answer));
	struct h2_stream *mine, *theirs;
	struct side client, server;
	struct http_span body;
	unsigned count;

	(void)state;
	side_open(&client, H2_CLIENT);
	side_open(&server, H2_SERVER);
	mine = send_post(&client);
	exchange(&client, &server);
	assert_int_equal(h2_send_body(mine, "hello", 5), 5);
	h2_send_end(mine, &trailer, 1);
	exchange(&client, &server);
	theirs = next_of(&server, HTTP_EVENT_HEAD, &body);
	assert_true(http_span_is(http_find(h2_head(theirs), "te")->value, "trailers"));
	assert_true(
		http_span_is(http_find(h2_head(theirs), "x-forwarded-for")->value, "192.0.2.1"));
	assert_non_null(http_find(h2_head(theirs), "x-keep"));
	assert_null(http_find(h2_head(theirs), "x-drop"));
	assert_null(http_find(h2_head(theirs), "connection"));
	assert_int_equal(h2_next(theirs, &body), HTTP_EVENT_BODY);
	assert_true(http_span_is(body, "hello"));
	h2_take(theirs, body.len);
	assert_int_equal(h2_next(theirs, &body), HTTP_EVENT_END);
	assert_true(http_span_is(h2_trailers(theirs, &count)[0].name, "grpc-status"));
	assert_int_equal(count, 1);
	/* 1xx, the head, a body, trailers. */
	answer->status = 103;
	assert_int_equal(h2_send_response(theirs, answer, &plain, false), 0);
	answer->status = 200;
	answer->body = HTTP_BODY_LENGTH;
	answer->content_length = 3;
	assert_int_equal(h2_send_response(theirs, answer, &plain, false), 0);
	assert_int_equal(h2_send_body(theirs, "abc", 3), 3);
	h2_send_end(theirs, &trailer, 1);
	exchange(&client, &server);
	assert_true(h2_is_sent(theirs));
	assert_ptr_equal(next_of(&client, HTTP_EVENT_HEAD, &body), mine);
	assert_int_equal(h2_head(mine)->status, 103);
	assert_int_equal(h2_next(mine, &body), HTTP_EVENT_HEAD);
	assert_int_equal(h2_head(mine)->status, 200);
	assert_int_equal(h2_head(mine)->content_length, 3);
	assert_int_equal(h2_next(mine, &body), HTTP_EVENT_BODY);
	h2_take(mine, body.len);
	assert_int_equal(h2_next(mine, &body), HTTP_EVENT_END);
	assert_true(http_span_is(h2_trailers(mine, &count)[0].value, "0"));
	assert_false(h2_is_cut(mine));
	h2_stream_close(mine, H2_NO_ERROR);
	h2_stream_close(theirs, H2_NO_ERROR);
	assert_int_equal(h2_stream_count(client.session), 0);
	assert_int_equal(h2_stream_count(server.session), 0);
	side_close(&client);
	side_close(&server);
	free(answer);
}

/* RFC 9113 6.8: what was on its way is served, what came later may be sent again. */
static void drains(void **state)
{
	struct h2_stream *first, *second, *theirs;
	struct side client, server;
	struct http_span body;

	(void)state;
	side_open(&client, H2_CLIENT);
	side_open(&server, H2_SERVER);
	first = send_post(&client);
	exchange(&client, &server);
	theirs = next_of(&server, HTTP_EVENT_HEAD, &body);
	h2_drain(server.session);
	assert_false(h2_is_drain_seen(server.session));
	exchange(&client, &server);
	assert_true(h2_is_drain_seen(server.session));
	assert_true(h2_is_going(client.session));
	assert_false(h2_is_done(server.session));
	h2_drain_finish(server.session);
	exchange(&client, &server);
	assert_false(h2_is_done(server.session));
	assert_false(h2_is_cut(first));
	second = h2_next_ready(client.session);
	assert_null(second);
	h2_stream_close(theirs, H2_INTERNAL_ERROR);
	exchange(&client, &server);
	assert_true(h2_is_cut(first));
	assert_true(h2_is_done(server.session));
	h2_stream_close(first, H2_NO_ERROR);
	side_close(&client);
	side_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_refused),
		cmocka_unit_test(heads_are_those_of_http1),
		cmocka_unit_test(floods_end_the_connection),
		cmocka_unit_test(budgets_are_renewed),
		cmocka_unit_test(bombs),
		cmocka_unit_test(bodies_wait),
		cmocka_unit_test(request_and_response_with_trailers),
		cmocka_unit_test(drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
