/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include <stdint.h>

/*
 * Counters are declared once, in a module's .def table of COUNTER(name, "help") lines, and become
 * the fields of a struct that one core owns and alone writes. Readers on the control thread load
 * single words and may see a set mid-update; sums never go back.
 *
 * In the module's header:
 *	struct l4_counters {
 *	#define COUNTER(name, help) uint64_t name;
 *	#include "l4/counters.def"
 *	#undef COUNTER
 *	};
 *	extern const struct stats_set l4_stats_set;
 * In its .c file:
 *	static const struct stats_desc descs[] = {
 *	#define COUNTER(name, help) { #name, help },
 *	#include "l4/counters.def"
 *	#undef COUNTER
 *	};
 *	const struct stats_set l4_stats_set = STATS_SET("l4", descs);
 */
struct stats_desc {
	const char *name; /* snake_case, without _total */
	const char *help;
};

struct stats_set {
	const char *prefix; /* the module */
	const struct stats_desc *descs;
	unsigned count;
};

#define STATS_SET(prefix_, descs_)                                                                 \
	{                                                                                          \
		.prefix = (prefix_), .descs = (descs_),                                            \
		.count = sizeof(descs_) / sizeof((descs_)[0])                                      \
	}

/* Which memory holds which set on which core. Filled at start, read by the control thread. */
struct stats_registry;

struct stats_registry *stats_registry_create(void);
void stats_registry_destroy(struct stats_registry *registry);

/* values: set->count words owned by core 'core'; borrowed until the registry goes. 0 or -ENOMEM. */
int stats_registry_add(struct stats_registry *registry, const struct stats_set *set, unsigned core,
	const void *values);

/* One counter's sum over all cores. */
uint64_t stats_sum(
	const struct stats_registry *registry, const struct stats_set *set, unsigned index);

/* Calls visit for every counter of every set, summed over the cores, in order of registration. */
typedef void stats_visit(
	void *ctx, const struct stats_set *set, const struct stats_desc *desc, uint64_t sum);
void stats_registry_walk(const struct stats_registry *registry, stats_visit *visit, void *ctx);

/* A counter as another thread reads it. */
static inline uint64_t stats_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
