/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/rng.h"
#include "runtime/core.h"
#include "tcp/tcp.h"

/*
 * Losses in bursts (Gilbert 1960, Elliott 1963): each direction is in a good or a bad state, and
 * moves before each packet by these chances. A burst ends by time as well, or a sender in trouble,
 * that sends ever more seldom, would never see its end.
 */
struct sim_bursts {
	uint32_t begin_permille;
	uint32_t end_permille;
	uint32_t loss_permille; /* while it lasts */
	uint32_t longest_us;
};

/*
 * Two TCP stacks on a bad link, in virtual time: all that happens follows from the seed.
 */
struct sim_link {
	uint32_t loss_permille;
	uint32_t ack_loss_permille; /* of segments without payload */
	struct sim_bursts bursts;
	uint32_t duplicate_permille;
	uint32_t corrupt_permille;
	uint32_t reorder_permille;
	uint32_t reorder_us;    /* so much later at most */
	uint32_t delay_us;      /* one way */
	uint32_t bytes_per_ms;  /* 0: no limit */
	uint32_t queue_bytes;   /* before the bottleneck; more is dropped */
	uint32_t mtu;           /* larger packets vanish; 0: none does */
	uint64_t mtu_from_us;   /* after the start; until then all fit */
	bool tells_mtu;         /* by ICMP, else it is a black hole */
	uint32_t mark_permille; /* of packets that take it: a congestion mark (RFC 3168) */
	uint32_t batch_us; /* the receiver looks only so often: what came meanwhile comes at once */
	bool strips_options; /* a middlebox that lets only the MSS of a SYN through */
};

struct sim_frame {
	struct sim_frame *next;
	uint64_t at_us;
	unsigned to;
	bool is_too_big; /* an ICMP error about the packet in bytes, which 'to' sent */
	uint32_t len;
	uint8_t bytes[];
};

struct sim;

struct sim_host {
	struct sim *sim;
	unsigned index;
	struct tcp_stack *stack;
	struct core core;
	struct ip_addr address;
	bool is_in_burst;      /* what it sends is being lost */
	uint64_t burst_end_us; /* at the latest */
	uint64_t link_free_us; /* when the bottleneck will have sent what it holds */
	void *app;
};

struct sim_app_ops {
	int (*accept)(void *app, struct tcp_conn *conn);
	/* Called once a turn; returns when it wants to be called next. */
	uint64_t (*poll)(void *app, uint64_t now_us);
	bool (*is_done)(void *app);
};

struct sim {
	uint64_t now_us;
	struct rng rng;
	struct sim_link link;
	struct sim_host hosts[2]; /* 0: client, 1: server */
	struct sim_frame *frames; /* by time */
	const struct sim_app_ops *ops;
	uint64_t frames_sent;
	uint64_t frames_lost;
	bool is_blocked;  /* nothing gets through */
	uint64_t turn_us; /* the last turn's time; now_us is that of the next event already */
	uint64_t steps;
};

#define SIM_PORT 80

struct sim_params {
	uint64_t seed;
	struct sim_link link;
	bool is_v6;
	struct tcp_params tcp;        /* what is set here overrides the defaults */
	struct rte_mempool *mbufs[2]; /* NULL: the tests' common pool */
	const struct sim_app_ops *ops;
	void *apps[2];
};

void sim_start(struct sim *sim, const struct sim_params *params);

/* Turns until both applications are done; false: not by then. */
bool sim_run(struct sim *sim, uint64_t until_us);

/* Lets time pass, applications done or not. */
void sim_pass(struct sim *sim, uint64_t until_us);
void sim_stop(struct sim *sim);

#endif
