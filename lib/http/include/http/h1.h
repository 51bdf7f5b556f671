/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "http/message.h"

/*
 * HTTP/1.1 and 1.0 (RFC 9112) over llhttp, one direction of one connection, pulled: the caller
 * feeds bytes and gets one event at a time, so it can stop between any two. No I/O, no allocation:
 * head bytes are collected in a buffer of the caller's.
 */
enum h1_role { H1_REQUEST, H1_RESPONSE };

/* Sized for embedding; fields are private to h1.c. */
struct h1_parser;
size_t h1_parser_bytes(void);

/* parser: h1_parser_bytes() of memory, 64-byte aligned. head_buffer: borrowed, its length bounds
 * the head (431 beyond) together with the limits; trailers go behind the head. */
struct h1_parser *h1_parser_init(void *memory, enum h1_role role, const struct http_limits *limits,
	char *head_buffer, size_t head_buffer_len);

/* A request whose head is complete: its body may have so many bytes; less than the limits only. */
void h1_limit_body(struct h1_parser *parser, uint64_t bytes);

/* Releases nothing but llhttp's own; the memory is the caller's. */
void h1_parser_finish(struct h1_parser *parser);

/*
 * Response side, before every answer: which request it answers (HEAD changes where the body ends,
 * RFC 9112 6.3). Bytes that come without it are surplus and refused.
 */
void h1_expect_response(struct h1_parser *parser, bool to_head_request);

/* The same response may be 101: the request asked for another protocol. Nothing is read behind it.
 */
void h1_expect_switch(struct h1_parser *parser);

/*
 * Feeds data; *consumed tells how much was used up when the event came (0 is possible). Call again
 * with the rest, even with nothing, until HTTP_EVENT_MORE: the end of a message needs no further
 * byte. After a request that ends the connection ("close", HTTP/1.0) all bytes are thrown away.
 */
enum http_event h1_next(struct h1_parser *parser, const char *data, size_t len, size_t *consumed,
	struct http_span *body);

/* The connection ended: HTTP_EVENT_END for a body until close, HTTP_EVENT_MORE between messages,
 * else refused.
 */
enum http_event h1_eof(struct h1_parser *parser);

/*
 * The same where nobody says that this is the end, as TLS's close_notify does: a body until close
 * is refused, too, since it may have been cut short (RFC 9110 8.6, RFC 9112 9.8).
 */
enum http_event h1_cut(struct h1_parser *parser);

/* True between messages, with no byte of a next one seen. */
bool h1_is_idle(const struct h1_parser *parser);

const struct http_head *h1_head(const struct h1_parser *parser);
enum http_refusal h1_refusal(const struct h1_parser *parser);
uint64_t h1_refusal_offset(const struct h1_parser *parser); /* bytes into the connection */

/*
 * The head or trailer section as far as it was read, and where in it the offending byte is: its end
 * for one that is not among them.
 */
struct http_span h1_section(const struct h1_parser *parser, size_t *refused_at);

/* Trailer fields of a chunked body, after HTTP_EVENT_END. */
const struct http_field *h1_trailers(const struct h1_parser *parser, unsigned *count);

/*
 * Heads on the way out. Framing is ours: Connection, Keep-Alive, Proxy-Connection, TE, Trailer,
 * Transfer-Encoding, Upgrade, Content-Length, Expect, X-Forwarded-* and what Connection names
 * never pass; the framing that fits head->body is written.
 *
 * Write to out and return the length; -ENOSPC; or -EINVAL for a head that cannot be sent: CR, LF or
 * NUL in one of its parts or in an extra field, or a chunked request to minor 0. A response with
 * HTTP_BODY_NONE gets "Content-Length: 0" unless is_head, 1xx, 204 or 304 forbids it.
 */
int h1_write_request(char *out, size_t size, const struct http_head *head,
	const struct http_write_options *options);
int h1_write_response(char *out, size_t size, const struct http_head *head,
	const struct http_write_options *options);

/* How a response's body is framed toward a peer: chunked to 1.1, until close to 1.0. */
enum http_body h1_response_framing(const struct http_head *head, unsigned peer_minor);

#define H1_CHUNK_HEAD_MAX 18
/* "SIZE CRLF" ahead of a chunk; behind it goes CRLF; the end is H1_CHUNK_LAST. */
int h1_write_chunk_head(char out[H1_CHUNK_HEAD_MAX], size_t len);
#define H1_CHUNK_LAST "0\r\n\r\n"

/*
 * The same end with trailers: those that http_trailer_passes(). Returns its length, or -ENOSPC, or
 * -EINVAL for a CR, LF or NUL in one of them.
 */
int h1_write_chunk_end(char *out, size_t size, const struct http_field *trailers, unsigned count);

#endif
