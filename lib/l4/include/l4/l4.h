/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_L4_H
#define L4_L4_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "base/hash.h"
#include "base/rng.h"
#include "packet/packet.h"
#include "runtime/core.h"
#include "runtime/rss.h"
#include "runtime/steer.h"
#include "service/service.h"
#include "service/snapshot.h"

#define L4_BURST_MAX 64

/* Pieces of one packet; one that would need more is dropped. */
#define L4_FRAGMENTS_MAX 8
/* What one packet can become: its pieces, and two of our own before it. */
#define L4_OUT_PER_PACKET (L4_FRAGMENTS_MAX + 2)
#define L4_OUT_MAX        (L4_BURST_MAX * L4_OUT_PER_PACKET)
/* What one fragment can set free, itself included. */
#define L4_FRAGMENTS_OUT 20

/* Connection table, balancing and rewriting of one L4 worker. One owner core. */
struct l4_core;

struct l4_params {
	struct core *core;         /* borrowed */
	struct rte_mempool *mbufs; /* borrowed; for fragments and ICMP errors */
	struct steer_slice ports;  /* local ports of this worker */
	/*
	 * Borrowed: how each port's device spreads packets over queues, by the port's number; NULL
	 * where that is not known or none of its queues is this worker's. NULL: of no port.
	 */
	const struct rss *const *rss;
	uint32_t max_connections;
	uint64_t seed;          /* of table hash and source ports: secret, from getrandom */
	struct hash_key secret; /* of SYN cookies, likewise */
};

struct l4_counters {
#define COUNTER(name, help) uint64_t name;
#include "l4/l4.def"
#undef COUNTER
};
extern const struct stats_set l4_stats_set;

struct l4_core *l4_core_create(const struct l4_params *params, uint64_t now_us, struct err *err);
void l4_core_destroy(struct l4_core *l4);
const struct l4_counters *l4_counters(const struct l4_core *l4);

/*
 * A burst of parsed packets that this worker owns, ICMP errors with the tuple of the flow that they
 * quote (packet_quote_adopt()) and fragments from l4_fragment() among them: services[i] is what the
 * client addressed, or NULL for a packet to one of our local ports (a member's reply). count <=
 * L4_BURST_MAX. Rewritten packets, without Ethernet header, go into out[] (room for
 * L4_OUT_PER_PACKET of each), ready for neigh_output(); the others are dropped and counted. Returns
 * how many are in out[].
 */
uint16_t l4_run(struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf **pkts,
	const struct service *const *services, uint16_t count, struct rte_mbuf **out,
	uint64_t now_us);

/* The next hop of a packet in out[] when it is not its destination's: a "dsr-l2" member. Or NULL.
 */
static inline const struct ip_addr *l4_next_hop(struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);

	return (p->flags & PACKET_HAS_HOP) != 0 ? &p->dst : NULL;
}

/*
 * The hash whose owner (steer_by_hash) has the packet's connection. service: what the client
 * addressed; NULL: what may be the reply of a member by "nat", whose flows are steered by the
 * client's endpoint, the one thing that both directions show. Clients of a service with affinity
 * are to be known to one core, so the client alone counts.
 */
uint32_t l4_owner_hash(const struct service *service, const struct packet *p, struct hash_key key);
/*
 * A parsed fragment to one of our addresses, on the core that its flow_hash names among the L4
 * workers: takes it, and puts into out[] (room for L4_FRAGMENTS_OUT) those that can go on to their
 * flow's owner, with the ports of their datagram's first fragment and the flow's hash. Fragments
 * that come before the first wait for it here. Returns how many are in out[].
 */
uint16_t l4_fragment(struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf *m,
	struct rte_mbuf **out, uint64_t now_us);

/*
 * What is to be sent because time has passed: SYNs and PROXY headers that members have not
 * answered, and RST where they never do. Into out[] (room for L4_OUT_MAX), as by l4_run(). Returns
 * how many. Call once a loop.
 */
uint16_t l4_advance(struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf **out,
	uint64_t now_us);

/* Expiry, a bounded piece at a time; call once a loop. */
void l4_tick(struct l4_core *l4, const struct snapshot *snapshot, uint64_t now_us);

uint32_t l4_conn_count(const struct l4_core *l4);

enum l4_state {
	L4_STATE_NEW,         /* SYN seen, or first UDP packet */
	L4_STATE_ESTABLISHED, /* both sides have answered: ACK to the SYN|ACK, or UDP reply */
	L4_STATE_FIN,         /* one side closed */
	L4_STATE_CLOSED,      /* both closed, or reset */
};

/* A connection as "show conns" prints it. */
struct l4_conn_row {
	struct ip_addr client, vip, member;
	struct ip_addr local;             /* as the member sees it: ours, or the client's */
	uint64_t packets_in, packets_out; /* modulo 2^32 */
	uint32_t idle_ms;
	uint32_t timeout_ms;
	uint32_t member_id;
	uint16_t client_port, vip_port, local_port, member_port; /* host order */
	uint8_t protocol;
	uint8_t state; /* enum l4_state */
};

/*
 * Copies connections for "show conns", on the owner core: up to max rows from *cursor (0 at
 * first), which moves on; returns 0 when there are no more.
 */
unsigned l4_conn_dump(const struct l4_core *l4, uint32_t *cursor, struct l4_conn_row *rows,
	unsigned max, uint64_t now_us);

#endif
