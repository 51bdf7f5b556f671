/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_SIDE_H
#define TEST_HTTP_SIDE_H

#include "http/h2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

#define GET  ":method: GET\n:scheme: http\n:path: /x\n:authority: a.test\n"
#define POST ":method: POST\n:scheme: http\n:path: /x\n:authority: a.test\n"

/* Of each session here: a stream's window, and what a header section may unpack to. */
#define SIDE_WINDOW  65535
#define SIDE_HEADERS 4096

/* One of our sessions, and what it told. */
struct side {
	struct h2_session *session;
	size_t objects; /* memory that it holds */
	unsigned refused[HTTP_REFUSAL_COUNT];
	bool is_awake;
};

void side_open(struct side *side, enum h2_role role);
/* Nothing that it took may be left. */
void side_close(struct side *side);
/* All that the session has to say, into out unless that is NULL; its length. */
size_t side_drain(struct side *side, char *out, size_t size);
/* Fed in pieces, so that every state is met half way. False when the session has ended. */
bool side_feed(struct side *side, const char *data, size_t len, size_t piece);
/* Reads what there is of the only stream. Returns its owner's view of a refusal. */
enum http_refusal side_read_all(struct side *side, bool *is_complete);

#endif
