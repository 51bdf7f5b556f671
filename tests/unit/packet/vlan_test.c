/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <string.h>

#include "packet/packet.h"
#include "support/frame.h"

#define ADDRESSES "020000000001 02000000000c"
#define ARP       "0806 0001 0800 0604 0001"

static const struct {
	const char *what;
	const char *in;
	uint16_t stripped; /* what the device took off; 0: nothing */
	enum drop_reason reason;
	uint16_t vlan;
	const char *out; /* NULL: not looked at */
} rows[] = {
	{ "no tag", ADDRESSES ARP, 0, DROP_NONE, 0, ADDRESSES ARP },
	{ "a VLAN", ADDRESSES "8100 000a" ARP, 0, DROP_NONE, 10, ADDRESSES ARP },
	{ "the last VLAN, with a priority", ADDRESSES "8100 effe" ARP, 0, DROP_NONE, 4094,
		ADDRESSES ARP },
	{ "one to be dropped first (DEI)", ADDRESSES "8100 1001" ARP, 0, DROP_NONE, 1,
		ADDRESSES ARP },
	{ "a priority alone", ADDRESSES "8100 e000" ARP, 0, DROP_NONE, 0, ADDRESSES ARP },
	{ "nothing behind the tag", ADDRESSES "8100 000a 0800", 0, DROP_NONE, 10,
		ADDRESSES "0800" },
	{ "no type behind the tag", ADDRESSES "8100 000a", 0, DROP_parse_short, 0, NULL },
	{ "half a tag", ADDRESSES "8100 00", 0, DROP_parse_short, 0, NULL },
	{ "no type at all", ADDRESSES "81", 0, DROP_NONE, 0, ADDRESSES "81" },
	{ "a tag in a tag", ADDRESSES "8100 000a 8100 000a" ARP, 0, DROP_vlan_stacked, 10, NULL },
	{ "a priority in a tag", ADDRESSES "8100 000a 8100 e000" ARP, 0, DROP_vlan_stacked, 10,
		NULL },
	{ "a provider's tag", ADDRESSES "88a8 000a" ARP, 0, DROP_vlan_stacked, 0, NULL },
	{ "a provider's tag within", ADDRESSES "8100 000a 88a8 0001" ARP, 0, DROP_vlan_stacked, 10,
		NULL },
	{ "taken off by the device", ADDRESSES ARP, 0x600b, DROP_NONE, 11, ADDRESSES ARP },
	{ "a priority, taken off by the device", ADDRESSES ARP, 0x6000, DROP_NONE, 0,
		ADDRESSES ARP },
	{ "the outer one of two taken off", ADDRESSES "8100 000a" ARP, 0x000b, DROP_vlan_stacked,
		11, NULL },
};

static void tags_are_taken_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		uint8_t in[64];
		uint8_t out[64];
		size_t in_len = support_hex(rows[i].in, in, sizeof(in));
		struct rte_mbuf *m = frame_mbuf_exact(in, in_len);
		uint16_t vlan = 0;

		if (rows[i].stripped != 0) {
			m->vlan_tci = rows[i].stripped;
			m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
		}
		if (packet_untag(m, &vlan) != rows[i].reason)
			fail_msg("%s: another verdict", rows[i].what);
		if (vlan != rows[i].vlan)
			fail_msg("%s: VLAN %u", rows[i].what, vlan);
		if (rows[i].out != NULL) {
			size_t out_len = support_hex(rows[i].out, out, sizeof(out));

			assert_int_equal(m->pkt_len, out_len);
			assert_memory_equal(rte_pktmbuf_mtod(m, void *), out, out_len);
		}
		/* Looked at once more, it is the port's own. */
		if (rows[i].reason == DROP_NONE) {
			assert_int_equal(packet_untag(m, &vlan), DROP_NONE);
			assert_int_equal(vlan, 0);
		}
		rte_pktmbuf_free(m);
	}
}

static void a_tag_is_put_in(void **state)
{
	uint8_t in[64];
	uint8_t out[64];
	size_t in_len = support_hex(ADDRESSES ARP, in, sizeof(in));
	size_t out_len = support_hex(ADDRESSES "8100 0ffe" ARP, out, sizeof(out));
	struct rte_mbuf *m = support_mbuf(in, in_len);

	(void)state;
	assert_false(packet_has_tag(m));
	assert_true(packet_tag(m, 4094));
	assert_true(packet_has_tag(m));
	assert_int_equal(m->pkt_len, out_len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), out, out_len);
	rte_pktmbuf_free(m);
	/* Without head room. */
	m = frame_mbuf_exact(in, in_len);
	assert_false(packet_tag(m, 10));
	assert_int_equal(m->pkt_len, in_len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), in, in_len);
	rte_pktmbuf_free(m);
}

/* What the port is to sum up begins four bytes later. */
static void a_tag_moves_what_is_to_be_summed(void **state)
{
	struct rte_mbuf *m = frame_mbuf(&(struct frame_spec){ .src = "192.0.2.1",
		.dst = "192.0.2.2",
		.protocol = 17,
		.payload = "tag",
		.payload_len = 3 });
	uint8_t *udp = rte_pktmbuf_mtod_offset(m, uint8_t *, 34);
	uint16_t right;
	uint16_t pseudo;

	(void)state;
	memcpy(&right, udp + 6, sizeof(right));
	m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
	m->l2_len = 14;
	m->l3_len = 20;
	/* 192.0.2.1 + 192.0.2.2 + UDP + 11 bytes */
	pseudo = rte_cpu_to_be_16(0xc000 + 0x0201 - 0x10000 + 0xc000 + 0x0202 + 1 + 17 + 11);
	memcpy(udp + 6, &pseudo, sizeof(pseudo));
	assert_true(packet_tag(m, 10));
	assert_int_equal(m->l2_len, 18);
	packet_checksum_complete(m);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, 18 + 20 + 6), &right, 2);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(tags_are_taken_off, support_mbufs_check),
		cmocka_unit_test_teardown(a_tag_is_put_in, support_mbufs_check),
		cmocka_unit_test_teardown(a_tag_moves_what_is_to_be_summed, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
