/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/objpool.h"

#define REPLAY_PIECE_BYTES 8192

/*
 * The bytes of a request's body that went to a member, kept as long as the request might have to
 * go to another one. Zeroed: keeps nothing, and nothing has been sent.
 */
struct replay_piece;

struct replay {
	struct objpool *pool; /* objects of replay_piece_bytes(); NULL: nothing is kept */
	TAILQ_HEAD(replay_pieces, replay_piece) pieces;
	uint32_t max;
	uint32_t len;                  /* kept */
	uint32_t sent_at;              /* of these, sent over the present connection */
	struct replay_piece *at_piece; /* that holds sent_at; NULL: the first */
	uint32_t at_offset;
	bool is_lost; /* bytes went that are not kept: the body cannot be sent again */
};

size_t replay_piece_bytes(void);

/* From now on up to max bytes are kept. Only before the first byte went. */
void replay_open(struct replay *replay, struct objpool *pool, uint32_t max);

/* Frees what is kept; twice is fine. Then the body counts as lost, if any of it went. */
void replay_close(struct replay *replay);

/* These bytes went to the member, the first time. */
void replay_add(struct replay *replay, const char *data, size_t len);

/* These bytes will go to a member later. False: there is no room. */
bool replay_store(struct replay *replay, const char *data, size_t len);

/* All over again, on another connection. */
void replay_rewind(struct replay *replay);

/* What is to be sent next of what is kept; 0: all of it was sent. */
size_t replay_peek(const struct replay *replay, const char **data);
void replay_advance(struct replay *replay, size_t len);

#endif
