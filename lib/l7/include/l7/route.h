/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_H
#define L7_ROUTE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"
#include "http/message.h"

/*
 * The routing table of one listener. An exact host wins over the longest "*.suffix", that over the
 * longest "prefix.*", that over any host. Within a host an exact path wins over templates and
 * expressions, those over the longest prefix (on segment borders: "/img" matches "/img" and
 * "/img/x"; "/img/" matches "/img/x"), that over any path. Among rows of one host and path the
 * first whose conditions hold wins; where none does, the search goes on with the next wider path,
 * then with the next wider host. Immutable, any worker.
 *
 * Hosts, exact paths and prefixes are found by hash: a table of ten thousand costs what one of ten
 * does. Templates and expressions of the request's host are tried one after the other.
 */
struct route_table;

struct actions;
struct tls_facts;
struct path_pattern;

/* What a worker needs to match expressions: one for each worker, used by it alone. */
struct route_scratch;

struct route_scratch *route_scratch_create(void);
void route_scratch_destroy(struct route_scratch *scratch);

/*
 * Whether an expression gave up since the last question: what was found meanwhile is worth nothing.
 * A request that makes one do so must not get past the rules that way.
 */
bool route_scratch_take_given_up(struct route_scratch *scratch);

/* A row, and what it says. */
struct route {
	const struct config_l7_route *config; /* NULL: the service's default pool */
	unsigned pool;                        /* UINT_MAX: config->splits, or actions answer */
	uint32_t *weights;                    /* of config->splits; changed by route_weight_set() */
	uint32_t index;                       /* in the file */
	struct path_pattern *pattern;         /* what finds its groups in a path; NULL: none */
	struct actions *actions;              /* what else is done; NULL: nothing */
};

/*
 * routes must outlive the table. default_pool: for requests that no row takes, or UINT_MAX. NULL on
 * error. Control thread.
 */
struct route_table *route_table_create(
	const struct config_l7_route *routes, size_t count, unsigned default_pool, struct err *err);
void route_table_destroy(struct route_table *table);

/* The body of a request, as far as it may decide on its route. */
enum route_body {
	ROUTE_BODY_NONE,       /* there is none, or none of JSON: it has no fields */
	ROUTE_BODY_UNREAD,     /* not read yet */
	ROUTE_BODY_UNREADABLE, /* it cannot be: no condition on it holds, also no negated one */
	ROUTE_BODY_READ,
};

struct json_fields;
struct json_scan;

/* What a request is matched by. */
struct route_request {
	const struct http_head *head;  /* host is lower case and without port */
	const struct ip_addr *source;  /* the client's address */
	const struct tls_facts *facts; /* NULL: no TLS */
	uint32_t random;               /* any 32 bits */
	bool is_any_alpn;              /* as if the client offered what rows ask for */
	enum route_body body;
	const struct json_scan *json; /* ROUTE_BODY_READ: by route_table_fields() */
	struct route_scratch *scratch;
};

/* No row: whether an earlier one takes the request is said by its body, which is unread. */
extern const struct route route_needs_body;

/* The fields of bodies that rows ask for; NULL: none. They belong to the table. */
const struct json_fields *route_table_fields(const struct route_table *table);

/* The row that takes the request, &route_needs_body, or NULL: no route. */
const struct route *route_find(
	const struct route_table *table, const struct route_request *request);

/* Row of the table in the order of the file, the default last; NULL past the end. */
const struct route *route_table_at(const struct route_table *table, unsigned index);

/*
 * Another weight for a pool of a split, until the next configuration. Workers see it with their
 * next requests. Control thread.
 */
void route_weight_set(const struct route *route, size_t split, uint32_t weight);
uint32_t route_weight(const struct route *route, size_t split);

/* The pool of a row: its only one, or one of several by weight. random: any 32 bits. */
unsigned route_pool(const struct route *route, uint32_t random);

#endif
