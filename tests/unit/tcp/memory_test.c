/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "wire.h"

/* What hostile or merely slow peers can make the stack hold. */

#define BUDGET 1024
#define PEERS  1000

static struct wire w;
static char bytes[1 << 16];
static struct tcp_conn *conns[PEERS];
static uint32_t isns[PEERS]; /* that the stack chose */
static unsigned conn_count;

static void conn_note(struct wire *wire, const char *event)
{
	if (strcmp(event, "accept") != 0)
		return;
	isns[conn_count] = wire->iss;
	conns[conn_count++] = wire->conn;
}

static struct tcp_usage usage(void)
{
	struct tcp_usage usage;

	tcp_usage(w.stack, &usage);
	return usage;
}

static void start(uint32_t peers)
{
	static const struct tcp_params params = { .mbufs_max = BUDGET };
	static const uint8_t options[] = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2, 1, 3, 3, 7 };

	wire_start(&w, &params);
	w.is_reading = false;
	w.hook = conn_note;
	conn_count = 0;
	for (uint16_t i = 0; i < peers; i++) {
		struct wire_seg syn = { .flags = SYN, .peer_port = (uint16_t)(1 + i) };

		memcpy(syn.options, options, sizeof(options));
		syn.options_len = sizeof(options);
		wire_send(&w, syn);
		wire_send(&w,
			(struct wire_seg){
				.flags = ACK, .seq = 1, .ack = 1, .peer_port = (uint16_t)(1 + i) });
		wire_forget(&w);
	}
	assert_int_equal(conn_count, peers);
}

/* Numbers of ours belong to the last connection that was opened: absolute ones instead. */
static void data_send(uint16_t peer, uint32_t seq, uint32_t len)
{
	struct wire_seg seg = { .flags = ACK, .len = len, .is_raw = true };

	seg.seq = w.peer_isn + seq;
	seg.ack = isns[peer] + 1;
	seg.peer_port = (uint16_t)(1 + peer);
	wire_send(&w, seg);
	wire_forget(&w);
}

static void check_budget(void)
{
	struct tcp_usage now = usage();

	assert_true(now.mbufs_receive + now.mbufs_out_of_order <= BUDGET / 2);
	assert_true(now.mbufs_out_of_order <= BUDGET / 4);
	assert_true(now.mbufs_send <= BUDGET / 2);
	assert_int_equal(
		now.mbufs_held, now.mbufs_receive + now.mbufs_out_of_order + now.mbufs_send);
}

/* What is queued for peers that never acknowledge ends at half of the budget; who asks again when
 * they are gone is served. */
static void test_peers_that_read_nothing(void **state)
{
	size_t taken = 0;

	RTE_SET_USED(state);
	start(50);
	for (unsigned i = 0; i < 50; i++)
		taken += tcp_write(conns[i], bytes, sizeof(bytes));
	check_budget();
	assert_int_equal(usage().mbufs_send, BUDGET / 2);
	assert_true(taken > 400000);
	assert_int_equal(tcp_write(conns[49], bytes, 1), 0);
	/* Receiving goes on: it has its own half. */
	data_send(49, 1, 1000);
	assert_int_equal(tcp_readable(conns[49]), 1000);
	for (unsigned i = 0; i < 40; i++)
		tcp_abort(conns[i]);
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
	assert_int_equal(tcp_write(conns[49], bytes, 1), 1);
	wire_stop(&w);
}

/* An application that reads nothing: windows shrink, then no more is taken, and what is writes. */
static void test_readers_that_stall(void **state)
{
	uint64_t drops;
	struct wire_seg syn = { .flags = SYN, .peer_port = 60000 };

	RTE_SET_USED(state);
	start(100);
	for (uint32_t round = 0; round < 20; round++)
		for (uint16_t i = 0; i < 99; i++)
			data_send(i, 1 + 1000 * round, 1000);
	check_budget();
	drops = tcp_counters(w.stack)->memory_drops;
	assert_true(drops > 0);
	assert_int_equal(w.core.drops.counts[DROP_mbuf_exhausted], drops);
	/* New connections are refused, with their own reason. */
	wire_send(&w, syn);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->refused_memory, 1);
	/* One that holds nothing still gets its first bytes in, and all may send. */
	data_send(99, 1, 1000);
	assert_int_equal(tcp_readable(conns[99]), 1000);
	assert_int_equal(tcp_write(conns[0], bytes, 1000), 1000);
	tcp_advance(w.stack, w.now_us);
	assert_true(w.out_count > 0);
	wire_forget(&w);
	for (unsigned i = 0; i < 100; i++)
		tcp_consume(conns[i], tcp_readable(conns[i]));
	assert_int_equal(usage().mbufs_receive, 0);
	wire_send(&w, syn);
	assert_int_equal(w.out[w.out_count - 1].flags, SYN | ACK);
	wire_stop(&w);
}

static void test_windows_shrink_before_memory_is_spent(void **state)
{
	uint32_t wide, narrow;
	struct tcp_usage now;

	RTE_SET_USED(state);
	start(100);
	data_send(99, 1, 1000);
	wire_pass_ms(&w, 50);
	wide = (uint32_t)w.out[w.out_count - 1].window << 3;
	wire_forget(&w);
	assert_true(wide > 200000);
	for (uint16_t i = 0; i < 98; i++)
		for (uint32_t round = 0; round < 4; round++)
			data_send(i, 1 + 1000 * round, 1000);
	now = usage();
	assert_in_range(now.mbufs_receive, BUDGET / 4, BUDGET / 2 - BUDGET / 16);
	/* What was promised stands (RFC 9293 3.8.6.2.1); it grows no more until there is room. */
	for (uint32_t at = 1001; at < wide; at += 1000) {
		data_send(99, at, 1000);
		tcp_consume(conns[99], tcp_readable(conns[99]));
	}
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
	tcp_write(conns[99], bytes, 10);
	tcp_advance(w.stack, w.now_us);
	narrow = (uint32_t)w.out[w.out_count - 1].window << 3;
	assert_true(narrow < wide / 2);
	wire_stop(&w);
}

/* The cache is fixed, and neither a buffer nor a block is spent on who never answers. */
static void test_a_flood_of_half_open_connections(void **state)
{
	static const struct tcp_params params = { .mbufs_max = BUDGET, .max_half_open = 4096 };

	RTE_SET_USED(state);
	wire_start(&w, &params);
	for (unsigned i = 0; i < 65000; i++) {
		wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = (uint16_t)(1 + i) });
		wire_forget(&w);
	}
	wire_check_usage(&w, 0, 4096, 0);
	assert_int_equal(usage().mbufs_held, 0);
	assert_int_equal(tcp_counters(w.stack)->cookies_sent, 65000 - 4096);
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 65100 });
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .peer_port = 65100 });
	assert_int_equal(w.accepts, 1);
	wire_stop(&w);
}

/* Each byte pins a buffer: the oldest queues are given up for the newer ones. */
static void test_a_thousand_peers_send_bytes_out_of_order(void **state)
{
	RTE_SET_USED(state);
	start(PEERS);
	for (uint32_t round = 1; round <= 5; round++) {
		for (uint16_t i = 0; i < PEERS; i++)
			data_send(i, 1 + 2 * round, 1);
		check_budget();
	}
	assert_true(tcp_counters(w.stack)->ooo_evictions > 0);
	assert_true(usage().mbufs_out_of_order > BUDGET / 8);
	/* In-order data of others has its room, and a hole that fills, too. */
	data_send(0, 1, 2);
	assert_true(tcp_readable(conns[0]) >= 2);
	data_send(PEERS - 1, 1, 2);
	assert_true(tcp_readable(conns[PEERS - 1]) >= 2);
	wire_stop(&w);
}

static void test_bytes_by_kind(void **state)
{
	struct tcp_usage now;

	RTE_SET_USED(state);
	start(3);
	data_send(0, 1, 1000);
	data_send(1, 3, 1);
	tcp_write(conns[2], bytes, 1500);
	now = usage();
	assert_int_equal(now.mbufs_receive, 1);
	assert_int_equal(now.mbufs_out_of_order, 1);
	assert_int_equal(now.mbufs_send, 2);
	assert_int_equal(now.mbufs_max, BUDGET);
	assert_true(now.bytes_per_mbuf > 2048);
	assert_true(now.bytes_per_conn <= 512);
	tcp_advance(w.stack, w.now_us);
	wire_forget(&w);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_that_read_nothing),
		cmocka_unit_test(test_readers_that_stall),
		cmocka_unit_test(test_windows_shrink_before_memory_is_spent),
		cmocka_unit_test(test_a_flood_of_half_open_connections),
		cmocka_unit_test(test_a_thousand_peers_send_bytes_out_of_order),
		cmocka_unit_test(test_bytes_by_kind),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
