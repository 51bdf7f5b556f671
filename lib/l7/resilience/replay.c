/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <string.h>

struct replay_piece {
	TAILQ_ENTRY(replay_piece) link;
	uint32_t len;
	char data[REPLAY_PIECE_BYTES];
};

size_t replay_piece_bytes(void)
{
	return sizeof(struct replay_piece);
}

void replay_open(struct replay *replay, struct objpool *pool, uint32_t max)
{
	*replay = (struct replay){ .pool = pool, .max = max };
	TAILQ_INIT(&replay->pieces);
}

void replay_close(struct replay *replay)
{
	struct replay_piece *piece;

	if (replay->pool == NULL)
		return;
	while ((piece = TAILQ_FIRST(&replay->pieces)) != NULL) {
		TAILQ_REMOVE(&replay->pieces, piece, link);
		objpool_put(replay->pool, piece);
	}
	*replay = (struct replay){ .is_lost = replay->is_lost || replay->len > 0 };
}

static struct replay_piece *piece_with_room(struct replay *replay)
{
	struct replay_piece *piece = TAILQ_LAST(&replay->pieces, replay_pieces);

	if (piece != NULL && piece->len < REPLAY_PIECE_BYTES)
		return piece;
	piece = objpool_get(replay->pool);
	if (piece == NULL)
		return NULL;
	piece->len = 0;
	TAILQ_INSERT_TAIL(&replay->pieces, piece, link);
	return piece;
}

/* False: pieces are short, and some of the bytes may be kept. */
static bool keep(struct replay *replay, const char *data, size_t len)
{
	while (len > 0) {
		struct replay_piece *piece = piece_with_room(replay);
		size_t part;

		if (piece == NULL)
			return false;
		part = REPLAY_PIECE_BYTES - piece->len;
		part = part < len ? part : len;
		memcpy(piece->data + piece->len, data, part);
		piece->len += (uint32_t)part;
		replay->len += (uint32_t)part;
		data += part;
		len -= part;
	}
	return true;
}

void replay_add(struct replay *replay, const char *data, size_t len)
{
	if (len == 0 || replay->is_lost)
		return;
	if (replay->pool == NULL || len > replay->max - replay->len || !keep(replay, data, len)) {
		replay->is_lost = true;
		replay_close(replay);
		return;
	}
	/* It has just been sent: the place to go on is behind it. */
	replay->sent_at = replay->len;
	replay->at_piece = TAILQ_LAST(&replay->pieces, replay_pieces);
	replay->at_offset = replay->at_piece->len;
}

bool replay_store(struct replay *replay, const char *data, size_t len)
{
	if (replay->pool == NULL || len > replay->max - replay->len)
		return false;
	return keep(replay, data, len);
}

void replay_rewind(struct replay *replay)
{
	replay->sent_at = 0;
	replay->at_piece = NULL;
	replay->at_offset = 0;
}

size_t replay_peek(const struct replay *replay, const char **data)
{
	const struct replay_piece *piece = replay->at_piece;
	uint32_t offset = replay->at_offset;

	if (replay->sent_at == replay->len)
		return 0;
	if (piece == NULL)
		piece = TAILQ_FIRST(&replay->pieces);
	if (offset == piece->len) {
		piece = TAILQ_NEXT(piece, link);
		offset = 0;
	}
	*data = piece->data + offset;
	return piece->len - offset;
}

void replay_advance(struct replay *replay, size_t len)
{
	if (len == 0)
		return;
	if (replay->at_piece == NULL)
		replay->at_piece = TAILQ_FIRST(&replay->pieces);
	if (replay->at_offset == replay->at_piece->len) {
		replay->at_piece = TAILQ_NEXT(replay->at_piece, link);
		replay->at_offset = 0;
	}
	replay->at_offset += (uint32_t)len;
	replay->sent_at += (uint32_t)len;
}
