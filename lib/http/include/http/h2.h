/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include "http/message.h"

/*
 * HTTP/2 (RFC 9113) over nghttp2: one connection, bytes in and bytes out, in the messages of
 * http/message.h. No I/O, no clock; memory comes from the owner. What happened to streams is
 * fetched by h2_next_ready(), so nothing of the owner's is ever called in the middle of a frame.
 * A session and its streams belong to one thread.
 */
struct h2_session;
struct h2_stream;

enum h2_role {
	H2_SERVER, /* toward clients: requests come in */
	H2_CLIENT, /* toward members: responses come in */
};

enum h2_failure {
	H2_FAILED_NOT,
#define H2_FAILURE(name, help) H2_FAILED_##name,
#include "http/h2_failure.def"
#undef H2_FAILURE
	H2_FAILURE_COUNT,
};
const char *h2_failure_name(enum h2_failure failure);

/* What a peer may do in H2_BUDGET_US; beyond it the connection ends with ENHANCE_YOUR_CALM. */
#define H2_BUDGET_US 10000000
struct h2_budgets {
	unsigned resets;         /* RST_STREAM */
	unsigned errors;         /* streams that it made us reset */
	unsigned continuations;  /* in one header section */
	unsigned settings;       /* SETTINGS */
	unsigned pings;          /* PING, and one more for each DATA frame that we sent */
	unsigned priorities;     /* PRIORITY, PRIORITY_UPDATE, and 4 more for each stream */
	unsigned window_updates; /* WINDOW_UPDATE, and 8 more for each DATA frame that we sent */
	unsigned empty_frames;   /* DATA without a byte; nghttp2 skips unknown frames unseen */
};

struct h2_params {
	enum h2_role role;
	struct http_limits limits; /* of each message */
	struct h2_budgets budgets;
	unsigned max_streams;       /* at once, of the peer's; H2_CLIENT: of ours until it says */
	bool takes_websocket;       /* H2_SERVER: CONNECT for WebSocket, RFC 8441 */
	uint32_t stream_window;     /* bytes of a body that may wait here */
	uint32_t connection_window; /* the same over all streams; at least 65535 */
	/* As realloc(), with free() for len 0. */
	void *(*memory)(void *ctx, void *object, size_t len);
	/* There is output, or a stream with news. May be called at any time, must only take note.
	 */
	void (*wake)(void *ctx);
	/* A message was refused that h2_next_ready() will not tell of. */
	void (*refused)(void *ctx, enum http_refusal refusal);
	void *ctx;
};

/* params are copied. NULL when memory is short. SETTINGS wait for h2_output() at once. */
struct h2_session *h2_session_create(const struct h2_params *params);

/* All streams are gone with it, whoever held them. NULL is fine. */
void h2_session_destroy(struct h2_session *session);

/* Bytes from the peer: all are taken. False when the session has failed: output may be left. */
bool h2_receive(struct h2_session *session, const char *data, size_t len, uint64_t now_us);

/* The next stream with something new to read, to write or to be told, or NULL. */
struct h2_stream *h2_next_ready(struct h2_session *session);

/* The next bytes for the peer, in one piece, until h2_output_take() took them all; 0: none. */
size_t h2_output(struct h2_session *session, const char **data);
void h2_output_take(struct h2_session *session, size_t len);

/* Nothing will be read or written any more: close the connection. */
bool h2_is_done(const struct h2_session *session);
enum h2_failure h2_failure(const struct h2_session *session);

/* Streams that either side has not ended yet, or whose owner has not closed them. */
unsigned h2_stream_count(const struct h2_session *session);

/* In the middle of a header section. */
bool h2_is_in_head(const struct h2_session *session);

/* The peer's GOAWAY came, or stream ids are used up: no new stream here. */
bool h2_is_going(const struct h2_session *session);

/* H2_CLIENT: the peer's first SETTINGS came; and it takes CONNECT with :protocol, RFC 8441 3. */
bool h2_has_settings(const struct h2_session *session);
bool h2_takes_connect(const struct h2_session *session);

/* H2_CLIENT: how many more streams the peer takes now. */
unsigned h2_free_streams(const struct h2_session *session);

/*
 * RFC 9113 6.8: tells the peer to stop; streams that are on their way are still taken. The second
 * call fixes the last one; the session is done with the last stream.
 */
void h2_drain(struct h2_session *session);
void h2_drain_finish(struct h2_session *session);
/* The peer has seen the first GOAWAY. */
bool h2_is_drain_seen(const struct h2_session *session);

/* A stream's owner: NULL until set. */
void *h2_stream_owner(const struct h2_stream *stream);
void h2_stream_set_owner(struct h2_stream *stream, void *owner);
struct h2_session *h2_stream_session(const struct h2_stream *stream);
/* It had an owner before. */
bool h2_is_told(const struct h2_stream *stream);

/* As h1_next(). *body stays valid until h2_take(). */
enum http_event h2_next(struct h2_stream *stream, struct http_span *body);

/* As h1_limit_body(). */
void h2_limit_body(struct h2_stream *stream, uint64_t bytes);

/* The first len bytes of the last HTTP_EVENT_BODY have gone on: the peer may send as many again. */
void h2_take(struct h2_stream *stream, size_t len);

const struct http_head *h2_head(const struct h2_stream *stream);
enum http_refusal h2_refusal(const struct h2_stream *stream);
const struct http_field *h2_trailers(const struct h2_stream *stream, unsigned *count);

/* A part of the response has come. */
bool h2_has_begun(const struct h2_stream *stream);

/* All of the peer's message has come, whether it was read or not. */
bool h2_is_ended(const struct h2_stream *stream);

/* It was cut by either side: after HTTP_EVENT_MORE nothing comes any more. */
bool h2_is_cut(const struct h2_stream *stream);
/* The peer never worked on it (REFUSED_STREAM, or above GOAWAY): it may be sent again. */
bool h2_is_unprocessed(const struct h2_stream *stream);

/*
 * Heads on the way out, through the same filter as HTTP/1's. is_last: no body, no trailers. 0 or
 * -EINVAL for a head that cannot be sent. On a stream that is cut they do nothing.
 */
int h2_send_response(struct h2_stream *stream, const struct http_head *head,
	const struct http_write_options *options, bool is_last);
/* NULL when memory is short or nothing more can be opened. */
struct h2_stream *h2_send_request(struct h2_session *session, const struct http_head *head,
	const struct http_write_options *options, bool is_last);

/* Bytes of a body that would be taken now. */
size_t h2_send_room(const struct h2_stream *stream);
/* Returns how many bytes of the body were taken; after fewer than given the stream gets ready. */
size_t h2_send_body(struct h2_stream *stream, const char *data, size_t len);
/* Trailers may be NULL; they are copied. */
void h2_send_end(struct h2_stream *stream, const struct http_field *trailers, unsigned count);

/* Bytes taken and not yet put in frames. */
size_t h2_unsent(const struct h2_stream *stream);
/* Everything is in frames, its end too, or never will be. When it comes, the stream gets ready. */
bool h2_is_sent(const struct h2_stream *stream);

enum h2_code {
	H2_NO_ERROR = 0,
	H2_INTERNAL_ERROR = 2,
	H2_REFUSED_STREAM = 7,
	H2_CANCEL = 8,
};

/* The owner is done with it. RST_STREAM with the code unless both sides have ended it. */
void h2_stream_close(struct h2_stream *stream, enum h2_code code);

#endif
