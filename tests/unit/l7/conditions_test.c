/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "l7/route.h"
#include "tls/facts.h"

/* What routes match beside host and path, as files have it. */

struct row {
	const char *match;   /* inside of "match"; ' stands for " */
	const char *request; /* path and fields; the method is GET */
	bool fits;
};

#define PHONE "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36"
#define PAD   "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Safari/537.36"
#define PC    "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
#define BOT   "Mozilla/5.0 (compatible; Somebot/2.1; +http://example.com/bot) Mobile"

static const struct row rows[] = {
	{ "'user_agent':['mobile']", "/|User-Agent: " PHONE, true },
	{ "'user_agent':['mobile']", "/|User-Agent: " PAD, false },
	{ "'user_agent':['tablet']", "/|User-Agent: " PAD, true },
	{ "'user_agent':['mobile','tablet']", "/|User-Agent: " PAD, true },
	{ "'user_agent':['desktop']", "/|User-Agent: " PC, true },
	{ "'user_agent':['desktop']", "/|User-Agent: " BOT, false },
	{ "'user_agent':['bot']", "/|User-Agent: " BOT, true },
	{ "'user_agent':['tool']", "/|User-Agent: curl/8.5.0", true },
	{ "'user_agent':['other']", "/|User-Agent: x", true },
	{ "'user_agent':['other']", "/|", true },
	{ "'grpc':{}", "/a.B/C|Content-Type: application/grpc", true },
	{ "'grpc':{}", "/a.B/C|Content-Type: application/grpc+proto", true },
	{ "'grpc':{}", "/a.B/C|Content-Type: application/grpc-web", false },
	{ "'grpc':{}", "/a.B/C|", false },
	{ "'grpc':{}", "/nothing|Content-Type: application/grpc", false },
	{ "'grpc':{'service':'a.B'}", "/a.B/C|Content-Type: application/grpc", true },
	{ "'grpc':{'service':'a.B'}", "/a.Bc/C|Content-Type: application/grpc", false },
	{ "'grpc':{'method':'C'}", "/a.B/C|Content-Type: application/grpc", true },
	{ "'grpc':{'service':'a.B','method':'D'}", "/a.B/C|Content-Type: application/grpc", false },
	{ "'any_of':[{'header':{'a':'1'}},{'query':{'b':'2'}}]", "/|A: 1", true },
	{ "'any_of':[{'header':{'a':'1'}},{'query':{'b':'2'}}]", "/?b=2|A: 2", true },
	{ "'any_of':[{'header':{'a':'1'}},{'query':{'b':'2'}}]", "/?b=3|A: 2", false },
	{ "'all_of':[{'header':{'a':'1'}},{'query':{'b':'2'}}]", "/?b=2|A: 1", true },
	{ "'all_of':[{'header':{'a':'1'}},{'query':{'b':'2'}}]", "/?b=2|A: 2", false },
	{ "'not':[{'header':{'a':'1'}},{'method':['PUT']}]", "/|A: 2", true },
	{ "'not':[{'header':{'a':'1'}},{'method':['PUT']}]", "/|A: 1", false },
	{ "'not':[{'method':['GET']}]", "/|", false },
	{ "'not':[{'any_of':[{'header':{'a':'1'}},{'not':[{'header':{'b':'2'}}]}]}]", "/|B: 2",
		true },
	{ "'not':[{'any_of':[{'header':{'a':'1'}},{'not':[{'header':{'b':'2'}}]}]}]", "/|A: 1",
		false },
	{ "'not':[{'source':['198.51.100.0/24']}]", "/|", false },
	{ "'not':[{'source':['192.0.2.0/24']}],'any_of':[{'cookie':{'c':'d'}}]", "/|Cookie: c=d",
		true },
	{ "'tls':{'sni':'a.test'}", "/|", false },
};

static void conditions_hold_as_written(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char route[512], request[512];

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		const char *bar = strchr(rows[i].request, '|');

		snprintf(route, sizeof(route), "{'match':{%s},'respond':{'body':'yes'}}",
			rows[i].match);
		world_routes_load(world, route);
		snprintf(request, sizeof(request), "GET %.*s HTTP/1.1\r\nHost: a\r\n%s%s\r\n",
			(int)(bar - rows[i].request), rows[i].request, bar + 1,
			bar[1] != '\0' ? "\r\n" : "");
		client_clear(client);
		client_send(client, request);
		if (!world_expect(client, rows[i].fits ? " 200 OK\r\n" : " 404 ", 100))
			fail_msg(
				"%s with %s: %s", rows[i].match, rows[i].request, client->received);
		world_run(world, 1);
	}
	client_free(client);
}

static struct http_span span(const char *text)
{
	return (struct http_span){ .data = text, .len = strlen(text) };
}

/* How many of a thousand requests the row takes. */
static unsigned count_taken(const struct route_table *table, const char *name)
{
	static struct http_head head;
	struct ip_addr source = { .halves = { 0 } };
	struct route_request request = { .head = &head, .source = &source };
	unsigned count = 0;

	head.path = head.target = span("/");
	for (uint32_t i = 0; i < 1000; i++) {
		const struct route *route;

		request.random = i * 4294967u;
		route = route_find(table, &request);
		count += route != NULL && strcmp(route->config->name, name) == 0;
	}
	return count;
}

static void shares_are_kept_and_independent(void **state)
{
	struct world *world = *state;
	struct route_table *table;

	world_routes_load(world,
		"{'name':'a','match':{'share':'20%'},'respond':{}},\n"
		"{'name':'b','match':{'share':'50%'},'respond':{}},\n"
		"{'name':'c','match':{'all_of':[{'share':'50%'},\n{'share':'50%'}]},'respond':{}},\n"
		"{'name':'d','respond':{}}");
	table = route_table_create(world->loaded->services[0].routes, 4, UINT_MAX, NULL);
	assert_non_null(table);
	assert_in_range(count_taken(table, "a"), 160, 240);
	assert_in_range(count_taken(table, "b"), 340, 460);
	assert_in_range(count_taken(table, "c"), 60, 140);
	assert_in_range(count_taken(table, "d"), 240, 360);
	route_table_destroy(table);
}

struct fact_row {
	const char *match;
	bool fits;
};

static const struct fact_row fact_rows[] = {
	{ "'sni':'www.a.test'", true },
	{ "'sni':{'suffix':'.a.test'}", true },
	{ "'sni':'a.test'", false },
	{ "'version':'TLSv1.3','cipher':{'prefix':'TLS_AES'}", true },
	{ "'version':'TLSv1.2'", false },
	{ "'subject':{'contains':'CN=client'}", true },
	{ "'san':'DNS:b.example'", true },
	{ "'san':{'prefix':'URI:spiffe://x/'}", true },
	{ "'san':'DNS:b'", false },
	{ "'san':'DNS:a.example,DNS:b.example'", false },
	{ "'issuer':{'present':true}", true },
	{ "'serial':{'present':false}", true },
	{ "'fingerprint':{'regex':'^ab+c$'}", true },
};

static void facts_of_tls_are_matched(void **state)
{
	struct world *world = *state;
	struct tls_facts facts = {
		.version = "TLSv1.3",
		.cipher = "TLS_AES_128_GCM_SHA256",
		.sni = "www.a.test",
		.peer = TLS_PEER_GOOD,
		.peer_subject = "CN=client, O=Example",
		.peer_issuer = "CN=ca",
		.peer_names = "DNS:a.example,DNS:b.example,URI:spiffe://x/y",
		.peer_serial = "",
		.peer_fingerprint = "abbbc",
	};
	static struct http_head head;
	struct ip_addr source = { .halves = { 0 } };
	struct route_request request = { .head = &head, .source = &source, .facts = &facts };
	char route[256];

	head.path = head.target = span("/");
	request.scratch = route_scratch_create();
	for (size_t i = 0; i < RTE_DIM(fact_rows); i++) {
		struct route_table *table;

		snprintf(route, sizeof(route), "{'match':{'tls':{%s}},'respond':{}}",
			fact_rows[i].match);
		world_routes_load(world, route);
		table = route_table_create(world->loaded->services[0].routes, 1, UINT_MAX, NULL);
		facts.peer = TLS_PEER_GOOD;
		if ((route_find(table, &request) != NULL) != fact_rows[i].fits)
			fail_msg("%s", fact_rows[i].match);
		/* A certificate that is not good says nothing. */
		facts.peer = TLS_PEER_BAD;
		if (i >= 5 && i != 11 && route_find(table, &request) != NULL)
			fail_msg("%s of a bad certificate", fact_rows[i].match);
		route_table_destroy(table);
	}
	route_scratch_destroy(request.scratch);
}

#define FORTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Who keeps an expression busy does not get past the rule, nor past its "not", nor on. */
static void an_expression_that_gives_up_is_no_way_around_it(void **state)
{
	static const struct {
		const char *routes;
		const char *request;
	} bombs[] = {
		{ "{'match':{'path':{'regex':'^/(a+)+$'}},'respond':{'status':403}},"
		  "{'respond':{}}",
			"GET /" FORTY "! HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ "{'match':{'not':[{'header':{'x':{'regex':'^(a|aa)+$'}}}]},'respond':{}}",
			"GET / HTTP/1.1\r\nHost: a\r\nX: " FORTY "!\r\n\r\n" },
		{ "{'redirect':{'regex':{'match':'^/(a+)+$','to':'/b'}}}",
			"GET /" FORTY "! HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ "{'pool':'main','rewrite':{'regex':{'match':'^/(a+)+$','to':'/b'}}}",
			"GET /" FORTY "! HTTP/1.1\r\nHost: a\r\n\r\n" },
	};
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	for (size_t i = 0; i < RTE_DIM(bombs); i++) {
		world_routes_load(world, bombs[i].routes);
		client_clear(client);
		client_send(client, bombs[i].request);
		if (!world_expect(client, " 400 ", 100))
			fail_msg("%s: %s", bombs[i].routes, client->received);
		assert_int_equal(l7_counters(world->l7)->regex_gave_up, i + 1);
		world_run(world, 1);
	}
	/* The connection goes on, and so does the expression. */
	client_clear(client);
	client_send(client, "GET /aaa HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(world_expect(client, " 200 ", 100));
	assert_int_equal(l7_counters(world->l7)->regex_gave_up, RTE_DIM(bombs));
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(conditions_hold_as_written),
		WORLD_TEST(shares_are_kept_and_independent),
		WORLD_TEST(facts_of_tls_are_matched),
		WORLD_TEST(an_expression_that_gives_up_is_no_way_around_it),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
