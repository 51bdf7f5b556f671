/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "stats/stats.h"

#define REGISTRY_BUCKETS 1024

struct identity_entry {
	struct service_identity identity;
	SLIST_ENTRY(identity_entry) link;
};

SLIST_HEAD(identity_list, identity_entry);

/*
 * Never forgets a name: connections point to identities, and their counters must not go back. The
 * memory is bounded by the service names that were ever configured.
 */
struct service_registry {
	struct identity_list buckets[REGISTRY_BUCKETS];
	unsigned core_count;
	uint32_t last_id;
};

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "service/service.def"
#undef COUNTER
};

const struct stats_set service_stats_set = STATS_SET("service", descs);

struct service_registry *service_registry_create(unsigned core_count)
{
	struct service_registry *registry = calloc(1, sizeof(*registry));

	if (registry == NULL)
		return NULL;
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++)
		SLIST_INIT(&registry->buckets[i]);
	registry->core_count = core_count;
	return registry;
}

static void entry_destroy(struct identity_entry *entry)
{
	free((char *)entry->identity.name);
	free(entry->identity.cores);
	free(entry);
}

void service_registry_destroy(struct service_registry *registry)
{
	if (registry == NULL)
		return;
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++) {
		struct identity_entry *entry;

		while ((entry = SLIST_FIRST(&registry->buckets[i])) != NULL) {
			SLIST_REMOVE_HEAD(&registry->buckets[i], link);
			entry_destroy(entry);
		}
	}
	free(registry);
}

static struct identity_entry *entry_create(const char *name, unsigned core_count)
{
	struct identity_entry *entry = calloc(1, sizeof(*entry));
	size_t bytes = core_count * sizeof(struct service_counters);

	if (entry == NULL)
		return NULL;
	entry->identity.name = strdup(name);
	entry->identity.cores = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (entry->identity.name == NULL || entry->identity.cores == NULL) {
		entry_destroy(entry);
		return NULL;
	}
	memset(entry->identity.cores, 0, bytes);
	entry->identity.core_count = core_count;
	return entry;
}

struct service_identity *registry_identity_get(struct service_registry *registry, const char *name)
{
	uint64_t hash = hash_bytes((struct hash_key){ 0 }, name, strlen(name));
	struct identity_list *bucket = &registry->buckets[hash % REGISTRY_BUCKETS];
	struct identity_entry *entry;

	SLIST_FOREACH(entry, bucket, link)
	{
		if (strcmp(entry->identity.name, name) == 0)
			return &entry->identity;
	}
	entry = entry_create(name, registry->core_count);
	if (entry == NULL)
		return NULL;
	entry->identity.id = ++registry->last_id;
	SLIST_INSERT_HEAD(bucket, entry, link);
	return &entry->identity;
}

void service_counters_sum(const struct service_identity *identity, struct service_counters *sum)
{
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < identity->core_count; i++) {
		const uint64_t *from = (const uint64_t *)&identity->cores[i];

		for (unsigned k = 0; k < service_stats_set.count; k++)
			to[k] += stats_read(&from[k]);
	}
}
