/* SPDX-License-Identifier: Apache-2.0 */
#include "neigh/neigh.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_random.h>

#include "base/clock.h"
#include "worker.h"

#define MAX_ENTRIES_DEFAULT     4096
#define QUEUE_MAX_DEFAULT       8
#define QUEUE_MAX_MOST          255
#define REACHABLE_MS_DEFAULT    30000
#define ICMP_PER_SECOND_DEFAULT 1000

/*
 * Packets to ever new addresses on a link, as replies to forged ones are, must not become as many
 * broadcasts (RFC 6583).
 */
#define SEARCHES_PER_SECOND 1000

#define V4_DST_OFFSET 16
#define V6_DST_OFFSET 24

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "neigh/neigh.def"
#undef COUNTER
};

const struct stats_set neigh_stats_set = STATS_SET("neigh", descs);

/* Holds one second's worth at most. */
static struct neigh_bucket bucket_full(uint64_t per_second, uint64_t now_us)
{
	return (struct neigh_bucket){
		.per_second = per_second,
		.tokens = per_second * CLOCK_US_PER_S,
		.filled_us = now_us,
	};
}

bool neigh_bucket_take(struct neigh_bucket *bucket, uint64_t now_us)
{
	uint64_t passed = RTE_MIN(now_us - bucket->filled_us, CLOCK_US_PER_S);
	uint64_t full = bucket->per_second * CLOCK_US_PER_S;

	bucket->tokens = RTE_MIN(bucket->tokens + passed * bucket->per_second, full);
	bucket->filled_us = now_us;
	if (bucket->tokens < CLOCK_US_PER_S)
		return false;
	bucket->tokens -= CLOCK_US_PER_S;
	return true;
}

static void params_default(struct neigh_params *params)
{
	if (params->max_entries == 0)
		params->max_entries = MAX_ENTRIES_DEFAULT;
	if (params->queue_max == 0)
		params->queue_max = QUEUE_MAX_DEFAULT;
	params->queue_max = RTE_MIN(params->queue_max, (unsigned)QUEUE_MAX_MOST);
	if (params->reachable_ms == 0)
		params->reachable_ms = REACHABLE_MS_DEFAULT;
	if (params->icmp_per_second == 0)
		params->icmp_per_second = ICMP_PER_SECOND_DEFAULT;
}

struct neigh *neigh_create(const struct neigh_params *params, uint64_t now_us)
{
	struct neigh *neigh = calloc(1, sizeof(*neigh));
	/* Decides only where entries lie in the table, never what is sent. */
	struct hash_key key = { .k0 = rte_rand(), .k1 = rte_rand() };

	if (neigh == NULL)
		return NULL;
	neigh->params = *params;
	params_default(&neigh->params);
	TAILQ_INIT(&neigh->retries);
	for (uint16_t i = 0; i < WAITS_MAX - 1; i++)
		neigh->waits[i].next = i + 2;
	neigh->free_wait = 1;
	neigh->sweep_us = now_us;
	neigh->answers = bucket_full(neigh->params.icmp_per_second, now_us);
	neigh->searches = bucket_full(SEARCHES_PER_SECOND, now_us);
	if (neigh_table_init(&neigh->table, neigh->params.max_entries, key) < 0) {
		neigh_table_fini(&neigh->table);
		free(neigh);
		return NULL;
	}
	return neigh;
}

static void entries_destroy(struct neigh *neigh)
{
	for (uint32_t i = 0; i < neigh->table.max; i++) {
		if (neigh->table.entries[i].is_in_use)
			neigh_entry_destroy(neigh, &neigh->table.entries[i]);
	}
}

void neigh_destroy(struct neigh *neigh)
{
	if (neigh == NULL)
		return;
	entries_destroy(neigh);
	neigh_table_fini(&neigh->table);
	free(neigh);
}

const struct neigh_counters *neigh_counters(const struct neigh *neigh)
{
	return &neigh->counters;
}

struct rte_mbuf *neigh_frame_create(struct neigh *neigh, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(neigh->params.mbufs);

	if (m == NULL || rte_pktmbuf_append(m, len) == NULL) {
		rte_pktmbuf_free(m);
		neigh->params.core->drops.counts[DROP_mbuf_exhausted]++;
		return NULL;
	}
	return m;
}

static void icmp_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);
	uint8_t type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);

	if ((p->flags & PACKET_IS_V6) && type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT)
		neigh_ndp_input(neigh, net, m, now_us);
	else if (p->flags & PACKET_IS_BROADCAST)
		core_drop(neigh->params.core, m, DROP_icmp_ignored);
	else if (neigh_net_own_find(net, &p->dst) == NULL)
		core_drop(neigh->params.core, m, DROP_no_service);
	else
		neigh_echo_input(neigh, net, m, now_us);
}

void neigh_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);

	if (p->flags & PACKET_IS_ARP)
		neigh_arp_input(neigh, net, m, now_us);
	else if (p->flags & PACKET_IS_ICMP)
		icmp_input(neigh, net, m, now_us);
	else if (neigh_net_own_find(net, &p->dst) == NULL)
		core_drop(neigh->params.core, m, DROP_no_service);
	else
		core_drop(neigh->params.core, m, DROP_protocol_unsupported);
}

/* The first packet to a neighbor, or to one whose entry is not fresh. */
static __rte_noinline void output_slowly(struct neigh *neigh, const struct neigh_net *net,
	const struct net_hop *hop, const struct ip_addr *next, struct rte_mbuf *m, uint64_t now_us)
{
	struct neigh_entry *entry = neigh_table_find(&neigh->table, hop->port, next);

	if (entry == NULL) {
		/* To ourselves or to all: nobody would answer. */
		if (!neigh_net_is_neighbor(net, hop->port, next)) {
			core_drop(neigh->params.core, m, DROP_no_route);
			return;
		}
		entry = neigh_bucket_take(&neigh->searches, now_us)
			? neigh_entry_create(neigh, hop->port, next, true, now_us)
			: NULL;
		if (entry == NULL) {
			core_drop(neigh->params.core, m, DROP_no_neighbor);
			return;
		}
		neigh_entry_ask(neigh, net, entry, now_us);
	}
	neigh_entry_output(neigh, net, entry, m, now_us);
}

static inline struct ip_addr destination(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t v4_be;

	if (*ip >> 4 != 4)
		return ip_from_v6(ip + V6_DST_OFFSET);
	memcpy(&v4_be, ip + V4_DST_OFFSET, sizeof(v4_be));
	return ip_from_v4(v4_be);
}

static __rte_noinline void ways_clear(struct neigh *neigh, const struct neigh_net *net)
{
	memset(neigh->ways, 0, sizeof(neigh->ways));
	neigh->ways_net = net;
}

/* Where to look for the way to dst, or to note it. */
static inline struct neigh_way *way_of(
	struct neigh *neigh, const struct neigh_net *net, const struct ip_addr *dst)
{
	uint32_t last = rte_be_to_cpu_32(dst->words_be[3]);

	if (unlikely(neigh->ways_net != net))
		ways_clear(neigh, net);
	return &neigh->ways[(last ^ last >> 8) % WAYS];
}

/* A way that is not noted, or whose neighbor is to be asked. */
static __rte_noinline void output_by_search(struct neigh *neigh, const struct neigh_net *net,
	struct rte_mbuf *m, const struct ip_addr *dst, uint64_t now_us)
{
	const struct net_hop *hop = neigh_net_hop_find(net, dst);
	const struct ip_addr *next;
	struct neigh_entry *entry;

	if (hop == NULL) {
		core_drop(neigh->params.core, m, DROP_no_route);
		return;
	}
	if (packet_mtu_len(m) > net->ports[hop->port].mtu) {
		core_drop(neigh->params.core, m, DROP_mtu_exceeded);
		return;
	}
	next = hop->is_on_link ? dst : &hop->via;
	entry = neigh_table_find(&neigh->table, hop->port, next);
	if (entry == NULL || entry->fresh_until_us <= now_us) {
		output_slowly(neigh, net, hop, next, m, now_us);
		return;
	}
	*way_of(neigh, net, dst) = (struct neigh_way){ .dst = *dst, .hop = hop, .entry = entry };
	entry->used_us = now_us;
	neigh_entry_transmit(neigh, entry, m);
}

static inline void output_toward(struct neigh *neigh, const struct neigh_net *net,
	struct rte_mbuf *m, const struct ip_addr *dst, uint64_t now_us)
{
	const struct neigh_way *way = way_of(neigh, net, dst);

	if (unlikely(way->hop == NULL || !ip_equal(&way->dst, dst) ||
		    way->entry->fresh_until_us <= now_us ||
		    packet_mtu_len(m) > net->ports[way->hop->port].mtu)) {
		output_by_search(neigh, net, m, dst, now_us);
		return;
	}
	way->entry->used_us = now_us;
	neigh_entry_transmit(neigh, way->entry, m);
}

void neigh_output(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	struct ip_addr dst = destination(m);

	output_toward(neigh, net, m, &dst, now_us);
}

void neigh_output_via(struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m,
	const struct ip_addr *hop, uint64_t now_us)
{
	output_toward(neigh, net, m, hop, now_us);
}

void neigh_learn(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct ip_addr *addr, const uint8_t mac[MAC_BYTES], bool is_static, uint64_t now_us)
{
	struct neigh_entry *entry = neigh_table_find(&neigh->table, port, addr);

	if (entry == NULL) {
		if (!is_static && !neigh_net_is_neighbor(net, port, addr))
			return;
		entry = neigh_entry_create(neigh, port, addr, is_static, now_us);
		if (entry == NULL)
			return;
	}
	if (is_static)
		neigh_entry_set_static(neigh, net, entry, mac, now_us);
	else if (entry->state == NEIGH_INCOMPLETE || memcmp(entry->header, mac, MAC_BYTES) == 0)
		neigh_entry_confirm(neigh, net, entry, mac, now_us);
	else
		neigh_entry_hint(neigh, net, entry, mac, now_us);
}

/* Entries of another network go; what waits in them is dropped. */
static void entries_adopt(struct neigh *neigh, const struct neigh_net *net)
{
	for (uint32_t i = 0; i < neigh->table.max; i++) {
		struct neigh_entry *entry = &neigh->table.entries[i];

		if (!entry->is_in_use)
			continue;
		if (entry->state == NEIGH_STATIC ||
			!neigh_net_is_neighbor(net, entry->port, &entry->addr))
			neigh_entry_destroy(neigh, entry);
	}
}

void neigh_announce(struct neigh *neigh, const struct neigh_net *net, uint32_t ports)
{
	for (uint32_t i = 0; i < net->own_count; i++) {
		const struct net_own *own = &net->owns[i];

		for (unsigned port = 0; port < net->port_count; port++) {
			if (!(own->ports & ports & UINT32_C(1) << port))
				continue;
			if (ip_is_v4(&own->addr))
				neigh_arp_announce(neigh, net, port, &own->addr);
			else
				neigh_ndp_announce(neigh, net, port, &own->addr);
		}
	}
}

void neigh_apply(struct neigh *neigh, const struct neigh_net *net, bool announce, uint64_t now_us)
{
	neigh_ways_forget(neigh);
	entries_adopt(neigh, net);
	for (uint32_t i = 0; i < net->static_count; i++) {
		const struct net_static *row = &net->statics[i];

		neigh_learn(neigh, net, row->port, &row->addr, row->mac, true, now_us);
	}
	if (announce)
		neigh_announce(neigh, net, UINT32_MAX);
}

void neigh_tick(struct neigh *neigh, const struct neigh_net *net, uint64_t now_us)
{
	struct neigh_entry *first = TAILQ_FIRST(&neigh->retries);

	if (first != NULL && first->deadline_us <= now_us)
		neigh_entries_retry(neigh, net, now_us);
	if (neigh->sweep_us <= now_us)
		neigh_entries_sweep(neigh, now_us);
}

static struct neigh_row row_of(const struct neigh_entry *entry, uint64_t now_us)
{
	struct neigh_row row = {
		.addr = entry->addr,
		.port = entry->port,
		.state = entry->state,
		.age_ms = (uint32_t)RTE_MIN(
			(now_us - entry->confirmed_us) / CLOCK_US_PER_MS, (uint64_t)UINT32_MAX),
	};

	/* Time made it stale, without a timer. */
	if (entry->state == NEIGH_REACHABLE && entry->fresh_until_us <= now_us)
		row.state = NEIGH_STALE;
	if (entry->state != NEIGH_INCOMPLETE)
		memcpy(row.mac, entry->header, MAC_BYTES);
	return row;
}

bool neigh_find(const struct neigh *neigh, unsigned port, const struct ip_addr *addr,
	struct neigh_row *row, uint64_t now_us)
{
	const struct neigh_entry *entry = neigh_table_find(&neigh->table, port, addr);

	if (entry == NULL)
		return false;
	*row = row_of(entry, now_us);
	return true;
}

unsigned neigh_dump(
	const struct neigh *neigh, struct neigh_row *rows, unsigned max, uint64_t now_us)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < neigh->table.max; i++) {
		if (!neigh->table.entries[i].is_in_use)
			continue;
		if (count < max)
			rows[count] = row_of(&neigh->table.entries[i], now_us);
		count++;
	}
	return count;
}
