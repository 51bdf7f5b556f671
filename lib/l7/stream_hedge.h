/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAM_HEDGE_H
#define STREAM_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

/*
 * Several tries of one request at a time, each with a member of its own. One is in front: what the
 * stream knows of its try (connection, answer, state, marks) is that one's. The others are kept
 * here. An event of another try's connection brings that one to the front first, so that all that
 * deals with a try needs to know of no other. A try that fails while there are others only goes;
 * the one whose answer is taken ends all others.
 */
struct stream_try {
	struct upstream *upstream;
	enum stream_state state;
	bool is_response_begun;
	bool is_pending;
	bool is_retry;
	bool is_hedge;
	uint64_t sent_us;
	uint64_t until_us;
	uint64_t dispatched_us;
	uint64_t connected_us;
	struct inlet response;
	struct outlet to_member;
	uint32_t replay_sent_at;
	uint32_t replay_at_offset;
	struct replay_piece *replay_at_piece;
};

/* Of a stream whose request may have hedges; from l7->hedges. */
struct hedge {
	struct stream *stream;
	struct wheel_timer timer; /* the next one starts */
	uint64_t last_us;         /* the last try began */
	unsigned started;
	unsigned count; /* of others */
	struct stream_try others[CONFIG_HEDGES_MAX];
};

/* A try of the request has begun: there may be a further one later, if the policy says so. */
void hedge_watch(struct stream *stream);

/* The try over that connection comes to the front. */
void hedge_bring(struct stream *stream, const struct upstream *upstream);

/* The same for the one whose time is over first. */
void hedge_bring_late(struct stream *stream);

static inline bool hedge_is_racing(const struct stream *stream)
{
	return stream->hedge != NULL && stream->hedge->count > 0;
}

/*
 * The try in front has failed, and its member was told of. With others under way it goes and one
 * of them comes to the front: true. Else false, and nothing has changed. retry_counter: the policy
 * sends it again for that; if there is an attempt left, that begins at once, beside the others, and
 * is counted there. NULL: it does not.
 */
bool hedge_yield(struct stream *stream, uint64_t *retry_counter);

/* The answer of the try in front is the request's: all others end. */
void hedge_win(struct stream *stream);

/* No others any more, and no further ones. Twice is fine. */
void hedge_end(struct stream *stream);

/* When time is up for the first of the tries. */
uint64_t hedge_until_us(const struct stream *stream);

#endif
