/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_WORKER_H
#define NEIGH_WORKER_H

#include "neigh/neigh.h"
#include "net_tables.h"
#include "packet/packet.h"
#include "table.h"

/* Packets that wait for any neighbor: a flood to absent hosts must not hold all buffers. */
#define WAITS_MAX 1024

/* A packet that waits; next is index + 1, 0 ends the list. */
struct neigh_wait {
	struct rte_mbuf *m;
	uint16_t next;
};

/* What may still be done of a thing now: millionths, so that a slow rate adds up exactly. */
struct neigh_bucket {
	uint64_t per_second;
	uint64_t tokens;
	uint64_t filled_us;
};

#define WAYS 256

/* How packets to an address leave, as it was found last. */
struct neigh_way {
	struct ip_addr dst;
	const struct net_hop *hop; /* NULL: nothing known */
	struct neigh_entry *entry;
};

struct neigh {
	struct neigh_params params; /* defaults filled in */
	struct neigh_table table;
	struct neigh_list retries; /* all wait equally long: the first is due first */
	uint64_t sweep_us;
	uint32_t sweep_at;
	uint16_t free_wait;
	struct neigh_bucket answers;  /* to echo */
	struct neigh_bucket searches; /* for neighbors not known yet */
	struct neigh_counters counters;
	struct neigh_wait waits[WAITS_MAX];
	const struct neigh_net *ways_net; /* that ways were found in */
	struct neigh_way ways[WAYS];      /* by the address's last bits */
};

/* Before an entry or a network goes. */
static inline void neigh_ways_forget(struct neigh *neigh)
{
	neigh->ways_net = NULL;
}

/* entry.c: the states, as the table there shows. */

/* NULL when the table has no room. is_wanted: somebody sends to it; others displace nothing used.
 */
struct neigh_entry *neigh_entry_create(struct neigh *neigh, unsigned port,
	const struct ip_addr *addr, bool is_wanted, uint64_t now_us);
void neigh_entry_destroy(struct neigh *neigh, struct neigh_entry *entry);

/* Asks for a new entry's address. */
void neigh_entry_ask(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	uint64_t now_us);

/* A packet, without Ethernet header, to an entry that is not known to be fresh. Takes ownership. */
void neigh_entry_output(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	struct rte_mbuf *m, uint64_t now_us);

/* Prepends the entry's Ethernet header and transmits. Takes ownership. */
void neigh_entry_transmit(struct neigh *neigh, const struct neigh_entry *entry, struct rte_mbuf *m);

/* The neighbor answered us from mac. */
void neigh_entry_confirm(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, const uint8_t mac[6], uint64_t now_us);

/* mac was seen, though not in an answer to us. True when that was news. */
bool neigh_entry_hint(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	const uint8_t mac[6], uint64_t now_us);

void neigh_entry_set_static(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, const uint8_t mac[6], uint64_t now_us);

/* Keeps the MAC, but doubts it. */
void neigh_entry_set_stale(struct neigh *neigh, struct neigh_entry *entry, uint64_t now_us);

/* Sends what is due. */
void neigh_entries_retry(struct neigh *neigh, const struct neigh_net *net, uint64_t now_us);

/* Looks at a few entries and forgets those that nobody has used for long. */
void neigh_entries_sweep(struct neigh *neigh, uint64_t now_us);

/* arp.c and ndp.c. The input functions take ownership of m. */
void neigh_arp_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us);
void neigh_ndp_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us);

/* Asks for target from source; mac NULL: everybody. */
void neigh_arp_request(struct neigh *neigh, const struct neigh_net *net,
	const struct neigh_entry *entry, const uint8_t *mac);
void neigh_ndp_solicit(struct neigh *neigh, const struct neigh_net *net,
	const struct neigh_entry *entry, const uint8_t *mac);

/* Tells everybody on the port that addr is here. */
void neigh_arp_announce(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct ip_addr *addr);
void neigh_ndp_announce(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct ip_addr *addr);

/* echo.c: ICMP to one of our addresses. Takes ownership. */
void neigh_echo_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us);

/* neigh.c: takes one out; false when there is none. */
bool neigh_bucket_take(struct neigh_bucket *bucket, uint64_t now_us);

/* An empty mbuf with len bytes of room, or NULL, which is counted. */
struct rte_mbuf *neigh_frame_create(struct neigh *neigh, uint16_t len);

static inline void neigh_frame_transmit(struct neigh *neigh, unsigned port, struct rte_mbuf *m)
{
	neigh->params.ops->transmit(neigh->params.ctx, port, m);
}

static inline void neigh_news_share(
	struct neigh *neigh, unsigned port, const struct ip_addr *addr, const uint8_t mac[6])
{
	if (neigh->params.ops->share != NULL)
		neigh->params.ops->share(neigh->params.ctx, port, addr, mac);
}

#endif
