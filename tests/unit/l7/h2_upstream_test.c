/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_client.h"

#include <string.h>

/* HTTP/2 to members: nghttp2 as the server, HTTP/1.1 and HTTP/2 from clients. */

#define GET_ONE "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"

#define H2_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_h2, world_teardown)

static void requests_share_a_connection(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct h2_client *many = h2_client_open(world);
	struct h2_reply *replies[40];

	world_exchange(client, GET_ONE, "\r\n2\r\nC\n\r\n0\r\n");
	assert_non_null(strstr(client->received, "HTTP/1.1 200 OK\r\n"));
	for (unsigned i = 0; i < 40; i++)
		replies[i] = h2_client_request(many, "GET", "a", "/one", "", 0);
	h2_client_run(many, 20);
	for (unsigned i = 0; i < 40; i++)
		assert_string_equal(replies[i]->body, "C\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	assert_int_equal(world->servers[MEMBER_C].requests, 41);
	assert_int_equal(l7_counters(world->l7)->h2_upstream_opened, 1);
	assert_int_equal(l7_counters(world->l7)->h2_upstream_streams, 41);
	assert_non_null(strstr(world->servers[MEMBER_C].head, ":authority: a\n"));
	assert_non_null(
		strstr(world->servers[MEMBER_C].head, "x-forwarded-for: " WORLD_CLIENT "\n"));
	/* Idle for longer than idle_timeout_ms. */
	world_run(world, 3100);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	h2_client_free(many);
	client_free(client);
}

static void bodies_and_trailers_pass(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *reply;

	server->extra_bytes = 1000000;
	server->trailers = "grpc-status: 0\n";
	reply = h2_client_request(client, "POST", "a", "/one", "te: trailers\n", 2000000);
	h2_client_run(client, 500);
	assert_int_equal(server->body_bytes, 2000000);
	assert_int_equal(reply->body_len, 1000000);
	assert_true(reply->is_good && reply->is_end && reply->code == 0);
	assert_string_equal(reply->trailers, "grpc-status: 0\n");
	assert_non_null(strstr(server->head, "te: trailers\n"));
	h2_client_free(client);
}

static void http1_clients_upload_and_download(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct server *server = &world->servers[MEMBER_C];

	server->extra_bytes = 30000;
	client_send(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
	client_generate(client, 500000);
	assert_true(world_expect(client, "\r\n0\r\n\r\n", 500));
	assert_int_equal(server->body_bytes, 500000);
	assert_true(client->total > 30000);
	client_free(client);
}

/* One client's slow stream does not hold up the others on the shared connection. */
static void a_slow_client_holds_up_nobody(void **state)
{
	struct world *world = *state;
	struct client *slow = client_open(world, 80);
	struct client *fast = client_open(world, 80);
	struct tcp_usage usage;

	world->servers[MEMBER_C].extra_bytes = 20000000;
	slow->is_paused = true;
	client_send(slow, GET_ONE);
	world_run(world, 300);
	tcp_usage(l7_tcp(world->l7), &usage);
	assert_true(usage.mbufs_held < 1000);
	world->servers[MEMBER_C].extra_bytes = 0;
	world_exchange(fast, GET_ONE, "200 OK");
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	client_free(slow);
	client_free(fast);
}

static void resets_end_one_stream(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *cancelled, *kept;

	server->is_holding = true;
	cancelled = h2_client_request(client, "GET", "a", "/one", "", 0);
	kept = h2_client_request(client, "GET", "a", "/one", "", 0);
	h2_client_run(client, 20);
	nghttp2_submit_rst_stream(client->session, 0, cancelled->id, NGHTTP2_CANCEL);
	h2_client_run(client, 20);
	assert_int_equal(server->resets, 1);
	assert_int_equal(server->open, 1);
	/* The member's time-out is the stream's, too. */
	h2_client_run(client, 1200);
	assert_int_equal(kept->status, 504);
	assert_int_equal(server->resets, 2);
	h2_client_free(client);
}

/* REFUSED_STREAM: nothing was done, so any method goes out again, once. */
static void refused_streams_are_sent_again(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].aborts_on_request = 1;
	world_exchange(
		client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "200 OK");
	assert_int_equal(world->servers[MEMBER_C].requests, 2);
	assert_int_equal(l7_counters(world->l7)->upstream_retries, 1);
	world->servers[MEMBER_C].aborts_on_request = 2;
	world_exchange(client, "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"502 Bad Gateway");
	client_free(client);
}

static void members_that_go_away_are_left(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].goes_away = true;
	for (unsigned i = 0; i < 3; i++)
		world_exchange(client, GET_ONE, "\nC\n");
	world_run(world, 20);
	assert_int_equal(world->servers[MEMBER_C].accepted, 3);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
}

static void no_connection_is_502(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].is_refusing = true;
	world_exchange(client, GET_ONE, "502 Bad Gateway");
	world->servers[MEMBER_A].is_refusing = true;
	for (unsigned i = 0; i < 4; i++)
		world_exchange(client, "GET /main HTTP/1.1\r\nHost: a\r\n\r\n", "\nB\n");
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		H2_TEST(requests_share_a_connection),
		H2_TEST(bodies_and_trailers_pass),
		H2_TEST(http1_clients_upload_and_download),
		H2_TEST(a_slow_client_holds_up_nobody),
		H2_TEST(resets_end_one_stream),
		H2_TEST(refused_streams_are_sent_again),
		H2_TEST(members_that_go_away_are_left),
		H2_TEST(no_connection_is_502),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
