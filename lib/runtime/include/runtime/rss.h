/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RSS_H
#define RUNTIME_RSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

#define RSS_KEY_MIN   40 /* for the addresses and ports of IPv6 */
#define RSS_KEY_MAX   64
#define RSS_RETA_MAX  512
#define RSS_NO_QUEUE  UINT16_MAX
#define RSS_PORT_HALF 256

/* Flows whose ports the device takes into its hash. */
enum rss_kind {
	RSS_TCP4 = 1 << 0,
	RSS_UDP4 = 1 << 1,
	RSS_TCP6 = 1 << 2,
	RSS_UDP6 = 1 << 3,
};

/*
 * Receive side scaling as one port's device does it: the Toeplitz hash of addresses and ports picks
 * a row of the redirection table, which names the queue. Told by lib/port at start, then read by
 * all workers.
 */
struct rss {
	unsigned kinds;      /* enum rss_kind; 0: nothing is known of the device */
	uint16_t reta_count; /* a power of two */
	uint16_t reta[RSS_RETA_MAX];
	_Alignas(uint32_t) uint8_t key[RSS_KEY_MAX]; /* DPDK reads it by words */
	/* What each byte of the destination port adds to the hash, [is IPv6][high, low]. */
	uint32_t port_parts[2][2][RSS_PORT_HALF];
};

/*
 * kinds 0, or a key or table that no device can have: rss_begin() will know of no flow. key has
 * key_len bytes, reta reta_count queues. Control thread.
 */
void rss_init(struct rss *rss, unsigned kinds, const uint8_t *key, size_t key_len,
	const uint16_t *reta, size_t reta_count);

/* The flow that a packet will belong to, as it will come in, but for its destination port. */
struct rss_flow {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port_be;
	uint8_t protocol; /* IPPROTO_x */
};

/* A flow's hash so far. */
struct rss_search {
	const struct rss *rss; /* NULL: its queue does not follow from the port */
	uint32_t hash;
	bool is_v6;
};

/* Any worker. rss may be NULL. */
struct rss_search rss_begin(const struct rss *rss, const struct rss_flow *flow);

/* The queue by which a packet of that flow to this port (host order) comes in, or RSS_NO_QUEUE. */
static inline uint16_t rss_queue(const struct rss_search *search, uint16_t dst_port)
{
	const struct rss *rss = search->rss;
	uint32_t hash;

	if (rss == NULL)
		return RSS_NO_QUEUE;
	hash = search->hash ^ rss->port_parts[search->is_v6][0][dst_port >> 8] ^
		rss->port_parts[search->is_v6][1][dst_port & 0xff];
	return rss->reta[hash & (rss->reta_count - 1u)];
}

#endif
