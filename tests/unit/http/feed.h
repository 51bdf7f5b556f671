/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_FEED_H
#define TEST_HTTP_FEED_H

#include "http/h1.h"

#define FEED_LOG_MAX 16384

/* One parser over one connection's bytes; the events go to log as text. */
struct feed {
	enum h1_role role;
	struct http_limits limits; /* all zero: generous ones */
	size_t buffer_len;         /* 0: as long as limits.header_bytes */
	bool to_head_request;
	bool is_unasked; /* response: nothing was asked */
	enum http_refusal refusal;
	uint64_t offset;
	unsigned heads;
	unsigned ends;
	char log[FEED_LOG_MAX];
};

/*
 * Feeds data cut after every `piece` bytes (0: in one piece), or first cut at `cut` only when piece
 * is 0. Body pieces are joined, so that the log is the same for every cut. ends with eof when told.
 */
void feed_run(struct feed *feed, const char *data, size_t len, size_t piece, size_t cut);
void feed_eof(struct feed *feed, const char *data, size_t len, size_t piece, size_t cut);

#endif
