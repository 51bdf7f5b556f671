/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_NEIGH_H
#define NEIGH_NEIGH_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "neigh/net.h"
#include "runtime/core.h"

/*
 * ARP (RFC 826, 5227), neighbor discovery (RFC 4861) and echo (RFC 792, 4443) of one L4 worker.
 * Each worker has a table of its own; what one learns it tells the others by 'share', so nothing is
 * locked. An entry is INCOMPLETE, REACHABLE, STALE or PROBE as in RFC 4861 7.3.2, for IPv4 too.
 */
struct neigh;

struct neigh_ops {
	/* A whole frame for a port. Takes ownership. */
	void (*transmit)(void *ctx, unsigned port, struct rte_mbuf *frame);
	/* Tells the other L4 workers what was learned (they call neigh_learn). May be NULL. */
	void (*share)(void *ctx, unsigned port, const struct ip_addr *addr, const uint8_t mac[6]);
};

struct neigh_params {
	struct core *core;         /* borrowed */
	struct rte_mempool *mbufs; /* borrowed; for requests and answers */
	const struct neigh_ops *ops;
	void *ctx;
	unsigned max_entries;     /* default 4096 */
	unsigned queue_max;       /* packets that wait for one neighbor, default 8 */
	unsigned reachable_ms;    /* default 30000 */
	unsigned icmp_per_second; /* answers to echo, default 1000 */
};

struct neigh_counters {
#define COUNTER(name, help) uint64_t name;
#include "neigh/neigh.def"
#undef COUNTER
};
extern const struct stats_set neigh_stats_set;

struct neigh *neigh_create(const struct neigh_params *params, uint64_t now_us);
void neigh_destroy(struct neigh *neigh);
const struct neigh_counters *neigh_counters(const struct neigh *neigh);

/*
 * ARP, NDP and everything else that is addressed to us or to a VIP and is neither TCP nor UDP.
 * Parsed, with its Ethernet header, whose destination is the port or a group; takes ownership of m.
 * Answers go out by ops->transmit.
 */
void neigh_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us);

/*
 * Sends an IP packet that starts at its IP header: route, next hop, Ethernet header, transmit.
 * Waits in a short queue while the next hop is unknown. Takes ownership; drops are counted.
 */
void neigh_output(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us);

/* The same to a next hop that the caller chose, whatever the packet's destination is. */
void neigh_output_via(struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m,
	const struct ip_addr *hop, uint64_t now_us);

/*
 * Learned elsewhere: by another worker, or from the configuration (is_static: never aged, and taken
 * as it is). Another MAC than the known one is used, but probed at the next packet. Ours, and what
 * is not on the port's link, is ignored.
 */
void neigh_learn(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct ip_addr *addr, const uint8_t mac[6], bool is_static, uint64_t now_us);

/*
 * Adopts a new snapshot's network: forgets entries that are no longer on link, sets static ones,
 * and, if announce, sends gratuitous ARP and unsolicited NA for VIPs and addresses: for addresses
 * on their port, for VIPs on the ports on whose link they are, or on all when on none.
 */
void neigh_apply(struct neigh *neigh, const struct neigh_net *net, bool announce, uint64_t now_us);

/*
 * The same announcement again, of what is behind these ports (bits): for a link whose way through
 * the switches has changed.
 */
void neigh_announce(struct neigh *neigh, const struct neigh_net *net, uint32_t ports);

/* Retries, ageing, probes. Cheap when nothing is due; call once a loop. */
void neigh_tick(struct neigh *neigh, const struct neigh_net *net, uint64_t now_us);

/* INCOMPLETE is also who did not answer: packets to it are dropped for some seconds. */
enum neigh_state { NEIGH_INCOMPLETE, NEIGH_REACHABLE, NEIGH_STALE, NEIGH_PROBE, NEIGH_STATIC };
struct neigh_row {
	struct ip_addr addr;
	uint8_t mac[6];
	uint8_t port;
	uint8_t state; /* enum neigh_state */
	uint32_t age_ms;
};

/* The entry of one neighbor, for "trace". On the owner core. False: none. */
bool neigh_find(const struct neigh *neigh, unsigned port, const struct ip_addr *addr,
	struct neigh_row *row, uint64_t now_us);

/* Copies up to max entries for "show neigh". On the owner core. Returns how many there are. */
unsigned neigh_dump(
	const struct neigh *neigh, struct neigh_row *rows, unsigned max, uint64_t now_us);

#endif
