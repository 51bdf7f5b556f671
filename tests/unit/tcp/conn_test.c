/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "wire.h"

/* Connections that we open, and what an owner of connections sees. */

static struct wire w;

/* The peer's answer to our SYN. */
static void answer_send(uint8_t flags, uint32_t ack)
{
	struct wire_seg seg = { .flags = flags,
		.ack = ack,
		.local_port = w.out[0].local_port,
		.options = { 2, 4, 1000 >> 8, 1000 & 0xff },
		.options_len = flags & SYN ? 4 : 0 };

	wire_send(&w, seg);
}

static void segment_send(uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	wire_send(&w,
		(struct wire_seg){ .flags = flags,
			.seq = seq,
			.ack = ack,
			.data = data,
			.local_port = w.out[0].local_port });
}

static void test_connect(void **state)
{
	const struct wire_seg *syn;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	syn = wire_expect(&w, SYN, 0, 0, 0);
	assert_in_range(syn->local_port, 30000, 30003);
	assert_non_null(wire_option(syn, 2));
	assert_non_null(wire_option(syn, 3));
	assert_non_null(wire_option(syn, 4));
	assert_non_null(wire_option(syn, 8));
	assert_int_equal(syn->ack, 0);
	/* Bytes may wait for the handshake. */
	assert_int_equal(tcp_write(w.conn, "GET /", 5), 5);
	tcp_advance(w.stack, w.now_us);
	wire_expect_none(&w);
	w.out[0].local_port = syn->local_port;
	answer_send(SYN | ACK, 1);
	assert_int_equal(w.connects, 1);
	wire_expect(&w, ACK, 1, 1, 5);
	w.out[0].local_port = syn->local_port;
	segment_send(ACK, 1, 6, "200");
	assert_memory_equal(w.received, "200", 3);
	assert_int_equal(tcp_counters(w.stack)->connected, 1);
	wire_stop(&w);
}

static void test_connect_refused(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	/* Not our number, or none: forged. */
	answer_send(RST | ACK, 77);
	answer_send(RST, 0);
	assert_int_equal(w.closes, 0);
	answer_send(RST | ACK, 1);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_RESET);
	assert_int_equal(tcp_counters(w.stack)->connect_failed, 1);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_connect_bad_ack_is_reset(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	wire_expect(&w, SYN, 0, 0, 0);
	answer_send(SYN | ACK, 5);
	wire_expect(&w, RST, 5, 0, 0);
	assert_int_equal(w.closes, 0);
	assert_int_equal(w.connects, 0);
	wire_stop(&w);
}

static void test_connect_without_an_answer(void **state)
{
	static const uint64_t at_ms[] = { 1000, 3000, 7000, 15000, 31000, 63000 };
	uint64_t start_us;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	start_us = w.now_us;
	wire_expect(&w, SYN, 0, 0, 0);
	for (unsigned i = 0; i < RTE_DIM(at_ms); i++) {
		while (w.out_count == w.out_first)
			wire_pass_ms(&w, 1);
		wire_expect(&w, SYN, 0, 0, 0);
		assert_in_range((w.now_us - start_us) / 1000, at_ms[i], at_ms[i] + 10);
	}
	wire_pass_ms(&w, 61000);
	wire_expect_none(&w);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_TIMEOUT);
	wire_stop(&w);
}

static void test_connect_unreachable(void **state)
{
	struct tcp_info info;
	struct packet_tuple quoted;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	tcp_conn_info(w.conn, &info);
	assert_string_equal(info.state, "SYN-SENT");
	quoted = (struct packet_tuple){
		.src = info.tuple.dst,
		.dst = info.tuple.src,
		.src_port_be = info.tuple.dst_port_be,
		.dst_port_be = info.tuple.src_port_be,
		.protocol = IPPROTO_TCP,
	};
	tcp_icmp_error(w.stack, &quoted, w.iss + 9, false, 0, w.now_us);
	tcp_advance(w.stack, w.now_us);
	assert_int_equal(w.closes, 0);
	tcp_icmp_error(w.stack, &quoted, w.iss, false, 0, w.now_us);
	assert_int_equal(w.closes, 0);
	tcp_advance(w.stack, w.now_us);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, TCP_CLOSED_UNREACHABLE);
	wire_stop(&w);
}

static void test_simultaneous_open(void **state)
{
	uint16_t port;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_connect(&w);
	port = wire_expect(&w, SYN, 0, 0, 0)->local_port;
	answer_send(SYN, 0);
	wire_expect(&w, SYN | ACK, 0, 1, 0);
	w.out[0].local_port = port;
	segment_send(ACK, 1, 1, "both");
	assert_int_equal(w.connects, 1);
	assert_memory_equal(w.received, "both", 4);
	wire_stop(&w);
}

static void test_ports_run_out(void **state)
{
	struct ip_addr local = ip_from_v4(rte_cpu_to_be_32(0xc0000201));
	struct ip_addr peer = ip_from_v4(rte_cpu_to_be_32(0xc0000202));
	static const struct tcp_handler nothing;
	struct tcp_connect_args args = {
		.src = &local, .dst = &peer, .dst_port = 443, .handler = &nothing
	};
	struct tcp_conn *conns[4];
	int error = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	for (unsigned i = 0; i < 4; i++) {
		conns[i] = tcp_connect(w.stack, &args, &error, w.now_us);
		assert_non_null(conns[i]);
	}
	assert_null(tcp_connect(w.stack, &args, &error, w.now_us));
	assert_int_equal(error, -EADDRNOTAVAIL);
	/* Another destination has all ports again. */
	args.dst_port = 444;
	assert_non_null(tcp_connect(w.stack, &args, &error, w.now_us));
	tcp_close(conns[2]);
	args.dst_port = 443;
	assert_non_null(tcp_connect(w.stack, &args, &error, w.now_us));
	wire_stop(&w);
}

static void test_connect_timeout(void **state)
{
	struct ip_addr local = ip_from_v4(rte_cpu_to_be_32(0xc0000201));
	static const struct tcp_handler nothing;
	struct tcp_connect_args args = { .src = &local,
		.dst = &local,
		.dst_port = 443,
		.handler = &nothing,
		.timeout_ms = 500 };
	int error = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	assert_non_null(tcp_connect(w.stack, &args, &error, w.now_us));
	wire_pass_ms(&w, 499);
	wire_check_usage(&w, 1, 0, 0);
	wire_pass_ms(&w, 3);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_connection_limit_on_connect(void **state)
{
	struct ip_addr local = ip_from_v4(rte_cpu_to_be_32(0xc0000201));
	static const struct tcp_handler nothing;
	struct tcp_connect_args args = {
		.src = &local, .dst = &local, .dst_port = 443, .handler = &nothing
	};
	struct tcp_params params = { .max_connections = 1 };
	int error = 0;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	assert_non_null(tcp_connect(w.stack, &args, &error, w.now_us));
	assert_null(tcp_connect(w.stack, &args, &error, w.now_us));
	assert_int_equal(error, -EMFILE);
	assert_int_equal(tcp_counters(w.stack)->refused_limit, 1);
	wire_stop(&w);
}

static void test_dump_shows_each_connection_once(void **state)
{
	struct tcp_info rows[3];
	unsigned seen = 0, count;
	uint32_t cursor = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	for (uint16_t i = 0; i < 20; i++) {
		uint16_t port = (uint16_t)(100 + i);

		wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = port });
		wire_send(&w,
			(struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .peer_port = port });
	}
	assert_int_equal(w.accepts, 20);
	while (cursor != TCP_DUMP_END) {
		count = tcp_dump(w.stack, &cursor, rows, 3);
		for (unsigned i = 0; i < count; i++)
			assert_string_equal(rows[i].state, "ESTABLISHED");
		seen += count;
	}
	assert_int_equal(seen, 20);
	wire_stop(&w);
}

/* A worker that is asked must not be held up by a large table: an empty one comes in pieces. */
static void test_dump_looks_at_a_large_table_in_pieces(void **state)
{
	struct tcp_params params = { .max_connections = 1 << 19 };
	struct tcp_info rows[2];
	unsigned seen = 0, calls = 0;
	uint32_t cursor = 0;

	RTE_SET_USED(state);
	wire_start(&w, &params);
	wire_open(&w, NULL);
	while (cursor != TCP_DUMP_END) {
		uint32_t before = cursor;

		seen += tcp_dump(w.stack, &cursor, rows, RTE_DIM(rows));
		assert_true(cursor > before);
		assert_true(cursor == TCP_DUMP_END || cursor - before <= 4096);
		calls++;
	}
	assert_int_equal(seen, 1);
	assert_string_equal(rows[0].state, "ESTABLISHED");
	assert_int_equal(calls, (1 << 20) / 4096 + 1);
	wire_stop(&w);
}

/* A handler ends another connection of the same burst, whose events wait. */
static struct tcp_conn *victims[2];
static unsigned victim_count;

static void victims_collect(struct wire *wire, const char *event)
{
	if (strcmp(event, "accept") == 0)
		victims[victim_count++] = wire->conn;
}

static void victims_end(struct wire *wire, const char *event)
{
	RTE_SET_USED(wire);
	if (strcmp(event, "readable") != 0)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (victims[i] != NULL) {
			struct tcp_conn *conn = victims[i];

			victims[i] = NULL;
			tcp_abort(conn);
		}
	}
}

static void test_a_handler_may_end_any_connection(void **state)
{
	struct rte_mbuf *burst[2];
	struct hash_key key = { .k0 = 1, .k1 = 2 };

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	victim_count = 0;
	w.hook = victims_collect;
	w.is_reading = false;
	for (uint16_t i = 0; i < 2; i++) {
		struct wire_seg data = {
			.flags = ACK, .seq = 1, .data = "x", .peer_port = 100 + i, .window = 1000
		};
		uint8_t frame[200];

		wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 100 + i });
		wire_send(&w,
			(struct wire_seg){
				.flags = ACK, .seq = 1, .ack = 1, .peer_port = 100 + i });
		data.ack = 1;
		burst[i] = support_mbuf(frame, wire_frame(&w, &data, frame));
		assert_int_equal(packet_parse(burst[i], 0, key), DROP_NONE);
	}
	w.hook = victims_end;
	tcp_input(w.stack, burst, 2, w.now_us);
	assert_int_equal(w.readables, 1);
	assert_int_equal(w.closes, 2);
	tcp_advance(w.stack, w.now_us);
	wire_check_usage(&w, 0, 0, 0);
	wire_stop(&w);
}

static void test_without_buffers_nothing_breaks(void **state)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create(
		"small", 31, 0, PACKET_PRIV_BYTES, RTE_PKTMBUF_HEADROOM + 2048, 0);
	struct rte_mbuf *taken[31];
	struct tcp_params params = { .mbufs = small };
	static char bytes[100000];
	unsigned count = 0;

	RTE_SET_USED(state);
	assert_non_null(small);
	wire_start(&w, &params);
	wire_open_sack(&w);
	while (count < 31 && (taken[count] = rte_pktmbuf_alloc(small)) != NULL)
		count++;
	assert_int_equal(tcp_write(w.conn, bytes, sizeof(bytes)), 0);
	tcp_shutdown(w.conn);
	tcp_advance(w.stack, w.now_us);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .data = "in" });
	assert_memory_equal(w.received, "in", 2);
	wire_expect_none(&w);
	rte_pktmbuf_free_bulk(taken, count);
	/* What could not leave then leaves now, acknowledgment and FIN together. */
	tcp_advance(w.stack, w.now_us);
	wire_expect(&w, ACK | FIN, 1, 3, 0);
	tcp_abort(w.conn);
	tcp_stack_destroy(w.stack);
	assert_int_equal(rte_mempool_in_use_count(small), 0);
	rte_mempool_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_refused),
		cmocka_unit_test(test_connect_bad_ack_is_reset),
		cmocka_unit_test(test_connect_without_an_answer),
		cmocka_unit_test(test_connect_unreachable),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_ports_run_out),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_connection_limit_on_connect),
		cmocka_unit_test(test_dump_shows_each_connection_once),
		cmocka_unit_test(test_dump_looks_at_a_large_table_in_pieces),
		cmocka_unit_test(test_a_handler_may_end_any_connection),
		cmocka_unit_test(test_without_buffers_nothing_breaks),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
