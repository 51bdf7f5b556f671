/* SPDX-License-Identifier: Apache-2.0 */
/* What may not come, and why: sources, access lists, limits, shares of a ring. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "base/rng.h"
#include "harness.h"
#include "l4/flood.h"
#include "l4/guard.h"
#include "support/support.h"

#define SYN RTE_TCP_SYN_FLAG
#define ACK RTE_TCP_ACK_FLAG

static struct ip_prefix network(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void guard_start(struct harness *h, unsigned receivers)
{
	struct guard_params params = {
		.config = &h->config, .core_count = 1, .receivers = receivers, .seed = 5
	};
	struct err err = { .text = "" };

	h->snapshot.guard = guard_create(&params, &err);
	if (h->snapshot.guard == NULL)
		fail_msg("%s", err.text);
}

static void world_start(struct harness *h)
{
	harness_start(h);
	h->config.guard.sources = 64;
}

static void world_stop(struct harness *h)
{
	guard_destroy(h->snapshot.guard);
	harness_stop(h);
}

/* The verdict over one frame, which is thrown away. */
static enum drop_reason verdict(struct harness *h, const struct frame_spec *spec)
{
	struct rte_mbuf *m = frame_mbuf(spec);
	enum drop_reason reason;

	packet_parse_burst(&m, 1, 0, h->snapshot.key, &reason);
	assert_int_equal(reason, DROP_NONE);
	guard_run(&h->core, &h->snapshot, &m, &reason, 1, h->now_us);
	rte_pktmbuf_free(m);
	return reason;
}

static enum drop_reason tcp(struct harness *h, const char *src, uint8_t flags)
{
	bool is_v6 = strchr(src, ':') != NULL;

	return verdict(h,
		&(struct frame_spec){
			.src = src,
			.dst = is_v6 ? "2001:db8::100" : "192.0.2.100",
			.src_port = 4000,
			.dst_port = 80,
			.protocol = IPPROTO_TCP,
			.tcp_flags = flags,
		});
}

static enum drop_reason udp(struct harness *h, const char *src)
{
	return verdict(h,
		&(struct frame_spec){
			.src = src,
			.dst = "192.0.2.100",
			.src_port = 4000,
			.dst_port = 53,
			.protocol = IPPROTO_UDP,
		});
}

static enum drop_reason icmp(struct harness *h, uint8_t type, const char *src, const char *dst)
{
	bool is_v6 = strchr(src, ':') != NULL;
	const uint8_t message[32] = { type };

	return verdict(h,
		&(struct frame_spec){
			.src = src,
			.dst = dst,
			.protocol = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.payload = message,
			.payload_len = sizeof(message),
		});
}

static void sources_that_cannot_be_are_refused(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_NONE);
		assert_int_equal(tcp(&h, "192.0.2.2", SYN), DROP_source_ours);
		assert_int_equal(tcp(&h, "192.0.2.100", SYN), DROP_source_ours);
		assert_int_equal(tcp(&h, "240.0.0.1", SYN), DROP_source_martian);
		assert_int_equal(tcp(&h, "2001:db8::100", SYN), DROP_source_ours);
		assert_int_equal(tcp(&h, "::5", SYN), DROP_source_martian);
		assert_int_equal(tcp(&h, "64:ff9b::1", SYN), DROP_NONE);
		assert_int_equal(icmp(&h, 8, "192.0.2.100", "192.0.2.100"), DROP_source_ours);
		/* The same without and with a guard. */
		if (i == 0)
			guard_start(&h, 1);
	}
	world_stop(&h);
}

/* Of a frame with IPv4 options or extension headers, which are all in front of UDP. */
static enum drop_reason optioned(
	struct harness *h, const char *src, const uint8_t *options, const uint8_t *dst_mac)
{
	bool is_v6 = strchr(src, ':') != NULL;
	const struct frame_spec spec = {
		.src = src,
		.dst = is_v6 ? "2001:db8::100" : "192.0.2.100",
		.src_port = 4000,
		.dst_port = 53,
		.protocol = IPPROTO_UDP,
		.extensions = options,
		.extensions_len = 8,
		.extensions_next = IPPROTO_DSTOPTS,
		.dst_mac = dst_mac,
	};
	struct rte_mbuf *m = frame_mbuf(&spec);
	enum drop_reason reason;

	packet_parse_burst(&m, 1, 0, h->snapshot.key, &reason);
	guard_run(&h->core, &h->snapshot, &m, &reason, 1, h->now_us);
	rte_pktmbuf_free(m);
	return reason;
}

static void options_go_by_the_policy(void **state)
{
	static const uint8_t alert[8] = { 0x94, 4, 0, 0, 1, 1, 1, 0 };
	static const uint8_t route[8] = { 131, 7, 4, 198, 51, 100, 9, 0 };
	static const uint8_t pad[8] = { IPPROTO_UDP, 0, 1, 4 };
	static const uint8_t group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	enum drop_reason expected = DROP_parse_ip_options;
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	/* Without a guard, with one that drops them, and with one that lets them pass. */
	for (unsigned i = 0; i < 3; i++) {
		h.config.guard.ip_options = i == 2;
		if (i > 0) {
			guard_destroy(h.snapshot.guard);
			guard_start(&h, 1);
		}
		expected = i == 2 ? DROP_NONE : DROP_parse_ip_options;
		assert_int_equal(optioned(&h, "203.0.113.1", alert, NULL), expected);
		assert_int_equal(optioned(&h, "2001:db8:2::1", pad, NULL), expected);
		assert_int_equal(optioned(&h, "203.0.113.1", route, NULL), DROP_parse_source_route);
		assert_int_equal(optioned(&h, "203.0.113.1", alert, group), DROP_NONE);
		/* What passes is looked at like any other. */
		assert_int_equal(optioned(&h, "192.0.2.2", alert, NULL),
			i == 2 ? DROP_source_ours : DROP_parse_ip_options);
	}
	world_stop(&h);
}

static void sources_are_held_against_the_routes(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.config.route_count = 0;
	h.config.guard.source_check = CONFIG_SOURCE_CHECK_LOOSE;
	harness_reload(&h);
	guard_start(&h, 1);
	assert_int_equal(tcp(&h, "192.0.2.50", SYN), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_source_no_route);
	guard_destroy(h.snapshot.guard);
	h.config.guard.source_check = CONFIG_SOURCE_CHECK_STRICT;
	guard_start(&h, 1);
	assert_int_equal(tcp(&h, "192.0.2.50", SYN), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_source_no_route);
	world_stop(&h);
}

static void lists_decide_by_the_smaller_network(void **state)
{
	struct ip_prefix deny[] = { network("203.0.113.0/24"), network("198.51.100.0/25"),
		network("2001:db8:bad::/48") };
	struct ip_prefix allow[] = { network("203.0.113.64/26"), network("0.0.0.0/0") };
	struct ip_prefix closed[] = { network("203.0.113.70/32"), network("2001:db8:2::/64") };
	struct service_counters sum;
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.config.guard.acl = (struct config_acl){
		.deny = deny, .deny_count = 3, .allow = allow, .allow_count = 2
	};
	h.services[HARNESS_UDP4].acl = (struct config_acl){ .allow = closed, .allow_count = 2 };
	h.services[HARNESS_TCP6].acl = h.services[HARNESS_UDP4].acl;
	guard_start(&h, 1);
	assert_int_equal(tcp(&h, "203.0.113.63", SYN), DROP_acl_denied);
	assert_int_equal(tcp(&h, "203.0.113.64", ACK), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.128", SYN), DROP_acl_denied);
	assert_int_equal(tcp(&h, "198.51.100.127", SYN), DROP_acl_denied);
	assert_int_equal(tcp(&h, "198.51.100.128", SYN), DROP_NONE);
	/* Both lists must let it come. */
	assert_int_equal(udp(&h, "203.0.113.70"), DROP_NONE);
	assert_int_equal(udp(&h, "203.0.113.71"), DROP_acl_denied);
	assert_int_equal(udp(&h, "198.51.100.1"), DROP_acl_denied);
	/* The list of all allows IPv4 networks alone: that closes it for IPv6. */
	assert_int_equal(tcp(&h, "2001:db8:2::1", SYN), DROP_acl_denied);
	/* What is for no service is no affair of these lists. */
	assert_int_equal(icmp(&h, 8, "203.0.113.63", "192.0.2.100"), DROP_NONE);
	service_counters_sum(service_table_at(h.table, HARNESS_TCP4)->identity, &sum);
	assert_int_equal(sum.drops, 3);
	world_stop(&h);
}

/* A list as a person would read it: the longest of all networks that hold the address. */
static bool is_allowed(const struct config_acl *acl, const struct ip_addr *addr)
{
	bool allowed = acl->allow_count == 0;
	int best = -1;

	for (size_t i = 0; i < acl->allow_count + acl->deny_count; i++) {
		bool allows = i < acl->allow_count;
		const struct ip_prefix *item = allows ? &acl->allow[i]
						      : &acl->deny[i - acl->allow_count];

		if (ip_prefix_contains(item, addr) && item->prefix_len > best) {
			best = item->prefix_len;
			allowed = allows;
		}
	}
	return allowed;
}

static struct ip_prefix random_network(struct rng *rng, bool is_v6)
{
	struct ip_prefix prefix;
	char text[64];

	if (is_v6)
		snprintf(text, sizeof(text), "2001:db8:%x:%x::/64", (unsigned)rng_below(rng, 65536),
			(unsigned)rng_below(rng, 65536));
	else
		snprintf(text, sizeof(text), "203.%u.%u.%u/32", rng_below(rng, 4),
			rng_below(rng, 256), rng_below(rng, 256));
	prefix = network(text);
	prefix.prefix_len = (uint8_t)(is_v6 ? 34 + rng_below(rng, 31) : 14 + rng_below(rng, 19));
	for (unsigned bit = prefix.prefix_len + (is_v6 ? 0u : 96u); bit < 128; bit++)
		prefix.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return prefix;
}

#define NETWORKS 5000 /* of each list and family, about */

/* Ten thousand networks in each family, against the slow reading. */
static void large_lists_are_right(void **state)
{
	struct ip_prefix *lists = calloc(8 * NETWORKS, sizeof(*lists));
	struct config_acl acl = { .allow = lists, .deny = lists + 4 * NETWORKS };
	struct rng rng = { .state = 3 };
	struct harness h = { 0 };
	struct guard_view view;
	unsigned denied = 0;

	(void)state;
	assert_non_null(lists);
	world_start(&h);
	for (unsigned i = 0; i < 4 * NETWORKS; i++) {
		struct ip_prefix item = random_network(&rng, i % 2 == 1);
		struct hash_key length = { .k0 = item.prefix_len };

		/* A network that comes twice comes to the same list. */
		if ((hash_bytes(length, &item.addr, sizeof(item.addr)) & 1) != 0)
			acl.allow[acl.allow_count++] = item;
		else
			acl.deny[acl.deny_count++] = item;
	}
	h.services[HARNESS_TCP4].acl = acl;
	h.services[HARNESS_TCP6].acl = acl;
	guard_start(&h, 1);
	for (unsigned i = 0; i < 3000; i++) {
		bool is_v6 = i % 2 == 1;
		struct packet p = { .src = random_network(&rng, is_v6).addr };
		const struct service *service = service_table_at(
			h.table, is_v6 ? HARNESS_TCP6 : HARNESS_TCP4);
		enum drop_reason expected = is_allowed(&acl, &p.src) ? DROP_NONE : DROP_acl_denied;

		assert_int_equal(guard_explain(&h.snapshot, &p, service, &view), expected);
		denied += expected != DROP_NONE;
	}
	assert_in_range(denied, 300, 2700);
	world_stop(&h);
	free(lists);
}

static void the_view_names_the_network(void **state)
{
	struct ip_prefix deny[] = { network("203.0.113.0/24") };
	struct packet p = { .src = network("203.0.113.9").addr };
	struct harness h = { 0 };
	struct guard_view view;

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].acl = (struct config_acl){ .deny = deny, .deny_count = 1 };
	guard_start(&h, 1);
	assert_int_equal(
		guard_explain(&h.snapshot, &p, service_table_at(h.table, HARNESS_TCP4), &view),
		DROP_acl_denied);
	assert_true(view.has_list && view.has_network && !view.is_allowed);
	assert_int_equal(view.network.prefix_len, 24);
	p.src = network("203.0.114.9").addr;
	assert_int_equal(
		guard_explain(&h.snapshot, &p, service_table_at(h.table, HARNESS_TCP4), &view),
		DROP_NONE);
	assert_true(view.has_list && !view.has_network && view.is_allowed);
	assert_int_equal(
		guard_explain(&h.snapshot, &p, service_table_at(h.table, HARNESS_UDP4), &view),
		DROP_NONE);
	assert_false(view.has_list);
	world_stop(&h);
}

/* Sends until one is refused for this reason; returns how many came through. */
static unsigned tcp_until(
	struct harness *h, const char *src, uint8_t flags, enum drop_reason expected)
{
	unsigned passed = 0;
	enum drop_reason reason;

	while ((reason = tcp(h, src, flags)) == DROP_NONE && passed < 10000)
		passed++;
	assert_int_equal(reason, expected);
	return passed;
}

static void a_service_takes_no_more_than_its_rate(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].limits = (struct config_limits){
		.packets_per_s = 100, .connections_per_s = 10, .burst_ms = 1000
	};
	guard_start(&h, 1);
	assert_int_equal(tcp_until(&h, "203.0.113.1", SYN, DROP_limit_connections), 10);
	/* The one that was refused as a connection has been a packet. */
	assert_int_equal(tcp_until(&h, "203.0.113.2", ACK, DROP_limit_packets), 89);
	assert_int_equal(udp(&h, "203.0.113.1"), DROP_NONE);
	h.now_us += 100000;
	assert_int_equal(tcp_until(&h, "203.0.113.1", ACK, DROP_limit_packets), 10);
	h.now_us += 100000;
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_limit_connections);
	/* However long it was quiet, no more than the burst. */
	h.now_us += 3600ull * 1000000;
	assert_int_equal(tcp_until(&h, "203.0.113.1", SYN, DROP_limit_connections), 10);
	world_stop(&h);
}

static void each_receiver_grants_its_share(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].limits = (struct config_limits){ .packets_per_s = 100,
		.burst_ms = 500 };
	guard_start(&h, 4);
	assert_int_equal(tcp_until(&h, "203.0.113.1", ACK, DROP_limit_packets), 12);
	h.now_us += 1000000;
	assert_int_equal(tcp_until(&h, "203.0.113.1", ACK, DROP_limit_packets), 12);
	world_stop(&h);
}

static void a_client_takes_nothing_from_the_others(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].limits = (struct config_limits){ .packets_per_s = 1000,
		.source_packets_per_s = 20,
		.source_connections_per_s = 5,
		.burst_ms = 1000 };
	h.services[HARNESS_TCP6].limits = h.services[HARNESS_TCP4].limits;
	guard_start(&h, 1);
	assert_int_equal(tcp_until(&h, "203.0.113.1", SYN, DROP_limit_source_connections), 5);
	assert_int_equal(tcp_until(&h, "203.0.113.1", ACK, DROP_limit_source_packets), 14);
	assert_int_equal(tcp_until(&h, "203.0.113.2", ACK, DROP_limit_source_packets), 20);
	/* An IPv6 host has a /64 to choose from. */
	assert_int_equal(tcp_until(&h, "2001:db8:7::1", ACK, DROP_limit_source_packets), 20);
	assert_int_equal(tcp(&h, "2001:db8:7::2", ACK), DROP_limit_source_packets);
	assert_int_equal(tcp(&h, "2001:db8:7:1::2", ACK), DROP_NONE);
	h.now_us += 50000;
	assert_int_equal(tcp(&h, "203.0.113.1", ACK), DROP_NONE);
	assert_int_equal(tcp(&h, "203.0.113.1", ACK), DROP_limit_source_packets);
	world_stop(&h);
}

/* More clients than places: who is active keeps its place, and memory is what it was. */
static void clients_are_forgotten_when_places_run_out(void **state)
{
	struct harness h = { 0 };
	unsigned refused = 0;
	char src[32];

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].limits = (struct config_limits){ .source_packets_per_s = 1,
		.burst_ms = 1000 };
	guard_start(&h, 1);
	assert_int_equal(tcp(&h, "203.0.113.1", ACK), DROP_NONE);
	for (unsigned i = 0; i < 2000; i++) {
		h.now_us += 10;
		snprintf(src, sizeof(src), "198.18.%u.%u", i / 250, i % 250 + 1);
		assert_int_equal(tcp(&h, src, ACK), DROP_NONE);
		if (i % 2 == 0)
			refused += tcp(&h, "203.0.113.1", ACK) == DROP_limit_source_packets;
	}
	assert_true(refused > 900);
	assert_in_range(h.core.counters.limit_sources_evicted, 2000 - 64, 2100);
	world_stop(&h);
}

static void icmp_is_limited_and_discovery_is_not(void **state)
{
	struct harness h = { 0 };

	(void)state;
	world_start(&h);
	h.config.guard.icmp_per_s = 3;
	guard_start(&h, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(icmp(&h, 8, "203.0.113.1", "192.0.2.100"), DROP_NONE);
	assert_int_equal(icmp(&h, 3, "203.0.113.1", "192.0.2.100"), DROP_limit_icmp);
	assert_int_equal(icmp(&h, 128, "2001:db8:2::1", "2001:db8::100"), DROP_limit_icmp);
	assert_int_equal(tcp(&h, "203.0.113.1", SYN), DROP_NONE);
	h.now_us += 334000;
	assert_int_equal(icmp(&h, 8, "203.0.113.1", "192.0.2.100"), DROP_NONE);
	assert_int_equal(icmp(&h, 8, "203.0.113.1", "192.0.2.100"), DROP_limit_icmp);
	world_stop(&h);
}

/* A packet that has a reason already keeps it, and is taken for nothing. */
static void what_is_dropped_already_is_passed_over(void **state)
{
	struct harness h = { 0 };
	struct rte_mbuf *pkts[2];
	enum drop_reason reasons[2];

	(void)state;
	world_start(&h);
	h.services[HARNESS_TCP4].limits = (struct config_limits){ .packets_per_s = 1,
		.burst_ms = 1000 };
	guard_start(&h, 1);
	for (unsigned i = 0; i < 2; i++)
		pkts[i] = frame_mbuf(&(struct frame_spec){ .src = "203.0.113.1",
			.dst = "192.0.2.100",
			.src_port = 1,
			.dst_port = 80,
			.protocol = IPPROTO_TCP });
	packet_parse_burst(pkts, 2, 0, h.snapshot.key, reasons);
	reasons[0] = DROP_parse_l4_checksum;
	guard_run(&h.core, &h.snapshot, pkts, reasons, 2, h.now_us);
	assert_int_equal(reasons[0], DROP_parse_l4_checksum);
	assert_int_equal(reasons[1], DROP_NONE);
	rte_pktmbuf_free(pkts[0]);
	rte_pktmbuf_free(pkts[1]);
	world_stop(&h);
}

/* A ring of 1024 slots that nobody empties, then one that somebody does. */
static void one_flow_cannot_fill_a_ring(void **state)
{
	struct flood_gate gate = { 0 };
	unsigned used = 0;

	(void)state;
	while (flood_admit(&gate, 7, used, 1024))
		used++;
	assert_int_equal(used, 512);
	/* The others still find room. */
	for (unsigned flow = 100; flow < 500; flow++)
		assert_true(flood_admit(&gate, flow, used++, 1024));
	assert_false(flood_admit(&gate, 7, used, 1024));
	/* Not crowded any more: everything goes. */
	for (unsigned i = 0; i < 5000; i++)
		assert_true(flood_admit(&gate, 7, 511, 1024));
}

static void a_flow_in_a_crowd_gets_its_share(void **state)
{
	struct flood_gate gate = { 0 };
	unsigned passed[2] = { 0, 0 };

	(void)state;
	/* Nine of ten packets are of one flow, the ring stays crowded. */
	for (unsigned i = 0; i < 102400; i++) {
		bool is_flood = i % 10 != 0;

		passed[!is_flood] += flood_admit(&gate, is_flood ? 7 : 8 + i % 900, 900, 1024);
	}
	assert_int_equal(passed[1], 10240);
	assert_in_range(passed[0], 1000, 2000);
}

#define CASE(name) cmocka_unit_test_teardown(name, support_mbufs_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sources_that_cannot_be_are_refused),
		CASE(options_go_by_the_policy),
		CASE(sources_are_held_against_the_routes),
		CASE(lists_decide_by_the_smaller_network),
		CASE(large_lists_are_right),
		CASE(the_view_names_the_network),
		CASE(a_service_takes_no_more_than_its_rate),
		CASE(each_receiver_grants_its_share),
		CASE(a_client_takes_nothing_from_the_others),
		CASE(clients_are_forgotten_when_places_run_out),
		CASE(icmp_is_limited_and_discovery_is_not),
		CASE(what_is_dropped_already_is_passed_over),
		CASE(one_flow_cannot_fill_a_ring),
		CASE(a_flow_in_a_crowd_gets_its_share),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
