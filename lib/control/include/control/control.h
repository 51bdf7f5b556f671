/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "backend/backend.h"
#include "base/err.h"
#include "l4/l4.h"
#include "l7/l7.h"
#include "neigh/neigh.h"
#include "runtime/core.h"
#include "service/snapshot.h"
#include "stats/stats.h"

/*
 * The stats socket and its commands, on the control thread. What the commands act on is reached
 * through this table, which app/penstock fills in: this module knows no threads and no DPDK ports.
 */
struct control_port_info {
	const char *name;
	const char *device;
	const char *driver;
	const char *parent; /* the port that carries it as a VLAN; NULL: none */
	uint16_t vlan;      /* 0: none */
	const char *bond;   /* the bond whose member it is; NULL: none */
	const char *role;   /* of a member in its bond, or the mode of a bond; NULL: neither */
	const char *lacp;   /* of a member; NULL: without LACP */
	uint8_t partner[6]; /* with lacp: the system at the other end; zero: none */
	uint64_t failovers; /* off this member; of a bond: off all */
	uint8_t mac[6];
	uint16_t mtu;
	bool is_up;
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_errors;
};

struct control_worker;
struct tls_staple;
struct tls_store;
struct control;

struct control_ops {
	const struct snapshot *(*snapshot)(void *ctx);
	/* Loads the file again and publishes. On failure nothing changed; errors are words for
	 * the client, one a line. */
	int (*reload)(void *ctx, struct config_errors *errors);
	/* Reads and checks a file as reload would, and does nothing with it: the caller's, for
	 * config_destroy(), or NULL with words in errors. */
	struct config *(*config_read)(void *ctx, const char *path, struct config_errors *errors);
	/* A member's state or weight was changed: rebuild its pool and publish. */
	int (*pool_changed)(void *ctx, unsigned pool_index);
	/* The certificates in use, borrowed until the next call of anything here. */
	const struct tls_store *(*certificates)(void *ctx);
	/* Publishes the running configuration with these, which it takes over, also on failure. */
	int (*certificates_replace)(void *ctx, struct tls_store *store, struct err *err);
	/* Destroys it when no worker can be reading it any more. */
	void (*staple_retire)(void *ctx, struct tls_staple *staple);
	/* Worker threads, 0..core_count-1. NULL past the end. */
	const struct core *(*core)(void *ctx, unsigned index);
	/* Runs fn(arg) on a worker's own thread between two turns of its loop and waits, at most
	 * timeout_ms. 0, or -ETIMEDOUT: then fn is not running and never will. */
	int (*call)(void *ctx, unsigned core, void (*fn)(struct control_worker *worker, void *arg),
		void *arg, unsigned timeout_ms);
	/* false past the last port. */
	bool (*port)(void *ctx, unsigned index, struct control_port_info *info);
	uint64_t (*now_us)(void *ctx);
	/* A new file for what a command writes, open for writing; -errno otherwise. NULL: none may
	 * be made. */
	int (*file_create)(void *ctx, const char *path);
	/* Ends the process in order. */
	void (*shutdown)(void *ctx);
};

/* What a call on a worker's thread may look at; l4, l7, neigh: NULL where the worker has none. */
struct control_worker {
	struct core *core;
	const struct l4_core *l4;
	const struct l7_core *l7;
	const struct neigh *neigh;
	uint64_t now_us;
};

struct access_log;
struct rte_mempool;

struct control_params {
	const struct control_ops *ops;
	void *ctx;
	struct stats_registry *stats;    /* borrowed */
	struct access_log *access;       /* borrowed; NULL: nothing was kept */
	const struct rte_mempool *mbufs; /* packet buffers; borrowed; NULL: not counted */
	uint64_t started_us;
};

/*
 * Opens the Unix socket (config->stats: path, mode, group), replacing a stale one. The caller
 * polls control_fd() for reading and calls control_poll(). NULL on error.
 */
struct control *control_create(
	const struct control_params *params, const struct config *config, struct err *err);
void control_destroy(struct control *control); /* removes the socket file */

/* An epoll descriptor that is readable when control_poll() has work. */
int control_fd(const struct control *control);
void control_poll(struct control *control);

/* Runs one command line as the socket would and prints its answer; for tests. */
void control_run(struct control *control, const char *line, FILE *out);

#endif
