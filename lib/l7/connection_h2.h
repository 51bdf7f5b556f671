/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECTION_H2_H
#define CONNECTION_H2_H

#include "connection.h"
#include "mux.h"

/*
 * What a client's connection has in addition when it speaks HTTP/2: many streams at once, each
 * routed, balanced and timed on its own. The connection's own deadline is for times without one.
 */
struct connection_h2 {
	struct mux mux;
	struct connection *connection;
	LIST_HEAD(, stream) streams;
	bool is_idle; /* no streams: idle_timeout_ms runs */
	bool is_draining;
	bool is_in_head; /* in a header section: header_timeout_ms runs */
};

enum connection_version { CONNECTION_IS_H1, CONNECTION_IS_H2, CONNECTION_MAY_BE_H2 };

/* The client chose HTTP/2 by ALPN. */
bool connection_h2_is_chosen(const struct connection *connection);

/* By the first bytes of a plain connection (RFC 9113 3.3, prior knowledge). */
enum connection_version connection_h2_detect(const struct connection *connection);

/* 0 or -ENOMEM. */
int connection_h2_open(struct connection *connection);
void connection_h2_run(struct connection *connection);
void connection_h2_on_deadline(struct connection *connection);

/* GOAWAY: streams that are on their way are still served. */
void connection_h2_drain(struct connection *connection);

/* All its streams end. Fine without HTTP/2. */
void connection_h2_abandon(struct connection *connection, bool is_by_client);
/* At the end of a turn, after its streams were freed. */
void connection_h2_free(struct connection *connection);

#endif
