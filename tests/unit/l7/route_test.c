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

/* The pool is the row's number unless it says otherwise. */
static const struct config_l7_route rows[] = {
	{ .host = "example.com", .path = "/img", .pool = 0 },
	{ .host = "example.com", .path = "/img/", .pool = 1 },
	{ .host = "example.com", .path = "/img", .is_path_exact = true, .pool = 2 },
	{ .host = "*.example.com", .path = NULL, .pool = 3 },
	{ .host = "*.b.example.com", .path = "/", .pool = 4 },
	{ .host = NULL, .path = "/img/", .pool = 5 },
	{ .host = NULL, .path = "/checkout", .pool = 6 },
	{ .host = "example.com", .path = "/img/deep/er", .pool = 7 },
	{ .host = "only.example.org", .path = "/a", .is_path_exact = true, .pool = 8 },
	{ .host = "example.com", .path = "/img", .pool = 9 },
	{ .host = NULL, .path = "/health", .is_path_exact = true, .pool = 10 },
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
	struct route_table *table = route_table_create(rows, sizeof(rows) / sizeof(rows[0]), 99, NULL);

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < sizeof(with_default) / sizeof(with_default[0]); i++) {
		const struct expected *row = &with_default[i];
		int pool = route_find(table, span(row->host), span(row->path));

		if (pool != row->pool)
			fail_msg("%s%s goes to %d, not %d", row->host, row->path, pool, row->pool);
	}
	route_table_destroy(table);
}

static void has_no_route_without_default(void **state)
{
	struct route_table *table = route_table_create(rows, 1, UINT_MAX, NULL);

	(void)state;
	assert_int_equal(route_find(table, span("example.com"), span("/img")), 0);
	assert_int_equal(route_find(table, span("example.com"), span("/")), -1);
	assert_int_equal(route_find(table, span("example.net"), span("/img")), -1);
	route_table_destroy(table);
	table = route_table_create(NULL, 0, 3, NULL);
	assert_int_equal(route_find(table, span("any"), span("/thing")), 3);
	route_table_destroy(table);
	table = route_table_create(NULL, 0, UINT_MAX, NULL);
	assert_int_equal(route_find(table, span("any"), span("/thing")), -1);
	route_table_destroy(table);
}

static void a_row_for_all_wins_over_the_default(void **state)
{
	const struct config_l7_route any[] = { { .pool = 1 }, { .pool = 2 } };
	struct route_table *table = route_table_create(any, 2, 3, NULL);

	(void)state;
	assert_int_equal(route_find(table, span("a"), span("/")), 1);
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
	struct route_table *table = route_table_create(rows, sizeof(rows) / sizeof(rows[0]), 99, NULL);
	static char dots[16384], slashes[8192];

	(void)state;
	memset(dots, '.', sizeof(dots));
	dots[0] = 'a';
	memset(slashes, '/', sizeof(slashes));
	assert_int_equal(route_find(table, (struct http_span){ dots, sizeof(dots) },
		(struct http_span){ slashes, sizeof(slashes) }), 99);
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
		routes[i] = (struct config_l7_route){ .host = hosts[i], .path = paths[i],
			.is_path_exact = i % 2 == 0, .pool = i };
	}
	table = route_table_create(routes, MANY, UINT_MAX, NULL);
	assert_non_null(table);
	for (unsigned i = 0; i < MANY; i++) {
		char host[48], path[48];

		snprintf(host, sizeof(host), "%s%s", i % 3 == 0 ? "x" : "",
			hosts[i] + (i % 3 == 0 ? 1 : 0));
		snprintf(path, sizeof(path), "%s%s", paths[i], i % 2 == 0 ? "" : "/more");
		assert_int_equal(route_find(table, span(host), span(path)), i);
		assert_int_equal(route_find(table, span(host), span("/q")), -1);
	}
	route_table_destroy(table);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
