/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

#include <stdio.h>
#include <string.h>

#include "feed.h"
#include "support/support.h"

/*
 * What is refused, why, with which status and at which byte: the same for bytes that come at once,
 * one by one, and in any two pieces.
 */
struct row {
	const char *bytes;
	size_t len;
	enum http_refusal refusal;
	unsigned status;
	uint64_t offset;
};

#define ROW(text, why, code, at)                                                                   \
	{                                                                                          \
		.bytes = (text), .len = sizeof(text) - 1, .refusal = HTTP_REFUSED_##why,           \
		.status = (code), .offset = (at)                                                   \
	}
/* After 16 bytes of request line and 9 of Host. */
#define FIELDS(text, why, code, at)                                                                \
	ROW("GET / HTTP/1.1\r\nHost: h\r\n" text "\r\n\r\n", why, code, 25 + (at))
/* After 54 bytes of a chunked request's head. */
#define CHUNKS(text, why, code, at)                                                                \
	ROW("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" text, why, code,     \
		55 + (at))
#define TARGET(text, why, at) ROW("GET " text " HTTP/1.1\r\nHost: h\r\n\r\n", why, 400, 4 + (at))
#define HOST(text, why, at)   ROW("GET / HTTP/1.1\r\nHost: " text "\r\n\r\n", why, 400, at)

static const struct row requests[] = {
	/* Start line */
	ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", method, 400, 0),
	ROW(" GET / HTTP/1.1\r\n", method, 400, 0),
	ROW("\r\n\r\nGET / HTTP/1.1\r\n", method, 400, 2),
	ROW("\rGET / HTTP/1.1\r\n", method, 400, 0),
	ROW("\nGET / HTTP/1.1\r\n", method, 400, 0),
	ROW("G:T / HTTP/1.1\n", method, 400, 1),
	ROW("G(T / HTTP/1.1\r\n", method, 400, 1),
	ROW("GET\t/ HTTP/1.1\r\n", method, 400, 3),
	ROW("GET\r\n", method, 400, 3),
	ROW("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n", method, 400, 32),
	ROW("GET / HTTP/1.1\nHost: h\r\n\r\n", bare_lf, 400, 14),
	ROW("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", syntax, 400, 14),
	ROW("GET /\r\n\r\n", syntax, 400, 5),
	ROW("GET / \r\n\r\n", syntax, 400, 6),
	ROW("GET / HTTP\r\n\r\n", syntax, 400, 10),
	ROW("GET / http/1.1\r\n\r\n", syntax, 400, 6),
	ROW("GET / RTSP/1.0\r\n\r\n", syntax, 400, 6),
	ROW("GET / HTTP/1.1 \r\n\r\n", syntax, 400, 14),
	ROW("GET / HTTP/1.10\r\n\r\n", syntax, 400, 14),
	ROW("GET / HTTP/1.1 x\r\n\r\n", syntax, 400, 14),
	ROW("GET / HTTP/2.0\r\n\r\n", version, 505, 11),
	ROW("GET / HTTP/1.2\r\n\r\n", version, 505, 11),
	ROW("GET / HTTP/0.9\r\n\r\n", version, 505, 11),
	ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", target, 400, 4),
	ROW("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", method_unsupported, 501, 0),
	/* Target */
	TARGET("", target, 0),
	TARGET(" /", target, 0),
	TARGET("/a b", syntax, 3),
	TARGET("/\t", target, 1),
	TARGET("/a#b", target, 2),
	TARGET("/?a#b", target, 3),
	TARGET("/\xc3\xa4", target, 1),
	TARGET("/\x7f", target, 1),
	TARGET("*", target, 0),
	TARGET("h:80", target, 0),
	TARGET("index.html", target, 0),
	TARGET("ftp://h/", target, 0),
	TARGET("http://", target, 0),
	TARGET("http:///x", target, 7),
	TARGET("http://u@h/", target, 7),
	TARGET("http://h:0/", target, 7),
	TARGET("http://h:65536/", target, 7),
	TARGET("http://[::1/", target, 7),
	TARGET("/%", path_escape, 1),
	TARGET("/%2", path_escape, 1),
	TARGET("/%zz", path_escape, 1),
	TARGET("/a/%2f", path_escape, 3),
	TARGET("/%2Fa", path_escape, 1),
	TARGET("/%5c", path_escape, 1),
	TARGET("/%00", path_escape, 1),
	TARGET("/\\a", path_escape, 1),
	TARGET("/..", path_escape, 0),
	TARGET("/a/../..", path_escape, 5),
	TARGET("/%2e%2E/etc", path_escape, 0),
	TARGET("/a/.%2e/./../x", path_escape, 9),
	/* Host */
	ROW("GET / HTTP/1.1\r\n\r\n", host_missing, 400, 16),
	ROW("GET / HTTP/1.1\r\nA: b\r\n\r\n", host_missing, 400, 22),
	ROW("GET http://h/ HTTP/1.1\r\n\r\n", host_missing, 400, 24),
	ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", host_repeated, 400, 25),
	ROW("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", host_repeated, 400, 25),
	ROW("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", host_invalid, 400, 30),
	ROW("GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n", host_invalid, 400, 30),
	ROW("GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", host_invalid, 400, 31),
	HOST("", host_invalid, 22),
	HOST("a b", host_invalid, 22),
	HOST("a/b", host_invalid, 22),
	HOST("a,b", host_invalid, 22),
	HOST("u@h", host_invalid, 22),
	HOST("h:", host_invalid, 22),
	HOST("h:x", host_invalid, 22),
	HOST("h:99999", host_invalid, 22),
	HOST("h:80:80", host_invalid, 22),
	HOST("::1", host_invalid, 22),
	HOST("[::1]x", host_invalid, 22),
	HOST("[]", host_invalid, 22),
	HOST(".", host_invalid, 22),
	HOST("h%00", host_invalid, 22),
	/* Fields */
	FIELDS(" A: b", header_folding, 400, 0),
	FIELDS("A: b\r\n c", header_folding, 400, 6),
	FIELDS("A: b\r\n\tc: d", header_folding, 400, 6),
	ROW("GET / HTTP/1.1\r\n Host: h\r\n\r\n", header_folding, 400, 16),
	FIELDS("A: b\nC: d", bare_lf, 400, 4),
	FIELDS("A: b\rC: d", bare_lf, 400, 4),
	FIELDS("A: b\r\r\nC: d", bare_lf, 400, 4),
	FIELDS("A: \rb", bare_lf, 400, 3),
	FIELDS("A: b\r\n\nC: d", bare_lf, 400, 6),
	FIELDS("A : b", header_name, 400, 1),
	FIELDS("A\t: b", header_name, 400, 1),
	FIELDS("A", header_name, 400, 1),
	FIELDS("A b", header_name, 400, 1),
	FIELDS(": b", header_name, 400, 0),
	FIELDS("A\0: b", header_name, 400, 1),
	FIELDS("A\r: b", header_name, 400, 1),
	FIELDS("\xc3\xa4: b", header_name, 400, 0),
	FIELDS("A(: b", header_name, 400, 1),
	FIELDS("A\"B: b", header_name, 400, 1),
	FIELDS("A: b\0", header_value, 400, 4),
	FIELDS("A: \x01", header_value, 400, 3),
	FIELDS("A: b\x0b", header_value, 400, 4),
	FIELDS("A: b\x7f", header_value, 400, 4),
	/* Framing */
	FIELDS("Content-Length: ", content_length, 400, 16),
	FIELDS("Content-Length:", content_length, 400, 15),
	FIELDS("Content-Length: +5", content_length, 400, 16),
	FIELDS("Content-Length: -5", content_length, 400, 16),
	FIELDS("Content-Length: 0x5", content_length, 400, 17),
	FIELDS("Content-Length: 5 5", content_length, 400, 17),
	FIELDS("Content-Length: 5, 5", content_length, 400, 17),
	FIELDS("Content-Length: 5.0", content_length, 400, 17),
	FIELDS("Content-Length: 1e3", content_length, 400, 17),
	FIELDS("Content-Length: 5\r\nContent-Length: 5", content_length, 400, 35),
	FIELDS("Content-Length: 5\r\ncontent-length: 6", content_length, 400, 35),
	FIELDS("Content-Length: 9999999999999999999", content_length, 400, 34),
	FIELDS("Content-Length: 5\r\nTransfer-Encoding: chunked", length_and_chunked, 400, 38),
	FIELDS("Transfer-Encoding: chunked\r\nContent-Length: 5", length_and_chunked, 400, 44),
	FIELDS("Transfer-Encoding: chunked\r\nContent-Length: 0", length_and_chunked, 400, 44),
	FIELDS("Transfer-Encoding: ", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: gzip", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: identity", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: gzip, chunked", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: chunked, gzip", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: chunked, chunked", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: chunked,", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: xchunked", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: \"chunked\"", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding: chunked;q=1", transfer_encoding, 501, 19),
	FIELDS("Transfer-Encoding:\x0b"
	       "chunked",
		transfer_encoding, 501, 18),
	FIELDS("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", transfer_encoding, 501,
		47),
	FIELDS("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", transfer_encoding, 501,
		47),
	FIELDS("Transfer-Encoding : chunked", header_name, 400, 17),
	FIELDS("Content-Length : 5", header_name, 400, 14),
	ROW("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", transfer_encoding, 501, 35),
	FIELDS("Expect: 200-ok", expectation, 417, 8),
	FIELDS("Expect: 100-continue, x", expectation, 417, 8),
	FIELDS("Expect: ", expectation, 417, 8),
	FIELDS("Connection: a b", connection, 400, 14),
	FIELDS("Connection: a;b", connection, 400, 13),
	FIELDS("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", connection, 400, 44),
	/* Chunks */
	CHUNKS("\r\n", chunk, 400, 0),
	CHUNKS("\n", chunk, 400, 0),
	CHUNKS("x\r\n", chunk, 400, 0),
	CHUNKS("+5\r\n", chunk, 400, 0),
	CHUNKS("-5\r\n", chunk, 400, 0),
	CHUNKS("0x5\r\n", chunk, 400, 1),
	CHUNKS(" 5\r\n", chunk, 400, 0),
	CHUNKS("5 \r\n", chunk, 400, 1),
	CHUNKS("5\t\r\n", chunk, 400, 1),
	CHUNKS("5 ;a\r\n", chunk, 400, 1),
	CHUNKS("5\nhello", chunk, 400, 1),
	CHUNKS("5\rx\r\n", chunk, 400, 2),
	CHUNKS("5;a\nhello", chunk, 400, 3),
	CHUNKS("5;a\rb\r\nhello", chunk, 400, 4),
	CHUNKS("5;a=\"\rb\"\r\nhello", chunk, 400, 6),
	CHUNKS("5;a=\"\0\"\r\nhello", chunk, 400, 5),
	CHUNKS("5;\r\nhello", chunk, 400, 0),
	CHUNKS("5;a b\r\nhello", chunk, 400, 0),
	CHUNKS("00000000000000005\r\n", chunk, 400, 16),
	CHUNKS("fffffffffffffffff\r\n", chunk, 400, 16),
	CHUNKS("8000000000000000\r\n", chunk, 400, 0),
	CHUNKS("5\r\nhelloX", chunk, 400, 8),
	CHUNKS("5\r\nhello\n", chunk, 400, 8),
	CHUNKS("5\r\nhello\rX", chunk, 400, 9),
	CHUNKS("5\r\nhello0\r\n\r\n", chunk, 400, 8),
	CHUNKS("0\r\nA: b\n\r\n", bare_lf, 400, 7),
	CHUNKS("0\r\n\n", bare_lf, 400, 3),
	CHUNKS("0\r\nA : b\r\n\r\n", trailer, 400, 4),
	CHUNKS("0\r\nA\r\n\r\n", trailer, 400, 4),
	CHUNKS("0\r\nA: b\0\r\n\r\n", trailer, 400, 7),
	CHUNKS("0\r\nA: b\r\n c\r\n\r\n", header_folding, 400, 9),
	CHUNKS("0\r\nContent-Length: 5\r\n\r\n", trailer, 400, 3),
	CHUNKS("0\r\nTransfer-Encoding: chunked\r\n\r\n", trailer, 400, 3),
	CHUNKS("0\r\nA: b\r\nHost: x\r\n\r\n", trailer, 400, 9),
};

#define ANSWER(text, why, at) ROW("HTTP/1.1 200 OK\r\n" text "\r\n\r\n", why, 400, 17 + (at))

static const struct row responses[] = {
	ROW("\r\nHTTP/1.1 200 OK\r\n\r\n", syntax, 400, 0),
	ROW("HTTP/1.1  200 OK\r\n\r\n", syntax, 400, 9),
	ROW("HTTP/1.1 20 OK\r\n\r\n", syntax, 400, 11),
	ROW("HTTP/1.1 2000 OK\r\n\r\n", syntax, 400, 12),
	ROW("HTTP/1.1 099 OK\r\n\r\n", syntax, 400, 9),
	ROW("HTTP/1.1\r\n\r\n", syntax, 400, 8),
	ROW("ICY 200 OK\r\n\r\n", syntax, 400, 0),
	ROW("HTTP/2 200\r\n\r\n", syntax, 400, 5),
	ROW("HTTP/1.2 200 OK\r\n\r\n", version, 505, 5),
	ROW("HTTP/1.1 200 O\rK\r\n\r\n", bare_lf, 400, 14),
	ROW("HTTP/1.1 200 O\0K\r\n\r\n", header_value, 400, 14),
	ROW("HTTP/1.1 200 OK\n\r\n", bare_lf, 400, 15),
	ROW("HTTP/1.1 101 Switching Protocols\r\n\r\n", surplus, 400, 0),
	ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", transfer_encoding, 501, 36),
	ANSWER("A: b\0c", header_value, 4),
	ANSWER("A: b\rc", bare_lf, 4),
	ANSWER("A: b\nc: d", bare_lf, 4),
	ANSWER("A: b\r\n c", header_folding, 6),
	ANSWER("A : b", header_name, 1),
	ANSWER("Content-Length: 5\r\nContent-Length: 5", content_length, 35),
	ANSWER("Content-Length: 5\r\nContent-Length: 6", content_length, 35),
	ANSWER("Content-Length: 5\r\nTransfer-Encoding: chunked", length_and_chunked, 38),
	ANSWER("Content-Length: 0\r\n\r\nX", surplus, 21),
	ANSWER("Content-Length: 1\r\n\r\nXY", surplus, 22),
	ANSWER("Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", surplus, 21),
	ROW("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nX", surplus, 400, 46),
	ROW("HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\n\r\nX", surplus, 400, 48),
	ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", surplus, 400, 52),
};

static void check_once(enum h1_role role, const struct row *row, size_t piece, size_t cut)
{
	static struct feed feed;

	feed.role = role;
	feed_run(&feed, row->bytes, row->len, piece, cut);
	if (feed.refusal != row->refusal || feed.offset != row->offset ||
		http_refusal_status(feed.refusal) != row->status)
		fail_msg("%.*s\npiece %zu, cut %zu: %s at %llu, not %s at %llu\n%s", (int)row->len,
			row->bytes, piece, cut, http_refusal_name(feed.refusal),
			(unsigned long long)feed.offset, http_refusal_name(row->refusal),
			(unsigned long long)row->offset, feed.log);
}

static void check_rows(enum h1_role role, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		check_once(role, &rows[i], 0, 0);
		check_once(role, &rows[i], 1, 0);
		for (size_t cut = 1; cut < rows[i].len; cut++)
			check_once(role, &rows[i], 0, cut);
	}
}

static void requests_are_refused(void **state)
{
	(void)state;
	check_rows(H1_REQUEST, requests, sizeof(requests) / sizeof(requests[0]));
}

static void responses_are_refused(void **state)
{
	(void)state;
	check_rows(H1_RESPONSE, responses, sizeof(responses) / sizeof(responses[0]));
}

static void unasked_response_is_refused(void **state)
{
	static const char text[] = "HTTP/1.1 408 Request Timeout\r\n\r\n";
	struct feed feed = { .role = H1_RESPONSE, .is_unasked = true };

	(void)state;
	feed_run(&feed, text, sizeof(text) - 1, 0, 0);
	assert_string_equal(feed.log, "refused surplus at 0\n");
}

/* 16 interim heads pass, the 17th does not. */
static void interim_responses_are_bounded(void **state)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct feed feed = { .role = H1_RESPONSE };
	char text[17 * sizeof(interim)] = "";

	(void)state;
	for (int i = 0; i < 17; i++)
		strcat(text, interim);
	feed_run(&feed, text, strlen(text), 0, 0);
	assert_int_equal(feed.heads, 16);
	assert_int_equal(feed.refusal, HTTP_REFUSED_surplus);
	assert_int_equal(feed.offset, 16 * 25);
}

/* Every rule is reached by a row of a table, or by a test of its own in this folder. */
static void every_refusal_has_a_row(void **state)
{
	static const enum http_refusal elsewhere[] = { HTTP_REFUSED_target_too_long,
		HTTP_REFUSED_header_too_large, HTTP_REFUSED_header_too_many,
		HTTP_REFUSED_body_too_large, HTTP_REFUSED_truncated, HTTP_REFUSED_h2_head,
		HTTP_REFUSED_h2_length };
	bool seen[HTTP_REFUSAL_COUNT] = { [HTTP_REFUSED_NOT] = true };

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		seen[requests[i].refusal] = true;
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		seen[responses[i].refusal] = true;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		seen[elsewhere[i]] = true;
	for (unsigned i = 0; i < HTTP_REFUSAL_COUNT; i++) {
		if (!seen[i])
			fail_msg("%s is untested", http_refusal_name(i));
		assert_true(strlen(http_refusal_help(i)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_refused),
		cmocka_unit_test(responses_are_refused),
		cmocka_unit_test(unasked_response_is_refused),
		cmocka_unit_test(interim_responses_are_bounded),
		cmocka_unit_test(every_refusal_has_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
