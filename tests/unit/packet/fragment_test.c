/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "packet/packet.h"
#include "rows.h"

struct fragment_row {
	const char *what;
	struct frame_spec spec;
	uint16_t field; /* of IPv4: flags and offset */
	uint8_t flags;
	uint16_t payload_offset;
	uint16_t offset;
	uint16_t len;
	uint32_t id;
};

/* A fragment header alone is no option. */
static enum drop_reason row_reason(const struct fragment_row *row)
{
	const uint8_t *extension = row->spec.extensions;

	return extension == NULL ||
			(row->spec.extensions_next == IPPROTO_FRAGMENT &&
				extension[0] == IPPROTO_UDP)
		? DROP_NONE
		: DROP_parse_ip_options;
}

static const struct fragment_row fragment_rows[] = {
	{ "a first one", { UDP4 }, 0x2000, PACKET_HAS_MORE, 42, 0, 8, 0 },
	{ "a middle one", { UDP4 }, 0x2001, PACKET_HAS_MORE | PACKET_IS_LATER, 34, 8, 8, 0 },
	{ "the last that can be", { UDP4, DATA(1, 2, 3, 4, 5) }, 0x1ffe, PACKET_IS_LATER, 34, 65520,
		13, 0 },
	{ "a first TCP one", { TCP4, DATA(1, 2, 3, 4) }, 0x2000, PACKET_HAS_MORE, 54, 0, 24, 0 },
	{ "a first one with options", { UDP4, EXT(0, 0x94, 4, 0, 0) }, 0x2000, PACKET_HAS_MORE, 46,
		0, 8, 0 },
	{ "the last that can be, with options",
		{ UDP4, EXT(0, 0x94, 4, 0, 0), DATA(1, 2, 3, 4, 5) }, 0x1ffe, PACKET_IS_LATER, 38,
		65520, 13, 0 },
	{ "a first one of IPv6", { UDP6, EXT(44, 17, 0, 0, 1, 0, 0, 0, 7) }, 0,
		PACKET_IS_V6 | PACKET_HAS_MORE, 70, 0, 8, 7 },
	{ "a last one of IPv6", { UDP6, EXT(44, 17, 0, 1, 0, 9, 8, 7, 6), DATA(1) }, 0,
		PACKET_IS_V6 | PACKET_IS_LATER, 62, 256, 9, 0x09080706 },
	{ "behind hop-by-hop options",
		{ UDP6, EXT(0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1) }, 0,
		PACKET_IS_V6 | PACKET_HAS_MORE, 78, 0, 8, 1 },
	{ "a header between", { UDP6, EXT(44, 60, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0) },
		0, PACKET_IS_V6 | PACKET_HAS_MORE, 78, 0, 16, 1 },
};

static void fragments_tell_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(fragment_rows); i++) {
		const struct fragment_row *row = &fragment_rows[i];
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_build(&row->spec, bytes, sizeof(bytes));
		const struct packet *p;
		struct rte_mbuf *m;

		if (row->field != 0) {
			bytes[IP + 6] = (uint8_t)(row->field >> 8);
			bytes[IP + 7] = (uint8_t)row->field;
			frame_sums_fill(bytes + IP, len - IP);
		}
		m = support_mbuf(bytes, len);
		p = packet_of(m);
		if (packet_parse(m, 0, key) != row_reason(row))
			fail_msg("%s is dropped", row->what);
		assert_int_equal(p->flags, row->flags | PACKET_IS_FRAGMENT);
		assert_int_equal(p->payload_offset, row->payload_offset);
		assert_int_equal(p->payload_len, len - row->payload_offset);
		assert_int_equal(p->fragment_offset, row->offset);
		assert_int_equal(p->fragment_len, row->len);
		assert_int_equal(p->fragment_id,
			row->field != 0 ? bytes[IP + 4] << 8 | bytes[IP + 5] : (int)row->id);
		assert_int_equal(p->src_port_be, row->offset == 0 ? rte_cpu_to_be_16(40000) : 0);
		assert_int_equal(p->flow_hash, packet_fragment_hash(p, key));
		rte_pktmbuf_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fragments_tell_their_place, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
