/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "base/rng.h"
#include "wire.h"

static struct wire w;

static void data_send(uint32_t seq, const char *data)
{
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = seq, .ack = 1, .data = data });
}

static void expect_sack(const struct wire_seg *seg, const uint32_t *edges, unsigned blocks)
{
	const uint8_t *option = wire_option(seg, 5);

	if (blocks == 0) {
		assert_null(option);
		return;
	}
	assert_non_null(option);
	assert_int_equal(option[1], 2 + 8 * blocks);
	for (unsigned i = 0; i < 2 * blocks; i++)
		assert_int_equal(wire_word(option + 2 + 4 * i) - w.peer_isn, edges[i]);
}

static void test_ack_is_delayed_but_not_long(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	data_send(1, "a");
	wire_expect_none(&w);
	wire_pass_ms(&w, 39);
	wire_expect_none(&w);
	wire_pass_ms(&w, 3);
	wire_expect(&w, ACK, 1, 2, 0);
	wire_stop(&w);
}

static void test_every_second_segment_is_acked(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	for (uint32_t i = 0; i < 5; i++) {
		wire_send(&w,
			(struct wire_seg){
				.flags = ACK, .seq = 1 + 2000 * i, .ack = 1, .len = 1000 });
		wire_expect_none(&w);
		wire_send(&w,
			(struct wire_seg){
				.flags = ACK, .seq = 1001 + 2000 * i, .ack = 1, .len = 1000 });
		wire_expect(&w, ACK, 1, 2001 + 2000 * i, 0);
	}
	assert_int_equal(w.received_len, 10000);
	wire_stop(&w);
}

static void test_a_hole_is_told_at_once_newest_block_first(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	data_send(11, "bbbbbbbbbb");
	expect_sack(wire_expect(&w, ACK, 1, 1, 0), (uint32_t[]){ 11, 21 }, 1);
	data_send(31, "dddddddddd");
	expect_sack(wire_expect(&w, ACK, 1, 1, 0), (uint32_t[]){ 31, 41, 11, 21 }, 2);
	data_send(51, "ffffffffff");
	expect_sack(wire_expect(&w, ACK, 1, 1, 0), (uint32_t[]){ 51, 61, 31, 41, 11, 21 }, 3);
	/* Joins two blocks: the one that it made is the newest. */
	data_send(21, "cccccccccc");
	expect_sack(wire_expect(&w, ACK, 1, 1, 0), (uint32_t[]){ 11, 41, 51, 61 }, 2);
	wire_stop(&w);
}

static void test_a_filled_hole_is_acked_at_once(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	data_send(11, "bbbbbbbbbbccccccccccdddddddddd");
	data_send(51, "ffffffffff");
	wire_forget(&w);
	data_send(1, "aaaaaaaaaa");
	expect_sack(wire_expect(&w, ACK, 1, 41, 0), (uint32_t[]){ 51, 61 }, 1);
	data_send(41, "eeeeeeeeee");
	expect_sack(wire_expect(&w, ACK, 1, 61, 0), NULL, 0);
	assert_memory_equal(
		w.received, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff", 60);
	wire_stop(&w);
}

static void test_a_duplicate_is_acked_with_dsack(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	data_send(1, "aaaaaaaaaa");
	wire_pass_ms(&w, 50);
	wire_expect(&w, ACK, 1, 11, 0);
	data_send(1, "aaaaaaaaaa");
	expect_sack(wire_expect(&w, ACK, 1, 11, 0), (uint32_t[]){ 1, 11 }, 1);
	/* Half old, half new. */
	data_send(6, "aaaaabbbbb");
	expect_sack(wire_expect(&w, ACK, 1, 16, 0), (uint32_t[]){ 6, 11 }, 1);
	assert_memory_equal(w.received, "aaaaaaaaaabbbbb", 15);
	assert_int_equal(tcp_counters(w.stack)->duplicates, 2);
	wire_stop(&w);
}

static void permutation_run(const unsigned order[5])
{
	static const char *const parts[] = { "alpha", "bravo", "charl", "delta", "echoo" };

	wire_start(&w, NULL);
	wire_open_sack(&w);
	for (unsigned i = 0; i < 5; i++)
		data_send(1 + 5 * order[i], parts[order[i]]);
	assert_int_equal(w.received_len, 25);
	assert_memory_equal(w.received, "alphabravocharldeltaechoo", 25);
	wire_stop(&w);
}

static void permute(unsigned order[5], unsigned fixed)
{
	if (fixed == 5) {
		permutation_run(order);
		return;
	}
	for (unsigned i = fixed; i < 5; i++) {
		unsigned held = order[fixed];

		order[fixed] = order[i];
		order[i] = held;
		permute(order, fixed + 1);
		order[i] = order[fixed];
		order[fixed] = held;
	}
}

static void test_all_permutations_of_five_segments(void **state)
{
	unsigned order[5] = { 0, 1, 2, 3, 4 };

	RTE_SET_USED(state);
	permute(order, 0);
}

static void test_overlaps_the_first_byte_wins(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	data_send(6, "BBBBB");
	data_send(16, "DDDDD");
	/* Over both, and over the hole before them. */
	data_send(1, "xxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_int_equal(w.received_len, 25);
	assert_memory_equal(w.received, "xxxxxBBBBBxxxxxDDDDDxxxxx", 25);
	wire_stop(&w);
}

static void test_random_overlaps_give_the_stream(void **state)
{
	struct rng rng = { .state = 7 };
	static char stream[3001];

	RTE_SET_USED(state);
	for (unsigned i = 0; i < 3000; i++)
		stream[i] = (char)('a' + i % 23);
	for (unsigned round = 0; round < 20; round++) {
		wire_start(&w, NULL);
		wire_open_sack(&w);
		while (w.received_len < 3000) {
			uint32_t at = rng_below(&rng, 3000);
			uint32_t len = 1 + rng_below(&rng, RTE_MIN(600u, 3000 - at));
			char piece[601];

			memcpy(piece, stream + at, len);
			piece[len] = '\0';
			data_send(1 + at, piece);
			wire_forget(&w);
		}
		assert_memory_equal(w.received, stream, 3000);
		wire_stop(&w);
	}
}

static void test_beyond_the_window_is_trimmed(void **state)
{
	struct tcp_params params = { .receive_window = 2000 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	w.is_reading = false;
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .len = 1400 });
	wire_expect_none(&w);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1401, .ack = 1, .len = 1000 });
	assert_int_equal(wire_expect(&w, ACK, 1, 2001, 0)->window, 0);
	assert_int_equal(tcp_readable(w.conn), 2000);
	/* And wholly beyond. */
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 2001, .ack = 1, .len = 1000 });
	wire_expect(&w, ACK, 1, 2001, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 9000, .ack = 1, .len = 1000 });
	wire_expect(&w, ACK, 1, 2001, 0);
	assert_int_equal(tcp_readable(w.conn), 2000);
	wire_stop(&w);
}

static void test_a_window_opens_without_silliness(void **state)
{
	struct tcp_params params = { .receive_window = 8000 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	w.is_reading = false;
	wire_open(&w, NULL);
	for (uint32_t i = 0; i < 8; i++)
		wire_send(&w,
			(struct wire_seg){
				.flags = ACK, .seq = 1 + 1000 * i, .ack = 1, .len = 1000 });
	assert_int_equal(w.out[w.out_count - 1].window, 0);
	wire_forget(&w);
	tcp_consume(w.conn, 500);
	tcp_advance(w.stack, w.now_us);
	wire_expect_none(&w);
	/* A probe before that is answered with a closed window still. */
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 8001, .ack = 1, .len = 1 });
	assert_int_equal(wire_expect(&w, ACK, 1, 8001, 0)->window, 0);
	tcp_consume(w.conn, 1500);
	tcp_advance(w.stack, w.now_us);
	assert_int_equal(wire_expect(&w, ACK, 1, 8001, 0)->window, 2000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_without_ack_flag_nothing_is_taken(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = PSH, .seq = 1, .data = "x" });
	wire_expect_none(&w);
	assert_int_equal(w.received_len, 0);
	wire_stop(&w);
}

static void test_ack_of_the_unsent_is_answered_and_dropped(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 2, .data = "x" });
	wire_expect(&w, ACK, 1, 1, 0);
	assert_int_equal(w.received_len, 0);
	wire_stop(&w);
}

static void test_a_very_old_ack_is_challenged(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 - 70000u, .data = "x" });
	wire_expect(&w, ACK, 1, 1, 0);
	assert_int_equal(tcp_counters(w.stack)->challenge_acks, 1);
	assert_int_equal(w.received_len, 0);
	wire_stop(&w);
}

static void ts_send(uint32_t seq, uint32_t tsval, const char *data)
{
	struct wire_seg seg = { .flags = ACK, .seq = seq, .ack = 1, .data = data };

	wire_put_ts(&seg, tsval, 0);
	wire_send(&w, seg);
}

static void test_an_old_timestamp_is_acked_and_dropped(void **state)
{
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	ts_send(1, 99, "old");
	answer = wire_expect(&w, ACK, 1, 1, 0);
	assert_int_equal(wire_word(wire_option(answer, 8) + 6), 100);
	assert_int_equal(w.received_len, 0);
	assert_int_equal(tcp_counters(w.stack)->paws_drops, 1);
	/* None at all is silently dropped (RFC 7323 3.2). */
	data_send(1, "none");
	wire_expect_none(&w);
	ts_send(1, 100, "same");
	assert_int_equal(w.received_len, 4);
	wire_stop(&w);
}

static void test_after_24_days_any_timestamp_is_taken(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	w.now_us += 25ull * 24 * 3600 * 1000000;
	ts_send(1, 50, "young");
	assert_int_equal(w.received_len, 5);
	wire_stop(&w);
}

static void test_a_delayed_ack_echoes_the_earliest(void **state)
{
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	ts_send(1, 110, "a");
	ts_send(2, 120, "b");
	answer = wire_expect(&w, ACK, 1, 3, 0);
	assert_int_equal(wire_word(wire_option(answer, 8) + 6), 110);
	wire_stop(&w);
}

static void test_urgent_data_is_inline(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK | 0x20, .seq = 1, .ack = 1, .data = "abc" });
	assert_memory_equal(w.received, "abc", 3);
	wire_stop(&w);
}

static void test_sequence_numbers_wrap(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.peer_isn = UINT32_MAX - 12;
	wire_open_sack(&w);
	data_send(11, "bbbbbbbbbb");
	data_send(1, "aaaaaaaaaa");
	data_send(21, "cccccccccc");
	assert_memory_equal(w.received, "aaaaaaaaaabbbbbbbbbbcccccccccc", 30);
	wire_stop(&w);
}

static void test_small_segments_do_not_pin_a_buffer_each(void **state)
{
	struct tcp_usage usage;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.is_reading = false;
	wire_open(&w, NULL);
	for (uint32_t i = 0; i < 1000; i++) {
		data_send(1 + i, "x");
		wire_forget(&w);
	}
	tcp_usage(w.stack, &usage);
	assert_true(usage.mbufs_held <= 2);
	assert_int_equal(tcp_readable(w.conn), 1000);
	wire_stop(&w);
}

static void test_out_of_order_data_is_bounded(void **state)
{
	struct tcp_params params = { .receive_window = 65535 };
	struct tcp_usage usage;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open_sack(&w);
	for (uint32_t i = 1; i < 500; i++) {
		data_send(1 + 2 * i, "x");
		wire_forget(&w);
	}
	tcp_usage(w.stack, &usage);
	assert_int_equal(usage.mbufs_held, 64);
	assert_int_equal(tcp_counters(w.stack)->memory_drops, 499 - 64);
	/* The hole itself always has room. */
	data_send(1, "aa");
	assert_int_equal(w.received_len, 3);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ack_is_delayed_but_not_long),
		cmocka_unit_test(test_every_second_segment_is_acked),
		cmocka_unit_test(test_a_hole_is_told_at_once_newest_block_first),
		cmocka_unit_test(test_a_filled_hole_is_acked_at_once),
		cmocka_unit_test(test_a_duplicate_is_acked_with_dsack),
		cmocka_unit_test(test_all_permutations_of_five_segments),
		cmocka_unit_test(test_overlaps_the_first_byte_wins),
		cmocka_unit_test(test_random_overlaps_give_the_stream),
		cmocka_unit_test(test_beyond_the_window_is_trimmed),
		cmocka_unit_test(test_a_window_opens_without_silliness),
		cmocka_unit_test(test_without_ack_flag_nothing_is_taken),
		cmocka_unit_test(test_ack_of_the_unsent_is_answered_and_dropped),
		cmocka_unit_test(test_a_very_old_ack_is_challenged),
		cmocka_unit_test(test_an_old_timestamp_is_acked_and_dropped),
		cmocka_unit_test(test_after_24_days_any_timestamp_is_taken),
		cmocka_unit_test(test_a_delayed_ack_echoes_the_earliest),
		cmocka_unit_test(test_urgent_data_is_inline),
		cmocka_unit_test(test_sequence_numbers_wrap),
		cmocka_unit_test(test_small_segments_do_not_pin_a_buffer_each),
		cmocka_unit_test(test_out_of_order_data_is_bounded),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
