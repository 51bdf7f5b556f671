/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* What goes through: routing, connections that are kept, heads and bodies of every form. */

static void routes_by_host_and_path(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, "GET /main/x HTTP/1.1\r\nHost: shop.test\r\n\r\n", "\r\n\r\nA\n");
	world_exchange(client, "GET /main/x HTTP/1.1\r\nHost: shop.test\r\n\r\n", "\r\n\r\nB\n");
	world_exchange(client, "GET /main/x HTTP/1.1\r\nHost: OTHER.test:80\r\n\r\n", "\nC\n");
	world_exchange(client, "GET /nowhere HTTP/1.1\r\nHost: shop.test\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\n");
	assert_null(strstr(client->received, "Connection: close"));
	assert_false(client->is_eof);
	assert_int_equal(l7_counters(world->l7)->requests, 4);
	assert_int_equal(l7_counters(world->l7)->no_route, 1);
	assert_int_equal(world_service_counters(world).requests, 4);
	assert_int_equal(world_service_counters(world).responses_2xx, 3);
	assert_int_equal(world_service_counters(world).responses_4xx, 1);
	assert_int_equal(world_member_counters(world, MEMBER_A).responses_2xx, 1);
	client_free(client);
}

static void keeps_connections_to_members(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct client *second = client_open(world, 80);

	for (unsigned i = 0; i < 5; i++)
		world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_exchange(second, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	assert_int_equal(l7_counters(world->l7)->upstream_opened, 1);
	assert_int_equal(l7_counters(world->l7)->upstream_reused, 5);
	/* Idle for longer than idle_timeout_ms. */
	world_run(world, 3100);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 2);
	client_free(client);
	client_free(second);
}

static void closes_what_the_member_will_not_keep(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C]
		.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nx\n";
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nx\n");
	assert_null(strstr(client->received, "Connection"));
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nx\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 2);
	assert_int_equal(l7_counters(world->l7)->upstream_reused, 0);
	client_free(client);
}

/* To who says that it reads them; what a trailer may not be stays behind. */
static void trailers_pass_where_they_may(void **state)
{
	static const struct {
		const char *te, *trailers, *end;
	} rows[] = {
		{ "TE: trailers\r\nConnection: TE\r\n", "X-Sum: 1\r\n",
			"\r\n0\r\nX-Sum: 1\r\n\r\n" },
		{ "TE: deflate, Trailers;q=0.5\r\n", "A: 1\r\nB: 2\r\n",
			"\r\n0\r\nA: 1\r\nB: 2\r\n\r\n" },
		{ "TE: trailers\r\n",
			"Set-Cookie: a=b\r\nX-Forwarded-For: 1\r\nAuthorization: x\r\n",
			"\r\n0\r\n\r\n" },
		{ "TE: no-trailers\r\n", "X-Sum: 1\r\n", "\r\n0\r\n\r\n" },
		{ "", "X-Sum: 1\r\n", "\r\n0\r\n\r\n" },
	};
	struct world *world = *state;
	struct server *server = &world->servers[MEMBER_C];

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		struct client *client = client_open(world, 80);
		char request[200], answer[300];

		snprintf(request, sizeof(request), "GET /one HTTP/1.1\r\nHost: a\r\n%s\r\n",
			rows[i].te);
		snprintf(answer, sizeof(answer),
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n%s\r\n",
			rows[i].trailers);
		server->answer = answer;
		world_exchange(client, request, rows[i].end);
		assert_int_equal(
			strstr(server->head, "TE: trailers\r\nConnection: TE\r\n") != NULL, i < 3);
		server->answer = NULL;
		client_free(client);
	}
}

static void trailers_of_requests_pass(void **state)
{
	struct world *world = *state;
	struct server *server = &world->servers[MEMBER_C];
	struct client *client = client_open(world, 80);

	world_exchange(client,
		"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
		"0\r\nX-Sum: 1\r\nCookie: b=c\r\n\r\n",
		"\nC\n");
	assert_string_equal(server->trailers_seen, "X-Sum=1\n");
	client_free(client);
}

static void early_hints_pass(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].answer = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
					  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx\n";
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nx\n");
	assert_non_null(strstr(client->received,
		"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200"));
	world_exchange(client, "GET /one HTTP/1.0\r\n\r\n", "\r\n\r\nx\n");
	assert_null(strstr(client->received, "103"));
	client_free(client);
}

static void rewrites_the_head(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *head = world->servers[MEMBER_C].head;

	world_exchange(client,
		"GET /one?q=1 HTTP/1.1\r\nHost: A.test\r\nConnection: keep-alive, x-drop\r\n"
		"X-Drop: 1\r\nX-Forwarded-For: 192.0.2.66\r\nX-Forwarded-Proto: https\r\n"
		"Accept: */*\r\nUpgrade: h2c\r\n\r\n",
		"\nC\n");
	assert_non_null(strstr(head, "GET /one?q=1 HTTP/1.1\r\nHost: a.test\r\n"));
	assert_non_null(strstr(head, "Accept: */*\r\n"));
	assert_non_null(strstr(head, "X-Forwarded-For: " WORLD_CLIENT "\r\n"));
	assert_non_null(strstr(head, "X-Forwarded-Proto: http\r\n"));
	assert_null(strstr(head, "192.0.2.66"));
	assert_null(strstr(head, "https"));
	assert_null(strstr(head, "X-Drop"));
	assert_null(strstr(head, "Upgrade"));
	client_free(client);
}

static int setup_trusted(void **state)
{
	const struct world_options options = { .trust_forwarded = true };

	*state = world_create(&options);
	return 0;
}

static void appends_to_a_trusted_proxys_word(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *head = world->servers[MEMBER_C].head;

	world_exchange(client,
		"GET /one HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.66\r\n"
		"X-Forwarded-Proto: https\r\n\r\n",
		"\nC\n");
	assert_non_null(strstr(head, "X-Forwarded-For: 192.0.2.66\r\n"));
	assert_non_null(strstr(head, "X-Forwarded-For: " WORLD_CLIENT "\r\n"));
	assert_non_null(strstr(head, "X-Forwarded-Proto: https\r\n"));
	assert_null(strstr(head, "X-Forwarded-Proto: http\r\n"));
	client_free(client);
}

struct form {
	const char *request;
	const char *answer;
	const char *expected; /* all that the client gets */
	bool is_kept;         /* the client's connection */
	bool is_member_kept;
};

#define GET11   "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET10   "GET /one HTTP/1.0\r\n\r\n"
#define GETKA   "GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct form forms[] = {
	{ GET11, CHUNKED "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
		CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", true, true },
	{ GET10, CHUNKED "3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
		false, true },
	{ GETKA, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", true,
		true },
	{ GET10, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", false, true },
	{ "HEAD /one HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", true, true },
	{ GET11, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", true, true },
	{ GET11, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", true, true },
	{ GET11, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true,
		true },
	{ GETKA, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n", true, true },
	{ "GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false, true },
	{ "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", true, true },
	{ "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "3;ext\r\nabc\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", true, true },
};

static void passes_every_form_of_body(void **state)
{
	struct world *world = *state;
	struct server *server = &world->servers[MEMBER_C];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];
		struct client *client = client_open(world, 80);

		server->answer = form->answer;
		client_send(client, form->request);
		world_run(world, 20);
		assert_string_equal(client->received, form->expected);
		assert_int_equal(client->is_eof, !form->is_kept);
		assert_int_equal(server->open, form->is_member_kept);
		client_free(client);
	}
	assert_int_equal(server->body_bytes, 6);
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
}

/* HTTP/1.0 needs no Host, the member does. */
static void gives_the_member_a_host(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, GETKA, "\nC\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "Host: " WORLD_VIP ":80\r\n"));
	client_free(client);
}

/* The end of the connection is the end of the body: passed on as chunks, or as it came. */
static void passes_a_body_until_close(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].answer = "HTTP/1.1 200 OK\r\n\r\nabc";
	world->servers[MEMBER_C].closes = true;
	client_send(client, GET11);
	world_run(world, 20);
	assert_string_equal(client->received, CHUNKED "3\r\nabc\r\n0\r\n\r\n");
	assert_false(client->is_eof);
	client_free(client);
	client = client_open(world, 80);
	client_send(client, GETKA);
	world_run(world, 20);
	assert_string_equal(client->received, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
	assert_true(client->is_eof);
	client_free(client);
}

static void invites_the_body_once_a_member_takes_it(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client,
		"POST /one HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n");
	assert_string_equal(client->received, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_null(strstr(world->servers[MEMBER_C].head, "Expect"));
	world_exchange(client, "abc", "\nC\n");
	assert_int_equal(world->servers[MEMBER_C].body_bytes, 3);
	/* A client that does not wait needs no invitation. */
	client_clear(client);
	client_send(client,
		"POST /one HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		"Content-Length: 3\r\n\r\nabc");
	world_run(world, 20);
	assert_null(strstr(client->received, "100 Continue"));
	assert_non_null(strstr(client->received, "\nC\n"));
	/* Nobody to send it to: the final answer comes instead. */
	world_exchange(client,
		"POST /empty HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\n");
	assert_null(strstr(client->received, "100 Continue"));
	client_free(client);
}

static void answers_pipelined_requests_in_order(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *c, *n, *a;

	world->servers[MEMBER_C].answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfirst\n";
	client_send(client,
		GET11 "POST /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
		      "GET /main HTTP/1.1\r\nHost: a\r\n\r\n" GET11);
	world_run(world, 50);
	c = strstr(client->received, "first\n");
	n = strstr(client->received, "404 Not Found");
	a = strstr(client->received, "\nA\n");
	assert_non_null(c);
	assert_non_null(n);
	assert_non_null(a);
	assert_true(c < n && n < a);
	assert_non_null(strstr(a, "first\n"));
	assert_int_equal(l7_counters(world->l7)->requests, 4);
	client_free(client);
}

static void answers_a_thousand_pipelined_requests(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	for (unsigned i = 0; i < 1000; i++)
		client_send(client, i % 2 == 0 ? GET11 : "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
	world_run(world, 1000);
	assert_int_equal(world_service_counters(world).responses_2xx, 500);
	assert_int_equal(world_service_counters(world).responses_4xx, 500);
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	client_free(client);
}

/* Every cut of the stream gives the same: one byte at a time. */
static void takes_requests_byte_by_byte(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *text = "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nGET /main HTTP/1.1\r\nHost: a\r\n\r\n";

	for (const char *c = text; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		client_send(client, one);
		world_run(world, 1);
	}
	assert_true(world_expect(client, "\nC\n", 50));
	assert_true(world_expect(client, "\nA\n", 50));
	assert_int_equal(world->servers[MEMBER_C].body_bytes, 4);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(routes_by_host_and_path),
		WORLD_TEST(keeps_connections_to_members),
		WORLD_TEST(closes_what_the_member_will_not_keep),
		WORLD_TEST(rewrites_the_head),
		WORLD_TEST(trailers_pass_where_they_may),
		WORLD_TEST(trailers_of_requests_pass),
		WORLD_TEST(early_hints_pass),
		cmocka_unit_test_setup_teardown(
			appends_to_a_trusted_proxys_word, setup_trusted, world_teardown),
		WORLD_TEST(passes_every_form_of_body),
		WORLD_TEST(gives_the_member_a_host),
		WORLD_TEST(passes_a_body_until_close),
		WORLD_TEST(invites_the_body_once_a_member_takes_it),
		WORLD_TEST(answers_pipelined_requests_in_order),
		WORLD_TEST(answers_a_thousand_pipelined_requests),
		WORLD_TEST(takes_requests_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
