/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One message model for HTTP/1 and HTTP/2. A head's spans point into the buffer that the parser was
 * given for it, or into the stream, and are valid until that one starts its next message.
 */
struct http_span {
	const char *data;
	size_t len;
};

struct http_field {
	struct http_span name;  /* as received; compare without case */
	struct http_span value; /* without surrounding white space */
};

#define HTTP_FIELDS_MAX 256

enum http_body {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

struct http_head {
	/* request */
	struct http_span method;
	struct http_span target;    /* as forwarded: normalised path and query, or "*" */
	struct http_span path;      /* target without query, normalised (RFC 3986 6.2.2) */
	struct http_span authority; /* Host, or an absolute target's, with port */
	struct http_span host;      /* authority without port, lower case */
	struct http_span protocol;  /* HTTP/2's :protocol, RFC 8441 */
	bool is_head;               /* method is HEAD; in a response: it answers HEAD */
	/* response */
	unsigned status;
	struct http_span reason;
	/* both */
	unsigned minor; /* HTTP/1.minor */
	enum http_body body;
	uint64_t content_length;
	bool is_keep_alive; /* the connection may carry another message */
	bool expects_continue;
	bool is_upgrade; /* Connection: upgrade with an Upgrade field */
	unsigned field_count;
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* First field of that name, or NULL. */
const struct http_field *http_find(const struct http_head *head, const char *name);
bool http_span_is(struct http_span span, const char *text);        /* exact */
bool http_span_is_nocase(struct http_span span, const char *text); /* ASCII case folded */

/* The same head once more, to be changed; all that it points to is borrowed. */
void http_head_borrow(struct http_head *own, const struct http_head *head);

/* The bytes of memory that a copy of a head needs, and the copy: whole, with all its spans. */
size_t http_head_bytes(const struct http_head *head);
void http_head_copy(struct http_head *copy, const struct http_head *head);

/* What a message's reader tells next: h1_next(), h2_next(). */
enum http_event {
	HTTP_EVENT_MORE,    /* everything was consumed and more bytes are needed */
	HTTP_EVENT_HEAD,    /* the head is complete; for a response 1xx too, then another
			     * HTTP_EVENT_HEAD follows
			     */
	HTTP_EVENT_BODY,    /* a piece of the body */
	HTTP_EVENT_END,     /* the message is complete */
	HTTP_EVENT_REFUSED, /* it broke a rule and must not be read further */
};

struct http_limits {
	size_t target_bytes;
	size_t header_bytes;    /* request line and fields; trailers count again */
	unsigned header_fields; /* at most HTTP_FIELDS_MAX */
	uint64_t body_bytes;    /* 0: no limit */
};

/* For a head on its way out. */
struct http_extra_field {
	const char *name;
	struct http_span value;
	bool is_added; /* beside the head's own of that name, not instead */
};

struct http_write_options {
	bool close;     /* HTTP/1: Connection: close */
	unsigned minor; /* HTTP/1: version of the peer that reads this; 0: no chunks */
	const struct http_extra_field *extra;
	unsigned extra_count;
	bool keep_forwarded; /* X-Forwarded-* of the client pass */
	/* Names of fields of the head that do not pass; those in extra are no part of it. */
	const char *const *drops;
	unsigned drop_count;
	/*
	 * The request asks for this protocol, or the answer agrees to it: Upgrade in HTTP/1, with
	 * status 101; extended CONNECT in HTTP/2, with 200. NULL: none.
	 */
	const char *upgrade;
	bool asks_trailers; /* a request: we pass trailers of its answer on (TE) */
};

/*
 * Sets path and target of a request from len bytes at target, which are normalised in place and
 * stay the caller's. False, with the head as it was, for what no request could ask for: no slash at
 * its start, bytes that a target cannot have, a path with ".." in it, or one that another reader
 * may see as another one.
 */
bool http_target_set(struct http_head *head, char *target, size_t len);

/* The same for authority and host; to lower case in place. */
bool http_authority_set(struct http_head *head, char *authority, size_t len);

/* Fields of one connection, and those of the framing (RFC 9110 7.6.1). */
bool http_is_hop_by_hop(struct http_span name);

/*
 * A trailer of that name goes on: it has nothing to do with framing, routing, authentication or
 * how the message is read (RFC 9110 6.5.1), and says nothing that only we say.
 */
bool http_trailer_passes(struct http_span name);

/* RFC 9110 10.1.4: the sender of this request reads trailers of the answer. */
bool http_takes_trailers(const struct http_head *head);

/* "Not Found" for 404; "" for unknown. */
const char *http_status_reason(unsigned status);

/* Why a message was refused: one row a rule, counted by reason. */
enum http_refusal {
	HTTP_REFUSED_NOT,
#define REFUSAL(name, status, help) HTTP_REFUSED_##name,
#include "http/refusal.def"
#undef REFUSAL
	HTTP_REFUSAL_COUNT,
};

unsigned http_refusal_status(enum http_refusal refusal); /* the answer to the client */
const char *http_refusal_name(enum http_refusal refusal);
const char *http_refusal_help(enum http_refusal refusal);

#endif
