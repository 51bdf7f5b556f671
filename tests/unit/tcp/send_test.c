/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "wire.h"

static struct wire w;
static char bytes[1 << 18];

static void ack(uint32_t number)
{
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = number });
}

static void sack(uint32_t number, const uint32_t *edges, unsigned blocks)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = number };

	wire_put_sack(&w, &seg, edges, blocks);
	wire_send(&w, seg);
}

static void write_bytes(size_t len)
{
	assert_int_equal(tcp_write(w.conn, bytes, len), len);
	tcp_advance(w.stack, w.now_us);
}

/* So many full segments of 1000 from this number on. */
static void expect_run(uint32_t from, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		wire_expect(&w, ACK, from + 1000 * i, 1, 1000);
}

/* Open with MSS 1000, one round trip of 20 ms measured, cwnd ten segments. */
static void start(bool has_sack)
{
	wire_start(&w, NULL);
	if (has_sack)
		wire_open_sack(&w);
	else
		wire_open(&w, NULL);
	write_bytes(1000);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_pass_ms(&w, 20);
	ack(1001);
	wire_expect_none(&w);
}

static void test_initial_window_is_ten_segments(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	write_bytes(50000);
	expect_run(1, 10);
	wire_expect_none(&w);
	/* Slow start: two for each that is acknowledged. */
	ack(2001);
	expect_run(10001, 4);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_peers_mss_less_options(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	write_bytes(2000);
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
	write_bytes(2000);
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
	write_bytes(10000);
	expect_run(1001, 10);
	ack(1001);
	ack(1001);
	wire_expect_none(&w);
	ack(1001);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, 1);
	/* More of them bring no more of it. */
	for (unsigned i = 0; i < 5; i++)
		ack(1001);
	wire_expect_none(&w);
	ack(11001);
	wire_pass_ms(&w, 5000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 1);
	wire_stop(&w);
}

static void test_a_partial_ack_names_the_next_hole(void **state)
{
	RTE_SET_USED(state);
	start(false);
	write_bytes(10000);
	expect_run(1001, 10);
	for (unsigned i = 0; i < 3; i++)
		ack(1001);
	wire_expect(&w, ACK, 1001, 1, 1000);
	ack(4001);
	wire_expect(&w, ACK, 4001, 1, 1000);
	wire_expect_none(&w);
	ack(7001);
	wire_expect(&w, ACK, 7001, 1, 1000);
	wire_expect_none(&w);
	/* All of the rest ends it. */
	ack(11001);
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
	write_bytes(14000);
	expect_run(1001, 10);
	ack(1001);
	expect_run(11001, 1);
	ack(1001);
	expect_run(12001, 1);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_sack_only_holes_are_sent_again(void **state)
{
	RTE_SET_USED(state);
	start(true);
	write_bytes(10000);
	expect_run(1001, 10);
	wire_pass_ms(&w, 20);
	/* Holes at 1001 and 4001. */
	sack(1001, (uint32_t[]){ 2001, 4001 }, 1);
	wire_expect_none(&w);
	sack(1001, (uint32_t[]){ 5001, 9001, 2001, 4001 }, 2);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect(&w, ACK, 4001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, 1);
	ack(11001);
	wire_pass_ms(&w, 5000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 2);
	wire_stop(&w);
}

static void test_a_late_segment_is_given_time(void **state)
{
	RTE_SET_USED(state);
	start(true);
	write_bytes(5000);
	expect_run(1001, 5);
	wire_pass_ms(&w, 20);
	/* One behind is no proof of loss: RACK waits a quarter of the round trip. */
	sack(1001, (uint32_t[]){ 2001, 3001 }, 1);
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
	write_bytes(3000);
	expect_run(1001, 3);
	/* 2 SRTT, not an RTO. */
	wire_pass_ms(&w, 38);
	wire_expect_none(&w);
	wire_pass_ms(&w, 4);
	wire_expect(&w, ACK, 3001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->tail_probes, 1);
	/* Its SACK shows that what came before is lost. */
	wire_pass_ms(&w, 20);
	sack(1001, (uint32_t[]){ 3001, 4001 }, 1);
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
	write_bytes(900);
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
	ack(1901);
	tcp_conn_info(w.conn, &info);
	assert_int_equal(info.rto_us, 200000);
	wire_stop(&w);
}

static void test_nobody_answers(void **state)
{
	RTE_SET_USED(state);
	start(false);
	write_bytes(1000);
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
	write_bytes(4000);
	expect_run(1001, 4);
	wire_pass_ms(&w, 20);
	sack(1001, (uint32_t[]){ 2001, 5001 }, 1);
	wire_expect(&w, ACK, 1001, 1, 1000);
	/* The hole is filled, and yet what was SACKed behind it is not acknowledged. */
	wire_pass_ms(&w, 20);
	ack(2001);
	wire_pass_ms(&w, 300);
	wire_expect(&w, ACK, 2001, 1, 1000);
	ack(3001);
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
	ack(1001);
	write_bytes(3000);
	wire_expect_none(&w);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before_us = w.now_us;

		while (w.out_count == w.out_first)
			wire_pass_ms(&w, 1);
		wire_expect(&w, ACK, 1000, 1, 0);
		assert_in_range((w.now_us - before_us) / 1000, wait_ms - 1, wait_ms + 1);
		ack(1001);
		wire_expect_none(&w);
		wait_ms = RTE_MIN(2 * wait_ms, 60000u);
	}
	assert_int_equal(w.closes, 0);
	w.is_window_closed = false;
	ack(1001);
	expect_run(1001, 3);
	wire_stop(&w);
}

static void test_a_sliver_of_a_window_is_used_late(void **state)
{
	RTE_SET_USED(state);
	start(false);
	w.window = 100;
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1001 });
	write_bytes(3000);
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
	write_bytes(5000);
	expect_run(1001, 5);
	w.is_window_closed = true;
	ack(2001);
	wire_pass_ms(&w, 1000);
	wire_forget(&w);
	w.is_window_closed = false;
	ack(6001);
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
	write_bytes(2000);
	expect_run(1001, 2);
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
	write_bytes(2000);
	expect_run(1001, 2);
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
	ack(9001);
	assert_int_equal(w.writables, 0);
	ack(10001);
	assert_int_equal(w.writables, 1);
	wire_forget(&w);
	ack(12001);
	assert_int_equal(w.writables, 1);
	wire_stop(&w);
}

static void test_partial_acks_within_a_segment(void **state)
{
	RTE_SET_USED(state);
	start(false);
	for (unsigned i = 0; i < 1000; i++)
		bytes[i] = (char)('a' + i % 26);
	write_bytes(1000);
	wire_expect(&w, ACK, 1001, 1, 1000);
	ack(1301);
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
