/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_FLOW_PATH_H
#define FUZZ_FLOW_PATH_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
	static struct harness h = { .member_count = 1, .slice = { 40000, 40000 } };
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

static inline void flow_path_mix(struct harness *h, const void *arg)
{
	(void)arg;
	h->services[HARNESS_TCP6].pool = HARNESS_POOL4;
	h->services[HARNESS_UDP6].pool = HARNESS_POOL4;
}

/* The same with flows of IPv6 clients to IPv4 members. */
static inline struct harness *flow_path_mixed_get(void)
{
	static struct harness h = {
		.member_count = 1, .slice = { 40000, 40000 }, .adjust = flow_path_mix
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
