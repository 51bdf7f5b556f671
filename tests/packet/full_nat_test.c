/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>

#include "harness.h"
#include "support/support.h"

#define FRAME_BYTES_MAX 2000

/* A row goes through parser, service lookup and worker; rows build on the ones before. */
struct row {
	const char *description;
	enum drop_reason verdict;
	const char *in;
	const char *out;
};

static const struct row rows[] = {
#define ROW(description_, verdict_, in_, out_)                                                     \
	{ .description = (description_), .verdict = (verdict_), .in = (in_), .out = (out_) },
#include "full_nat_rows.def"
#undef ROW
};

static enum drop_reason row_run(struct harness *h, struct rte_mbuf *m)
{
	enum drop_reason reason = packet_parse(m, 0, h->snapshot.key);
	struct packet *p = packet_of(m);
	struct core before = h->core;
	const struct service *service;

	if (reason != DROP_NONE) {
		rte_pktmbuf_free(m);
		return reason;
	}
	service = service_find(h->table, &p->dst, p->dst_port_be, p->protocol);
	if (l4_run(h->l4, &h->snapshot, &m, &service, 1, &m, h->now_us) == 1)
		return DROP_NONE;
	for (reason = DROP_NONE; reason < DROP_REASON_COUNT; reason++) {
		if (h->core.drops.counts[reason] > before.drops.counts[reason])
			return reason;
	}
	return DROP_NONE;
}

static void row_check(struct harness *h, const struct row *row)
{
	uint8_t in[FRAME_BYTES_MAX];
	uint8_t out[FRAME_BYTES_MAX];
	size_t in_len = support_hex(row->in, in, sizeof(in));
	size_t out_len = support_hex(row->out, out, sizeof(out));
	struct rte_mbuf *m = support_mbuf(in, in_len);
	enum drop_reason verdict = row_run(h, m);

	if (verdict != row->verdict)
		fail_msg("%s: verdict %s, not %s", row->description,
			drop_stats_set.descs[verdict].name,
			drop_stats_set.descs[row->verdict].name);
	if (verdict != DROP_NONE)
		return;
	if (rte_pktmbuf_pkt_len(m) != out_len ||
		memcmp(rte_pktmbuf_mtod(m, void *), out, out_len) != 0) {
		print_message("%s\n", row->description);
		assert_int_equal(rte_pktmbuf_pkt_len(m), out_len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), out, out_len);
	}
	rte_pktmbuf_free(m);
}

static void every_packet_comes_out_byte_by_byte(void **state)
{
	struct harness h = { .member_count = 1, .slice = { 40000, 40000 } };

	(void)state;
	harness_start(&h);
	for (size_t i = 0; i < RTE_DIM(rows); i++)
		row_check(&h, &rows[i]);
	print_message("%zu packets\n", RTE_DIM(rows));
	harness_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_packet_comes_out_byte_by_byte, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
