/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* Keep-alive, the user time-out, Nagle and pacing. */

static struct wire w;

static const struct tcp_params keepalive = {
	.keepalive_ms = 10000, .keepalive_interval_ms = 1000, .keepalive_count = 3
};

static void test_silence_is_probed_and_ends(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, &keepalive);
	wire_open(&w, NULL);
	wire_pass_ms(&w, 9990);
	wire_expect_none(&w);
	for (unsigned i = 0; i < 3; i++) {
		wire_pass_ms(&w, i == 0 ? 20 : 1000);
		/* RFC 9293 3.8.4: a number that the peer has. */
		wire_expect(&w, ACK, 0, 1, 0);
		wire_expect_none(&w);
	}
	wire_pass_ms(&w, 1010);
	wire_expect(&w, RST | ACK, 1, 1, 0);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_TIMEOUT);
	assert_int_equal(tcp_counters(w.stack)->keepalive_probes, 3);
	assert_int_equal(tcp_counters(w.stack)->keepalive_ends, 1);
	wire_stop(&w);
}

static void test_an_answer_to_a_probe_is_enough(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, &keepalive);
	wire_open(&w, NULL);
	for (unsigned i = 0; i < 10; i++) {
		wire_pass_ms(&w, 10010);
		wire_expect(&w, ACK, 0, 1, 0);
		wire_ack(&w, 1);
		wire_expect_none(&w);
	}
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void test_traffic_puts_keepalive_off(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, &keepalive);
	wire_open(&w, NULL);
	for (uint32_t i = 0; i < 10; i++) {
		wire_pass_ms(&w, 6000);
		wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1 + i, .ack = 1, .len = 1 });
	}
	assert_int_equal(tcp_counters(w.stack)->keepalive_probes, 0);
	wire_stop(&w);
}

static void test_without_keepalive_silence_is_fine(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_pass_ms(&w, 24 * 3600 * 1000ull);
	wire_expect_none(&w);
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void user_timeout_run(const struct tcp_params *params, uint32_t own_s, uint64_t expected_ms)
{
	wire_start(&w, params);
	wire_open(&w, NULL);
	if (own_s != 0)
		tcp_set_user_timeout(w.conn, own_s);
	wire_write(&w, 100);
	wire_pass_ms(&w, expected_ms - 10);
	assert_int_equal(w.closes, 0);
	wire_pass_ms(&w, 20);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_TIMEOUT);
	assert_int_equal(tcp_counters(w.stack)->given_up, 1);
	wire_stop(&w);
}

static void test_user_timeout(void **state)
{
	static const struct tcp_params params = { .user_timeout_ms = 10000 };

	RTE_SET_USED(state);
	user_timeout_run(NULL, 0, 120000);
	user_timeout_run(&params, 0, 10000);
	user_timeout_run(&params, 5, 5000);
	user_timeout_run(NULL, 300, 300000);
}

static void test_user_timeout_of_a_window_nobody_opens(void **state)
{
	static const struct tcp_params params = { .user_timeout_ms = 10000 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open(&w, NULL);
	w.is_window_closed = true;
	wire_ack(&w, 1);
	wire_write(&w, 100);
	wire_pass_ms(&w, 9980);
	assert_int_equal(w.closes, 0);
	wire_pass_ms(&w, 40);
	assert_int_equal(w.closes, 1);
	wire_stop(&w);
}

static void test_nagle_holds_a_short_tail(void **state)
{
	static const struct tcp_params params = { .nagle = true };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open(&w, NULL);
	wire_write(&w, 10);
	wire_expect(&w, ACK, 1, 1, 10);
	wire_write(&w, 10);
	wire_write(&w, 10);
	wire_expect_none(&w);
	/* A full segment waits for nobody, its rest does. */
	wire_write(&w, 1000);
	wire_expect(&w, ACK, 11, 1, 1000);
	wire_expect_none(&w);
	wire_ack(&w, 11);
	wire_expect_none(&w);
	wire_ack(&w, 1011);
	wire_expect(&w, ACK, 1011, 1, 20);
	/* The end waits for nobody either. */
	wire_write(&w, 5);
	wire_expect_none(&w);
	tcp_shutdown(w.conn);
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK | FIN, 1031, 1, 5);
	wire_stop(&w);
}

static void test_nagle_is_switchable(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_write(&w, 10);
	wire_write(&w, 10);
	wire_expect(&w, ACK, 1, 1, 10);
	wire_expect(&w, ACK, 11, 1, 10);
	tcp_set_nagle(w.conn, true);
	wire_write(&w, 10);
	wire_expect_none(&w);
	tcp_set_nagle(w.conn, false);
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK, 21, 1, 10);
	wire_stop(&w);
}

/* Two windows a round trip in slow start: 10 segments in 10 of 20 ms, none in a lump. */
static void test_pacing_spreads_a_window(void **state)
{
	static const struct tcp_params params = { .pacing = true };
	unsigned most = 0, total = 0, spell = 0;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open(&w, NULL);
	wire_write(&w, 1000);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_pass_ms(&w, 20);
	wire_ack(&w, 1001);
	wire_forget(&w);
	wire_write(&w, 20000);
	for (; total < 10 && spell < 40; spell++) {
		most = RTE_MAX(most, w.out_count);
		total += w.out_count;
		wire_forget(&w);
		wire_pass_ms(&w, 1);
	}
	assert_true(total >= 10);
	assert_in_range(most, 1, 3);
	assert_in_range(spell, 7, 12);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_is_probed_and_ends),
		cmocka_unit_test(test_an_answer_to_a_probe_is_enough),
		cmocka_unit_test(test_traffic_puts_keepalive_off),
		cmocka_unit_test(test_without_keepalive_silence_is_fine),
		cmocka_unit_test(test_user_timeout),
		cmocka_unit_test(test_user_timeout_of_a_window_nobody_opens),
		cmocka_unit_test(test_nagle_holds_a_short_tail),
		cmocka_unit_test(test_nagle_is_switchable),
		cmocka_unit_test(test_pacing_spreads_a_window),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
