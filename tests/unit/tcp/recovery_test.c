/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* Recoveries: how far the window falls, and how it comes back when nothing was lost. */

static struct wire w;
static char bytes[60000];

/* What the time-out itself sends is left to look at. */
static void pass_until_timeout(void)
{
	for (unsigned i = 0; i < 2000 && tcp_counters(w.stack)->timeouts == 0; i++) {
		wire_forget(&w);
		wire_pass_ms(&w, 1);
	}
	assert_int_equal(tcp_counters(w.stack)->timeouts, 1);
}

/* SACK, MSS 1000, a round trip of 20 ms. */
static void start(const struct tcp_params *params)
{
	wire_start(&w, params);
	wire_open_sack(&w);
	wire_write(&w, 1000);
	wire_expect_run(&w, 1, 1, 1000);
	wire_pass_ms(&w, 20);
	wire_ack(&w, 1001);
	wire_expect_none(&w);
}

static uint32_t ts_of(const struct wire_seg *seg)
{
	return wire_word(wire_option(seg, 8) + 2);
}

static void ts_ack(uint32_t number, uint32_t tsecr)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = number };

	wire_put_ts(&seg, 100, tsecr);
	wire_send(&w, seg);
}

/* RFC 3522: the echo of the first transmission comes after the time-out. */
static void test_a_late_echo_undoes_a_timeout(void **state)
{
	uint32_t first_ts, again_ts, cwnd;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	wire_write(&w, 988);
	first_ts = ts_of(wire_expect(&w, ACK, 1, 1, 988));
	wire_pass_ms(&w, 20);
	ts_ack(989, first_ts);
	cwnd = wire_info(&w).cwnd;
	wire_write(&w, 5 * 988);
	first_ts = ts_of(wire_expect(&w, ACK, 989, 1, 988));
	wire_expect_run(&w, 1977, 4, 988);
	pass_until_timeout();
	again_ts = ts_of(wire_expect(&w, ACK, 989, 1, 988));
	assert_true(again_ts > first_ts);
	assert_int_equal(wire_info(&w).cwnd, 988);
	ts_ack(1977, first_ts);
	assert_int_equal(tcp_counters(w.stack)->spurious_timeouts, 1);
	assert_true(wire_info(&w).cwnd >= cwnd);
	assert_int_equal(wire_info(&w).ssthresh, UINT32_MAX);
	/* What followed is on its way still: nothing of it goes again. */
	wire_expect_none(&w);
	ts_ack(989 + 5 * 988, first_ts);
	wire_pass_ms(&w, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_an_echo_of_the_repetition_undoes_nothing(void **state)
{
	uint32_t again_ts;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	wire_write(&w, 3 * 988);
	wire_forget(&w);
	pass_until_timeout();
	again_ts = ts_of(wire_expect(&w, ACK, 1, 1, 988));
	wire_pass_ms(&w, 20);
	ts_ack(989, again_ts);
	assert_int_equal(tcp_counters(w.stack)->spurious_timeouts, 0);
	wire_expect_run(&w, 989, 2, 988);
	wire_stop(&w);
}

/* RFC 5682 3.1: after the time-out arrives what was not sent again. */
static void test_sacks_of_the_unrepeated_undo_a_timeout(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	wire_write(&w, 6000);
	wire_expect_run(&w, 1001, 6, 1000);
	pass_until_timeout();
	wire_expect_run(&w, 1001, 1, 1000);
	wire_expect_none(&w);
	wire_ack(&w, 3001);
	assert_int_equal(tcp_counters(w.stack)->spurious_timeouts, 1);
	assert_true(wire_info(&w).cwnd >= 10000);
	wire_expect_none(&w);
	wire_ack(&w, 7001);
	wire_pass_ms(&w, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_an_ack_of_all_undoes_no_timeout(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	wire_write(&w, 3000);
	wire_forget(&w);
	pass_until_timeout();
	wire_ack(&w, 4001);
	assert_int_equal(tcp_counters(w.stack)->spurious_timeouts, 0);
	assert_true(wire_info(&w).ssthresh < 10000);
	wire_stop(&w);
}

/* RFC 3708: all that went again is reported as duplicate. */
static void test_dsacks_for_all_undo_a_recovery(void **state)
{
	uint32_t cwnd;

	RTE_SET_USED(state);
	start(NULL);
	wire_write(&w, 10000);
	wire_expect_run(&w, 1001, 10, 1000);
	cwnd = wire_info(&w).cwnd;
	wire_pass_ms(&w, 20);
	wire_sack(&w, 1001, (uint32_t[]){ 3001, 6001 }, 1);
	wire_expect_run(&w, 1001, 2, 1000);
	assert_true(wire_info(&w).ssthresh < cwnd);
	/* Only late: the first copies arrive, then the second ones. */
	wire_ack(&w, 6001);
	wire_sack(&w, 6001, (uint32_t[]){ 1001, 2001 }, 1);
	assert_int_equal(tcp_counters(w.stack)->spurious_recoveries, 0);
	wire_sack(&w, 6001, (uint32_t[]){ 2001, 3001 }, 1);
	assert_int_equal(tcp_counters(w.stack)->spurious_recoveries, 1);
	assert_int_equal(tcp_counters(w.stack)->dsacks_in, 2);
	assert_true(wire_info(&w).cwnd >= cwnd);
	assert_int_equal(wire_info(&w).ssthresh, UINT32_MAX);
	wire_stop(&w);
}

static void test_one_dsack_of_two_undoes_nothing(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	wire_write(&w, 10000);
	wire_pass_ms(&w, 20);
	wire_sack(&w, 1001, (uint32_t[]){ 3001, 6001 }, 1);
	wire_ack(&w, 6001);
	wire_sack(&w, 6001, (uint32_t[]){ 1001, 2001 }, 1);
	/* Of long before the episode: none of ours. */
	wire_sack(&w, 6001, (uint32_t[]){ 1, 1001 }, 1);
	assert_int_equal(tcp_counters(w.stack)->spurious_recoveries, 0);
	wire_stop(&w);
}

/* RFC 8985 6.2.4: who was wrong about a loss waits longer the next time. */
static void test_a_dsack_widens_the_reordering_window(void **state)
{
	unsigned waited_ms[2];

	RTE_SET_USED(state);
	start(NULL);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t base = 1001 + 5000 * i;

		wire_write(&w, 5000);
		wire_expect_run(&w, base, 5, 1000);
		wire_pass_ms(&w, 20);
		wire_sack(&w, base, (uint32_t[]){ base + 1000, base + 2000 }, 1);
		for (waited_ms[i] = 0; w.out_count == w.out_first && waited_ms[i] < 100;
			waited_ms[i]++)
			wire_pass_ms(&w, 1);
		wire_expect_run(&w, base, 1, 1000);
		wire_ack(&w, base + 5000);
		wire_sack(&w, base + 5000, (uint32_t[]){ base, base + 1000 }, 1);
		wire_forget(&w);
	}
	assert_in_range(waited_ms[0], 4, 8);
	assert_in_range(waited_ms[1], waited_ms[0] + 3, 2 * waited_ms[0] + 4);
	wire_stop(&w);
}

/* RFC 6937: what leaves is in proportion to what arrives, and ends at the threshold. */
static void recovery_run(const char *congestion, uint32_t percent)
{
	struct tcp_params params = { .congestion = congestion };
	uint32_t sent;

	start(&params);
	wire_write(&w, 40000);
	wire_expect_run(&w, 1001, 10, 1000);
	wire_pass_ms(&w, 20);
	/* The first is lost; the others arrive one by one. */
	for (uint32_t i = 1; i < 10; i++)
		wire_sack(&w, 1001, (uint32_t[]){ 2001, 2001 + 1000 * i }, 1);
	sent = w.out_count - w.out_first;
	wire_expect(&w, ACK, 11001, 1, 1000);
	assert_int_equal(wire_info(&w).ssthresh, 10000 * percent / 100);
	/* Two by limited transmit, which the threshold leaves out (RFC 5681 3.2), the repetition,
	 * and then their share. */
	assert_in_range(sent, 5, 10);
	wire_ack(&w, 11001);
	assert_in_range(wire_info(&w).cwnd, 2000, wire_info(&w).ssthresh);
	wire_stop(&w);
}

static void test_prr_with_cubic(void **state)
{
	RTE_SET_USED(state);
	recovery_run("cubic", 70);
}

static void test_prr_with_newreno(void **state)
{
	RTE_SET_USED(state);
	recovery_run("newreno", 50);
}

static void test_a_loss_that_only_the_probe_repaired_counts(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	wire_write(&w, 2000);
	wire_expect_run(&w, 1001, 2, 1000);
	wire_pass_ms(&w, 50);
	assert_int_equal(tcp_counters(w.stack)->tail_probes, 1);
	wire_expect_run(&w, 2001, 1, 1000);
	/* New data behind it is acknowledged, and no duplicate reported (RFC 8985 7.4.2). */
	wire_write(&w, 1000);
	wire_expect_run(&w, 3001, 1, 1000);
	wire_ack(&w, 4001);
	assert_int_equal(tcp_counters(w.stack)->tail_losses, 1);
	assert_true(wire_info(&w).ssthresh < 10000);
	wire_stop(&w);
}

/* RFC 9438 4.3: on a short path half a segment a round trip up to the old window, then a whole one.
 */
static void test_cubic_is_no_slower_than_reno(void **state)
{
	struct tcp_params params = { .send_buffer = 1 << 20, .congestion = "cubic" };
	uint32_t next = 11001, low, at_30 = 0;

	RTE_SET_USED(state);
	start(&params);
	wire_write(&w, 10000);
	wire_expect_run(&w, 1001, 10, 1000);
	wire_pass_ms(&w, 20);
	wire_sack(&w, 1001, (uint32_t[]){ 2001, 11001 }, 1);
	wire_forget(&w);
	wire_ack(&w, 11001);
	low = wire_info(&w).ssthresh;
	/* Round trips with always with more to send. */
	for (unsigned i = 0; i <= 30; i++) {
		if (tcp_unacked(w.conn) < 60000)
			tcp_write(w.conn, bytes, 60000);
		tcp_advance(w.stack, w.now_us);
		for (; w.out_first < w.out_count; w.out_first++)
			next = w.out[w.out_first].seq - w.iss + w.out[w.out_first].len;
		wire_forget(&w);
		wire_pass_ms(&w, 20);
		wire_forget(&w);
		wire_ack(&w, next);
		if (i == 30)
			at_30 = wire_info(&w).cwnd;
	}
	assert_in_range(low, 7000, 9000);
	assert_in_range(at_30, 26000, 34000);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_late_echo_undoes_a_timeout),
		cmocka_unit_test(test_an_echo_of_the_repetition_undoes_nothing),
		cmocka_unit_test(test_sacks_of_the_unrepeated_undo_a_timeout),
		cmocka_unit_test(test_an_ack_of_all_undoes_no_timeout),
		cmocka_unit_test(test_dsacks_for_all_undo_a_recovery),
		cmocka_unit_test(test_one_dsack_of_two_undoes_nothing),
		cmocka_unit_test(test_a_dsack_widens_the_reordering_window),
		cmocka_unit_test(test_prr_with_cubic),
		cmocka_unit_test(test_prr_with_newreno),
		cmocka_unit_test(test_a_loss_that_only_the_probe_repaired_counts),
		cmocka_unit_test(test_cubic_is_no_slower_than_reno),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
