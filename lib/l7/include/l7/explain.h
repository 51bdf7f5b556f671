/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_EXPLAIN_H
#define L7_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"
#include "l7/l7.h"
#include "l7/route.h"
#include "packet/packet.h"

/* A request as somebody describes it. */
struct l7_question {
	const struct http_head *head; /* read as any other: normalised */
	struct packet_tuple tuple;    /* src: the client */
	uint64_t now_us;
	uint64_t seed;                 /* of what is left to chance */
	const struct tls_facts *facts; /* NULL: none are known */
	struct http_span body;         /* of head's length; empty: it is not known */
};

struct l7_explanation {
	const struct route *route; /* NULL: none */
	unsigned status;           /* of an answer of our own; 0: it goes to a member */
	const char *by;            /* the action that answers, as in the configuration */
	unsigned delay_ms;         /* a fault delays it */
	bool is_unreadable;        /* the body decides, and would be refused */
	/* Texts end in NUL, and are cut where they are too long. */
	char location[2048]; /* of a redirect */
	char target[2048];   /* toward the member */
	char authority[256];
	char fields[4096]; /* "+Name: value" for those set or added, "-Name" for those dropped */
};

/*
 * What the listener would do with the request: nothing is sent, counted or taken. The route is
 * &route_needs_body where it depends on a body that is not known. 0 or -ENOMEM. The control thread.
 */
int l7_explain(struct l7_listener *listener, const struct l7_question *question,
	struct l7_explanation *explanation);

/* A connection that is passed through, as somebody describes it. */
struct l7_raw_question {
	const char *name;             /* of SNI, lower case; "": none */
	struct http_span alpn;        /* what the client offers, as on the wire */
	const struct ip_addr *source; /* the client */
	uint32_t random;
};

/*
 * The route of such a connection; NULL: it is refused, *is_protocol: only for want of a protocol
 * that the client offers. The control thread.
 */
const struct route *l7_explain_raw(const struct l7_listener *listener,
	const struct l7_raw_question *question, bool *is_protocol);

#endif
