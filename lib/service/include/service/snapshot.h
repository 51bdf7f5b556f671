/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_SNAPSHOT_H
#define SERVICE_SNAPSHOT_H

#include <stdint.h>

#include "backend/backend.h"
#include "base/hash.h"
#include "conf/config.h"
#include "neigh/net.h"
#include "runtime/steer.h"
#include "service/service.h"

struct guard;
struct l7_pool_tls;

/*
 * All that a worker needs to know of the configuration: immutable, published with one pointer
 * swap, gone after an RCU grace period. A worker loads it once a loop and keeps nothing of it
 * across loops but members (while conns_now counts them) and L7 listeners (which count users).
 */
struct snapshot {
	uint64_t generation;        /* grows with every publication */
	uint64_t config_generation; /* grows with every loaded file */
	const struct config *config;
	const struct neigh_net *net;
	const struct service_table *services;
	const struct backend_set *backends;
	struct guard *guard; /* l4/guard.h; NULL: none */
	/* By pool: l7/l7.h, TLS toward its members; NULL: plain. Without any, NULL. */
	struct l7_pool_tls *const *pool_tls;
	struct hash_key key;
	struct steer steer;
};

#endif
