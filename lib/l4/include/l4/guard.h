/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_GUARD_H
#define L4_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"
#include "packet/packet.h"
#include "runtime/core.h"
#include "service/snapshot.h"

/*
 * The stage between parser and services: which packets may not come at all. It stands where a
 * packet arrives, before it is handed to its owner, so that a flood costs one core as little as
 * can be. Sources are checked, then access lists, then limits; packets of L4 and L7 services alike.
 *
 * A guard is a part of the snapshot, and immutable but for the meters in it, of which each core
 * has its own: a new configuration begins with full buckets.
 */
struct guard_params {
	const struct config *config; /* read, not kept */
	unsigned core_count;
	unsigned receivers; /* cores that packets arrive at: each grants its share of the rates */
	uint64_t seed;      /* secret: nobody outside picks places in tables */
};

/* NULL on error. Control thread. */
struct guard *guard_create(const struct guard_params *params, struct err *err);
void guard_destroy(struct guard *guard);

/*
 * Verdicts for a burst of parsed frames: reasons[i] becomes the reason to drop pkts[i], where there
 * is one; those that have a reason already are passed over, but DROP_parse_ip_options is taken back
 * where the configuration lets options pass. Nothing is freed. Counts the drops of
 * services. snapshot->guard NULL: none but the sources' check. On the worker that core is.
 */
void guard_run(struct core *core, const struct snapshot *snapshot, struct rte_mbuf *const *pkts,
	enum drop_reason *reasons, uint16_t count, uint64_t now_us);

/* How an access list decided over a client. */
struct guard_view {
	bool has_list;
	bool is_allowed;
	bool has_network; /* false: by the list's default */
	struct ip_prefix network;
};

/*
 * What guard_run() would say but for the limits, which depend on what came before, and by which
 * list. service NULL: none. Nothing is counted. Any thread that may look at the snapshot.
 */
enum drop_reason guard_explain(const struct snapshot *snapshot, const struct packet *p,
	const struct service *service, struct guard_view *view);

#endif
