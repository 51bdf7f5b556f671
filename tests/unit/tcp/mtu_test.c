/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* A path that swallows large segments without a word (RFC 4821). */

static struct wire w;
static char bytes[1 << 18];
static uint32_t path_max; /* larger payloads vanish */
static uint32_t arrived;  /* what the peer has, in order */
static uint32_t largest;  /* payload that arrived lately */

static const struct wire_seg syn_1460 = {
	.flags = SYN, .options = { 2, 4, 1460 >> 8, 1460 & 0xff, 1, 1, 4, 2 }, .options_len = 8
};

/* The peer takes what gets through: acknowledges in order, SACKs one block behind a hole. */
static void peer_answer(void)
{
	uint32_t start = 0, end = 0;
	struct wire_seg seg = { .flags = ACK, .seq = 1 };

	for (; w.out_first < w.out_count; w.out_first++) {
		uint32_t seq = w.out[w.out_first].seq - w.iss, len = w.out[w.out_first].len;

		if (len == 0 || len > path_max || seq < arrived)
			continue;
		largest = RTE_MAX(largest, len);
		if (seq == arrived) {
			arrived += len;
		} else if (end == 0) {
			start = seq;
			end = seq + len;
		} else if (seq == end) {
			end += len;
		}
	}
	wire_forget(&w);
	if (end != 0 && start == arrived) {
		arrived = end;
		end = 0;
	}
	seg.ack = arrived;
	if (end != 0)
		wire_put_sack(&w, &seg, (uint32_t[]){ start, end }, 1);
	wire_send(&w, seg);
}

static void run(unsigned steps, unsigned step_ms)
{
	for (unsigned i = 0; i < steps; i++) {
		if (tcp_unacked(w.conn) < 60000)
			tcp_write(w.conn, bytes, 60000);
		tcp_advance(w.stack, w.now_us);
		wire_pass_ms(&w, step_ms);
		peer_answer();
	}
}

static void drain(void)
{
	for (unsigned i = 0; i < 100; i++) {
		wire_pass_ms(&w, 20);
		peer_answer();
	}
	assert_int_equal(tcp_unacked(w.conn), 0);
}

/* A round trip of 20 ms is known before the path gets narrow. */
static void start(bool is_v6, uint32_t max)
{
	wire_start(&w, NULL);
	w.is_v6 = is_v6;
	path_max = 1460;
	arrived = 1;
	wire_open(&w, &syn_1460);
	run(5, 20);
	path_max = max;
	largest = 0;
}

static void test_a_black_hole_is_found_and_left(void **state)
{
	RTE_SET_USED(state);
	start(false, 1200);
	run(400, 20);
	assert_true(tcp_counters(w.stack)->mtu_black_holes >= 1);
	assert_in_range(wire_info(&w).mss, 900, 1200);
	assert_true(largest > 0);
	wire_stop(&w);
}

static void test_an_ipv6_black_hole_ends_at_1280(void **state)
{
	RTE_SET_USED(state);
	start(true, 1220);
	run(200, 20);
	assert_int_equal(tcp_counters(w.stack)->mtu_black_holes, 1);
	assert_int_equal(wire_info(&w).mss, 1220);
	assert_int_equal(largest, 1220);
	wire_stop(&w);
}

/* The search ends within a step of what the path takes, and costs no window. */
static void test_the_search_finds_what_the_path_takes(void **state)
{
	uint32_t ssthresh, losses;

	RTE_SET_USED(state);
	start(false, 1300);
	run(90, 20);
	assert_int_equal(tcp_counters(w.stack)->mtu_black_holes, 1);
	ssthresh = wire_info(&w).ssthresh;
	losses = tcp_counters(w.stack)->fast_retransmits;
	run(1000, 20);
	assert_in_range(wire_info(&w).mss, 1300 - 32, 1300);
	assert_in_range(largest, 1300 - 32, 1300);
	assert_true(wire_info(&w).ssthresh >= ssthresh);
	assert_true(tcp_counters(w.stack)->mtu_probes > tcp_counters(w.stack)->mtu_probes_ok);
	assert_int_equal(tcp_counters(w.stack)->fast_retransmits, losses);
	wire_stop(&w);
}

/* It was an outage: the first probe is of full size again. */
static void test_after_an_outage_the_old_size_comes_back(void **state)
{
	RTE_SET_USED(state);
	start(false, 0);
	run(100, 20);
	assert_true(wire_info(&w).mss < 1460);
	path_max = 1460;
	run(400, 20);
	assert_int_equal(wire_info(&w).mss, 1460);
	assert_int_equal(tcp_counters(w.stack)->mtu_probes, 1);
	assert_int_equal(tcp_counters(w.stack)->mtu_probes_ok, 1);
	wire_stop(&w);
}

/* RFC 8201 4: what ICMP told may change; ten minutes later a larger one is tried. */
static void test_ten_minutes_after_icmp_a_larger_one_is_tried(void **state)
{
	struct packet_tuple quoted = { .protocol = 6 };

	RTE_SET_USED(state);
	start(false, 1460);
	run(10, 20);
	tcp_write(w.conn, bytes, 5000);
	tcp_advance(w.stack, w.now_us);
	quoted.src = wire_info(&w).tuple.dst;
	quoted.dst = wire_info(&w).tuple.src;
	quoted.src_port_be = wire_info(&w).tuple.dst_port_be;
	quoted.dst_port_be = wire_info(&w).tuple.src_port_be;
	tcp_icmp_error(w.stack, &quoted, w.iss + arrived, true, 1400, w.now_us);
	assert_int_equal(wire_info(&w).mss, 1360);
	assert_int_equal(tcp_counters(w.stack)->mtu_icmp, 1);
	run(1000, 20);
	assert_int_equal(wire_info(&w).mss, 1360);
	drain();
	wire_pass_ms(&w, 600000);
	run(100, 20);
	assert_int_equal(wire_info(&w).mss, 1460);
	wire_stop(&w);
}

static void test_short_segments_are_no_suspects(void **state)
{
	RTE_SET_USED(state);
	start(false, 1460);
	drain();
	path_max = 0;
	tcp_write(w.conn, bytes, 1000);
	tcp_advance(w.stack, w.now_us);
	wire_pass_ms(&w, 30000);
	assert_int_equal(tcp_counters(w.stack)->mtu_black_holes, 0);
	assert_int_equal(wire_info(&w).mss, 1460);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_black_hole_is_found_and_left),
		cmocka_unit_test(test_an_ipv6_black_hole_ends_at_1280),
		cmocka_unit_test(test_the_search_finds_what_the_path_takes),
		cmocka_unit_test(test_after_an_outage_the_old_size_comes_back),
		cmocka_unit_test(test_ten_minutes_after_icmp_a_larger_one_is_tried),
		cmocka_unit_test(test_short_segments_are_no_suspects),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
