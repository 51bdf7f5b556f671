/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <netinet/in.h>
#include <string.h>

#define PEER "2001:db8::7"
#define US   "2001:db8::1"
#define VIP  "2001:db8::64"

#define SOLICIT 135
#define ADVERT  136
#define SOURCE  1 /* options */
#define TARGET  2

#define SOLICITED 0x40
#define OVERRIDE  0x20

static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };

/* A neighbor discovery packet in words. */
struct ndp {
	uint8_t type;
	uint8_t code;
	uint8_t flags;
	uint8_t ttl; /* default 255 */
	const char *src;
	const char *dst;
	const char *target;
	uint8_t option;     /* its type; 0: none */
	const uint8_t *mac; /* in the option */
	const uint8_t *src_mac;
	const uint8_t *dst_mac;
	uint8_t option_len; /* default 1, in units of 8 bytes */
	size_t cut;         /* bytes missing at the end */
	size_t more;        /* bytes of zero at the end */
};

static size_t ndp_build(const struct ndp *ndp, uint8_t *frame)
{
	uint8_t message[128] = { ndp->type, ndp->code, 0, 0, ndp->flags };
	struct ip_addr target;
	size_t len = 24;

	assert_int_equal(ip_parse(ndp->target, &target), 0);
	memcpy(message + 8, &target, 16);
	if (ndp->option != 0) {
		message[24] = ndp->option;
		message[25] = ndp->option_len == 0 ? 1 : ndp->option_len;
		memcpy(message + 26, ndp->mac, 6);
		len = 32;
	}
	return frame_build(&(struct frame_spec){ .src = ndp->src,
				   .dst = ndp->dst,
				   .protocol = IPPROTO_ICMPV6,
				   .ttl = ndp->ttl == 0 ? 255 : ndp->ttl,
				   .payload = message,
				   .payload_len = len - ndp->cut + ndp->more,
				   .src_mac = ndp->src_mac,
				   .dst_mac = ndp->dst_mac },
		frame, FRAME_MAX);
}

static void ndp_input_words(struct fixture *f, unsigned port, const struct ndp *ndp)
{
	uint8_t frame[FRAME_MAX];

	fixture_input(f, port, frame, ndp_build(ndp, frame));
}

static void expect_ndp(struct fixture *f, unsigned port, const struct ndp *ndp)
{
	uint8_t frame[FRAME_MAX];

	fixture_expect(f, port, frame, ndp_build(ndp, frame));
}

/* The question for PEER, to everybody or to one. */
static void expect_solicit(struct fixture *f, const uint8_t *mac)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0, 0, 7 };

	expect_ndp(f, 0,
		&(struct ndp){ .type = SOLICIT,
			.src = US,
			.dst = mac == NULL ? "ff02::1:ff00:7" : PEER,
			.target = PEER,
			.option = SOURCE,
			.mac = fixture_macs[0],
			.src_mac = fixture_macs[0],
			.dst_mac = mac == NULL ? group_mac : mac });
}

/* PEER tells; mac NULL: without the option. */
static void advert_input_words(struct fixture *f, uint8_t flags, const uint8_t *mac)
{
	ndp_input_words(f, 0,
		&(struct ndp){ .type = ADVERT,
			.flags = flags,
			.src = PEER,
			.target = PEER,
			.dst = flags & SOLICITED ? US : "ff02::1",
			.option = mac != NULL ? TARGET : 0,
			.mac = mac });
}

struct solicit_row {
	const char *what;
	struct ndp asked;
	unsigned port;
	bool is_answered;
	const char *answer_dst;
	uint8_t answer_flags;
	int state; /* of the asker's entry afterwards */
};

static const uint8_t client_mac[6] = { 2, 0, 0, 0, 0, 0x0c }; /* frame_client_mac */
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 0xaa };   /* fixture_peer_mac */

static const struct solicit_row solicit_rows[] = {
	{ "our address",
		{ .src = PEER,
			.dst = "ff02::1:ff00:1",
			.target = US,
			.option = SOURCE,
			.mac = peer_mac },
		0, true, PEER, SOLICITED | OVERRIDE, NEIGH_STALE },
	{ "our address, by unicast",
		{ .src = PEER, .dst = US, .target = US, .option = SOURCE, .mac = peer_mac }, 0,
		true, PEER, SOLICITED | OVERRIDE, NEIGH_STALE },
	{ "our address, without a MAC", { .src = PEER, .dst = US, .target = US }, 0, true, PEER,
		SOLICITED | OVERRIDE, -1 },
	{ "a VIP",
		{ .src = PEER,
			.dst = "ff02::1:ff00:64",
			.target = VIP,
			.option = SOURCE,
			.mac = peer_mac },
		0, true, PEER, SOLICITED | OVERRIDE, NEIGH_STALE },
	{ "our address, from a link-local one",
		{ .src = "fe80::7",
			.dst = "ff02::1:ff00:1",
			.target = US,
			.option = SOURCE,
			.mac = peer_mac },
		0, true, "fe80::7", SOLICITED | OVERRIDE, -1 },
	{ "our address, of a node that looks for duplicates",
		{ .src = "::", .dst = "ff02::1:ff00:1", .target = US }, 0, true, "ff02::1",
		OVERRIDE, -1 },
	{ "another option besides",
		{ .src = PEER, .dst = US, .target = US, .option = 14, .mac = peer_mac }, 0, true,
		PEER, SOLICITED | OVERRIDE, -1 },
	{ "somebody else", { .src = PEER, .dst = "ff02::1:ff00:9", .target = "2001:db8::9" }, 0,
		false, NULL, 0, -1 },
	{ "another port's address",
		{ .src = "2001:db8:1::7", .dst = "ff02::1:ff00:1", .target = US }, 1, false, NULL,
		0, -1 },
	{ "our address, from our address", { .src = US, .dst = US, .target = US }, 0, false, NULL,
		0, -1 },
};

static void solicitations_for_us_are_answered(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(solicit_rows); i++) {
		const struct solicit_row *row = &solicit_rows[i];
		struct ndp asked = row->asked;
		struct ndp answer = { .type = ADVERT,
			.flags = row->answer_flags,
			.src = asked.target,
			.dst = row->answer_dst,
			.target = asked.target,
			.option = TARGET,
			.mac = fixture_macs[row->port],
			.src_mac = fixture_macs[row->port] };
		int entry;

		fixture_restart(f, &(struct neigh_params){ 0 });
		asked.type = SOLICIT;
		ndp_input_words(f, row->port, &asked);
		answer.dst_mac = asked.option == SOURCE ? peer_mac : client_mac;
		if (row->is_answered && asked.src[0] == ':')
			answer.dst_mac = all_nodes_mac;
		if (row->is_answered)
			expect_ndp(f, row->port, &answer);
		fixture_expect_none(f);
		entry = fixture_state(f, row->port, asked.src);
		if (entry != row->state)
			fail_msg("%s: state %d", row->what, entry);
		assert_int_equal(neigh_counters(f->neigh)->ndp_solicits_in, row->is_answered);
		assert_int_equal(neigh_counters(f->neigh)->ndp_adverts_out, row->is_answered);
	}
}

struct invalid_row {
	const char *what;
	struct ndp ndp;
};

static const struct invalid_row invalid_rows[] = {
	{ "hop limit 254", { .type = SOLICIT, .src = PEER, .dst = US, .target = US, .ttl = 254 } },
	{ "hop limit 1", { .type = ADVERT, .src = PEER, .dst = US, .target = PEER, .ttl = 1 } },
	{ "a code", { .type = SOLICIT, .src = PEER, .dst = US, .target = US, .code = 1 } },
	{ "a code", { .type = ADVERT, .src = PEER, .dst = US, .target = PEER, .code = 1 } },
	{ "too short", { .type = SOLICIT, .src = PEER, .dst = US, .target = US, .cut = 1 } },
	{ "too short", { .type = ADVERT, .src = PEER, .dst = US, .target = PEER, .cut = 16 } },
	{ "a multicast target",
		{ .type = SOLICIT, .src = PEER, .dst = US, .target = "ff02::1:ff00:1" } },
	{ "a multicast target", { .type = ADVERT, .src = PEER, .dst = US, .target = "ff02::1" } },
	{ "an option cut off",
		{ .type = SOLICIT,
			.src = PEER,
			.dst = US,
			.target = US,
			.option = SOURCE,
			.mac = peer_mac,
			.cut = 1 } },
	{ "an option past the end",
		{ .type = ADVERT,
			.src = PEER,
			.dst = US,
			.target = PEER,
			.option = TARGET,
			.mac = peer_mac,
			.option_len = 2 } },
	{ "an option of length zero",
		{ .type = SOLICIT,
			.src = PEER,
			.dst = US,
			.target = US,
			.option = SOURCE,
			.mac = peer_mac,
			.more = 8 } },
	{ "one byte of an option",
		{ .type = SOLICIT, .src = PEER, .dst = US, .target = US, .more = 1 } },
	{ "a group address as MAC",
		{ .type = ADVERT,
			.src = PEER,
			.dst = US,
			.target = PEER,
			.option = TARGET,
			.mac = all_nodes_mac } },
	{ "a search for duplicates by unicast",
		{ .type = SOLICIT, .src = "::", .dst = US, .target = US } },
	{ "a search for duplicates in another group",
		{ .type = SOLICIT, .src = "::", .dst = "ff02::1:ff00:2", .target = US } },
	{ "a search for duplicates with a MAC",
		{ .type = SOLICIT,
			.src = "::",
			.dst = "ff02::1:ff00:1",
			.target = US,
			.option = SOURCE,
			.mac = peer_mac } },
	{ "an answer to all",
		{ .type = ADVERT,
			.src = PEER,
			.dst = "ff02::1",
			.target = PEER,
			.flags = SOLICITED } },
};

static void invalid_messages_change_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	f->taken = f->sent_count;
	for (size_t i = 0; i < RTE_DIM(invalid_rows); i++) {
		ndp_input_words(f, 0, &invalid_rows[i].ndp);
		if (f->core.drops.counts[DROP_parse_ndp] != i + 1)
			fail_msg("%s was taken for valid", invalid_rows[i].what);
		fixture_expect_none(f);
		assert_int_equal(fixture_state(f, 0, PEER), NEIGH_INCOMPLETE);
	}
	assert_int_equal(neigh_counters(f->neigh)->ndp_adverts_in, 0);
	assert_int_equal(f->share_count, 0);
}

static void the_first_packets_wait_for_the_advertisement(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	fixture_output(f, PEER, 2);
	expect_solicit(f, NULL);
	/* Without its MAC an answer helps nobody. */
	advert_input_words(f, SOLICITED, NULL);
	fixture_expect_none(f);
	advert_input_words(f, SOLICITED | OVERRIDE, peer_mac);
	fixture_expect_packet(f, 0, peer_mac, 1);
	fixture_expect_packet(f, 0, peer_mac, 2);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	assert_int_equal(f->share_count, 1);
	fixture_wait(f, 30 * SECOND);
	fixture_output(f, PEER, 3);
	expect_solicit(f, peer_mac);
	fixture_expect_packet(f, 0, peer_mac, 3);
	advert_input_words(f, SOLICITED, NULL);
	assert_int_equal(fixture_state(f, 0, PEER), NEIGH_REACHABLE);
	assert_int_equal(neigh_counters(f->neigh)->ndp_solicits_out, 2);
	assert_int_equal(neigh_counters(f->neigh)->ndp_adverts_in, 3);
}

static void who_does_not_advertise_is_asked_three_times(void **state)
{
	struct fixture *f = *state;

	fixture_output(f, PEER, 1);
	for (unsigned i = 0; i < 3; i++) {
		expect_solicit(f, NULL);
		fixture_wait(f, SECOND);
	}
	fixture_expect_none(f);
	fixture_expect_drops(f, DROP_no_neighbor, 1);
}

/* RFC 4861 7.2.5 and appendix C: an advertisement meets an entry that has a MAC. */
static const struct update_row {
	bool is_stale;
	uint8_t flags;
	const uint8_t *mac;
	int state;
	const uint8_t *then; /* where packets go */
} update_rows[] = {
	{ false, 0, fixture_peer_mac, NEIGH_REACHABLE, fixture_peer_mac },
	{ false, SOLICITED, fixture_peer_mac, NEIGH_REACHABLE, fixture_peer_mac },
	{ false, SOLICITED, NULL, NEIGH_REACHABLE, fixture_peer_mac },
	{ false, 0, fixture_other_mac, NEIGH_STALE, fixture_peer_mac },
	{ false, SOLICITED, fixture_other_mac, NEIGH_STALE, fixture_peer_mac },
	{ false, OVERRIDE, fixture_other_mac, NEIGH_STALE, fixture_other_mac },
	{ false, SOLICITED | OVERRIDE, fixture_other_mac, NEIGH_REACHABLE, fixture_other_mac },
	{ true, 0, fixture_peer_mac, NEIGH_STALE, fixture_peer_mac },
	{ true, SOLICITED, fixture_peer_mac, NEIGH_REACHABLE, fixture_peer_mac },
	{ true, SOLICITED, NULL, NEIGH_REACHABLE, fixture_peer_mac },
	{ true, SOLICITED, fixture_other_mac, NEIGH_STALE, fixture_peer_mac },
	{ true, OVERRIDE, fixture_other_mac, NEIGH_STALE, fixture_other_mac },
	{ true, SOLICITED | OVERRIDE, fixture_other_mac, NEIGH_REACHABLE, fixture_other_mac },
};

static void advertisements_update_as_the_rfc_says(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(update_rows); i++) {
		const struct update_row *row = &update_rows[i];

		fixture_restart(f, &(struct neigh_params){ 0 });
		fixture_output(f, PEER, 0);
		advert_input_words(f, SOLICITED | OVERRIDE, peer_mac);
		if (row->is_stale)
			fixture_wait(f, 31 * SECOND);
		f->taken = f->sent_count;
		advert_input_words(f, row->flags, row->mac);
		if (fixture_state(f, 0, PEER) != row->state)
			fail_msg("row %zu: state %d", i, fixture_state(f, 0, PEER));
		fixture_output(f, PEER, 7);
		if (row->state == NEIGH_STALE)
			expect_solicit(f, row->then);
		fixture_expect_packet(f, 0, row->then, 7);
	}
}

static void adverts_of_strangers_make_no_entries(void **state)
{
	struct fixture *f = *state;

	advert_input_words(f, OVERRIDE, peer_mac);
	assert_int_equal(f->share_count, 0);
	/* An answer, though: another worker may have asked. */
	advert_input_words(f, SOLICITED | OVERRIDE, peer_mac);
	assert_int_equal(f->share_count, 1);
	assert_int_equal(fixture_state(f, 0, PEER), -1);
	fixture_expect_drops(f, DROP_consumed, 2);
}

static void adverts_of_our_addresses_are_not_believed(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++)
		ndp_input_words(f, 0,
			&(struct ndp){ .type = ADVERT,
				.flags = SOLICITED | OVERRIDE,
				.src = PEER,
				.dst = US,
				.target = i == 0 ? US : VIP,
				.option = TARGET,
				.mac = peer_mac });
	assert_int_equal(f->share_count, 0);
	assert_int_equal(fixture_state(f, 0, US), -1);
	assert_int_equal(fixture_state(f, 0, VIP), -1);
}

static void routers_decide_nothing_here(void **state)
{
	static const uint8_t types[] = { 133, 134, 137 };
	struct fixture *f = *state;

	for (size_t i = 0; i < RTE_DIM(types); i++) {
		ndp_input_words(f, 0,
			&(struct ndp){
				.type = types[i], .src = "fe80::1", .dst = US, .target = PEER });
		fixture_expect_drops(f, DROP_icmp_ignored, i + 1);
	}
	assert_int_equal(neigh_dump(f->neigh, NULL, 0, f->now_us), 1);
}

static void announcements_are_unsolicited_adverts(void **state)
{
	struct fixture *f = *state;
	struct ndp vip = { .type = ADVERT,
		.flags = OVERRIDE,
		.src = VIP,
		.dst = "ff02::1",
		.target = VIP,
		.option = TARGET,
		.mac = fixture_macs[0],
		.src_mac = fixture_macs[0],
		.dst_mac = all_nodes_mac };
	uint8_t frame[FRAME_MAX];
	size_t len = ndp_build(&vip, frame);
	unsigned found = 0;

	neigh_apply(f->neigh, f->net, true, f->now_us);
	for (unsigned i = 0; i < f->sent_count; i++)
		found += f->sent[i]->pkt_len == len && f->sent_port[i] == 0 &&
			memcmp(rte_pktmbuf_mtod(f->sent[i], void *), frame, len) == 0;
	assert_int_equal(found, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(solicitations_for_us_are_answered),
		TEST(invalid_messages_change_nothing),
		TEST(the_first_packets_wait_for_the_advertisement),
		TEST(who_does_not_advertise_is_asked_three_times),
		TEST(advertisements_update_as_the_rfc_says),
		TEST(adverts_of_strangers_make_no_entries),
		TEST(adverts_of_our_addresses_are_not_believed),
		TEST(routers_decide_nothing_here),
		TEST(announcements_are_unsolicited_adverts),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
