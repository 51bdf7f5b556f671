/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

#define BUFFER_BYTES 4096

static const struct http_limits limits = {
	.target_bytes = 1024,
	.header_bytes = BUFFER_BYTES,
	.header_fields = 64,
};

struct fixture {
	void *memory;
	struct h1_parser *parser;
	char buffer[BUFFER_BYTES];
	char out[BUFFER_BYTES];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->memory = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	assert_non_null(f->memory);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->memory);
	free(f);
	return 0;
}

static const struct http_head *parse(
	struct fixture *f, enum h1_role role, const char *text, bool to_head_request)
{
	struct http_span body;
	size_t used;

	f->parser = h1_parser_init(f->memory, role, &limits, f->buffer, sizeof(f->buffer));
	if (role == H1_RESPONSE)
		h1_expect_response(f->parser, to_head_request);
	assert_int_equal(h1_next(f->parser, text, strlen(text), &used, &body), HTTP_EVENT_HEAD);
	return h1_head(f->parser);
}

typedef int write_head(char *out, size_t size, const struct http_head *head,
	const struct http_write_options *options);

/* The exact bytes, and -ENOSPC for every size below. */
static void check(struct fixture *f, write_head *writer, const struct http_head *head,
	const struct http_write_options *options, const char *expected)
{
	size_t len = strlen(expected);
	char *small;

	assert_int_equal(writer(f->out, sizeof(f->out) - 1, head, options), (int)len);
	f->out[len] = '\0';
	assert_string_equal(f->out, expected);
	for (size_t size = 0; size < len; size++) {
		small = malloc(size + 1);
		assert_non_null(small);
		assert_int_equal(writer(small + 1, size, head, options), -ENOSPC);
		free(small);
	}
}

static void check_request(void **state, const struct http_write_options *options, const char *text,
	const char *expected)
{
	struct fixture *f = *state;

	check(f, h1_write_request, parse(f, H1_REQUEST, text, false), options, expected);
}

static void check_response(void **state, const struct http_write_options *options, const char *text,
	const char *expected)
{
	struct fixture *f = *state;

	check(f, h1_write_response, parse(f, H1_RESPONSE, text, false), options, expected);
}

static void request_loses_hop_by_hop_fields(void **state)
{
	const struct http_write_options options = { .minor = 1 };

	check_request(state, &options,
		"GET /a/../b?c HTTP/1.1\r\nX-One: 1\r\nHost: H:80\r\nConnection: keep-alive, X-Two "
		",x-six\r\n"
		"X-Two: 2\r\nx-two: 2\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n"
		"Trailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\n"
		"Proxy: x\r\nConnection: X-Three\r\nX-Three: 3\r\nX-Four:\r\n\r\n",
		"GET /b?c HTTP/1.1\r\nHost: h:80\r\nX-One: 1\r\nX-Four: \r\n\r\n");
}

static void request_is_framed_anew(void **state)
{
	const struct http_write_options options = { .minor = 1, .close = true };

	check_request(state, &options, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 007\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
	check_request(state, &options,
		"PUT / HTTP/1.1\r\nHost: h\r\ntransfer-encoding:CHUNKED\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
		"close\r\n\r\n");
	check_request(state, &options, "POST http://H:8080?q HTTP/1.0\r\n\r\n",
		"POST /?q HTTP/1.1\r\nHost: h:8080\r\nConnection: close\r\n\r\n");
	check_request(state, &options, "GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n");
}

/* Hop-by-hop abuse: what the backend is told about the client is not the client's to remove. */
static void connection_cannot_remove_what_is_protected(void **state)
{
	const struct http_extra_field extra[] = {
		{ .name = "X-Forwarded-For", .value = { "192.0.2.7", 9 } },
		{ .name = "X-Forwarded-Proto", .value = { "https", 5 } },
	};
	const struct http_write_options options = { .minor = 1, .extra = extra, .extra_count = 2 };

	check_request(state, &options,
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Type: t\r\nCookie: c\r\n"
		"Authorization: a\r\nX-Real-IP: i\r\n"
		"Connection: host, content-length, x-forwarded-for, x-forwarded-proto\r\n"
		"Connection: content-type, cookie, authorization, x-real-ip, via\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Type: t\r\nCookie: c\r\nAuthorization: a\r\n"
		"X-Real-IP: i\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
		"Content-Length: 1\r\n\r\n");
}

static void forwarded_fields_are_ours(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1\r\n"
				   "x_forwarded_proto: 2\r\nForwarded: for=3\r\nX-Id: "
				   "4\r\nX-Forwarded-Host: 5\r\n\r\n";
	const struct http_extra_field extra[] = {
		{ .name = "X-Forwarded-For", .value = { "192.0.2.7", 9 } },
		{ .name = "X-Id", .value = { "mine", 4 } },
	};
	struct http_write_options options = { .minor = 1, .extra = extra, .extra_count = 2 };

	check_request(state, &options, text,
		"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\nX-Id: mine\r\n\r\n");
	options.keep_forwarded = true;
	check_request(state, &options, text,
		"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1\r\nx_forwarded_proto: 2\r\n"
		"Forwarded: for=3\r\nX-Forwarded-Host: 5\r\n"
		"X-Forwarded-For: 192.0.2.7\r\nX-Id: mine\r\n\r\n");
	options.extra_count = 1;
	check_request(state, &options, text,
		"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1\r\nx_forwarded_proto: 2\r\n"
		"Forwarded: for=3\r\nX-Id: 4\r\nX-Forwarded-Host: 5\r\n"
		"X-Forwarded-For: 192.0.2.7\r\n\r\n");
}

static void request_that_cannot_be_framed(void **state)
{
	struct fixture *f = *state;
	const struct http_write_options options = { .minor = 0 };
	const struct http_head *head = parse(f, H1_REQUEST,
		"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", false);

	assert_int_equal(h1_write_request(f->out, sizeof(f->out), head, &options), -EINVAL);
}

static void line_ends_cannot_be_injected(void **state)
{
	static const struct http_span bad[] = {
		{ "x\r\nA: b", 7 },
		{ "x\ny", 3 },
		{ "x\ry", 3 },
		{ "x\0y", 3 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct http_extra_field extra = { .name = "X", .value = bad[i] };
		const struct http_write_options options = {
			.minor = 1, .extra = &extra, .extra_count = 1
		};
		const struct http_write_options plain = { .minor = 1 };
		struct http_head head = { .status = 200, .reason = { "OK", 2 } };

		assert_int_equal(h1_write_response(f->out, 100, &head, &options), -EINVAL);
		head.reason = bad[i];
		assert_int_equal(h1_write_response(f->out, 100, &head, &plain), -EINVAL);
		head.method = (struct http_span){ "GET", 3 };
		head.target = bad[i];
		assert_int_equal(h1_write_request(f->out, 100, &head, &plain), -EINVAL);
		head.target = (struct http_span){ "/", 1 };
		head.authority = bad[i];
		assert_int_equal(h1_write_request(f->out, 100, &head, &plain), -EINVAL);
	}
}

static void response_is_framed_for_its_reader(void **state)
{
	struct http_write_options options = { .minor = 1 };
	static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
				      "Connection: x-a\r\nX-A: 1\r\nX-Forwarded-By: b\r\n\r\n";
	static const char length[] = "HTTP/1.0 404 Nothing Here\r\nContent-Length: 7\r\n\r\n";
	static const char until_close[] = "HTTP/1.0 200 OK\r\nA: b\r\n\r\n";

	check_response(state, &options, chunked,
		"HTTP/1.1 200 OK\r\nX-Forwarded-By: b\r\nTransfer-Encoding: chunked\r\n\r\n");
	check_response(
		state, &options, length, "HTTP/1.1 404 Nothing Here\r\nContent-Length: 7\r\n\r\n");
	check_response(state, &options, until_close,
		"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
	options.close = true;
	check_response(state, &options, length,
		"HTTP/1.1 404 Nothing Here\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
}

static void response_to_an_old_client(void **state)
{
	struct http_write_options options = { .minor = 0 };

	check_response(state, &options, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	check_response(state, &options, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n");
	options.close = true;
	check_response(state, &options, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
}

static void responses_without_a_body(void **state)
{
	static const struct {
		const char *text, *expected;
		bool to_head_request;
	} rows[] = {
		{ "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
			"HTTP/1.1 204 No Content\r\n\r\n", false },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
			"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false },
		{ "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			"HTTP/1.1 200 OK\r\n\r\n", true },
		{ "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: x\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", false },
	};
	const struct http_write_options options = { .minor = 1 };
	struct fixture *f = *state;
	struct http_head own = { .status = 503, .reason = { "Service Unavailable", 19 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(f, h1_write_response,
			parse(f, H1_RESPONSE, rows[i].text, rows[i].to_head_request), &options,
			rows[i].expected);
	check(f, h1_write_response, &own, &options,
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

static void chunk_heads(void **state)
{
	char out[H1_CHUNK_HEAD_MAX];

	(void)state;
	assert_int_equal(h1_write_chunk_head(out, 1), 3);
	assert_memory_equal(out, "1\r\n", 3);
	assert_int_equal(h1_write_chunk_head(out, 0x1a2f), 6);
	assert_memory_equal(out, "1a2f\r\n", 6);
	assert_int_equal(h1_write_chunk_head(out, SIZE_MAX), H1_CHUNK_HEAD_MAX);
	assert_memory_equal(out, "ffffffffffffffff\r\n", 18);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_loses_hop_by_hop_fields),
		TEST(request_is_framed_anew),
		TEST(connection_cannot_remove_what_is_protected),
		TEST(forwarded_fields_are_ours),
		TEST(request_that_cannot_be_framed),
		TEST(line_ends_cannot_be_injected),
		TEST(response_is_framed_for_its_reader),
		TEST(response_to_an_old_client),
		TEST(responses_without_a_body),
		TEST(chunk_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
