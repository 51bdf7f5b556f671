/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "control/control.h"
#include "control/wire.h"

#define SESSION_WORDS_MAX 32

enum control_level { CONTROL_LEVEL_USER, CONTROL_LEVEL_OPERATOR, CONTROL_LEVEL_ADMIN };

struct session;

/* What a command function returns, besides 0 and a negative errno. */
#define COMMAND_AGAIN 1

/*
 * A command on its way. A function that returns COMMAND_AGAIN is called again when its output so
 * far has been sent, with 'state' as it left it, until it returns something else. A negative
 * return prints err and whatever is in 'out' after it; -EINVAL also prints how the command is used.
 */
struct request {
	struct session *session;
	const struct control_params *params;
	const struct command *command;
	const char *words[SESSION_WORDS_MAX]; /* arguments, without the command's own and "json" */
	unsigned count;
	bool is_json;
	FILE *out;
	struct err err;
	void *state;
	void (*state_destroy)(void *state);
};

struct command {
	const char *words;
	const char *arguments;
	enum control_level level;
	const char *help;
	int (*run)(struct request *request);
};

/* Row of the table of commands; NULL past the end. */
const struct command *command_at(unsigned index);

/* Words for the client and a negative errno to return. */
#define request_fail(request, code, ...) err_set(&(request)->err, code, __VA_ARGS__)

/* A worker as seen in the last whole second. Kept by control_poll(). */
struct core_sample {
	uint64_t busy_cycles, idle_cycles; /* at its end */
	uint64_t busy_delta, idle_delta;   /* in it */
};

struct core_samples {
	uint64_t taken_us; /* 0: none yet */
	struct core_sample cores[RUNTIME_WORKERS_MAX];
};

/*
 * What runs the lines of one client: splits them into commands, runs these piece by piece, and
 * ends each answer with an empty line. Control thread.
 */
struct session {
	const struct control_params *params;
	const struct core_samples *samples;
	struct capture *capture;   /* the process has one, */
	struct ssl_update *update; /* and one of these */
	enum control_level level;
	bool is_interactive; /* after prompt */
	bool is_quitting;    /* after quit */
	char line[CONTROL_LINE_MAX + 1];
	const char
		*payload; /* what follows the line; NULL: nothing. The caller's, until it is run */
	char *rest;       /* what of the line is still to run; NULL: nothing */
	bool is_running;  /* request waits to be called again */
	struct request request;
};

void session_init(struct session *session, const struct control_params *params,
	const struct core_samples *samples, struct capture *capture, struct ssl_update *update);
void session_destroy(struct session *session);

/* Does the line end in CONTROL_PAYLOAD_MARK? Then *len becomes the length without it. */
bool session_wants_payload(const char *line, size_t *len);

/* Takes a line without its newline. len <= CONTROL_LINE_MAX. The one before must be done. */
void session_start(struct session *session, const char *line, size_t len);

/* Runs the next piece of the line. True while there is more. */
bool session_step(struct session *session, FILE *out);

#endif
