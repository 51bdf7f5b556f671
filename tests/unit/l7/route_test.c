/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "l7/route.h"

static struct http_span span(const char *text)
{
	return (struct http_span){ .data = text, .len = strlen(text) };
}

static struct route_scratch *scratch;

static int setup(void **state)
{
	(void)state;
	scratch = route_scratch_create();
	return scratch == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	route_scratch_destroy(scratch);
	return 0;
}

/* The pool that a request for this goes to, or -1. */
static int find(const struct route_table *table, struct http_span host, struct http_span path)
{
	static struct http_head head;
	struct ip_addr source;
	struct route_request request = { .head = &head, .source = &source, .scratch = scratch };
	const struct route *route;

	ip_parse("203.0.113.5", &source);
	head.method = span("GET");
	head.host = host;
	head.path = path;
	head.target = path;
	route = route_find(table, &request);
	return route == NULL ? -1 : (int)route_pool(route, 0);
}

/* The pool is the row's number unless it says otherwise. */
static const struct config_l7_route rows[] = {
	{ .host = "example.com", .path = "/img", .pool = 0 },
	{ .host = "example.com", .path = "/img/", .pool = 1 },
	{ .host = "example.com", .path = "/img", .path_kind = CONFIG_PATH_EXACT, .pool = 2 },
	{ .host = "*.example.com", .path = NULL, .pool = 3 },
	{ .host = "*.b.example.com", .path = "/", .pool = 4 },
	{ .host = NULL, .path = "/img/", .pool = 5 },
	{ .host = NULL, .path = "/checkout", .pool = 6 },
	{ .host = "example.com", .path = "/img/deep/er", .pool = 7 },
	{ .host = "only.example.org", .path = "/a", .path_kind = CONFIG_PATH_EXACT, .pool = 8 },
	{ .host = "example.com", .path = "/img", .pool = 9 },
	{ .host = NULL, .path = "/health", .path_kind = CONFIG_PATH_EXACT, .pool = 10 },
};

struct expected {
	const char *host;
	const char *path;
	int pool;
};

static const struct expected with_default[] = {
	{ "example.com", "/img", 2 },
	{ "example.com", "/img/", 1 },
	{ "example.com", "/img/x", 1 },
	{ "example.com", "/imgx", 99 },
	{ "example.com", "/img/deep/er", 7 },
	{ "example.com", "/img/deep/er/x", 7 },
	{ "example.com", "/img/deep/err", 1 },
	{ "example.com", "/img/deep", 1 },
	{ "example.com.", "/img", 2 },
	/* No row of the host fits the path: the next wider host. */
	{ "example.com", "/checkout", 6 },
	{ "example.com", "/checkout/1", 6 },
	{ "example.com", "/", 99 },
	{ "only.example.org", "/a", 8 },
	{ "only.example.org", "/a/", 99 },
	/* Suffixes: the longest first, and never the bare name. */
	{ "a.example.com", "/x", 3 },
	{ "a.b.example.com", "/x", 4 },
	{ "z.a.b.example.com", "/x", 4 },
	{ "b.example.com", "/x", 3 },
	{ ".example.com", "/x", 99 },
	{ "notexample.com", "/x", 99 },
	/* "*" of OPTIONS is below no prefix "/". */
	{ "a.b.example.com", "*", 3 },
	{ "other.test", "/img", 99 },
	{ "other.test", "/img/a", 5 },
	{ "other.test", "/health", 10 },
	{ "other.test", "/health/", 99 },
	{ "", "/health", 10 },
	{ "", "", 99 },
	{ ".", "/img/", 5 },
	{ "[2001:db8::1]", "/img/", 5 },
};

static void follows_the_documented_order(void **state)
{
	struct route_table *table = route_table_create(
		rows, sizeof(rows) / sizeof(rows[0]), 99, NULL);

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < sizeof(with_default) / sizeof(with_default[0]); i++) {
		const struct expected *row = &with_default[i];
		int pool = find(table, span(row->host), span(row->path));

		if (pool != row->pool)
			fail_msg("%s%s goes to %d, not %d", row->host, row->path, pool, row->pool);
	}
	route_table_destroy(table);
}

static void has_no_route_without_default(void **state)
{
	struct route_table *table = route_table_create(rows, 1, UINT_MAX, NULL);

	(void)state;
	assert_int_equal(find(table, span("example.com"), span("/img")), 0);
	assert_int_equal(find(table, span("example.com"), span("/")), -1);
	assert_int_equal(find(table, span("example.net"), span("/img")), -1);
	route_table_destroy(table);
	table = route_table_create(NULL, 0, 3, NULL);
	assert_int_equal(find(table, span("any"), span("/thing")), 3);
	route_table_destroy(table);
	table = route_table_create(NULL, 0, UINT_MAX, NULL);
	assert_int_equal(find(table, span("any"), span("/thing")), -1);
	route_table_destroy(table);
}

static void a_row_for_all_wins_over_the_default(void **state)
{
	const struct config_l7_route any[] = { { .pool = 1 }, { .pool = 2 } };
	struct route_table *table = route_table_create(any, 2, 3, NULL);

	(void)state;
	assert_int_equal(find(table, span("a"), span("/")), 1);
	route_table_destroy(table);
}

static void refuses_impossible_hosts(void **state)
{
	char name[300];
	const struct config_l7_route route = { .host = name };
	struct err err;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(route_table_create(&route, 1, 0, &err));
	assert_non_null(strstr(err.text, "of a route has no possible length"));
}

/* Nothing in a request makes a look-up long: names beyond 255 bytes are not looked up at all. */
static void bounds_hostile_hosts_and_paths(void **state)
{
	struct route_table *table = route_table_create(
		rows, sizeof(rows) / sizeof(rows[0]), 99, NULL);
	static char dots[16384], slashes[8192];

	(void)state;
	memset(dots, '.', sizeof(dots));
	dots[0] = 'a';
	memset(slashes, '/', sizeof(slashes));
	assert_int_equal(find(table, (struct http_span){ dots, sizeof(dots) },
				 (struct http_span){ slashes, sizeof(slashes) }),
		99);
	route_table_destroy(table);
}

#define MANY 5000

static void finds_each_of_thousands(void **state)
{
	static struct config_l7_route routes[MANY];
	static char hosts[MANY][32], paths[MANY][32];
	struct route_table *table;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(hosts[i], sizeof(hosts[i]), i % 3 == 0 ? "*.h%u.test" : "h%u.test", i / 7);
		snprintf(paths[i], sizeof(paths[i]), "/p%u", i % 7);
		routes[i] = (struct config_l7_route){ .host = hosts[i],
			.path = paths[i],
			.path_kind = i % 2 == 0 ? CONFIG_PATH_EXACT : CONFIG_PATH_PREFIX,
			.pool = i };
	}
	table = route_table_create(routes, MANY, UINT_MAX, NULL);
	assert_non_null(table);
	for (unsigned i = 0; i < MANY; i++) {
		char host[48], path[48];

		snprintf(host, sizeof(host), "%s%s", i % 3 == 0 ? "x" : "",
			hosts[i] + (i % 3 == 0 ? 1 : 0));
		snprintf(path, sizeof(path), "%s%s", paths[i], i % 2 == 0 ? "" : "/more");
		assert_int_equal(find(table, span(host), span(path)), i);
		assert_int_equal(find(table, span(host), span("/q")), -1);
	}
	route_table_destroy(table);
}

/* A request with everything that a condition can ask for, one line per field. */
struct asked {
	const char *what;
	struct config_l7_route route; /* goes to pool 1; pool 0 takes the rest */
	const char *method;
	const char *target;
	const char *fields; /* "name: value\n"... */
	bool fits;
};

#define MATCHES(...)                                                                               \
	{                                                                                          \
		.items = (struct config_text_match[]){ __VA_ARGS__ },                              \
		.count = sizeof((struct config_text_match[]){ __VA_ARGS__ }) /                     \
			sizeof(struct config_text_match)                                           \
	}

#define ONE(n, t, ...) MATCHES({ .name = n, .test = CONFIG_TEXT_##t, __VA_ARGS__ })

static const struct asked asked_rows[] = {
	{ "a method", { .methods = (const char *[]){ "PUT", "GET" }, .method_count = 2 }, "GET",
		"/", "", true },
	{ "methods have a case", { .methods = (const char *[]){ "GET" }, .method_count = 1 }, "get",
		"/", "", false },
	{ "a header's value", { .headers = ONE("x-a", EXACT, .text = "b") }, NULL, "/", "X-A: b\n",
		true },
	{ "the values' case counts", { .headers = ONE("x-a", EXACT, .text = "b") }, NULL, "/",
		"x-a: B\n", false },
	{ "the second of two", { .headers = ONE("x-a", EXACT, .text = "b") }, NULL, "/",
		"x-a: c\nx-a: b\n", true },
	{ "a header that is not there", { .headers = ONE("x-a", PRESENT) }, NULL, "/", "x-b: 1\n",
		false },
	{ "an empty header is there", { .headers = ONE("x-a", PRESENT) }, NULL, "/", "x-a: \n",
		true },
	{ "absent", { .headers = ONE("x-a", ABSENT) }, NULL, "/", "x-b: 1\n", true },
	{ "absent, and there", { .headers = ONE("x-a", ABSENT) }, NULL, "/", "x-a: \n", false },
	{ "prefix", { .headers = ONE("accept", PREFIX, .text = "text/") }, NULL, "/",
		"accept: text/html\n", true },
	{ "suffix", { .headers = ONE("accept", SUFFIX, .text = "html") }, NULL, "/",
		"accept: text/html\n", true },
	{ "a suffix longer than the value", { .headers = ONE("accept", SUFFIX, .text = "html") },
		NULL, "/", "accept: tml\n", false },
	{ "contains", { .headers = ONE("user-agent", CONTAINS, .text = "Mobile") }, NULL, "/",
		"user-agent: X (Mobile; Y)\n", true },
	{ "an expression", { .headers = ONE("user-agent", REGEX, .text = "Mob(ile|ility)\\b") },
		NULL, "/", "user-agent: a Mobility 3\n", true },
	{ "an expression with anchors", { .headers = ONE("x-a", REGEX, .text = "^[0-9]+$") }, NULL,
		"/", "x-a: 12b\n", false },
	{ "an expression that backtracks without end",
		{ .headers = ONE("x-a", REGEX, .text = "^(a+)+$") }, NULL, "/",
		"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n", false },
	{ "a number within", { .headers = ONE("x-n", RANGE, .min = 10, .max = 20) }, NULL, "/",
		"x-n: 20\n", true },
	{ "a number beyond", { .headers = ONE("x-n", RANGE, .min = 10, .max = 20) }, NULL, "/",
		"x-n: 21\n", false },
	{ "no number", { .headers = ONE("x-n", RANGE, .min = 0, .max = 20) }, NULL, "/",
		"x-n: -1\n", false },
	{ "a number of too many digits", { .headers = ONE("x-n", RANGE, .min = 0, .max = 20) },
		NULL, "/", "x-n: 00000000000000000001\n", false },
	{ "a parameter", { .query = ONE("a", EXACT, .text = "1") }, NULL, "/p?b=2&a=1&c", "",
		true },
	{ "a parameter's name is no suffix", { .query = ONE("a", PRESENT) }, NULL, "/p?ba=1", "",
		false },
	{ "a parameter without a value", { .query = ONE("c", EXACT, .text = "") }, NULL, "/p?b=2&c",
		"", true },
	{ "no query", { .query = ONE("c", PRESENT) }, NULL, "/p", "", false },
	{ "an empty query", { .query = ONE("c", PRESENT) }, NULL, "/p?", "", false },
	{ "a cookie", { .cookies = ONE("user", PREFIX, .text = "beta-") }, NULL, "/",
		"cookie: a=b; user=beta-7; c=d\n", true },
	{ "a cookie of the second field", { .cookies = ONE("user", PRESENT) }, NULL, "/",
		"cookie: a=b\ncookie: user=\n", true },
	{ "cookies' names have a case", { .cookies = ONE("user", PRESENT) }, NULL, "/",
		"cookie: User=1\n", false },
	{ "all conditions of a kind",
		{ .headers = MATCHES({ .name = "x-a", .test = CONFIG_TEXT_PRESENT },
			  { .name = "x-b", .test = CONFIG_TEXT_PRESENT }) },
		NULL, "/", "x-a: 1\n", false },
	{ "all kinds of conditions",
		{ .headers = ONE("x-a", PRESENT), .cookies = ONE("c", PRESENT) }, NULL, "/",
		"x-a: 1\ncookie: c=1\n", true },
	{ "a template", { .path = "/users/{id}/orders", .path_kind = CONFIG_PATH_TEMPLATE }, NULL,
		"/users/7/orders", "", true },
	{ "a template's segment is never empty",
		{ .path = "/users/{id}/orders", .path_kind = CONFIG_PATH_TEMPLATE }, NULL,
		"/users//orders", "", false },
	{ "a template takes no more", { .path = "/users/{id}", .path_kind = CONFIG_PATH_TEMPLATE },
		NULL, "/users/7/orders", "", false },
	{ "a template takes no less", { .path = "/users/{id}", .path_kind = CONFIG_PATH_TEMPLATE },
		NULL, "/users", "", false },
	{ "a template of all segments", { .path = "/{a}/{b}", .path_kind = CONFIG_PATH_TEMPLATE },
		NULL, "/x/y", "", true },
	{ "a path's expression", { .path = "\\.(png|jpe?g)$", .path_kind = CONFIG_PATH_REGEX },
		NULL, "/deep/er/a.jpg", "", true },
	{ "an expression does not see the query",
		{ .path = "\\.png$", .path_kind = CONFIG_PATH_REGEX }, NULL, "/a?b=.png", "",
		false },
};

/* Splits "name: value\n" lines into the head. */
static void fields_set(struct http_head *head, const char *fields)
{
	head->field_count = 0;
	while (*fields != '\0') {
		const char *colon = strchr(fields, ':');
		const char *end = strchr(fields, '\n');
		struct http_field *field = &head->fields[head->field_count++];

		field->name = (struct http_span){ fields, (size_t)(colon - fields) };
		field->value = (struct http_span){ colon + 2, (size_t)(end - colon - 2) };
		fields = end + 1;
	}
}

static void conditions_hold_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(asked_rows) / sizeof(asked_rows[0]); i++) {
		const struct asked *row = &asked_rows[i];
		static struct http_head head;
		struct ip_addr source;
		struct route_request request = {
			.head = &head, .source = &source, .scratch = scratch
		};
		struct config_l7_route route = row->route;
		struct route_table *table;
		const struct route *found;

		route.pool = 1;
		table = route_table_create(&route, 1, 0, NULL);
		assert_non_null(table);
		ip_parse("203.0.113.5", &source);
		head.method = span(row->method != NULL ? row->method : "GET");
		head.host = span("h");
		head.target = span(row->target);
		head.path = (struct http_span){ row->target, strcspn(row->target, "?") };
		fields_set(&head, row->fields);
		found = route_find(table, &request);
		assert_non_null(found);
		if ((route_pool(found, 0) == 1) != row->fits)
			fail_msg("%s: %s", row->what, row->fits ? "does not fit" : "fits");
		route_table_destroy(table);
	}
}

static void sources_are_networks(void **state)
{
	struct ip_prefix networks[2];
	const struct config_l7_route route = { .sources = networks, .source_count = 2, .pool = 1 };
	struct route_table *table;
	static struct http_head head;
	struct ip_addr source;
	struct route_request request = { .head = &head, .source = &source, .scratch = scratch };
	static const struct {
		const char *source;
		bool fits;
	} cases[] = {
		{ "192.0.2.255", true },
		{ "192.0.3.0", false },
		{ "2001:db8:7::1", true },
		{ "2001:db9::1", false },
	};

	(void)state;
	assert_int_equal(ip_prefix_parse("192.0.2.0/24", &networks[0]), 0);
	assert_int_equal(ip_prefix_parse("2001:db8::/32", &networks[1]), 0);
	table = route_table_create(&route, 1, UINT_MAX, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ip_parse(cases[i].source, &source);
		assert_int_equal(route_find(table, &request) != NULL, cases[i].fits);
	}
	route_table_destroy(table);
}

/* The first row that fits; behind the last one the next wider path, then host. */
static void rows_of_a_path_come_in_order(void **state)
{
	const char *get[] = { "GET" };
	const char *put[] = { "PUT" };
	const struct config_l7_route routes[] = {
		{ .host = "a.test", .path = "/x/y", .methods = put, .method_count = 1, .pool = 0 },
		{ .host = "a.test", .path = "/x", .methods = put, .method_count = 1, .pool = 1 },
		{ .host = "a.test", .path = "/x", .methods = get, .method_count = 1, .pool = 2 },
		{ .host = "a.test", .path = "/x", .pool = 3 },
		{ .host = "b.test", .path = "/x", .methods = put, .method_count = 1, .pool = 4 },
		{ .host = "*.test", .path = "/x", .pool = 5 },
		{ .host = "a.test",
			.path = "/x/{z}",
			.path_kind = CONFIG_PATH_TEMPLATE,
			.pool = 6 },
		{ .host = "a.test", .path = "/x/z", .path_kind = CONFIG_PATH_EXACT, .pool = 7 },
		{ .host = "www.*", .pool = 8 },
		{ .host = "www.a.*", .pool = 9 },
		{ .host = "*.b.test", .path = "/only", .pool = 10 },
	};
	struct route_table *table = route_table_create(
		routes, sizeof(routes) / sizeof(routes[0]), UINT_MAX, NULL);

	(void)state;
	assert_non_null(table);
	assert_int_equal(find(table, span("a.test"), span("/x/y/z")), 2);
	assert_int_equal(find(table, span("a.test"), span("/x")), 2);
	assert_int_equal(find(table, span("a.test"), span("/x/q")), 6);
	assert_int_equal(find(table, span("a.test"), span("/x/z")), 7);
	assert_int_equal(find(table, span("b.test"), span("/x")), 5);
	assert_int_equal(find(table, span("www.example"), span("/")), 8);
	assert_int_equal(find(table, span("www.a.example"), span("/")), 9);
	assert_int_equal(find(table, span("www.b.test"), span("/")), 8);
	assert_int_equal(find(table, span("www.b.test"), span("/only")), 10);
	assert_int_equal(find(table, span("www."), span("/")), -1);
	assert_int_equal(find(table, span("wwwx.a"), span("/")), -1);
	route_table_destroy(table);
}

static void a_split_follows_its_weights(void **state)
{
	struct config_split splits[] = {
		{ .pool = 4, .weight = 10 },
		{ .pool = 5, .weight = 0 },
		{ .pool = 6, .weight = 90 },
	};
	const struct config_l7_route row = { .splits = splits, .split_count = 3 };
	struct route_table *table = route_table_create(&row, 1, UINT_MAX, NULL);
	static struct http_head head;
	struct ip_addr source = { .halves = { 0 } };
	struct route_request request = { .head = &head, .source = &source, .scratch = scratch };
	const struct route *route = route_find(table, &request);
	unsigned counts[7] = { 0 };

	(void)state;
	assert_non_null(route);
	for (uint64_t i = 0; i < 1000; i++)
		counts[route_pool(route, (uint32_t)(i * (UINT32_MAX / 999)))]++;
	assert_in_range(counts[4], 98, 102);
	assert_int_equal(counts[5], 0);
	assert_in_range(counts[6], 898, 902);
	route_table_destroy(table);
}

static void an_expression_that_is_wrong_is_refused(void **state)
{
	struct config_text_match match = { .name = "x", .test = CONFIG_TEXT_REGEX, .text = "(" };
	const struct config_l7_route rows_bad[] = {
		{ .path = "[", .path_kind = CONFIG_PATH_REGEX },
		{ .headers = { .items = &match, .count = 1 } },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_null(route_table_create(&rows_bad[i], 1, 0, &err));
		assert_non_null(strstr(err.text, "expression \""));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_documented_order),
		cmocka_unit_test(has_no_route_without_default),
		cmocka_unit_test(a_row_for_all_wins_over_the_default),
		cmocka_unit_test(refuses_impossible_hosts),
		cmocka_unit_test(bounds_hostile_hosts_and_paths),
		cmocka_unit_test(finds_each_of_thousands),
		cmocka_unit_test(conditions_hold_as_written),
		cmocka_unit_test(sources_are_networks),
		cmocka_unit_test(rows_of_a_path_come_in_order),
		cmocka_unit_test(a_split_follows_its_weights),
		cmocka_unit_test(an_expression_that_is_wrong_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
