/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define PEER "192.0.2.7"
#define US   "192.0.2.1"
#define VIP  "192.0.2.100"

static void request_input(
	struct fixture *f, unsigned port, const uint8_t *mac, const char *from, const char *target)
{
	fixture_arp(f, port,
		&(struct frame_arp){
			.op = 1, .sender_mac = mac, .sender = from, .target = target });
}

static void expect_reply(
	struct fixture *f, unsigned port, const uint8_t *mac, const char *target, const char *from)
{
	struct frame_arp arp = { .op = 2,
		.eth_dst = mac,
		.sender_mac = fixture_macs[port],
		.sender = target,
		.target_mac = mac,
		.target = from };
	uint8_t frame[64];

	fixture_expect(f, port, frame, frame_arp_build(&arp, frame, sizeof(frame)));
}

struct request_row {
	const char *what;
	unsigned port;
	const char *from;
	const char *target;
	bool is_answered;
	int state; /* of the sender's entry afterwards */
};

static const struct request_row request_rows[] = {
	{ "our address", 0, PEER, US, true, NEIGH_STALE },
	{ "a VIP", 0, PEER, VIP, true, NEIGH_STALE },
	{ "a VIP that is routed to us", 0, PEER, "198.18.0.9", true, NEIGH_STALE },
	{ "the same on another port", 1, "198.51.100.7", "198.18.0.9", true, NEIGH_STALE },
	{ "another port's address", 1, "198.51.100.7", US, false, -1 },
	{ "a VIP on another port's link", 1, "198.51.100.7", VIP, false, -1 },
	{ "somebody else", 0, PEER, "192.0.2.8", false, -1 },
	{ "our address, of a probe", 0, "0.0.0.0", US, true, -1 },
	{ "our address, from another link", 0, "198.51.100.7", US, true, -1 },
	{ "our address, from our address", 0, US, US, false, -1 },
	{ "somebody else, from our VIP", 0, VIP, PEER, false, -1 },
	{ "our address, from the link's broadcast address", 0, "192.0.2.255", US, true, -1 },
};

static void requests_for_us_are_answered(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(request_rows); i++) {
		const struct request_row *row = &request_rows[i];
		int entry;

		fixture_restart(f, &(struct neigh_params){ 0 });
		request_input(f, row->port, fixture_peer_mac, row->from, row->target);
		if (row->is_answered)
			expect_reply(f, row->port, fixture_peer_mac, row->target, row->from);
		fixture_expect_none(f);
		entry = fixture_state(f, row->port, row->from);
		if (entry != row->state)
			fail_msg("%s: state %d", row->what, entry);
		assert_int_equal(neigh_counters(f->neigh)->arp_requests_in, row->is_answered);
		assert_int_equal(neigh_counters(f->neigh)->arp_replies_out, row->is_answered);
	}
}

static void replies_of_strangers_make_no_entries(void **state)
{
	struct fixture *f = *state;

	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	assert_int_equal(fixture_state(f, 0, PEER), -1);
	/* Another worker may have asked. */
	assert_int_equal(f->share_count, 1);
	assert_memory_equal(f->share_mac, fixture_peer_mac, 6);
	assert_int_equal(f->share_port, 0);
	fixture_expect_drops(f, DROP_consumed, 1);
}

static void replies_about_our_addresses_are_not_believed(void **state)
{
	struct fixture *f = *state;

	fixture_arp_reply(f, 0, fixture_peer_mac, US, US);
	fixture_arp_reply(f, 0, fixture_peer_mac, VIP, US);
	assert_int_equal(fixture_state(f, 0, US), -1);
	assert_int_equal(fixture_state(f, 0, VIP), -1);
	assert_int_equal(f->share_count, 0);
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_consumed, 2);
}

static void replies_from_another_link_are_not_believed(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	f->taken = f->sent_count;
	fixture_arp_reply(f, 1, fixture_other_mac, PEER, "198.51.100.1");
	fixture_expect_none(f);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_INCOMPLETE);
	assert_int_equal(f->share_count, 0);
}

/* RFC 826: a known pair is merged from any packet; news are shared. */
static void gratuitous_arp_moves_a_known_neighbor(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_arp_reply(f, 0, fixture_peer_mac, PEER, US);
	f->taken = f->sent_count;
	f->share_count = 0;
	/* The same again is no news. */
	request_input(f, 0, fixture_peer_mac, PEER, PEER);
	assert_int_equal(f->share_count, 0);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	request_input(f, 0, fixture_other_mac, PEER, PEER);
	assert_int_equal(f->share_count, 1);
	assert_memory_equal(f->share_mac, fixture_other_mac, 6);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_STALE);
	fixture_output(f, PEER, 2);
	fixture_expect_request(f, 0, fixture_other_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_other_mac, 2);
}

static void gratuitous_arp_makes_no_entry(void **state)
{
	struct fixture *f = *state;

	request_input(f, 0, fixture_peer_mac, PEER, PEER);
	fixture_arp(f, 0,
		&(struct frame_arp){ .op = 2,
			.sender_mac = fixture_peer_mac,
			.sender = PEER,
			.target_mac = fixture_peer_mac,
			.target = PEER });
	assert_int_equal(fixture_state(f, 0, PEER), -1);
	fixture_expect_drops(f, DROP_consumed, 2);
}

/* A broadcast reply is no answer to us, but ends the search all the same. */
static void a_broadcast_reply_is_only_a_hint(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_expect_request(f, 0, NULL, US, PEER);
	fixture_arp(f, 0,
		&(struct frame_arp){ .op = 2,
			.sender_mac = fixture_peer_mac,
			.sender = PEER,
			.target_mac = fixture_macs[0],
			.target = US });
	fixture_expect_request(f, 0, fixture_peer_mac, US, PEER);
	fixture_expect_packet(f, 0, fixture_peer_mac, 1);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_PROBE);
}

static void strangers_displace_no_entry_in_use(void **state)
{
	struct fixture *f = *state;
	char from[IP_TEXT_MAX];

	fixture_restart(f, &(struct neigh_params){ .max_entries = 8 });
	for (unsigned i = 0; i < 4; i++) {
		snprintf(from, sizeof(from), "192.0.2.%u", 10 + i);
		fixture_output(f, from, 0);
		fixture_arp_reply(f, 0, fixture_peer_mac, from, US);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(from, sizeof(from), "192.0.2.%u", 20 + i % 80);
		request_input(f, 0, fixture_other_mac, from, US);
	}
	for (unsigned i = 0; i < 4; i++) {
		snprintf(from, sizeof(from), "192.0.2.%u", 10 + i);
		assert_int_equal(fixture_state(f, 0, from), NEIGH_REACHABLE);
	}
	assert_int_equal(neigh_dump(f->neigh, NULL, 0, f->now_us), 8);
	assert_int_equal(neigh_counters(f->neigh)->arp_replies_out, 200);
}

/* All of a port's addresses on it, VIPs where they are on link, routed ones everywhere. */
static void announcements_reach_the_right_ports(void **state)
{
	static const struct {
		unsigned port;
		const char *addr;
	} expected[] = {
		{ 0, "192.0.2.1" },
		{ 1, "198.51.100.1" },
		{ 0, "192.0.2.100" },
		{ 0, "198.18.0.9" },
		{ 1, "198.18.0.9" },
	};
	struct fixture *f = *state;

	neigh_apply(f->neigh, f->net, true, f->now_us);
	for (size_t i = 0; i < RTE_DIM(expected); i++) {
		struct frame_arp arp = { .op = 1,
			.sender_mac = fixture_macs[expected[i].port],
			.sender = expected[i].addr,
			.target = expected[i].addr };
		uint8_t frame[64];
		uint8_t sent[FRAME_MAX];
		bool is_found = false;

		frame_arp_build(&arp, frame, sizeof(frame));
		for (f->taken = 0; f->taken < f->sent_count && !is_found;) {
			if (f->sent_port[f->taken] != expected[i].port) {
				f->taken++;
				continue;
			}
			is_found = fixture_take(f, expected[i].port, sent) == 42 &&
				memcmp(sent, frame, 42) == 0;
		}
		assert_true(is_found);
	}
	assert_int_equal(neigh_counters(f->neigh)->arp_requests_out, RTE_DIM(expected));
	assert_int_equal(neigh_counters(f->neigh)->ndp_adverts_out, 3);
	assert_int_equal(f->sent_count, RTE_DIM(expected) + 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_for_us_are_answered),
		TEST(replies_of_strangers_make_no_entries),
		TEST(replies_about_our_addresses_are_not_believed),
		TEST(replies_from_another_link_are_not_believed),
		TEST(gratuitous_arp_moves_a_known_neighbor),
		TEST(gratuitous_arp_makes_no_entry),
		TEST(a_broadcast_reply_is_only_a_hint),
		TEST(strangers_displace_no_entry_in_use),
		TEST(announcements_reach_the_right_ports),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
