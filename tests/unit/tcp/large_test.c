/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "wire.h"

/* Several segments that leave as one packet, for a device or the port to cut up. */
static struct wire w;

#define KEPT_MAX 8

static uint32_t large_bytes[16]; /* payload of each, in their order */
static unsigned large_segments[16];
static struct rte_mbuf *kept[KEPT_MAX];
static unsigned kept_count;

/* What a device wants to know. */
static bool look(struct wire *wire, struct rte_mbuf *m)
{
	unsigned segments = 0;
	uint32_t headers = (uint32_t)m->l3_len + (uint32_t)m->l4_len;

	RTE_SET_USED(wire);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->tso_segsz, m->data_len - headers);
	assert_true(m->pkt_len <= UINT16_MAX);
	for (const struct rte_mbuf *part = m; part != NULL; part = part->next) {
		segments++;
		if (part->next != NULL && part != m)
			assert_int_equal(part->data_len, m->tso_segsz);
		assert_true(part == m || part->data_len <= m->tso_segsz);
	}
	assert_int_equal(m->nb_segs, segments);
	if (wire->larges <= RTE_DIM(large_bytes)) {
		large_bytes[wire->larges - 1] = m->pkt_len - headers;
		large_segments[wire->larges - 1] = segments;
	}
	return false;
}

static bool keep(struct wire *wire, struct rte_mbuf *m)
{
	look(wire, m);
	assert_true(kept_count < KEPT_MAX);
	kept[kept_count++] = m;
	return true;
}

static void kept_free(void)
{
	while (kept_count > 0)
		rte_pktmbuf_free(kept[--kept_count]);
}

static void start(struct tcp_params params, bool has_sack)
{
	params.large_output = true;
	wire_start(&w, &params);
	w.on_large = look;
	if (has_sack)
		wire_open_sack(&w);
	else
		wire_open(&w, NULL);
}

static void test_the_initial_window_is_one_packet(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, false);
	wire_write(&w, 50000);
	assert_int_equal(w.larges, 1);
	assert_int_equal(large_segments[0], 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(wire_expect(&w, ACK, 1 + 1000 * i, 1, 1000)->flags, ACK);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->segments_grouped, 10);
	assert_int_equal(tcp_counters(w.stack)->segments_out, 11);
	/* Two for each that is acknowledged. */
	wire_ack(&w, 2001);
	assert_int_equal(w.larges, 2);
	wire_expect_run(&w, 10001, 4, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

static void test_it_has_to_be_asked_for(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_write(&w, 50000);
	assert_int_equal(w.larges, 0);
	wire_expect_run(&w, 1, 10, 1000);
	wire_stop(&w);
}

static void test_one_segment_is_no_large_packet(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, false);
	wire_write(&w, 999);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 999)->flags, ACK | PSH);
	assert_int_equal(w.larges, 0);
	assert_int_equal(tcp_counters(w.stack)->segments_grouped, 0);
	wire_stop(&w);
}

static void test_the_end_of_the_stream(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, false);
	assert_int_equal(tcp_write(w.conn, (char[2500]){ 0 }, 2500), 2500);
	tcp_shutdown(w.conn);
	tcp_advance(w.stack, w.now_us);
	assert_int_equal(w.larges, 1);
	assert_int_equal(wire_expect(&w, ACK, 1, 1, 1000)->flags, ACK);
	assert_int_equal(wire_expect(&w, ACK, 1001, 1, 1000)->flags, ACK);
	assert_int_equal(wire_expect(&w, ACK | FIN, 2001, 1, 500)->flags, ACK | FIN | PSH);
	wire_ack(&w, 2502);
	wire_send(&w, (struct wire_seg){ .flags = ACK | FIN, .seq = 1, .ack = 2502 });
	assert_int_equal(w.closes, 1);
	wire_stop(&w);
}

/* The peer's window ends within a segment, and later within the stream. */
static void test_the_peers_window_limits_it(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, false);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .window = 3600 });
	wire_write(&w, 20000);
	assert_int_equal(w.larges, 1);
	assert_int_equal(large_bytes[0], 3000);
	wire_expect_run(&w, 1, 3, 1000);
	wire_expect_none(&w);
	wire_stop(&w);
}

/* The peer acknowledges each segment of what it got, and all of that arrives at once. */
static void ack_singly(uint32_t from, unsigned segments, uint32_t len)
{
	struct wire_seg acks[WIRE_BURST_MAX];

	assert_true(segments <= WIRE_BURST_MAX);
	for (unsigned i = 0; i < segments; i++)
		acks[i] = (struct wire_seg){
			.flags = ACK, .seq = 1, .ack = from + len * (i + 1), .window = 0xffff
		};
	wire_burst(&w, acks, segments);
}

/* No IP packet is longer than 65535 bytes, be the windows what they may. */
static void test_64_kilobytes_at_most(void **state)
{
	struct wire_seg syn = { .flags = SYN,
		.options_len = 8,
		.options = { 2, 4, 1440 >> 8, 1440 & 0xff, 1, 3, 3, 4 } };

	RTE_SET_USED(state);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		wire_start(&w, &(struct tcp_params){ .large_output = true });
		w.on_large = look;
		w.is_v6 = v6;
		wire_open(&w, &syn);
		wire_write(&w, 200000);
		ack_singly(1, 10, 1440);
		ack_singly(14401, 20, 1440);
		ack_singly(43201, 40, 1440);
		/* 10, 20 and 40 segments, and of the 69 that are left of 139 at most 45 at once. */
		assert_int_equal(w.larges, 5);
		assert_int_equal(large_segments[0], 10);
		assert_int_equal(large_segments[1], 20);
		assert_int_equal(large_segments[2], 40);
		assert_int_equal(large_segments[3], 45);
		assert_int_equal(large_bytes[3], 45 * 1440);
		assert_int_equal(large_bytes[0] + large_bytes[1] + large_bytes[2] + large_bytes[3] +
				large_bytes[4],
			200000);
		wire_stop(&w);
	}
}

/* What others left short stands at the end of its packet. */
static void test_a_short_segment_ends_it(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, false);
	wire_write(&w, 1000);
	wire_pass_ms(&w, 20);
	w.window = 600;
	wire_ack(&w, 1001);
	wire_write(&w, 3000);
	/* A sliver of the window is used at last: the segment is cut in two. */
	wire_pass_ms(&w, 210);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_expect(&w, ACK, 1001, 1, 600);
	w.window = 60000;
	wire_ack(&w, 1601);
	wire_expect(&w, ACK, 1601, 1, 400);
	wire_expect_run(&w, 2001, 2, 1000);
	wire_expect_none(&w);
	assert_int_equal(w.larges, 1);
	assert_int_equal(large_bytes[0], 2000);
	wire_stop(&w);
}

/* Loss within a packet: the scoreboard knows of segments, and so does what is sent again. */
static void test_a_hole_within(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, true);
	wire_write(&w, 10000);
	wire_forget(&w);
	wire_pass_ms(&w, 20);
	wire_sack(&w, 2001, (uint32_t[]){ 3001, 7001 }, 1);
	wire_pass_ms(&w, 10);
	wire_expect(&w, ACK, 2001, 1, 1000);
	wire_expect_none(&w);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 1);
	assert_int_equal(wire_info(&w).retransmissions, 1);
	wire_forget(&w);
	wire_ack(&w, 10001);
	assert_int_equal(tcp_counters(w.stack)->retransmits, 1);
	wire_stop(&w);
}

/* A device keeps the packet longer than the peer needs to acknowledge it. */
static void test_a_device_that_is_late(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, true);
	w.on_large = keep;
	wire_write(&w, 10000);
	assert_int_equal(kept_count, 1);
	wire_ack(&w, 10001);
	assert_int_equal(tcp_unacked(w.conn), 0);
	kept_free();
	wire_stop(&w);
	/* Or the connection is gone before. */
	start((struct tcp_params){ 0 }, true);
	w.on_large = keep;
	wire_write(&w, 10000);
	tcp_abort(w.conn);
	tcp_advance(w.stack, w.now_us);
	kept_free();
	wire_stop(&w);
}

/* A segment goes again while the device holds the first packet: with headers of its own; and once
 * more when it let go. */
static void test_again_while_the_device_has_it(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, true);
	w.on_large = keep;
	wire_write(&w, 10000);
	wire_pass_ms(&w, 20);
	wire_forget(&w);
	wire_sack(&w, 1, (uint32_t[]){ 4001, 8001 }, 1);
	wire_pass_ms(&w, 10);
	wire_expect_run(&w, 1, 4, 1000);
	assert_int_equal(kept[0]->nb_segs, 10);
	kept_free();
	wire_forget(&w);
	for (unsigned i = 0; i < 1500 && tcp_counters(w.stack)->timeouts == 0; i++)
		wire_pass_ms(&w, 1);
	assert_int_equal(tcp_counters(w.stack)->timeouts, 1);
	wire_forget(&w);
	wire_ack(&w, 1001);
	wire_expect_run(&w, 1001, 2, 1000);
	wire_ack(&w, 10001);
	wire_stop(&w);
}

/* The way takes less from now on, while a packet of larger segments waits in some queue. */
static void test_the_mtu_falls_meanwhile(void **state)
{
	struct packet_tuple quoted = {
		.src = ip_from_v4(rte_cpu_to_be_32(0xc0000201)),
		.dst = ip_from_v4(rte_cpu_to_be_32(0xc0000202)),
		.src_port_be = rte_cpu_to_be_16(WIRE_PORT),
		.dst_port_be = rte_cpu_to_be_16(WIRE_PEER_PORT),
		.protocol = IPPROTO_TCP,
	};

	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, true);
	w.on_large = keep;
	wire_write(&w, 5000);
	assert_int_equal(kept_count, 1);
	tcp_icmp_error(w.stack, &quoted, w.iss + 1, true, 640, w.now_us);
	tcp_advance(w.stack, w.now_us);
	/* All goes again in smaller pieces, the payload by reference. */
	wire_expect(&w, ACK, 1, 1, 600);
	wire_expect(&w, ACK, 601, 1, 400);
	wire_expect(&w, ACK, 1001, 1, 600);
	kept_free();
	wire_forget(&w);
	wire_ack(&w, 5001);
	wire_write(&w, 3000);
	assert_int_equal(large_segments[1], 5);
	assert_int_equal(large_bytes[1], 3000);
	kept_free();
	wire_stop(&w);
}

/* A mark is answered on one segment alone (RFC 3168 6.1.2): some devices would repeat it. */
static void test_cwr_goes_alone(void **state)
{
	struct wire_seg syn = { .flags = SYN | ECE | CWR,
		.options_len = 8,
		.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2 } };

	RTE_SET_USED(state);
	wire_start(&w, &(struct tcp_params){ .large_output = true });
	w.on_large = look;
	wire_send(&w, syn);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	wire_forget(&w);
	wire_write(&w, 60000);
	assert_int_equal(w.larges, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(wire_expect(&w, ACK, 1 + 1000 * i, 1, 1000)->ecn, 2);
	wire_forget(&w);
	wire_pass_ms(&w, 20);
	wire_send(&w, (struct wire_seg){ .flags = ACK | ECE, .seq = 1, .ack = 10001 });
	assert_int_equal(w.out[0].flags & CWR, CWR);
	assert_int_equal(w.out[0].ecn, 2);
	for (unsigned i = 1; i < w.out_count; i++)
		assert_int_equal(w.out[i].flags & CWR, 0);
	assert_int_equal(w.larges, 2);
	assert_int_equal(large_segments[1], w.out_count - 1);
	wire_stop(&w);
}

/* So many as the pace lets go at once. */
static void test_pacing_limits_it(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ .pacing = true }, true);
	wire_write(&w, 1000);
	wire_pass_ms(&w, 100);
	wire_ack(&w, 1001);
	wire_forget(&w);
	wire_write(&w, 60000);
	/* Ten or so in 100 ms, twice as fast: one each 5 ms. */
	assert_int_equal(w.larges, 0);
	wire_pass_ms(&w, 100);
	assert_true(w.out_count >= 8);
	for (unsigned i = 0; i < w.larges; i++)
		assert_true(large_segments[i] <= 2);
	wire_stop(&w);
}

/* SACK blocks tell of one moment: a segment that has them goes by itself. */
static void test_sack_blocks_ride_on_one(void **state)
{
	RTE_SET_USED(state);
	start((struct tcp_params){ 0 }, true);
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 101, .ack = 1, .len = 100 });
	wire_forget(&w);
	wire_write(&w, 2900);
	assert_int_equal(w.larges, 0);
	assert_true(w.out_count >= 3);
	for (unsigned i = 0; i < w.out_count; i++)
		assert_true(w.out[i].len + w.out[i].options_len <= 1000);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_initial_window_is_one_packet),
		cmocka_unit_test(test_it_has_to_be_asked_for),
		cmocka_unit_test(test_one_segment_is_no_large_packet),
		cmocka_unit_test(test_the_end_of_the_stream),
		cmocka_unit_test(test_the_peers_window_limits_it),
		cmocka_unit_test(test_64_kilobytes_at_most),
		cmocka_unit_test(test_a_short_segment_ends_it),
		cmocka_unit_test(test_a_hole_within),
		cmocka_unit_test(test_a_device_that_is_late),
		cmocka_unit_test(test_again_while_the_device_has_it),
		cmocka_unit_test(test_the_mtu_falls_meanwhile),
		cmocka_unit_test(test_cwr_goes_alone),
		cmocka_unit_test(test_pacing_limits_it),
		cmocka_unit_test(test_sack_blocks_ride_on_one),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
