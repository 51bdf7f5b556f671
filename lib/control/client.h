/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* A line that was never finished is not run: it may be half of another command. */
#define CLIENT_LINE_TIMEOUT_US 10000000ull  /* for a line, from accept */
#define CLIENT_IDLE_TIMEOUT_US 600000000ull /* between lines, after prompt */
#define CLIENT_SEND_TIMEOUT_US 10000000ull  /* a reader that takes nothing */

/*
 * One connection. At most one input buffer, a command's payload and the answer's current piece are
 * held: the next piece is made when that one was taken, so memory does not grow with the answer or
 * with a slow reader.
 */
struct client {
	int fd;         /* -1: free */
	bool is_ending; /* closes after what is still to be sent */
	bool is_broken; /* closes at once */
	bool is_eof;
	uint32_t events; /* epoll interest now */
	uint64_t deadline_us;
	size_t input_len;
	char *output; /* piece being sent, or NULL */
	size_t output_len, output_sent;
	bool is_in_payload; /* the command waits for the lines that follow it */
	char *payload;      /* so far, with a NUL; NULL: none */
	size_t payload_len;
	char input[CONTROL_LINE_MAX + 1];
	struct session session;
};

/* Takes over fd. The session is initialised by the caller. */
void client_init(struct client *client, int fd, uint64_t now_us);
void client_destroy(struct client *client);

/* Reads, runs and writes as far as that goes without waiting, and not for too long. */
void client_run(struct client *client, uint64_t now_us);

/* True when the connection is to be destroyed. */
bool client_is_done(const struct client *client, uint64_t now_us);

/* EPOLLIN or EPOLLOUT: what client_run() waits for. */
uint32_t client_wanted_events(const struct client *client);

#endif
