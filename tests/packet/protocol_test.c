/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "path.h"
#include "support/support.h"

#define FRAME_BYTES_MAX 2000
#define ETHER           14

/* A row goes through all that a frame meets; rows build on the ones before. */
struct row {
	const char *description;
	enum drop_reason verdict;
	const char *in;
	const char *out; /* packets parted by '|' */
};

static const struct row rows[] = {
#define ROW(description_, verdict_, in_, out_)                                                     \
	{ .description = (description_), .verdict = (verdict_), .in = (in_), .out = (out_) },
#include "protocol_rows.def"
#undef ROW
};

/* The same between IPv6 clients and IPv4 members. */
static const struct row mixed_rows[] = {
#define ROW(description_, verdict_, in_, out_)                                                     \
	{ .description = (description_), .verdict = (verdict_), .in = (in_), .out = (out_) },
#include "mixed_rows.def"
#undef ROW
};

struct table {
	const struct row *rows;
	size_t count;
	void (*adjust)(struct harness *h, const void *arg);
};

static void versions_mix(struct harness *h, const void *arg)
{
	(void)arg;
	h->services[HARNESS_TCP6].pool = HARNESS_POOL4;
	h->services[HARNESS_UDP6].pool = HARNESS_POOL4;
}

static const struct table tables[] = {
	{ rows, RTE_DIM(rows), NULL },
	{ mixed_rows, RTE_DIM(mixed_rows), versions_mix },
};

static struct harness harness_for(const struct table *table)
{
	return (struct harness){
		.member_count = 1,
		.slice = { 40000, 40000 },
		.adjust = table->adjust,
	};
}

static void packet_check(const struct row *row, struct rte_mbuf *m, const char *hex, size_t len)
{
	uint8_t out[FRAME_BYTES_MAX];
	char text[2 * FRAME_BYTES_MAX + 1];
	size_t out_len;

	assert_true(len < sizeof(text));
	memcpy(text, hex, len);
	text[len] = '\0';
	out_len = support_hex(text, out, sizeof(out));
	if (rte_pktmbuf_pkt_len(m) == out_len &&
		memcmp(rte_pktmbuf_mtod(m, void *), out, out_len) == 0)
		return;
	print_message("%s\n", row->description);
	assert_int_equal(rte_pktmbuf_pkt_len(m), out_len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), out, out_len);
}

static void row_check(struct harness *h, const struct row *row)
{
	uint8_t in[FRAME_BYTES_MAX];
	size_t in_len = support_hex(row->in, in, sizeof(in));
	struct path_outcome outcome = path_run(h, support_mbuf(in, in_len));
	const char *hex = row->out;
	uint16_t seen = 0;

	if (outcome.reason != row->verdict)
		fail_msg("%s: verdict %s, not %s", row->description,
			drop_stats_set.descs[outcome.reason].name,
			drop_stats_set.descs[row->verdict].name);
	while (*hex != '\0') {
		size_t len = strcspn(hex, "|");

		if (seen == outcome.count)
			fail_msg("%s: %u packets only", row->description, seen);
		packet_check(row, outcome.pkts[seen++], hex, len);
		hex += len + (hex[len] == '|');
	}
	if (seen != outcome.count)
		fail_msg("%s: %u packets too many", row->description, outcome.count - seen);
	path_free(&outcome);
}

static void every_packet_comes_out_byte_by_byte(void **state)
{
	(void)state;
	for (size_t t = 0; t < RTE_DIM(tables); t++) {
		struct harness h = harness_for(&tables[t]);

		harness_start(&h);
		for (size_t i = 0; i < tables[t].count; i++)
			row_check(&h, &tables[t].rows[i]);
		print_message("%zu packets\n", tables[t].count);
		harness_stop(&h);
	}
}

static void truncations_try(struct harness *h, const struct row *row)
{
	uint8_t in[FRAME_BYTES_MAX];
	size_t len = support_hex(row->in, in, sizeof(in));

	for (size_t cut = 0; cut < RTE_MIN(len, (size_t)200); cut++) {
		struct path_outcome outcome = path_run(h, frame_mbuf_exact(in, cut));

		if (outcome.count != 0 || outcome.reason == DROP_NONE)
			fail_msg("%s: passes with %zu bytes", row->description, cut);
	}
}

/* A frame that is cut off anywhere ends, whatever it was, and somebody counts it. */
static void every_truncation_is_dropped(void **state)
{
	(void)state;
	for (size_t t = 0; t < RTE_DIM(tables); t++) {
		struct harness h = harness_for(&tables[t]);

		harness_start(&h);
		for (size_t i = 0; i < tables[t].count; i++)
			truncations_try(&h, &tables[t].rows[i]);
		harness_stop(&h);
	}
}

static void lengths_fill(uint8_t *ip, size_t len)
{
	uint16_t value_be = rte_cpu_to_be_16((uint16_t)(ip[0] >> 4 == 4 ? len : len - 40));

	memcpy(ip + (ip[0] >> 4 == 4 ? 2 : 4), &value_be, sizeof(value_be));
	frame_sums_fill(ip, len);
}

static bool is_icmp(const uint8_t *frame)
{
	return frame[12] == 0x08 ? frame[23] == IPPROTO_ICMP : frame[20] == IPPROTO_ICMPV6;
}

/*
 * ICMP errors whose own header is right, but whose quote ends anywhere, or has any one byte
 * changed: each goes nowhere, or out with good checksums.
 */
static void quote_try(struct harness *h, const char *what, uint8_t *frame, size_t len)
{
	struct path_outcome outcome;

	lengths_fill(frame + ETHER, len - ETHER);
	outcome = path_run(h, frame_mbuf_exact(frame, len));
	if ((outcome.count == 0) == (outcome.reason == DROP_NONE))
		fail_msg("%s: not counted", what);
	if (outcome.count == 1 &&
		!frame_sums_ok(rte_pktmbuf_mtod(outcome.pkts[0], const uint8_t *),
			rte_pktmbuf_pkt_len(outcome.pkts[0])))
		fail_msg("%s: a wrong checksum", what);
	path_free(&outcome);
}

/* How many places of the row's quote were tried; what is no ICMP opens flows. */
static unsigned quote_lies_try(struct harness *h, const struct row *row)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x45, 0x7f, 0x80, 0xff };
	uint8_t good[FRAME_BYTES_MAX];
	uint8_t frame[FRAME_BYTES_MAX];
	size_t len = support_hex(row->in, good, sizeof(good));
	size_t from = ETHER + (good[12] == 0x08 ? 28 : 48);

	if (!is_icmp(good)) {
		struct path_outcome outcome = path_run(h, support_mbuf(good, len));

		path_free(&outcome);
		return 0;
	}
	for (size_t at = from; at < len; at++) {
		memcpy(frame, good, len);
		quote_try(h, row->description, frame, at);
		for (size_t v = 0; v < RTE_DIM(values); v++) {
			memcpy(frame, good, len);
			frame[at] = values[v];
			quote_try(h, row->description, frame, len);
		}
	}
	return (unsigned)(len - from);
}

static void every_lie_of_a_quote_is_dropped_or_harmless(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t t = 0; t < RTE_DIM(tables); t++) {
		struct harness h = harness_for(&tables[t]);

		harness_start(&h);
		for (size_t i = 0; i < tables[t].count; i++)
			tried += quote_lies_try(&h, &tables[t].rows[i]);
		harness_stop(&h);
	}
	print_message("%u bytes\n", tried);
	assert_true(tried > 1000);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_packet_comes_out_byte_by_byte),
		CASE(every_truncation_is_dropped),
		CASE(every_lie_of_a_quote_is_dropped_or_harmless),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
