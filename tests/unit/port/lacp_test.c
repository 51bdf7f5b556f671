/* SPDX-License-Identifier: Apache-2.0 */
/* Link aggregation control: two ends and the cables between them, under virtual time. */
#include "port/lacp.h"

#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "support/support.h"

#define STEP_US  (50 * CLOCK_US_PER_MS)
#define LINKS    2
#define FAR      1
#define NEAR     0
#define START_US (1000 * CLOCK_US_PER_S)

/* Two systems with as many cables; a cut one carries nothing, and nobody is told. */
struct bench {
	struct lacp_port ports[2][LINKS];
	bool is_cut[LINKS];
	unsigned sent[2];
	uint64_t now_us;
};

static void bench_init(struct bench *bench, bool is_near_fast, bool is_far_fast)
{
	*bench = (struct bench){ .now_us = START_US };
	for (unsigned end = 0; end < 2; end++) {
		for (uint16_t i = 0; i < LINKS; i++) {
			struct lacp_info actor = {
				.system_priority = 0xffff,
				.system = { 2, 0, 0, 0, 0, (uint8_t)end },
				.key = 1,
				.port_priority = 255,
				.port = (uint16_t)(i + 1),
			};
			const uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)(i + 1), (uint8_t)end };

			lacp_init(&bench->ports[end][i], &actor, mac,
				end == NEAR ? is_near_fast : is_far_fast);
			lacp_link_set(&bench->ports[end][i], true, bench->now_us);
		}
	}
}

static void end_step(struct bench *bench, unsigned end)
{
	struct lacp_port *group[LINKS];
	uint8_t frame[LACP_FRAME_LEN];

	for (unsigned i = 0; i < LINKS; i++) {
		group[i] = &bench->ports[end][i];
		lacp_advance(group[i], bench->now_us);
	}
	lacp_select(group, LINKS);
	for (unsigned i = 0; i < LINKS; i++) {
		lacp_advance(group[i], bench->now_us);
		if (!lacp_output(group[i], frame, bench->now_us))
			continue;
		bench->sent[end]++;
		if (!bench->is_cut[i])
			(void)lacp_input(
				&bench->ports[!end][i], frame, sizeof(frame), bench->now_us);
	}
}

static void bench_run(struct bench *bench, uint64_t time_us)
{
	for (uint64_t end_us = bench->now_us + time_us; bench->now_us < end_us;
		bench->now_us += STEP_US) {
		end_step(bench, NEAR);
		end_step(bench, FAR);
	}
}

static bool is_distributing(const struct bench *bench, unsigned end, unsigned link)
{
	return (bench->ports[end][link].actor.state & LACP_DISTRIBUTING) != 0;
}

static void all_links_come_together(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, true);
	bench_run(&bench, CLOCK_US_PER_S);
	/* 6.4.15: it waits two seconds for others to join. */
	assert_false(is_distributing(&bench, NEAR, 0));
	bench_run(&bench, 3 * CLOCK_US_PER_S);
	for (unsigned i = 0; i < LINKS; i++) {
		assert_true(is_distributing(&bench, NEAR, i) && is_distributing(&bench, FAR, i));
		assert_string_equal(lacp_state_name(&bench.ports[NEAR][i]), "distributing");
		assert_int_equal(bench.ports[NEAR][i].partner.port, i + 1);
	}
}

static void each_end_speaks_as_often_as_the_other_wants(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, false);
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	bench.sent[NEAR] = bench.sent[FAR] = 0;
	bench_run(&bench, 60 * CLOCK_US_PER_S);
	assert_int_equal(bench.sent[NEAR], 2 * LINKS);
	assert_in_range(bench.sent[FAR], 55 * LINKS, 60 * LINKS);
}

static void a_silent_link_is_left_after_three_seconds(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, true);
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	bench.is_cut[0] = true;
	bench_run(&bench, 19 * CLOCK_US_PER_S / 10);
	assert_true(is_distributing(&bench, NEAR, 0));
	bench_run(&bench, 12 * CLOCK_US_PER_S / 10);
	assert_false(is_distributing(&bench, NEAR, 0) || is_distributing(&bench, FAR, 0));
	assert_string_equal(lacp_state_name(&bench.ports[NEAR][0]), "expired");
	bench_run(&bench, 3 * CLOCK_US_PER_S);
	assert_string_equal(lacp_state_name(&bench.ports[NEAR][0]), "no partner");
	assert_true(is_distributing(&bench, NEAR, 1) && is_distributing(&bench, FAR, 1));
	bench.is_cut[0] = false;
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0) && is_distributing(&bench, FAR, 0));
}

static void a_slow_partner_is_given_ninety_seconds(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, false, false);
	bench_run(&bench, 40 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0));
	bench.is_cut[0] = true;
	bench_run(&bench, 59 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0));
	bench_run(&bench, 32 * CLOCK_US_PER_S);
	assert_false(is_distributing(&bench, NEAR, 0));
}

static void a_link_that_fails_is_left_at_once(void **state)
{
	struct bench bench;
	uint8_t frame[LACP_FRAME_LEN];
	struct lacp_port *port = &bench.ports[NEAR][0];

	(void)state;
	bench_init(&bench, true, true);
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	lacp_link_set(port, false, bench.now_us);
	assert_false(is_distributing(&bench, NEAR, 0));
	assert_string_equal(lacp_state_name(port), "disabled");
	bench_run(&bench, CLOCK_US_PER_S);
	assert_false(lacp_output(port, frame, bench.now_us));
	lacp_link_set(port, true, bench.now_us);
	bench_run(&bench, 4 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0));
}

/* The cables end at two switches that do not know of each other. */
static void links_to_two_systems_are_not_mixed(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, true);
	bench.ports[FAR][1].actor.system[5] = 9;
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0));
	assert_false(is_distributing(&bench, NEAR, 1) || is_distributing(&bench, FAR, 1));
	/* What is left takes over. */
	lacp_link_set(&bench.ports[NEAR][0], false, bench.now_us);
	bench_run(&bench, 4 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 1));
}

static void a_cable_to_ourselves_carries_nothing(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, true);
	for (unsigned i = 0; i < LINKS; i++)
		bench.ports[FAR][i].actor.system[5] = NEAR;
	bench_run(&bench, 6 * CLOCK_US_PER_S);
	assert_false(is_distributing(&bench, NEAR, 0) || is_distributing(&bench, NEAR, 1));
}

static void a_link_that_wants_to_be_alone_is(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, true, true);
	for (unsigned i = 0; i < LINKS; i++)
		bench.ports[FAR][i].actor.state &= (uint8_t)~LACP_AGGREGATION;
	bench_run(&bench, 5 * CLOCK_US_PER_S);
	assert_int_equal(is_distributing(&bench, NEAR, 0) + is_distributing(&bench, NEAR, 1), 1);
}

static void no_more_than_three_are_sent_in_a_second(void **state)
{
	struct bench bench;
	uint8_t frame[LACP_FRAME_LEN];
	struct lacp_port *port = &bench.ports[NEAR][0];
	unsigned sent = 0;

	(void)state;
	bench_init(&bench, true, true);
	for (unsigned i = 0; i < 10; i++) {
		port->must_send = true;
		sent += lacp_output(port, frame, bench.now_us);
	}
	assert_int_equal(sent, 3);
	port->must_send = true;
	assert_true(lacp_output(port, frame, bench.now_us + CLOCK_US_PER_S));
}

/* 6.4.2.3, byte for byte. */
static void a_pdu_looks_as_the_standard_says(void **state)
{
	static const char expected[] = "01 80 c2 00 00 02  02 00 00 00 01 00  88 09  01 01"
				       "01 14 ff ff 02 00 00 00 00 00 00 01 00 ff 00 01 c7 00 00 00"
				       "02 14 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00"
				       "03 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
	struct bench bench;
	uint8_t frame[LACP_FRAME_LEN];
	uint8_t wanted[LACP_FRAME_LEN] = { 0 };

	(void)state;
	bench_init(&bench, true, true);
	support_hex(expected, wanted, sizeof(wanted));
	assert_true(lacp_output(&bench.ports[NEAR][0], frame, bench.now_us));
	assert_memory_equal(frame, wanted, sizeof(wanted));
}

static void what_is_no_pdu_changes_nothing(void **state)
{
	static const size_t fixed[] = { 0, 5, 12, 13, 14, 15, 16, 17, 36, 37 };
	struct bench bench;
	struct lacp_port before;
	struct lacp_port *port = &bench.ports[NEAR][0];
	uint8_t good[LACP_FRAME_LEN];
	uint8_t bad[LACP_FRAME_LEN];

	(void)state;
	bench_init(&bench, true, true);
	assert_true(lacp_output(&bench.ports[FAR][0], good, bench.now_us));
	before = *port;
	for (size_t len = 0; len < sizeof(good); len++)
		assert_false(lacp_input(port, good, len, bench.now_us));
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		memcpy(bad, good, sizeof(bad));
		bad[fixed[i]] = fixed[i] == 15 ? 0 : (uint8_t)(bad[fixed[i]] ^ 0x40);
		assert_false(lacp_input(port, bad, sizeof(bad), bench.now_us));
	}
	assert_memory_equal(port, &before, sizeof(before));
	assert_true(lacp_input(port, good, sizeof(good), bench.now_us));
}

/* Whatever a partner says of itself, the machines keep to their states. */
static void noise_is_survived(void **state)
{
	struct bench bench;
	struct rng rng = { .state = 802 };
	uint8_t frame[LACP_FRAME_LEN];

	(void)state;
	bench_init(&bench, true, true);
	bench.ports[FAR][0].must_send = true;
	assert_true(lacp_output(&bench.ports[FAR][0], frame, bench.now_us));
	for (unsigned i = 0; i < 20000; i++) {
		struct lacp_port *port = &bench.ports[NEAR][i % LINKS];

		for (unsigned at = 18; at < 36; at++)
			frame[at] = (uint8_t)rng_next(&rng);
		(void)lacp_input(port, frame, sizeof(frame), bench.now_us);
		bench_run(&bench, STEP_US);
		assert_true(port->mux <= LACP_MUX_DISTRIBUTING && port->rx <= LACP_RX_CURRENT);
		assert_int_equal((port->actor.state & LACP_DISTRIBUTING) != 0,
			port->mux == LACP_MUX_DISTRIBUTING);
	}
	bench_run(&bench, 10 * CLOCK_US_PER_S);
	assert_true(is_distributing(&bench, NEAR, 0) && is_distributing(&bench, NEAR, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_links_come_together),
		cmocka_unit_test(each_end_speaks_as_often_as_the_other_wants),
		cmocka_unit_test(a_silent_link_is_left_after_three_seconds),
		cmocka_unit_test(a_slow_partner_is_given_ninety_seconds),
		cmocka_unit_test(a_link_that_fails_is_left_at_once),
		cmocka_unit_test(links_to_two_systems_are_not_mixed),
		cmocka_unit_test(a_cable_to_ourselves_carries_nothing),
		cmocka_unit_test(a_link_that_wants_to_be_alone_is),
		cmocka_unit_test(no_more_than_three_are_sent_in_a_second),
		cmocka_unit_test(a_pdu_looks_as_the_standard_says),
		cmocka_unit_test(what_is_no_pdu_changes_nothing),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests_name("lacp", tests, NULL, NULL);
}
