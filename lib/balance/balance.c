/* SPDX-License-Identifier: Apache-2.0 */
#include "balance/balance.h"

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "balance/maglev.h"
#include "table.h"

static const struct balance_ops *const algorithms[] = {
	&maglev_ops,
	&round_robin_ops,
	&least_requests_ops,
	&p2c_ops,
	&source_hash_ops,
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
