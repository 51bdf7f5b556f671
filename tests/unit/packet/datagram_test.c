/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_udp.h>

#include "packet/datagram.h"
#include "packet/packet.h"
#include "support/frame.h"

struct row {
	const char *src, *dst;
	size_t len;
};

/* Also of odd length, and empty. */
static const struct row rows[] = {
	{ "192.0.2.1", "198.51.100.7", 100 },
	{ "192.0.2.1", "198.51.100.7", 101 },
	{ "192.0.2.1", "198.51.100.7", 0 },
	{ "2001:db8::1", "2001:db8:1::7", 1400 },
	{ "2001:db8::1", "2001:db8:1::7", 33 },
};

static void datagrams_are_whole(void **state)
{
	uint8_t data[1500];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		struct datagram datagram = { .src_port = 514, .dst_port = 5514 };
		struct rte_mbuf *m = support_mbuf("", 0);
		const struct rte_udp_hdr *udp;

		assert_int_equal(ip_parse(rows[i].src, &datagram.src), 0);
		assert_int_equal(ip_parse(rows[i].dst, &datagram.dst), 0);
		assert_true(packet_datagram_make(m, &datagram, data, rows[i].len));
		packet_checksum_complete(m);
		assert_true(frame_sums_ok(rte_pktmbuf_mtod(m, const uint8_t *), m->pkt_len));
		udp = rte_pktmbuf_mtod_offset(
			m, const struct rte_udp_hdr *, packet_of(m)->l4_offset);
		assert_int_equal(rte_be_to_cpu_16(udp->src_port), 514);
		assert_int_equal(rte_be_to_cpu_16(udp->dst_port), 5514);
		assert_int_equal(rte_be_to_cpu_16(udp->dgram_len), 8 + rows[i].len);
		assert_memory_equal(udp + 1, data, rows[i].len);
		assert_int_equal(m->pkt_len, (ip_is_v4(&datagram.dst) ? 28 : 48) + rows[i].len);
		rte_pktmbuf_free(m);
	}
}

static void knows_how_much_fits(void **state)
{
	struct datagram datagram = { .src_port = 514, .dst_port = 514 };
	struct rte_mbuf *m = support_mbuf("", 0);
	static const uint8_t data[16384];

	(void)state;
	assert_int_equal(ip_parse("192.0.2.1", &datagram.src), 0);
	assert_int_equal(ip_parse("192.0.2.2", &datagram.dst), 0);
	assert_int_equal(packet_datagram_max(&datagram.dst, 1500), 1472);
	assert_int_equal(packet_datagram_max(&datagram.dst, 20), 0);
	assert_false(packet_datagram_make(m, &datagram, data, sizeof(data)));
	assert_int_equal(m->pkt_len, 0);
	assert_int_equal(ip_parse("2001:db8::2", &datagram.dst), 0);
	assert_int_equal(packet_datagram_max(&datagram.dst, 1500), 1452);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(datagrams_are_whole, support_mbufs_check),
		cmocka_unit_test_teardown(knows_how_much_fits, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
