/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random scenarios: the seed decides over the link, the buffers and what the applications do.
 * Usage: sim_seeds_test FIRST COUNT, or sim_seeds_test SEED for one alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/clock.h"
#include "flows.h"
#include "support/support.h"

#define BYTES_MAX 150000 /* of a flow: a thousand seeds are to take seconds */

static uint64_t first_seed;
static uint64_t seed_count = 1;
static uint64_t seed_now;
static uint64_t segments_merged;
static uint64_t segments_grouped;

static uint32_t sometimes(struct rng *rng, uint32_t one_in, uint32_t below)
{
	return rng_below(rng, one_in) == 0 ? rng_below(rng, below) : 0;
}

/* Most links have a few faults; some have all of them. */
static struct sim_link link_draw(struct rng *rng)
{
	struct sim_link link = {
		.loss_permille = sometimes(rng, 2, 60),
		.ack_loss_permille = sometimes(rng, 4, 150),
		.duplicate_permille = sometimes(rng, 3, 100),
		.corrupt_permille = sometimes(rng, 4, 30),
		.reorder_permille = sometimes(rng, 3, 250),
		.reorder_us = rng_below(rng, 30000),
		.delay_us = 50 + rng_below(rng, 60000),
		.bytes_per_ms = sometimes(rng, 2, 5000),
		.queue_bytes = 3000 + rng_below(rng, 100000),
		.strips_options = rng_below(rng, 8) == 0,
	};

	if (link.bytes_per_ms > 0)
		link.bytes_per_ms += 50;
	if (rng_below(rng, 5) == 0)
		link.bursts = (struct sim_bursts){
			.begin_permille = 1 + rng_below(rng, 20),
			.end_permille = 100 + rng_below(rng, 500),
			.loss_permille = 500 + rng_below(rng, 500),
			.longest_us = rng_below(rng, 400000),
		};
	if (rng_below(rng, 6) == 0) {
		link.mtu = 1280 + rng_below(rng, 220);
		link.mtu_from_us = rng_below(rng, 2) * rng_below(rng, 2000000);
		link.tells_mtu = rng_below(rng, 3) > 0;
	}
	return link;
}

/* What the stacks are asked to do beside; the dice are its own, so that links stay as they are. */
static void options_draw(struct rng *rng, struct tcp_params *tcp, struct sim_link *link)
{
	static const enum tcp_ecn ecn[] = { TCP_ECN_ACCEPT, TCP_ECN_OFF, TCP_ECN_REQUEST };

	tcp->ecn = ecn[rng_below(rng, RTE_DIM(ecn))];
	tcp->pacing = rng_below(rng, 4) == 0;
	tcp->nagle = rng_below(rng, 4) == 0;
	if (rng_below(rng, 4) == 0) {
		tcp->keepalive_ms = 200 + rng_below(rng, 2000);
		tcp->keepalive_interval_ms = 100 + rng_below(rng, 1000);
		/* A link may lose many in a row: none of them is to end a connection here. */
		tcp->keepalive_count = 200;
	}
	if (rng_below(rng, 5) == 0)
		tcp->mbufs_max = 100 + rng_below(rng, 400);
	if (tcp->ecn == TCP_ECN_REQUEST)
		link->mark_permille = sometimes(rng, 2, 100);
	tcp->large_output = rng_below(rng, 4) > 0;
	if (rng_below(rng, 2) == 0)
		tcp->receive_window_max = tcp->receive_window << rng_below(rng, 6);
	if (rng_below(rng, 2) == 0)
		link->batch_us = 1 + rng_below(rng, 3000);
}

/* Segments that arrive together are taken in as one, and those that leave together leave as one,
 * and nobody is to notice: the same happens at the same time without. Of several connections
 * another one might come first. */
static void singly_compare(struct scenario_params *params)
{
	struct tcp_counters together, singly;
	uint64_t spent_us;

	params->flows = 1;
	params->counters = &together;
	spent_us = scenario_run(params);
	params->tcp.no_merge = true;
	params->tcp.large_output = false;
	params->counters = &singly;
	assert_int_equal(scenario_run(params), spent_us);
	assert_int_equal(singly.segments_merged, 0);
	assert_int_equal(singly.segments_grouped, 0);
	segments_merged += together.segments_merged;
	segments_grouped += together.segments_grouped;
	together.segments_merged = together.segments_grouped = 0;
	assert_memory_equal(&together, &singly, sizeof(singly));
}

static void seed_run(uint64_t seed)
{
	struct rng dice = { .state = (seed + 7) * 0xbf58476d1ce4e5b9ull };
	struct rng rng = { .state = seed * 0x9e3779b97f4a7c15ull };
	struct scenario_params params = {
		.seed = seed,
		.link = link_draw(&rng),
		.tcp = {
			.receive_window = 4096u << rng_below(&rng, 8),
			.send_buffer = 4096u << rng_below(&rng, 8),
		},
		.bytes_max = BYTES_MAX,
	};

	options_draw(&dice, &params.tcp, &params.link);
	if (params.link.batch_us > 0 && seed % 2 == 0)
		singly_compare(&params);
	else
		scenario_run(&params);
}

static void test_seeds(void **state)
{
	RTE_SET_USED(state);
	for (uint64_t i = 0; i < seed_count; i++) {
		seed_now = first_seed + i;
		seed_run(seed_now);
	}
	if (seed_count >= 100)
		assert_true(segments_merged > 0 && segments_grouped > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_seeds, support_mbufs_check),
	};

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: %s SEED [COUNT]\n", argv[0]);
		return 2;
	}
	first_seed = strtoull(argv[1], NULL, 10);
	if (argc == 3)
		seed_count = strtoull(argv[2], NULL, 10);
	if (cmocka_run_group_tests(tests, support_eal_start, NULL) == 0)
		return 0;
	fprintf(stderr, "seed %lu failed; run it alone: %s %lu\n", (unsigned long)seed_now, argv[0],
		(unsigned long)seed_now);
	/* What the failed run left behind would only bury this line. */
	_exit(1);
}
