/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "wire.h"

/* The receive window grows with what is read in a round trip, and never takes back what it gave. */
static struct wire w;
static uint32_t next_seq;
static uint32_t edge; /* the highest that was promised, counted as next_seq is */

#define RTT_MS  20
#define WINDOW  16384u
#define HIGHEST 131072u
#define LEN     988

/* The window scale of 131072 is 2. */
#define SCALE 2

static void edge_note(const struct wire_seg *seg)
{
	uint32_t told = seg->ack - w.peer_isn + ((uint32_t)seg->window << SCALE);

	assert_true((int32_t)(told - edge) >= 0);
	edge = told;
}

/* What we sent promises what it promised before, or more; returns our last timestamp. */
static uint32_t answers_look(uint32_t tsval)
{
	while (w.out_first < w.out_count) {
		const struct wire_seg *seg = &w.out[w.out_first++];
		const uint8_t *ts = wire_option(seg, 8);

		if (!(seg->flags & SYN))
			edge_note(seg);
		if (ts != NULL)
			tsval = wire_word(ts + 2);
	}
	wire_forget(&w);
	return tsval;
}

static void start(uint32_t highest, bool has_ts)
{
	struct tcp_params params = { .receive_window = WINDOW, .receive_window_max = highest };

	wire_start(&w, &params);
	next_seq = 1;
	edge = 1;
	if (has_ts)
		wire_open_ts(&w);
	else
		wire_open(&w,
			&(struct wire_seg){ .flags = SYN,
				.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 3, 3, 0 },
				.options_len = 8 });
	wire_forget(&w);
}

/* A round trip in which the peer sends so many bytes at once. */
static uint32_t round_run(uint32_t bytes, uint32_t tsecr)
{
	uint32_t last = next_seq + bytes;

	w.received_len = 0;
	for (; next_seq < last; next_seq += LEN) {
		struct wire_seg seg = { .flags = ACK,
			.seq = next_seq,
			.ack = 1,
			.len = RTE_MIN(LEN, last - next_seq) };

		if (tsecr != 0)
			wire_put_ts(&seg, 200, tsecr);
		wire_send(&w, seg);
	}
	next_seq = last;
	tsecr = answers_look(tsecr);
	wire_pass_ms(&w, RTT_MS);
	return answers_look(tsecr);
}

/* Our timestamp, as a peer knows it after the handshake. */
static uint32_t first_echo(void)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = 1, .len = 1 };

	wire_put_ts(&seg, 200, 0);
	wire_send(&w, seg);
	next_seq = 2;
	wire_pass_ms(&w, 100);
	return answers_look(0);
}

static void test_it_grows_with_what_is_read(void **state)
{
	uint32_t echo, window = WINDOW;

	RTE_SET_USED(state);
	start(HIGHEST, true);
	echo = first_echo();
	/* As a sender in slow start: it doubles, too. */
	for (unsigned i = 0; i < 8; i++) {
		echo = round_run(window / 2, echo);
		assert_true(wire_info(&w).receive_window >= window);
		window = wire_info(&w).receive_window;
	}
	assert_int_equal(window, HIGHEST);
	assert_int_equal(tcp_counters(w.stack)->windows_grown, 3);
	assert_int_equal(edge - next_seq, HIGHEST);
	wire_stop(&w);
}

static void test_a_slow_reader_gets_no_more(void **state)
{
	uint32_t echo;

	RTE_SET_USED(state);
	start(HIGHEST, true);
	echo = first_echo();
	w.is_reading = false;
	for (unsigned i = 0; i < 7; i++) {
		echo = round_run(2000, echo);
		tcp_consume(w.conn, 1000);
		tcp_advance(w.stack, w.now_us);
		assert_int_equal(wire_info(&w).receive_window, WINDOW);
	}
	assert_int_equal(tcp_counters(w.stack)->windows_grown, 0);
	wire_stop(&w);
}

static void test_a_sender_that_needs_no_more(void **state)
{
	uint32_t echo;

	RTE_SET_USED(state);
	start(HIGHEST, true);
	echo = first_echo();
	for (unsigned i = 0; i < 10; i++)
		echo = round_run(WINDOW / 5, echo);
	assert_int_equal(wire_info(&w).receive_window, WINDOW);
	wire_stop(&w);
}

static void test_without_timestamps_the_round_trip_is_as_measured(void **state)
{
	RTE_SET_USED(state);
	start(HIGHEST, false);
	/* Nothing of ours was answered: there is no round trip to go by. */
	for (unsigned i = 0; i < 3; i++)
		round_run(WINDOW / 2, 0);
	assert_int_equal(wire_info(&w).receive_window, WINDOW);
	wire_write(&w, 100);
	wire_forget(&w);
	wire_pass_ms(&w, RTT_MS);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = next_seq, .ack = 101 });
	assert_in_range(wire_info(&w).srtt_us, 20000, 21000);
	for (unsigned i = 0; i < 4; i++) {
		round_run(WINDOW / 2, 0);
		wire_pass_ms(&w, 5);
	}
	assert_int_equal(wire_info(&w).receive_window, 2 * WINDOW);
	wire_stop(&w);
}

static void test_it_is_off_unless_asked_for(void **state)
{
	uint32_t echo;

	RTE_SET_USED(state);
	start(0, true);
	edge = 0;
	echo = first_echo();
	for (unsigned i = 0; i < 4; i++)
		echo = round_run(WINDOW / 2, echo);
	assert_int_equal(wire_info(&w).receive_window, WINDOW);
	wire_stop(&w);
}

/* So little memory is there that a larger window could not be kept. */
static void test_the_budget_limits_it(void **state)
{
	struct tcp_params params = {
		.receive_window = WINDOW, .receive_window_max = HIGHEST, .mbufs_max = 320
	};
	uint32_t echo;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	next_seq = edge = 1;
	wire_open_ts(&w);
	echo = first_echo();
	for (unsigned i = 0; i < 8; i++)
		echo = round_run(WINDOW, echo);
	/* 140 buffers may be received: a quarter of them are 34580 bytes. */
	assert_int_equal(wire_info(&w).receive_window, 2 * WINDOW);
	wire_stop(&w);
}

/* Under pressure it goes back, but the edge that was promised stays: answers_look() checks. */
static void test_pressure_makes_it_smaller(void **state)
{
	struct tcp_params params = {
		.receive_window = WINDOW, .receive_window_max = HIGHEST, .mbufs_max = 640
	};
	uint32_t echo;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	next_seq = edge = 1;
	wire_open_ts(&w);
	echo = first_echo();
	for (unsigned i = 0; i < 8; i++)
		echo = round_run(WINDOW, echo);
	assert_int_equal(wire_info(&w).receive_window, 4 * WINDOW);
	/* Nobody reads any more: 64 KB wait, and more than half of the budget, in short segments.
	 */
	w.is_reading = false;
	for (unsigned i = 0; i < 150; i++) {
		struct wire_seg seg = { .flags = ACK, .seq = next_seq, .ack = 1, .len = 300 };

		wire_put_ts(&seg, 200, echo);
		wire_send(&w, seg);
		next_seq += 300;
		wire_pass_ms(&w, 1);
		echo = answers_look(echo);
	}
	assert_int_equal(wire_info(&w).receive_window, WINDOW);
	assert_int_equal(tcp_counters(w.stack)->windows_shrunk, 2);
	assert_int_equal(wire_info(&w).receive_queued, 150 * 300);
	wire_stop(&w);
}

/* The FIN's number stands where the round's bytes did. */
static void test_a_fin_behind_a_hole(void **state)
{
	struct wire_seg fin = { .flags = ACK | FIN, .ack = 1, .len = 100 };
	struct wire_seg hole = { .flags = ACK, .ack = 1, .len = 100 };
	uint32_t echo;

	RTE_SET_USED(state);
	start(HIGHEST, true);
	echo = first_echo();
	for (unsigned i = 0; i < 2; i++)
		echo = round_run(WINDOW / 2, echo);
	hole.seq = next_seq;
	fin.seq = next_seq + 100;
	wire_put_ts(&fin, 200, echo);
	wire_send(&w, fin);
	assert_false(w.is_eof);
	wire_pass_ms(&w, RTT_MS);
	wire_put_ts(&hole, 200, answers_look(echo));
	wire_send(&w, hole);
	assert_true(w.is_eof);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_grows_with_what_is_read),
		cmocka_unit_test(test_a_slow_reader_gets_no_more),
		cmocka_unit_test(test_a_sender_that_needs_no_more),
		cmocka_unit_test(test_without_timestamps_the_round_trip_is_as_measured),
		cmocka_unit_test(test_it_is_off_unless_asked_for),
		cmocka_unit_test(test_the_budget_limits_it),
		cmocka_unit_test(test_pressure_makes_it_smaller),
		cmocka_unit_test(test_a_fin_behind_a_hole),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
