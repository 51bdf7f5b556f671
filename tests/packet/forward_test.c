/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_common.h>

#include "path.h"
#include "support/support.h"

#define FRAME_BYTES_MAX 2000
#define OUT_MAX         3

#define V6_FRAGMENT_HEADER 44
#define V6_FRAGMENT_ID     44 /* offset, right behind the IPv6 header */

/* How the services forward. */
struct setup {
	enum config_forward forward;
	int pool4; /* of the IPv4 services; enum harness_pool */
	int pool6;
	bool is_stateless;
	enum config_oversize oversize;
	unsigned gue_variant;
	unsigned gue_port;
	enum config_ip_options ip_options;
	enum config_syn_proxy syn_proxy; /* of the TCP services */
	enum config_client_address client_address;
	const char *outer_source;
	const char *hop; /* next hop of what comes out; NULL: its destination's */
};

/* A change of set-up, or a packet that builds on those before. */
struct row {
	const char *description;
	const struct setup *setup;
	enum drop_reason verdict;
	const char *in;
	const char *out[OUT_MAX];
};

static const struct row rows[] = {
#define SETUP(description_, ...)                                                                   \
	{ .description = (description_), .setup = &(const struct setup){ __VA_ARGS__ } },
#define ROW(description_, verdict_, ...)                                                           \
	{ .description = (description_), .verdict = (verdict_), ROW_PACKETS(__VA_ARGS__) },
#define ROW_PACKETS(in_, ...) .in = (in_), .out = { __VA_ARGS__ }
#include "forward_rows.def"
#include "options_rows.def"
#include "splice_rows.def"
#undef ROW
#undef SETUP
};

static void services_adjust(struct harness *h, const void *arg)
{
	const struct setup *setup = arg;

	h->config.guard.ip_options = setup->ip_options;
	for (unsigned i = 0; i < HARNESS_SERVICES; i++) {
		struct config_service *service = &h->services[i];

		service->pool = (unsigned)(i < HARNESS_TCP6 ? setup->pool4 : setup->pool6);
		service->forward = setup->forward;
		service->is_stateless = setup->is_stateless;
		service->oversize = setup->oversize;
		service->gue_variant = setup->gue_variant;
		service->gue_port = setup->gue_port;
		if (service->protocol == IPPROTO_TCP) {
			service->syn_proxy.when = setup->syn_proxy;
			service->client_address = setup->client_address;
		}
		if (setup->outer_source != NULL)
			assert_int_equal(
				ip_prefix_parse(setup->outer_source, &service->outer_source), 0);
	}
}

static void setup_start(struct harness *h, const struct setup *setup)
{
	*h = (struct harness){
		.member_count = 1,
		.slice = { 40000, 40000 },
		.adjust = services_adjust,
		.adjust_arg = setup,
	};
	harness_start(h);
	h->snapshot.key = (struct hash_key){ .k0 = 1, .k1 = 2 };
}

static void bytes_check(const struct row *row, struct rte_mbuf *m, const char *hex)
{
	uint8_t expected[FRAME_BYTES_MAX];
	size_t len = support_hex(hex, expected, sizeof(expected));
	uint8_t *got;

	if (rte_pktmbuf_linearize(m) != 0)
		fail_msg("%s: no room", row->description);
	got = rte_pktmbuf_mtod(m, uint8_t *);
	/* Random, but there. */
	if (got[0] >> 4 == 6 && got[6] == V6_FRAGMENT_HEADER) {
		assert_false(memcmp(got + V6_FRAGMENT_ID, (const uint8_t[4]){ 0 }, 4) == 0);
		memset(got + V6_FRAGMENT_ID, 0, 4);
	}
	if (rte_pktmbuf_pkt_len(m) == len && memcmp(got, expected, len) == 0)
		return;
	print_message("%s\n", row->description);
	assert_int_equal(rte_pktmbuf_pkt_len(m), len);
	assert_memory_equal(got, expected, len);
}

static void hop_check(const struct setup *setup, struct rte_mbuf *m)
{
	const struct ip_addr *hop = l4_next_hop(m);
	char text[IP_TEXT_MAX];

	/* What was dropped has no hop, but may have been answered. */
	if (hop == NULL)
		return;
	assert_non_null(setup->hop);
	assert_string_equal(ip_format(hop, text), setup->hop);
}

static void row_check(struct harness *h, const struct setup *setup, const struct row *row)
{
	uint8_t in[FRAME_BYTES_MAX];
	size_t len = support_hex(row->in, in, sizeof(in));
	struct path_outcome outcome = path_run(h, support_mbuf(in, len));
	uint16_t count = outcome.count;

	if (outcome.reason != row->verdict)
		fail_msg("%s: verdict %s, not %s", row->description,
			drop_stats_set.descs[outcome.reason].name,
			drop_stats_set.descs[row->verdict].name);
	for (uint16_t i = 0; i < count; i++) {
		if (i == OUT_MAX || row->out[i] == NULL)
			fail_msg("%s: %u packets came out", row->description, count);
		if (outcome.reason == DROP_NONE)
			assert_true((l4_next_hop(outcome.pkts[i]) != NULL) == (setup->hop != NULL));
		hop_check(setup, outcome.pkts[i]);
		bytes_check(row, outcome.pkts[i], row->out[i]);
	}
	if (count < OUT_MAX && row->out[count] != NULL)
		fail_msg("%s: only %u packets came out", row->description, count);
	path_free(&outcome);
}

static void every_packet_comes_out_byte_by_byte(void **state)
{
	const struct setup *setup = NULL;
	static struct harness h;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		if (rows[i].setup == NULL) {
			row_check(&h, setup, &rows[i]);
			continue;
		}
		if (setup != NULL)
			harness_stop(&h);
		setup = rows[i].setup;
		print_message("%s\n", rows[i].description);
		setup_start(&h, setup);
	}
	harness_stop(&h);
	print_message("%zu rows\n", RTE_DIM(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_packet_comes_out_byte_by_byte, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
