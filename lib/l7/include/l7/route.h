/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_H
#define L7_ROUTE_H

#include "base/err.h"
#include "conf/config.h"
#include "http/message.h"

/*
 * The routing table of one listener. An exact host wins over the longest "*.suffix", that over any
 * host; within a host an exact path wins over the longest prefix (on segment borders: "/img"
 * matches "/img" and "/img/x"; "/img/" matches "/img/x"), that over any path. Equal rows: the
 * first. Immutable, any worker.
 */
struct route_table;

struct route_table *route_table_create(
	const struct config_l7_route *routes, size_t count, unsigned default_pool, struct err *err);
void route_table_destroy(struct route_table *table);

/* Index of the pool, or -1: no route. host is lower case and without port. */
int route_find(const struct route_table *table, struct http_span host, struct http_span path);

#endif
