/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKTGEN_H
#define PKTGEN_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define BURST          32
#define PORTS_PER_HOST 32768u
#define FIRST_PORT     1024u

struct options {
	struct rte_ether_addr gateway;
	uint32_t destination_be;
	uint32_t source_base; /* host order */
	uint16_t port;
	uint32_t flows;
	uint32_t in_flight; /* TCP connections at once; 0: UDP packets instead */
	double warmup_s;
	double seconds;
	double link_wait_s;
};

struct totals {
	uint64_t sent;
	uint64_t received;
	uint64_t opened; /* TCP connections */
	uint64_t done;
	uint64_t lost;
};

struct generator {
	const struct options *options;
	struct rte_mempool *mbufs;
	struct rte_ether_addr own;
	uint32_t next_flow;
	struct totals totals;
	uint64_t progress_tsc; /* when a connection was done last */
};

/* Takes the next flow in turn. */
uint32_t flow_next(struct generator *g);

/* connections.c: one turn: new connections as far as the window lets, and an answer to all that
 * came, as client and as member. */
void connections_turn(struct generator *g);

#endif
