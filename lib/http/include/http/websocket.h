/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "http/message.h"

/*
 * WebSocket (RFC 6455) as far as a proxy has to know it: the opening handshake of HTTP/1.1 and of
 * HTTP/2 (RFC 8441), and where frames end. No I/O, no allocation.
 */
#define WEBSOCKET_TOKEN      "websocket"
#define WEBSOCKET_KEY_LEN    24
#define WEBSOCKET_ACCEPT_LEN 28

/*
 * The request asks for one: GET over HTTP/1.1 with Upgrade, a key and no body, or CONNECT over
 * HTTP/2 with :protocol.
 */
bool websocket_is_asked(const struct http_head *head);

/* The HTTP/1.1 answer agrees to it: 101, with this protocol alone. */
bool websocket_is_agreed(const struct http_head *head);

/* Sec-WebSocket-Key of 16 bytes that were not used before. Ends in NUL. */
void websocket_key_make(char key[WEBSOCKET_KEY_LEN + 1], const uint8_t nonce[16]);

/* The Sec-WebSocket-Accept that answers a key. Ends in NUL. RFC 6455 4.2.2. */
void websocket_accept_make(char accept[WEBSOCKET_ACCEPT_LEN + 1], struct http_span key);

/* Where one direction is: zeroed at its start. */
struct websocket_frames {
	uint64_t left;    /* bytes of the payload to come */
	uint8_t head[10]; /* of a frame's, without its mask */
	uint8_t head_len;
	uint8_t mask_left; /* bytes of the mask to come */
};

/* The bytes of data that belong to the frame at hand: len at most, and 0 only for 0. */
size_t websocket_frames_take(struct websocket_frames *frames, const char *data, size_t len);

/* Between two frames: a frame of our own may go here (RFC 6455 5.4). */
bool websocket_frames_is_between(const struct websocket_frames *frames);

#define WEBSOCKET_GOING_AWAY 1001
#define WEBSOCKET_CLOSE_MAX  8
/* A Close frame; those to servers are masked. Returns its length. */
size_t websocket_close_make(
	char out[WEBSOCKET_CLOSE_MAX], unsigned code, bool is_masked, uint32_t mask);

#endif
