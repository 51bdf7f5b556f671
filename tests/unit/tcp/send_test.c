/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "wire.h"

static struct wire w;
static char bytes[60000];

/* Open with MSS 1000, one round trip of 20 ms measured, cwnd ten segments. */
static void start(bool has_sack)
{
	wire_start(&w, NULL);
	if (has_sack)
		wire_open_sack(&w);
	else
		wire_open(&w, NULL);
	wire_write(&w, 1000);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_pass_ms(&w, 20);
	wire_ack(&w, 1001);
	wire_expect_none(&w);
}

static void test_initial_window_is_ten_segments(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_write(&w, 50000);
	wire_expect_run(&w, 1, 10, 1000);
	wire_expect_none(&w);
	/* Slow start: two for each that is acknowledged. */
	wire_ack(&w, 2001);
	wire_expect_run(&w, 10001, 4, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_peers_mss_less_options(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	wire_write(&w, 2000);
	wire_expect(&w, ACK, 1, 1, 988);
	wire_expect(&w, ACK, 989, 1, 988);
	wire_expect(&w, ACK, 1977, 1, 24);
	wire_stop(&w);
}

static void test_our_mtu_limits_segments(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.mtu = 800;
	wire_open(&w, NULL);
	wire_write(&w, 2000);
	wire_expect(&w, ACK, 1, 1, 760);
	wire_expect(&w, ACK, 761, 1, 760);
	wire_expect(&w, ACK, 1521, 1, 480);
	wire_stop(&w);
}

static void test_writes_of_a_burst_share_segments(void **state)
{
	RTE_SET_USED(state);
	start(false);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(tcp_write(w.conn, "abc", 3), 3);
	wire_expect_none(&w);
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK, 1001, 1, 30);
	assert_memory_equal(w.out_data[w.out_first - 1], "abcabcabcabcabc", 15);
	wire_stop(&w);
}

static void test_three_duplicate_acks_bring_one_retransmission(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 10000);
	wire_expect_run(&w, 1001, 10, 1000);
	wire_ack(&w, 1001);
	wire_ack(&w, 1001);
	wire_expect_none(&w);
	wire_ack(&w, 1001);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, 1);
	/* More of them bring no more of it. */
	for (unsigned i = 0; i < 5; i++)
		wire_ack(&w, 1001);
	wire_expect_none(&w);
	wire_ack(&w, 11001);
	wire_pass_ms(&w, 5000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 1);
	wire_stop(&w);
}

static void test_a_partial_ack_names_the_next_hole(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 10000);
	wire_expect_run(&w, 1001, 10, 1000);
	for (unsigned i = 0; i < 3; i++)
		wire_ack(&w, 1001);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_ack(&w, 4001);
	wire_expect(&w, ACK, 4001, 1, 1000);
	wire_expect_none(&w);
	wire_ack(&w, 7001);
	wire_expect(&w, ACK, 7001, 1, 1000);
	wire_expect_none(&w);
	/* All of the rest ends it. */
	wire_ack(&w, 11001);
	wire_pass_ms(&w, 5000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, 1);
	assert_int_equal(tcp_counters(w.stack)->timeouts, 0);
	wire_stop(&w);
}

static void test_limited_transmit(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 14000);
	wire_expect_run(&w, 1001, 10, 1000);
	wire_ack(&w, 1001);
	wire_expect_run(&w, 11001, 1, 1000);
	wire_ack(&w, 1001);
	wire_expect_run(&w, 12001, 1, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_sack_only_holes_are_sent_again(void **state)
{
	RTE_SET_USED(state);
	start(true);
	wire_write(&w, 10000);
	wire_expect_run(&w, 1001, 10, 1000);
	wire_pass_ms(&w, 20);
	/* Holes at 1001 and 4001. */
	wire_sack(&w, 1001, (uint32_t[]){ 2001, 4001 }, 1);
	wire_expect_none(&w);
	wire_sack(&w, 1001, (uint32_t[]){ 5001, 9001, 2001, 4001 }, 2);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect(&w, ACK, 4001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, 1);
	wire_ack(&w, 11001);
	wire_pass_ms(&w, 5000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 2);
	wire_stop(&w);
}

static void test_a_late_segment_is_given_time(void **state)
{
	RTE_SET_USED(state);
	start(true);
	wire_write(&w, 5000);
	wire_expect_run(&w, 1001, 5, 1000);
	wire_pass_ms(&w, 20);
	/* One behind is no proof of loss: RACK waits a quarter of the round trip. */
	wire_sack(&w, 1001, (uint32_t[]){ 2001, 3001 }, 1);
	wire_expect_none(&w);
	wire_pass_ms(&w, 3);
	wire_expect_none(&w);
	wire_pass_ms(&w, 5);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_a_lost_tail_is_probed(void **state)
{
	RTE_SET_USED(state);
	start(true);
	wire_write(&w, 3000);
	wire_expect_run(&w, 1001, 3, 1000);
	/* 2 SRTT, not an RTO. */
	wire_pass_ms(&w, 38);
	wire_expect_none(&w);
	wire_pass_ms(&w, 4);
	wire_expect(&w, ACK, 3001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->tail_probes, 1);
	/* Its SACK shows that what came before is lost. */
	wire_pass_ms(&w, 20);
	wire_sack(&w, 1001, (uint32_t[]){ 3001, 4001 }, 1);
	wire_pass_ms(&w, 10);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect(&w, ACK, 2001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->timeouts, 0);
	wire_stop(&w);
}

static void test_rto_doubles(void **state)
{
	uint64_t last_us;
	struct tcp_info info;

	RTE_SET_USED(state);
	start(false);
	tcp_conn_info(w.conn, &info);
	assert_int_equal(info.rto_us, 200000);
	/* Short: full segments would be suspected of being too large for the path. */
	wire_write(&w, 900);
	wire_expect(&w, ACK, 1001, 1, 900);
	last_us = w.now_us;
	for (unsigned i = 0; i < 6; i++) {
		while (w.out_count == w.out_first)
			wire_pass_ms(&w, 1);
		wire_expect(&w, ACK, 1001, 1, 900);
		assert_in_range(w.now_us - last_us, 200000u << i, (200000u << i) + 2000);
		last_us = w.now_us;
	}
	/* Karn: no sample from what was sent again, but the backoff ends. */
	wire_ack(&w, 1901);
	tcp_conn_info(w.conn, &info);
	assert_int_equal(info.rto_us, 200000);
	wire_stop(&w);
}

static void test_nobody_answers(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 1000);
	wire_pass_ms(&w, 100000);
	assert_int_equal(w.closes, 0);
	wire_pass_ms(&w, 200000);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_TIMEOUT);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_reneging_all_is_sent_after_an_rto(void **state)
{
	RTE_SET_USED(state);
	start(true);
	wire_write(&w, 4000);
	wire_expect_run(&w, 1001, 4, 1000);
	wire_pass_ms(&w, 20);
	wire_sack(&w, 1001, (uint32_t[]){ 2001, 5001 }, 1);
	wire_expect(&w, ACK, 1001, 1, 1000);
	/* The hole is filled, and yet what was SACKed behind it is not acknowledged. */
	wire_pass_ms(&w, 20);
	wire_ack(&w, 2001);
	wire_pass_ms(&w, 300);
	wire_expect(&w, ACK, 2001, 1, 1000);
	wire_ack(&w, 3001);
	wire_expect(&w, ACK, 3001, 1, 1000);
	wire_expect(&w, ACK, 4001, 1, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_a_zero_window_is_probed_as_long_as_that_is_acked(void **state)
{
	uint64_t wait_ms = 200;

	RTE_SET_USED(state);
	start(false);
	w.is_window_closed = true;
	wire_ack(&w, 1001);
	wire_write(&w, 3000);
	wire_expect_none(&w);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before_us = w.now_us;

		while (w.out_count == w.out_first)
			wire_pass_ms(&w, 1);
		wire_expect(&w, ACK, 1000, 1, 0);
		assert_in_range((w.now_us - before_us) / 1000, wait_ms - 1, wait_ms + 1);
		wire_ack(&w, 1001);
		wire_expect_none(&w);
		wait_ms = RTE_MIN(2 * wait_ms, 60000u);
	}
	assert_int_equal(w.closes, 0);
	w.is_window_closed = false;
	wire_ack(&w, 1001);
	wire_expect_run(&w, 1001, 3, 1000);
	wire_stop(&w);
}

static void test_a_sliver_of_a_window_is_used_late(void **state)
{
	RTE_SET_USED(state);
	start(false);
	w.window = 100;
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1001 });
	wire_write(&w, 3000);
	wire_expect_none(&w);
	wire_pass_ms(&w, 210);
	wire_expect(&w, ACK, 1001, 1, 100);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_a_shrunken_window(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 5000);
	wire_expect_run(&w, 1001, 5, 1000);
	w.is_window_closed = true;
	wire_ack(&w, 2001);
	wire_pass_ms(&w, 1000);
	wire_forget(&w);
	w.is_window_closed = false;
	wire_ack(&w, 6001);
	assert_int_equal(tcp_unacked(w.conn), 0);
	wire_stop(&w);
}

static void icmp_too_big(uint32_t seq, uint16_t mtu)
{
	struct tcp_info info;
	struct packet_tuple quoted;

	tcp_conn_info(w.conn, &info);
	quoted = (struct packet_tuple){
		.src = info.tuple.dst,
		.dst = info.tuple.src,
		.src_port_be = info.tuple.dst_port_be,
		.dst_port_be = info.tuple.src_port_be,
		.protocol = IPPROTO_TCP,
	};
	tcp_icmp_error(w.stack, &quoted, seq + w.iss, true, mtu, w.now_us);
	tcp_advance(w.stack, w.now_us);
}

static void test_icmp_too_big_out_of_the_window_is_ignored(void **state)
{
	struct tcp_info info;

	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 2000);
	wire_expect_run(&w, 1001, 2, 1000);
	/* RFC 5927 4: numbers that are not on their way are not believed. */
	icmp_too_big(1000, 600);
	icmp_too_big(3001, 600);
	icmp_too_big(900000, 600);
	wire_expect_none(&w);
	tcp_conn_info(w.conn, &info);
	assert_int_equal(info.mss, 1000);
	assert_int_equal(tcp_counters(w.stack)->icmp_ignored, 3);
	wire_stop(&w);
}

static void test_icmp_too_big_makes_segments_smaller(void **state)
{
	RTE_SET_USED(state);
	start(false);
	wire_write(&w, 2000);
	wire_expect_run(&w, 1001, 2, 1000);
	icmp_too_big(1001, 600);
	wire_expect(&w, ACK, 1001, 1, 560);
	wire_expect(&w, ACK, 1561, 1, 440);
	wire_expect(&w, ACK, 2001, 1, 560);
	wire_expect(&w, ACK, 2561, 1, 440);
	wire_expect_none(&w);
	/* Absurdly small: held at the floor of 552. */
	icmp_too_big(1001, 68);
	wire_expect(&w, ACK, 1001, 1, 512);
	wire_stop(&w);
}

static void test_short_writes_wake_up_at_half(void **state)
{
	struct tcp_params params = { .send_buffer = 20000 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open(&w, NULL);
	assert_int_equal(tcp_write_space(w.conn), 20000);
	assert_int_equal(tcp_write(w.conn, bytes, 30000), 20000);
	assert_int_equal(tcp_write_space(w.conn), 0);
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
	wire_ack(&w, 9001);
	assert_int_equal(w.writables, 0);
	wire_ack(&w, 10001);
	assert_int_equal(w.writables, 1);
	wire_forget(&w);
	wire_ack(&w, 12001);
	assert_int_equal(w.writables, 1);
	wire_stop(&w);
}

static void test_partial_acks_within_a_segment(void **state)
{
	RTE_SET_USED(state);
	start(false);
	for (unsigned i = 0; i < 1000; i++)
		bytes[i] = (char)('a' + i % 26);
	assert_int_equal(tcp_write(w.conn, bytes, 1000), 1000);
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_ack(&w, 1301);
	wire_pass_ms(&w, 300);
	wire_expect(&w, ACK, 1301, 1, 700);
	assert_memory_equal(w.out_data[w.out_first - 1], bytes + 300, 16);
	memset(bytes, 0, 1000);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initial_window_is_ten_segments),
		cmocka_unit_test(test_peers_mss_less_options),
		cmocka_unit_test(test_our_mtu_limits_segments),
		cmocka_unit_test(test_writes_of_a_burst_share_segments),
		cmocka_unit_test(test_three_duplicate_acks_bring_one_retransmission),
		cmocka_unit_test(test_a_partial_ack_names_the_next_hole),
		cmocka_unit_test(test_limited_transmit),
		cmocka_unit_test(test_sack_only_holes_are_sent_again),
		cmocka_unit_test(test_a_late_segment_is_given_time),
		cmocka_unit_test(test_a_lost_tail_is_probed),
		cmocka_unit_test(test_rto_doubles),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_reneging_all_is_sent_after_an_rto),
		cmocka_unit_test(test_a_zero_window_is_probed_as_long_as_that_is_acked),
		cmocka_unit_test(test_a_sliver_of_a_window_is_used_late),
		cmocka_unit_test(test_a_shrunken_window),
		cmocka_unit_test(test_icmp_too_big_makes_segments_smaller),
		cmocka_unit_test(test_icmp_too_big_out_of_the_window_is_ignored),
		cmocka_unit_test(test_short_writes_wake_up_at_half),
		cmocka_unit_test(test_partial_acks_within_a_segment),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
