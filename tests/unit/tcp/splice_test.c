/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* Bytes that pass from one connection to another, and buffers that are queued and on the wire. */

#define LETTERS "abcdefghij"

static struct wire w;

struct end {
	struct tcp_conn *conn;
	uint16_t port;
	uint32_t iss;
};

static struct end from;
static struct end to;

/* MSS 1000, SACK. */
static void end_open(struct end *end, uint16_t port)
{
	wire_send(&w,
		(struct wire_seg){ .flags = SYN,
			.peer_port = port,
			.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2 },
			.options_len = 8 });
	wire_forget(&w);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .peer_port = port });
	*end = (struct end){ .conn = w.conn, .port = port, .iss = w.iss };
	assert_non_null(end->conn);
}

static void start(const struct tcp_params *params)
{
	wire_start(&w, params);
	end_open(&from, 5000);
	end_open(&to, 6000);
	assert_ptr_not_equal(from.conn, to.conn);
}

/* So many segments of len bytes come in on the one, and are not read. */
static void come(unsigned count, uint32_t len)
{
	w.iss = from.iss;
	for (uint32_t i = 0; i < count; i++)
		wire_send(&w,
			(struct wire_seg){ .flags = ACK,
				.seq = 1 + len * i,
				.ack = 1,
				.data = LETTERS,
				.len = len,
				.peer_port = from.port });
	wire_forget(&w);
	w.iss = to.iss;
}

static void expect_held(uint32_t received, uint32_t to_send)
{
	struct tcp_usage usage;

	tcp_usage(w.stack, &usage);
	assert_int_equal(usage.mbufs_receive, received);
	assert_int_equal(usage.mbufs_send, to_send);
}

/* The next segment: so many of the letters from this one on. */
static void expect_letters(uint32_t seq, uint32_t len, unsigned first)
{
	char text[16];

	wire_expect(&w, ACK, seq, 1, len);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = LETTERS[(first + i) % 10];
	assert_memory_equal(w.out_data[w.out_first - 1], text, RTE_MIN(len, 16u));
}

static void ack_to(uint32_t number)
{
	wire_send(&w,
		(struct wire_seg){ .flags = ACK, .seq = 1, .ack = number, .peer_port = to.port });
}

static void test_full_buffers_pass_as_they_are(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	come(5, 1000);
	expect_held(5, 0);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 5000);
	assert_int_equal(tcp_readable(from.conn), 0);
	assert_int_equal(tcp_unacked(to.conn), 5000);
	expect_held(0, 5);
	tcp_advance(w.stack, w.now_us);
	for (uint32_t i = 0; i < 5; i++)
		expect_letters(1 + 1000 * i, 1000, 0);
	wire_expect_none(&w);
	ack_to(5001);
	expect_held(0, 0);
	wire_stop(&w);
}

static void test_a_part_is_taken_of_a_buffer(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	come(2, 1000);
	assert_int_equal(tcp_splice(to.conn, from.conn, 1203), 1203);
	assert_int_equal(tcp_readable(from.conn), 797);
	tcp_advance(w.stack, w.now_us);
	expect_letters(1, 1000, 0);
	expect_letters(1001, 203, 0);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 797);
	tcp_advance(w.stack, w.now_us);
	expect_letters(1204, 797, 3);
	wire_stop(&w);
}

static void test_small_pieces_share_a_segment(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	come(3, 300);
	assert_int_equal(tcp_splice(to.conn, from.conn, 900), 900);
	expect_held(0, 1);
	tcp_advance(w.stack, w.now_us);
	expect_letters(1, 900, 0);
	wire_expect_none(&w);
	wire_stop(&w);
}

/* A head that waits is filled up with a short body, and left alone in front of a long one. */
static void test_what_waits_is_filled_up_unless_much_follows(void **state)
{
	RTE_SET_USED(state);
	start(NULL);
	come(1, 800);
	assert_int_equal(tcp_write(to.conn, "ij", 2), 2);
	assert_int_equal(tcp_splice(to.conn, from.conn, 800), 800);
	tcp_advance(w.stack, w.now_us);
	expect_letters(1, 802, 8);
	wire_expect_none(&w);
	wire_stop(&w);
	start(NULL);
	come(5, 1000);
	assert_int_equal(tcp_write(to.conn, "ij", 2), 2);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 5000);
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK, 1, 1, 2);
	for (uint32_t i = 0; i < 5; i++)
		expect_letters(3 + 1000 * i, 1000, 0);
	wire_stop(&w);
}

static void test_a_full_send_buffer_stops_it(void **state)
{
	struct tcp_params params = { .send_buffer = 3000 };

	RTE_SET_USED(state);
	start(&params);
	come(5, 1000);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 3000);
	assert_int_equal(tcp_readable(from.conn), 2000);
	tcp_advance(w.stack, w.now_us);
	wire_expect_run(&w, 1, 3, 1000);
	assert_int_equal(w.writables, 0);
	ack_to(3001);
	assert_int_equal(w.writables, 1);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 2000);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 0);
	tcp_shutdown(to.conn);
	assert_int_equal(tcp_splice(to.conn, from.conn, 5000), 0);
	wire_stop(&w);
}

/* A segment goes again while a port still holds it: that one keeps what it was given. */
static void resend_run(uint32_t len)
{
	uint8_t before[1200], copy[1200];
	uint32_t frame_len;

	wire_start(&w, NULL);
	wire_open_sack(&w);
	w.is_holding = true;
	wire_write(&w, len);
	wire_expect(&w, ACK, 1, 1, len);
	assert_int_equal(w.held_count, 1);
	frame_len = w.held[0]->pkt_len;
	memcpy(before, rte_pktmbuf_read(w.held[0], 0, frame_len, copy), frame_len);
	wire_pass_ms(&w, 1200);
	wire_expect(&w, ACK, 1, 1, len);
	assert_int_equal(w.held_count, 2);
	assert_ptr_not_equal(w.held[0], w.held[1]);
	assert_int_equal(w.held[0]->pkt_len, frame_len);
	assert_memory_equal(before, rte_pktmbuf_read(w.held[0], 0, frame_len, copy), frame_len);
	/* Acknowledged before the port is done with either. */
	wire_ack(&w, 1 + len);
	assert_memory_equal(before, rte_pktmbuf_read(w.held[0], 0, frame_len, copy), frame_len);
	wire_release(&w);
	wire_stop(&w);
}

static void test_what_a_port_holds_is_not_written_to(void **state)
{
	RTE_SET_USED(state);
	resend_run(1000);
	resend_run(100);
}

/* Nobody holds it any more: the same buffer goes again, with new headers. */
static void test_what_came_back_goes_again(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	w.is_holding = true;
	wire_write(&w, 1000);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_release(&w);
	/* The first 300 bytes arrived, and the peer has sent something. */
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 301, .data = "x" });
	wire_pass_ms(&w, 100);
	wire_forget(&w);
	wire_pass_ms(&w, 1200);
	wire_expect(&w, ACK, 301, 2, 700);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_buffers_pass_as_they_are),
		cmocka_unit_test(test_a_part_is_taken_of_a_buffer),
		cmocka_unit_test(test_small_pieces_share_a_segment),
		cmocka_unit_test(test_what_waits_is_filled_up_unless_much_follows),
		cmocka_unit_test(test_a_full_send_buffer_stops_it),
		cmocka_unit_test(test_what_a_port_holds_is_not_written_to),
		cmocka_unit_test(test_what_came_back_goes_again),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
