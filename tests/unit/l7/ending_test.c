/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <string.h>

/* 502, 503 and 504 look alike to a client: their reasons are told apart. */

#define GET_ONE "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"

struct row {
	const char *request;
	const char *answer; /* what the client gets */
	enum l7_ending ending;
	struct server server; /* the member: flags alone */
	unsigned ms;
};

static const struct row rows[] = {
	{ GET_ONE, "HTTP/1.1 200 ", L7_ENDED_complete, { 0 }, 10 },
	{ "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 ", L7_ENDED_no_route, { 0 },
		10 },
	{ "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 503 ", L7_ENDED_no_member, { 0 },
		10 },
	{ GET_ONE, "HTTP/1.1 502 ", L7_ENDED_connect_refused, { .is_refusing = true }, 10 },
	{ GET_ONE, "HTTP/1.1 504 ", L7_ENDED_connect_timeout, { .is_silent = true }, 3000 },
	{ GET_ONE, "HTTP/1.1 504 ", L7_ENDED_member_timeout, { .is_holding = true }, 2000 },
	{ GET_ONE, "HTTP/1.1 502 ", L7_ENDED_member_closed, { .aborts_on_request = 9 }, 10 },
	{ GET_ONE, "HTTP/1.1 502 ", L7_ENDED_member_invalid, { .answer = "HTTP/1.1 200\nX" }, 10 },
	{ GET_ONE, "", L7_ENDED_member_broke,
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .closes = true },
		10 },
	{ GET_ONE, "HTTP/1.1 200 ", L7_ENDED_member_stalled,
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" }, 3000 },
	{ "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 408 ",
		L7_ENDED_client_slow, { 0 }, 5000 },
	{ "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nq\r\n",
		"HTTP/1.1 400 ", L7_ENDED_refused, { 0 }, 10 },
};

static void set_server(struct server *server, const struct server *from)
{
	server->is_refusing = from->is_refusing;
	server->is_silent = from->is_silent;
	server->is_holding = from->is_holding;
	server->aborts_on_request = from->aborts_on_request;
	server->answer = from->answer;
	server->closes = from->closes;
}

static void tells_reasons_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct world *world = world_create(&(struct world_options){ 0 });
		struct client *client = client_open(world, 80);
		const uint64_t *endings = l7_ending_counts(world->l7);

		set_server(&world->servers[MEMBER_C], &row->server);
		client_send(client, row->request);
		world_run(world, row->ms);
		if (strstr(client->received, row->answer) == NULL)
			fail_msg("row %zu: %s", i, client->received);
		for (unsigned j = 0; j < L7_ENDING_COUNT; j++)
			if (endings[j] != (j == row->ending))
				fail_msg("row %zu: %s is %u", i, l7_ending_name(j),
					(unsigned)endings[j]);
		client_free(client);
		world_destroy(world);
	}
}

static void names_have_codes(void **state)
{
	(void)state;
	assert_string_equal(l7_ending_name(L7_ENDED_complete), "complete");
	for (unsigned i = 0; i < L7_ENDING_COUNT; i++)
		assert_int_equal(strlen(l7_ending_code(i)), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_reasons_apart),
		cmocka_unit_test(names_have_codes),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
