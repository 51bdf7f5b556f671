/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASSTHROUGH_H
#define PASSTHROUGH_H

#include <stddef.h>
#include <stdint.h>

#include "tls/hello.h"

struct connection;
struct stream;

/*
 * Connections that are passed on as they are. One is a stream without a message (is_raw): it is
 * routed by what its ClientHello asks for, gets a member as requests do, with all limits, queues
 * and tries, and is a tunnel from then on. Until a member is connected its bytes stay in TCP.
 */
enum passthrough_begin {
	PASSTHROUGH_MORE,    /* more must come */
	PASSTHROUGH_BEGUN,   /* connection->stream is set: it goes on as BUSY, to be refused too */
	PASSTHROUGH_EMPTY,   /* the client has gone without a word */
	PASSTHROUGH_STARVED, /* memory is short */
};

/* The connection's first bytes may be there. */
enum passthrough_begin passthrough_begin(struct connection *connection);

/* Its time is up before they were: counted and logged. It is cut by the caller. */
void passthrough_late(struct connection *connection);

/* The stream's head: chooses a member, or refuses what has no ClientHello. */
void passthrough_run(struct stream *stream);

/* The member is connected. */
void passthrough_open(struct stream *stream);

/* No member, or none wanted: an alert, or a reset where no TLS is known of. The stream is over. */
void passthrough_refuse(struct stream *stream);

/*
 * What the first bytes of a stream ask for: tls_hello_parse() within max_bytes. TOO_LONG when it
 * is not complete by then.
 */
enum tls_hello_result passthrough_judge(
	const uint8_t *data, size_t len, size_t max_bytes, struct tls_hello *hello);

#endif
