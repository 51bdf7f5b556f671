/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

#include <stdbool.h>

struct pairs;
struct request;
struct route;
struct snapshot;

/* "explain tls ..." and "explain tcp ...": a connection that is passed through. */
int explain_connection(struct request *request);

/* A route's name and line. False: it is the service's default pool, and that was said. */
bool explain_route_print(struct pairs *pairs, const struct route *route);

/* The pool of a route, or the pools of its split, and who could be chosen. */
void explain_target_print(
	struct pairs *pairs, const struct snapshot *snapshot, const struct route *route);

#endif
