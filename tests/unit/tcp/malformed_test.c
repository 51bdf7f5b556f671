/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "wire.h"

static struct wire w;

#define IP_AT  sizeof(struct rte_ether_hdr)
#define TCP_AT (IP_AT + sizeof(struct rte_ipv4_hdr))

static void checksum_fix(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + IP_AT);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame + TCP_AT);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

static uint64_t dropped(enum drop_reason reason)
{
	return w.core.drops.counts[reason];
}

static void test_data_offset_below_five_or_past_the_end(void **state)
{
	struct wire_seg seg = {
		.flags = ACK | PSH, .seq = 1, .ack = 1, .data = "data", .window = 1000
	};
	static const uint8_t offsets[] = { 0, 4, 15 };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	for (unsigned i = 0; i < RTE_DIM(offsets); i++) {
		uint8_t frame[2048];
		size_t len = wire_frame(&w, &seg, frame);

		frame[TCP_AT + 12] = (uint8_t)(offsets[i] << 4);
		checksum_fix(frame);
		wire_input(&w, frame, len);
	}
	assert_int_equal(dropped(DROP_parse_l4_header), 3);
	assert_int_equal(w.received_len, 0);
	wire_expect_none(&w);
	wire_stop(&w);
}

/* An option that breaks off the list: counted, what stands behind it ignored, the data taken. */
static void bad_option_run(const uint8_t options[4])
{
	struct wire_seg seg = {
		.flags = ACK | PSH, .seq = 1, .ack = 1, .data = "data", .options_len = 4
	};

	wire_start(&w, NULL);
	wire_open(&w, NULL);
	memcpy(seg.options, options, 4);
	wire_send(&w, seg);
	assert_int_equal(tcp_counters(w.stack)->bad_options, 1);
	assert_int_equal(w.received_len, 4);
	assert_memory_equal(w.received, "data", 4);
	wire_stop(&w);
}

static void test_option_of_length_0(void **state)
{
	RTE_SET_USED(state);
	bad_option_run((uint8_t[]){ 2, 0, 1, 1 });
}

static void test_option_of_length_1(void **state)
{
	RTE_SET_USED(state);
	bad_option_run((uint8_t[]){ 2, 1, 1, 1 });
}

static void test_option_past_the_end(void **state)
{
	RTE_SET_USED(state);
	bad_option_run((uint8_t[]){ 2, 40, 1, 1 });
	bad_option_run((uint8_t[]){ 1, 1, 2, 3 });
	/* Cut off behind its kind. */
	bad_option_run((uint8_t[]){ 1, 1, 1, 8 });
}

static void test_unknown_options_are_skipped(void **state)
{
	struct wire_seg syn = { .flags = SYN,
		.options_len = 12,
		.options = { 253, 4, 9, 9, 34, 2, 2, 4, 1000 >> 8, 1000 & 0xff, 0, 99 } };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, &syn);
	assert_int_equal(tcp_counters(w.stack)->bad_options, 0);
	assert_int_equal(tcp_write(w.conn, syn.options, 12), 12);
	wire_stop(&w);
}

static void test_options_of_odd_lengths_mean_nothing(void **state)
{
	struct wire_seg syn = { .flags = SYN,
		.options_len = 20,
		.options = { 2, 3, 9, 3, 4, 1, 1, 4, 3, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0 } };
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, syn);
	answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_int_equal(answer->options_len, 4);
	wire_stop(&w);
}

static void test_a_bad_checksum_is_dropped(void **state)
{
	struct wire_seg seg = {
		.flags = ACK | PSH, .seq = 1, .ack = 1, .data = "data", .window = 1000
	};
	uint8_t frame[2048];
	size_t len;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	len = wire_frame(&w, &seg, frame);
	frame[len - 1] ^= 1;
	wire_input(&w, frame, len);
	assert_int_equal(dropped(DROP_parse_l4_checksum), 1);
	assert_int_equal(w.received_len, 0);
	wire_stop(&w);
}

static void test_ip_length_past_the_frame(void **state)
{
	struct wire_seg seg = {
		.flags = ACK | PSH, .seq = 1, .ack = 1, .data = "data", .window = 1000
	};
	uint8_t frame[2048];
	size_t len;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	len = wire_frame(&w, &seg, frame);
	wire_input(&w, frame, len - 2);
	assert_int_equal(dropped(DROP_parse_ip_header), 1);
	assert_int_equal(w.received_len, 0);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_ethernet_padding_is_no_data(void **state)
{
	struct wire_seg seg = {
		.flags = ACK | PSH, .seq = 1, .ack = 1, .data = "ab", .window = 1000
	};
	uint8_t frame[2048];
	size_t len;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	len = wire_frame(&w, &seg, frame);
	memset(frame + len, 'P', 60);
	wire_input(&w, frame, 60 > len ? 60 : len + 4);
	assert_int_equal(w.received_len, 2);
	assert_memory_equal(w.received, "ab", 2);
	/* A bare ACK, padded. */
	seg = (struct wire_seg){ .flags = ACK, .seq = 3, .ack = 1, .window = 1000 };
	len = wire_frame(&w, &seg, frame);
	memset(frame + len, 'P', 60);
	wire_input(&w, frame, 60);
	assert_int_equal(w.received_len, 2);
	wire_stop(&w);
}

static void test_sack_blocks_that_lie_are_ignored(void **state)
{
	static const uint32_t rows[][2] = {
		{ 2001, 90001 },   /* beyond what was sent */
		{ 2001, 2001 },    /* empty */
		{ 3001, 2001 },    /* backwards */
		{ 1 - 70000u, 2 }, /* from long ago into the present */
	};
	static char bytes[5000];

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = 1 };

		wire_start(&w, NULL);
		wire_open_sack(&w);
		assert_int_equal(tcp_write(w.conn, bytes, sizeof(bytes)), sizeof(bytes));
		tcp_advance(w.stack, w.now_us);
		wire_forget(&w);
		for (unsigned j = 0; j < 5; j++) {
			seg.options_len = 0;
			wire_put_sack(&w, &seg, rows[i], 1);
			wire_send(&w, seg);
		}
		wire_expect_none(&w);
		wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 5001 });
		assert_int_equal(tcp_unacked(w.conn), 0);
		wire_stop(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_offset_below_five_or_past_the_end),
		cmocka_unit_test(test_option_of_length_0),
		cmocka_unit_test(test_option_of_length_1),
		cmocka_unit_test(test_option_past_the_end),
		cmocka_unit_test(test_unknown_options_are_skipped),
		cmocka_unit_test(test_options_of_odd_lengths_mean_nothing),
		cmocka_unit_test(test_a_bad_checksum_is_dropped),
		cmocka_unit_test(test_ip_length_past_the_frame),
		cmocka_unit_test(test_ethernet_padding_is_no_data),
		cmocka_unit_test(test_sack_blocks_that_lie_are_ignored),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
