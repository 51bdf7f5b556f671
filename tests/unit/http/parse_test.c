/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "support/support.h"

/* What passes, and as what: the same events for bytes at once, one by one, and in two pieces. */
struct row {
	enum h1_role role;
	const char *bytes;
	const char *log;
	bool to_head_request;
	bool with_eof;
};

#define REQUEST(text, expected)                                                                    \
	{                                                                                          \
		.role = H1_REQUEST, .bytes = (text), .log = (expected)                             \
	}
#define RESPONSE(text, expected)                                                                   \
	{                                                                                          \
		.role = H1_RESPONSE, .bytes = (text), .log = (expected)                            \
	}
#define UNTIL_EOF(text, expected)                                                                  \
	{                                                                                          \
		.role = H1_RESPONSE, .bytes = (text), .log = (expected), .with_eof = true          \
	}
#define TO_HEAD(text, expected)                                                                    \
	{                                                                                          \
		.role = H1_RESPONSE, .bytes = (text), .log = (expected), .to_head_request = true   \
	}
/* How one target, or one Host, comes out. */
#define TARGET(text, expected)                                                                     \
	REQUEST("GET " text " HTTP/1.1\r\nHost: h\r\n\r\n",                                        \
		"GET " expected " authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n")
#define HOST(text, lower, host)                                                                    \
	REQUEST("GET / HTTP/1.1\r\nHost: " text "\r\n\r\n",                                        \
		"GET / path=/ authority=" lower " host=" host                                      \
		" 1.1 body=none:0 keep\n  Host=" lower "\nend\n")

static const struct row rows[] = {
	REQUEST("GET /a?b HTTP/1.1\r\nHost: h\r\nA:b\r\nC: \t d e \t\r\nE:\r\nF: \xc3\xa4\r\n\r\n",
		"GET /a?b path=/a authority=h host=h 1.1 body=none:0 keep\n"
		"  Host=h\n  A=b\n  C=d e\n  E=\n  F=\xc3\xa4\nend\n"),
	REQUEST("\r\nHEAD / HTTP/1.0\r\n\r\n",
		"HEAD / path=/ authority= host= 1.0 body=none:0 head\nend\n"),
	REQUEST("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\nGET /3",
		"GET / path=/ authority= host= 1.0 body=none:0 keep\n"
		"  Connection=Keep-Alive\nend\n"
		"GET /2 path=/2 authority= host= 1.0 body=none:0\nend\n"),
	REQUEST("GET / HTTP/1.1\r\nHost: h\r\nConnection: x , Close\r\n\r\nGET / HTTP/1.1\r\n bad",
		"GET / path=/ authority=h host=h 1.1 body=none:0\n"
		"  Host=h\n  Connection=x , Close\nend\n"),
	/* Methods that llhttp does not know, or reads by other rules. */
	REQUEST("BREW / HTTP/1.1\r\nHost: h\r\n\r\nSOURCE / HTTP/1.1\r\nHost: h\r\n\r\n"
		"X / HTTP/1.1\r\nHost: h\r\n\r\n",
		"BREW / path=/ authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"
		"SOURCE / path=/ authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"
		"X / path=/ authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"),
	REQUEST("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS http://h:80 HTTP/1.1\r\nHost: "
		"h\r\n\r\n",
		"OPTIONS * path=* authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"
		"OPTIONS * path=* authority=h:80 host=h 1.1 body=none:0 keep\n  Host=h\nend\n"),
	/* Bodies */
	REQUEST("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 005 \r\nExpect: 100-Continue\r\n\r\n"
		"hello\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / path=/ authority=h host=h 1.1 body=length:5 keep expect\n"
		"  Host=h\n  Content-Length=005\n  Expect=100-Continue\nbody hello\nend\n"
		"GET / path=/ authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"),
	REQUEST("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
		"POST / path=/ authority=h host=h 1.1 body=length:0 keep expect\n"
		"  Host=h\n  Content-Length=0\n  Expect=100-continue\nend\n"),
	REQUEST("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
		"5\r\nhello\r\n00A;a=b;c=\"d;\te\"\r\n0123456789\r\n0;x\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / path=/ authority=h host=h 1.1 body=chunked:0 keep\n"
		"  Host=h\n  Transfer-Encoding=Chunked\nbody hello0123456789\nend\n"
		"GET / path=/ authority=h host=h 1.1 body=none:0 keep\n  Host=h\nend\n"),
	REQUEST("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1\r\nx\r\n0\r\nDigest: abc \r\nB:\r\n\r\n",
		"POST / path=/ authority=h host=h 1.1 body=chunked:0 keep\n"
		"  Host=h\n  Transfer-Encoding=chunked\nbody x\nend\n  Digest=abc\n  B=\n"),
	/* The body is never read as a request. */
	REQUEST("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\r",
		"GET / path=/ authority=h host=h 1.1 body=length:18 keep\n"
		"  Host=h\n  Content-Length=18\nbody GET /x HTTP/1.1\r\n\r\nend\n"),
	/* Upgrade is told and not followed, with and without a body. */
	REQUEST("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
		"Content-Length: 1\r\n\r\nx",
		"GET / path=/ authority=h host=h 1.1 body=none:0 keep upgrade\n"
		"  Host=h\n  Connection=Upgrade\n  Upgrade=websocket\nend\n"
		"POST / path=/ authority=h host=h 1.1 body=length:1 keep upgrade\n"
		"  Host=h\n  Connection=upgrade\n  Upgrade=h2c\n  Content-Length=1\nbody x\nend\n"),
	REQUEST("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
		"GET / path=/ authority=h host=h 1.1 body=none:0 keep\n"
		"  Host=h\n  Upgrade=websocket\nend\n"),
	/* Targets */
	TARGET("/%7ejoe/%41%2d%2E/%c3%a4%20", "/~joe/A-./%C3%A4%20 path=/~joe/A-./%C3%A4%20"),
	TARGET("/a/./b", "/a/b path=/a/b"),
	TARGET("/a/../b", "/b path=/b"),
	TARGET("/a/b/..", "/a/ path=/a/"),
	TARGET("/a/..", "/ path=/"),
	TARGET("/.", "/ path=/"),
	TARGET("/a/%2e%2e/b?x=/../%2e%2f", "/b?x=/../%2e%2f path=/b"),
	TARGET("//a//b", "//a//b path=//a//b"),
	TARGET("/a//../b", "/a/b path=/a/b"),
	TARGET("/.../..a/.b", "/.../..a/.b path=/.../..a/.b"),
	TARGET("/a;b/..;/c", "/a;b/..;/c path=/a;b/..;/c"),
	TARGET("/?", "/? path=/"),
	TARGET("/a?b?c=%zz\\", "/a?b?c=%zz\\ path=/a"),
	TARGET("/%25%32%66", "/%252f path=/%252f"),
	TARGET("HTTP://H/x/../y?z", "/y?z path=/y"),
	TARGET("http://h", "/ path=/"),
	TARGET("http://h?x=/", "/?x=/ path=/"),
	REQUEST("GET https://Www.Example.org:443/a HTTP/1.1\r\nHost: www.example.ORG\r\n\r\n",
		"GET /a path=/a authority=www.example.org:443 host=www.example.org"
		" 1.1 body=none:0 keep\n  Host=www.example.org\nend\n"),
	REQUEST("GET http://h/ HTTP/1.0\r\n\r\n",
		"GET / path=/ authority=h host=h 1.0 body=none:0\nend\n"),
	HOST("Example.COM", "example.com", "example.com"),
	HOST("example.com.", "example.com.", "example.com"),
	HOST("example.com.:8080", "example.com.:8080", "example.com"),
	HOST("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1"),
	HOST("[2001:DB8::1]:443", "[2001:db8::1]:443", "[2001:db8::1]"),
	HOST("a_b-c.d", "a_b-c.d", "a_b-c.d"),
	/* Responses */
	RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"200 'OK' 1.1 body=length:2 keep\n  Content-Length=2\nbody hi\nend\n"),
	RESPONSE("HTTP/1.1 200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"200 '' 1.1 body=length:0\n  Content-Length=0\n  Connection=close\nend\n"),
	RESPONSE("HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n",
		"999 '' 1.1 body=length:0 keep\n  Content-Length=0\nend\n"),
	RESPONSE("HTTP/1.0 200 Fine \xc3\xa4!\r\nContent-Length: 0\r\n\r\n",
		"200 'Fine \xc3\xa4!' 1.0 body=length:0\n  Content-Length=0\nend\n"),
	RESPONSE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"100 'Continue' 1.1 body=none:0 keep\n"
		"103 'Early Hints' 1.1 body=none:0 keep\n  Link=x\n"
		"200 'OK' 1.1 body=chunked:0 keep\n  Transfer-Encoding=chunked\nbody hi\nend\n"),
	RESPONSE("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		"204 'No Content' 1.1 body=none:5 keep\n  Content-Length=5\nend\n"),
	RESPONSE("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"304 'Not Modified' 1.1 body=none:5 keep\n  Content-Length=5\nend\n"),
	RESPONSE("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
		"204 'No Content' 1.1 body=none:0 keep\n  Transfer-Encoding=chunked\nend\n"),
	TO_HEAD("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"200 'OK' 1.1 body=none:5 keep head\n  Content-Length=5\nend\n"),
	TO_HEAD("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"200 'OK' 1.1 body=none:0 keep head\n  Transfer-Encoding=chunked\nend\n"),
	TO_HEAD("HTTP/1.1 200 OK\r\n\r\n", "200 'OK' 1.1 body=none:0 keep head\nend\n"),
	UNTIL_EOF("HTTP/1.1 200 OK\r\n\r\nup to the end",
		"200 'OK' 1.1 body=close:0\nbody up to the end\nend\n"),
	UNTIL_EOF("HTTP/1.1 200 OK\r\n\r\n", "200 'OK' 1.1 body=close:0\nend\n"),
	UNTIL_EOF("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
		"200 'OK' 1.1 body=length:5 keep\n  Content-Length=5\nbody hi\n"
		"refused truncated at 40\n"),
	UNTIL_EOF("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
		"200 'OK' 1.1 body=chunked:0 keep\n  Transfer-Encoding=chunked\nbody hi\n"
		"refused truncated at 57\n"),
	UNTIL_EOF("HTTP/1.1 200 O", "refused truncated at 14\n"),
	UNTIL_EOF("HTTP/1.1 100 Continue\r\n\r\n",
		"100 'Continue' 1.1 body=none:0 keep\nrefused truncated at 25\n"),
};

static void check_once(const struct row *row, size_t piece, size_t cut)
{
	static struct feed feed;

	feed.role = row->role;
	feed.to_head_request = row->to_head_request;
	(row->with_eof ? feed_eof : feed_run)(&feed, row->bytes, strlen(row->bytes), piece, cut);
	if (strcmp(feed.log, row->log) != 0)
		fail_msg("%s\npiece %zu, cut %zu:\n%s\nnot\n%s", row->bytes, piece, cut, feed.log,
			row->log);
}

static void messages_pass_in_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 0; piece < 4; piece++)
			check_once(&rows[i], piece, 0);
		for (size_t cut = 1; cut < strlen(rows[i].bytes); cut++)
			check_once(&rows[i], 0, cut);
	}
}

/* The same refusal, whatever the pieces. */
static void check_limit(struct feed *feed, const char *text, const char *log)
{
	size_t len = strlen(text);

	for (size_t piece = 0; piece < len; piece = piece < 4 ? piece + 1 : piece * 2) {
		feed_run(feed, text, len, piece, 0);
		assert_string_equal(feed->log + strlen(feed->log) - strlen(log), log);
	}
}

static void target_is_bounded(void **state)
{
	struct feed feed = { .limits = {
				     .target_bytes = 8, .header_bytes = 64, .header_fields = 2 } };

	(void)state;
	check_limit(&feed, "GET /1234567 HTTP/1.1\r\nHost: h\r\n\r\n", "end\n");
	check_limit(&feed, "GET /12345678 HTTP/1.1\r\nHost: h\r\n\r\n",
		"refused target_too_long at 12\n");
	check_limit(&feed, "GET /1234567890123456789012345678901234567890123456789012345678901234",
		"refused target_too_long at 12\n");
}

static void header_bytes_are_bounded(void **state)
{
	struct feed feed = { .limits = {
				     .target_bytes = 8, .header_bytes = 33, .header_fields = 9 } };

	(void)state;
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:23\r\n\r\n", "end\n");
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:234\r\n\r\n",
		"refused header_too_large at 33\n");
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nAAAAAAAAAAAAAAAAAAAAAA",
		"refused header_too_large at 33\n");
	/* The buffer bounds as well. */
	feed.limits.header_bytes = 8192;
	feed.buffer_len = 33;
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:23\r\n\r\n", "end\n");
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:234\r\n\r\n",
		"refused header_too_large at 33\n");
}

static void header_fields_are_bounded(void **state)
{
	struct feed feed = {
		.limits = { .target_bytes = 8, .header_bytes = 8192, .header_fields = 2 }
	};

	(void)state;
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n", "end\n");
	check_limit(&feed, "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\n\r\n",
		"refused header_too_many at 29\n");
}

static void more_fields_than_there_is_room_for(void **state)
{
	struct feed feed = {
		.limits = { .target_bytes = 8, .header_bytes = 8192, .header_fields = 9999 }
	};
	char text[2048] = "GET / HTTP/1.1\r\nHost: h\r\n";

	(void)state;
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		strcat(text, "A:\r\n");
	feed_run(&feed, text, strlen(text), 0, 0);
	assert_int_equal(feed.refusal, HTTP_REFUSED_header_too_many);
	assert_int_equal(feed.offset, 25 + 255 * 4);
}

static void body_is_bounded(void **state)
{
	struct feed feed = { .limits = { .target_bytes = 8,
				     .header_bytes = 8192,
				     .header_fields = 9,
				     .body_bytes = 4 } };

	(void)state;
	check_limit(&feed, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n1234", "end\n");
	check_limit(&feed, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345",
		"refused body_too_large at 41\n");
	check_limit(&feed,
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\n12\r\n2\r\n34\r\n0\r\n\r\n",
		"end\n");
	check_limit(&feed,
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\n12\r\n3\r\n345\r\n0\r\n\r\n",
		"12\nrefused body_too_large at 62\n");
	check_limit(&feed,
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"7fffffffffffffff\r\n",
		"refused body_too_large at 55\n");
	feed.role = H1_RESPONSE;
	feed_run(&feed, "HTTP/1.1 200 OK\r\n\r\n12345", 24, 0, 0);
	assert_int_equal(feed.refusal, HTTP_REFUSED_body_too_large);
	assert_int_equal(feed.offset, 23);
}

static void chunk_lines_are_bounded(void **state)
{
	static const char head[] =
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct feed feed = { .role = H1_REQUEST };
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s0;%0252d\r\n\r\n", head, 0);
	check_limit(&feed, text, "end\n");
	snprintf(text, sizeof(text), "%s0;%0253d\r\n\r\n", head, 0);
	check_limit(&feed, text, "refused chunk at 310\n");
	snprintf(text, sizeof(text), "%s0;%0600d", head, 0);
	check_limit(&feed, text, "refused chunk at 310\n");
}

static void trailers_are_bounded(void **state)
{
	static const char head[] =
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct feed feed = {
		.limits = { .target_bytes = 8, .header_bytes = 64, .header_fields = 3 },
		.buffer_len = 128
	};
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s0\r\nA:%058d\r\n\r\n", head, 0);
	check_limit(&feed, text, "0\n");
	snprintf(text, sizeof(text), "%s0\r\nA:%059d\r\n\r\n", head, 0);
	check_limit(&feed, text, "refused trailer at 122\n");
	snprintf(text, sizeof(text), "%s0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", head);
	check_limit(&feed, text, "refused trailer at 70\n");
}

static void idle_is_between_messages(void **state)
{
	static const struct http_limits limits = {
		.target_bytes = 99, .header_bytes = 999, .header_fields = 9
	};
	void *memory = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	char buffer[999];
	struct h1_parser *parser;
	struct http_span body;
	size_t used;

	(void)state;
	parser = h1_parser_init(memory, H1_REQUEST, &limits, buffer, sizeof(buffer));
	assert_true(h1_is_idle(parser));
	assert_int_equal(h1_eof(parser), HTTP_EVENT_MORE);
	assert_int_equal(h1_next(parser, NULL, 0, &used, &body), HTTP_EVENT_MORE);
	assert_int_equal(h1_next(parser, "\r\n", 2, &used, &body), HTTP_EVENT_MORE);
	assert_true(h1_is_idle(parser));
	assert_int_equal(h1_next(parser, "G", 1, &used, &body), HTTP_EVENT_MORE);
	assert_false(h1_is_idle(parser));
	assert_int_equal(
		h1_next(parser, "ET / HTTP/1.0\r\n\r\nX", 18, &used, &body), HTTP_EVENT_HEAD);
	assert_int_equal(used, 17);
	assert_false(h1_is_idle(parser));
	assert_int_equal(h1_next(parser, NULL, 0, &used, &body), HTTP_EVENT_END);
	assert_int_equal(used, 0);
	/* HTTP/1.0 without keep-alive: the rest is no request. */
	assert_int_equal(h1_next(parser, "X", 1, &used, &body), HTTP_EVENT_MORE);
	assert_int_equal(used, 1);
	assert_int_equal(h1_eof(parser), HTTP_EVENT_MORE);
	free(memory);
}

/* Two answers on one connection, each asked for. */
static void responses_follow_requests(void **state)
{
	static const struct http_limits limits = {
		.target_bytes = 99, .header_bytes = 999, .header_fields = 9
	};
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
	void *memory = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	char buffer[999];
	struct h1_parser *parser;
	struct http_span body;
	size_t used;

	(void)state;
	parser = h1_parser_init(memory, H1_RESPONSE, &limits, buffer, sizeof(buffer));
	h1_expect_response(parser, true);
	assert_int_equal(h1_next(parser, text, strlen(text), &used, &body), HTTP_EVENT_HEAD);
	assert_int_equal(h1_next(parser, NULL, 0, &used, &body), HTTP_EVENT_END);
	assert_true(h1_is_idle(parser));
	h1_expect_response(parser, false);
	assert_int_equal(h1_next(parser, text, strlen(text), &used, &body), HTTP_EVENT_HEAD);
	assert_int_equal(h1_next(parser, "123456789X", 10, &used, &body), HTTP_EVENT_BODY);
	assert_int_equal(body.len, 9);
	assert_int_equal(h1_next(parser, "X", 1, &used, &body), HTTP_EVENT_END);
	assert_int_equal(h1_next(parser, "X", 1, &used, &body), HTTP_EVENT_REFUSED);
	assert_int_equal(h1_refusal(parser), HTTP_REFUSED_surplus);
	assert_int_equal(h1_refusal_offset(parser), 2 * strlen(text) + 9);
	assert_int_equal(h1_next(parser, "X", 1, &used, &body), HTTP_EVENT_REFUSED);
	assert_int_equal(h1_eof(parser), HTTP_EVENT_REFUSED);
	free(memory);
}

static void spans_and_names(void **state)
{
	struct http_head head = { .field_count = 2 };

	(void)state;
	head.fields[0] = (struct http_field){ .name = { "A", 1 }, .value = { "1", 1 } };
	head.fields[1] = (struct http_field){ .name = { "bC", 2 }, .value = { "2", 1 } };
	assert_ptr_equal(http_find(&head, "Bc"), &head.fields[1]);
	assert_null(http_find(&head, "b"));
	assert_true(http_span_is(head.fields[1].name, "bC"));
	assert_false(http_span_is(head.fields[1].name, "bc"));
	assert_false(http_span_is(head.fields[1].name, "bCd"));
	assert_string_equal(http_status_reason(404), "Not Found");
	assert_string_equal(http_status_reason(299), "");
	assert_string_equal(http_status_reason(100000), "");
	assert_string_equal(http_refusal_name(HTTP_REFUSED_chunk), "chunk");
	assert_int_equal(http_refusal_status(HTTP_REFUSED_target_too_long), 414);
	assert_int_equal(http_refusal_status(HTTP_REFUSAL_COUNT), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_pass_in_every_cut),
		cmocka_unit_test(target_is_bounded),
		cmocka_unit_test(header_bytes_are_bounded),
		cmocka_unit_test(header_fields_are_bounded),
		cmocka_unit_test(more_fields_than_there_is_room_for),
		cmocka_unit_test(body_is_bounded),
		cmocka_unit_test(chunk_lines_are_bounded),
		cmocka_unit_test(trailers_are_bounded),
		cmocka_unit_test(idle_is_between_messages),
		cmocka_unit_test(responses_follow_requests),
		cmocka_unit_test(spans_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
