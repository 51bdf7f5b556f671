/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FLOWS_H
#define SIM_FLOWS_H

#include "sim.h"

/*
 * Both ends of every connection send bytes that their offset determines, check what comes, and
 * close in one of several ways.
 */
#define FLOWS_MAX 8

enum close_style {
	CLOSE_WHEN_SENT,  /* FIN behind the last byte */
	CLOSE_AFTER_PEER, /* sends only when the peer's FIN came */
	CLOSE_STYLES,
};

struct flow {
	struct app *app;
	struct tcp_conn *conn;
	uint32_t id;
	uint64_t to_send;
	uint64_t to_receive;
	uint64_t sent;
	uint64_t received;
	enum close_style style;
	bool waits_for_closed; /* else calls tcp_close() */
	uint32_t read_bytes;   /* 0: reads what there is, else so much a poll */
	bool is_shut;
	bool is_over;
	unsigned closed_calls;
};

struct app {
	unsigned side;
	unsigned count;
	unsigned opened;
	struct flow flows[FLOWS_MAX];
	const struct app *peer;
};

struct scenario {
	struct sim sim;
	struct app apps[2];
};

/* One run of the simulator from its seed. */
struct scenario_params {
	uint64_t seed;
	struct sim_link link;
	struct tcp_params tcp;      /* what is set overrides the defaults */
	struct rte_mempool **pools; /* a pool for each side, or NULL: the common one */
	uint32_t bytes_max;         /* a flow sends fewer; 0: 300000 */
	unsigned flows;             /* 0: one to FLOWS_MAX */
	uint32_t bytes_bulk;        /* else: one flow, the client sends so many, the server none */
	struct tcp_counters *counters; /* the client's at the end, or NULL */
};

/*
 * Opens a few connections, lets both sides finish and their state pass. Fails the test when bytes
 * are lost, come twice or change, when tcp_check() complains at any step, when it takes too long,
 * and when memory is left behind. Returns the microseconds until both were done.
 */
uint64_t scenario_run(const struct scenario_params *params);

#endif
