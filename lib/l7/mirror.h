/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MIRROR_H
#define MIRROR_H

#include <stddef.h>
#include <sys/queue.h>

struct l7_core;
struct mirror;
struct stream;

/*
 * Copies of requests for a pool whose answers nobody waits for. Each has a connection of its own,
 * which ends with the answer or at response_timeout_ms; a worker has MIRRORS_MAX at most, and what
 * comes beyond is not copied. The request itself knows nothing of its copy.
 */
#define MIRRORS_MAX 256

LIST_HEAD(mirror_list, mirror);
SLIST_HEAD(mirror_dead_list, mirror);

/* 0 or -ENOMEM. */
int mirrors_create(struct l7_core *l7);

/* Ends those that are under way. */
void mirrors_close(struct l7_core *l7);
void mirrors_destroy(struct l7_core *l7);

/*
 * The head that has just been written for a member, as HTTP/1.1, is sent to the pool that the
 * route mirrors to, if it does, for this request. Only requests without a body; counted.
 */
void mirror_send(struct stream *stream, const char *head, size_t len);

/* Freed for good, at the end of a turn. */
void mirrors_free_dead(struct l7_core *l7);

#endif
