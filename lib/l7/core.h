/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_CORE_H
#define L7_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/objpool.h"
#include "base/rng.h"
#include "connection.h"
#include "heap.h"
#include "l7/l7.h"
#include "l7/route.h"
#include "message.h"
#include "mirror.h"
#include "mux.h"
#include "runtime/wheel.h"
#include "stream.h"
#include "upstream/upstream.h"

#define CURSORS_MAX 256 /* pools beyond share positions, which only have to differ */

TAILQ_HEAD(connection_list, connection);
TAILQ_HEAD(mux_list, mux);

/* Everything of one L7 worker. Owner: that worker's thread. */
struct l7_core {
	struct core *core;
	unsigned worker; /* this L7 worker's index */
	struct tcp_stack *tcp;
	struct wheel *wheel;
	const struct snapshot *snapshot; /* of this turn of the loop */
	uint64_t now_us;
	uint64_t generation;
	uint64_t config_generation;
	bool is_draining;
	struct rng rng;
	struct rng mark_rng; /* of ids, which others see: nothing of rng follows from them */
	struct route_scratch *route_scratch;
	struct balance_cursor cursors[CURSORS_MAX];
	struct l7_params params;
	struct l7_counters counters;
	uint64_t refusals[HTTP_REFUSAL_COUNT];
	uint64_t endings[L7_ENDING_COUNT];

	/* Connections by slot, so that a dump can go on where it stopped. */
	struct connection **slots;
	uint32_t *free_slots;
	uint32_t free_count;
	uint32_t slot_high; /* slots from here on were never used */
	uint32_t conn_count;
	struct connection_list runnable; /* their next request waits for this turn's end */
	uint32_t runnable_count;

	struct mux_list muxes; /* with output for the end of this turn */
	struct heap heap;      /* of all HTTP/2, and of tunnels */
	struct heap_account tunnels;

	struct upstream_pools upstreams;
	struct mirror_list mirrors;
	struct mirror_dead_list dead_mirrors;
	TAILQ_HEAD(, pool_core) waiting; /* pools whose requests wait for room */

	struct objpool *connections;
	struct objpool *connections_h2;
	struct objpool *streams;
	struct objpool *inlets;
	struct objpool *outs;
	struct objpool *records;
	struct objpool *mirror_pool;
	struct objpool *scans;   /* of bodies that decide on routes */
	struct objpool *hedges;  /* of requests that may go to several members at a time */
	struct objpool *replays; /* pieces of bodies that may be sent again */

	/*
	 * Ended in this turn, freed at its end: a handler may be called in the middle of another
	 * one's work, and what that still holds must not vanish.
	 */
	SLIST_HEAD(, connection) dead_connections;
	SLIST_HEAD(, stream) dead_streams;

	struct head_edit *edit;          /* a head being changed by its route's actions */
	char scratch[MESSAGE_OUT_BYTES]; /* a head being written */
};

#endif
