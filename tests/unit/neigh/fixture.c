/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <netinet/in.h>
#include <string.h>

#include "packet/packet.h"

#define START_US (5 * SECOND)
#define STEP_US  (100 * MS)

#define V4(a, b, c, d)                                                                             \
	{                                                                                          \
		.bytes = { [10] = 0xff, 0xff, (a), (b), (c), (d) }                                 \
	}
#define DOC6(g, h)                                                                                 \
	{                                                                                          \
		.bytes = { 0x20, 0x01, 0x0d, 0xb8, 0, (g), [15] = (h) }                            \
	}

const uint8_t fixture_macs[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
const uint8_t fixture_peer_mac[6] = { 2, 0, 0, 0, 0, 0xaa };
const uint8_t fixture_other_mac[6] = { 2, 0, 0, 0, 0, 0xbb };
const uint8_t fixture_static_mac[6] = { 2, 0, 0, 0, 0, 0x77 };

static const struct hash_key key = { .k0 = 11, .k1 = 13 };

static struct ip_prefix wan[] = { { V4(192, 0, 2, 1), 24 }, { DOC6(0, 1), 64 } };
static struct ip_prefix lan[] = { { V4(198, 51, 100, 1), 24 }, { DOC6(1, 1), 64 } };
static struct config_port ports[] = {
	{ .name = "wan", .addresses = wan, .address_count = 2, .mtu = 1500 },
	{ .name = "lan", .addresses = lan, .address_count = 2, .mtu = 1400 },
};
static struct config_route routes[] = {
	{ .to = { V4(0, 0, 0, 0), 0 }, .via = V4(192, 0, 2, 254), .port = 0 },
	{ .to = { { .bytes = { 0 } }, 0 }, .via = DOC6(0, 0xfe), .port = 0 },
	{ .to = { V4(203, 0, 113, 0), 24 }, .via = V4(198, 51, 100, 254), .port = 1 },
};
static struct config_neighbor neighbors[] = {
	{ .address = V4(198, 51, 100, 77), .mac = { 2, 0, 0, 0, 0, 0x77 }, .port = 1 },
};
static struct config_service services[] = {
	{ .name = "web", .address = V4(192, 0, 2, 100), .port = 80, .protocol = IPPROTO_TCP },
	{ .name = "web-tls", .address = V4(192, 0, 2, 100), .port = 443, .protocol = IPPROTO_TCP },
	{ .name = "web6", .address = DOC6(0, 0x64), .port = 80, .protocol = IPPROTO_TCP },
	{ .name = "routed", .address = V4(198, 18, 0, 9), .port = 80, .protocol = IPPROTO_TCP },
};
static const struct config config = {
	.ports = ports,
	.port_count = 2,
	.routes = routes,
	.route_count = 3,
	.neighbors = neighbors,
	.neighbor_count = 1,
	.services = services,
	.service_count = 4,
};

const struct config *fixture_config(void)
{
	return &config;
}

static void transmit(void *ctx, unsigned port, struct rte_mbuf *frame)
{
	struct fixture *f = ctx;

	assert_true(f->sent_count < SENT_MAX);
	f->sent_port[f->sent_count] = port;
	f->sent[f->sent_count++] = frame;
}

static void share(void *ctx, unsigned port, const struct ip_addr *addr, const uint8_t mac[6])
{
	struct fixture *f = ctx;

	f->share_count++;
	f->share_port = port;
	f->share_addr = *addr;
	memcpy(f->share_mac, mac, sizeof(f->share_mac));
}

void fixture_restart(struct fixture *f, const struct neigh_params *params)
{
	static const struct neigh_ops ops = { .transmit = transmit, .share = share };
	struct neigh_params all = *params;

	neigh_destroy(f->neigh);
	all.core = &f->core;
	all.mbufs = support_mbufs();
	all.ops = &ops;
	all.ctx = f;
	f->neigh = neigh_create(&all, f->now_us);
	assert_non_null(f->neigh);
	neigh_apply(f->neigh, f->net, false, f->now_us);
}

int fixture_setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct neigh_port facts[2] = { { .mtu = 1500 }, { .mtu = 1400 } };
	struct err err;

	memset(f, 0, sizeof(*f));
	memcpy(facts[0].mac, fixture_macs[0], 6);
	memcpy(facts[1].mac, fixture_macs[1], 6);
	f->now_us = START_US;
	f->net = neigh_net_create(&config, facts, &err);
	if (f->net == NULL)
		return -1;
	fixture_restart(f, &(struct neigh_params){ 0 });
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	neigh_destroy(f->neigh);
	neigh_net_destroy(f->net);
	for (unsigned i = 0; i < f->sent_count; i++) {
		rte_mbuf_sanity_check(f->sent[i], 1);
		rte_pktmbuf_free(f->sent[i]);
	}
	return support_mbufs_check(NULL);
}

static uint64_t drops_count(const struct fixture *f)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		sum += f->core.drops.counts[i];
	return sum;
}

/* A packet that goes in comes out once, or is counted once. */
void fixture_input(struct fixture *f, unsigned port, const void *frame, size_t len)
{
	struct rte_mbuf *m = support_mbuf(frame, len);
	uint64_t drops = drops_count(f);
	unsigned sent = f->sent_count;
	enum drop_reason reason;
	bool is_out = false;

	reason = packet_parse(m, port, key);
	assert_true(reason == DROP_NONE || reason == DROP_parse_ip_options);
	neigh_input(f->neigh, f->net, m, f->now_us);
	for (; sent < f->sent_count; sent++)
		is_out = is_out || f->sent[sent] == m;
	if (is_out)
		assert_int_equal(drops_count(f), drops);
	else
		assert_in_range(drops_count(f), drops, drops + 1);
}

void fixture_input_spec(struct fixture *f, unsigned port, const struct frame_spec *spec)
{
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(spec, frame, sizeof(frame));

	fixture_input(f, port, frame, len);
}

void fixture_output(struct fixture *f, const char *dst, uint8_t mark)
{
	struct frame_spec spec = { .src = strchr(dst, ':') ? "2001:db8::1" : "192.0.2.1",
		.dst = dst,
		.protocol = IPPROTO_UDP,
		.src_port = 1,
		.dst_port = 2,
		.payload = &mark,
		.payload_len = 1,
		.is_bare = true };

	neigh_output(f->neigh, f->net, frame_mbuf(&spec), f->now_us);
}

void fixture_wait(struct fixture *f, uint64_t us)
{
	uint64_t end = f->now_us + us;

	while (f->now_us < end) {
		f->now_us = RTE_MIN(f->now_us + STEP_US, end);
		neigh_tick(f->neigh, f->net, f->now_us);
	}
}

size_t fixture_take(struct fixture *f, unsigned port, uint8_t *out)
{
	struct rte_mbuf *m;
	const void *bytes;

	if (f->taken == f->sent_count)
		fail_msg("no frame was sent");
	m = f->sent[f->taken];
	assert_int_equal(f->sent_port[f->taken], port);
	f->taken++;
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, out);
	if (bytes != out)
		memcpy(out, bytes, m->pkt_len);
	return m->pkt_len;
}

void fixture_expect(struct fixture *f, unsigned port, const void *frame, size_t len)
{
	uint8_t sent[FRAME_MAX];

	assert_int_equal(fixture_take(f, port, sent), len);
	assert_memory_equal(sent, frame, len);
}

void fixture_expect_none(struct fixture *f)
{
	assert_int_equal(f->taken, f->sent_count);
}

void fixture_expect_packet(struct fixture *f, unsigned port, const uint8_t mac[6], uint8_t mark)
{
	uint8_t sent[FRAME_MAX];
	size_t len = fixture_take(f, port, sent);

	assert_memory_equal(sent, mac, 6);
	assert_memory_equal(sent + 6, fixture_macs[port], 6);
	assert_int_equal(sent[12], sent[14] >> 4 == 4 ? 0x08 : 0x86);
	assert_int_equal(sent[13], sent[14] >> 4 == 4 ? 0x00 : 0xdd);
	assert_true(frame_sums_ok(sent + 14, len - 14));
	assert_int_equal(sent[len - 1], mark);
}

void fixture_expect_request(
	struct fixture *f, unsigned port, const uint8_t *mac, const char *from, const char *addr)
{
	struct frame_arp arp = { .op = 1,
		.eth_dst = mac,
		.sender_mac = fixture_macs[port],
		.sender = from,
		.target = addr };
	uint8_t frame[64];

	fixture_expect(f, port, frame, frame_arp_build(&arp, frame, sizeof(frame)));
}

void fixture_arp(struct fixture *f, unsigned port, const struct frame_arp *arp)
{
	uint8_t frame[64];

	fixture_input(f, port, frame, frame_arp_build(arp, frame, sizeof(frame)));
}

void fixture_arp_reply(
	struct fixture *f, unsigned port, const uint8_t mac[6], const char *from, const char *to)
{
	fixture_arp(f, port,
		&(struct frame_arp){ .op = 2,
			.eth_dst = fixture_macs[port],
			.sender_mac = mac,
			.sender = from,
			.target_mac = fixture_macs[port],
			.target = to });
}

int fixture_state(struct fixture *f, unsigned port, const char *addr)
{
	static struct neigh_row rows[8192];
	unsigned count = neigh_dump(f->neigh, rows, RTE_DIM(rows), f->now_us);
	struct ip_addr wanted;

	assert_int_equal(ip_parse(addr, &wanted), 0);
	for (unsigned i = 0; i < count; i++) {
		if (rows[i].port == port && ip_equal(&rows[i].addr, &wanted))
			return rows[i].state;
	}
	return -1;
}

void fixture_expect_drops(struct fixture *f, enum drop_reason reason, uint64_t count)
{
	if (f->core.drops.counts[reason] != count)
		fail_msg("%s: %lu instead of %lu", drop_stats_set.descs[reason].name,
			f->core.drops.counts[reason], count);
}
