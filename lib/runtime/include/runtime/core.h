/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CORE_H
#define RUNTIME_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "runtime/tap.h"
#include "stats/drop.h"

#define RUNTIME_WORKERS_MAX 64

/* What a worker thread counts of itself, from day one. One owner: the core. TSC cycles. */
struct core_counters {
#define COUNTER(name, help) uint64_t name;
#include "runtime/core.def"
#undef COUNTER
};

extern const struct stats_set core_stats_set;

/* Every worker thread has one; its counters are read by control. */
struct core {
	unsigned index; /* dense, 0.. over all worker threads */
	unsigned cpu;
	int l4_index;    /* which L4 worker this is, or -1 */
	int l7_index;    /* which L7 worker this is, or -1 */
	struct tap *tap; /* NULL: nobody captures. Set by a call on the core itself */
	struct core_counters counters;
	struct drop_counters drops;
};

/* The one place where a packet is dropped: counts the reason and frees the chain. */
static inline void core_drop(struct core *core, struct rte_mbuf *m, enum drop_reason reason)
{
	core->drops.counts[reason]++;
	if (core->tap != NULL)
		tap_drop(core->tap, m, reason);
	rte_pktmbuf_free(m);
}

#endif
