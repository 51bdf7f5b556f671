/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* Ids of requests and trace contexts: made, kept, replaced. */

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct world *begin(enum config_request_id_mode mode, enum config_trace_context trace)
{
	static struct ip_prefix from = { .prefix_len = 24 };
	struct world *world = world_create(&(struct world_options){ .trust_forwarded = false });

	assert_int_equal(ip_parse(WORLD_CLIENT, &from.addr), 0);
	world->services[0].request_id = (struct config_request_id){
		.mode = mode, .header = "X-Request-ID", .from = &from, .from_count = 1
	};
	world->services[0].trace_context = trace;
	world_publish(world, true);
	return world;
}

/* The last request's field as the member got it; "" for none. Fails when there are two. */
static const char *sent(struct world *world, const char *name, char value[256])
{
	const char *head = world->servers[MEMBER_C].head;
	const char *found;
	char start[64];

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	value[0] = '\0';
	found = strcasestr(head, start);
	if (found == NULL)
		return value;
	found += strlen(start);
	assert_null(strcasestr(found, start));
	snprintf(value, 256, "%.*s", (int)strcspn(found, "\r"), found);
	return value;
}

static void ask(struct world *world, const char *fields)
{
	struct client *client = client_open(world, 80);
	char request[600];

	snprintf(request, sizeof(request), "GET /one HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	world_exchange(client, request, "\nC\n");
	client_free(client);
}

static void is_uuid(const char *text)
{
	assert_int_equal(strlen(text), 36);
	assert_int_equal(strspn(text, "0123456789abcdef-"), 36);
	assert_int_equal(text[14], '4');
	assert_non_null(strchr("89ab", text[19]));
}

static void ids_are_made(void **state)
{
	struct world *world = begin(CONFIG_REQUEST_ID_MAKE, CONFIG_TRACE_CONTEXT_PASS);
	char first[256], second[256];

	(void)state;
	ask(world, "X-Request-ID: mine\r\nx-request-id: other\r\n");
	is_uuid(sent(world, "X-Request-ID", first));
	ask(world, "");
	is_uuid(sent(world, "X-Request-ID", second));
	assert_string_not_equal(first, second);
	world_destroy(world);
}

static void trusted_ids_are_kept(void **state)
{
	static const struct {
		const char *fields;
		const char *id; /* NULL: a new one */
	} rows[] = {
		{ "X-Request-ID: abc/1\r\n", "abc/1" },
		{ "X-Request-ID: a b\r\n", NULL },
		{ "X-Request-ID: \r\n", NULL },
		{ "X-Request-ID: 0123456789012345678901234567890123456789012345678901234567890123"
		  "\r\n",
			"0123456789012345678901234567890123456789012345678901234567890123" },
		{ "X-Request-ID: 01234567890123456789012345678901234567890123456789012345678901234"
		  "\r\n",
			NULL },
		{ "", NULL },
	};
	struct world *world = begin(CONFIG_REQUEST_ID_TRUST, CONFIG_TRACE_CONTEXT_PASS);
	char id[256];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		ask(world, rows[i].fields);
		if (rows[i].id != NULL)
			assert_string_equal(sent(world, "X-Request-ID", id), rows[i].id);
		else
			is_uuid(sent(world, "X-Request-ID", id));
	}
	world->services[0].request_id.from_count = 0;
	world_publish(world, true);
	ask(world, rows[0].fields);
	is_uuid(sent(world, "X-Request-ID", id));
	world_destroy(world);
}

static void traces_pass_or_are_made(void **state)
{
	static const struct {
		const char *parent;
		bool is_kept;
	} rows[] = {
		{ PARENT, true },
		{ "cc"
		  "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
			true },
		{ PARENT "-more", false },
		{ "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
		{ "x", false },
		{ PARENT "\r\ntraceparent: " PARENT, false },
	};
	struct world *world = begin(CONFIG_REQUEST_ID_OFF, CONFIG_TRACE_CONTEXT_MAKE);
	uint64_t malformed = 0;
	char fields[400], parent[256], others[256];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		snprintf(fields, sizeof(fields), "Traceparent: %s\r\nTracestate: a=b\r\n",
			rows[i].parent);
		ask(world, fields);
		sent(world, "traceparent", parent);
		malformed += !rows[i].is_kept;
		assert_int_equal(l7_counters(world->l7)->trace_malformed, malformed);
		if (rows[i].is_kept) {
			assert_string_equal(parent, rows[i].parent);
			assert_string_equal(sent(world, "tracestate", others), "a=b");
			continue;
		}
		assert_int_equal(strlen(parent), 55);
		assert_null(strstr(parent, "0af7651916cd43dd8448eb211c80319c"));
		assert_string_equal(sent(world, "tracestate", others), "");
	}
	ask(world, "Tracestate: a=b\r\n");
	assert_int_equal(strlen(sent(world, "traceparent", parent)), 55);
	assert_string_equal(sent(world, "tracestate", others), "");
	assert_int_equal(l7_counters(world->l7)->trace_malformed, malformed);
	world_destroy(world);
}

/* What nobody asked for stays as it was, and variables are empty. */
static void nothing_is_done_by_default(void **state)
{
	struct world *world = begin(CONFIG_REQUEST_ID_OFF, CONFIG_TRACE_CONTEXT_PASS);
	char value[256];

	(void)state;
	ask(world, "X-Request-ID: mine\r\nTraceparent: x\r\n");
	assert_string_equal(sent(world, "X-Request-ID", value), "mine");
	assert_string_equal(sent(world, "traceparent", value), "x");
	world_destroy(world);
}

/* Beside changes by the route, and in its texts; the same for the whole request. */
static void variables_have_them(void **state)
{
	struct world *world = begin(CONFIG_REQUEST_ID_MAKE, CONFIG_TRACE_CONTEXT_MAKE);
	char id[256], copy[256], parent[256];

	(void)state;
	world_routes_load(world,
		"{'pool':'other','request_headers':{'set':{'X-Copy':'${request_id} ${trace_id}'}}}");
	world->services[0].request_id.mode = CONFIG_REQUEST_ID_MAKE;
	ask(world, "Tracestate: a=b\r\nX-Request-ID: mine\r\n");
	is_uuid(sent(world, "X-Request-ID", id));
	sent(world, "X-Copy", copy);
	assert_memory_equal(copy, id, 36);
	sent(world, "traceparent", parent);
	assert_int_equal(strlen(copy), 36 + 1 + 32);
	assert_memory_equal(copy + 37, parent + 3, 32);
	assert_string_equal(sent(world, "tracestate", id), "");
	world_destroy(world);
}

/* A proxy ahead is trusted as to who asks; the id is still ours, and is there once. */
static void ids_stand_alone_with_trusted_proxies(void **state)
{
	struct world *world = world_create(&(struct world_options){ .trust_forwarded = true });
	char id[256], parent[256];

	(void)state;
	world->services[0].request_id = (struct config_request_id){ .mode = CONFIG_REQUEST_ID_MAKE,
		.header = "X-Request-ID" };
	world->services[0].trace_context = CONFIG_TRACE_CONTEXT_MAKE;
	world_publish(world, true);
	ask(world, "X-Request-ID: mine\r\nTraceparent: x\r\nX-Forwarded-For: 192.0.2.66\r\n");
	is_uuid(sent(world, "X-Request-ID", id));
	assert_int_equal(strlen(sent(world, "traceparent", parent)), 55);
	assert_non_null(strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: 192.0.2.66\r\n"));
	world_destroy(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(ids_are_made, support_mbufs_check),
		cmocka_unit_test_teardown(trusted_ids_are_kept, support_mbufs_check),
		cmocka_unit_test_teardown(traces_pass_or_are_made, support_mbufs_check),
		cmocka_unit_test_teardown(nothing_is_done_by_default, support_mbufs_check),
		cmocka_unit_test_teardown(variables_have_them, support_mbufs_check),
		cmocka_unit_test_teardown(
			ids_stand_alone_with_trusted_proxies, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
