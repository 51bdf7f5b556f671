/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through an L4 worker, by any way of forwarding, full NAT also with SYN cookies and with
 * members that are told of the client. Two bytes choose the way, then come frames: flags, two bytes
 * of length, and so many bytes. What comes out must be whole IP packets that fit the port, and,
 * when the checksums were right before, right after.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "harness.h"
#include "support/support.h"

#define FRAME_HEAD  3
#define FRAMES_MAX  64
#define FRAME_BYTES 1800
#define MTU         1500
#define GUE_PORT    6080
#define GUE_BYTES   4

#define FLAG_VOUCHED 0x01 /* the port vouches for the sums, whatever they are */
#define FLAG_LATER   0x02 /* time passes */

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

/* Options pass. */
static bool is_read(enum drop_reason reason)
{
	return reason == DROP_NONE || reason == DROP_parse_ip_options;
}

static void services_adjust(struct harness *h, const void *arg)
{
	const uint8_t *way = arg;

	h->config.maglev_size = 251;
	for (unsigned i = 0; i < HARNESS_SERVICES; i++) {
		struct config_service *service = &h->services[i];
		bool is_mixed = (way[1] >> (i < HARNESS_TCP6 ? 0 : 1) & 1) != 0;

		service->pool = (i < HARNESS_TCP6) == is_mixed ? HARNESS_POOL6 : HARNESS_POOL4;
		service->forward = way[0] % CONFIG_FORWARDS;
		service->is_stateless = service->forward >= CONFIG_FORWARD_DSR_L2 &&
			(way[1] & 0x04) != 0;
		service->oversize = (way[1] >> 3 & 3) % 3;
		service->gue_variant = way[1] >> 5 & 1;
		service->gue_port = GUE_PORT;
		if (service->forward != CONFIG_FORWARD_FULL_NAT || service->protocol != IPPROTO_TCP)
			continue;
		service->client_address = way[0] / CONFIG_FORWARDS % 4;
		service->syn_proxy.when = (way[1] >> 6 & 3) % 3;
		service->syn_proxy.syns_per_s = 2;
	}
}

/* Takes the tunnel off, so that the packet inside begins the mbuf. */
static void outer_remove(const struct config_service *service, struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	bool is_v4 = ip[0] >> 4 == 4;
	uint8_t protocol = is_v4 ? ip[9] : ip[6];
	uint16_t bytes = is_v4 ? 20 : 40;

	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return;
	if (service->forward == CONFIG_FORWARD_DSR_GUE) {
		const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + bytes);

		check(protocol == IPPROTO_UDP);
		check(udp->dst_port == rte_cpu_to_be_16(GUE_PORT));
		check((uint32_t)rte_be_to_cpu_16(udp->dgram_len) + bytes == m->pkt_len);
		check(is_v4 || rte_ipv6_udptcp_cksum_verify((struct rte_ipv6_hdr *)ip, udp) == 0);
		bytes = (uint16_t)(bytes + sizeof(*udp) +
			(service->gue_variant == 0 ? GUE_BYTES : 0));
	} else {
		check(protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6);
	}
	check(rte_pktmbuf_adj(m, bytes) != NULL);
}

static void ip_check(struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	const struct rte_ipv6_hdr *v6 = (const struct rte_ipv6_hdr *)v4;

	if (v4->version_ihl >> 4 == 4) {
		check(rte_be_to_cpu_16(v4->total_length) == m->pkt_len && v4->time_to_live > 0);
	} else {
		check(rte_be_to_cpu_32(v6->vtc_flow) >> 28 == 6 && v6->hop_limits > 0);
		check(rte_be_to_cpu_16(v6->payload_len) + sizeof(*v6) == m->pkt_len);
	}
}

static void sums_check(struct harness *h, struct rte_mbuf *m)
{
	bool is_v4 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 4;
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)rte_pktmbuf_prepend(
		m, sizeof(*ether));
	enum drop_reason reason;

	*ether = (struct rte_ether_hdr){
		.ether_type = rte_cpu_to_be_16(is_v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6),
	};
	m->ol_flags = 0;
	reason = packet_parse(m, 0, h->snapshot.key);
	check(is_read(reason) || reason == DROP_parse_fragment);
}

static void output_check(struct harness *h, struct rte_mbuf *m, bool is_vouched)
{
	const struct config_service *service = &h->services[0];
	bool has_hop = l4_next_hop(m) != NULL;

	rte_mbuf_sanity_check(m, 1);
	check(m->pkt_len <= MTU && rte_pktmbuf_linearize(m) == 0);
	check(!has_hop || service->forward == CONFIG_FORWARD_DSR_L2);
	ip_check(m);
	if (service->forward > CONFIG_FORWARD_DSR_L2) {
		outer_remove(service, m);
		ip_check(m);
	}
	if (!is_vouched)
		sums_check(h, m);
	rte_pktmbuf_free(m);
}

/* NULL: the parser has refused it. */
static struct rte_mbuf *frame_parse(
	struct harness *h, const uint8_t *frame, size_t len, bool is_vouched)
{
	struct rte_mbuf *m = support_mbuf(frame, len);
	enum drop_reason reason;

	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	reason = packet_parse(m, 0, h->snapshot.key);
	if (is_read(reason) && !is_vouched) {
		frame_sums_fill(rte_pktmbuf_mtod_offset(m, uint8_t *, packet_of(m)->l3_offset),
			m->pkt_len - packet_of(m)->l3_offset);
		m->ol_flags = 0;
		reason = packet_parse(m, 0, h->snapshot.key);
	}
	if (is_read(reason) &&
		(packet_of(m)->protocol == IPPROTO_TCP || packet_of(m)->protocol == IPPROTO_UDP))
		return m;
	rte_pktmbuf_free(m);
	return NULL;
}

/* Time passes, in which members are silent. */
static void later_run(struct harness *h)
{
	struct rte_mbuf *out[L4_OUT_MAX];
	uint16_t count;

	harness_pass(h, 8000);
	count = l4_advance(h->l4, &h->snapshot, out, h->now_us);
	for (uint16_t i = 0; i < count; i++)
		output_check(h, out[i], false);
	harness_pass(h, 12000);
}

static void frame_run(struct harness *h, const uint8_t *frame, size_t len, uint8_t flags)
{
	bool is_vouched = (flags & FLAG_VOUCHED) != 0;
	struct rte_mbuf *m = frame_parse(h, frame, len, is_vouched);
	struct rte_mbuf *out[L4_OUT_PER_PACKET];
	const struct service *service;
	uint16_t count;

	if (m == NULL)
		return;
	if (flags & FLAG_LATER)
		later_run(h);
	service = service_find(
		h->table, &packet_of(m)->dst, packet_of(m)->dst_port_be, packet_of(m)->protocol);
	count = l4_run(h->l4, &h->snapshot, &m, &service, 1, out, h->now_us);
	check(count <= L4_OUT_PER_PACKET);
	for (uint16_t i = 0; i < count; i++)
		output_check(h, out[i], is_vouched);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness h = { .max_connections = 4, .member_count = 2, .adjust = services_adjust };
	static bool is_started;
	size_t at = 2;

	if (size < 2)
		return 0;
	if (!is_started)
		check(support_eal_start(NULL) == 0);
	is_started = true;
	h.adjust_arg = data;
	/* Where the port is known, members answer. */
	if (data[1] >> 6 != 3) {
		h.member_count = 1;
		h.slice = (struct steer_slice){ 40000, 40000 };
	}
	harness_start(&h);
	for (unsigned i = 0; i < FRAMES_MAX && at + FRAME_HEAD <= size; i++) {
		size_t len = (size_t)data[at + 1] << 8 | data[at + 2];

		len = RTE_MIN(len, RTE_MIN(size - at - FRAME_HEAD, (size_t)FRAME_BYTES));
		frame_run(&h, data + at + FRAME_HEAD, len, data[at]);
		at += FRAME_HEAD + len;
	}
	harness_stop(&h);
	check(rte_mempool_in_use_count(support_mbufs()) == 0);
	return 0;
}
