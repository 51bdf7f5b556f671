/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MUX_H
#define MUX_H

#include <stdbool.h>
#include <sys/queue.h>

#include "conf/config.h"
#include "heap.h"
#include "http/h2.h"
#include "transport.h"

struct l7_core;
struct mux;

struct mux_ops {
	/* A stream has news. */
	void (*on_ready)(struct mux *mux, struct h2_stream *stream);
	/* All that could be read and written was: is it time to close, or to wait? */
	void (*on_rest)(struct mux *mux);
};

/*
 * HTTP/2 over a transport, of a client's or an upstream connection. What streams do only takes
 * note that there is output; it is written at the end of the turn, many frames at once.
 */
struct mux {
	struct l7_core *l7;
	struct transport *transport;
	struct h2_session *session;
	const struct mux_ops *ops;
	struct heap_account account;
	uint64_t received_us; /* when bytes came last */
	bool is_over;         /* the owner's connection is done with HTTP/2 */
	bool is_scheduled;
	bool is_failure_counted;
	TAILQ_ENTRY(mux) link;
};

struct mux_params {
	enum h2_role role;
	const struct http_limits *limits;
	const struct config_h2 *config;
	const struct mux_ops *ops;
	bool takes_websocket; /* of clients */
};

/* transport is borrowed. 0 or -ENOMEM. */
int mux_open(struct mux *mux, struct l7_core *l7, struct transport *transport,
	const struct mux_params *params);

/* Frees the session and all its streams; twice is fine. Never from inside mux_run(). */
void mux_close(struct mux *mux);

/* Reads, tells streams, writes, as long as anything moves. */
void mux_run(struct mux *mux);

/* Why the session failed is counted once. */
void mux_count_failure(struct mux *mux);

/* Runs those with output, at the end of a turn. */
void mux_run_list(struct l7_core *l7);

#endif
