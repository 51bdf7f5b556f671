/* SPDX-License-Identifier: Apache-2.0 */
#include "../l7/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/health.h"

#define RESULTS_MAX 256

/* The world's worker with a prober, and all that it reported. */
struct watch {
	struct world *world;
	struct health_core *health;
	struct health_result results[RESULTS_MAX];
	uint64_t at_us[RESULTS_MAX];
	unsigned count;
};

static void report(void *ctx, const struct health_result *result)
{
	struct watch *watch = ctx;

	assert_true(watch->count < RESULTS_MAX);
	watch->at_us[watch->count] = watch->world->now_us;
	watch->results[watch->count++] = *result;
}

static void probe(struct world *world)
{
	struct watch *watch = world->user;

	health_advance(watch->health, &world->snapshot, world->now_us);
}

static int start(void **state, enum config_health type, unsigned worker, unsigned worker_count)
{
	const struct world_options options = { .health = type };
	struct watch *watch = calloc(1, sizeof(*watch));
	struct health_params params = { .worker = worker,
		.worker_count = worker_count,
		.report = report,
		.ctx = watch,
		.seed = 5 };

	watch->world = world_create(&options);
	watch->world->user = watch;
	watch->world->each_turn = probe;
	params.tcp = l7_tcp(watch->world->l7);
	watch->health = health_core_create(&params, watch->world->now_us);
	*state = watch;
	return watch->health == NULL ? -1 : 0;
}

static int start_http(void **state)
{
	return start(state, CONFIG_HEALTH_HTTP, 0, 1);
}

static int start_tcp(void **state)
{
	return start(state, CONFIG_HEALTH_TCP, 0, 1);
}

static int start_second_of_two(void **state)
{
	return start(state, CONFIG_HEALTH_HTTP, 1, 2);
}

static int start_none(void **state)
{
	return start(state, CONFIG_HEALTH_NONE, 0, 1);
}

static int stop(void **state)
{
	struct watch *watch = *state;

	watch->world->each_turn = NULL;
	health_core_destroy(watch->health);
	world_destroy(watch->world);
	free(watch);
	return support_mbufs_check(NULL);
}

static unsigned count_of(const struct watch *watch, uint32_t member_id)
{
	unsigned count = 0;

	for (unsigned i = 0; i < watch->count; i++)
		count += watch->results[i].member_id == member_id;
	return count;
}

static const struct health_result *last_of(const struct watch *watch, uint32_t member_id)
{
	for (unsigned i = watch->count; i > 0; i--)
		if (watch->results[i - 1].member_id == member_id)
			return &watch->results[i - 1];
	fail_msg("no result of member %u", member_id);
	return NULL;
}

static uint32_t id_of(const struct watch *watch, enum world_member member)
{
	return world_member(watch->world, member)->id;
}

static void asks_and_reports(void **state)
{
	struct watch *watch = *state;
	const char *head = watch->world->servers[MEMBER_C].head;

	world_run(watch->world, 1100);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		const struct health_result *result = last_of(watch, id_of(watch, i));

		assert_true(result->is_ok);
		assert_string_equal(result->detail, "status 200");
		assert_true(result->took_us >= 3 * WORLD_LINK_US && result->took_us < 2000);
	}
	assert_non_null(strstr(head, "GET /health HTTP/1.1\r\n"));
	assert_non_null(strstr(head, "Host: 192.0.2.13:8080\r\n"));
	assert_non_null(strstr(head, "Connection: close\r\n"));
	/* Nothing of it is left, and members do not count it as work. */
	world_run(watch->world, 1);
	assert_int_equal(watch->world->servers[MEMBER_C].open, 0);
	assert_int_equal(world_member_counters(watch->world, MEMBER_C).conns_opened, 0);
}

/* The first checks are spread over one interval; then each comes an interval after the last. */
static void keeps_its_schedule(void **state)
{
	struct watch *watch = *state;
	uint64_t start_us = watch->world->now_us;
	uint64_t first[MEMBER_COUNT], last[MEMBER_COUNT] = { 0 };

	for (unsigned i = 0; i < 50; i++) {
		world_run(watch->world, 200);
		/* Snapshots come and go meanwhile. */
		world_publish(watch->world, false);
	}
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		uint32_t id = id_of(watch, i);

		assert_in_range(count_of(watch, id), 9, 10);
		for (unsigned j = 0; j < watch->count; j++) {
			if (watch->results[j].member_id != id)
				continue;
			if (last[i] == 0)
				first[i] = watch->at_us[j];
			else
				assert_in_range(watch->at_us[j] - last[i], 998000, 1002000);
			last[i] = watch->at_us[j];
		}
		assert_in_range(first[i], start_us, start_us + 1002000);
	}
	assert_true(first[MEMBER_A] != first[MEMBER_B] && first[MEMBER_B] != first[MEMBER_C]);
}

struct row {
	const char *answer;
	const char *detail;
	bool is_ok;
};

static void judges_answers(void **state)
{
	static const struct row rows[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", "status 200", true },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n", "status 200", true },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "status 200", true },
		{ "HTTP/1.1 204 No Content\r\n\r\n", "status 204", false },
		{ "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503",
			false },
		{ "SSH-2.0-x\r\n", "not HTTP/1", false },
		{ "", "closed without an answer", false },
		{ "HTTP/1.1 200 OK\r\n", "closed without an answer", false },
	};
	struct watch *watch = *state;
	struct server *server = &watch->world->servers[MEMBER_C];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct health_result *result;

		server->answer = rows[i].answer;
		server->closes = true;
		watch->count = 0;
		world_run(watch->world, 1000);
		result = last_of(watch, id_of(watch, MEMBER_C));
		assert_string_equal(result->detail, rows[i].detail);
		assert_int_equal(result->is_ok, rows[i].is_ok);
	}
}

static void takes_any_good_status_when_none_is_named(void **state)
{
	struct watch *watch = *state;

	watch->world->pools[POOL_OTHER].health.expect = 0;
	watch->world->servers[MEMBER_C].answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
	world_run(watch->world, 1000);
	assert_true(last_of(watch, id_of(watch, MEMBER_C))->is_ok);
	watch->world->servers[MEMBER_C]
		.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	world_run(watch->world, 1000);
	assert_false(last_of(watch, id_of(watch, MEMBER_C))->is_ok);
}

static void tells_how_a_member_failed(void **state)
{
	struct watch *watch = *state;
	struct server *servers = watch->world->servers;

	servers[MEMBER_A].is_refusing = true;
	servers[MEMBER_B].is_silent = true;
	servers[MEMBER_C].is_holding = true;
	world_run(watch->world, 1500);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_A))->detail, "connection refused");
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_B))->detail, "time-out");
	assert_in_range(last_of(watch, id_of(watch, MEMBER_B))->took_us, 399000, 402000);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_C))->detail, "time-out");
	assert_in_range(last_of(watch, id_of(watch, MEMBER_C))->took_us, 399000, 402000);
	for (unsigned i = 0; i < watch->count; i++)
		assert_false(watch->results[i].is_ok);
	servers[MEMBER_B].is_silent = false;
	servers[MEMBER_C].is_holding = false;
	servers[MEMBER_C].aborts_on_request = 1000;
	world_run(watch->world, 1500);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_B))->detail, "status 200");
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_C))->detail, "connection reset");
}

static void connects_only(void **state)
{
	struct watch *watch = *state;

	watch->world->servers[MEMBER_A].is_refusing = true;
	world_run(watch->world, 1100);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_A))->detail, "connection refused");
	assert_false(last_of(watch, id_of(watch, MEMBER_A))->is_ok);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_B))->detail, "connected");
	assert_true(last_of(watch, id_of(watch, MEMBER_B))->is_ok);
	assert_int_equal(watch->world->servers[MEMBER_B].requests, 0);
	world_run(watch->world, 1);
	assert_int_equal(watch->world->servers[MEMBER_B].open, 0);
}

static void leaves_the_others_to_other_workers(void **state)
{
	struct watch *watch = *state;

	world_run(watch->world, 2000);
	assert_true(watch->count > 0);
	for (unsigned i = 0; i < watch->count; i++)
		assert_int_equal(watch->results[i].member_id % 2, 1);
}

static void checks_nobody_without_configuration(void **state)
{
	struct watch *watch = *state;

	world_run(watch->world, 3000);
	assert_int_equal(watch->count, 0);
}

static void follows_the_configuration(void **state)
{
	struct watch *watch = *state;
	struct world *world = watch->world;
	uint32_t gone = id_of(watch, MEMBER_C);

	/* In the middle of a check. */
	world->servers[MEMBER_C].is_holding = true;
	world_run(world, 1000);
	while (world->servers[MEMBER_C].open == 0)
		world_run(world, 1);
	watch->count = 0;
	world->pools[POOL_OTHER].member_count = 0;
	world_publish(world, true);
	world_run(world, 2000);
	assert_int_equal(count_of(watch, gone), 0);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	assert_in_range(count_of(watch, id_of(watch, MEMBER_A)), 2, 3);
	/* A shorter interval counts from the last start. */
	world->pools[POOL_MAIN].health.interval_ms = 100;
	world->pools[POOL_MAIN].health.timeout_ms = 50;
	world_publish(world, true);
	watch->count = 0;
	world_run(world, 1000);
	assert_in_range(count_of(watch, id_of(watch, MEMBER_A)), 10, 11);
	world->pools[POOL_OTHER].member_count = 1;
	world->servers[MEMBER_C].is_holding = false;
	world_publish(world, true);
	world_run(world, 1100);
	assert_true(last_of(watch, id_of(watch, MEMBER_C))->is_ok);
	assert_true(id_of(watch, MEMBER_C) != gone);
}

/* A check that takes longer than the interval is followed at once by the next, not by a pile. */
static void never_overlaps_checks_of_a_member(void **state)
{
	struct watch *watch = *state;

	watch->world->pools[POOL_OTHER].health.interval_ms = 100;
	watch->world->pools[POOL_OTHER].health.timeout_ms = 400;
	watch->world->servers[MEMBER_C].is_holding = true;
	world_publish(watch->world, true);
	for (unsigned i = 0; i < 200; i++) {
		world_run(watch->world, 10);
		assert_true(watch->world->servers[MEMBER_C].open <= 1);
	}
	assert_in_range(count_of(watch, id_of(watch, MEMBER_C)), 4, 5);
}

static int start_grpc(void **state)
{
	struct watch *watch;
	int error = start(state, CONFIG_HEALTH_GRPC, 0, 1);

	watch = *state;
	for (unsigned i = 0; i < POOL_COUNT; i++)
		watch->world->pools[i].health.service = "shop";
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		watch->world->servers[i].is_h2 = true;
		watch->world->servers[i].trailers = "grpc-status: 0\n";
		watch->world->servers[i].message = "\0\0\0\0\2\x08\1";
		watch->world->servers[i].message_len = 7;
	}
	world_publish(watch->world, true);
	return error;
}

static void asks_by_grpc(void **state)
{
	struct watch *watch = *state;
	const struct server *server = &watch->world->servers[MEMBER_C];

	world_run(watch->world, 1100);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		const struct health_result *result = last_of(watch, id_of(watch, i));

		assert_true(result->is_ok);
		assert_string_equal(result->detail, "status SERVING");
	}
	assert_non_null(strstr(server->head, ":path: /grpc.health.v1.Health/Check\n"));
	assert_non_null(strstr(server->head, ":authority: 192.0.2.13:8080\n"));
	assert_non_null(strstr(server->head, "content-type: application/grpc\n"));
	assert_non_null(strstr(server->head, "te: trailers\n"));
	/* Five bytes of framing, and the name in a field. */
	assert_int_equal(server->body_bytes % (5 + 2 + 4), 0);
	world_run(watch->world, 1);
	assert_int_equal(server->open, 0);
}

static void judges_answers_of_grpc(void **state)
{
#define MESSAGE(text) text, sizeof(text) - 1
	static const struct {
		const char *message;
		size_t len;
		const char *trailers;
		bool is_ok;
		const char *detail;
	} rows[] = {
		{ MESSAGE("\0\0\0\0\2\x08\1"), "grpc-status: 0\n", true, "status SERVING" },
		/* Fields that are not known are passed over. */
		{ MESSAGE("\0\0\0\0\6\x12\2ab\x08\1"), "grpc-status: 0\n", true, "status SERVING" },
		{ MESSAGE("\0\0\0\0\2\x08\2"), "grpc-status: 0\n", false, "status NOT_SERVING" },
		{ MESSAGE("\0\0\0\0\2\x08\3"), "grpc-status: 0\n", false,
			"status SERVICE_UNKNOWN" },
		{ MESSAGE("\0\0\0\0\2\x08\x63"), "grpc-status: 0\n", false, "an unknown status" },
		{ MESSAGE("\0\0\0\0\0"), "grpc-status: 0\n", false, "status UNKNOWN" },
		{ MESSAGE("\0\0\0\0\2\x08\1"), "grpc-status: 5\n", false,
			"grpc-status 5: the service is not known" },
		{ MESSAGE("\0\0\0\0\2\x08\1"), NULL, false, "no grpc-status" },
		{ MESSAGE("\1\0\0\0\2\x08\1"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
		{ MESSAGE("\0\0\0\0\3\x08\1"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
		{ MESSAGE("\0\0\0\0\2\x08\x81"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
		{ MESSAGE("\0\0\0\0\3\x12\x7f\1"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
		{ MESSAGE("\0\0\0\0\2\x0f\1"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
		{ MESSAGE("\0\0\0\0"), "grpc-status: 0\n", false,
			"a malformed answer of grpc.health.v1" },
	};
	struct watch *watch = *state;
	struct server *server = &watch->world->servers[MEMBER_C];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		server->message = rows[i].message;
		server->message_len = rows[i].len;
		server->trailers = rows[i].trailers;
		watch->count = 0;
		world_run(watch->world, 1100);
		assert_int_equal(last_of(watch, id_of(watch, MEMBER_C))->is_ok, rows[i].is_ok);
		assert_string_equal(last_of(watch, id_of(watch, MEMBER_C))->detail, rows[i].detail);
	}
}

/* HTTP/1.1 is spoken there, or nothing at all. */
static void grpc_needs_http2(void **state)
{
	struct watch *watch = *state;

	watch->world->servers[MEMBER_A].is_h2 = false;
	watch->world->servers[MEMBER_A].is_raw = true;
	watch->world->servers[MEMBER_C].is_holding = true;
	world_run(watch->world, 1500);
	assert_false(last_of(watch, id_of(watch, MEMBER_A))->is_ok);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_A))->detail, "no HTTP/2");
	assert_false(last_of(watch, id_of(watch, MEMBER_C))->is_ok);
	assert_string_equal(last_of(watch, id_of(watch, MEMBER_C))->detail, "time-out");
}

int main(void)
{
#define WATCH_TEST(name, how) cmocka_unit_test_setup_teardown(name, how, stop)
	const struct CMUnitTest tests[] = {
		WATCH_TEST(asks_and_reports, start_http),
		WATCH_TEST(keeps_its_schedule, start_http),
		WATCH_TEST(judges_answers, start_http),
		WATCH_TEST(takes_any_good_status_when_none_is_named, start_http),
		WATCH_TEST(tells_how_a_member_failed, start_http),
		WATCH_TEST(connects_only, start_tcp),
		WATCH_TEST(leaves_the_others_to_other_workers, start_second_of_two),
		WATCH_TEST(checks_nobody_without_configuration, start_none),
		WATCH_TEST(follows_the_configuration, start_http),
		WATCH_TEST(asks_by_grpc, start_grpc),
		WATCH_TEST(judges_answers_of_grpc, start_grpc),
		WATCH_TEST(grpc_needs_http2, start_grpc),
		WATCH_TEST(never_overlaps_checks_of_a_member, start_http),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
