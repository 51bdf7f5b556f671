/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_L7_H
#define L7_L7_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/config.h"
#include "runtime/core.h"
#include "service/snapshot.h"
#include "tcp/tcp.h"

/*
 * A listener as the configuration has it: routing table, limits, one TLS context per L7 worker.
 * Immutable but for its count of users; control builds and frees it, through rcu_defer() with
 * l7_listener_is_idle().
 */
struct l7_listener;
struct tls_certificate;
struct tls_store;

/*
 * certificates: the configuration's, in its order; may be NULL without TLS. before: the listener
 * of the same name in the running configuration, or NULL: its ticket keys go on, unless they come
 * from a file.
 */
struct l7_listener *l7_listener_create(const struct config_service *service,
	const struct tls_store *certificates, unsigned worker_count,
	const struct l7_listener *before, struct err *err);
void l7_listener_destroy(struct l7_listener *listener);

/*
 * Reads the files of a certificate, OCSP answer and issuer among them: an answer that nobody may
 * get any more is logged. NULL on error. Control thread.
 */
struct tls_certificate *l7_certificate_load(const struct config_certificate *from, struct err *err);
/* Those of all certificates of a configuration. NULL on error. Control thread. */
struct tls_store *l7_certificates_load(const struct config *config, struct err *err);
bool l7_listener_is_idle(const struct l7_listener *listener);

/* A pool of a route's split. */
struct l7_split {
	char route[64]; /* its name, or "#N", counted from 1 in the order of the file */
	unsigned pool;  /* index into the configuration's pools */
	uint32_t weight;
	uint32_t file_weight;
};

/* The splits' pools of all routes, one after the other; false past the last. Control thread. */
bool l7_split_at(const struct l7_listener *listener, unsigned index, struct l7_split *split);

/* Another weight, until the next configuration; workers see it with their next requests. */
void l7_split_set(struct l7_listener *listener, unsigned index, uint32_t weight);

/*
 * TLS toward the members of a pool that has it: a context per L7 worker. Control builds and frees
 * it, as a listener; idle when no connection to a member uses it.
 */
struct l7_pool_tls;
struct tls_context;

struct l7_pool_tls *l7_pool_tls_create(const struct config *config, const struct config_pool *pool,
	unsigned worker_count, struct err *err);
void l7_pool_tls_destroy(struct l7_pool_tls *tls);
bool l7_pool_tls_is_idle(const struct l7_pool_tls *tls);

/* The context of an L7 worker's health checks. That worker. */
struct tls_context *l7_pool_tls_checks(const struct l7_pool_tls *tls, unsigned worker);

/* HTTP side of one L7 worker: connections, streams, upstream connections. One owner core. */
struct l7_core;

struct l7_params {
	struct core *core; /* borrowed */
	struct rte_mempool *mbufs;
	struct steer_slice ports; /* local ports for upstream connections */
	/* An IP packet to send, starting at its IP header: to the port's L4 worker. */
	void (*output)(void *ctx, struct rte_mbuf *m);
	void *output_ctx;
	bool large_output; /* it takes several segments as one: tcp_params.large_output */
	uint32_t max_connections;
	uint64_t secret[2];
	uint64_t seed;                /* of choices that need no secret */
	const struct config_tcp *tcp; /* borrowed for the call; NULL: the stack's defaults */
	struct access_ring *access;   /* for records of requests; NULL: none are made */
	uint32_t mbufs_max;           /* TCP's share of the pool; 0: the stack's default */
};

struct l7_counters {
#define COUNTER(name, help) uint64_t name;
#include "l7/l7.def"
#undef COUNTER
};
extern const struct stats_set l7_stats_set;

/* How requests ended: 502, 503 and 504 told apart by their reason. */
enum l7_ending {
#define ENDING(name, code, help) L7_ENDED_##name,
#include "l7/ending.def"
#undef ENDING
	L7_ENDING_COUNT,
};
extern const struct stats_set l7_ending_stats_set;

struct l7_core *l7_core_create(const struct l7_params *params, uint64_t now_us, struct err *err);
void l7_core_destroy(struct l7_core *l7);
const struct l7_counters *l7_counters(const struct l7_core *l7);

/* Refusals by enum http_refusal, HTTP_REFUSAL_COUNT words. */
const uint64_t *l7_refusal_counts(const struct l7_core *l7);
extern const struct stats_set l7_refusal_stats_set;

/* Requests by enum l7_ending, L7_ENDING_COUNT words. */
const uint64_t *l7_ending_counts(const struct l7_core *l7);

/* "complete", and the pair of letters: see ending.def. */
const char *l7_ending_name(enum l7_ending ending);
const char *l7_ending_code(enum l7_ending ending);

/* The worker's own stack: health probes share it, tcp_counters() and tcp_dump() read it. */
struct tcp_stack *l7_tcp(const struct l7_core *l7);

/* The snapshot of this turn of the loop. Call first in every turn. */
void l7_begin(struct l7_core *l7, const struct snapshot *snapshot, uint64_t now_us);

/* Parsed TCP packets owned by this worker. Takes ownership. */
void l7_input(struct l7_core *l7, struct rte_mbuf **pkts, uint16_t count, uint64_t now_us);

/* Timers and output. Call last in every turn. */
void l7_advance(struct l7_core *l7, uint64_t now_us);

/* Shutting down: no new connections, keep-alive ends with the current response. */
void l7_drain(struct l7_core *l7, uint64_t now_us);

/* Client connections now: drained when 0. */
uint32_t l7_conn_count(const struct l7_core *l7);

/* A client connection for "show conns". */
struct l7_conn_row {
	struct tcp_info tcp;
	char service[32];
	char member[56];  /* endpoint of the upstream, or "" */
	char request[96]; /* method and path now, or "" */
	uint64_t requests;
	uint32_t age_ms;
};
unsigned l7_conn_dump(const struct l7_core *l7, uint32_t *cursor, struct l7_conn_row *rows,
	unsigned max, uint64_t now_us);

#endif
