/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "base/rng.h"
#include "harness.h"
#include "support/support.h"

#define FLOWS   400
#define STEPS   40000
#define MEMBERS 6

/*
 * Flows in any order, with any flags, while time passes and members come and go. Whatever happens:
 * a packet that comes out is right, and the books agree.
 */
struct play {
	struct harness h;
	struct rng rng;
	struct flow flows[FLOWS];
	unsigned forwarded;
	unsigned answered;
};

static uint8_t flags_random(struct rng *rng)
{
	static const uint8_t flags[] = {
		RTE_TCP_SYN_FLAG,
		RTE_TCP_SYN_FLAG,
		RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
		RTE_TCP_ACK_FLAG,
		RTE_TCP_ACK_FLAG,
		RTE_TCP_ACK_FLAG,
		RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG,
		RTE_TCP_RST_FLAG,
	};

	return flags[rng_below(rng, RTE_DIM(flags))];
}

/* An answer on a connection that is there reaches its own client: flow_reply() checks that. */
static void step_reply(struct play *play, unsigned index)
{
	const struct flow *flow = &play->flows[index];
	struct l4_conn_row row;

	/* What a member sends on an ended connection may meet another one on the same port. */
	if (!flow_row(&play->h, flow, &row) || !ip_equal(&row.member, &flow->at_member.dst) ||
		row.local_port != rte_be_to_cpu_16(flow->at_member.src_port_be))
		return;
	assert_int_equal(flow_reply(&play->h, flow, flags_random(&play->rng)), DROP_NONE);
	play->answered++;
}

static void step_send(struct play *play, unsigned index)
{
	enum drop_reason reason = flow_send(
		&play->h, &play->flows[index], flags_random(&play->rng));

	if (reason == DROP_NONE) {
		play->forwarded++;
		return;
	}
	assert_true(reason == DROP_no_conn || reason == DROP_no_backend ||
		reason == DROP_no_local_port || reason == DROP_conn_table_full);
}

/* Health and admin state of a member, and now and then another file. */
static void step_change(struct play *play)
{
	struct harness *h = &play->h;
	enum harness_pool pool = rng_below(&play->rng, HARNESS_POOLS);
	unsigned index = rng_below(&play->rng, (uint32_t)h->pools[pool].member_count);
	struct member *member = harness_member(h, pool, index);

	member->health = rng_below(&play->rng, 4) == 0 ? MEMBER_DOWN : MEMBER_UP;
	member->admin = rng_below(&play->rng, 6) == 0 ? MEMBER_DRAIN : MEMBER_READY;
	harness_rebuild(h, pool);
	if (rng_below(&play->rng, 8) == 0) {
		h->pools[pool].member_count = 1 + rng_below(&play->rng, MEMBERS);
		harness_reload(h);
	}
}

static int row_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct packet_tuple));
}

/* No two connections look alike to a member. */
static void books_check(struct play *play)
{
	static struct packet_tuple tuples[FLOWS];
	struct l4_conn_row row;
	uint32_t cursor = 0;
	unsigned count = 0;

	memset(tuples, 0, sizeof(tuples));
	while (l4_conn_dump(play->h.l4, &cursor, &row, 1, play->h.now_us) == 1) {
		assert_true(count < FLOWS);
		tuples[count].src = row.local;
		tuples[count].dst = row.member;
		tuples[count].src_port_be = row.local_port;
		tuples[count].protocol = row.protocol;
		assert_in_range(row.local_port, 20000, 20029);
		assert_int_equal(row.member_port, 8080);
		assert_true(row.idle_ms < row.timeout_ms);
		count++;
	}
	assert_true(count <= l4_conn_count(play->h.l4));
	qsort(tuples, count, sizeof(tuples[0]), row_compare);
	for (unsigned i = 1; i < count; i++)
		assert_true(row_compare(&tuples[i - 1], &tuples[i]) != 0);
}

static void anything_goes_and_the_books_agree(void **state)
{
	struct play *play = calloc(1, sizeof(*play));
	const struct l4_counters *counters;

	(void)state;
	assert_non_null(play);
	play->rng.state = 20161;
	play->h.member_count = MEMBERS;
	play->h.max_connections = 120;
	play->h.slice = (struct steer_slice){ .port_min = 20000, .port_max = 20029 };
	harness_start(&play->h);
	for (unsigned i = 0; i < FLOWS; i++)
		play->flows[i] = flow_make(i % HARNESS_PLAIN_SERVICES, i / HARNESS_PLAIN_SERVICES);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned index = rng_below(&play->rng, FLOWS);
		uint32_t dice = rng_below(&play->rng, 100);

		if (dice < 55)
			step_send(play, index);
		else if (dice < 95)
			step_reply(play, index);
		else if (dice < 99)
			harness_pass(&play->h, rng_below(&play->rng, 2000));
		else
			step_change(play);
		if (step % 500 == 0)
			books_check(play);
	}
	counters = l4_counters(play->h.l4);
	assert_int_equal(counters->packets_forwarded, play->forwarded + play->answered);
	assert_int_equal(l4_conn_count(play->h.l4),
		counters->conns_opened - counters->conns_closed - counters->conns_expired -
			counters->conns_reused - counters->conns_moved - counters->conns_evicted);
	/* It was worth it: every way in which a connection ends has been taken. */
	assert_true(counters->conns_closed > 0 && counters->conns_expired > 0 &&
		counters->conns_reused > 0 && counters->conns_moved > 0 &&
		counters->conns_evicted > 0);
	harness_stop(&play->h);
	free(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(anything_goes_and_the_books_agree, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
