/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

/* How many entries one search for a victim looks at: bounded, for a flood makes one per packet. */
#define VICTIM_SAMPLE 32

int neigh_table_init(struct neigh_table *table, uint32_t max_entries, struct hash_key key)
{
	uint32_t slots = rte_align32pow2(2 * max_entries);

	table->slots = calloc(slots, sizeof(*table->slots));
	table->entries = aligned_alloc(
		alignof(struct neigh_entry), max_entries * sizeof(*table->entries));
	if (table->slots == NULL || table->entries == NULL)
		return -ENOMEM;
	memset(table->entries, 0, max_entries * sizeof(*table->entries));
	table->mask = slots - 1;
	table->max = max_entries;
	table->key = key;
	TAILQ_INIT(&table->free);
	for (uint32_t i = 0; i < max_entries; i++)
		TAILQ_INSERT_TAIL(&table->free, &table->entries[i], link);
	return 0;
}

void neigh_table_fini(struct neigh_table *table)
{
	free(table->slots);
	free(table->entries);
}

struct neigh_entry *neigh_table_insert(
	struct neigh_table *table, unsigned port, const struct ip_addr *addr)
{
	struct neigh_entry *entry = TAILQ_FIRST(&table->free);
	uint32_t i = neigh_table_hash(table, port, addr);

	if (entry == NULL)
		return NULL;
	TAILQ_REMOVE(&table->free, entry, link);
	memset(entry, 0, sizeof(*entry));
	entry->addr = *addr;
	entry->port = (uint8_t)port;
	entry->is_in_use = true;
	while (table->slots[i & table->mask] != 0)
		i++;
	table->slots[i & table->mask] = (uint32_t)(entry - table->entries) + 1;
	table->count++;
	return entry;
}

/* True when a slot at 'at' must not stay behind a hole: its search starts at or before the hole. */
static bool is_behind(uint32_t home, uint32_t hole, uint32_t at, uint32_t mask)
{
	return ((at - home) & mask) >= ((at - hole) & mask);
}

void neigh_table_remove(struct neigh_table *table, struct neigh_entry *entry)
{
	uint32_t number = (uint32_t)(entry - table->entries) + 1;
	uint32_t hole = neigh_table_hash(table, entry->port, &entry->addr) & table->mask;

	while (table->slots[hole] != number)
		hole = (hole + 1) & table->mask;
	for (uint32_t at = (hole + 1) & table->mask; table->slots[at] != 0;
		at = (at + 1) & table->mask) {
		const struct neigh_entry *other = &table->entries[table->slots[at] - 1];
		uint32_t home = neigh_table_hash(table, other->port, &other->addr) & table->mask;

		if (!is_behind(home, hole, at, table->mask))
			continue;
		table->slots[hole] = table->slots[at];
		hole = at;
	}
	table->slots[hole] = 0;
	table->count--;
	entry->is_in_use = false;
	TAILQ_INSERT_HEAD(&table->free, entry, link);
}

/* True when a is to go before b. */
static bool is_staler(const struct neigh_entry *a, const struct neigh_entry *b)
{
	bool is_a_open = a->state == NEIGH_INCOMPLETE;
	bool is_b_open = b->state == NEIGH_INCOMPLETE;

	if (is_a_open != is_b_open)
		return is_a_open;
	return a->used_us < b->used_us;
}

struct neigh_entry *neigh_table_victim(struct neigh_table *table, bool only_unused)
{
	struct neigh_entry *victim = NULL;

	for (uint32_t i = 0; i < RTE_MIN(table->max, (uint32_t)VICTIM_SAMPLE); i++) {
		struct neigh_entry *entry = &table->entries[table->hand];

		table->hand = (table->hand + 1) % table->max;
		if (!entry->is_in_use || entry->state == NEIGH_STATIC)
			continue;
		if (only_unused && entry->used_us != 0)
			continue;
		if (victim == NULL || is_staler(entry, victim))
			victim = entry;
	}
	return victim;
}
