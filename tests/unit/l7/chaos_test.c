/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"

/*
 * Everything at once, by a seeded dice: clients that pipeline, stall, vanish or talk nonsense,
 * members that refuse, hang, break off or say too much, snapshots that change. Nothing is checked
 * but that it ends: the fixture wants the books balanced and every buffer back.
 */
#define CLIENTS 24
#define ROUNDS  4000

static const char *const requests[] = {
	"GET /main HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /one HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /one HTTP/1.0\r\n\r\n",
	"HEAD /one HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /404 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /main HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	"hello",
	"PUT /main HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	"0\r\n\r\n",
	"PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
	"GET /main HTTP/1.1\r\nHo",
	"st: a\r\n\r\n",
	"\r\n",
	"nonsense\n\n",
	"GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /main HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.0\r\n\r\n",
};

static const char *const answers[] = {
	NULL,
	NULL,
	"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil close",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxx",
	"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 2",
	"\r\n\r\n",
};

static void change_server(struct server *server, struct rng *rng)
{
	server->answer = answers[rng_below(rng, RTE_DIM(answers))];
	server->extra_bytes = rng_below(rng, 3) == 0 ? 100000 : 0;
	server->is_refusing = rng_below(rng, 10) == 0;
	server->is_silent = rng_below(rng, 20) == 0;
	server->is_holding = rng_below(rng, 12) == 0;
	server->is_stuck = rng_below(rng, 16) == 0;
	server->closes = rng_below(rng, 4) == 0;
	server->aborts = rng_below(rng, 6) == 0;
	server->aborts_on_request = rng_below(rng, 4) == 0 ? 1 + rng_below(rng, 3) : 0;
	server->answers_early = rng_below(rng, 5) == 0;
}

static void change_snapshot(struct world *world, struct rng *rng)
{
	struct member *member = world_member(world, rng_below(rng, MEMBER_COUNT));
	uint32_t what = rng_below(rng, 8);

	member->health = what == 0 ? MEMBER_DOWN : MEMBER_UP;
	member->admin = what == 1 ? MEMBER_MAINT : MEMBER_READY;
	if (what == 2)
		world->services[0].port = world->services[0].port == 80 ? 81 : 80;
	world_publish(world, what >= 2 && what < 4);
}

static void act(struct world *world, struct client **client, struct rng *rng)
{
	uint32_t dice = rng_below(rng, 20);

	if (*client == NULL)
		*client = client_open(world, world->services[0].port);
	else if (dice < 12)
		client_send(*client, requests[rng_below(rng, RTE_DIM(requests))]);
	else if (dice < 13)
		client_generate(*client, 200000);
	else if (dice < 15)
		(*client)->is_paused = true;
	else if (dice < 17)
		client_resume(*client);
	else if (dice < 18)
		client_abort(*client);
	else if (dice < 19 && (*client)->tcp != NULL)
		tcp_shutdown((*client)->tcp);
	if (dice == 19 || ((*client)->is_closed && dice % 2 == 0)) {
		client_free(*client);
		*client = NULL;
	}
}

static void play(struct world *world, uint64_t seed)
{
	struct client *clients[CLIENTS] = { NULL };
	struct rng rng = { .state = seed };

	if (seed % 2 == 1)
		world->pools[POOL_MAIN].retry = (struct config_retry){
			.is_set = true,
			.on = CONFIG_RETRY_CONNECT | CONFIG_RETRY_RESET | CONFIG_RETRY_TIMEOUT |
				CONFIG_RETRY_5XX,
			.attempts = 2,
			.try_timeout_ms = 20,
			.budget_pct = 1000,
			.budget_min = 1000,
			.buffer_bytes = 20000,
			.hedge = { .is_set = true, .delay_ms = 2, .min_delay_ms = 1, .max = 2 },
		};
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = rng_below(&rng, 4); i > 0; i--)
			act(world, &clients[rng_below(&rng, CLIENTS)], &rng);
		if (rng_below(&rng, 10) == 0)
			change_server(&world->servers[rng_below(&rng, MEMBER_COUNT)], &rng);
		if (rng_below(&rng, 40) == 0)
			change_snapshot(world, &rng);
		world_run(world, rng_below(&rng, 20) == 0 ? 300 : 1 + rng_below(&rng, 4));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i] != NULL)
			client_free(clients[i]);
}

static void survives(void **state, uint64_t seed)
{
	struct world *world = *state;
	const struct l7_counters *counters = l7_counters(world->l7);

	play(world, seed);
	/* It was not all in vain. */
	assert_true(world_service_counters(world).responses_2xx > 40);
	assert_true(world_service_counters(world).denied_requests > 20);
	assert_true(counters->upstream_failed > 10);
	assert_true(counters->upstream_reused > 10);
	assert_true(counters->client_aborted > 5);
	assert_int_equal(counters->buffers_exhausted, 0);
}

static void survives_the_first_dice(void **state)
{
	survives(state, 1);
}

static void survives_the_second_dice(void **state)
{
	survives(state, 2);
}

static void survives_the_third_dice(void **state)
{
	survives(state, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(survives_the_first_dice),
		WORLD_TEST(survives_the_second_dice),
		WORLD_TEST(survives_the_third_dice),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
