/* SPDX-License-Identifier: Apache-2.0 */
#include "balance/balance.h"

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "balance/maglev.h"
#include "table.h"

static const struct balance_ops *const algorithms[] = {
	&maglev_ops,
	&source_hash_ops,
	&round_robin_ops,
	&rr_ops,
	&least_requests_ops,
	&least_connections_ops,
	&lc_ops,
	&p2c_ops,
	&peak_ewma_ops,
	&random_ops,
	&ring_hash_ops,
};

const struct balance_ops *balance_at(unsigned index)
{
	return index < RTE_DIM(algorithms) ? algorithms[index] : NULL;
}

const struct balance_ops *balance_find(const char *name)
{
	for (unsigned i = 0; i < RTE_DIM(algorithms); i++) {
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	}
	return NULL;
}

struct balance *balance_build(const struct balance_ops *ops, const struct balance_backend *backends,
	size_t count, struct hash_key key, uint32_t table_size)
{
	struct balance *balance;

	/* Tables hold 16-bit indexes. */
	if (count >= MAGLEV_EMPTY)
		return NULL;
	balance = ops->build(backends, count, key, table_size);
	if (balance != NULL)
		balance->ops = ops;
	return balance;
}

int balance_pick(const struct balance *balance, const struct balance_query *query)
{
	return balance->ops->pick(balance, query);
}

const uint16_t *balance_slots(const struct balance *balance, uint32_t *count)
{
	*count = 0;
	return balance->ops->slots == NULL ? NULL : balance->ops->slots(balance, count);
}

uint32_t balance_slot_of(uint32_t hash, uint32_t slot_count)
{
	/* The upper bits also chose the worker: without this each worker saw a part of the table.
	 */
	uint32_t mixed = hash * 0x9e3779b1u;

	return (uint32_t)(((uint64_t)mixed * slot_count) >> 32);
}

void balance_destroy(struct balance *balance)
{
	if (balance != NULL)
		balance->ops->destroy(balance);
}

uint32_t candidates_collect(
	const struct balance_backend *backends, size_t count, struct candidate *candidates)
{
	uint32_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (backends[i].weight == 0)
			continue;
		candidates[used++] = (struct candidate){
			.index = (uint32_t)i,
			.weight = backends[i].weight,
			.load = backends[i].load,
			.ctx = backends[i].ctx,
		};
	}
	return used;
}

struct balance *equal_build(const struct balance_ops *ops, const struct balance_backend *backends,
	size_t count, struct hash_key key, uint32_t table_size)
{
	struct balance_backend *equal = calloc(count + 1, sizeof(*equal));
	struct balance *balance;

	if (equal == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		equal[i] = backends[i];
		equal[i].weight = backends[i].weight > 0;
	}
	balance = ops->build(equal, count, key, table_size);
	free(equal);
	return balance;
}
