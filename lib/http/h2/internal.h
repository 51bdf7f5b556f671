/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H2_INTERNAL_H
#define HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "http/h2.h"

/* Trailers of one message. */
#define TRAILERS_MAX 32
/* 1xx heads ahead of one response. */
#define INTERIM_MAX 16
/* A header section that unpacks to so many times its limit ends the connection. */
#define BOMB_FACTOR 4
/* Of a body on its way out, for each stream: two frames' worth. */
#define SEND_QUEUE_BYTES 32768

#define QUEUE_NODE_BYTES 4096

struct h2_node {
	struct h2_node *next;
	size_t at, used;
	char data[QUEUE_NODE_BYTES - 3 * sizeof(size_t)];
};

/* Bytes in the order that they came, packed: many small pieces cost no more than one. */
struct h2_queue {
	struct h2_node *head, *tail;
	size_t len;
};

/* A header section that was read: the head with as many fields as it has, and its bytes. */
struct h2_block {
	STAILQ_ENTRY(h2_block) link;
	struct http_head *head;
};

STAILQ_HEAD(h2_blocks, h2_block);

/* A header section that is being read. RFC 9113 6.10: there is one at most on a connection. */
struct h2_assembly {
	struct http_head head;
	struct http_span scheme;
	struct http_span host; /* of the Host field */
	size_t bytes;          /* unpacked, whether kept or not */
	unsigned fields;
	bool is_trailer;
	bool is_response;
	enum http_refusal refusal;
	size_t size, used;
	char buffer[];
};

enum h2_kind {
	KIND_RESET,
	KIND_ERROR,
	KIND_SETTINGS,
	KIND_PING,
	KIND_PRIORITY,
	KIND_WINDOW_UPDATE,
	KIND_EMPTY,
	KIND_COUNT,
};

struct h2_flood {
	uint64_t since_us;
	unsigned counts[KIND_COUNT];
	unsigned data_sent;
	unsigned streams;
};

struct h2_session {
	nghttp2_session *nghttp2;
	struct h2_params params;
	enum h2_failure failure;
	uint64_t now_us;
	unsigned stream_count;
	bool is_terminated;
	bool is_going;
	bool has_settings;
	bool is_draining, is_drain_seen, is_drain_final;
	struct h2_flood flood;
	struct h2_assembly *assembly;
	const uint8_t *out;
	size_t out_len;
	TAILQ_HEAD(h2_ready, h2_stream) ready;
	LIST_HEAD(, h2_stream) streams;
};

struct h2_stream {
	struct h2_session *session;
	void *owner;
	int32_t id;
	bool is_ready;
	bool is_known;  /* told of to the owner, or opened by it */
	bool is_told;   /* has or had an owner */
	bool is_closed; /* nghttp2 is done with it */
	bool is_cut;
	bool is_unprocessed;
	bool is_left;       /* the owner is done with it */
	bool is_remote_end; /* the last byte came */
	bool has_head;      /* the request's, or the final response's: trailers are next */
	bool has_length;    /* Content-Length said how long the body is */
	bool is_reset_by_us;
	bool is_end_told;
	bool is_tunnel;       /* CONNECT: its bytes are no body, and have no limit */
	bool is_head_request; /* responses to it have no body */
	bool is_send_end;     /* h2_send_end() was called */
	bool is_sent;         /* END_STREAM is in a frame */
	bool has_data_source;
	bool is_deferred; /* nghttp2 waits for bytes of the body */
	bool is_blocked;  /* the owner waits for space */
	unsigned interim_count;
	enum http_refusal refusal;
	uint64_t body_total;
	uint64_t body_limit;     /* 0: the session's */
	struct h2_blocks blocks; /* heads that the owner has not seen */
	struct h2_block *current;
	struct h2_block *trailers;      /* received */
	struct h2_block *send_trailers; /* to be sent */
	struct h2_queue in, out;
	TAILQ_ENTRY(h2_stream) ready_link;
	LIST_ENTRY(h2_stream) link;
};

void *h2_alloc(struct h2_session *session, size_t len);
void h2_free(struct h2_session *session, void *object);

/* queue.c. Returns how many bytes were taken: fewer when memory is short. */
size_t h2_queue_put(
	struct h2_session *session, struct h2_queue *queue, const char *data, size_t len);
/* The first piece. */
size_t h2_queue_peek(const struct h2_queue *queue, const char **data);
void h2_queue_take(struct h2_session *session, struct h2_queue *queue, size_t len);
void h2_queue_clear(struct h2_session *session, struct h2_queue *queue);

/* flood.c: counts one; the session is terminated beyond the budget. */
void h2_flood_count(struct h2_session *session, enum h2_kind kind);

/* session.c */
void h2_fail(struct h2_session *session, enum h2_failure failure);
void h2_stream_ready(struct h2_stream *stream);
void h2_wake(struct h2_session *session);
struct h2_stream *h2_stream_create(struct h2_session *session, int32_t id);

/* head.c: a header section begins, gets a field, is complete. */
void h2_assembly_begin(struct h2_session *session, bool is_response, bool is_trailer);
void h2_assembly_field(struct h2_session *session, struct http_span name, struct http_span value);
void h2_assembly_drop(struct h2_session *session);
/* The section as a block of its own, or NULL with *refusal set. */
struct h2_block *h2_assembly_finish(struct h2_session *session, const struct h2_stream *stream,
	bool is_last, enum http_refusal *refusal);
struct h2_block *h2_block_create(struct h2_session *session, const struct http_head *head);
void h2_block_free(struct h2_session *session, struct h2_block *block);

#endif
