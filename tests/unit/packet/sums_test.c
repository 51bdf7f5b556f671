/* SPDX-License-Identifier: Apache-2.0 */
/* Which checksums are looked at, and over what. */
#include "support/support.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "packet/packet.h"
#include "rows.h"

/* RFC 9868: the UDP datagram may end before the IP payload. */
static void surplus_behind_udp_is_no_payload(void **state)
{
	struct frame_spec spec = { UDP4, DATA(1, 2, 3, 4) };
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_build(&spec, bytes, sizeof(bytes));
	struct rte_mbuf *m;
	rte_be16_t sum;

	(void)state;
	bytes[L4 + 5] = 10;
	bytes[L4 + 6] = bytes[L4 + 7] = 0;
	sum = rte_cpu_to_be_16(frame_sum(bytes + L4, 10,
		17 + 10 + (198 << 8 | 51) + (100 << 8 | 7) + (192 << 8) + (2 << 8 | 100)));
	memcpy(bytes + L4 + 6, &sum, sizeof(sum));
	m = support_mbuf(bytes, len);
	assert_int_equal(packet_parse(m, 0, key), DROP_NONE);
	assert_int_equal(packet_of(m)->payload_len, 2);
	assert_int_equal(m->pkt_len, len);
	rte_pktmbuf_free(m);
}

static void sums_that_the_port_checked_are_not_checked_again(void **state)
{
	static const struct {
		uint64_t flags;
		enum drop_reason reason;
	} rows[] = {
		{ 0, DROP_parse_ip_checksum },
		{ RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD, DROP_parse_ip_checksum },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD, DROP_parse_l4_checksum },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE,
			DROP_parse_l4_checksum },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, DROP_NONE },
	};
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows) * RTE_DIM(protocols); i++) {
		struct frame_spec spec = { V4, PORTS, .protocol = protocols[i % 2] };
		struct rte_mbuf *m = frame_mbuf(&spec);
		uint8_t *bytes = rte_pktmbuf_mtod(m, uint8_t *);

		bytes[IP + 10] ^= 1;
		bytes[L4 + 3] ^= 1;
		m->ol_flags |= rows[i / 2].flags;
		assert_int_equal(packet_parse(m, 0, key), rows[i / 2].reason);
		rte_pktmbuf_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(surplus_behind_udp_is_no_payload, support_mbufs_check),
		cmocka_unit_test_teardown(
			sums_that_the_port_checked_are_not_checked_again, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
