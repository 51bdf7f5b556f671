/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf/config.h"
#include "packet/packet.h"
#include "runtime/wheel.h"
#include "service/service.h"
#include "tcp/tcp.h"
#include "tls/facts.h"
#include "transport.h"

struct connection_h2;
struct http_limits;
struct l7_core;
struct l7_listener;
struct stream;

/*
 * A client's connection, one request after another:
 *
 *	PROXY -> HANDSHAKE   the PROXY header is there; without one to come it starts there
 *	HELLO -> BUSY        passed through: the ClientHello is there, or none is looked for
 *	HANDSHAKE -> IDLE    TLS is done; without TLS it starts here
 *	IDLE -> BUSY         the first byte of a request
 *	IDLE -> MULTIPLEX    HTTP/2, by ALPN or by its first bytes: see connection_h2.h
 *	BUSY -> IDLE         answered, and the connection is kept
 *	BUSY, IDLE, MULTIPLEX -> FLUSH  no further request: the last bytes go out
 *	FLUSH -> LINGER      our FIN is queued; the client's is waited for, within bounds
 *	any -> CLOSED        over; freed at the end of the turn
 */
enum connection_state {
	CONNECTION_PROXY,
	CONNECTION_HELLO,
	CONNECTION_HANDSHAKE,
	CONNECTION_IDLE,
	CONNECTION_BUSY,
	CONNECTION_MULTIPLEX,
	CONNECTION_FLUSH,
	CONNECTION_LINGER,
	CONNECTION_CLOSED,
	CONNECTION_STATE_COUNT,
};

struct connection {
	struct transport transport;
	struct l7_core *l7;
	struct stream *stream;    /* HTTP/1: the request in progress, or NULL */
	struct connection_h2 *h2; /* HTTP/2, or NULL */
	enum connection_state state;
	bool is_runnable;
	struct wheel_timer timer; /* may fire early: deadline_us counts */
	uint64_t deadline_us;
	struct config_http_limits limits; /* of the listener at the last request */
	struct l7_listener *listener;     /* whose TLS context this uses; counted there */
	struct service_identity *identity;
	struct packet_tuple tuple; /* src: the client, as TCP or a PROXY header has it */
	uint32_t flow_hash;
	uint32_t source_hash;
	uint32_t slot;
	uint32_t linger_left; /* bytes still discarded after our FIN */
	uint64_t requests;
	uint64_t opened_us;
	uint64_t secured_us; /* the TLS handshake was done */
	TAILQ_ENTRY(connection) runnable_link;
	SLIST_ENTRY(connection) dead_link;
};

/* tcp_stack_ops.accept */
int connection_accept(struct l7_core *l7, struct tcp_conn *tcp);

/* Goes on as far as it can: there is something to read or space to write. */
void connection_run(struct connection *connection);

/* After work on its stream from elsewhere: hands gathered bytes on, ends it if TLS broke. */
void connection_settle(struct connection *connection);

/* From the stream: what its request turned out to be. */
void connection_next(struct connection *connection);   /* kept for the next request */
void connection_finish(struct connection *connection); /* closed in order */
void connection_abort(struct connection *connection);  /* cut: RST */

/* The time by which something must have happened; replaces what was set before. */
void connection_deadline(struct connection *connection, uint64_t timeout_ms);

/* What its requests may be like. */
void connection_read_limits(const struct connection *connection, struct http_limits *limits);

/* The service at the connection's address now, or NULL when it has gone. */
const struct service *connection_service(const struct connection *connection);
struct service_counters *connection_counters(const struct connection *connection);

/* Recomputes the hashes of its tuple. */
void connection_hash(struct connection *connection);

/* NULL without TLS. */
static inline const struct tls_facts *connection_facts(const struct connection *connection)
{
	return connection->transport.tls != NULL ? tls_facts_get(connection->transport.tls) : NULL;
}

/* Runs kept connections whose next request may be there already. */
void connection_run_list(struct l7_core *l7);

/* Idle connections end: all of them, or those whose service has gone. */
void connection_close_idle(struct l7_core *l7, bool all);

/* Freed for good, at the end of a turn. */
void connection_free(struct connection *connection);

#endif
