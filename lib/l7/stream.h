/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend/backend.h"
#include "identify.h"
#include "l7/l7.h"
#include "l7/route.h"
#include "message.h"
#include "resilience/replay.h"
#include "runtime/wheel.h"
#include "tcp/tcp.h"

struct connection;
struct hedge;
struct l7_core;
struct l7_listener;
struct route;
struct tunnel;
struct upstream;

/*
 * One request and its answer:
 *
 *	EXPECT_HEAD -> EXPECT_BODY          its route depends on its body, which is read first
 *	EXPECT_BODY -> as from EXPECT_HEAD  it is there, or cannot be read: routed again
 *	EXPECT_HEAD -> EXPECT_DELAY         routed, and late on purpose: goes on as from EXPECT_HEAD
 *	EXPECT_HEAD -> EXPECT_ROOM          routed, but no member has room for it
 *	EXPECT_ROOM -> EXPECT_HEAD          there is room: it is routed again
 *	EXPECT_HEAD -> EXPECT_CONNECT       routed, a new connection to the member is opened
 *	EXPECT_HEAD -> EXPECT_RESPONSE      routed, a kept connection took the request's head
 *	EXPECT_CONNECT -> EXPECT_RESPONSE   connected
 *	EXPECT_CONNECT, _RESPONSE -> as from EXPECT_HEAD   sent again
 *	EXPECT_RESPONSE -> EXPECT_END       the answer's head went on; its body follows
 *	EXPECT_END -> EXPECT_FLUSH          the answer is complete
 *	EXPECT_RESPONSE -> TUNNEL           the member agreed to another protocol: see tunnel.h
 *	TUNNEL -> EXPECT_FLUSH              both ends have ended
 *	EXPECT_HEAD, _BODY, _ROOM, _CONNECT, _RESPONSE -> EXPECT_FLUSH   answered by ourselves
 *	any -> OVER                         freed at the end of the turn
 *
 * The request's body goes to the member in EXPECT_RESPONSE and EXPECT_END.
 */
enum stream_state {
	STREAM_EXPECT_HEAD,
	STREAM_EXPECT_BODY,
	STREAM_EXPECT_DELAY,
	STREAM_EXPECT_ROOM,
	STREAM_EXPECT_CONNECT,
	STREAM_EXPECT_RESPONSE,
	STREAM_EXPECT_END,
	STREAM_TUNNEL,
	STREAM_EXPECT_FLUSH,
	STREAM_OVER,
};

/*
 * When what happened to the request, by the worker's clock; 0: not yet, or never. What is sent
 * again moves the marks of its last try.
 */
struct stream_times {
	uint64_t begun_us;      /* its first byte */
	uint64_t head_us;       /* its head was complete */
	uint64_t queued_us;     /* it began to wait for a member's place; once */
	uint64_t dispatched_us; /* it got a member: the queue's end */
	uint64_t connected_us;  /* a connection to the member took its head */
	uint64_t answered_us;   /* the answer's head was complete */
};

enum stream_party { STREAM_CLIENT, STREAM_MEMBER };

/* How a race with a hedge ended; lost, too, as long as it goes on. */
enum stream_hedge_result { STREAM_HEDGE_NONE, STREAM_HEDGE_LOST, STREAM_HEDGE_WON };

#define STREAM_TRIED_MAX 8 /* of more members that failed, the last ones are remembered */

struct stream {
	struct connection *connection;
	struct l7_core *l7;
	struct upstream *upstream;    /* carries the request, or NULL */
	struct l7_listener *listener; /* counts this as a user: the route's; NULL before that */
	const struct route *route;
	uint64_t config_generation; /* that the route was found in: indices of pools are its */
	enum stream_state state;
	enum stream_party waits_for; /* who is to blame when the time is up */
	bool has_request;            /* the request's head is complete */
	bool is_request_done;        /* the last byte of the request was taken */
	bool is_body_begun;          /* bytes of the request's body were taken: no replay */
	bool is_body_given_up;       /* the rest of the request is not read */
	bool is_response_begun;      /* a byte of the member's answer came */
	bool trust_forwarded;
	bool is_raw;   /* a whole connection that is passed through: see passthrough.h */
	uint8_t alert; /* is_raw: of TLS, what it is refused with */
	bool is_close; /* the client's connection ends with this answer */
	bool is_continue_sent;
	bool is_tunnel_wanted;
	bool is_resent;               /* went out again because a kept connection was dead */
	bool is_replayed;             /* went out again because a new one broke */
	bool is_rerouted;             /* another member was tried */
	bool is_last_tls;             /* the last failure was TLS with the member */
	bool is_admitted;             /* past the request phase of its route's actions */
	bool has_slot;                /* is one of the requests that its route takes at once */
	uint8_t admitted_rows;        /* rows of that phase that it is past */
	bool is_last_timeout;         /* the last failure was one */
	bool is_retry;                /* this try is one by the retry policy, and counted as one */
	bool is_identified;           /* marks are filled in */
	bool is_mirrored;             /* whether to copy it was decided */
	bool is_session_known;        /* its pool has learned with whom its session is */
	bool is_hedge;                /* this try was begun beside another one */
	bool is_pending;              /* counted as waiting for a connection to open */
	uint8_t attempts;             /* retries so far */
	uint8_t tried_count;          /* members that failed, also beyond STREAM_TRIED_MAX */
	uint32_t response_timeout_ms; /* of the pool, or of one try */
	unsigned pool_index;
	uint32_t tried[STREAM_TRIED_MAX]; /* ids of members not to be chosen again */
	const struct config_retry *retry; /* NULL: none; of the route's configuration */
	const struct config_pool *pool;   /* the same */
	const struct member *sticky;      /* that the client's cookie named; never followed */
	uint64_t tries_until_us;          /* no retry later than that; 0: not sent yet */
	uint64_t call_until_us;           /* gRPC: the client's own deadline; 0: none */
	uint64_t until_us;                /* time for what it waits for; of this try alone */
	struct hedge *hedge;              /* tries beside this one: see stream_hedge.h; or NULL */
	uint64_t sent_us;                 /* the last try, or its end */
	uint64_t queued_until_us;         /* 0: has never waited for room */
	struct pool_core *queue;          /* where it waits; NULL: it does not */
	struct pool_waiter waiter;
	struct replay replay;
	bool is_gathered; /* the body was read ahead of routing, or it was found that it cannot be
			   */
	enum route_body body;   /* what became of that */
	uint32_t random;        /* of the search for its route, which goes on with the body */
	struct json_scan *scan; /* its fields, from l7->scans; NULL: none */
	const struct json_fields *scan_fields; /* that it was for; never followed */
	/* For the access log. */
	uint64_t body_in, body_out;
	uint16_t status;
	uint8_t tries;
	enum stream_hedge_result hedge_result;
	char pool_name[32];
	char member_name[64];
	enum l7_ending ending; /* why it ends as it does: see stream_blame() */
	struct stream_times times;
	struct identity_marks marks;
	size_t unacked_mark; /* what a slow client still had to acknowledge */
	struct inlet request;
	struct inlet response;
	struct outlet to_member;
	struct outlet to_client;
	struct http_span answer_left; /* of the route's own answer: not taken by to_client */
	struct tunnel *tunnel;        /* in TUNNEL, and behind it */
	uint64_t nonce[2];            /* of a WebSocket from HTTP/2 to HTTP/1 */
	/* HTTP/2 only: the client's connection has many, each with a deadline of its own. */
	struct h2_stream *h2;
	enum h2_code h2_code;     /* what it is closed with, unless it ended by itself */
	struct wheel_timer timer; /* may fire early: deadline_us counts */
	uint64_t deadline_us;
	LIST_ENTRY(stream) link;
	SLIST_ENTRY(stream) dead_link;
};

/* The first byte of a request is there. Sets connection->stream. 0 or -ENOMEM. */
int stream_start(struct connection *connection);

/* The same for a request whose head is complete, on a connection with many. */
int stream_start_h2(struct connection *connection, struct h2_stream *h2);

/* The client's connection has something to read, or space to write. */
void stream_on_client(struct stream *stream);

/* The upstream's events. Closed: whatever the reason, it is over and its bytes are lost. */
void stream_on_connected(struct upstream *upstream);
void stream_on_member_readable(struct upstream *upstream);
void stream_on_member_writable(struct upstream *upstream);
void stream_on_member_closed(struct upstream *upstream, enum tcp_close_reason reason);

/* The connection's deadline has passed. */
void stream_on_deadline(struct stream *stream);

/* The client's connection is over. */
void stream_abandon(struct stream *stream, bool is_by_client);

/* Freed for good, at the end of a turn. */
void stream_free(struct stream *stream);

/* For the files that make up the stream: */

/* Chooses member and connection for the request whose head is complete, and sends it. */
void stream_dispatch(struct stream *stream, bool may_reuse);

/* Nobody to send it to: at first 503, after a failure what that was. */
void stream_no_member(struct stream *stream);

/* Gives the listener back that the request's route is of. Twice is fine. */
void stream_release_route(struct stream *stream);

/* Sends the head to the member, on a new connection or a kept one. */
void stream_send_head(struct stream *stream);

/* Moves the request, or the answer, as far as both sides let it. */
void stream_pump_request(struct stream *stream);
void stream_pump_response(struct stream *stream);

/* stream_body.c: what is known of the body for the listener's table of routes. */
enum route_body stream_body(struct stream *stream, const struct l7_listener *listener);

/* Reads the body, as far as it is there, and then has the request routed again. */
void stream_gather(struct stream *stream);

/* More of it may have come. */
void stream_gather_step(struct stream *stream);

/* A client that waits for "100 Continue" gets it, once somebody wants the body. */
void stream_invite_body(struct stream *stream);

/* The request's body broke a rule, or its connection ended. */
void stream_body_broke(struct stream *stream);

/* Why it will not be answered as it should; the first reason stands. Ahead of what ends it. */
void stream_blame(struct stream *stream, enum l7_ending ending);

/* The request goes to a member: its names stay, whatever becomes of it. */
void stream_note_member(struct stream *stream, const struct member *member);

/* The same for one of several that it went to. */
void stream_name_member(struct stream *stream, const struct member *member);

/* The pool's choice of a member that has room and was not tried, or NULL. */
struct member *stream_pick(struct stream *stream, const struct pool *pool);

/* The request goes to the member over this connection. */
void stream_attach(struct stream *stream, struct upstream *upstream);

/*
 * stream_identify.c: gives the request its ids, once, with its listener known; and adds at most two
 * fields with them to a head.
 */
void stream_identify(struct stream *stream);
void stream_put_marks(const struct stream *stream, struct http_extra_field extra[2],
	struct http_write_options *options);

/* access_log/note.c: what it was and how it ended, for the log. With its heads still there. */
void stream_log(struct stream *stream);

/* An answer of our own; the connection is cut when another one was begun. */
void stream_answer(struct stream *stream, unsigned status);

struct response;
void stream_answer_with(struct stream *stream, struct response *response);

/* stream_actions.c: the request phase, once for each route found. False: answered, or delayed. */
bool stream_admit(struct stream *stream);

/* An expression of the configuration gave up on the request: answers 400, counted. */
void stream_gave_up(struct stream *stream);

/* Gives back what the request phase took. */
void stream_leave_route(struct stream *stream);

/*
 * The head to send to the member for the request's, with what the route's actions change of it in
 * options; NULL: it was refused. Valid until the next head is edited.
 */
const struct http_head *stream_edit_request(
	struct stream *stream, const struct http_head *head, struct http_write_options *options);

/* The same for an answer's. False: what was added does not fit. */
bool stream_edit_response(
	struct stream *stream, const struct http_head *head, struct http_write_options *options);

/* The request broke a rule. */
void stream_refuse(struct stream *stream);

/* The member's connection or answer broke; is_timeout: it was too slow. */
void stream_member_failed(struct stream *stream, bool is_timeout);

/* No connection to the member: nothing was sent yet, another member may do. */
void stream_connect_failed(struct stream *stream, bool is_timeout);

/* The member's connection ended too early: the request goes out again, or has failed. */
void stream_member_lost(struct stream *stream, bool is_timeout);

/* No answer in time: likewise. */
void stream_member_late(struct stream *stream);

/* The answer has this status: true when the request goes out again instead of it. */
bool stream_is_refused(struct stream *stream, unsigned status);

/* The body is kept for another try, if there may be one. */
void stream_keep_body(struct stream *stream);

/* A member may see it twice: its method, or the policy, says so. */
bool stream_is_repeatable(const struct stream *stream);

/* All that was taken of its body is there to be sent once more. */
bool stream_has_body(const struct stream *stream);

/* Not even a connection could be begun: whether another member is to be asked. */
bool stream_may_connect_again(struct stream *stream, struct member *member);

/* The member is not to be chosen again for this request. */
void stream_mark_tried(struct stream *stream, const struct member *member);
bool stream_was_tried(const struct stream *stream, const struct member *member);

/* A usable member that was not tried, or NULL. */
struct member *stream_other_member(struct stream *stream, const struct pool *pool, bool needs_room);

/* It cannot go on: HTTP/1: the client's connection is cut, HTTP/2: only the stream. */
void stream_cut(struct stream *stream, enum h2_code code);

/* The time by which something must have happened; replaces what was set before. */
void stream_deadline(struct stream *stream, uint64_t timeout_ms);

/* The same after another try came to the front. */
void stream_rearm(struct stream *stream);

/* Buffers are short: it is cut. */
void stream_starved(struct stream *stream);

/* Parts with the upstream, if there is one. */
enum stream_detach { STREAM_KEEP, STREAM_CLOSE, STREAM_ABORT, STREAM_CANCEL };
void stream_detach(struct stream *stream, enum stream_detach how);

/* Counts an answer's status for member (may be NULL) and client. */
void stream_count_response(struct stream *stream, unsigned status, bool is_by_member);

/* The same for the member alone: the client gets another answer. */
void stream_count_member_response(struct stream *stream, unsigned status);

/* The answer is complete: goes on when it is on its way. */
void stream_end_response(struct stream *stream);

/* Who must move next, or time is up; moved: something did. */
void stream_wait(struct stream *stream, enum stream_party party, bool moved);

/* Bytes of the body that were kept are still to be sent over this connection. */
static inline bool stream_has_replay(const struct stream *stream)
{
	return stream->replay.sent_at < stream->replay.len;
}

/* All of the request went to the member. */
static inline bool stream_is_sent(const struct stream *stream)
{
	return stream->is_request_done && !stream_has_replay(stream);
}

/* response.c: an answer of our own, as a whole; scratch is room to write it in. */
struct response {
	unsigned status;
	unsigned minor; /* the client's */
	bool is_head;
	bool is_close;
	const char *grpc_code; /* the status for a caller of gRPC, instead; NULL: it is none */
	/* By a route, else NULL: further fields, and instead of our page a body of this type. */
	const struct http_write_options *edits;
	const char *content_type; /* NULL: our page */
	struct http_span body;
};

/* Returns what the outlet did not take of response->body; its end is the caller's to send. */
struct http_span response_send(
	struct outlet *outlet, const struct response *response, char *scratch, size_t size);

#endif
