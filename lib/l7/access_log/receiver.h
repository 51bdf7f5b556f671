/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCESS_RECEIVER_H
#define ACCESS_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "l7/access_log.h"

#define LINE_MAX_BYTES (8 * ACCESS_RECORD_MAX)

/*
 * A file, a pipe, a terminal or a socket that takes lines, and never makes anybody wait. A line
 * goes whole or not at all: of one that was taken in part, the rest is kept and goes first.
 * Zeroed, with fd -1, it is closed. Control thread.
 */
struct receiver {
	int fd;
	bool is_socket;
	size_t rest_at, rest_len;
	char rest[LINE_MAX_BYTES];
};

/* The standard output, without changing how others write to it, or a file. 0 or -errno. */
int receiver_open_stdout(struct receiver *receiver, struct err *err);
int receiver_open_file(struct receiver *receiver, const char *path, struct err *err);
void receiver_close(struct receiver *receiver);

/* len <= LINE_MAX_BYTES. False: it was not taken. */
bool receiver_write(struct receiver *receiver, const char *text, size_t len);

#endif
