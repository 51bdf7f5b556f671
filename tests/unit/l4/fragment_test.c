/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "path.h"
#include "support/support.h"

#define ETHER      14
#define FLAGS_AT   (ETHER + 6)
#define ID_AT      (ETHER + 4)
#define WAIT_EACH  16
#define WAIT_ALL   512
#define MORE_FLAG  0x2000
#define UNIT_BYTES 8

/* A fragment of a client's datagram of 'len' bytes in pieces of 8: number counts from 0. */
struct piece {
	unsigned client;
	uint16_t id;
	unsigned number;
	bool is_last;
};

static struct rte_mbuf *piece_make(const struct piece *piece)
{
	unsigned field = piece->number | (piece->is_last ? 0u : MORE_FLAG);
	uint8_t payload[UNIT_BYTES] = { 0 };
	uint8_t frame[FRAME_MAX];
	char client[IP_TEXT_MAX];
	size_t len;

	snprintf(client, sizeof(client), "203.0.113.%u", 1 + piece->client);
	/* A first one is a whole UDP header, the others are made of one by name only. */
	len = frame_build(
		&(struct frame_spec){
			.src = client,
			.dst = "192.0.2.100",
			.src_port = 5000,
			.dst_port = 53,
			.protocol = IPPROTO_UDP,
			.payload = payload,
			.payload_len = piece->number == 0 ? UNIT_BYTES : 0,
		},
		frame, sizeof(frame));
	frame[ID_AT] = (uint8_t)(piece->id >> 8);
	frame[ID_AT + 1] = (uint8_t)piece->id;
	frame[FLAGS_AT] = (uint8_t)(field >> 8);
	frame[FLAGS_AT + 1] = (uint8_t)field;
	frame_sums_fill(frame + ETHER, len - ETHER);
	return support_mbuf(frame, len);
}

/* The first one has two units: the second begins with unit 2. */
static struct path_outcome piece_run(struct harness *h, struct piece piece)
{
	return path_run(h, piece_make(&piece));
}

static void piece_expect(
	struct harness *h, struct piece piece, unsigned count, enum drop_reason reason)
{
	struct path_outcome outcome = piece_run(h, piece);

	assert_int_equal(outcome.reason, reason);
	assert_int_equal(outcome.count, count);
	path_free(&outcome);
}

static uint64_t dropped(const struct harness *h, enum drop_reason reason)
{
	return h->core.drops.counts[reason];
}

static void a_few_wait_for_the_first_and_more_do_not(void **state)
{
	struct harness h = { 0 };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < WAIT_EACH; i++)
		piece_expect(&h, (struct piece){ .id = 1, .number = 2 + i }, 0, DROP_NONE);
	piece_expect(&h, (struct piece){ .id = 1 }, 1 + WAIT_EACH, DROP_NONE);
	for (unsigned i = 0; i < WAIT_EACH; i++)
		piece_expect(&h, (struct piece){ .id = 2, .number = 2 + i }, 0, DROP_NONE);
	piece_expect(
		&h, (struct piece){ .id = 2, .number = 2 + WAIT_EACH }, 0, DROP_fragment_limit);
	assert_int_equal(dropped(&h, DROP_fragment_limit), WAIT_EACH + 1);
	/* What is given up stays so. */
	piece_expect(&h, (struct piece){ .id = 2 }, 0, DROP_fragment_limit);
	harness_stop(&h);
}

static void all_that_wait_are_bounded(void **state)
{
	struct harness h = { 0 };
	uint64_t waiting = 0;

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 2000; i++) {
		struct path_outcome outcome = piece_run(
			&h, (struct piece){ .client = i % 200, .id = (uint16_t)i, .number = 9 });

		assert_int_equal(outcome.count, 0);
	}
	waiting = 2000 - dropped(&h, DROP_fragment_limit);
	assert_true(waiting <= WAIT_ALL && waiting > WAIT_ALL / 2);
	/* Time frees them all, and there is room again. */
	harness_pass(&h, 2100);
	assert_int_equal(dropped(&h, DROP_fragment_timeout), waiting);
	piece_expect(&h, (struct piece){ .id = 7, .number = 2 }, 0, DROP_NONE);
	piece_expect(&h, (struct piece){ .id = 7 }, 2, DROP_NONE);
	harness_stop(&h);
}

static void a_datagram_is_forgotten_in_time(void **state)
{
	struct harness h = { 0 };

	(void)state;
	harness_start(&h);
	piece_expect(&h, (struct piece){ .id = 1 }, 1, DROP_NONE);
	harness_pass(&h, 1900);
	piece_expect(&h, (struct piece){ .id = 1, .number = 2 }, 1, DROP_NONE);
	harness_pass(&h, 200);
	piece_expect(&h, (struct piece){ .id = 1, .number = 3 }, 0, DROP_NONE);
	harness_pass(&h, 2000);
	assert_int_equal(dropped(&h, DROP_fragment_timeout), 1);
	harness_stop(&h);
}

/* A whole datagram leaves nothing behind: its identification may come again at once. */
static void a_whole_datagram_ends_its_entry(void **state)
{
	struct harness h = { 0 };

	(void)state;
	harness_start(&h);
	for (unsigned i = 0; i < 3; i++) {
		piece_expect(
			&h, (struct piece){ .id = 5, .number = 3, .is_last = true }, 0, DROP_NONE);
		piece_expect(&h, (struct piece){ .id = 5, .number = 2 }, 0, DROP_NONE);
		piece_expect(&h, (struct piece){ .id = 5 }, 3, DROP_NONE);
	}
	assert_int_equal(l4_counters(h.l4)->fragments_gathered, 9);
	assert_int_equal(l4_counters(h.l4)->fragments_held, 6);
	harness_stop(&h);
}

/* Every order of the five fragments of a datagram delivers all, each once. */
static void any_order_will_do(void **state)
{
	struct harness h = { 0 };
	uint16_t id = 100;

	(void)state;
	harness_start(&h);
	for (unsigned order = 0; order < 120; order++, id++) {
		unsigned left[5] = { 0, 2, 3, 4, 5 };
		unsigned code = order;
		unsigned seen = 0;

		for (unsigned n = 5; n > 0; code /= n, n--) {
			unsigned at = code % n;
			struct path_outcome outcome = piece_run(&h,
				(struct piece){
					.id = id, .number = left[at], .is_last = left[at] == 5 });

			assert_int_equal(outcome.reason, DROP_NONE);
			seen += outcome.count;
			path_free(&outcome);
			memmove(&left[at], &left[at + 1], (n - at - 1) * sizeof(left[0]));
		}
		assert_int_equal(seen, 5);
	}
	harness_stop(&h);
}

static void gaps_are_bounded(void **state)
{
	struct harness h = { 0 };
	struct path_outcome outcome;

	(void)state;
	harness_start(&h);
	piece_expect(&h, (struct piece){ .id = 1 }, 1, DROP_NONE);
	for (unsigned i = 0; i < 11; i++)
		piece_expect(&h, (struct piece){ .id = 1, .number = 3 + 2 * i }, 1, DROP_NONE);
	outcome = piece_run(&h, (struct piece){ .id = 1, .number = 100 });
	assert_int_equal(outcome.reason, DROP_fragment_limit);
	harness_stop(&h);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_few_wait_for_the_first_and_more_do_not),
		CASE(all_that_wait_are_bounded),
		CASE(a_datagram_is_forgotten_in_time),
		CASE(a_whole_datagram_ends_its_entry),
		CASE(any_order_will_do),
		CASE(gaps_are_bounded),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
