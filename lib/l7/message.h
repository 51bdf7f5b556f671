/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/objpool.h"
#include "http/h1.h"
#include "transport.h"

#define MESSAGE_HEAD_BYTES 16384                     /* of a head on its way in */
#define MESSAGE_OUT_BYTES  (MESSAGE_HEAD_BYTES + 2048) /* the same rewritten, and framing */

/*
 * A message coming in: a parser over a transport that takes bytes only as far as they found their
 * way out. A piece of a body that was parsed stays in the transport until inlet_take().
 */
struct inlet {
	struct transport *transport;
	struct h1_parser *parser;  /* NULL: none yet */
	void *memory;              /* parser and head buffer, from pool */
	struct objpool *pool;
	size_t body_len;           /* parsed, not taken yet: in front of the transport */
	size_t skip_len;           /* framing behind that */
};

/* Size of the objects that an inlet's pool must have. */
size_t inlet_memory_bytes(void);

/* 0 or -ENOMEM. */
int inlet_open(struct inlet *inlet, struct transport *transport, struct objpool *pool,
	enum h1_role role, const struct h1_limits *limits);
void inlet_close(struct inlet *inlet);

/* As h1_next() and, at the transport's end, h1_eof(). */
enum h1_event inlet_next(struct inlet *inlet, struct http_span *body);

/* The first len bytes of the last H1_BODY have gone on. */
void inlet_take(struct inlet *inlet, size_t len);

/*
 * A message going out. Heads and framing are taken whole: what the transport does not take waits
 * in a buffer that exists only then. Of bodies only what the transport takes is taken.
 */
struct outlet {
	struct transport *transport;
	struct objpool *pool;      /* objects of MESSAGE_OUT_BYTES */
	char *pending;
	uint32_t pending_at, pending_len;
	enum http_body framing;
	size_t chunk_left;         /* bytes announced and not written */
	bool is_failed;            /* no buffer: the message cannot go on */
};

void outlet_open(struct outlet *outlet, struct transport *transport, struct objpool *pool);
void outlet_close(struct outlet *outlet);

/* True when nothing waits: a body may follow. */
bool outlet_flush(struct outlet *outlet);
void outlet_put(struct outlet *outlet, const char *data, size_t len);

/* Returns how many bytes of the body were taken, 0 at least while something waits. */
size_t outlet_body(struct outlet *outlet, const char *data, size_t len);
void outlet_end(struct outlet *outlet);

#endif
