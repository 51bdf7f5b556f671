/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

/* Routes by fields of a JSON body, which is read ahead of them and goes on as it came. */

#define ROUTES                                                                                     \
	"{'match':{'path':{'exact':'/free'}},'respond':{'body':'free'}},\n"                        \
	"{'match':{'header':{'x-all':'1'}},'respond':{'body':'all'}},\n"                           \
	"{'match':{'json':{'/user/plan':'gold'},'header':{'x-no':{'present':false}}},"             \
	"'pool':'main'},\n"                                                                        \
	"{'match':{'json':{'/n':{'range':'10-20'}}},'respond':{'body':'range'}},\n"                \
	"{'match':{'json':{'/s':{'regex':'^a+$'}}},'respond':{'body':'regex'}},\n"                 \
	"{'match':{'json':{'/user':{'present':true},'/user/plan':{'present':false}}},"             \
	"'respond':{'body':'no plan'}},\n"                                                         \
	"{'match':{'not':[{'json':{'/safe':'true'}}],'path':{'prefix':'/guard'}},"                 \
	"'respond':{'status':403}},\n"                                                             \
	"{'respond':{'body':'rest'}}"

struct row {
	const char *path;
	const char *fields;
	const char *body;
	const char *expected;
};

#define JSON "Content-Type: application/json\r\n"

static const struct row rows[] = {
	{ "/", JSON, "{\"n\":10}", "range" },
	{ "/", JSON, "{\"n\":2e1}", "range" },
	{ "/", JSON, "{\"n\":20.5}", "rest" },
	{ "/", JSON, "{\"n\":-15}", "rest" },
	{ "/", JSON, "{\"n\":\"15\"}", "range" },
	{ "/", JSON, "{\"s\":\"aaa\"}", "regex" },
	{ "/", JSON, "{\"s\":\"aab\"}", "rest" },
	{ "/", JSON, "{\"user\":{}}", "no plan" },
	{ "/", JSON, "{\"user\":{\"plan\":null}}", "rest" },
	{ "/", JSON, "[]", "rest" },
	{ "/", "Content-Type: application/problem+json;charset=utf-8\r\n", "{\"n\":10}", "range" },
	{ "/", "Content-Type: Application/JSON ; x=y\r\n", "{\"n\":10}", "range" },
	{ "/", "Content-Type: text/plain\r\n", "{\"n\":10}", "rest" },
	{ "/", "", "{\"n\":10}", "rest" },
	{ "/", "Content-Type: text/plain\r\n" JSON, "{\"n\":10}", "range" },
	/* decided without it, so it is not read */
	{ "/free", JSON, "no json", "free" },
	{ "/", JSON "X-All: 1\r\n", "no json", "all" },
	/* refused, whatever route it would be */
	{ "/", JSON, "{\"n\":10", " 400 " },
	{ "/guard", JSON, "{\"safe\":true,\"safe\":false}", " 400 " },
	{ "/guard", JSON, "{\"safe\":true}", "rest" },
	{ "/guard", JSON, "{\"safe\":false}", " 403 " },
	{ "/guard", "", "{\"safe\":true}", " 403 " },
	{ "/", JSON "Content-Encoding: gzip\r\n", "xxxx", " 415 " },
	{ "/", JSON "Content-Encoding: identity\r\n", "{\"n\":10}", "range" },
	{ "/", JSON, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
		" 413 " },
};

static void row_run(struct world *world, const struct row *row, bool is_chunked, bool is_slow)
{
	struct client *client = client_open(world, 80);
	char request[1024];
	size_t len = strlen(row->body);
	int head = snprintf(request, sizeof(request), "POST %s HTTP/1.1\r\nHost: a\r\n%s",
		row->path, row->fields);

	if (is_chunked)
		snprintf(request + head, sizeof(request) - (size_t)head,
			"Transfer-Encoding: chunked\r\n\r\n1\r\n%.1s\r\n%zx\r\n%s\r\n0\r\n\r\n",
			row->body, len - 1, row->body + 1);
	else
		snprintf(request + head, sizeof(request) - (size_t)head,
			"Content-Length: %zu\r\n\r\n%s", len, row->body);
	if (is_slow) {
		for (size_t i = 0; i < strlen(request); i++) {
			client_send_bytes(client, request + i, 1);
			world_run(world, 1);
		}
	} else {
		client_send(client, request);
	}
	if (!world_expect(client, row->expected, 200))
		fail_msg("%s%s%s: %s", row->path, row->fields, row->body, client->received);
	client_free(client);
	world_run(world, 1);
}

static void fields_of_bodies_find_routes(void **state)
{
	struct world *world = *state;

	world_routes_load(world, ROUTES);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		row_run(world, &rows[i], false, false);
		row_run(world, &rows[i], true, false);
	}
	row_run(world, &rows[0], false, true);
	row_run(world, &rows[5], true, true);
	assert_int_equal(l7_counters(world->l7)->json_encoded, 2);
	assert_int_equal(l7_counters(world->l7)->json_malformed, 4);
	assert_int_equal(l7_counters(world->l7)->json_too_deep, 2);
}

#define GOLD "{\"user\":{\"plan\":\"gold\"},\"pad\":\""

/* Long ones take several pieces; the member gets every byte, once. */
static void bodies_go_on_as_they_came(void **state)
{
	struct world *world = *state;
	struct server *server = &world->servers[MEMBER_A];
	char body[50000], head[256];
	struct client *client = client_open(world, 80);
	uint64_t before;

	world_routes_load(world, ROUTES);
	memset(body, 'x', sizeof(body));
	memcpy(body, GOLD, strlen(GOLD));
	memcpy(body + sizeof(body) - 2, "\"}", 2);
	for (unsigned i = 0; i < 4; i++) {
		before = server->body_bytes + world->servers[MEMBER_B].body_bytes;
		snprintf(head, sizeof(head),
			"POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: %zu\r\n%s\r\n",
			sizeof(body), i == 1 ? "Expect: 100-continue\r\n" : "");
		client_clear(client);
		client_send(client, head);
		if (i == 1)
			assert_true(world_expect(client, "100 Continue\r\n\r\n", 50));
		client_send_bytes(client, body, sizeof(body));
		assert_true(world_expect(client, " 200 OK\r\n", 1000));
		world_run(world, 5);
		assert_int_equal(server->body_bytes + world->servers[MEMBER_B].body_bytes - before,
			sizeof(body));
	}
	assert_int_equal(l7_counters(world->l7)->json_read, 4);
	client_free(client);
}

static void a_body_that_is_too_large(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_routes_load(world, ROUTES);
	/* Said beforehand: not a byte of it is waited for. */
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 65537\r\n\r\n");
	assert_true(world_expect(client, " 413 ", 20));
	client_free(client);
	client = client_open(world, 80);
	client_send(client,
		"POST / HTTP/1.1\r\nHost: a\r\n" JSON
		"Transfer-Encoding: chunked\r\n\r\n11000\r\n[");
	for (unsigned i = 0; i < 70; i++) {
		char blank[1000];

		memset(blank, ' ', sizeof(blank));
		client_send_bytes(client, blank, sizeof(blank));
		world_run(world, 1);
	}
	assert_true(world_expect(client, " 413 ", 50));
	assert_int_equal(l7_counters(world->l7)->json_too_large, 2);
	client_free(client);
}

/* It comes steadily, and is late all the same. */
static void a_body_that_is_too_slow(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_routes_load(world, ROUTES);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 60000\r\n\r\n[");
	for (unsigned i = 0; i < 110 && strstr(client->received, " 408 ") == NULL; i++) {
		client_send(client, " ");
		world_run(world, 100);
	}
	assert_non_null(strstr(client->received, " 408 "));
	assert_int_equal(l7_counters(world->l7)->client_timeout, 1);
	client_free(client);
	/* And one whose client goes away. */
	client = client_open(world, 80);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 9\r\n\r\n[");
	world_run(world, 5);
	client_abort(client);
	world_run(world, 5);
	assert_int_equal(l7_counters(world->l7)->client_aborted, 1);
	client_free(client);
}

/* "no_match": no condition on it holds, and none that is negated; the bytes go on. */
static void without_a_body_that_can_be_read(void **state)
{
	static const struct row loose[] = {
		{ "/guard", JSON, "{\"safe\":fals}", "rest" },
		{ "/", JSON, "{\"user\":{\"plan\":\"gold\"}", "rest" },
		{ "/", JSON "Content-Encoding: br\r\n", "{\"n\":10}", "rest" },
	};
	struct world *world = *state;

	world_routes_load(world, ROUTES);
	world->services[0].json_body.unreadable = CONFIG_UNREADABLE_NO_MATCH;
	world_publish(world, true);
	for (size_t i = 0; i < RTE_DIM(loose); i++) {
		row_run(world, &loose[i], false, false);
		row_run(world, &loose[i], true, false);
	}
}

/* A reload asks for other fields of a body that is on its way. */
static void a_reload_meanwhile(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *text = "{\"n\":1,\"m\":\"here\"}";
	char request[256];

	world_routes_load(world, ROUTES);
	snprintf(request, sizeof(request),
		"POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: %zu\r\n\r\n", strlen(text));
	client_send(client, request);
	client_send_bytes(client, text, 9);
	world_run(world, 5);
	/* The old table is the request's until it is routed: it stays in memory. */
	world->services[0].routes = (struct config_l7_route[]){
		{ .conditions = { .json = { .items = (struct config_text_match[]){ { .name = "/m",
						    .test = CONFIG_TEXT_EXACT,
						    .text = "here" } },
					  .count = 1 } },
			.pool = POOL_OTHER },
	};
	world->services[0].route_count = 1;
	world_publish(world, true);
	client_send(client, text + 9);
	assert_true(world_expect(client, "\nC\n", 100));
	world_run(world, 5);
	world_routes_load(world, ROUTES);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(fields_of_bodies_find_routes),
		WORLD_TEST(bodies_go_on_as_they_came),
		WORLD_TEST(a_body_that_is_too_large),
		WORLD_TEST(a_body_that_is_too_slow),
		WORLD_TEST(without_a_body_that_can_be_read),
		WORLD_TEST(a_reload_meanwhile),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
