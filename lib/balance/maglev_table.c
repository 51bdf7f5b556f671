/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>

#include "balance/maglev.h"
#include "table.h"

/*
 * Both consistent algorithms are a Maglev table: "maglev" is asked with the hash of the flow,
 * "source-hash" with that of the client's address alone, which the caller computes.
 */
struct maglev_table {
	struct balance base;
	uint32_t size;
	uint16_t slots[];
};

static int table_fill(struct maglev_table *table, const struct balance_backend *backends,
	size_t count, struct hash_key key)
{
	struct maglev_backend *entries = calloc(count + 1, sizeof(*entries));
	int error;

	if (entries == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		entries[i].name = backends[i].name;
		entries[i].weight = backends[i].weight;
	}
	error = maglev_build(entries, count, key, table->slots, table->size);
	free(entries);
	return error;
}

static void table_destroy(struct balance *balance)
{
	free(balance);
}

static struct balance *table_build(const struct balance_backend *backends, size_t count,
	struct hash_key key, uint32_t table_size)
{
	struct maglev_table *table;

	if (!maglev_is_size(table_size))
		return NULL;
	table = malloc(sizeof(*table) + table_size * sizeof(table->slots[0]));
	if (table == NULL)
		return NULL;
	table->size = table_size;
	if (table_fill(table, backends, count, key) == 0)
		return &table->base;
	free(table);
	return NULL;
}

static int table_pick(const struct balance *balance, const struct balance_query *query)
{
	const struct maglev_table *table = (const struct maglev_table *)balance;
	uint16_t slot = table->slots[balance_slot_of(query->hash, table->size)];

	return slot == MAGLEV_EMPTY ? -1 : slot;
}

static const uint16_t *table_slots(const struct balance *balance, uint32_t *count)
{
	const struct maglev_table *table = (const struct maglev_table *)balance;

	*count = table->size;
	return table->slots;
}

const struct balance_ops maglev_ops = {
	.name = "maglev",
	.build = table_build,
	.pick = table_pick,
	.slots = table_slots,
	.destroy = table_destroy,
};

const struct balance_ops source_hash_ops = {
	.name = "source-hash",
	.build = table_build,
	.pick = table_pick,
	.slots = table_slots,
	.destroy = table_destroy,
};
