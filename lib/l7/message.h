/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/objpool.h"
#include "heap.h"
#include "http/h1.h"
#include "http/h2.h"
#include "transport.h"

#define MESSAGE_HEAD_BYTES 16384                       /* of a head on its way in */
#define MESSAGE_OUT_BYTES  (MESSAGE_HEAD_BYTES + 2048) /* the same rewritten, and framing */

/*
 * A message coming in, of either version. HTTP/1: a parser over a transport that takes bytes only
 * as far as they found their way out; a piece of a body that was parsed stays in the transport
 * until inlet_take(). HTTP/2: a stream, which keeps to the same by its window.
 */
struct inlet {
	struct transport *transport;
	struct h1_parser *parser; /* NULL: none yet */
	void *memory;             /* parser and head buffer, from pool */
	struct objpool *pool;
	size_t body_len; /* parsed, not taken yet: in front of the transport */
	size_t skip_len; /* framing behind that */
	bool is_raw;     /* no messages any more */
	bool is_end_told;
	struct http_head *kept; /* of the last message, once raw; from heap */
	struct heap *heap;
	struct heap_account *account;
	struct h2_stream *h2; /* instead of all that; borrowed */
};

/* Size of the objects that an inlet's pool must have. */
size_t inlet_memory_bytes(void);

/* 0 or -ENOMEM. */
int inlet_open(struct inlet *inlet, struct transport *transport, struct objpool *pool,
	enum h1_role role, const struct http_limits *limits);
/*
 * No message at all, as after inlet_become_raw(). head: copied for inlet_head(), or NULL: there is
 * none. 0 or -ENOMEM.
 */
int inlet_open_raw(struct inlet *inlet, struct transport *transport, const struct http_head *head,
	struct heap *heap, struct heap_account *account);
void inlet_open_h2(struct inlet *inlet, struct h2_stream *h2);
void inlet_close(struct inlet *inlet);

/*
 * What follows is no message: from here on inlet_next() tells only of pieces and of the peer's end.
 * The parser goes, and a copy of its head, as large as that is, stays for inlet_head(). HTTP/2 has
 * that by itself. 0 or -ENOMEM.
 */
int inlet_become_raw(struct inlet *inlet, struct heap *heap, struct heap_account *account);

/* As h1_next() and, at the transport's end, h1_eof(); or as h2_next(). */
enum http_event inlet_next(struct inlet *inlet, struct http_span *body);

/* The first len bytes of the last HTTP_EVENT_BODY have gone on. */
void inlet_take(struct inlet *inlet, size_t len);

/* The body of the request whose head is complete may have so many bytes. */
void inlet_limit_body(struct inlet *inlet, uint64_t bytes);

bool inlet_is_open(const struct inlet *inlet);
const struct http_head *inlet_head(const struct inlet *inlet);
enum http_refusal inlet_refusal(const struct inlet *inlet);
const struct http_field *inlet_trailers(const struct inlet *inlet, unsigned *count);

/* Nothing comes any more after HTTP_EVENT_MORE. */
bool inlet_is_eof(const struct inlet *inlet);

/* Between messages: what carries it can carry another one. */
bool inlet_is_idle(const struct inlet *inlet);

/*
 * A message going out. HTTP/1: heads and framing are taken whole, and what the transport does not
 * take waits in a buffer that exists only then; of bodies only what the transport takes is taken.
 * HTTP/2: a stream takes as much of a body as its queue has room for.
 */
struct outlet {
	struct transport *transport;
	struct objpool *pool; /* objects of MESSAGE_OUT_BYTES */
	char *pending;
	uint32_t pending_at, pending_len;
	enum http_body framing;
	size_t chunk_left; /* bytes announced and not written */
	bool is_failed;    /* no buffer: the message cannot go on */
	bool is_raw;       /* no messages any more: outlet_end() is the connection's end */
	bool is_ended;
	bool takes_trailers;  /* HTTP/1: its reader does */
	struct h2_stream *h2; /* instead of the transport; borrowed */
};

void outlet_open(struct outlet *outlet, struct transport *transport, struct objpool *pool);
void outlet_open_h2(struct outlet *outlet, struct h2_stream *h2);
void outlet_close(struct outlet *outlet);

/* True when nothing waits: a body may follow. */
bool outlet_flush(struct outlet *outlet);
/* True when the whole message is on its way. */
bool outlet_is_done(struct outlet *outlet);
void outlet_put(struct outlet *outlet, const char *data, size_t len);

/* A response's head, final or not; out is room to write it in. Its length, or < 0: cannot be sent.
 */
int outlet_response(struct outlet *outlet, const struct http_head *head,
	const struct http_write_options *options, char *out, size_t size);

/* What follows is no message: the bytes of outlet_body() go out as they are. */
void outlet_become_raw(struct outlet *outlet);

/* All of data, or nothing and false: it may wait for space. */
bool outlet_body_whole(struct outlet *outlet, const char *data, size_t len);

/* Returns how many bytes of the body were taken, 0 at least while something waits. */
size_t outlet_body(struct outlet *outlet, const char *data, size_t len);

/* Sends on what the last HTTP_EVENT_BODY of the inlet told of, as outlet_body() and inlet_take()
 * would, and between plain connections without copying it. Returns how many bytes went. */
size_t outlet_pass(struct outlet *outlet, struct inlet *inlet, struct http_span body);

/* Trailers pass to HTTP/2, and in chunks to who takes them. */
void outlet_end(struct outlet *outlet, const struct http_field *trailers, unsigned count);

#endif
