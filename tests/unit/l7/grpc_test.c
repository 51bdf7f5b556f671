/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls of gRPC: refusals in their terms, and deadlines. Members speak HTTP/2. */

#define CALL "content-type: application/grpc\nte: trailers\n"

#define GRPC_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_h2, world_teardown)

static struct h2_reply *call(
	struct h2_client *client, const char *path, const char *fields, unsigned ms)
{
	struct h2_reply *reply = h2_client_request(client, "POST", "a", path, fields, 5);

	h2_client_run(client, ms);
	return reply;
}

static void check_status(const struct h2_reply *reply, const char *status)
{
	char text[32];

	snprintf(text, sizeof(text), "grpc-status: %s\n", status);
	assert_int_equal(reply->status, 200);
	assert_non_null(strstr(reply->fields, "content-type: application/grpc\n"));
	assert_non_null(strstr(reply->fields, text));
	assert_non_null(strstr(reply->fields, "grpc-message: "));
	assert_true(reply->is_end);
	assert_int_equal(reply->body_len, 0);
}

static void refusals_are_statuses_of_grpc(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);

	check_status(call(client, "/nowhere/Call", CALL, 20), "12");
	check_status(call(client, "/empty", CALL, 20), "14");
	check_status(call(client, "/empty", "content-type: Application/gRPC+proto\n", 20), "14");
	world->servers[MEMBER_C].is_refusing = true;
	check_status(call(client, "/one", CALL, 20), "14");
	assert_int_equal(l7_counters(world->l7)->grpc_calls, 4);
	assert_int_equal(l7_counters(world->l7)->grpc_answered, 4);
	/* For operators they are what they were. */
	assert_int_equal(world_service_counters(world).responses_4xx, 1);
	assert_int_equal(world_service_counters(world).responses_5xx, 3);
	h2_client_free(client);
}

static void others_hear_of_http(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);

	assert_int_equal(call(client, "/nowhere", "", 20)->status, 404);
	assert_int_equal(
		call(client, "/empty", "content-type: application/grpc-web\n", 20)->status, 503);
	assert_int_equal(h2_client_request(client, "GET", "a", "/empty", CALL, 0)->status, 0);
	h2_client_run(client, 20);
	assert_int_equal(client->replies[2].status, 503);
	assert_int_equal(l7_counters(world->l7)->grpc_calls, 0);
	h2_client_free(client);
}

static void http1_is_no_exception(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client,
		"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
		"Content-Length: 0\r\n\r\n",
		"\r\ngrpc-status: 12\r\ngrpc-message: Not Found\r\n");
	assert_non_null(strstr(client->received, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(client->received, "Content-Length: 0\r\n"));
	/* The connection goes on. */
	world_exchange(client, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found");
	client_free(client);
}

static void timeouts_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "1", "S", "123456789S", "1s", "1 S", "+1S", "-1S",
		"1.5S", "0x1S", "1Sm", "1h", "1S\ngrpc-timeout: 1S" };
	static const char *const good[] = { "1H", "99999999H", "00000001M", "5S", "70000m",
		"9999999u" };
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	char fields[256];

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		snprintf(fields, sizeof(fields), CALL "grpc-timeout: %s\n", bad[i]);
		check_status(call(client, "/one", fields, 5), "13");
	}
	assert_int_equal(l7_counters(world->l7)->grpc_timeout_malformed, RTE_DIM(bad));
	assert_int_equal(world->servers[MEMBER_C].requests, 0);
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		snprintf(fields, sizeof(fields), CALL "grpc-timeout: %s\n", good[i]);
		assert_string_equal(call(client, "/one", fields, 20)->body, "C\n");
	}
	/* Only calls have one. */
	assert_string_equal(call(client, "/one", "grpc-timeout: 1s\n", 20)->body, "C\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "grpc-timeout: 1s\n"));
	h2_client_free(client);
}

/* What the last request's head says, in microseconds. */
static unsigned long left_us(const struct server *server)
{
	const char *field = strstr(server->head, "grpc-timeout: ");
	char *unit;
	unsigned long number;

	assert_non_null(field);
	assert_null(strstr(field + 1, "grpc-timeout: "));
	number = strtoul(field + strlen("grpc-timeout: "), &unit, 10);
	return *unit == 'u' ? number : *unit == 'm' ? number * 1000 : number * 1000000;
}

static void a_deadline_ends_a_call(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *late, *kept;

	server->is_holding = true;
	kept = call(client, "/one", CALL, 20);
	late = call(client, "/one", CALL "grpc-timeout: 100m\n", 90);
	assert_int_equal(late->status, 0);
	assert_in_range(left_us(server), 98000, 100000);
	h2_client_run(client, 15);
	check_status(late, "4");
	assert_int_equal(server->resets, 1);
	assert_int_equal(l7_counters(world->l7)->grpc_deadline, 1);
	/* The other call is not touched, and the member is not to blame. */
	assert_int_equal(server->open, 1);
	assert_false(kept->is_closed);
	assert_int_equal(world_member_counters(world, MEMBER_C).response_failures, 0);
	/* The route's own time-out holds as well, and is another status. */
	late = call(client, "/one", CALL "grpc-timeout: 1M\n", 1100);
	check_status(late, "14");
	check_status(call(client, "/one", CALL "grpc-timeout: 0S\n", 5), "4");
	h2_client_free(client);
}

/* Nobody can be connected to, and there is no room: the deadline counts in every phase. */
static void a_deadline_holds_ahead_of_the_member(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct h2_reply *reply;

	world->servers[MEMBER_C].is_silent = true;
	reply = call(client, "/one", CALL "grpc-timeout: 50000u\n", 40);
	assert_int_equal(reply->status, 0);
	h2_client_run(client, 15);
	check_status(reply, "4");
	h2_client_free(client);
}

/* The second try has less time than the first. */
static void a_retry_passes_on_what_is_left(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct config_retry *retry = &world->pools[POOL_MAIN].retry;
	struct h2_reply *reply;
	unsigned long a, b;

	*retry = (struct config_retry){
		.is_set = true,
		.on = CONFIG_RETRY_TIMEOUT,
		.attempts = 1,
		.try_timeout_ms = 60,
		.non_idempotent = true,
		.budget_pct = 100,
		.budget_min = 10,
		.buffer_bytes = 1000,
	};
	world_publish(world, true);
	world->servers[MEMBER_A].is_holding = true;
	world->servers[MEMBER_B].is_holding = true;
	reply = call(client, "/main", CALL "grpc-timeout: 100m\n", 90);
	a = left_us(&world->servers[MEMBER_A]);
	b = left_us(&world->servers[MEMBER_B]);
	assert_in_range(RTE_MAX(a, b), 98000, 100000);
	assert_in_range(RTE_MIN(a, b), 37000, 40000);
	h2_client_run(client, 15);
	check_status(reply, "4");
	h2_client_free(client);
}

/* An answer that has begun ends by trailers, behind what was taken of it. */
static void a_deadline_ends_an_answer(void **state)
{
	struct world *world = *state;
	struct h2_client *client = h2_client_open(world);
	struct server *server = &world->servers[MEMBER_C];
	struct h2_reply *reply;

	server->extra_bytes = 20000000;
	client->is_paused = true;
	reply = call(client, "/one", CALL "grpc-timeout: 200m\n", 150);
	assert_int_equal(reply->status, 200);
	assert_false(reply->is_end);
	h2_client_run(client, 60);
	assert_int_equal(server->resets, 1);
	h2_client_resume(client, reply);
	h2_client_run(client, 50);
	assert_true(reply->is_end && reply->is_good);
	assert_non_null(strstr(reply->trailers, "grpc-status: 4\n"));
	assert_true(reply->body_len < server->extra_bytes);
	h2_client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRPC_TEST(refusals_are_statuses_of_grpc),
		GRPC_TEST(others_hear_of_http),
		GRPC_TEST(http1_is_no_exception),
		GRPC_TEST(timeouts_are_read_strictly),
		GRPC_TEST(a_deadline_ends_a_call),
		GRPC_TEST(a_deadline_holds_ahead_of_the_member),
		GRPC_TEST(a_retry_passes_on_what_is_left),
		GRPC_TEST(a_deadline_ends_an_answer),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
