/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_PEER_PEER_H
#define TCP_PEER_PEER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "conf/config.h"
#include "port/port.h"
#include "runtime/core.h"
#include "tcp/tcp.h"

/*
 * lib/tcp on one port and one core, with an application on top: the near or far end of benchmarks
 * and of tests against other stacks. Addresses are those of the command line, the Ethernet
 * address of the other side too: there is neither ARP nor NDP.
 */
#define PEER_PORT_ECHO    7
#define PEER_PORT_DISCARD 9
#define PEER_PORT_CHARGEN 19

#define PEER_BLOCK_BYTES 65521 /* the stream's bytes repeat after so many, a prime */

struct peer_options {
	struct ip_addr local; /* the first of local_count, one after the other */
	unsigned local_count;
	struct ip_addr remote;
	struct rte_ether_addr remote_mac;
	uint16_t port;        /* of the other side; 0: what the mode uses */
	unsigned connections; /* kept open at the same time */
	uint64_t bytes;       /* of a connection, mode echo */
	double warmup_s;      /* not measured */
	double seconds;       /* measured; mode echo: the time limit */
	uint32_t window_max_bytes;
	uint32_t window_bytes; /* receive window; 0: the stack's default */
	uint32_t read_bytes;   /* mode echo: read no more than so much a millisecond; 0: all */
	unsigned mtu;
	uint32_t time_wait_ms;
};

struct peer_totals {
	uint64_t operations; /* requests, connections: what the mode counts */
	uint64_t bytes;
	uint64_t failures;
	uint64_t resets;
	uint64_t connects;
};

struct peer {
	struct peer_options options;
	struct port port;
	struct port_tx tx;
	struct config_port config;
	struct core core;
	struct rte_mempool *mbufs;
	struct tcp_stack *stack;
	const struct peer_app *app;
	void *app_state;
	uint64_t now_us;
	struct peer_totals totals;
	bool is_done; /* the application has nothing more to do */
};

struct peer_app {
	const char *name;
	const char *help;
	uint16_t port; /* to connect to; 0: a server */
	/* A connection came in; NULL: none is accepted. 0 or anything else to refuse. */
	int (*accept)(struct peer *peer, struct tcp_conn *conn);
	/* Once before the loop; 0 or -1. */
	int (*start)(struct peer *peer);
	/* Once a turn. */
	void (*tick)(struct peer *peer);
};

extern const struct peer_app *const peer_clients[];
extern const unsigned peer_client_count;
extern const struct peer_app peer_server;

/* The stream that tests send: two blocks in a row, so that a block can begin at any offset. */
const uint8_t *peer_stream(uint64_t offset);

/* Reads the command line, starts EAL and the port. 0, or the exit code. */
int peer_open(struct peer *peer, int argc, char **argv);
void peer_close(struct peer *peer);

/* Turns the loop until the clock says so or the application is done. */
void peer_run(struct peer *peer, uint64_t until_us);

/* Prints the totals so far as one line of JSON. */
void peer_report(const struct peer *peer, double seconds);

/* Set by SIGTERM and SIGINT, and by SIGUSR1, which asks for a report. */
extern volatile sig_atomic_t peer_must_stop;
extern volatile sig_atomic_t peer_must_report;

#endif
