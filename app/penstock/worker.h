/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include <rte_ring.h>

#include "app.h"
#include "base/rng.h"
#include "control/control.h"
#include "health/health.h"
#include "l4/flood.h"
#include "l4/l4.h"
#include "l7/l7.h"
#include "neigh/neigh.h"
#include "packet/packet.h"

#define WORKER_RING_SLOTS 1024

/* What travels between two cores; each kind has a ring of its own per pair. */
enum worker_ring {
	WORKER_RING_L4,       /* parsed frames whose connection table is the receiver's */
	WORKER_RING_L7,       /* parsed frames for the receiver's TCP stack */
	WORKER_RING_FRAGMENT, /* parsed fragments whose datagram is gathered by the receiver */
	WORKER_RING_OUT,      /* IP packets to route and send */
	WORKER_RING_FRAME,    /* whole frames for the port in mbuf->port: the sender has no queue */
	WORKER_RING_KINDS,
};

/* A learned neighbor on its way to the other L4 workers. */
struct neigh_news {
	struct ip_addr addr;
	uint8_t mac[6];
	uint8_t port;
	uint8_t unused;
};

/* A function that the control thread wants to run here, one at a time. */
struct worker_call {
	void (*fn)(struct control_worker *worker, void *arg);
	void *arg;
	atomic_uint state; /* CALL_x of worker.c */
};

/* What a worker counts of a VLAN, whose device counts for all of them. */
struct worker_vlan {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
};

/* One poll-mode thread: an L4 worker, an L7 worker, or both. Owned by its core. */
struct worker {
	struct core core;
	struct app *app;
	const struct snapshot *snapshot; /* of this turn */
	uint64_t now_us;
	uint64_t turn_tsc;          /* end of the last turn */
	uint64_t idle_since_us;     /* first empty turn in a row; 0: busy */
	uint64_t config_generation; /* adopted */
	bool is_draining;
	struct l4_core *l4;
	struct neigh *neigh;
	struct l7_core *l7;
	struct health_core *health;
	struct port_tx tx[APP_DEVICES_MAX];
	bool has_queue[APP_DEVICES_MAX];
	const struct rss *rss[NEIGH_PORTS_MAX];    /* NULL: not known, or no queue is ours */
	struct worker_vlan vlans[NEIGH_PORTS_MAX]; /* of ports that are VLANs */
	uint64_t kernel_since_us;  /* start of the window in which frames to the kernel count */
	unsigned kernel_in_window; /* handed to the kernel since */
	uint16_t l4_pending;       /* gathered for l4_run() */
	uint16_t l7_pending;
	struct rte_mbuf *l4_pkts[L4_BURST_MAX];
	const struct service *l4_services[L4_BURST_MAX];
	struct rte_mbuf *l7_pkts[L4_BURST_MAX];
	struct rte_ring *in[RUNTIME_WORKERS_MAX][WORKER_RING_KINDS]; /* by sender; NULL: none */
	struct rte_ring *news[RUNTIME_WORKERS_MAX];                  /* by sender */
	struct rte_ring *results;                     /* struct health_result, to control */
	struct flood_gate gates[RUNTIME_WORKERS_MAX]; /* before the rings to others, by receiver */
	struct worker_call call;
	atomic_bool is_running;
};

/* Created by the control thread before the threads start. NULL on error. */
struct worker *worker_create(struct app *app, unsigned index, struct err *err);
void worker_destroy(struct worker *worker);

/*
 * No worker runs any more: ends the connections that are left. Their last packets go by other
 * workers, so it is done for all of them before the first one is destroyed. Main thread.
 */
void worker_cut(struct worker *worker);

/* Makes the rings between all workers, once all are there. 0 or -ENOMEM. */
int workers_connect(struct app *app, struct err *err);

/* The thread: runs until app->must_stop. lcore function. */
int worker_main(void *worker);

/* Control thread: runs fn on the worker between two turns. 0 or -ETIMEDOUT. */
int worker_run(struct worker *worker, void (*fn)(struct control_worker *worker, void *arg),
	void *arg, unsigned timeout_ms);

/* dispatch.c: who owns a packet, and how it gets there. */
void dispatch_frames(struct worker *w, unsigned port, struct rte_mbuf **frames, uint16_t count);
unsigned dispatch_rings(struct worker *w);
void dispatch_flush(struct worker *w);
/* Sends what is due on the L4 side. */
void dispatch_l4_advance(struct worker *w);

/*
 * trunk.c: frames of a port that carries VLANs, or that has one with a tag all the same, each to
 * the port that its VLAN is. trunk_tag() is the way back: the number of the port whose device sends
 * the frame, or -1 when it was dropped.
 */
void trunk_frames(struct worker *w, unsigned port, struct rte_mbuf **frames, uint16_t count);
int trunk_tag(struct worker *w, unsigned port, struct rte_mbuf *frame);

/*
 * exception.c: the way to and from the kernel's interface beside a port. exception_refuse() ends a
 * frame that is not the appliance's: the kernel gets it, or it is dropped for this reason.
 * exception_copy() gives the kernel its copy of what neighbors answer; m stays the caller's.
 */
void exception_refuse(struct worker *w, unsigned port, struct rte_mbuf *m, enum drop_reason reason);
void exception_copy(struct worker *w, unsigned port, struct rte_mbuf *m);
void exception_return(struct worker *w, unsigned device, struct rte_mbuf **frames, uint16_t count);

/* Output side, callbacks of neigh and l7. ctx is the worker. */
void dispatch_transmit(void *ctx, unsigned port, struct rte_mbuf *frame);
void dispatch_share(void *ctx, unsigned port, const struct ip_addr *addr, const uint8_t mac[6]);
void dispatch_output(void *ctx, struct rte_mbuf *m);

#endif
