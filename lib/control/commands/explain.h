/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

struct pairs;
struct request;
struct route;
struct snapshot;

/* "explain tls ..." and "explain tcp ...": a connection that is passed through. */
int explain_connection(struct request *request);

/* The pool of a route, or the pools of its split, and who could be chosen. */
void explain_target_print(
	struct pairs *pairs, const struct snapshot *snapshot, const struct route *route);

#endif
