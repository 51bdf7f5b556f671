/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_FLOW_PATH_H
#define FUZZ_FLOW_PATH_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "path.h"
#include "support/support.h"

/*
 * What the targets of the L4 packet path have in common: a worker with a flow of each kind, on
 * which frames are tried whose outer lengths and checksums are right, since the parser has a target
 * of its own.
 */
#define FLOW_PATH_ETHER     14
#define FLOW_PATH_FRAME_MAX 1514

static inline void flow_path_check(bool is_true)
{
	if (!is_true)
		abort();
}

/* Options pass; arg not NULL: IPv6 clients have IPv4 members. */
static inline void flow_path_adjust(struct harness *h, const void *arg)
{
	h->config.guard.ip_options = CONFIG_IP_OPTIONS_PASS;
	if (arg == NULL)
		return;
	h->services[HARNESS_TCP6].pool = HARNESS_POOL4;
	h->services[HARNESS_UDP6].pool = HARNESS_POOL4;
}

static inline void flow_path_start(struct harness *h)
{
	static bool has_eal;

	if (!has_eal)
		flow_path_check(support_eal_start(NULL) == 0);
	has_eal = true;
	harness_start(h);
}

/* Starts it on first use: TCP and UDP flows of both families. */
static inline struct harness *flow_path_get(void)
{
	static struct harness h = {
		.member_count = 1, .slice = { 40000, 40000 }, .adjust = flow_path_adjust
	};
	static bool is_started;

	if (is_started)
		return &h;
	flow_path_start(&h);
	for (unsigned service = 0; service < HARNESS_PLAIN_SERVICES; service++) {
		struct flow flow = flow_make(service, 0);

		flow_establish(&h, &flow);
	}
	is_started = true;
	return &h;
}

/* The same with flows of IPv6 clients to IPv4 members. */
static inline struct harness *flow_path_mixed_get(void)
{
	static struct harness h = {
		.member_count = 1,
		.slice = { 40000, 40000 },
		.adjust = flow_path_adjust,
		.adjust_arg = "mixed",
	};
	static bool is_started;

	if (is_started)
		return &h;
	flow_path_start(&h);
	for (unsigned service = HARNESS_TCP6; service <= HARNESS_UDP6; service++) {
		struct flow flow = flow_make(service, 0);

		flow_establish(&h, &flow);
	}
	is_started = true;
	return &h;
}

static inline void flow_path_splice(struct harness *h, const void *arg)
{
	flow_path_adjust(h, arg);
	h->services[HARNESS_TCP4].syn_proxy.when = CONFIG_SYN_PROXY_ALWAYS;
	h->services[HARNESS_TCP6].syn_proxy.when = CONFIG_SYN_PROXY_ALWAYS;
	h->services[HARNESS_TCP6].client_address = CONFIG_CLIENT_ADDRESS_PROXY_V1;
}

/* A TCP segment; returns the sequence number of the first that comes out. */
static inline uint32_t flow_path_segment(struct harness *h, struct frame_spec spec)
{
	struct path_outcome outcome;
	uint32_t seq_be;

	spec.protocol = IPPROTO_TCP;
	outcome = path_run(h, frame_mbuf(&spec));
	flow_path_check(outcome.count > 0);
	memcpy(&seq_be,
		rte_pktmbuf_mtod_offset(outcome.pkts[0], uint8_t *,
			packet_of(outcome.pkts[0])->l4_offset +
				offsetof(struct rte_tcp_hdr, sent_seq)),
		sizeof(seq_be));
	path_free(&outcome);
	return rte_be_to_cpu_32(seq_be);
}

/* SYN, cookie, ACK, and the member's SYN|ACK. */
static inline void flow_path_prove(struct harness *h, bool is_v6)
{
	struct frame_spec spec = { .src = is_v6 ? "2001:db8:2::1" : "203.0.113.1",
		.dst = is_v6 ? "2001:db8::100" : "192.0.2.100",
		.src_port = 10000,
		.dst_port = 80,
		.tcp_flags = RTE_TCP_SYN_FLAG,
		.seq = 1000 };
	uint32_t cookie = flow_path_segment(h, spec);

	spec.tcp_flags = RTE_TCP_ACK_FLAG;
	spec.seq = 1001;
	spec.ack = cookie + 1;
	spec.seq = flow_path_segment(h, spec);
	flow_path_segment(h,
		(struct frame_spec){ .src = "198.51.100.1",
			.dst = "192.0.2.2",
			.src_port = 8080,
			.dst_port = 40000,
			.tcp_flags = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
			.seq = 5000,
			.ack = spec.seq + 1 });
}

/* A flow behind a SYN proxy: of an IPv4 client, or of an IPv6 client by PROXY protocol. */
static inline struct harness *flow_path_spliced_get(bool is_v6)
{
	static struct harness harnesses[2];
	struct harness *h = &harnesses[is_v6];

	if (h->member_count > 0)
		return h;
	*h = (struct harness){ .member_count = 1,
		.slice = { 40000, 40000 },
		.adjust = flow_path_splice,
		.adjust_arg = "mixed" };
	flow_path_start(h);
	flow_path_prove(h, is_v6);
	return h;
}

/* Whatever comes out is a packet, and what does not is counted. */
static inline void flow_path_run(struct harness *h, const uint8_t *frame, size_t len)
{
	struct path_outcome outcome = path_run(h, frame_mbuf_exact(frame, len));

	for (uint16_t i = 0; i < outcome.count; i++) {
		rte_mbuf_sanity_check(outcome.pkts[i], 1);
		flow_path_check(rte_pktmbuf_pkt_len(outcome.pkts[i]) + FLOW_PATH_ETHER <=
			FLOW_PATH_FRAME_MAX);
	}
	path_free(&outcome);
}

#endif
