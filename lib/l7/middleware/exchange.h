/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_EXCHANGE_H
#define L7_EXCHANGE_H

#include <stdbool.h>

#include "base/rng.h"
#include "conf/action.h"
#include "http/message.h"
#include "l7/route.h"
#include "packet/packet.h"

struct identity_marks;
struct tls_facts;

/* What actions and variables know of a request. Borrowed, for one call. */
struct exchange {
	const struct http_head *head;       /* as it came, but normalised */
	const struct identity_marks *marks; /* NULL: it has no ids */
	const struct packet_tuple *tuple;   /* src: the client */
	const struct route *route;
	const char *service; /* its name */
	bool is_tls;
	const struct tls_facts *facts; /* NULL: no TLS */
	struct route_scratch *scratch;
	struct rng *rng;
	uint64_t now_us;
	bool is_dry; /* only to see what would happen: nothing is counted */
	/* What the request phase found out. */
	bool has_slot;       /* counted as one of the route's requests: middleware_leave() */
	unsigned delay_ms;   /* MIDDLEWARE_DELAY */
	uint64_t body_bytes; /* limit of the body; 0: none of the route's */
	unsigned evicted;    /* buckets in use that made room */
	bool has_match;      /* match is filled in */
	struct http_span match[CONFIG_GROUPS_MAX];
};

/* Room for texts that are made for one message. What does not fit is noted and told at the end. */
struct room {
	char *data;
	size_t size;
	size_t used;
	bool is_short;
};

/*
 * Where a text goes decides what a variable's value may bring along: everything else is written as
 * %XX, so that no value becomes a line, a query or a second path.
 */
enum room_use {
	ROOM_HEADER, /* controls are escaped */
	ROOM_PATH,   /* what is no part of a target, '?' and '\' */
	ROOM_QUERY,  /* what is no part of a target */
};

void room_put(struct room *room, const char *data, size_t len);
void room_put_text(struct room *room, const char *text);
void room_put_escaped(struct room *room, enum room_use use, struct http_span value);

/*
 * The template with the request's values: a span of the room, which is the caller's to write to.
 * groups: what "${1}" stands for, or NULL where nothing has such.
 */
struct http_span exchange_expand(struct exchange *exchange, const struct config_template *template,
	enum room_use use, const struct http_span *groups, struct room *room);

/* The first value of that name. False: there is none. */
bool exchange_cookie(const struct http_head *head, const char *name, struct http_span *value);
bool exchange_parameter(const struct http_head *head, const char *name, struct http_span *value);

/* The target's query without '?'. */
struct http_span exchange_query(const struct http_head *head);

#endif
