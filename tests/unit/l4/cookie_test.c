/* SPDX-License-Identifier: Apache-2.0 */
/* SYN cookies, and the translation between two ways of counting. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "../../../lib/l4/splice/cookie.h"
#include "../../../lib/l4/splice/translate.h"
#include "support/frame.h"
#include "support/support.h"

#define ETHER    14
#define START_US 1000000000ull

static const struct hash_key secret = { .k0 = 1, .k1 = 2 };

static struct packet_tuple client_make(uint16_t port)
{
	struct packet_tuple client = { .src_port_be = rte_cpu_to_be_16(port),
		.dst_port_be = rte_cpu_to_be_16(80),
		.protocol = IPPROTO_TCP };

	assert_int_equal(ip_parse("203.0.113.7", &client.src), 0);
	assert_int_equal(ip_parse("192.0.2.100", &client.dst), 0);
	return client;
}

static void a_cookie_is_its_clients_own(void **state)
{
	const struct tcp_options options = { .mss = 1460 };
	struct packet_tuple client = client_make(5000);
	struct packet_tuple other = client_make(5001);
	struct cookies cookies;
	uint16_t mss;
	uint32_t cookie;

	(void)state;
	syn_cookies_init(&cookies, secret, START_US);
	assert_false(syn_cookie_check(&cookies, &client, 77, 4711, START_US, &mss));
	cookie = syn_cookie_make(&cookies, &client, 77, &options, START_US);
	assert_true(syn_cookie_check(&cookies, &client, 77, cookie, START_US, &mss));
	assert_int_equal(mss, 1460);
	assert_false(syn_cookie_check(&cookies, &client, 78, cookie, START_US, &mss));
	assert_false(syn_cookie_check(&cookies, &other, 77, cookie, START_US, &mss));
	for (uint32_t bit = 0; bit < 32; bit++)
		assert_false(syn_cookie_check(
			&cookies, &client, 77, cookie ^ 1u << bit, START_US, &mss));
}

static void a_cookie_lasts_for_its_epoch_and_the_next(void **state)
{
	const struct tcp_options options = { .mss = 536 };
	struct packet_tuple client = client_make(5000);
	struct cookies cookies;
	struct cookies idle;
	uint64_t epoch_us = (START_US / COOKIE_EPOCH_US + 1) * COOKIE_EPOCH_US;
	uint16_t mss;
	uint32_t cookie;

	(void)state;
	syn_cookies_init(&cookies, secret, START_US);
	cookie = syn_cookie_make(&cookies, &client, 77, &options, START_US);
	idle = cookies;
	assert_true(syn_cookie_check(&cookies, &client, 77, cookie, epoch_us, &mss));
	assert_true(syn_cookie_check(
		&cookies, &client, 77, cookie, epoch_us + COOKIE_EPOCH_US - 1, &mss));
	/* Others go out all the time; it is the key that is gone. */
	syn_cookie_make(&cookies, &client, 78, &options, epoch_us + COOKIE_EPOCH_US - 1);
	assert_false(
		syn_cookie_check(&cookies, &client, 77, cookie, epoch_us + COOKIE_EPOCH_US, &mss));
	assert_false(
		syn_cookie_check(&idle, &client, 77, cookie, epoch_us + 7 * COOKIE_EPOCH_US, &mss));
}

static void options_come_back(void **state)
{
	struct packet_tuple client = client_make(5000);
	struct cookies cookies;

	(void)state;
	syn_cookies_init(&cookies, secret, START_US);
	for (uint32_t i = 0; i < 2000; i++) {
		struct tcp_options options = {
			.present = TCP_HAS_TIMES | (i & 1 ? TCP_HAS_SACK_OK : 0) |
				(i & 2 ? TCP_HAS_SCALE : 0),
			.scale = (uint8_t)(i % 15),
			.mss = (uint16_t)(i * 37),
		};
		struct tcp_options back = { 0 };
		uint32_t times = syn_cookie_times_make(&cookies, &options, 1000 + i);
		uint32_t ahead = syn_cookies_times(&cookies, 1000 + i) - times;
		uint32_t cookie = syn_cookie_make(&cookies, &client, i, &options, START_US);
		uint16_t mss;

		assert_true(ahead < 64);
		syn_cookie_times_read(times, &back);
		assert_int_equal(back.present | TCP_HAS_TIMES, options.present);
		assert_int_equal(back.scale, (i & 2) != 0 ? options.scale : 0);
		assert_true(syn_cookie_check(&cookies, &client, i, cookie, START_US, &mss));
		assert_true(mss <= RTE_MAX(options.mss, 216));
	}
}

static uint32_t word_at(struct rte_mbuf *m, unsigned offset)
{
	uint32_t word_be;

	memcpy(&word_be, rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER + 20 + offset), 4);
	return rte_be_to_cpu_32(word_be);
}

static struct rte_mbuf *segment_make(
	uint8_t flags, uint32_t seq, uint32_t ack, const void *options, size_t options_len)
{
	struct rte_mbuf *m = frame_mbuf(&(struct frame_spec){
		.src = "203.0.113.7",
		.dst = "192.0.2.100",
		.src_port = 5000,
		.dst_port = 80,
		.protocol = IPPROTO_TCP,
		.tcp_flags = flags,
		.seq = seq,
		.ack = ack,
		.tcp_options = options,
		.tcp_options_len = options_len,
		.payload = "odd",
		.payload_len = 3,
	});

	assert_int_equal(packet_parse(m, 0, secret), DROP_NONE);
	return m;
}

static void sums_check(struct rte_mbuf *m)
{
	assert_true(
		frame_sums_ok(rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER), m->pkt_len - ETHER));
}

/* One NOP or two: options at odd and at even offsets. */
static void numbers_move_across_zero(void **state)
{
	static const struct splice splice = {
		.flags = SPLICE_IS_PROXIED,
		.shift = 0x00000020,
		.times_shift = 0xffffff00,
	};
	static const uint8_t odd[] = { 1, 5, 18, 0, 0, 0, 0x10, 0, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 0,
		0, 0x40, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1 };
	static const uint8_t even[] = { 5, 10, 0, 0, 0, 0x10, 0, 0, 0, 0x40, 1, 1, 8, 10, 0, 0, 0,
		1, 0, 0, 0, 2, 1, 1 };
	struct rte_mbuf *m = segment_make(RTE_TCP_ACK_FLAG, 100, 0x00000008, odd, sizeof(odd));

	(void)state;
	splice_translate(&splice, CONN_CLIENT, m);
	sums_check(m);
	assert_int_equal(word_at(m, 4), 100);
	assert_int_equal(word_at(m, 8), 0xffffffe8);
	assert_int_equal(word_at(m, 23), 0xfffffff0);
	assert_int_equal(word_at(m, 27), 0);
	assert_int_equal(word_at(m, 31), 0x10);
	assert_int_equal(word_at(m, 35), 0x20);
	assert_int_equal(word_at(m, 43), 1);
	assert_int_equal(word_at(m, 47), 0x102);
	rte_pktmbuf_free(m);
	m = segment_make(RTE_TCP_ACK_FLAG, 0xfffffff8, 0x1234, even, sizeof(even));
	splice_translate(&splice, CONN_MEMBER, m);
	sums_check(m);
	assert_int_equal(word_at(m, 4), 0x18);
	assert_int_equal(word_at(m, 8), 0x1234);
	/* The member's blocks tell of the client's numbers. */
	assert_int_equal(word_at(m, 22), 0x10);
	assert_int_equal(word_at(m, 34), 0xffffff01);
	assert_int_equal(word_at(m, 38), 2);
	rte_pktmbuf_free(m);
}

static void options_that_lie_end_the_search(void **state)
{
	static const struct splice splice = { .flags = SPLICE_IS_PROXIED, .shift = 5 };
	static const uint8_t lies[][4] = { { 5, 40, 0, 0 }, { 5, 0, 0, 0 }, { 8, 4, 1, 2 },
		{ 1, 1, 1, 5 }, { 0, 5, 10, 0 } };

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(lies); i++) {
		struct rte_mbuf *m = segment_make(RTE_TCP_ACK_FLAG, 1, 2, lies[i], 4);

		splice_translate(&splice, CONN_CLIENT, m);
		sums_check(m);
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER + 40), lies[i], 4);
		rte_pktmbuf_free(m);
	}
}

static void windows_keep_their_meaning(void **state)
{
	struct splice splice = { .flags = SPLICE_SCALES_CLIENT, .client_scale = 4 };

	(void)state;
	/* The member does not scale. */
	assert_int_equal(splice_window_in(&splice, 100), 1600);
	assert_int_equal(splice_window_in(&splice, 65535), 65535);
	assert_int_equal(splice_window_out(&splice, 1 << 8), 2);
	splice.flags |= SPLICE_SCALES_MEMBER;
	splice.member_scale = 10;
	assert_int_equal(splice_window_in(&splice, 100), 100);
	assert_int_equal(splice_window_out(&splice, 100), 800);
	assert_int_equal(splice_window_out(&splice, 65535), 65535);
	splice.flags = 0;
	assert_int_equal(splice_window_in(&splice, 100), 100);
	assert_int_equal(splice_window_out(&splice, 100), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_cookie_is_its_clients_own, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_cookie_lasts_for_its_epoch_and_the_next, support_mbufs_check),
		cmocka_unit_test_teardown(options_come_back, support_mbufs_check),
		cmocka_unit_test_teardown(numbers_move_across_zero, support_mbufs_check),
		cmocka_unit_test_teardown(options_that_lie_end_the_search, support_mbufs_check),
		cmocka_unit_test_teardown(windows_keep_their_meaning, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
