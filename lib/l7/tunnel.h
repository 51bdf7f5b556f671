/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "http/websocket.h"
#include "l7/l7.h"
#include "tcp/tcp.h"

struct http_extra_field;
struct http_head;
struct http_write_options;
struct stream;

/* One direction: bytes from one end to the other. */
struct tunnel_way {
	struct websocket_frames frames; /* of the bytes that went on */
	bool is_read;                   /* its source's end was seen */
	bool is_ended;                  /* that went on, or we have ended it ourselves */
	bool is_shut;                   /* the connection was told */
};

/*
 * A request that became a tunnel: open until both ends have ended, or closing when it is we who end
 * it. Then each end gets a Close frame behind its last whole frame and our end behind that, and
 * what still comes is thrown away, until both ends have ended or the time is up.
 */
struct tunnel {
	struct tunnel_way to_member, to_client;
	bool is_closing;
	bool is_leaving; /* it is to end as soon as it is quiet */
};

/* The stream's request asks for a tunnel, and its listener has them. */
bool tunnel_is_wanted(const struct stream *stream);

/*
 * Whether the member can be asked. -EAGAIN: not yet; its connection tells by stream_on_connected().
 * -ENOTSUP: it takes none.
 */
int tunnel_can_ask(struct stream *stream);

/*
 * What the request to the member has in addition. extra: room for one more field; key: for its
 * value.
 */
void tunnel_ask(struct stream *stream, struct http_write_options *options,
	struct http_extra_field *extra, char key[WEBSOCKET_KEY_LEN + 1]);

/* The member's answer agrees to it. */
bool tunnel_is_agreed(const struct stream *stream, const struct http_head *head);

/* Tells the client, and begins. False: the answer is not to be believed, or cannot be sent. */
bool tunnel_open(struct stream *stream, const struct http_head *head);

/*
 * The same for a stream that is a tunnel from its start (is_raw), both of whose ends are open.
 * Nobody knows what its bytes mean: when we end it, each end gets our FIN and nothing else.
 */
void tunnel_begin(struct stream *stream);

/* Moves bytes both ways, as far as both ends let it. */
void tunnel_run(struct stream *stream);

/* Ends it in order, within the listener's close_timeout_ms. Fine when it is closing. */
void tunnel_close(struct stream *stream, enum l7_ending ending);

/*
 * The appliance drains, or the service has gone: a WebSocket is told to close; of other bytes
 * nobody knows how to, and they pass until there are none for close_timeout_ms.
 */
void tunnel_leave(struct stream *stream);

/* The member's connection is over. */
void tunnel_on_member_closed(struct stream *stream, enum tcp_close_reason reason);

/* Both ends have said all: nothing is lost by closing in order. */
bool tunnel_is_read(const struct stream *stream);

void tunnel_on_deadline(struct stream *stream);

/* With the stream, at the end of a turn. */
void tunnel_free(struct stream *stream);

#endif
