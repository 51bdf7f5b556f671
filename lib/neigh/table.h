/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_TABLE_H
#define NEIGH_TABLE_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "neigh/neigh.h"

#define ETHER_BYTES 14
#define MAC_BYTES   6

struct neigh_entry {
	/* Hot: read for every packet that is sent */
	alignas(64) struct ip_addr addr;
	uint64_t fresh_until_us; /* until then header is used without a thought */
	uint64_t used_us;        /* last sent to; 0: never */
	uint8_t header[ETHER_BYTES];
	uint8_t port;
	uint8_t state; /* enum neigh_state */

	/* Cold */
	uint64_t confirmed_us;                     /* last heard of, or created */
	alignas(64) TAILQ_ENTRY(neigh_entry) link; /* retries in order of time, or free ones */
	uint64_t deadline_us;                      /* of a retry, or of the hold-off */
	uint16_t waiting_head;                     /* packets, as index + 1 into neigh->waits */
	uint16_t waiting_tail;
	uint8_t waiting;
	uint8_t tries;
	bool has_failed; /* INCOMPLETE: nobody answered, hold off until deadline_us */
	bool is_retrying;
	bool is_in_use;
};

static_assert(offsetof(struct neigh_entry, link) == 64, "sending touches one cache line");
static_assert(sizeof(struct neigh_entry) == 128, "two cache lines an entry");

TAILQ_HEAD(neigh_list, neigh_entry);

/* Entries by port and address: open addressing, at most half full. One owner core. */
struct neigh_table {
	uint32_t *slots; /* index + 1 into entries, 0 is free */
	struct neigh_entry *entries;
	uint32_t mask;
	uint32_t max;
	uint32_t count;
	uint32_t hand; /* where the search for a victim goes on */
	struct hash_key key;
	struct neigh_list free;
};

/* The key is secret: who chooses addresses must not choose collisions. 0 or -ENOMEM. */
int neigh_table_init(struct neigh_table *table, uint32_t max_entries, struct hash_key key);
void neigh_table_fini(struct neigh_table *table);

static inline uint32_t neigh_table_hash(
	const struct neigh_table *table, unsigned port, const struct ip_addr *addr)
{
	return (uint32_t)hash_words2(table->key, addr->halves[0] ^ port, addr->halves[1]);
}

static inline struct neigh_entry *neigh_table_find(
	const struct neigh_table *table, unsigned port, const struct ip_addr *addr)
{
	for (uint32_t i = neigh_table_hash(table, port, addr);; i++) {
		uint32_t slot = table->slots[i & table->mask];
		struct neigh_entry *entry;

		if (slot == 0)
			return NULL;
		entry = &table->entries[slot - 1];
		if (ip_equal(&entry->addr, addr) && entry->port == port)
			return entry;
	}
}

/* A zeroed entry; NULL when the table is full. The address must not be in it. */
struct neigh_entry *neigh_table_insert(
	struct neigh_table *table, unsigned port, const struct ip_addr *addr);
void neigh_table_remove(struct neigh_table *table, struct neigh_entry *entry);

/*
 * The entry to give up for a newer one: of some that come next, the one unresolved or else used
 * least recently, never a static one. NULL: none to spare, or none unused if only_unused.
 */
struct neigh_entry *neigh_table_victim(struct neigh_table *table, bool only_unused);

#endif
