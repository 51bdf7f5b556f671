/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

/* What routes do with requests and answers, as tables: the route, what comes, what goes on. */

struct row {
	const char *route;   /* in the file; ' stands for " */
	const char *request; /* line and fields; "Host: a.test" is added */
	const char *member;  /* in what the member gets; NULL: it gets nothing */
	const char *absent;  /* in none of the heads */
	const char *client;  /* in what the client gets */
	const char *client_absent;
};

#define MAIN(text)    "{'match':{'path':{'prefix':'/'}},'pool':'other'," text "}"
#define PATH(m, text) "{'match':{'path':" m "},'pool':'other'," text "}"

static const struct row rewrites[] = {
	{ .route = PATH("{'prefix':'/api'}", "'rewrite':{'prefix':'/v2'}"),
		.request = "GET /api/x?y=1 HTTP/1.1\r\n",
		.member = "GET /v2/x?y=1 HTTP/1.1\r\n" },
	{ .route = PATH("{'prefix':'/api'}", "'rewrite':{'prefix':'/v2'}"),
		.request = "GET /api HTTP/1.1\r\n",
		.member = "GET /v2 HTTP/1.1\r\n" },
	{ .route = PATH("{'prefix':'/api'}", "'rewrite':{'prefix':'/'}"),
		.request = "GET /api/x HTTP/1.1\r\n",
		.member = "GET /x HTTP/1.1\r\n" },
	{ .route = PATH("{'prefix':'/api'}", "'rewrite':{'prefix':'/'}"),
		.request = "GET /api HTTP/1.1\r\n",
		.member = "GET / HTTP/1.1\r\n" },
	{ .route = PATH("{'prefix':'/api/'}", "'rewrite':{'prefix':'/v2'}"),
		.request = "GET /api/x HTTP/1.1\r\n",
		.member = "GET /v2/x HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'regex':{'match':'^/u/([0-9]+)(/.*)?$',"
			"'to':'/user/${1}/of${2}'}}"),
		.request = "GET /u/42/z?q HTTP/1.1\r\n",
		.member = "GET /user/42/of/z?q HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'regex':{'match':'^/u/([0-9]+)(/.*)?$',"
			"'to':'/user/${1}/of${2}'}}"),
		.request = "GET /u/42 HTTP/1.1\r\n",
		.member = "GET /user/42/of HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'regex':{'match':'nothing','to':'x'}}"),
		.request = "GET /u/42 HTTP/1.1\r\n",
		.member = "GET /u/42 HTTP/1.1\r\n" },
	{ .route = PATH("{'template':'/users/{id}/{what}'}",
		  "'rewrite':{'path':'/${match.what}','query':'id=${match.id}&${query}'}"),
		.request = "GET /users/7/cart?a=b HTTP/1.1\r\n",
		.member = "GET /cart?id=7&a=b HTTP/1.1\r\n" },
	{ .route = PATH("{'regex':'^/(?<lang>[a-z]{2})/(.*)$'}",
		  "'rewrite':{'path':'/${match.2}','query':'lang=${match.lang}'}"),
		.request = "GET /de/a/b?gone HTTP/1.1\r\n",
		.member = "GET /a/b?lang=de HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'query':''}"),
		.request = "GET /x?secret=1 HTTP/1.1\r\n",
		.member = "GET /x HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'host':'Internal.test:8080'}"),
		.request = "GET /x HTTP/1.1\r\n",
		.member = "\r\nHost: internal.test:8080\r\n",
		.absent = "a.test" },
	{ .route = MAIN("'rewrite':{'path':'/never'}"),
		.request = "OPTIONS * HTTP/1.1\r\n",
		.client = "404" },
	/* What a client brings cannot become another path, another request or another host. */
	{ .route = MAIN("'rewrite':{'path':'/f/${header.x-name}'}"),
		.request = "GET / HTTP/1.1\r\nX-Name: a b?c#d\r\n",
		.member = "GET /f/a%20b%3Fc%23d HTTP/1.1\r\n" },
	{ .route = MAIN("'rewrite':{'path':'/f/${header.x-name}'}"),
		.request = "GET / HTTP/1.1\r\nX-Name: ..\\..\\x\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = MAIN("'rewrite':{'path':'/f/${header.x-name}'}"),
		.request = "GET / HTTP/1.1\r\nX-Name: ../../../../etc\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = MAIN("'rewrite':{'path':'/f/${header.x-name}'}"),
		.request = "GET / HTTP/1.1\r\nX-Name: %2e%2e/x\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = MAIN("'rewrite':{'path':'/f/${header.x-name}'}"),
		.request = "GET / HTTP/1.1\r\nX-Name: %2e%2e%2fx\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = MAIN("'rewrite':{'regex':{'match':'x(.*)y','to':'/${1}/'}}"),
		.request = "GET /a/x..yb HTTP/1.1\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = MAIN("'rewrite':{'host':'${header.x-host}'}"),
		.request = "GET / HTTP/1.1\r\nX-Host: a b\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
};

static const struct row headers[] = {
	{ .route = MAIN("'request_headers':{'set':{'X-Who':'${client_address}:${client_port}',"
			"'X-At':'${scheme}://${authority}${path}?${query}','X-Via':"
			"'${service}/${route} $$ ${method} ${server_address} ${server_port}'}}"),
		.request = "GET /x?y HTTP/1.1\r\nX-Who: me\r\nx-at: me\r\n",
		.member =
			"X-At: http://a.test/x?y\r\nX-Via: web/routes[0] $ GET 203.0.113.10 80\r\n",
		.absent = "me\r\n" },
	{ .route = "{'name':'shop','pool':'other','request_headers':{'set':{'X-R':'${route}'}}}",
		.request = "GET / HTTP/1.1\r\n",
		.member = "X-R: shop\r\n" },
	{ .route = MAIN("'request_headers':{'add':{'X-A':'2'}}"),
		.request = "GET / HTTP/1.1\r\nX-A: 1\r\n",
		.member = "X-A: 1\r\nX-Forwarded-For: 198.51.100.77\r\nX-Forwarded-Proto: http\r\n"
			  "X-A: 2\r\n" },
	{ .route = MAIN("'request_headers':{'append':{'X-A':'3'}}"),
		.request = "GET / HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\nX-A:\r\n",
		.member = "X-A: 1, 2, 3\r\n",
		.absent = "X-A: 1\r\n" },
	{ .route = MAIN("'request_headers':{'append':{'X-A':'3'}}"),
		.request = "GET / HTTP/1.1\r\n",
		.member = "X-A: 3\r\n" },
	{ .route = MAIN("'request_headers':{'remove':['Accept','x-gone']}"),
		.request = "GET / HTTP/1.1\r\nACCEPT: 1\r\nX-Gone: 2\r\nAccept: 3\r\nX-Stay: 4\r\n",
		.member = "X-Stay: 4\r\n",
		.absent = "ccept" },
	/* A Connection field cannot take away what we set. */
	{ .route = MAIN("'request_headers':{'set':{'X-User':'u'},'add':{'X-More':'m'}}"),
		.request = "GET / HTTP/1.1\r\nConnection: x-user, x-more\r\n",
		.member = "X-User: u\r\nX-More: m\r\n" },
	/* More of the family is set, although a client's own never pass. */
	{ .route = MAIN("'request_headers':{'set':{'X-Forwarded-Port':'${server_port}'}}"),
		.request = "GET / HTTP/1.1\r\nX-Forwarded-Port: 9\r\n",
		.member = "X-Forwarded-Port: 80\r\n",
		.absent = "Port: 9" },
	{ .route = PATH("{'template':'/t/{a}'}",
		  "'request_headers':{'set':{'X-M':"
		  "'${match.0} ${match.1} ${match.a}'}}"),
		.request = "GET /t/%0D%0AX-Evil:1 HTTP/1.1\r\n",
		.member = "X-M: /t/%0D%0AX-Evil:1 %0D%0AX-Evil:1 %0D%0AX-Evil:1\r\n" },
	{ .route = MAIN("'request_headers':{'set':{'X-M':'${header.x-tab}'}}"),
		.request = "GET / HTTP/1.1\r\nX-Tab: a\tb\r\n",
		.member = "X-M: a%09b\r\n" },
	{ .route = MAIN(
		  "'response_headers':{'set':{'Server':'p','X-R':'${path}'},"
		  "'remove':['X-Inner'],'append':{'Vary':'Accept'},'add':{'Set-Cookie':'b=2'}}"),
		.request = "GET /r HTTP/1.1\r\n",
		.member = "GET /r",
		.client = "X-R: /r\r\nSet-Cookie: b=2\r\nVary: Origin, Accept\r\n",
		.client_absent = "X-Inner" },
};

static void row_run(struct world *world, struct client *client, const struct row *row)
{
	struct server *server = &world->servers[MEMBER_C];
	char request[1024];

	world_routes_load(world, row->route);
	server->head[0] = '\0';
	client_clear(client);
	snprintf(request, sizeof(request), "%sHost: a.test\r\n\r\n", row->request);
	client_send(client, request);
	if (!world_expect(client, "\r\n\r\n", 100))
		fail_msg("%s with %s: no answer", row->request, row->route);
	world_run(world, 2);
	if (row->member == NULL && server->head[0] != '\0')
		fail_msg("%s with %s: reached the member", row->request, row->route);
	if (row->member != NULL && strstr(server->head, row->member) == NULL)
		fail_msg("%s with %s: \"%s\" is not in \"%s\"", row->request, row->route,
			row->member, server->head);
	if (row->absent != NULL && strstr(server->head, row->absent) != NULL)
		fail_msg("%s with %s: \"%s\" is in \"%s\"", row->request, row->route, row->absent,
			server->head);
	if (row->client != NULL && strstr(client->received, row->client) == NULL)
		fail_msg("%s with %s: \"%s\" is not in \"%s\"", row->request, row->route,
			row->client, client->received);
	if (row->client_absent != NULL && strstr(client->received, row->client_absent) != NULL)
		fail_msg("%s with %s: \"%s\" is in \"%s\"", row->request, row->route,
			row->client_absent, client->received);
}

static void rows_run(struct world *world, const struct row *rows, size_t count)
{
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C]
		.answer = "HTTP/1.1 200 OK\r\nX-Inner: i\r\nVary: Origin\r\nServer: s\r\n"
			  "Content-Length: 2\r\n\r\nC\n";
	for (size_t i = 0; i < count; i++) {
		row_run(world, client, &rows[i]);
		assert_false(client->is_eof);
	}
	client_free(client);
}

static void rewrites_requests(void **state)
{
	struct world *world = *state;

	rows_run(world, rewrites, RTE_DIM(rewrites));
	assert_int_equal(l7_counters(world->l7)->rewrite_failed, 6);
}

static void edits_headers(void **state)
{
	rows_run(*state, headers, RTE_DIM(headers));
}

#define REDIRECT(text) "{'match':{'path':{'prefix':'/old'}},'redirect':{" text "}}"

static const struct row redirects[] = {
	{ .route = REDIRECT("'scheme':'https'"),
		.request = "GET /old/x?y=1 HTTP/1.1\r\n",
		.client = "HTTP/1.1 302 Found\r\nContent-Type: text/html\r\n"
			  "Location: https://a.test/old/x?y=1\r\n" },
	{ .route = REDIRECT("'scheme':'https','host':'www.${host}','code':301"),
		.request = "GET /old HTTP/1.1\r\n",
		.client = "HTTP/1.1 301 Moved Permanently\r\nContent-Type: text/html\r\n"
			  "Location: https://www.a.test/old\r\n",
		.client_absent = "no-store" },
	{ .route = REDIRECT("'prefix':'/new','code':308"),
		.request = "GET /old/a/b?c HTTP/1.1\r\n",
		.client = "Location: http://a.test/new/a/b?c\r\n" },
	{ .route = REDIRECT("'path':'/','query':'','code':303"),
		.request = "GET /old/a?c HTTP/1.1\r\n",
		.client = "Location: http://a.test/\r\n" },
	{ .route = REDIRECT("'regex':{'match':'/old/([a-z]+)','to':'/${1}/new'},'code':307"),
		.request = "GET /old/a/b HTTP/1.1\r\n",
		.client = "Location: http://a.test/a/new/b\r\n" },
	{ .route = REDIRECT("'path':'/to','query':'from=${header.referer}'"),
		.request = "GET /old HTTP/1.1\r\nReferer: x\ty z\r\n",
		.client = "Location: http://a.test/to?from=x%09y%20z\r\n" },
	{ .route = REDIRECT("'host':'${header.x-h}'"),
		.request = "GET /old HTTP/1.1\r\nX-H: evil.test/x\r\n",
		.client = "HTTP/1.1 400 Bad Request\r\n" },
	{ .route = "{'redirect':{'scheme':'https'},'response_headers':{'set':{'X-B':'${path}'}}}",
		.request = "GET /p HTTP/1.1\r\n",
		.client = "X-B: /p\r\n" },
	{ .route = "{'respond':{'body':'hello\\n'}}",
		.request = "GET /p HTTP/1.1\r\n",
		.client = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
			  "Content-Length: 6\r\n\r\nhello\n" },
	{ .route = "{'respond':{'body':'hello\\n','status':503,'content_type':'a/b'},"
		   "'response_headers':{'add':{'Retry-After':'60'}}}",
		.request = "HEAD /p HTTP/1.1\r\n",
		.client = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: a/b\r\n"
			  "Retry-After: 60\r\nContent-Length: 6\r\n\r\n",
		.client_absent = "hello" },
	{ .route = "{'respond':{'status':204}}",
		.request = "GET /p HTTP/1.1\r\n",
		.client = "HTTP/1.1 204 No Content\r\n\r\n" },
	{ .route = "{'respond':{'status':404}}",
		.request = "GET /p HTTP/1.1\r\n",
		.client = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
			  "Content-Length: 0\r\n\r\n" },
};

static void answers_by_itself(void **state)
{
	struct world *world = *state;

	rows_run(world, redirects, RTE_DIM(redirects));
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	assert_int_equal(l7_counters(world->l7)->answered_by_route, RTE_DIM(redirects) - 1);
}

/* HTTP/1.0 without Host: a redirect still has somewhere to point to. */
static void redirects_without_a_host(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_routes_load(world, "{'redirect':{'scheme':'https'}}");
	world_exchange(client, "GET /a HTTP/1.0\r\n\r\n", "Location: https://" WORLD_VIP "/a\r\n");
	client_free(client);
}

/* A body of our own goes out as the client takes it, and the connection is kept. */
static void sends_long_bodies_to_slow_clients(void **state)
{
	static char route[66000];
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	size_t len = (size_t)snprintf(route, sizeof(route), "{'respond':{'body':'");

	memset(route + len, 'b', 65536);
	snprintf(route + len + 65536, sizeof(route) - len - 65536, "'}}");
	world_routes_load(world, route);
	for (unsigned i = 0; i < 20; i++) {
		client->is_paused = true;
		client_send(client,
			"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
		world_run(world, 20);
		client_resume(client);
		world_run(world, 100);
	}
	assert_int_equal(l7_counters(world->l7)->answered_by_route, 40);
	assert_true(client->total > 40 * 65536);
	assert_true(client->total < 40 * (65536 + 200));
	assert_false(client->is_eof);
	client_free(client);
}

/* Whatever a reload does, a request that goes out again is edited by one configuration alone. */
static void edits_again_what_is_sent_again(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];

	world_routes_load(world,
		MAIN("'rewrite':{'prefix':'/n'},"
		     "'request_headers':{'append':{'X-A':'2'}}"));
	world_exchange(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	server->aborts_on_request = 1;
	world_exchange(client, "GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n", "\nC\n");
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 1);
	assert_non_null(strstr(server->head, "GET /n/x HTTP/1.1\r\n"));
	assert_non_null(strstr(server->head, "X-A: 1, 2\r\n"));
	client_free(client);
}

/* Values that do not fit in a head are refused, and not cut. */
static void refuses_what_grows_too_large(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char route[1024] = "", request[4096];
	size_t len = 0;

	for (unsigned i = 0; i < 8; i++)
		len += (size_t)snprintf(route + len, sizeof(route) - len,
			"%s'X-%u':'${header.x-l}'", i > 0 ? "," : "", i);
	memmove(route + strlen("{'pool':'other','request_headers':{'set':{"), route, len + 1);
	memcpy(route, "{'pool':'other','request_headers':{'set':{",
		strlen("{'pool':'other','request_headers':{'set':{"));
	strcat(route, "}}}");
	world_routes_load(world, route);
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\nX-L: %03000d\r\n\r\n", 7);
	world_exchange(client, request, "HTTP/1.1 431 ");
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(rewrites_requests),
		WORLD_TEST(edits_headers),
		WORLD_TEST(answers_by_itself),
		WORLD_TEST(redirects_without_a_host),
		WORLD_TEST(sends_long_bodies_to_slow_clients),
		WORLD_TEST(edits_again_what_is_sent_again),
		WORLD_TEST(refuses_what_grows_too_large),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
