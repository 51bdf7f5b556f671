/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a frame: the parser on a buffer of exactly their size, then what the packet path
 * does with a valid packet (rewriting, ARP, NDP, echo). The first byte chooses the port's verdict
 * on checksums, the second lets time pass.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "neigh/neigh.h"
#include "packet/packet.h"
#include "support/frame.h"
#include "support/support.h"

#define INPUT_MIN 2
#define MTU       1500

#define FLAG_VOUCHED 0x01
#define FLAG_FIXED   0x02
#define FLAG_TRUNK   0x04

static const struct hash_key key = { .k0 = 1, .k1 = 2 };

static struct core core;
static struct neigh_net *net;
static struct neigh *neigh;
static uint64_t now_us = 1;

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

static void transmit(void *ctx, unsigned port, struct rte_mbuf *frame)
{
	(void)ctx;
	check(port == 0);
	rte_mbuf_sanity_check(frame, 1);
	check(frame->pkt_len >= 14 && frame->pkt_len <= MTU + 14);
	rte_pktmbuf_free(frame);
}

static void network_start(void)
{
	static const struct neigh_ops ops = { .transmit = transmit };
	struct ip_prefix addresses[2];
	struct config_port port = { .name = "p", .addresses = addresses, .address_count = 2 };
	struct config config = { .ports = &port, .port_count = 1 };
	struct neigh_port facts = { .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = MTU };

	check(support_eal_start(NULL) == 0);
	check(ip_prefix_parse("192.0.2.1/24", &addresses[0]) == 0);
	check(ip_prefix_parse("2001:db8::1/64", &addresses[1]) == 0);
	net = neigh_net_create(&config, &facts, NULL);
	neigh = neigh_create(
		&(struct neigh_params){
			.core = &core, .mbufs = support_mbufs(), .ops = &ops, .max_entries = 16 },
		now_us);
	check(net != NULL && neigh != NULL);
}

/* Makes a message right whose only fault was its ICMP checksum: the fuzzer rarely guesses it. */
static void icmp_sum_fix(uint8_t *frame, size_t len, const struct packet *p)
{
	uint32_t start = 0;
	uint16_t sum_be = 0;

	if (p->protocol != IPPROTO_ICMP && p->protocol != IPPROTO_ICMPV6)
		return;
	len -= p->l4_offset;
	if (p->protocol == IPPROTO_ICMPV6)
		start = (uint16_t)~frame_sum(
			frame + p->l3_offset + 8, 32, IPPROTO_ICMPV6 + (uint32_t)len);
	memcpy(frame + p->l4_offset + 2, &sum_be, 2);
	sum_be = rte_cpu_to_be_16(frame_sum(frame + p->l4_offset, len, start));
	memcpy(frame + p->l4_offset + 2, &sum_be, 2);
}

static struct rte_mbuf *frame_input(const uint8_t *frame, size_t len, uint8_t flags)
{
	struct rte_mbuf *m = frame_mbuf_exact(frame, len);

	if (flags & FLAG_VOUCHED)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}

/* One with options is read like any other. */
static bool is_read(enum drop_reason reason)
{
	return reason == DROP_NONE || reason == DROP_parse_ip_options;
}

/* What the parser says of a packet must lie inside of it. */
static void facts_check(struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);

	rte_mbuf_sanity_check(m, 1);
	check(p->l3_offset == 14 && p->l4_offset >= p->l3_offset);
	if (p->flags & PACKET_IS_ARP)
		return;
	check(p->payload_offset >= p->l4_offset);
	check((uint32_t)p->payload_offset + p->payload_len <= m->pkt_len);
	check(ip_is_v4(&p->src) == ip_is_v4(&p->dst));
	check(ip_is_v4(&p->src) == !(p->flags & PACKET_IS_V6));
	if (p->flags & PACKET_IS_FRAGMENT)
		check(p->flow_hash == packet_fragment_hash(p, key));
	else
		check(p->flow_hash == packet_flow_hash(p, key));
}

/* A packet that was valid is valid after rewriting, unless its life ends. */
static void rewrite_check(struct rte_mbuf *m, bool is_vouched)
{
	struct packet_tuple to = { .src_port_be = 7, .dst_port_be = 9 };
	bool is_v6 = (packet_of(m)->flags & PACKET_IS_V6) != 0;

	ip_parse(is_v6 ? "2001:db8::5" : "192.0.2.5", &to.src);
	ip_parse(is_v6 ? "2001:db8::6" : "192.0.2.6", &to.dst);
	to.protocol = packet_of(m)->protocol;
	if (to.protocol != IPPROTO_TCP && to.protocol != IPPROTO_UDP)
		return;
	if (packet_rewrite(m, &to) != DROP_NONE)
		return;
	/* The rest of a fragment's checksum is elsewhere. */
	check(is_vouched || is_read(packet_parse(m, 0, key)));
}

static void neigh_run(const uint8_t *frame, size_t len, uint8_t flags)
{
	struct rte_mbuf *m = support_mbuf(frame, len);
	struct rte_mbuf *sent;
	struct frame_spec spec = {
		.src = "192.0.2.1", .dst = "192.0.2.7", .protocol = IPPROTO_UDP, .is_bare = true
	};

	if (flags & FLAG_VOUCHED)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	check(is_read(packet_parse(m, 0, key)));
	neigh_input(neigh, net, m, now_us);
	sent = frame_mbuf(&spec);
	neigh_output(neigh, net, sent, now_us);
	neigh_tick(neigh, net, now_us);
}

/* A frame that is let through without its tag, and gets it back; returns its length. */
static size_t tag_remove(uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = support_mbuf(frame, len);
	uint16_t vlan;

	if (packet_untag(m, &vlan) == DROP_NONE) {
		check(!packet_has_tag(m) && vlan < 4096);
		check(m->pkt_len == len || m->pkt_len + 4 == len);
		if (m->pkt_len != len && vlan != 0) {
			check(packet_tag(m, vlan) && m->pkt_len == len);
			check(memcmp(rte_pktmbuf_mtod(m, void *), frame, 14) == 0);
			check(packet_untag(m, &vlan) == DROP_NONE);
		}
		len = m->pkt_len;
		memcpy(frame, rte_pktmbuf_mtod(m, void *), len);
	}
	rte_pktmbuf_free(m);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t frame[MTU + 14];
	size_t len = size - INPUT_MIN;
	struct rte_mbuf *m;
	enum drop_reason reason;

	if (size < INPUT_MIN || len > sizeof(frame))
		return 0;
	if (net == NULL)
		network_start();
	now_us += UINT64_C(1) << (data[1] & 31);
	memcpy(frame, data + INPUT_MIN, len);
	if (data[0] & FLAG_TRUNK)
		len = tag_remove(frame, len);
	m = frame_input(frame, len, data[0]);
	reason = packet_parse(m, 0, key);
	if (reason == DROP_parse_l4_checksum && (data[0] & FLAG_FIXED)) {
		icmp_sum_fix(frame, m->pkt_len, packet_of(m));
		rte_pktmbuf_free(m);
		m = frame_input(frame, len, data[0]);
		reason = packet_parse(m, 0, key);
	}
	check(reason < DROP_REASON_COUNT);
	if (is_read(reason)) {
		facts_check(m);
		neigh_run(frame, len, data[0]);
		rewrite_check(m, (data[0] & FLAG_VOUCHED) != 0);
	}
	rte_pktmbuf_free(m);
	return 0;
}
