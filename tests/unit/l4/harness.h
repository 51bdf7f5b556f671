/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_HARNESS_H
#define L4_HARNESS_H

#include "backend/backend.h"
#include "l4/guard.h"
#include "l4/l4.h"
#include "neigh/net.h"
#include "packet/packet.h"
#include "service/service.h"
#include "service/snapshot.h"
#include "support/frame.h"

#define HARNESS_MEMBERS_MAX 16

/*
 * One L4 worker with a configuration made in memory: a TCP and a UDP service of each family, a
 * pool of each family. Frames go through the real parser, service lookup and l4_run().
 *
 * VIPs 192.0.2.100 and 2001:db8::100, TCP on port 80, UDP on 53. Ours 192.0.2.2 and 2001:db8::2.
 * Members 198.51.100.1.. and 2001:db8:1::1.., port 8080.
 */
enum harness_service {
	HARNESS_TCP4,
	HARNESS_UDP4,
	HARNESS_TCP6,
	HARNESS_UDP6,
	HARNESS_PLAIN_SERVICES,                 /* those that flow_send() and its like can do */
	HARNESS_SCTP4 = HARNESS_PLAIN_SERVICES, /* port 2905 */
	HARNESS_SCTP6,
	HARNESS_RANGE4, /* UDP, ports 6000-6999, to members that keep them */
	HARNESS_SERVICES,
};
enum harness_pool { HARNESS_POOL4, HARNESS_POOL6, HARNESS_POOL4_KEEP, HARNESS_POOLS };

struct harness {
	/* What a test may set before harness_start(); 0: the default. */
	unsigned member_count;                              /* 3 */
	struct steer_slice slice;                           /* 20000-29999 */
	uint32_t max_connections;                           /* 1000 */
	const struct rss *const *rss;                       /* by port; NULL: none */
	uint64_t seed;                                      /* 77 */
	void (*adjust)(struct harness *h, const void *arg); /* of what follows; NULL: as it is */
	const void *adjust_arg;

	uint64_t now_us;
	struct config config;
	struct config_service services[HARNESS_SERVICES];
	struct config_pool pools[HARNESS_POOLS];
	struct config_member members[HARNESS_POOLS][HARNESS_MEMBERS_MAX];
	char names[HARNESS_MEMBERS_MAX][8];
	struct ip_prefix addresses[2];
	struct ip_addr local_addresses[2];
	struct config_port port;
	struct config_route routes[2];

	struct core core;
	struct rcu *rcu;
	struct backend_registry *registry;
	struct service_registry *service_registry;
	struct backend_set *backends;
	struct service_table *table;
	struct neigh_net *net;
	struct guard *guard; /* where "guard.ip_options" lets pass; NULL otherwise */
	struct snapshot snapshot;
	struct l4_core *l4;
};

void harness_start(struct harness *h);

/* Checks that members and worker agree on the connections that are open. */
void harness_stop(struct harness *h);

/* Takes over a changed config. */
void harness_reload(struct harness *h);

/* The member by its number in the pool; harness_rebuild() after a change of its state. */
struct member *harness_member(struct harness *h, enum harness_pool pool, unsigned index);
void harness_rebuild(struct harness *h, enum harness_pool pool);

/* Time goes by, and the worker ticks until all has been swept. */
void harness_pass(struct harness *h, uint64_t ms);

/*
 * One frame through the worker. DROP_NONE: *out (may be NULL) is the packet that came out, whose
 * checksums were right and whose TTL was one less.
 */
enum drop_reason harness_send(
	struct harness *h, const struct frame_spec *spec, struct packet_tuple *out);

/* A client's flow, as the client and the member see it. */
struct flow {
	char client[IP_TEXT_MAX];
	uint16_t client_port;
	enum harness_service service;
	struct packet_tuple at_member; /* of the last packet that the member got */
};

struct flow flow_make(enum harness_service service, unsigned number);

/* A packet of the client, or of the member. TCP flags are ignored for UDP. */
enum drop_reason flow_send(struct harness *h, struct flow *flow, uint8_t tcp_flags);
enum drop_reason flow_reply(struct harness *h, const struct flow *flow, uint8_t tcp_flags);

/* SYN, SYN|ACK, ACK; or a datagram and its answer. */
void flow_establish(struct harness *h, struct flow *flow);

/* The connection's row in the dump; false: not there. */
bool flow_row(struct harness *h, const struct flow *flow, struct l4_conn_row *row);

/* Which member of its pool the flow went to. */
unsigned flow_member(const struct flow *flow);

#endif
