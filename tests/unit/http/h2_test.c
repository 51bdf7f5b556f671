/* SPDX-License-Identifier: Apache-2.0 */
/* The session by itself: what is refused, what it holds, and how bodies wait. */
#include "http/h2.h"

#include <stdio.h>
#include <stdlib.h>

#include "side.h"

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

/* nghttp2 1.64 refuses user information by itself (RFC 9113 8.3.1), before our own rule. */
static enum http_refusal refusal_expected(const struct strict_row *row)
{
	if (row->refusal == BAD(host_invalid) && nghttp2_version(0x014000) != NULL)
		return BAD(h2_head);
	return row->refusal;
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
	side_feed(&side, frames->data, frames->len, piece);
	refusal = side_read_all(&side, &is_complete);
	side_drain(&side, NULL, 0);
	if (refusal == HTTP_REFUSED_NOT)
		refusal = side_read_all(&side, &is_complete);
	for (unsigned i = 1; i < HTTP_REFUSAL_COUNT && refusal == HTTP_REFUSED_NOT; i++)
		if (side.refused[i] > 0)
			refusal = i;
	if (refusal != refusal_expected(row))
		fail_msg("%s: refused as %s and not as %s", row->words, http_refusal_name(refusal),
			http_refusal_name(refusal_expected(row)));
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
	assert_true(side_feed(side, frames->data, frames->len, frames->len));
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
	frames_data(frames, 1, piece, SIDE_WINDOW - 3 * sizeof(piece), false);
	assert_true(side_feed(&side, frames->data, frames->len, 1000));
	stream = h2_next_ready(side.session);
	h2_stream_set_owner(stream, &side);
	assert_int_equal(h2_next(stream, &body), HTTP_EVENT_HEAD);
	assert_int_equal(h2_head(stream)->body, HTTP_BODY_CHUNKED);
	side_drain(&side, NULL, 0);
	/* Nothing was taken: no WINDOW_UPDATE. */
	assert_int_equal(side_drain(&side, NULL, 0), 0);
	while (h2_next(stream, &body) == HTTP_EVENT_BODY) {
		total += body.len;
		h2_take(stream, body.len);
	}
	assert_int_equal(total, SIDE_WINDOW);
	assert_true(side_drain(&side, NULL, 0) > 0);
	/* One byte beyond the window is an error of the stream. */
	frames->len = 0;
	for (unsigned i = 0; i < 5; i++)
		frames_data(frames, 1, piece, sizeof(piece), false);
	side_feed(&side, frames->data, frames->len, frames->len);
	side_drain(&side, NULL, 0);
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
		size_t len = side_drain(client, bytes, sizeof(bytes));

		moved = len > 0;
		if (len > 0)
			h2_receive(server->session, bytes, len, 1000);
		len = side_drain(server, bytes, sizeof(bytes));
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
	const struct http_extra_field extra = { "X-Forwarded-For", span("192.0.2.1"), false };
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
		cmocka_unit_test(bodies_wait),
		cmocka_unit_test(request_and_response_with_trailers),
		cmocka_unit_test(drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
