/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* RFC 3168, as server and as client, over IPv4 and IPv6. */

#define NOT_ECT 0
#define ECT_0   2
#define CE      3

static struct wire w;

static const struct wire_seg ecn_syn = { .flags = SYN | ECE | CWR,
	.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2 },
	.options_len = 8 };

static void open_with_ecn(bool is_v6)
{
	wire_start(&w, NULL);
	w.is_v6 = is_v6;
	wire_send(&w, ecn_syn);
	assert_int_equal(wire_expect(&w, SYN | ACK | ECE, 0, 1, 0)->ecn, NOT_ECT);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	assert_int_equal(tcp_counters(w.stack)->ecn_conns, 1);
}

static void ack(uint8_t flags, uint32_t number)
{
	wire_send(&w, (struct wire_seg){ .flags = ACK | flags, .seq = 1, .ack = number });
}

static void test_an_ecn_syn_is_answered(void **state)
{
	RTE_SET_USED(state);
	open_with_ecn(false);
	wire_stop(&w);
}

static void test_off_refuses_cleanly(void **state)
{
	struct tcp_params params = { .ecn = TCP_ECN_OFF };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_send(&w, ecn_syn);
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	wire_write(&w, 100);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 100)->ecn, NOT_ECT);
	assert_int_equal(tcp_counters(w.stack)->ecn_conns, 0);
	wire_stop(&w);
}

static void test_half_of_the_flags_asks_for_nothing(void **state)
{
	static const uint8_t flags[] = { ECE, CWR };

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		wire_start(&w, NULL);
		wire_send(&w, (struct wire_seg){ .flags = SYN | flags[i] });
		wire_expect(&w, SYN | ACK, 0, 1, 0);
		wire_stop(&w);
	}
}

/* 6.1.3: until CWR comes, every segment says ECE. */
static void mark_run(bool is_v6)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .ecn = CE };

	open_with_ecn(is_v6);
	wire_send(&w, seg);
	wire_expect(&w, ACK | ECE, 1, 1001, 0);
	seg = (struct wire_seg){ .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .ecn = ECT_0 };
	wire_send(&w, seg);
	wire_pass_ms(&w, 50);
	wire_expect(&w, ACK | ECE, 1, 2001, 0);
	wire_write(&w, 10);
	wire_expect(&w, ACK | ECE, 1, 2001, 10);
	seg = (struct wire_seg){
		.flags = ACK | CWR, .seq = 2001, .ack = 11, .len = 1000, .ecn = ECT_0
	};
	wire_send(&w, seg);
	wire_pass_ms(&w, 50);
	wire_expect(&w, ACK, 11, 3001, 0);
	assert_int_equal(tcp_counters(w.stack)->ecn_marks_in, 1);
	wire_stop(&w);
}

static void test_a_mark_is_echoed_until_cwr(void **state)
{
	RTE_SET_USED(state);
	mark_run(false);
	mark_run(true);
}

static void test_cwr_with_a_new_mark_echoes_on(void **state)
{
	RTE_SET_USED(state);
	open_with_ecn(false);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .len = 10, .ecn = CE });
	wire_expect(&w, ACK | ECE, 1, 11, 0);
	wire_send(&w,
		(struct wire_seg){ .flags = ACK | CWR, .seq = 11, .ack = 1, .len = 10, .ecn = CE });
	wire_expect(&w, ACK | ECE, 1, 21, 0);
	wire_stop(&w);
}

static void test_a_mark_without_ecn_means_nothing(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .len = 10, .ecn = CE });
	wire_pass_ms(&w, 50);
	wire_expect(&w, ACK, 1, 11, 0);
	wire_write(&w, 1000);
	assert_int_equal(wire_expect(&w, ACK, 1, 11, 1000)->ecn, NOT_ECT);
	ack(ECE, 1001);
	assert_int_equal(tcp_counters(w.stack)->ecn_reductions, 0);
	wire_stop(&w);
}

/* 6.1.2: the window falls once a round trip, and the next new data says CWR. */
static void test_an_echo_lowers_the_window_once_a_round_trip(void **state)
{
	struct tcp_info info;

	RTE_SET_USED(state);
	open_with_ecn(false);
	wire_write(&w, 30000);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(wire_expect(&w, ACK, 1 + 1000 * i, 1, 1000)->ecn, ECT_0);
	wire_pass_ms(&w, 20);
	for (unsigned i = 1; i <= 10; i++)
		ack(ECE, 1 + 1000 * i);
	assert_int_equal(tcp_counters(w.stack)->ecn_reductions, 1);
	tcp_conn_info(w.conn, &info);
	assert_int_equal(info.ssthresh, 7000);
	assert_int_equal(info.cwnd, 7000);
	wire_expect(&w, ACK | CWR, 10001, 1, 1000);
	wire_expect(&w, ACK, 11001, 1, 1000);
	/* Nothing was lost: nothing goes again. */
	assert_int_equal(tcp_counters(w.stack)->retransmits, 0);
	wire_forget(&w);
	ack(ECE, 17001);
	assert_int_equal(tcp_counters(w.stack)->ecn_reductions, 2);
	wire_stop(&w);
}

/* 6.1.4, 6.1.5: neither repetitions nor bare acknowledgments may be marked. */
static void test_repetitions_are_not_ect(void **state)
{
	RTE_SET_USED(state);
	open_with_ecn(false);
	wire_write(&w, 1000);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 1000)->ecn, ECT_0);
	wire_pass_ms(&w, 1500);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 1000)->ecn, NOT_ECT);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1001, .len = 10 });
	wire_forget(&w);
	wire_pass_ms(&w, 50);
	assert_int_equal(wire_expect(&w, ACK, 1001, 11, 0)->ecn, NOT_ECT);
	/* The window fell: told with the next new data. */
	wire_write(&w, 10);
	wire_expect(&w, ACK | CWR, 1001, 11, 10);
	wire_stop(&w);
}

static void client_run(uint8_t answer, bool has_ecn)
{
	struct tcp_params params = { .ecn = TCP_ECN_REQUEST };
	uint16_t port;

	wire_start(&w, &params);
	wire_connect(&w);
	port = wire_expect(&w, SYN | ECE | CWR, 0, 0, 0)->local_port;
	wire_send(
		&w, (struct wire_seg){ .flags = SYN | ACK | answer, .ack = 1, .local_port = port });
	wire_expect(&w, ACK, 1, 1, 0);
	wire_write(&w, 10);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 10)->ecn, has_ecn ? ECT_0 : NOT_ECT);
	wire_stop(&w);
}

static void test_we_ask_and_get_it(void **state)
{
	RTE_SET_USED(state);
	client_run(ECE, true);
}

static void test_we_ask_and_are_refused(void **state)
{
	RTE_SET_USED(state);
	client_run(0, false);
	/* A mirror. */
	client_run(ECE | CWR, false);
}

static void test_a_lost_syn_goes_again_without_ecn(void **state)
{
	struct tcp_params params = { .ecn = TCP_ECN_REQUEST };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_connect(&w);
	wire_expect(&w, SYN | ECE | CWR, 0, 0, 0);
	wire_pass_ms(&w, 1010);
	wire_expect(&w, SYN, 0, 0, 0);
	wire_stop(&w);
}

static void test_ecn_survives_a_cookie(void **state)
{
	struct tcp_params params = { .max_half_open = 1 };
	struct wire_seg syn = {
		.flags = SYN | ECE | CWR, .options = WIRE_ALL_OPTIONS, .options_len = 24
	};
	struct wire_seg last = { .flags = ACK, .seq = 1, .ack = 1 };
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 1 });
	wire_forget(&w);
	wire_send(&w, syn);
	answer = wire_expect(&w, SYN | ACK | ECE, 0, 1, 0);
	wire_put_ts(&last, 101, wire_word(wire_option(answer, 8) + 2));
	wire_send(&w, last);
	assert_int_equal(tcp_counters(w.stack)->cookies_ok, 1);
	wire_write(&w, 10);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 10)->ecn, ECT_0);
	wire_stop(&w);
	/* Without timestamps there is nowhere to keep it. */
	wire_start(&w, &params);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 1 });
	wire_forget(&w);
	wire_send(&w, ecn_syn);
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ecn_syn_is_answered),
		cmocka_unit_test(test_off_refuses_cleanly),
		cmocka_unit_test(test_half_of_the_flags_asks_for_nothing),
		cmocka_unit_test(test_a_mark_is_echoed_until_cwr),
		cmocka_unit_test(test_cwr_with_a_new_mark_echoes_on),
		cmocka_unit_test(test_a_mark_without_ecn_means_nothing),
		cmocka_unit_test(test_an_echo_lowers_the_window_once_a_round_trip),
		cmocka_unit_test(test_repetitions_are_not_ect),
		cmocka_unit_test(test_we_ask_and_get_it),
		cmocka_unit_test(test_we_ask_and_are_refused),
		cmocka_unit_test(test_a_lost_syn_goes_again_without_ecn),
		cmocka_unit_test(test_ecn_survives_a_cookie),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
