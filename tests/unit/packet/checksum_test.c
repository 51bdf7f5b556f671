/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/rng.h"
#include "packet/packet.h"
#include "support/frame.h"

#define ETHER 14

/* RFC 1624 4: the example, where eqn. 2 of RFC 1071 would give 0xffff. */
static void the_rfc_example_holds(void **state)
{
	uint16_t sum = rte_cpu_to_be_16(0xdd2f);

	(void)state;
	sum = packet_checksum_fix16(sum, rte_cpu_to_be_16(0x5555), rte_cpu_to_be_16(0x3285));
	assert_int_equal(rte_be_to_cpu_16(sum), 0x0000);
}

static void fixing_equals_recomputing(void **state)
{
	struct rng rng = { .state = 3 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t bytes[20];
		uint16_t sum;
		uint16_t old16;
		uint32_t old32;
		uint16_t new16 = (uint16_t)rng_next(&rng);
		uint32_t new32 = (uint32_t)rng_next(&rng);

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)rng_next(&rng);
		sum = rte_cpu_to_be_16(frame_sum(bytes, sizeof(bytes), 0));
		memcpy(&old16, bytes + 6, 2);
		memcpy(bytes + 6, &new16, 2);
		sum = packet_checksum_fix16(sum, old16, new16);
		assert_int_equal(sum, rte_cpu_to_be_16(frame_sum(bytes, sizeof(bytes), 0)));
		memcpy(&old32, bytes + 10, 4);
		memcpy(bytes + 10, &new32, 4);
		sum = packet_checksum_fix32(sum, old32, new32);
		assert_int_equal(sum, rte_cpu_to_be_16(frame_sum(bytes, sizeof(bytes), 0)));
	}
}

/* A packet as the TCP stack hands it over: sums left to the port, the pseudo header's in place. */
static void sums_leave_to_port(struct rte_mbuf *m, size_t l2, size_t l3, uint8_t protocol)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, l2);
	bool is_v4 = ip[0] >> 4 == 4;
	uint16_t sum;

	m->l2_len = l2;
	m->l3_len = l3;
	m->ol_flags = protocol == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	m->ol_flags |= is_v4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6;
	sum = is_v4 ? rte_ipv4_phdr_cksum((struct rte_ipv4_hdr *)ip, 0)
		    : rte_ipv6_phdr_cksum((struct rte_ipv6_hdr *)ip, 0);
	memcpy(ip + l3 + (protocol == IPPROTO_TCP ? 16 : 6), &sum, sizeof(sum));
	if (is_v4)
		memset(ip + 10, 0, 2);
}

/* Bytes as a chain of buffers: the first has 'first' bytes, the others 'step'. */
static struct rte_mbuf *chain_build(const uint8_t *bytes, size_t len, size_t first, size_t step)
{
	struct rte_mbuf *m = support_mbuf(bytes, RTE_MIN(first, len));

	for (size_t at = first; at < len; at += step)
		assert_int_equal(
			rte_pktmbuf_chain(m, support_mbuf(bytes + at, RTE_MIN(step, len - at))), 0);
	return m;
}

static const struct {
	const char *src;
	const char *dst;
	uint8_t protocol;
	bool is_bare;
} rows[] = {
	{ "192.0.2.1", "198.51.100.7", IPPROTO_TCP, true },
	{ "192.0.2.1", "198.51.100.7", IPPROTO_TCP, false },
	{ "192.0.2.1", "198.51.100.7", IPPROTO_UDP, true },
	{ "192.0.2.1", "198.51.100.7", IPPROTO_UDP, false },
	{ "2001:db8::1", "2001:db8::7", IPPROTO_TCP, true },
	{ "2001:db8::1", "2001:db8::7", IPPROTO_TCP, false },
	{ "2001:db8::1", "2001:db8::7", IPPROTO_UDP, true },
	{ "2001:db8::1", "2001:db8::7", IPPROTO_UDP, false },
};

static void local_packets_are_completed(void **state)
{
	struct rng rng = { .state = 5 };
	uint8_t payload[300];

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)rng_next(&rng);
	for (size_t i = 0; i < RTE_DIM(rows) * sizeof(payload); i++) {
		size_t row = i % RTE_DIM(rows);
		struct frame_spec spec = { .src = rows[row].src,
			.dst = rows[row].dst,
			.src_port = 443,
			.dst_port = 40000,
			.protocol = rows[row].protocol,
			.is_bare = rows[row].is_bare,
			.payload = payload,
			.payload_len = i / RTE_DIM(rows) };
		size_t l2 = rows[row].is_bare ? 0 : ETHER;
		size_t l3 = row < 4 ? 20 : 40;
		uint8_t bytes[FRAME_MAX];
		uint8_t result[FRAME_MAX];
		size_t len = frame_build(&spec, bytes, sizeof(bytes));
		size_t first = l2 + l3 + 20 + rng_below(&rng, 5);
		struct rte_mbuf *m = chain_build(bytes, len, first, 1 + rng_below(&rng, 90));

		sums_leave_to_port(m, l2, l3, rows[row].protocol);
		packet_checksum_complete(m);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(m->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_read(m, 0, (uint32_t)len, result), bytes, len);
		rte_pktmbuf_free(m);
	}
}

static void only_the_ipv4_header_is_completed_when_asked(void **state)
{
	struct frame_spec spec = { .src = "192.0.2.1",
		.dst = "198.51.100.7",
		.protocol = IPPROTO_TCP,
		.src_port = 1,
		.dst_port = 2 };
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_build(&spec, bytes, sizeof(bytes));
	struct rte_mbuf *m = support_mbuf(bytes, len);

	(void)state;
	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER + 10), 0xee, 2);
	m->l2_len = ETHER;
	m->l3_len = 20;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	packet_checksum_complete(m);
	assert_int_equal(m->ol_flags, 0);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), bytes, len);
	rte_pktmbuf_free(m);
}

static void a_packet_without_flags_stays_as_it_is(void **state)
{
	struct frame_spec spec = { .src = "192.0.2.1",
		.dst = "198.51.100.7",
		.protocol = IPPROTO_TCP,
		.src_port = 1,
		.dst_port = 2 };
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_build(&spec, bytes, sizeof(bytes));
	struct rte_mbuf *m;

	(void)state;
	bytes[ETHER + 11] ^= 1;
	bytes[ETHER + 37] ^= 1;
	m = support_mbuf(bytes, len);
	packet_checksum_complete(m);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), bytes, len);
	rte_pktmbuf_free(m);
}

static void pools_hold_what_the_parser_learns(void **state)
{
	struct rte_mempool *pool = packet_pool_create("small", 100, SOCKET_ID_ANY);
	struct rte_mbuf *m;

	(void)state;
	assert_non_null(pool);
	assert_int_equal(rte_mempool_avail_count(pool), 100);
	m = rte_pktmbuf_alloc(pool);
	assert_non_null(m);
	assert_int_equal(m->priv_size, PACKET_PRIV_BYTES);
	assert_int_equal(rte_pktmbuf_headroom(m), RTE_PKTMBUF_HEADROOM);
	assert_int_equal(rte_pktmbuf_tailroom(m), 2048);
	rte_pktmbuf_free(m);
	rte_mempool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_rfc_example_holds, support_mbufs_check),
		cmocka_unit_test_teardown(fixing_equals_recomputing, support_mbufs_check),
		cmocka_unit_test_teardown(local_packets_are_completed, support_mbufs_check),
		cmocka_unit_test_teardown(
			only_the_ipv4_header_is_completed_when_asked, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_packet_without_flags_stays_as_it_is, support_mbufs_check),
		cmocka_unit_test_teardown(pools_hold_what_the_parser_learns, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
