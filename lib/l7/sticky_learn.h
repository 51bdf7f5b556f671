/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STICKY_LEARN_H
#define STICKY_LEARN_H

#include "backend/backend.h"
#include "http/message.h"

struct stream;

/*
 * Sessions of the application's own: where they were begun is learned from answers, or from who
 * answered first. pool: of the present snapshot, with "learn".
 */

/* The member of the request's session, as long as it may keep its clients, or NULL. */
struct member *sticky_learned(struct stream *stream, const struct pool *pool);

/* The member answers with this final head: what it says of a session is remembered. */
void sticky_learn(struct stream *stream, const struct http_head *head);

#endif
