/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/stats.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	const struct stats_set *set;
	unsigned core;
	const uint64_t *values;
};

struct stats_registry {
	struct entry *entries;
	unsigned count;
	unsigned capacity;
};

struct stats_registry *stats_registry_create(void)
{
	return calloc(1, sizeof(struct stats_registry));
}

void stats_registry_destroy(struct stats_registry *registry)
{
	if (registry == NULL)
		return;
	free(registry->entries);
	free(registry);
}

int stats_registry_add(struct stats_registry *registry, const struct stats_set *set, unsigned core,
	const void *values)
{
	if (registry->count == registry->capacity) {
		unsigned capacity = registry->capacity * 2 + 16;
		struct entry *entries = reallocarray(registry->entries, capacity, sizeof(*entries));

		if (entries == NULL)
			return -ENOMEM;
		registry->entries = entries;
		registry->capacity = capacity;
	}
	registry->entries[registry->count++] = (struct entry){
		.set = set, .core = core, .values = values
	};
	return 0;
}

uint64_t stats_sum(
	const struct stats_registry *registry, const struct stats_set *set, unsigned index)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < registry->count; i++) {
		const struct entry *entry = &registry->entries[i];

		if (entry->set == set)
			sum += stats_read(&entry->values[index]);
	}
	return sum;
}

/* True for the first entry of its set: each set is visited once. */
static int is_first(const struct stats_registry *registry, unsigned at)
{
	for (unsigned i = 0; i < at; i++) {
		if (registry->entries[i].set == registry->entries[at].set)
			return 0;
	}
	return 1;
}

void stats_registry_walk(const struct stats_registry *registry, stats_visit *visit, void *ctx)
{
	for (unsigned i = 0; i < registry->count; i++) {
		const struct stats_set *set = registry->entries[i].set;

		if (!is_first(registry, i))
			continue;
		for (unsigned j = 0; j < set->count; j++)
			visit(ctx, set, &set->descs[j], stats_sum(registry, set, j));
	}
}
