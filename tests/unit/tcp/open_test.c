/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

static struct wire w;

static void test_syn_to_closed_port_is_reset(void **state)
{
	const struct wire_seg *rst;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .local_port = 81 });
	rst = wire_expect(&w, RST | ACK, 0, 1, 0);
	assert_int_equal(rst->seq, 0);
	wire_expect_none(&w);
	assert_int_equal(w.core.drops.counts[DROP_tcp_no_listener], 1);
	wire_stop(&w);
}

static void stray_ack_run(uint16_t port, enum drop_reason reason)
{
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .ack = 7777, .local_port = port });
	wire_expect(&w, RST, 7777, 0, 0);
	wire_expect_none(&w);
	assert_int_equal(w.core.drops.counts[reason], 1);
	wire_stop(&w);
}

static void test_ack_to_closed_port_is_reset(void **state)
{
	RTE_SET_USED(state);
	stray_ack_run(81, DROP_tcp_no_listener);
}

static void test_ack_to_listen_is_reset(void **state)
{
	RTE_SET_USED(state);
	stray_ack_run(WIRE_PORT, DROP_tcp_invalid);
}

static void silence_run(const uint8_t *flags, unsigned count, uint16_t port)
{
	wire_start(&w, NULL);
	for (unsigned i = 0; i < count; i++)
		wire_send(&w, (struct wire_seg){ .flags = flags[i], .local_port = port });
	wire_pass_ms(&w, 10000);
	wire_expect_none(&w);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_rst_to_closed_port_is_met_with_silence(void **state)
{
	RTE_SET_USED(state);
	silence_run((uint8_t[]){ RST, RST | ACK }, 2, 81);
}

static void test_rst_or_nothing_to_listen_is_met_with_silence(void **state)
{
	RTE_SET_USED(state);
	silence_run((uint8_t[]){ RST, RST | ACK, 0, PSH, SYN | RST }, 5, WIRE_PORT);
}

static void test_syn_with_fin_opens_nothing(void **state)
{
	RTE_SET_USED(state);
	silence_run((uint8_t[]){ SYN | FIN, SYN | FIN | PSH, FIN }, 3, WIRE_PORT);
}

static void test_syn_without_options_gets_none_but_mss(void **state)
{
	const struct wire_seg *answer;
	const struct wire_seg *data;
	char bytes[2000] = { 0 };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_int_equal(answer->options_len, 4);
	assert_int_equal(answer->options[0], 2);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	/* MSS 536 is taken for granted. */
	assert_int_equal(tcp_write(w.conn, bytes, sizeof(bytes)), sizeof(bytes));
	tcp_advance(w.stack, w.now_us);
	data = wire_expect(&w, ACK, 1, 1, 536);
	assert_int_equal(data->options_len, 0);
	wire_stop(&w);
}

static void test_each_option_is_answered(void **state)
{
	struct wire_seg syn = { .flags = SYN, .options = WIRE_ALL_OPTIONS, .options_len = 24 };
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, syn);
	answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_non_null(wire_option(answer, 2));
	assert_int_equal(wire_option(answer, 2)[2] << 8 | wire_option(answer, 2)[3], 1460);
	assert_non_null(wire_option(answer, 3));
	assert_non_null(wire_option(answer, 4));
	assert_non_null(wire_option(answer, 8));
	assert_int_equal(wire_word(wire_option(answer, 8) + 6), 100);
	wire_stop(&w);
}

static void test_syn_ack_window_is_unscaled(void **state)
{
	struct wire_seg syn = { .flags = SYN, .options = { 1, 3, 3, 7 }, .options_len = 4 };
	struct tcp_params params = { .receive_window = 50000 };
	const struct wire_seg *answer;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_send(&w, syn);
	assert_int_equal(wire_expect(&w, SYN | ACK, 0, 1, 0)->window, 50000);
	wire_stop(&w);
	/* RFC 7323 2.2: more than 16 bits hold is cut off, not scaled. */
	params.receive_window = 1 << 20;
	wire_start(&w, &params);
	wire_send(&w, syn);
	answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_int_equal(answer->window, 65535);
	assert_int_equal(wire_option(answer, 3)[2], 5);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "x" });
	wire_pass_ms(&w, 50);
	/* From here on it is scaled: within a byte's worth of a megabyte. */
	assert_in_range(wire_expect(&w, ACK, 1, 2, 0)->window, (1 << 15) - 32, 1 << 15);
	wire_stop(&w);
}

static void test_single_options(void **state)
{
	static const struct {
		uint8_t options[12];
		uint8_t len;
		uint8_t kind;
	} rows[] = {
		{ .options = { 1, 3, 3, 7 }, .len = 4, .kind = 3 },
		{ .options = { 1, 1, 4, 2 }, .len = 4, .kind = 4 },
		{ .options = { 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0 }, .len = 12, .kind = 8 },
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct wire_seg syn = { .flags = SYN, .options_len = rows[i].len };
		const struct wire_seg *answer;

		wire_start(&w, NULL);
		memcpy(syn.options, rows[i].options, rows[i].len);
		wire_send(&w, syn);
		answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
		for (uint8_t kind = 3; kind <= 8; kind++)
			assert_int_equal(wire_option(answer, kind) != NULL, kind == rows[i].kind);
		wire_stop(&w);
	}
}

static void test_window_scale_15_is_taken_as_14(void **state)
{
	struct wire_seg syn = {
		.flags = SYN, .options = { 2, 4, 5, 0xb4, 1, 3, 3, 15 }, .options_len = 8
	};
	struct tcp_params params = { .send_buffer = 1 << 20 };
	static char bytes[1 << 16];

	RTE_SET_USED(state);
	wire_start(&w, &params);
	w.window = 1;
	wire_open(&w, &syn);
	/* One unit is 16384 bytes: 11 segments of 1460 fit, a cwnd of ten leaves first. */
	assert_int_equal(tcp_write(w.conn, bytes, sizeof(bytes)), sizeof(bytes));
	tcp_advance(w.stack, w.now_us);
	for (unsigned i = 0; i < 10; i++)
		wire_expect(&w, ACK, 1 + i * 1460, 1, 1460);
	wire_expect_none(&w);
	/* The window of 16384 binds now: 16384 beyond 14600 is 10.2 more segments. */
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 14601 });
	for (unsigned i = 0; i < 11; i++)
		wire_expect(&w, ACK, 14601 + i * 1460, 1, 1460);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_duplicate_syn_gets_the_same_isn(void **state)
{
	uint32_t iss;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	iss = wire_expect(&w, SYN | ACK, 0, 1, 0)->seq;
	wire_pass_ms(&w, 300);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	assert_int_equal(wire_expect(&w, SYN | ACK, 0, 1, 0)->seq, iss);
	wire_check_usage(&w, 0, 1, 0);
	wire_stop(&w);
}

static void test_syn_ack_again_at_1_2_4_s(void **state)
{
	static const unsigned waits_ms[] = { 1000, 2000, 4000 };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	for (unsigned i = 0; i < RTE_DIM(waits_ms); i++) {
		wire_pass_ms(&w, waits_ms[i] - 10);
		wire_expect_none(&w);
		wire_pass_ms(&w, 10);
		wire_expect(&w, SYN | ACK, 0, 1, 0);
	}
	wire_pass_ms(&w, 60000);
	wire_expect_none(&w);
	wire_check_usage(&w, 0, 0, 0);
	assert_int_equal(tcp_counters(w.stack)->half_open_expired, 1);
	wire_stop(&w);
}

static void test_final_ack_with_a_bad_ack_is_reset(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 2 });
	wire_expect(&w, RST, 2, 0, 0);
	/* It may have been a forgery: the true one still establishes. */
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	assert_int_equal(w.accepts, 1);
	wire_stop(&w);
}

static void test_final_ack_with_data(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	/* Also what is left when the bare ACK was lost. */
	wire_send(&w, (struct wire_seg){ .flags = ACK | PSH, .seq = 1, .ack = 1, .data = "hello" });
	assert_int_equal(w.accepts, 1);
	assert_int_equal(w.readables, 1);
	assert_memory_equal(w.received, "hello", 5);
	wire_pass_ms(&w, 50);
	wire_expect(&w, ACK, 1, 6, 0);
	wire_stop(&w);
}

static void test_data_ahead_of_a_lost_final_ack(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 6, .ack = 1, .data = "world" });
	assert_int_equal(w.accepts, 1);
	wire_expect(&w, ACK, 1, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "hello" });
	wire_expect(&w, ACK, 1, 11, 0);
	assert_memory_equal(w.received, "helloworld", 10);
	wire_stop(&w);
}

static void test_rst_in_syn_received(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	/* In the window, not exact: challenged (RFC 5961 3.2). */
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 100 });
	wire_expect(&w, ACK, 1, 1, 0);
	wire_check_usage(&w, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 1 });
	wire_expect_none(&w);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_new_syn_in_syn_received_is_challenged(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .seq = 50 });
	wire_expect(&w, ACK, 1, 1, 0);
	wire_expect_none(&w);
	wire_check_usage(&w, 0, 1, 0);
	assert_int_equal(tcp_counters(w.stack)->challenge_acks, 1);
	wire_stop(&w);
}

static void test_isns_are_monotonic_for_a_tuple_and_differ_between(void **state)
{
	uint32_t first, second, other;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	first = wire_expect(&w, SYN | ACK, 0, 1, 0)->seq;
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 1 });
	wire_pass_ms(&w, 1000);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	second = wire_expect(&w, SYN | ACK, 0, 1, 0)->seq;
	assert_int_equal(second - first, 250000);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 40001 });
	other = wire_expect(&w, SYN | ACK, 0, 1, 0)->seq;
	assert_true(other - second > 1000000 && second - other > 1000000);
	wire_stop(&w);
}

static void flood(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = (uint16_t)(1 + i) });
	wire_forget(&w);
}

static void test_a_flood_leaves_genuine_clients_a_cookie(void **state)
{
	struct tcp_params params = { .max_half_open = 16 };
	struct wire_seg syn = { .flags = SYN, .options = WIRE_ALL_OPTIONS, .options_len = 24 };
	struct wire_seg last = { .flags = ACK | PSH, .seq = 1, .ack = 1, .data = "hello" };
	const struct wire_seg *answer;
	char bytes[5000] = { 0 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	flood(100);
	wire_check_usage(&w, 0, 16, 0);
	assert_int_equal(tcp_counters(w.stack)->cookies_sent, 84);
	wire_send(&w, syn);
	answer = wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_non_null(wire_option(answer, 3));
	wire_put_ts(&last, 101, wire_word(wire_option(answer, 8) + 2));
	wire_pass_ms(&w, 30);
	wire_forget(&w);
	wire_send(&w, last);
	assert_int_equal(w.accepts, 1);
	assert_memory_equal(w.received, "hello", 5);
	assert_int_equal(tcp_counters(w.stack)->cookies_ok, 1);
	/* The options came back: MSS 1000 rounded down to a class of 536, timestamps taken off. */
	tcp_write(w.conn, bytes, sizeof(bytes));
	tcp_advance(w.stack, w.now_us);
	answer = wire_expect(&w, ACK, 1, 6, 524);
	assert_int_equal(wire_word(wire_option(answer, 8) + 6), 101);
	wire_stop(&w);
}

static void test_a_cookie_works_without_options(void **state)
{
	struct tcp_params params = { .max_half_open = 1 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	flood(2);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	assert_int_equal(w.accepts, 1);
	wire_stop(&w);
}

static void test_a_forged_cookie_is_reset(void **state)
{
	struct tcp_params params = { .max_half_open = 1 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	flood(2);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 0x12345678 });
	wire_expect(&w, RST, 0x12345678, 0, 0);
	assert_int_equal(w.accepts, 0);
	assert_int_equal(tcp_counters(w.stack)->cookies_bad, 1);
	wire_stop(&w);
}

static void test_an_old_cookie_is_worth_nothing(void **state)
{
	struct tcp_params params = { .max_half_open = 1 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	flood(2);
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_pass_ms(&w, 200000);
	wire_forget(&w);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	wire_expect(&w, RST, 1, 0, 0);
	wire_stop(&w);
}

static void test_data_on_a_syn_is_not_acked(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .data = "early" });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "early" });
	assert_memory_equal(w.received, "early", 5);
	assert_int_equal(w.received_len, 5);
	wire_stop(&w);
}

static void test_limit_of_connections(void **state)
{
	struct tcp_params params = { .max_connections = 1 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 7 });
	wire_forget(&w);
	wire_open(&w, NULL);
	/* Half-open already, and from now on. */
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 8 });
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->refused_limit, 1);
	assert_int_equal(w.core.drops.counts[DROP_tcp_limit], 1);
	wire_stop(&w);
}

static void test_refused_by_the_application(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.accept_result = -1;
	wire_send(&w, (struct wire_seg){ .flags = SYN });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	wire_expect(&w, RST | ACK, 1, 1, 0);
	assert_int_equal(w.closes, 0);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_ipv6_handshake(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.is_v6 = true;
	wire_open(&w, NULL);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "six" });
	assert_memory_equal(w.received, "six", 3);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_to_closed_port_is_reset),
		cmocka_unit_test(test_ack_to_closed_port_is_reset),
		cmocka_unit_test(test_rst_to_closed_port_is_met_with_silence),
		cmocka_unit_test(test_ack_to_listen_is_reset),
		cmocka_unit_test(test_rst_or_nothing_to_listen_is_met_with_silence),
		cmocka_unit_test(test_syn_with_fin_opens_nothing),
		cmocka_unit_test(test_syn_without_options_gets_none_but_mss),
		cmocka_unit_test(test_each_option_is_answered),
		cmocka_unit_test(test_syn_ack_window_is_unscaled),
		cmocka_unit_test(test_single_options),
		cmocka_unit_test(test_window_scale_15_is_taken_as_14),
		cmocka_unit_test(test_duplicate_syn_gets_the_same_isn),
		cmocka_unit_test(test_syn_ack_again_at_1_2_4_s),
		cmocka_unit_test(test_final_ack_with_a_bad_ack_is_reset),
		cmocka_unit_test(test_final_ack_with_data),
		cmocka_unit_test(test_data_ahead_of_a_lost_final_ack),
		cmocka_unit_test(test_rst_in_syn_received),
		cmocka_unit_test(test_new_syn_in_syn_received_is_challenged),
		cmocka_unit_test(test_isns_are_monotonic_for_a_tuple_and_differ_between),
		cmocka_unit_test(test_a_flood_leaves_genuine_clients_a_cookie),
		cmocka_unit_test(test_a_cookie_works_without_options),
		cmocka_unit_test(test_a_forged_cookie_is_reset),
		cmocka_unit_test(test_an_old_cookie_is_worth_nothing),
		cmocka_unit_test(test_data_on_a_syn_is_not_acked),
		cmocka_unit_test(test_limit_of_connections),
		cmocka_unit_test(test_refused_by_the_application),
		cmocka_unit_test(test_ipv6_handshake),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
