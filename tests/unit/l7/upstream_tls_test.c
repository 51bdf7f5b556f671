/* SPDX-License-Identifier: Apache-2.0 */
/* TLS toward members, with our own server on the other end. */
#include "world.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../tls/issue.h"
#include "http/message.h"
#include "tls/tls.h"

#define GET_ONE  "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_MAIN "GET /main HTTP/1.1\r\nHost: a\r\n\r\n"

static char folder[64];
static struct issue member = { .common_name = "member.example" };
static struct issue other = { .common_name = "other.example" };

static int group_set_up(void **state)
{
	struct err err;

	assert_int_equal(support_eal_start(state), 0);
	assert_int_equal(tls_global_init(&err), 0);
	issue_folder_create(folder);
	issue_certificate(&member, folder, "member");
	issue_certificate(&other, folder, "other");
	return 0;
}

static int group_tear_down(void **state)
{
	(void)state;
	issue_folder_remove(folder);
	return 0;
}

static struct tls_context *server_context(const struct issue *issue)
{
	struct err err = { "" };
	struct tls_certificate *certificate = tls_certificate_load(
		issue->chain_path, issue->key_path, &err);
	const struct tls_context_params params = {
		.certificates = &certificate,
		.certificate_count = 1,
		.policy = { .min_version = 0x0303 },
	};
	struct tls_context *context = tls_context_create(&params, &err);

	assert_string_equal(err.text, "");
	tls_certificate_destroy(certificate);
	return context;
}

static int set_up(void **state)
{
	struct world *world = world_create(&(struct world_options){ 0 });

	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		world->servers[i].tls = server_context(&member);
	for (unsigned i = 0; i < POOL_COUNT; i++) {
		world->pools[i].has_tls = true;
		world->pools[i].tls = (struct config_pool_tls){
			.verify = true,
			.ca = member.chain_path,
			.server_name = "member.example",
			.certificate = UINT_MAX,
			.min_version = 0x0303,
			.max_version = 0x0304,
			.alpn = CONFIG_ALPN_HTTP1,
		};
	}
	world_publish(world, true);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	struct tls_context *contexts[MEMBER_COUNT];

	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		contexts[i] = world->servers[i].tls;
	world_destroy(world);
	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		tls_context_destroy(contexts[i]);
	return support_mbufs_check(NULL);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void requests_go_over_tls(void **state)
{
	struct world *world = *state;
	const struct l7_counters *counters = l7_counters(world->l7);
	struct client *client = client_open(world, 80);

	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	assert_int_equal(counters->upstream_tls_handshakes, 1);
	assert_int_equal(counters->upstream_tls_resumed, 0);
	assert_int_equal(counters->upstream_reused, 1);
	assert_non_null(strstr(world->servers[MEMBER_C].head, "GET /one HTTP/1.1\r\n"));
	client_free(client);
}

/* The kept connection ends; the next one comes with the ticket. */
static void sessions_are_resumed(void **state)
{
	struct world *world = *state;
	const struct l7_counters *counters = l7_counters(world->l7);
	struct client *client = client_open(world, 80);

	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	world_run(world, world->pools[POOL_OTHER].idle_timeout_ms + 100);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	assert_int_equal(world->servers[MEMBER_C].accepted, 2);
	assert_int_equal(counters->upstream_tls_handshakes, 2);
	assert_int_equal(counters->upstream_tls_resumed, 1);
	client_free(client);
}

/* A connection that an older configuration made carries no further request. */
static void reloads_renew_connections(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	world->pools[POOL_OTHER].tls.server_name = "nobody.example";
	world_publish(world, true);
	world_exchange(client, GET_ONE, "502 Bad Gateway");
	world->pools[POOL_OTHER].tls.server_name = "member.example";
	world_publish(world, true);
	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	assert_int_equal(l7_counters(world->l7)->upstream_tls_resumed, 0);
	client_free(client);
}

static void wrong_names_are_refused(void **state)
{
	struct world *world = *state;
	const struct l7_counters *counters = l7_counters(world->l7);
	struct client *client = client_open(world, 80);

	world->pools[POOL_OTHER].tls.server_name = "nobody.example";
	world_publish(world, true);
	world_exchange(client, GET_ONE, "502 Bad Gateway");
	/* The alert is on its way to the member. */
	world_run(world, 5);
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	assert_int_equal(world->servers[MEMBER_C].tls_failures, 1);
	assert_int_equal(counters->upstream_tls_failures, 1);
	assert_int_equal(counters->upstream_tls_wrong_name, 1);
	assert_int_equal(counters->upstream_failed, 1);
	assert_int_equal(l7_ending_counts(world->l7)[L7_ENDED_member_tls], 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).tls_failures, 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).tls_unverified, 1);
	client_free(client);
}

/* The good one of two members serves; only the other one is to blame. */
static void another_member_is_tried(void **state)
{
	struct world *world = *state;
	const struct l7_counters *counters = l7_counters(world->l7);
	struct client *client = client_open(world, 80);

	tls_context_destroy(world->servers[MEMBER_A].tls);
	world->servers[MEMBER_A].tls = server_context(&other);
	for (unsigned i = 0; i < 6; i++)
		world_exchange(client, GET_MAIN, "\r\n\r\nB\n");
	assert_true(counters->upstream_tls_untrusted > 0);
	assert_int_equal(counters->upstream_tls_untrusted,
		world_member_counters(world, MEMBER_A).tls_unverified);
	assert_int_equal(world_member_counters(world, MEMBER_B).tls_failures, 0);
	assert_int_equal(world->servers[MEMBER_A].requests, 0);
	client_free(client);
}

/* The limit for connecting is over both handshakes. */
static void stuck_handshakes_end(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].is_stuck = true;
	client_send(client, GET_ONE);
	world_run(world, world->pools[POOL_OTHER].connect_timeout_ms - 50);
	assert_string_equal(client->received, "");
	assert_true(world_expect(client, "HTTP/1.1 504", 100));
	assert_int_equal(l7_counters(world->l7)->upstream_timeout, 1);
	assert_int_equal(world_member_counters(world, MEMBER_C).connect_failures, 1);
	client_free(client);
}

/* Clients that leave in the middle of the handshake leave nothing behind: see tear_down(). */
static void clients_may_leave(void **state)
{
	struct world *world = *state;

	for (unsigned ticks = 1; ticks < 12; ticks++) {
		struct client *client = client_open(world, 80);

		client_send(client, GET_ONE);
		for (unsigned i = 0; i < ticks; i++)
			world_run(world, 0), world->now_us += WORLD_LINK_US;
		client_abort(client);
		client_free(client);
		world_run(world, 50);
	}
	assert_int_equal(l7_conn_count(world->l7), 0);
}

/* RFC 9112 9.8: without close_notify, nobody knows whether that was all of the body. */
static void bodies_until_close_must_be_closed(void **state)
{
	struct world *world = *state;
	struct server *server = &world->servers[MEMBER_C];

	server->answer = "HTTP/1.1 200 OK\r\n\r\nall";
	for (unsigned is_cut = 0; is_cut < 2; is_cut++) {
		struct client *client = client_open(world, 80);

		server->closes = !is_cut;
		server->cuts = is_cut;
		client_send(client, GET_ONE);
		world_run(world, 50);
		assert_int_equal(strstr(client->received, "3\r\nall\r\n0\r\n\r\n") == NULL, is_cut);
		/* What had begun cannot become an error: only a reset tells. */
		assert_int_equal(client->is_closed, is_cut);
		assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_truncated], is_cut);
		client_free(client);
	}
}

/* What has a length, or is in chunks, needs no close_notify. */
static void other_bodies_need_no_close(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world->servers[MEMBER_C].cuts = true;
	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	world_exchange(client, GET_ONE, "\r\n\r\nC\n");
	assert_int_equal(l7_refusal_counts(world->l7)[HTTP_REFUSED_truncated], 0);
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(requests_go_over_tls),
		TLS_TEST(sessions_are_resumed),
		TLS_TEST(reloads_renew_connections),
		TLS_TEST(wrong_names_are_refused),
		TLS_TEST(another_member_is_tried),
		TLS_TEST(stuck_handshakes_end),
		TLS_TEST(clients_may_leave),
		TLS_TEST(bodies_until_close_must_be_closed),
		TLS_TEST(other_bodies_need_no_close),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
