/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "service/snapshot.h"
#include "tcp/tcp.h"

/*
 * The up/down state machine of one member, in the control thread: 'rise' good checks in a row
 * bring it up, 'fall' bad ones take it down. A member starts up, and one bad first check takes it
 * down at once (nobody has seen it work).
 */
struct health_state {
	bool is_up;
	bool was_checked;
	unsigned streak; /* checks in a row that contradict is_up */
};

void health_state_init(struct health_state *state);

/* Takes one result. Returns true when is_up changed. */
bool health_state_update(struct health_state *state, unsigned rise, unsigned fall, bool is_ok);

/* A probe's outcome, on its way from an L7 worker to the control thread. */
struct health_result {
	uint32_t member_id;
	bool is_ok;
	uint32_t took_us;
	char detail[48]; /* "status 500", "connection refused", "time-out" */
};

/* Prober of one L7 worker: runs its share of the probes (member id modulo workers). */
struct health_core;

struct health_params {
	struct tcp_stack *tcp; /* borrowed: the worker's */
	unsigned worker;       /* this L7 worker's index */
	unsigned worker_count;
	/* Called on the worker; hands the result to control and returns at once. */
	void (*report)(void *ctx, const struct health_result *result);
	void *ctx;
	uint64_t seed; /* spreads the first probes over the interval */
};

struct health_core *health_core_create(const struct health_params *params, uint64_t now_us);
void health_core_destroy(struct health_core *health);

/* Once a loop: adopts a new snapshot's members when its generation changed, and runs timers. */
void health_advance(struct health_core *health, const struct snapshot *snapshot, uint64_t now_us);

/* Finds the member of a result in the current set; NULL when it has gone meanwhile. */
struct member *health_member_find(
	const struct backend_set *set, uint32_t member_id, unsigned *pool_index);

#endif
