/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "base/rng.h"
#include "wire.h"

/*
 * Segments that arrive together and are taken in as one: which, and that nobody can tell but by the
 * counter. Every burst goes into a stack that merges and into one that does not.
 */
static struct wire w;

#define LEN 1000

struct outcome {
	struct wire_seg out[WIRE_OUT_MAX];
	unsigned out_count;
	char received[65536];
	size_t received_len;
	unsigned readables;
	bool is_eof;
	struct tcp_counters counters;
};

static struct outcome outcomes[2]; /* with merging, and without */

struct burst {
	const char *name;
	struct wire_seg segs[WIRE_BURST_MAX];
	unsigned count;
	unsigned merged;
	bool has_ecn;
	bool has_ts;
	bool is_v6;
	uint32_t window; /* ours; 0: the default */
};

static void connection_open(const struct burst *burst, bool no_merge)
{
	struct tcp_params params = { .no_merge = no_merge, .receive_window = burst->window };
	struct wire_seg syn = { .flags = burst->has_ecn ? SYN | ECE | CWR : SYN,
		.options = { 2, 4, LEN >> 8, LEN & 0xff, 1, 1, 4, 2 },
		.options_len = 8 };

	wire_start(&w, &params);
	w.is_v6 = burst->is_v6;
	if (burst->has_ts) {
		wire_open_ts(&w);
	} else if (burst->has_ecn) {
		wire_send(&w, syn);
		wire_expect(&w, SYN | ACK | ECE, 0, 1, 0);
		wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1 });
	} else {
		wire_open(&w, &syn);
	}
	wire_forget(&w);
}

static void outcome_note(struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	memcpy(outcome->out, w.out, sizeof(outcome->out));
	outcome->out_count = w.out_count;
	outcome->received_len = w.received_len;
	memcpy(outcome->received, w.received, w.received_len);
	outcome->readables = w.readables;
	outcome->is_eof = w.is_eof;
	outcome->counters = *tcp_counters(w.stack);
}

/* What a row leaves out: a segment of LEN bytes, or of none where the data is "". */
static struct wire_seg completed(struct wire_seg seg)
{
	if (seg.flags == 0)
		seg.flags = ACK;
	if (seg.ack == 0)
		seg.ack = 1;
	if (seg.len == 0 && (seg.data == NULL || seg.data[0] != '\0'))
		seg.len = LEN;
	return seg;
}

static void segments_give(const struct wire_seg *rows, unsigned count)
{
	struct wire_seg segs[WIRE_BURST_MAX];

	for (unsigned i = 0; i < count; i++)
		segs[i] = completed(rows[i]);
	wire_burst(&w, segs, count);
}

static void burst_run(const struct burst *burst, bool no_merge, struct outcome *outcome)
{
	connection_open(burst, no_merge);
	segments_give(burst->segs, burst->count);
	/* The delayed acknowledgment, if one waits. */
	wire_pass_ms(&w, 50);
	outcome_note(outcome);
	wire_stop(&w);
}

static void outcomes_compare(const char *name, unsigned merged)
{
	struct outcome *with = &outcomes[0], *without = &outcomes[1];

	if (with->counters.segments_merged != merged || without->counters.segments_merged != 0)
		fail_msg("%s: %lu and %lu merged", name, with->counters.segments_merged,
			without->counters.segments_merged);
	if (with->out_count != without->out_count)
		fail_msg("%s: %u segments answer, not %u", name, with->out_count,
			without->out_count);
	for (unsigned i = 0; i < with->out_count; i++) {
		if (memcmp(&with->out[i], &without->out[i], sizeof(with->out[i])) != 0)
			fail_msg("%s: answer %u differs", name, i);
	}
	if (with->received_len != without->received_len ||
		memcmp(with->received, without->received, with->received_len) != 0)
		fail_msg("%s: another stream", name);
	if (with->readables != without->readables || with->is_eof != without->is_eof)
		fail_msg("%s: the reader was told otherwise", name);
	with->counters.segments_merged = 0;
	if (memcmp(&with->counters, &without->counters, sizeof(with->counters)) != 0)
		fail_msg("%s: other counters", name);
}

static void burst_compare(const struct burst *burst)
{
	burst_run(burst, false, &outcomes[0]);
	burst_run(burst, true, &outcomes[1]);
	outcomes_compare(burst->name, burst->merged);
}

#define DATA(number, ...)                                                                          \
	{                                                                                          \
		.seq = 1 + LEN * (number), __VA_ARGS__                                             \
	}

static void test_what_is_merged(void **state)
{
	static const struct burst bursts[] = {
		{ .name = "three in a row",
			.segs = { DATA(0), DATA(1, .data = "b"), DATA(2, .data = "c") },
			.count = 3,
			.merged = 2 },
		{ .name = "one", .segs = { DATA(0) }, .count = 1 },
		{ .name = "IPv6",
			.is_v6 = true,
			.segs = { DATA(0), DATA(1) },
			.count = 2,
			.merged = 1 },
		{ .name = "PSH is the end of a row",
			.segs = { DATA(0), DATA(1, .flags = ACK | PSH), DATA(2), DATA(3) },
			.count = 4,
			.merged = 2 },
		{ .name = "a hole", .segs = { DATA(0), DATA(2), DATA(3) }, .count = 3 },
		{ .name = "a hole that is filled",
			.segs = { DATA(0), DATA(2), DATA(1), DATA(3), DATA(4) },
			.count = 5,
			.merged = 1 },
		{ .name = "out of order from the start",
			.segs = { DATA(1), DATA(0), DATA(2) },
			.count = 3 },
		{ .name = "the same again", .segs = { DATA(0), DATA(0), DATA(1) }, .count = 3 },
		{ .name = "an overlap", .segs = { DATA(0), { .seq = 501 }, DATA(1) }, .count = 3 },
		{ .name = "FIN", .segs = { DATA(0), DATA(1, .flags = ACK | FIN) }, .count = 2 },
		{ .name = "RST", .segs = { DATA(0), DATA(1, .flags = ACK | RST) }, .count = 2 },
		{ .name = "SYN", .segs = { DATA(0), DATA(1, .flags = ACK | SYN) }, .count = 2 },
		{ .name = "URG", .segs = { DATA(0), DATA(1, .flags = ACK | 0x20) }, .count = 2 },
		{ .name = "no ACK", .segs = { DATA(0), DATA(1, .flags = PSH) }, .count = 2 },
		{ .name = "another window",
			.segs = { DATA(0), DATA(1, .window = 9000) },
			.count = 2 },
		{ .name = "of the unsent",
			.segs = { DATA(0, .ack = 7), DATA(1, .ack = 7) },
			.count = 2 },
		{ .name = "another acknowledgment",
			.segs = { DATA(0), DATA(1, .ack = 7) },
			.count = 2 },
		{ .name = "an acknowledgment between",
			.segs = { DATA(0), DATA(1, .data = ""), DATA(1), DATA(2) },
			.count = 4,
			.merged = 1 },
		{ .name = "small ones are copied",
			.segs = { DATA(0), DATA(1, .len = 256) },
			.count = 2 },
		{ .name = "just large enough",
			.segs = { DATA(0, .len = 257), { .seq = 258, .len = 257 } },
			.count = 2,
			.merged = 1 },
		{ .name = "past the window",
			.window = 2500,
			.segs = { DATA(0), DATA(1), DATA(2), DATA(3) },
			.count = 4,
			.merged = 1 },
		{ .name = "SACK",
			.segs = { DATA(0, .options = { 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 },
					  .options_len = 12),
				DATA(1) },
			.count = 2 },
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(bursts); i++)
		burst_compare(&bursts[i]);
}

/* CE must reach the echo for each segment that has it. */
static void test_marks_stand_alone(void **state)
{
	static const struct burst bursts[] = {
		{ .name = "all may be marked",
			.has_ecn = true,
			.segs = { DATA(0, .ecn = 2), DATA(1, .ecn = 2), DATA(2, .ecn = 2) },
			.count = 3,
			.merged = 2 },
		{ .name = "one is marked",
			.has_ecn = true,
			.segs = { DATA(0, .ecn = 2), DATA(1, .ecn = 3), DATA(2, .ecn = 2),
				DATA(3, .ecn = 2) },
			.count = 4,
			.merged = 1 },
		{ .name = "all are marked",
			.has_ecn = true,
			.segs = { DATA(0, .ecn = 3), DATA(1, .ecn = 3), DATA(2, .ecn = 3) },
			.count = 3 },
		{ .name = "CWR",
			.has_ecn = true,
			.segs = { DATA(0, .ecn = 3), DATA(1, .ecn = 2, .flags = ACK | CWR),
				DATA(2, .ecn = 2) },
			.count = 3 },
		{ .name = "repeated, so not to be marked",
			.has_ecn = true,
			.segs = { DATA(0, .ecn = 2), DATA(1) },
			.count = 2 },
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(bursts); i++)
		burst_compare(&bursts[i]);
	assert_int_equal(outcomes[0].counters.ecn_marks_in, 0);
	burst_compare(&bursts[2]);
	assert_int_equal(outcomes[0].counters.ecn_marks_in, 3);
}

static void test_timestamps(void **state)
{
	static const struct {
		uint32_t tsval[3];
		unsigned merged;
	} rows[] = {
		{ { 200, 200, 200 }, 2 },
		{ { 200, 200, 201 }, 1 },
		{ { 200, 201, 202 }, 0 },
		{ { 200, 50, 200 }, 0 }, /* PAWS drops the second */
		{ { 50, 50, 50 }, 0 },
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct burst burst = {
			.name = "timestamps", .has_ts = true, .count = 3, .merged = rows[i].merged
		};

		for (unsigned j = 0; j < 3; j++) {
			burst.segs[j] = (struct wire_seg)DATA(j);
			wire_put_ts(&burst.segs[j], rows[i].tsval[j], 0);
		}
		burst_compare(&burst);
	}
}

/* Two connections take turns. */
static void test_connections_that_take_turns(void **state)
{
	struct wire_seg segs[8];
	uint32_t first_iss;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	w.is_reading = false;
	wire_open(&w, NULL);
	first_iss = w.iss;
	wire_send(&w, (struct wire_seg){ .flags = SYN, .peer_port = 41000 });
	wire_send(&w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = 1, .peer_port = 41000 });
	wire_forget(&w);
	/* The wire counts from the ISN of the second. */
	for (unsigned i = 0; i < 8; i++)
		segs[i] = (struct wire_seg)DATA(i / 2, .peer_port = i % 2 ? 41000 : 0,
			.ack = i % 2 ? 1 : 1 + first_iss - w.iss);
	segments_give(segs, 8);
	assert_int_equal(tcp_counters(w.stack)->segments_merged, 6);
	assert_int_equal(tcp_counters(w.stack)->bytes_in, 8 * LEN);
	wire_expect(&w, ACK, 1 + first_iss - w.iss, 1 + 4 * LEN, 0);
	wire_expect(&w, ACK, 1, 1 + 4 * LEN, 0);
	wire_expect_none(&w);
	wire_stop(&w);
}

/* More than a burst of the stack's own: the row goes on in the next one. */
static void test_a_long_row(void **state)
{
	struct burst burst = {
		.name = "a long row", .count = WIRE_BURST_MAX, .merged = WIRE_BURST_MAX - 2
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < burst.count; i++)
		burst.segs[i] = (struct wire_seg)DATA(i);
	burst_compare(&burst);
	assert_int_equal(outcomes[0].received_len, WIRE_BURST_MAX * LEN);
}

/* When buffers are short each segment is judged by itself. */
static void test_a_small_budget(void **state)
{
	struct tcp_params params = { .mbufs_max = 60 };
	struct wire_seg segs[20];

	RTE_SET_USED(state);
	wire_start(&w, &params);
	w.is_reading = false;
	wire_open(&w, NULL);
	for (unsigned i = 0; i < RTE_DIM(segs); i++)
		segs[i] = (struct wire_seg)DATA(i);
	segments_give(segs, RTE_DIM(segs));
	assert_int_equal(tcp_counters(w.stack)->segments_merged, 0);
	assert_int_equal(wire_info(&w).receive_queued, RTE_DIM(segs) * LEN);
	wire_stop(&w);
}

static const uint8_t flag_choices[] = { ACK, ACK, ACK, ACK, ACK, ACK, ACK, ACK, ACK | PSH,
	ACK | PSH, ACK | FIN, ACK | CWR };

static struct wire_seg segment_draw(struct rng *rng, uint32_t *seq, bool has_ecn)
{
	struct wire_seg seg = { .flags = flag_choices[rng_below(rng, RTE_DIM(flag_choices))],
		.seq = *seq,
		.ack = 1,
		.len = 100 + rng_below(rng, 900),
		.data = rng_below(rng, 2) ? "stream" : "other",
		.ecn = has_ecn ? (uint8_t)(rng_below(rng, 8) == 0 ? 3 : 2) : 0 };

	if (rng_below(rng, 16) == 0)
		seg.seq -= RTE_MIN(*seq - 1, rng_below(rng, 2000));
	else if (rng_below(rng, 16) == 0)
		seg.seq += rng_below(rng, 2000);
	else
		*seq += seg.len;
	return seg;
}

static void test_random_bursts(void **state)
{
	unsigned merged = 0;

	RTE_SET_USED(state);
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct rng rng = { .state = seed };
		struct burst burst = { .name = "random", .count = 1 + rng_below(&rng, 32) };
		uint32_t seq = 1;

		burst.has_ecn = rng_below(&rng, 2);
		burst.window = rng_below(&rng, 2) ? 0 : 10000;
		for (unsigned i = 0; i < burst.count; i++)
			burst.segs[i] = segment_draw(&rng, &seq, burst.has_ecn);
		burst_run(&burst, false, &outcomes[0]);
		burst_run(&burst, true, &outcomes[1]);
		merged += (unsigned)outcomes[0].counters.segments_merged;
		outcomes_compare(burst.name, (unsigned)outcomes[0].counters.segments_merged);
	}
	assert_true(merged > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_merged),
		cmocka_unit_test(test_marks_stand_alone),
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_connections_that_take_turns),
		cmocka_unit_test(test_a_long_row),
		cmocka_unit_test(test_a_small_budget),
		cmocka_unit_test(test_random_bursts),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
