/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* RST and FIN in every state (RFC 9293 3.10.7, RFC 5961, RFC 1337). */

static struct wire w;

static void flags_send(uint8_t flags, uint32_t seq, uint32_t ack)
{
	wire_send(&w, (struct wire_seg){ .flags = flags, .seq = seq, .ack = ack });
	wire_forget(&w);
}

static void to_syn_received(void)
{
	flags_send(SYN, 0, 0);
}

static void to_established(void)
{
	wire_open(&w, NULL);
}

static void to_fin_wait_1(void)
{
	to_established();
	tcp_shutdown(w.conn);
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
}

static void to_fin_wait_2(void)
{
	to_fin_wait_1();
	flags_send(ACK, 1, 2);
}

static void to_closing(void)
{
	to_fin_wait_1();
	flags_send(ACK | FIN, 1, 1);
}

static void to_close_wait(void)
{
	to_established();
	flags_send(ACK | FIN, 1, 1);
}

static void to_last_ack(void)
{
	to_close_wait();
	tcp_shutdown(w.conn);
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
}

static void to_time_wait(void)
{
	to_fin_wait_2();
	flags_send(ACK | FIN, 1, 2);
}

struct row {
	const char *state;
	void (*reach)(void);
	uint32_t rcv_nxt;
	uint32_t snd_una; /* what the peer acknowledges */
	/* After the peer's FIN at rcv_nxt, or where it was already: again. */
	const char *after_fin;
};

static const struct row rows[] = {
	{ "SYN-RECEIVED", to_syn_received, 1, 1, "CLOSE-WAIT" },
	{ "ESTABLISHED", to_established, 1, 1, "CLOSE-WAIT" },
	{ "FIN-WAIT-1", to_fin_wait_1, 1, 1, "CLOSING" },
	{ "FIN-WAIT-2", to_fin_wait_2, 1, 2, "TIME-WAIT" },
	{ "CLOSING", to_closing, 2, 1, "CLOSING" },
	{ "CLOSE-WAIT", to_close_wait, 2, 1, "CLOSE-WAIT" },
	{ "LAST-ACK", to_last_ack, 2, 1, "LAST-ACK" },
	{ "TIME-WAIT", to_time_wait, 2, 2, "TIME-WAIT" },
};

static const char *state_now(void)
{
	struct tcp_usage usage;
	struct tcp_info row;
	uint32_t cursor = 0;

	tcp_usage(w.stack, &usage);
	if (usage.half_open > 0)
		return "SYN-RECEIVED";
	if (usage.time_wait > 0)
		return "TIME-WAIT";
	while (cursor != TCP_DUMP_END) {
		if (tcp_dump(w.stack, &cursor, &row, 1) == 1)
			return row.state;
	}
	return "CLOSED";
}

static void reach(const struct row *row)
{
	wire_start(&w, NULL);
	row->reach();
	assert_string_equal(state_now(), row->state);
}

static void test_an_exact_rst_ends_every_state_but_time_wait(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		bool is_waiting = strcmp(rows[i].state, "TIME-WAIT") == 0;

		reach(&rows[i]);
		wire_send(&w, (struct wire_seg){ .flags = RST, .seq = rows[i].rcv_nxt });
		wire_expect_none(&w);
		assert_string_equal(state_now(), is_waiting ? "TIME-WAIT" : "CLOSED");
		assert_int_equal(w.closes, w.accepts);
		assert_int_equal(tcp_counters(w.stack)->resets_in, is_waiting ? 0 : 1);
		wire_stop(&w);
	}
}

static void test_an_inexact_rst_ends_no_state(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		reach(&rows[i]);
		flags_send(RST, rows[i].rcv_nxt + 1, 0);
		flags_send(RST | ACK, rows[i].rcv_nxt + 100, rows[i].snd_una);
		flags_send(RST, rows[i].rcv_nxt - 1, 0);
		flags_send(RST, rows[i].rcv_nxt + 1000000, 0);
		assert_string_equal(state_now(), rows[i].state);
		wire_stop(&w);
	}
}

static void test_a_syn_ends_no_state(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		reach(&rows[i]);
		flags_send(SYN, rows[i].rcv_nxt - 1, 0);
		flags_send(SYN | ACK, rows[i].rcv_nxt, rows[i].snd_una);
		assert_string_equal(state_now(), rows[i].state);
		wire_stop(&w);
	}
}

/* Also where a FIN came before: the same one again. */
static void test_a_fin_in_every_state(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct row *row = &rows[i];

		reach(row);
		wire_send(
			&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = row->snd_una });
		assert_string_equal(state_now(), row->after_fin);
		/* Acknowledged, and once. */
		assert_int_equal(w.out_count, 1);
		assert_int_equal(w.out[0].flags, ACK);
		assert_int_equal(w.out[0].ack - w.peer_isn, 2);
		wire_stop(&w);
	}
}

static void test_a_segment_without_ack_changes_no_state(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		reach(&rows[i]);
		flags_send(0, rows[i].rcv_nxt, 0);
		flags_send(FIN, rows[i].rcv_nxt, 0);
		assert_string_equal(state_now(), rows[i].state);
		wire_stop(&w);
	}
}

static void client_start(uint16_t *port)
{
	wire_start(&w, NULL);
	wire_connect(&w);
	*port = wire_expect(&w, SYN, 0, 0, 0)->local_port;
}

static void test_rst_and_fin_in_syn_sent(void **state)
{
	static const struct wire_seg harmless[] = {
		{ .flags = RST },                       /* no ACK: whose is it? */
		{ .flags = RST | ACK, .ack = 2 },       /* not our number */
		{ .flags = FIN },                       /* no SYN came yet */
		{ .flags = FIN | ACK, .ack = 1 },       /* likewise */
		{ .flags = ACK, .ack = 1, .len = 100 }, /* likewise */
	};
	uint16_t port;

	RTE_SET_USED(state);
	client_start(&port);
	for (unsigned i = 0; i < RTE_DIM(harmless); i++) {
		struct wire_seg seg = harmless[i];

		seg.local_port = port;
		wire_send(&w, seg);
		assert_string_equal(state_now(), "SYN-SENT");
	}
	assert_int_equal(w.received_len, 0);
	wire_expect_none(&w);
	wire_send(&w, (struct wire_seg){ .flags = RST | ACK, .ack = 1, .local_port = port });
	assert_string_equal(state_now(), "CLOSED");
	assert_int_equal(w.reason, TCP_CLOSED_RESET);
	wire_stop(&w);
}

/* A simultaneous open is the one SYN-RECEIVED with a block. */
static void test_rst_in_a_simultaneous_open(void **state)
{
	uint16_t port;

	RTE_SET_USED(state);
	client_start(&port);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .local_port = port });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	assert_string_equal(state_now(), "SYN-RECEIVED");
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 50, .local_port = port });
	assert_string_equal(state_now(), "SYN-RECEIVED");
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 1, .local_port = port });
	assert_string_equal(state_now(), "CLOSED");
	assert_int_equal(w.closes, 1);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_exact_rst_ends_every_state_but_time_wait),
		cmocka_unit_test(test_an_inexact_rst_ends_no_state),
		cmocka_unit_test(test_a_syn_ends_no_state),
		cmocka_unit_test(test_a_fin_in_every_state),
		cmocka_unit_test(test_a_segment_without_ack_changes_no_state),
		cmocka_unit_test(test_rst_and_fin_in_syn_sent),
		cmocka_unit_test(test_rst_in_a_simultaneous_open),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
