/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_LOCAL_PORT_H
#define L4_FORWARD_LOCAL_PORT_H

#include <stdbool.h>

#include "../conntrack/table.h"
#include "runtime/rss.h"
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

/* What a search for a port goes by. */
struct local_port_wish {
	const struct service_table *services;
	const struct rss *rss; /* of the port that replies come in by; NULL: it has none */
	uint16_t queue;        /* the worker's own on that port */
	uint32_t now_ms;
};

enum local_port_result {
	LOCAL_PORT_NONE,    /* none within the bounds */
	LOCAL_PORT_PLAIN,   /* replies come in anywhere, or by a foreign queue */
	LOCAL_PORT_STEERED, /* replies come in by the worker's own queue */
};

/*
 * Fills in tuple->dst_port_be, the local port in what the member will send, so that the tuple is
 * not in the table and no service listens there. Where the device's choice of a queue is known, it
 * is a port whose replies come to the worker itself; once those are used up, any port, and the
 * replies come over a ring. Searches are bounded, and once one has failed there is one in a
 * millisecond at most: a flood of new flows toward members whose ports are used up must not take
 * the worker's time.
 */
enum local_port_result local_port_choose(struct local_ports *ports, struct conntrack *table,
	const struct local_port_wish *wish, struct packet_tuple *tuple);

#endif
