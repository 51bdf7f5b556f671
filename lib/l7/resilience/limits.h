/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMITS_H
#define LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

struct l7_core;
struct stream;

/*
 * What members are spared: limits of pools and members, over all workers. Every worker counts what
 * is its own and reads what the others count; nobody locks, so a limit may be passed by one for
 * each worker that looked at the same time.
 */

/* Whether the pool, or the member of it, may get one more request; counts the limit if not. */
bool limits_pool_has_room(struct l7_core *l7, const struct pool *pool);
bool limits_member_has_room(
	struct l7_core *l7, const struct pool *pool, const struct member *member, bool is_retry);

/* Whether the pool, and for member not NULL that one, may get one more retry. */
bool limits_allow_retry(
	struct l7_core *l7, const struct pool_identity *identity, const struct config_pool *config);

/*
 * No member has room: the request waits for one, or is answered 503. Later it is dispatched again,
 * at the end of a turn.
 */
void limits_wait(struct stream *stream, const struct pool *pool);

/* It does not wait any more, whatever the reason. Twice is fine. */
void limits_leave(struct stream *stream);

/* The turn's end: who waits and finds room goes on. */
void limits_run(struct l7_core *l7);

/* The budget of retries: earned with every request and with time, spent by retries. */
void budget_earn(
	struct l7_core *l7, struct pool_identity *identity, const struct config_retry *retry);
bool budget_spend(
	struct l7_core *l7, struct pool_identity *identity, const struct config_retry *retry);

/* A try was answered well, or not; took_us: to the head of the answer, 0: there was none. */
void outcome_good(struct l7_core *l7, struct member *member, uint64_t took_us);
void outcome_failed(struct l7_core *l7, struct member *member, uint64_t took_us);

/* Neither: another member was faster. waited_us: since it was sent. */
void outcome_outrun(struct l7_core *l7, struct member *member, uint64_t waited_us);

#endif
