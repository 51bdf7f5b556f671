/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "flows.h"
#include "support/support.h"

#define GOODPUT_BYTES 4000000u
#define GOODPUT_MIN   280 /* hundredths of Mbit/s */
#define GOODPUT_MAX   420 /* more would be taken from others */

static void run(uint64_t seed, const struct sim_link *link, struct tcp_params tcp,
	struct rte_mempool **pools)
{
	struct scenario_params params = { .seed = seed, .link = *link, .tcp = tcp, .pools = pools };

	scenario_run(&params);
}

static void test_clean_link(void **state)
{
	struct sim_link link = { .delay_us = 5000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 1; seed <= 10; seed++)
		run(seed, &link, (struct tcp_params){ 0 }, NULL);
}

static void test_loss(void **state)
{
	struct sim_link link = { .delay_us = 10000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 100; seed < 130; seed++) {
		link.loss_permille = 5 + (uint32_t)(seed * 37 % 100);
		run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

static void test_reordering_and_duplication(void **state)
{
	struct sim_link link = { .delay_us = 8000, .reorder_us = 6000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 200; seed < 220; seed++) {
		link.reorder_permille = (uint32_t)(seed * 53 % 300);
		link.duplicate_permille = (uint32_t)(seed * 29 % 100);
		run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

static void test_bottleneck(void **state)
{
	struct sim_link link = { .delay_us = 20000, .queue_bytes = 30000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 300; seed < 315; seed++) {
		link.bytes_per_ms = 200 + (uint32_t)(seed * 71 % 3000);
		run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

/* Neither SACK nor timestamps nor window scaling: RFC 6582 instead of RACK. */
static void test_plain_peers(void **state)
{
	struct sim_link link = { .delay_us = 10000, .strips_options = true, .reorder_us = 3000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 500; seed < 525; seed++) {
		link.loss_permille = (uint32_t)(seed * 37 % 60);
		link.duplicate_permille = (uint32_t)(seed * 11 % 30);
		link.reorder_permille = (uint32_t)(seed * 17 % 80);
		run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

/* Each stack lives on so few buffers that its queues would like to hold all of them. */
static void test_few_buffers(void **state)
{
	struct sim_link link = {
		.delay_us = 5000, .loss_permille = 10, .reorder_permille = 20, .reorder_us = 2000
	};
	struct rte_mempool *pools[2];

	RTE_SET_USED(state);
	for (unsigned i = 0; i < 2; i++) {
		pools[i] = rte_pktmbuf_pool_create(i == 0 ? "few0" : "few1", 255, 0,
			PACKET_PRIV_BYTES, RTE_PKTMBUF_HEADROOM + 2048, 0);
		assert_non_null(pools[i]);
	}
	for (uint64_t seed = 600; seed < 610; seed++) {
		run(seed, &link, (struct tcp_params){ 0 }, pools);
		assert_int_equal(rte_mempool_in_use_count(pools[0]), 0);
		assert_int_equal(rte_mempool_in_use_count(pools[1]), 0);
	}
	rte_mempool_free(pools[0]);
	rte_mempool_free(pools[1]);
}

static void test_everything_at_once(void **state)
{
	RTE_SET_USED(state);
	for (uint64_t seed = 400; seed < 430; seed++) {
		struct rng rng = { .state = seed };
		struct sim_link link = {
			.loss_permille = rng_below(&rng, 60),
			.duplicate_permille = rng_below(&rng, 50),
			.corrupt_permille = rng_below(&rng, 20),
			.reorder_permille = rng_below(&rng, 100),
			.reorder_us = rng_below(&rng, 30000),
			.delay_us = 100 + rng_below(&rng, 50000),
			.bytes_per_ms = rng_below(&rng, 2) ? 500 + rng_below(&rng, 5000) : 0,
			.queue_bytes = 20000 + rng_below(&rng, 100000),
		};
		struct tcp_params tcp = {
			.receive_window = 8192u << rng_below(&rng, 7),
			.send_buffer = 8192u << rng_below(&rng, 7),
		};

		run(seed, &link, tcp, NULL);
	}
}

/*
 * What a sender makes of 1 % random loss and 50 ms: the response function of RFC 5681 and of CUBIC
 * in its Reno-friendly region (RFC 9438 4.3) is about 1.2 / sqrt(0.01) = 12 segments per round
 * trip, 2.8 Mbit/s, and the first slow start adds something.
 */
static void test_goodput(void **state)
{
	uint64_t spent_us = 0;
	uint64_t mbps_hundredths;

	RTE_SET_USED(state);
	for (uint64_t seed = 700; seed < 705; seed++) {
		struct scenario_params params = {
			.seed = seed,
			.link = { .loss_permille = 10, .delay_us = 25000 },
			.bytes_bulk = GOODPUT_BYTES,
		};

		spent_us += scenario_run(&params);
	}
	mbps_hundredths = 5 * GOODPUT_BYTES * 800ull / spent_us;
	print_message("goodput at 1 %% loss and 50 ms: %lu.%02lu Mbit/s\n",
		(unsigned long)mbps_hundredths / 100, (unsigned long)mbps_hundredths % 100);
	assert_in_range(mbps_hundredths, GOODPUT_MIN, GOODPUT_MAX);
}

/*
 * Large packets begin to vanish and nobody tells (RFC 4821): segments shrink to what passes for
 * sure, and grow again to what passes.
 */
static void test_black_hole(void **state)
{
	RTE_SET_USED(state);
	for (uint64_t seed = 800; seed < 810; seed++) {
		struct tcp_counters counters;
		struct scenario_params params = {
			.seed = seed,
			.link = {
				.delay_us = 10000,
				.bytes_per_ms = 500,
				.queue_bytes = 60000,
				.mtu = 1390,
				.mtu_from_us = 500000,
			},
			.bytes_bulk = 3000000,
			.counters = &counters,
		};
		uint64_t spent_us = scenario_run(&params);

		assert_int_equal(counters.mtu_black_holes, 1);
		assert_true(counters.mtu_probes_ok >= 1);
		/* Six seconds of the link, two or so of time-outs, and the shorter segments. */
		assert_in_range(spent_us, 6000000, 11000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_clean_link, support_mbufs_check),
		cmocka_unit_test_teardown(test_loss, support_mbufs_check),
		cmocka_unit_test_teardown(test_reordering_and_duplication, support_mbufs_check),
		cmocka_unit_test_teardown(test_bottleneck, support_mbufs_check),
		cmocka_unit_test_teardown(test_plain_peers, support_mbufs_check),
		cmocka_unit_test_teardown(test_few_buffers, support_mbufs_check),
		cmocka_unit_test_teardown(test_everything_at_once, support_mbufs_check),
		cmocka_unit_test_teardown(test_goodput, support_mbufs_check),
		cmocka_unit_test_teardown(test_black_hole, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
