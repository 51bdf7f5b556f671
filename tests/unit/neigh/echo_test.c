/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <netinet/in.h>
#include <string.h>

#define US  "192.0.2.1"
#define US6 "2001:db8::1"

#define MESSAGE(type, code)                                                                        \
	{                                                                                          \
		(type), (code), 0, 0, 0x12, 0x34, 0, 7, 'a', 'b', 'c'                              \
	}

static const uint8_t request4[] = MESSAGE(8, 0);
static const uint8_t reply4[] = MESSAGE(0, 0);
static const uint8_t request6[] = MESSAGE(128, 0);
static const uint8_t reply6[] = MESSAGE(129, 0);

static struct frame_spec message_spec(const char *src, const char *dst, const uint8_t *message)
{
	return (struct frame_spec){ .src = src,
		.dst = dst,
		.payload = message,
		.payload_len = sizeof(request4),
		.protocol = strchr(src, ':') != NULL ? IPPROTO_ICMPV6 : IPPROTO_ICMP };
}

/* Both gateways are known. */
static void gateways_resolve(struct fixture *f)
{
	struct ip_addr gateway;

	ip_parse("192.0.2.254", &gateway);
	neigh_learn(f->neigh, f->net, 0, &gateway, fixture_peer_mac, false, f->now_us);
	ip_parse("2001:db8::fe", &gateway);
	neigh_learn(f->neigh, f->net, 0, &gateway, fixture_peer_mac, false, f->now_us);
}

static const struct {
	const char *from;
	const char *to;
} answered_rows[] = {
	{ "198.18.7.7", US },
	{ "198.18.7.7", "192.0.2.100" },
	{ "198.18.7.7", "198.18.0.9" },
	{ "198.18.7.7", "198.51.100.1" },
	{ "3fff::7", US6 },
	{ "3fff::7", "2001:db8::64" },
};

static void echo_to_us_is_answered(void **state)
{
	struct fixture *f = *state;

	gateways_resolve(f);
	for (size_t i = 0; i < RTE_DIM(answered_rows); i++) {
		bool is_v6 = strchr(answered_rows[i].to, ':') != NULL;
		struct frame_spec request = message_spec(
			answered_rows[i].from, answered_rows[i].to, is_v6 ? request6 : request4);
		struct frame_spec reply = message_spec(
			answered_rows[i].to, answered_rows[i].from, is_v6 ? reply6 : reply4);
		uint8_t frame[FRAME_MAX];

		request.ttl = 3;
		reply.dst_mac = fixture_peer_mac;
		reply.src_mac = fixture_macs[0];
		fixture_input_spec(f, 0, &request);
		fixture_expect(f, 0, frame, frame_build(&reply, frame, sizeof(frame)));
	}
	assert_int_equal(neigh_counters(f->neigh)->echo_replies_out, RTE_DIM(answered_rows));
}

/* The reply has none of the request's extension headers. */
static void extension_headers_are_not_sent_back(void **state)
{
	static const uint8_t pad[] = { IPPROTO_ICMPV6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0 };
	struct fixture *f = *state;
	struct frame_spec request = message_spec("3fff::7", US6, request6);
	struct frame_spec reply = message_spec(US6, "3fff::7", reply6);
	uint8_t frame[FRAME_MAX];

	gateways_resolve(f);
	request.extensions = pad;
	request.extensions_len = sizeof(pad);
	request.extensions_next = IPPROTO_DSTOPTS;
	reply.dst_mac = fixture_peer_mac;
	reply.src_mac = fixture_macs[0];
	fixture_input_spec(f, 0, &request);
	fixture_expect(f, 0, frame, frame_build(&reply, frame, sizeof(frame)));
}

static void options_are_not_sent_back(void **state)
{
	static const uint8_t record[] = { 7, 7, 8, 192, 0, 2, 9, 0 };
	struct fixture *f = *state;
	struct frame_spec request = message_spec("198.18.7.7", US, request4);
	struct frame_spec reply = message_spec(US, "198.18.7.7", reply4);
	uint8_t frame[FRAME_MAX];

	gateways_resolve(f);
	request.extensions = record;
	request.extensions_len = sizeof(record);
	reply.dst_mac = fixture_peer_mac;
	reply.src_mac = fixture_macs[0];
	fixture_input_spec(f, 0, &request);
	fixture_expect(f, 0, frame, frame_build(&reply, frame, sizeof(frame)));
}

static const uint8_t unreachable4[] = MESSAGE(3, 1);
static const uint8_t timestamp4[] = MESSAGE(13, 0);
static const uint8_t odd_code4[] = MESSAGE(8, 1);
static const uint8_t too_big6[] = MESSAGE(2, 0);
static const uint8_t odd_code6[] = MESSAGE(128, 1);
static const uint8_t query6[] = MESSAGE(130, 0);

static const struct ignored_row {
	const char *what;
	const char *from;
	const char *to;
	const uint8_t *message;
	const uint8_t *dst_mac;
	enum drop_reason reason;
} ignored_rows[] = {
	{ "echo reply", "198.18.7.7", US, reply4, NULL, DROP_icmp_ignored },
	{ "unreachable", "198.18.7.7", US, unreachable4, NULL, DROP_icmp_ignored },
	{ "timestamp", "198.18.7.7", US, timestamp4, NULL, DROP_icmp_ignored },
	{ "echo with a code", "198.18.7.7", US, odd_code4, NULL, DROP_icmp_ignored },
	{ "echo to another", "198.18.7.7", "192.0.2.9", request4, NULL, DROP_no_service },
	{ "echo by broadcast", "192.0.2.7", "192.0.2.255", request4, frame_broadcast_mac,
		DROP_icmp_ignored },
	{ "echo to us by broadcast", "192.0.2.7", US, request4, frame_broadcast_mac,
		DROP_icmp_ignored },
	{ "echo to the broadcast address", "192.0.2.7", "192.0.2.255", request4, NULL,
		DROP_no_service },
	{ "ICMPv6 echo reply", "3fff::7", US6, reply6, NULL, DROP_icmp_ignored },
	{ "packet too big", "3fff::7", US6, too_big6, NULL, DROP_icmp_ignored },
	{ "ICMPv6 echo with a code", "3fff::7", US6, odd_code6, NULL, DROP_icmp_ignored },
	{ "ICMPv6 echo to another", "3fff::7", "2001:db8::9", request6, NULL, DROP_no_service },
	{ "ICMPv6 echo to a group", "2001:db8::7", "ff02::1", request6,
		(const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }, DROP_icmp_ignored },
	{ "multicast listener query", "2001:db8::7", "ff02::1", query6,
		(const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }, DROP_icmp_ignored },
};

static void other_icmp_is_counted_and_dropped(void **state)
{
	struct fixture *f = *state;

	gateways_resolve(f);
	for (size_t i = 0; i < RTE_DIM(ignored_rows); i++) {
		const struct ignored_row *row = &ignored_rows[i];
		struct frame_spec spec = message_spec(row->from, row->to, row->message);
		uint64_t count = f->core.drops.counts[row->reason];

		spec.dst_mac = row->dst_mac;
		fixture_input_spec(f, 0, &spec);
		if (f->core.drops.counts[row->reason] != count + 1)
			fail_msg("%s: not counted as %s", row->what,
				drop_stats_set.descs[row->reason].name);
		fixture_expect_none(f);
	}
}

static void other_protocols_are_unsupported(void **state)
{
	struct fixture *f = *state;
	struct frame_spec spec = { .src = "198.18.7.7",
		.dst = US,
		.protocol = IPPROTO_GRE,
		.payload = request4,
		.payload_len = sizeof(request4) };

	fixture_input_spec(f, 0, &spec);
	fixture_expect_drops(f, DROP_protocol_unsupported, 1);
	spec.dst = "192.0.2.9";
	fixture_input_spec(f, 0, &spec);
	fixture_expect_drops(f, DROP_no_service, 1);
}

static void answers_are_rate_limited(void **state)
{
	struct fixture *f = *state;
	struct frame_spec request = message_spec("198.18.7.7", US, request4);

	fixture_restart(f, &(struct neigh_params){ .icmp_per_second = 10 });
	gateways_resolve(f);
	for (unsigned i = 0; i < 25; i++)
		fixture_input_spec(f, 0, &request);
	assert_int_equal(neigh_counters(f->neigh)->echo_replies_out, 10);
	fixture_expect_drops(f, DROP_icmp_rate_limited, 15);
	/* One more each tenth of a second. */
	for (unsigned i = 0; i < 20; i++) {
		f->now_us += 50 * MS;
		fixture_input_spec(f, 0, &request);
	}
	assert_int_equal(neigh_counters(f->neigh)->echo_replies_out, 20);
	/* A long silence saves up no more than a second's worth. */
	f->now_us += 100 * SECOND;
	for (unsigned i = 0; i < 25; i++)
		fixture_input_spec(f, 0, &request);
	assert_int_equal(neigh_counters(f->neigh)->echo_replies_out, 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo_to_us_is_answered),
		TEST(extension_headers_are_not_sent_back),
		TEST(options_are_not_sent_back),
		TEST(other_icmp_is_counted_and_dropped),
		TEST(other_protocols_are_unsupported),
		TEST(answers_are_rate_limited),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
