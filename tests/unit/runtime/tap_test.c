/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "runtime/core.h"
#include "runtime/tap.h"
#include "support/support.h"

#define FRAME_BYTES 60

struct world {
	struct bpf_program program;
	struct core core;
	struct tap *tap;
};

/* byte 14 is what the filter looks at. */
static struct rte_mbuf *frame(uint8_t byte)
{
	uint8_t bytes[FRAME_BYTES] = { 0 };

	bytes[14] = byte;
	return support_mbuf(bytes, sizeof(bytes));
}

static void world_start(struct world *w, const char *filter)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, TAP_BYTES_MAX);

	memset(w, 0, sizeof(*w));
	assert_int_equal(pcap_compile(pcap, &w->program, filter, 1, PCAP_NETMASK_UNKNOWN), 0);
	pcap_close(pcap);
	w->tap = tap_create(w->program.bf_insns);
	assert_non_null(w->tap);
	w->core.tap = w->tap;
}

static void world_stop(struct world *w)
{
	tap_destroy(w->tap);
	pcap_freecode(&w->program);
}

static void expect(struct world *w, uint8_t byte, enum tap_verdict verdict, uint16_t reason)
{
	const struct tap_record *record = tap_peek(w->tap);

	assert_non_null(record);
	assert_int_equal(record->bytes[14], byte);
	assert_int_equal(record->len, FRAME_BYTES);
	assert_int_equal(record->verdict, verdict);
	assert_int_equal(record->reason, reason);
	tap_release(w->tap);
}

static void verdicts_come_with_the_packets(void **state)
{
	struct world w;
	struct rte_mbuf *m[5];

	(void)state;
	world_start(&w, "");
	for (uint8_t i = 0; i < 5; i++) {
		m[i] = frame(i);
		tap_take(w.tap, m[i], 3, 1000 + i);
	}
	assert_null(tap_peek(w.tap));
	core_drop(&w.core, m[3], DROP_no_conn);
	tap_settle(w.tap, m[0], TAP_FORWARDED, "m0");
	/* What comes later counts more, but for a hand-over of what was decided. */
	tap_settle(w.tap, m[1], TAP_FORWARDED, "m1");
	core_drop(&w.core, m[1], DROP_tx_full);
	tap_settle(w.tap, m[0], TAP_PASSED, NULL);
	tap_settle(w.tap, m[4], TAP_PASSED, NULL);
	assert_null(tap_peek(w.tap));
	tap_commit(w.tap);
	assert_int_equal(tap_peek(w.tap)->time_us, 1000);
	assert_int_equal(tap_peek(w.tap)->port, 3);
	assert_string_equal(tap_peek(w.tap)->member, "m0");
	expect(&w, 0, TAP_FORWARDED, DROP_NONE);
	expect(&w, 1, TAP_DROPPED, DROP_tx_full);
	expect(&w, 2, TAP_TAKEN, DROP_NONE);
	expect(&w, 3, TAP_DROPPED, DROP_no_conn);
	expect(&w, 4, TAP_PASSED, DROP_NONE);
	assert_null(tap_peek(w.tap));
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free(m[2]);
	rte_pktmbuf_free(m[4]);
	assert_int_equal(w.core.drops.counts[DROP_no_conn], 1);
	world_stop(&w);
}

static void only_what_fits_the_filter_is_shown(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, "ether[14] > 5");
	for (uint8_t i = 0; i < 8; i++) {
		struct rte_mbuf *m = frame(i);

		tap_take(w.tap, m, 0, 1);
		core_drop(&w.core, m, DROP_no_service);
	}
	tap_commit(w.tap);
	expect(&w, 6, TAP_DROPPED, DROP_no_service);
	expect(&w, 7, TAP_DROPPED, DROP_no_service);
	assert_null(tap_peek(w.tap));
	assert_int_equal(tap_lost(w.tap), 0);
	world_stop(&w);
}

/* The pool gives the same buffer out again at once: what becomes of that is not said of the first
 * packet. */
static void a_buffer_that_is_used_again_is_another_packet(void **state)
{
	struct world w;
	struct rte_mbuf *m;

	(void)state;
	world_start(&w, "");
	m = frame(1);
	tap_take(w.tap, m, 0, 1);
	tap_settle(w.tap, m, TAP_TO_STACK, NULL);
	/* As a pool hands it out again. */
	rte_pktmbuf_reset(m);
	core_drop(&w.core, m, DROP_tx_full);
	tap_commit(w.tap);
	expect(&w, 1, TAP_TO_STACK, DROP_NONE);
	world_stop(&w);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct world w;
	unsigned taken = 0;

	(void)state;
	world_start(&w, "");
	for (unsigned i = 0; i < TAP_RECORDS + 50; i++) {
		struct rte_mbuf *m = frame(7);

		tap_take(w.tap, m, 0, 1);
		core_drop(&w.core, m, DROP_no_service);
		if (i % 32 == 31)
			tap_commit(w.tap);
	}
	tap_commit(w.tap);
	assert_int_equal(tap_lost(w.tap), 50);
	for (; tap_peek(w.tap) != NULL; taken++)
		expect(&w, 7, TAP_DROPPED, DROP_no_service);
	assert_int_equal(taken, TAP_RECORDS);
	/* Room again, and a burst that never ends is bounded too. */
	for (unsigned i = 0; i < TAP_BURST_MAX + 5; i++) {
		struct rte_mbuf *m = frame(8);

		tap_take(w.tap, m, 0, 1);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(tap_lost(w.tap), 55);
	world_stop(&w);
}

static void long_and_chained_packets_are_cut(void **state)
{
	uint8_t bytes[1500];
	struct world w;
	struct rte_mbuf *m, *tail;

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	world_start(&w, "greater 2900");
	m = support_mbuf(bytes, sizeof(bytes));
	tail = support_mbuf(bytes, sizeof(bytes));
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	tap_take(w.tap, m, 0, 1);
	tap_commit(w.tap);
	assert_int_equal(tap_peek(w.tap)->wire_len, 3000);
	assert_int_equal(tap_peek(w.tap)->len, TAP_BYTES_MAX);
	assert_int_equal(tap_peek(w.tap)->bytes[TAP_BYTES_MAX - 1], 0x5a);
	rte_pktmbuf_free(m);
	world_stop(&w);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(verdicts_come_with_the_packets),
		CASE(only_what_fits_the_filter_is_shown),
		CASE(a_buffer_that_is_used_again_is_another_packet),
		CASE(what_finds_no_room_is_counted),
		CASE(long_and_chained_packets_are_cut),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
