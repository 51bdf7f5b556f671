/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

static struct wire w;

static void flags_send(uint8_t flags, uint32_t seq, uint32_t ack)
{
	wire_send(&w, (struct wire_seg){ .flags = flags, .seq = seq, .ack = ack });
}

static void start_open(void)
{
	wire_start(&w, NULL);
	wire_open(&w, NULL);
}

static void advance(void)
{
	tcp_advance(w.stack, w.now_us);
}

static void test_data_and_fin_in_one_segment_are_both_acked(void **state)
{
	RTE_SET_USED(state);
	start_open();
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 1, .data = "bye" });
	wire_expect(&w, ACK, 1, 5, 0);
	assert_memory_equal(w.received, "bye", 3);
	assert_true(w.is_eof);
	tcp_write(w.conn, "ok", 2);
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 5, 2);
	flags_send(ACK, 5, 4);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_DONE);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_fin_out_of_order_ends_nothing_before_the_hole_fills(void **state)
{
	RTE_SET_USED(state);
	start_open();
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 4, .ack = 1, .data = "def" });
	wire_expect(&w, ACK, 1, 1, 0);
	assert_int_equal(w.readables, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "abc" });
	wire_expect(&w, ACK, 1, 7, 0);
	advance();
	assert_memory_equal(w.received, "abcdef", 6);
	assert_true(w.is_eof);
	wire_stop(&w);
}

static void test_bare_fin_out_of_order(void **state)
{
	RTE_SET_USED(state);
	start_open();
	flags_send(ACK | FIN, 4, 1);
	wire_expect(&w, ACK, 1, 1, 0);
	assert_false(w.is_eof);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "abc" });
	assert_true(w.is_eof);
	assert_int_equal(w.received_len, 3);
	assert_int_equal(w.out[w.out_count - 1].ack - w.peer_isn, 5);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_fin_again_is_acked_again(void **state)
{
	RTE_SET_USED(state);
	start_open();
	flags_send(ACK | FIN, 1, 1);
	wire_expect(&w, ACK, 1, 2, 0);
	flags_send(ACK | FIN, 1, 1);
	wire_expect(&w, ACK, 1, 2, 0);
	assert_int_equal(w.readables, 1);
	wire_stop(&w);
}

/* We close first; leaves the connection in TIME-WAIT. */
static void close_first(void)
{
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	flags_send(ACK, 1, 2);
	wire_expect_none(&w);
	flags_send(ACK | FIN, 1, 2);
	wire_expect(&w, ACK, 2, 2, 0);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_DONE);
	wire_check_usage(&w, 0, 0, 1);
}

static void test_we_close_first(void **state)
{
	RTE_SET_USED(state);
	start_open();
	close_first();
	wire_pass_ms(&w, 59000);
	wire_check_usage(&w, 0, 0, 1);
	wire_pass_ms(&w, 1001);
	wire_check_usage(&w, 0, 0, 0);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_fin_in_time_wait_is_acked_and_the_wait_begins_anew(void **state)
{
	RTE_SET_USED(state);
	start_open();
	close_first();
	wire_pass_ms(&w, 40000);
	flags_send(ACK | FIN, 1, 2);
	wire_expect(&w, ACK, 2, 2, 0);
	wire_pass_ms(&w, 40000);
	wire_check_usage(&w, 0, 0, 1);
	wire_pass_ms(&w, 20001);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_simultaneous_close(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	/* Crossed on the way: does not acknowledge ours. */
	flags_send(ACK | FIN, 1, 1);
	wire_expect(&w, ACK, 2, 2, 0);
	assert_int_equal(w.closes, 0);
	flags_send(ACK, 2, 2);
	assert_int_equal(w.closes, 1);
	wire_check_usage(&w, 0, 0, 1);
	wire_stop(&w);
}

static void test_syn_in_time_wait_with_a_higher_number(void **state)
{
	RTE_SET_USED(state);
	start_open();
	close_first();
	/* Lower: the old connection's state is told. */
	wire_send(&w, (struct wire_seg){ .flags = SYN, .seq = 0 });
	wire_expect(&w, ACK, 2, 2, 0);
	wire_check_usage(&w, 0, 0, 1);
	/* Higher: a new connection, whose numbers lie beyond the old one's. */
	uint32_t old_iss = w.iss;

	wire_send(&w, (struct wire_seg){ .flags = SYN, .seq = 1000 });
	assert_int_equal(w.out[w.out_count - 1].flags, SYN | ACK);
	assert_true((int32_t)(w.iss - old_iss) > 65535);
	wire_check_usage(&w, 0, 1, 0);
	wire_stop(&w);
}

/* RFC 6191: the timestamp tells, whatever the number. */
static void test_syn_in_time_wait_with_a_higher_timestamp(void **state)
{
	struct wire_seg fin = { .flags = ACK | FIN, .seq = 1, .ack = 2 };
	struct wire_seg syn = { .flags = SYN };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	wire_put_ts(&fin, 200, 0);
	wire_send(&w, fin);
	wire_expect(&w, ACK, 2, 2, 0);
	wire_check_usage(&w, 0, 0, 1);
	/* A higher number does not help an older timestamp. */
	syn.seq = 5000;
	wire_put_ts(&syn, 199, 0);
	wire_send(&w, syn);
	wire_expect(&w, ACK, 2, 2, 0);
	wire_check_usage(&w, 0, 0, 1);
	syn = (struct wire_seg){ .flags = SYN, .seq = 1 - 5000u };
	wire_put_ts(&syn, 201, 0);
	wire_send(&w, syn);
	assert_int_equal(w.out[w.out_count - 1].flags, SYN | ACK);
	wire_check_usage(&w, 0, 1, 0);
	wire_stop(&w);
}

static void test_rst_in_time_wait_does_no_harm(void **state)
{
	RTE_SET_USED(state);
	start_open();
	close_first();
	flags_send(RST, 2, 0);
	wire_expect_none(&w);
	wire_check_usage(&w, 0, 0, 1);
	wire_stop(&w);
}

static void test_close_with_unread_data_resets(void **state)
{
	RTE_SET_USED(state);
	start_open();
	w.is_reading = false;
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "unread" });
	tcp_close(w.conn);
	advance();
	wire_expect(&w, RST | ACK, 1, 7, 0);
	assert_int_equal(w.closes, 0);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_data_after_close_resets(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_close(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 2, .data = "late" });
	wire_expect(&w, RST | ACK, 2, 5, 0);
	wire_check_usage(&w, 0, 0, 0);
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void test_close_is_orderly_without_a_handler(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_write(w.conn, "last words", 10);
	tcp_close(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 10);
	flags_send(ACK, 1, 12);
	flags_send(ACK | FIN, 1, 12);
	wire_expect(&w, ACK, 12, 2, 0);
	assert_int_equal(w.closes, 0);
	wire_check_usage(&w, 0, 0, 1);
	wire_stop(&w);
}

static void test_fin_wait_2_without_a_handler_ends(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_close(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	flags_send(ACK, 1, 2);
	wire_check_usage(&w, 1, 0, 0);
	wire_pass_ms(&w, 60010);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_exact_rst_closes(void **state)
{
	RTE_SET_USED(state);
	start_open();
	flags_send(RST, 1, 0);
	wire_expect_none(&w);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_RESET);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_rst_in_the_window_is_challenged(void **state)
{
	static const uint32_t numbers[] = { 2, 1000, 65535 };

	RTE_SET_USED(state);
	start_open();
	for (unsigned i = 0; i < RTE_DIM(numbers); i++) {
		flags_send(RST, numbers[i], 0);
		wire_expect(&w, ACK, 1, 1, 0);
		wire_expect_none(&w);
		wire_pass_ms(&w, 500);
	}
	assert_int_equal(tcp_counters(w.stack)->challenge_acks, 3);
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void test_rst_outside_the_window_is_ignored(void **state)
{
	RTE_SET_USED(state);
	start_open();
	flags_send(RST, 65537, 0);
	flags_send(RST, 1000000, 0);
	flags_send(RST, 0, 0);
	wire_expect_none(&w);
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void test_syn_in_established_is_challenged_within_limits(void **state)
{
	RTE_SET_USED(state);
	start_open();
	for (unsigned i = 0; i < 100; i++)
		wire_send(&w, (struct wire_seg){ .flags = SYN, .seq = i });
	wire_expect(&w, ACK, 1, 1, 0);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->challenge_acks, 1);
	assert_int_equal(tcp_counters(w.stack)->challenge_acks_limited, 99);
	assert_int_equal(w.closes, 0);
	wire_stop(&w);
}

static void test_we_still_send_after_the_peers_half_close(void **state)
{
	RTE_SET_USED(state);
	start_open();
	flags_send(ACK | FIN, 1, 1);
	wire_expect(&w, ACK, 1, 2, 0);
	assert_int_equal(tcp_write(w.conn, "still here", 10), 10);
	advance();
	wire_expect(&w, ACK, 1, 2, 10);
	flags_send(ACK, 2, 11);
	assert_int_equal(tcp_unacked(w.conn), 0);
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 11, 2, 0);
	flags_send(ACK, 2, 12);
	assert_int_equal(w.reason, TCP_CLOSED_DONE);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_the_peer_still_sends_after_our_half_close(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_shutdown(w.conn);
	tcp_shutdown(w.conn);
	assert_int_equal(tcp_write(w.conn, "x", 1), 0);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	flags_send(ACK, 1, 2);
	wire_pass_ms(&w, 300000);
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 2, .data = "late" });
	assert_memory_equal(w.received, "late", 4);
	assert_int_equal(w.closes, 1);
	wire_stop(&w);
}

static void test_unread_data_outlives_the_protocol(void **state)
{
	struct tcp_span span;

	RTE_SET_USED(state);
	start_open();
	w.is_reading = false;
	tcp_shutdown(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 2, .data = "tail" });
	assert_int_equal(w.closes, 0);
	assert_int_equal(tcp_peek(w.conn, &span, 1), 1);
	assert_int_equal(span.len, 4);
	assert_false(tcp_is_eof(w.conn));
	tcp_consume(w.conn, 4);
	assert_true(tcp_is_eof(w.conn));
	advance();
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_DONE);
	wire_check_usage(&w, 0, 0, 1);
	wire_stop(&w);
}

static void test_abort_resets_and_tells(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_abort(w.conn);
	wire_expect(&w, RST | ACK, 1, 1, 0);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_ABORTED);
	advance();
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void abort_now(struct wire *wire, const char *event)
{
	if (strcmp(event, "closed") != 0)
		tcp_abort(wire->conn);
}

static void close_now(struct wire *wire, const char *event)
{
	if (strcmp(event, "readable") == 0)
		tcp_close(wire->conn);
}

static void test_handlers_may_end_the_connection(void **state)
{
	RTE_SET_USED(state);
	start_open();
	w.hook = abort_now;
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 1, .data = "x" });
	wire_expect(&w, RST | ACK, 1, 3, 0);
	assert_int_equal(w.closes, 1);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
	start_open();
	w.hook = close_now;
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 1, .data = "x" });
	wire_expect(&w, ACK | FIN, 1, 3, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 3, .ack = 2 });
	assert_int_equal(w.closes, 0);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_a_lost_fin_is_sent_again(void **state)
{
	RTE_SET_USED(state);
	start_open();
	tcp_close(w.conn);
	advance();
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	wire_pass_ms(&w, 1010);
	wire_expect(&w, ACK | FIN, 1, 1, 0);
	/* Nobody there: given up after a while. */
	wire_pass_ms(&w, 200000);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_and_fin_in_one_segment_are_both_acked),
		cmocka_unit_test(test_fin_out_of_order_ends_nothing_before_the_hole_fills),
		cmocka_unit_test(test_bare_fin_out_of_order),
		cmocka_unit_test(test_fin_again_is_acked_again),
		cmocka_unit_test(test_we_close_first),
		cmocka_unit_test(test_fin_in_time_wait_is_acked_and_the_wait_begins_anew),
		cmocka_unit_test(test_simultaneous_close),
		cmocka_unit_test(test_syn_in_time_wait_with_a_higher_number),
		cmocka_unit_test(test_syn_in_time_wait_with_a_higher_timestamp),
		cmocka_unit_test(test_rst_in_time_wait_does_no_harm),
		cmocka_unit_test(test_close_with_unread_data_resets),
		cmocka_unit_test(test_data_after_close_resets),
		cmocka_unit_test(test_close_is_orderly_without_a_handler),
		cmocka_unit_test(test_fin_wait_2_without_a_handler_ends),
		cmocka_unit_test(test_exact_rst_closes),
		cmocka_unit_test(test_rst_in_the_window_is_challenged),
		cmocka_unit_test(test_rst_outside_the_window_is_ignored),
		cmocka_unit_test(test_syn_in_established_is_challenged_within_limits),
		cmocka_unit_test(test_we_still_send_after_the_peers_half_close),
		cmocka_unit_test(test_the_peer_still_sends_after_our_half_close),
		cmocka_unit_test(test_unread_data_outlives_the_protocol),
		cmocka_unit_test(test_abort_resets_and_tells),
		cmocka_unit_test(test_handlers_may_end_the_connection),
		cmocka_unit_test(test_a_lost_fin_is_sent_again),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
