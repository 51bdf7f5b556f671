/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/quic.h"

#include <string.h>

#include <rte_common.h>

#include "support/support.h"

static const struct quic_layout lb = {
	.kind = QUIC_LAYOUT_LB,
	.server_id_len = 3,
	.config_id = 5,
};
static const struct quic_layout katran = { .kind = QUIC_LAYOUT_KATRAN };

#define BYTES(...)                                                                                 \
	.payload = (const uint8_t[]){ __VA_ARGS__ }, .len = sizeof((const uint8_t[]){ __VA_ARGS__ })

struct row {
	const char *what;
	const struct quic_layout *layout;
	const uint8_t *payload;
	unsigned len;
	unsigned id_len;
	uint8_t id[4];
};

static const struct row rows[] = {
	{ "a short header", &lb, BYTES(0x40, 0xa7, 1, 2, 3, 9, 9, 9), 3, { 1, 2, 3 } },
	{ "its fixed bit greased", &lb, BYTES(0x00, 0xbf, 1, 2, 3), 3, { 1, 2, 3 } },
	{ "one byte too short", &lb, BYTES(0x40, 0xa7, 1, 2), 0, { 0 } },
	{ "another configuration", &lb, BYTES(0x40, 0x87, 1, 2, 3, 9), 0, { 0 } },
	{ "not to be routed", &lb, BYTES(0x40, 0xe7, 1, 2, 3, 9), 0, { 0 } },
	{ "version 1, handshake", &lb, BYTES(0xe0, 0, 0, 0, 1, 4, 0xa0, 7, 8, 9, 0), 3,
		{ 7, 8, 9 } },
	{ "version 1, initial", &lb, BYTES(0xc0, 0, 0, 0, 1, 4, 0xa0, 7, 8, 9, 0), 0, { 0 } },
	{ "version 1, 0-RTT", &lb, BYTES(0xd0, 0, 0, 0, 1, 4, 0xa0, 7, 8, 9, 0), 0, { 0 } },
	{ "version 1, retry", &lb, BYTES(0xf0, 0, 0, 0, 1, 4, 0xa0, 7, 8, 9, 0), 0, { 0 } },
	{ "version 2, handshake", &lb, BYTES(0xf0, 0x6b, 0x33, 0x43, 0xcf, 4, 0xa0, 7, 8, 9), 3,
		{ 7, 8, 9 } },
	{ "version 2, initial", &lb, BYTES(0xd0, 0x6b, 0x33, 0x43, 0xcf, 4, 0xa0, 7, 8, 9), 0,
		{ 0 } },
	{ "an unknown version", &lb, BYTES(0xe0, 0, 0, 0, 9, 4, 0xa0, 7, 8, 9), 0, { 0 } },
	{ "version negotiation", &lb, BYTES(0xe0, 0, 0, 0, 0, 4, 0xa0, 7, 8, 9), 0, { 0 } },
	{ "a length that lies", &lb, BYTES(0xe0, 0, 0, 0, 1, 5, 0xa0, 7, 8, 9), 0, { 0 } },
	{ "a length of 255", &lb, BYTES(0xe0, 0, 0, 0, 1, 255, 0xa0, 7, 8, 9), 0, { 0 } },
	{ "a connection ID without room", &lb, BYTES(0xe0, 0, 0, 0, 1, 3, 0xa0, 7, 8, 9), 0,
		{ 0 } },
	{ "no connection ID", &lb, BYTES(0xe0, 0, 0, 0, 1, 0, 0), 0, { 0 } },
	{ "nothing", &lb, BYTES(0x40), 0, { 0 } },
	/* 01, then 0xabcd in the 16 bits behind. */
	{ "Katran's version 1", &katran, BYTES(0x40, 0x6a, 0xf3, 0x40, 0, 0, 0, 0, 0), 2,
		{ 0xab, 0xcd } },
	{ "Katran's version 2", &katran, BYTES(0x40, 0x80, 1, 2, 3, 0, 0, 0, 0), 3, { 1, 2, 3 } },
	{ "Katran's version 3", &katran, BYTES(0x40, 0xc0, 1, 2, 3, 4, 0, 0, 0), 4,
		{ 1, 2, 3, 4 } },
	{ "Katran's version 0", &katran, BYTES(0x40, 0x00, 1, 2, 3, 4, 0, 0, 0), 0, { 0 } },
	{ "less than Katran's 8 bytes", &katran, BYTES(0x40, 0x80, 1, 2, 3, 4, 0, 0), 0, { 0 } },
	{ "Katran's, handshake", &katran, BYTES(0xe0, 0, 0, 0, 1, 8, 0x80, 5, 6, 7, 0, 0, 0, 0), 3,
		{ 5, 6, 7 } },
};

static void server_ids_are_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		uint8_t id[QUIC_SERVER_ID_MAX];
		unsigned len = quic_server_id(rows[i].layout, rows[i].payload, rows[i].len, id);

		if (len != rows[i].id_len || memcmp(id, rows[i].id, len) != 0)
			fail_msg("%s: %u bytes", rows[i].what, len);
	}
}

/* Cut after any byte there is either the whole server ID or none. */
static void truncated_packets_have_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		for (unsigned len = 0; len < rows[i].len; len++) {
			uint8_t id[QUIC_SERVER_ID_MAX];
			unsigned got = quic_server_id(rows[i].layout, rows[i].payload, len, id);

			assert_true(got == 0 || got == rows[i].id_len);
			assert_memory_equal(id, rows[i].id, got);
		}
	}
}

/* A layout that cannot be reads nothing. */
static void lengths_are_bounded(void **state)
{
	const uint8_t payload[64] = { 0x40, 0x20 };
	uint8_t id[QUIC_SERVER_ID_MAX];

	(void)state;
	for (unsigned len = 0; len < 256; len++) {
		struct quic_layout layout = {
			.kind = QUIC_LAYOUT_LB,
			.server_id_len = (uint8_t)len,
			.config_id = 1,
		};

		assert_int_equal(quic_server_id(&layout, payload, sizeof(payload), id),
			len <= QUIC_SERVER_ID_MAX ? len : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_ids_are_found),
		cmocka_unit_test(truncated_packets_have_none),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
