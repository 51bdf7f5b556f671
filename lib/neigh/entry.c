/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "worker.h"

/*
 * A neighbor's life (RFC 4861 7.3, for ARP as well; DELAY is left out: nobody tells us of progress,
 * so a stale neighbor is probed at its first packet).
 *
 *   state       event                          next        and
 *   (none)      packet                         INCOMPLETE  asks everybody, the packet waits
 *   (none)      it asked for one of ours       STALE
 *   INCOMPLETE  answer                         REACHABLE   what waits is sent
 *   INCOMPLETE  its MAC seen elsewhere         STALE       likewise, so PROBE if anything waits
 *   INCOMPLETE  3 x 1 s without answer         INCOMPLETE  has failed: drops all for a while
 *   REACHABLE   reachable_ms over              STALE       without a timer
 *   STALE       packet                         PROBE       sent, and the neighbor itself is asked
 *   PROBE       answer                         REACHABLE
 *   PROBE       3 x 1 s without answer         INCOMPLETE  asks everybody
 *   any         another MAC seen               STALE
 */

#define TRIES_MAX   3
#define RETRY_US    CLOCK_US_PER_S
#define HOLD_OFF_US (3 * CLOCK_US_PER_S)

/* Entries that nobody has used or heard of for that long are forgotten. */
#define FORGET_US (600 * CLOCK_US_PER_S)

/* Every second one piece of the table is looked at. */
#define SWEEP_US     CLOCK_US_PER_S
#define SWEEP_PIECES 64

static void retry_remove(struct neigh *neigh, struct neigh_entry *entry)
{
	if (!entry->is_retrying)
		return;
	TAILQ_REMOVE(&neigh->retries, entry, link);
	entry->is_retrying = false;
}

static void set_state(
	struct neigh *neigh, struct neigh_entry *entry, enum neigh_state state, uint64_t now_us)
{
	retry_remove(neigh, entry);
	entry->state = (uint8_t)state;
	entry->tries = 0;
	entry->has_failed = false;
	entry->fresh_until_us = 0;
	if (state == NEIGH_REACHABLE)
		entry->fresh_until_us = now_us + neigh->params.reachable_ms * CLOCK_US_PER_MS;
	else if (state == NEIGH_STATIC)
		entry->fresh_until_us = UINT64_MAX;
	if (state == NEIGH_REACHABLE || state == NEIGH_STATIC)
		entry->confirmed_us = now_us;
}

static void mac_set(
	const struct neigh_net *net, struct neigh_entry *entry, const uint8_t mac[MAC_BYTES])
{
	rte_be16_t type = rte_cpu_to_be_16(
		ip_is_v4(&entry->addr) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);

	memcpy(entry->header, mac, MAC_BYTES);
	memcpy(entry->header + MAC_BYTES, net->ports[entry->port].mac, MAC_BYTES);
	memcpy(entry->header + ETHER_BYTES - sizeof(type), &type, sizeof(type));
}

static bool has_mac(const struct neigh_entry *entry, const uint8_t mac[MAC_BYTES])
{
	return memcmp(entry->header, mac, MAC_BYTES) == 0;
}

static struct rte_mbuf *wait_take(struct neigh *neigh, struct neigh_entry *entry)
{
	uint16_t number = entry->waiting_head;
	struct neigh_wait *wait = &neigh->waits[number - 1];

	entry->waiting_head = wait->next;
	entry->waiting--;
	wait->next = neigh->free_wait;
	neigh->free_wait = number;
	return wait->m;
}

static void waits_drop(struct neigh *neigh, struct neigh_entry *entry)
{
	while (entry->waiting > 0)
		core_drop(neigh->params.core, wait_take(neigh, entry), DROP_no_neighbor);
}

/* RFC 4861 7.2.2: when the queue is full, the oldest packet makes room. */
static void wait_add(struct neigh *neigh, struct neigh_entry *entry, struct rte_mbuf *m)
{
	uint16_t number;

	if (entry->waiting > 0 &&
		(entry->waiting == neigh->params.queue_max || neigh->free_wait == 0))
		core_drop(neigh->params.core, wait_take(neigh, entry), DROP_neighbor_queue_full);
	number = neigh->free_wait;
	if (number == 0) {
		core_drop(neigh->params.core, m, DROP_neighbor_queue_full);
		return;
	}
	neigh->free_wait = neigh->waits[number - 1].next;
	neigh->waits[number - 1] = (struct neigh_wait){ .m = m };
	if (entry->waiting == 0)
		entry->waiting_head = number;
	else
		neigh->waits[entry->waiting_tail - 1].next = number;
	entry->waiting_tail = number;
	entry->waiting++;
}

/* What waits goes the way of a packet that comes now. */
static void waits_output(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, uint64_t now_us)
{
	while (entry->waiting > 0)
		neigh_entry_output(neigh, net, entry, wait_take(neigh, entry), now_us);
}

/* Asks once more, and again in a second. */
static void solicit(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	uint64_t now_us)
{
	const uint8_t *mac = entry->state == NEIGH_PROBE ? entry->header : NULL;

	entry->tries++;
	entry->deadline_us = now_us + RETRY_US;
	entry->is_retrying = true;
	TAILQ_INSERT_TAIL(&neigh->retries, entry, link);
	if (ip_is_v4(&entry->addr))
		neigh_arp_request(neigh, net, entry, mac);
	else
		neigh_ndp_solicit(neigh, net, entry, mac);
}

struct neigh_entry *neigh_entry_create(struct neigh *neigh, unsigned port,
	const struct ip_addr *addr, bool is_wanted, uint64_t now_us)
{
	struct neigh_entry *entry = neigh_table_insert(&neigh->table, port, addr);

	if (entry == NULL) {
		entry = neigh_table_victim(&neigh->table, !is_wanted);
		if (entry == NULL)
			return NULL;
		neigh_entry_destroy(neigh, entry);
		neigh->counters.entries_evicted++;
		entry = neigh_table_insert(&neigh->table, port, addr);
	}
	entry->confirmed_us = now_us;
	entry->used_us = is_wanted ? now_us : 0;
	return entry;
}

void neigh_entry_destroy(struct neigh *neigh, struct neigh_entry *entry)
{
	neigh_ways_forget(neigh);
	retry_remove(neigh, entry);
	waits_drop(neigh, entry);
	neigh_table_remove(&neigh->table, entry);
}

void neigh_entry_ask(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	uint64_t now_us)
{
	set_state(neigh, entry, NEIGH_INCOMPLETE, now_us);
	solicit(neigh, net, entry, now_us);
}

/* A buffer of its own for the Ethernet header of a packet without headroom. */
static __rte_noinline struct rte_mbuf *header_chain(struct neigh *neigh, struct rte_mbuf *m)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(neigh->params.mbufs);

	if (head == NULL || rte_pktmbuf_append(head, ETHER_BYTES) == NULL ||
		rte_pktmbuf_chain(head, m) != 0) {
		rte_pktmbuf_free(head);
		return NULL;
	}
	head->ol_flags = m->ol_flags;
	head->tx_offload = m->tx_offload;
	return head;
}

void neigh_entry_transmit(struct neigh *neigh, const struct neigh_entry *entry, struct rte_mbuf *m)
{
	void *header = rte_pktmbuf_prepend(m, ETHER_BYTES);

	if (unlikely(header == NULL)) {
		struct rte_mbuf *head = header_chain(neigh, m);

		if (head == NULL) {
			core_drop(neigh->params.core, m, DROP_mbuf_exhausted);
			return;
		}
		m = head;
		header = rte_pktmbuf_mtod(m, void *);
	}
	memcpy(header, entry->header, ETHER_BYTES);
	if (m->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK))
		m->l2_len = ETHER_BYTES;
	neigh_frame_transmit(neigh, entry->port, m);
}

static void incomplete_output(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, struct rte_mbuf *m, uint64_t now_us)
{
	if (entry->has_failed) {
		if (now_us < entry->deadline_us) {
			core_drop(neigh->params.core, m, DROP_no_neighbor);
			return;
		}
		neigh_entry_ask(neigh, net, entry, now_us);
	}
	wait_add(neigh, entry, m);
}

void neigh_entry_output(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	struct rte_mbuf *m, uint64_t now_us)
{
	entry->used_us = now_us;
	if (entry->state == NEIGH_INCOMPLETE) {
		incomplete_output(neigh, net, entry, m, now_us);
		return;
	}
	if (entry->fresh_until_us <= now_us && entry->state != NEIGH_PROBE) {
		set_state(neigh, entry, NEIGH_PROBE, now_us);
		solicit(neigh, net, entry, now_us);
	}
	neigh_entry_transmit(neigh, entry, m);
}

void neigh_entry_set_stale(struct neigh *neigh, struct neigh_entry *entry, uint64_t now_us)
{
	set_state(neigh, entry, NEIGH_STALE, now_us);
}

void neigh_entry_confirm(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, const uint8_t mac[MAC_BYTES], uint64_t now_us)
{
	if (entry->state == NEIGH_STATIC)
		return;
	mac_set(net, entry, mac);
	set_state(neigh, entry, NEIGH_REACHABLE, now_us);
	waits_output(neigh, net, entry, now_us);
}

bool neigh_entry_hint(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	const uint8_t mac[MAC_BYTES], uint64_t now_us)
{
	if (entry->state == NEIGH_STATIC ||
		(entry->state != NEIGH_INCOMPLETE && has_mac(entry, mac)))
		return false;
	mac_set(net, entry, mac);
	entry->confirmed_us = now_us;
	set_state(neigh, entry, NEIGH_STALE, now_us);
	waits_output(neigh, net, entry, now_us);
	return true;
}

void neigh_entry_set_static(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, const uint8_t mac[MAC_BYTES], uint64_t now_us)
{
	mac_set(net, entry, mac);
	set_state(neigh, entry, NEIGH_STATIC, now_us);
	waits_output(neigh, net, entry, now_us);
}

/* Nobody answered the last of the tries. */
static void give_up(struct neigh *neigh, const struct neigh_net *net, struct neigh_entry *entry,
	uint64_t now_us)
{
	if (entry->state == NEIGH_PROBE) {
		neigh_entry_ask(neigh, net, entry, now_us);
		return;
	}
	retry_remove(neigh, entry);
	entry->has_failed = true;
	entry->deadline_us = now_us + HOLD_OFF_US;
	waits_drop(neigh, entry);
}

void neigh_entries_retry(struct neigh *neigh, const struct neigh_net *net, uint64_t now_us)
{
	struct neigh_entry *entry;

	while ((entry = TAILQ_FIRST(&neigh->retries)) != NULL && entry->deadline_us <= now_us) {
		if (entry->tries < TRIES_MAX) {
			retry_remove(neigh, entry);
			solicit(neigh, net, entry, now_us);
		} else {
			give_up(neigh, net, entry, now_us);
		}
	}
}

void neigh_entries_sweep(struct neigh *neigh, uint64_t now_us)
{
	struct neigh_table *table = &neigh->table;

	for (uint32_t i = 0; i <= table->max / SWEEP_PIECES; i++) {
		struct neigh_entry *entry = &table->entries[neigh->sweep_at];

		neigh->sweep_at = (neigh->sweep_at + 1) % table->max;
		if (!entry->is_in_use || entry->state == NEIGH_STATIC || entry->is_retrying)
			continue;
		if (RTE_MAX(entry->used_us, entry->confirmed_us) + FORGET_US <= now_us)
			neigh_entry_destroy(neigh, entry);
	}
	neigh->sweep_us = now_us + SWEEP_US;
}
