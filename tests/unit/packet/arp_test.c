/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "packet/packet.h"
#include "support/frame.h"

static const struct hash_key key = { .k0 = 1, .k1 = 2 };

struct patch {
	uint16_t at;
	uint8_t value;
};

struct arp_row {
	const char *what;
	struct patch patches[2];
	enum drop_reason reason;
};

static const struct arp_row arp_rows[] = {
	{ "a request", { { 0, 0 } }, DROP_NONE },
	{ "a reply", { { 21, 2 } }, DROP_NONE },
	{ "hardware that is not Ethernet", { { 15, 6 } }, DROP_parse_arp },
	{ "a protocol that is not IPv4", { { 16, 0x86 }, { 17, 0xdd } }, DROP_parse_arp },
	{ "another hardware length", { { 18, 8 } }, DROP_parse_arp },
	{ "another protocol length", { { 19, 16 } }, DROP_parse_arp },
	{ "operation 0", { { 21, 0 } }, DROP_parse_arp },
	{ "a reverse request", { { 21, 3 } }, DROP_parse_arp },
	{ "operation 257", { { 20, 1 } }, DROP_parse_arp },
	{ "a sender with a group address", { { 22, 3 } }, DROP_parse_arp },
	{ "a multicast sender", { { 28, 224 } }, DROP_parse_arp },
	{ "a loopback sender", { { 28, 127 } }, DROP_parse_arp },
};

static void arp_is_checked(void **state)
{
	struct frame_arp arp = { .op = 1,
		.sender_mac = frame_client_mac,
		.sender = "192.0.2.9",
		.target = "192.0.2.1" };
	uint8_t bytes[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(arp_rows); i++) {
		struct rte_mbuf *m;

		frame_arp_build(&arp, bytes, sizeof(bytes));
		for (size_t j = 0; j < 2 && arp_rows[i].patches[j].at > 0; j++)
			bytes[arp_rows[i].patches[j].at] = arp_rows[i].patches[j].value;
		m = frame_mbuf_exact(bytes, 60);
		if (packet_parse(m, 2, key) != arp_rows[i].reason)
			fail_msg("%s", arp_rows[i].what);
		if (arp_rows[i].reason == DROP_NONE) {
			assert_int_equal(packet_of(m)->flags, PACKET_IS_ARP | PACKET_IS_BROADCAST);
			assert_int_equal(packet_of(m)->in_port, 2);
			assert_int_equal(m->pkt_len, 42);
		}
		rte_pktmbuf_free(m);
	}
	for (size_t len = 14; len < 42; len++) {
		struct rte_mbuf *m = frame_mbuf_exact(bytes, len);

		assert_int_equal(packet_parse(m, 0, key), DROP_parse_short);
		rte_pktmbuf_free(m);
	}
}

/* RFC 5227: a probe has no sender address; a reply without one means nothing. */
static void only_requests_may_be_arp_probes(void **state)
{
	static const enum drop_reason reasons[] = { DROP_NONE, DROP_parse_arp };
	uint8_t bytes[64];

	(void)state;
	for (uint16_t op = 1; op <= 2; op++) {
		struct frame_arp arp = { .op = op,
			.sender_mac = frame_client_mac,
			.sender = "0.0.0.0",
			.target = "192.0.2.1" };
		struct rte_mbuf *m = frame_mbuf_exact(bytes, frame_arp_build(&arp, bytes, 64));

		assert_int_equal(packet_parse(m, 0, key), reasons[op - 1]);
		rte_pktmbuf_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(arp_is_checked, support_mbufs_check),
		cmocka_unit_test_teardown(only_requests_may_be_arp_probes, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
