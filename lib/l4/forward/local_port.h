/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_LOCAL_PORT_H
#define L4_FORWARD_LOCAL_PORT_H

#include <stdbool.h>

#include "../conntrack/table.h"
#include "runtime/steer.h"

#define LOCAL_PORT_COUNTERS 1024

/*
 * Local ports toward members, double-hash selection (RFC 6056 3.3.4): each remote endpoint starts
 * at a secret offset and counts on, so that a port comes back as late as possible, and ports in
 * use lie behind the counter rather than before it.
 */
struct local_ports {
	struct steer_slice slice;
	struct hash_key key;
	struct {
		uint32_t next;
		uint32_t failed_ms; /* when a search found nothing; wraps */
	} counters[LOCAL_PORT_COUNTERS];
};

void local_ports_init(struct local_ports *ports, struct steer_slice slice, uint64_t seed);

/*
 * Fills in tuple->dst_port_be, the local port in what the member will send, so that the tuple is
 * not in the table and no service listens there. false: none within a bounded search, of which
 * there is one in a millisecond at most once one has failed: a flood of new flows toward members
 * whose ports are used up must not take the worker's time.
 */
bool local_port_choose(struct local_ports *ports, struct conntrack *table,
	const struct service_table *services, struct packet_tuple *tuple, uint32_t now_ms);

#endif
