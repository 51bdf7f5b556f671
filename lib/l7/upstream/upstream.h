/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../mux.h"
#include "../transport.h"
#include "backend/backend.h"
#include "base/objpool.h"
#include "conf/config.h"
#include "runtime/wheel.h"
#include "tcp/tcp.h"

struct l7_core;
struct stream;

enum upstream_state {
	UPSTREAM_CONNECTING,
	UPSTREAM_BUSY,
	UPSTREAM_IDLE,   /* kept, without a stream */
	UPSTREAM_CLOSED, /* freed at the end of the turn */
};

/* A connection to a member. Counted in the member's counters as long as it is not CLOSED. */
struct upstream {
	struct transport transport;
	struct l7_core *l7;
	struct member *member;
	struct upstream_pool *pool;
	struct stream *stream; /* whose request it carries, or NULL */
	enum upstream_state state;
	bool was_reused;                           /* carried a request before this one */
	bool may_be_h2;                            /* the member chooses by ALPN */
	enum config_client_address client_address; /* how it tells of the client */
	bool is_connected;           /* TCP is; CONNECTING goes on with the TLS handshake */
	struct tls_context *context; /* TLS: whose; else NULL */
	uint64_t config_generation;  /* that it was made by */
	struct wheel_timer timer;    /* connecting over TLS; idle */
	uint32_t idle_timeout_ms;    /* of the pool, as the last request found it */
	uint32_t max_idle;
	TAILQ_ENTRY(upstream) idle_link;
	SLIST_ENTRY(upstream) dead_link;
	/* HTTP/2: this is one stream of a connection that others use too. */
	struct upstream_h2 *h2;
	struct h2_stream *h2_stream; /* NULL until the request is sent */
	enum h2_code h2_code;        /* what it is closed with, unless it ended by itself */
	bool is_waiting;             /* for the member's SETTINGS */
	uint64_t started_us;
	LIST_ENTRY(upstream) user_link;
};

/* A connection to a member that carries many requests: CONNECTING, BUSY (open) or CLOSED. */
struct upstream_h2 {
	struct mux mux;
	struct transport transport;
	struct member *member;
	struct upstream_pool *pool;
	enum upstream_state state;
	bool is_retired; /* carries what it has, and no more */
	bool is_connected;
	struct tls_context *context; /* as above */
	uint32_t user_count;
	uint32_t idle_timeout_ms;
	LIST_HEAD(, upstream) users;
	struct wheel_timer timer; /* connecting over TLS; idle */
	LIST_ENTRY(upstream_h2) link;
	SLIST_ENTRY(upstream_h2) dead_link;
};

/* The worker's connections to one member; there is one exactly while there are connections. */
struct upstream_pool {
	struct member *member;
	uint64_t generation; /* of the last snapshot in which the member was usable */
	uint32_t conn_count;
	uint32_t idle_count;
	TAILQ_HEAD(, upstream) idle; /* the last used first */
	LIST_HEAD(, upstream_h2) h2s;
	LIST_ENTRY(upstream_pool) link;
};

#define UPSTREAM_BUCKETS 1024

struct upstream_pools {
	LIST_HEAD(, upstream_pool) buckets[UPSTREAM_BUCKETS];
	struct objpool *pools;
	struct objpool *upstreams;
	struct objpool *h2s;
	SLIST_HEAD(, upstream) dead;
	SLIST_HEAD(, upstream_h2) dead_h2;
};

/* 0 or -ENOMEM. */
int upstream_pools_create(struct upstream_pools *pools, uint32_t max_connections);
void upstream_pools_destroy(struct upstream_pools *pools);

/* A new snapshot: kept connections to members that are gone or not usable end. */
void upstream_pools_refresh(struct l7_core *l7);

/* A new configuration: TLS connections that were made by the old one carry no further request. */
void upstream_pools_renew(struct l7_core *l7);

/* All kept connections end. */
void upstream_pools_close_idle(struct l7_core *l7);
void upstream_pools_free_dead(struct upstream_pools *pools);

/* The entry of a member, or NULL. */
struct upstream_pool *upstream_pool_find(struct l7_core *l7, const struct member *member);

/* The entry of a member, made when missing; NULL when memory is short. */
struct upstream_pool *upstream_pool_get(struct l7_core *l7, struct member *member);
void upstream_pool_put(struct upstream_pools *pools, struct upstream_pool *pool);

/*
 * A connection for a stream's request to a member of the current snapshot: a kept one if allowed
 * and there is one (BUSY), else a new one (CONNECTING). NULL when none can be opened.
 */
struct upstream *upstream_acquire(struct l7_core *l7, struct stream *stream, struct member *member,
	const struct config_pool *config, bool may_reuse);

/* Whether there is a connection that upstream_acquire() would give again. */
bool upstream_is_kept(
	struct l7_core *l7, const struct member *member, const struct config_pool *config);

/* The request is done. Kept for the next one if clean, or closed in order. */
void upstream_release(struct upstream *upstream, bool is_clean);

/* Cut off. */
void upstream_abort(struct upstream *upstream);

/* Nobody wants the answer any more, and the member is not to blame: HTTP/2: only the stream ends.
 */
void upstream_cancel(struct upstream *upstream);
void upstream_close(struct upstream *upstream);

/* The member said that it never looked at the request (HTTP/2): any method may be sent again. */
bool upstream_is_unprocessed(const struct upstream *upstream);

/* For the files of this folder: */
struct tcp_conn *upstream_connect(struct l7_core *l7, const struct member *member,
	const struct config_pool *config, const struct tcp_handler *handler, void *ctx);
struct upstream *upstream_h2_acquire(struct l7_core *l7, struct stream *stream,
	struct member *member, const struct config_pool *config, bool may_reuse);
/* Whether a request may go to the member over an HTTP/2 connection that is there. */
bool upstream_h2_has_room(
	struct l7_core *l7, const struct member *member, const struct tls_context *context);

/* The member chose HTTP/2: user's new connection becomes one for many requests. 0 or -ENOMEM. */
int upstream_h2_adopt(struct upstream *user);
void upstream_h2_leave(struct upstream *user, bool is_aborted);

/* Something came over it just now: an answer that is late says nothing about the connection. */
bool upstream_h2_is_lively(const struct upstream_h2 *h2);
void upstream_h2_close(struct upstream_h2 *h2);
void upstream_h2_free_dead(struct upstream_pools *pools);

/* This worker's context for members of a pool of the current snapshot; NULL: plain. */
struct tls_context *upstream_context(struct l7_core *l7, const struct config_pool *config);

/* Says whose connection it is, if its pool wants that: ahead of all else. 0 or -ENOMEM. */
int upstream_proxy_send(struct upstream *upstream);

/* Plain, or by context. 0 or -ENOMEM. */
int upstream_open_transport(struct l7_core *l7, struct transport *transport, struct tcp_conn *tcp,
	const struct member *member, struct tls_context *context);

/* TLS_OK, TLS_AGAIN or TLS_FAILED, which is counted then. needs_h2: any other protocol is none. */
enum tls_result upstream_handshake(struct l7_core *l7, const struct member *member,
	struct transport *transport, bool needs_h2);
bool upstream_is_h2_chosen(const struct transport *transport);

/* Closes what TLS failed on: the alert that says why is not lost to a reset. */
void upstream_close_failed(struct tcp_conn *tcp);

/* TLS with the member broke, in the handshake or later. */
bool upstream_has_tls_failed(const struct upstream *upstream);

/* Sends the stream's request and sets its outlet and inlet. 0, or < 0: it cannot be sent. */
int upstream_h2_request(struct stream *stream, const struct http_head *head,
	const struct http_write_options *options);

#endif
