/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PENSTOCKCTL_H
#define PENSTOCKCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "control/wire.h"

/* Also in penstockctl(1). */
enum exit_code { EXIT_OK, EXIT_COMMAND_FAILED, EXIT_USAGE, EXIT_NO_CONNECTION };

struct options {
	const char *socket;
	bool is_json;
	bool is_silent_end;       /* main() is done: --help, --version, --commands, or an error */
	enum exit_code exit_code; /* in that case */
	unsigned watch_s;         /* 0: once */
	unsigned timeout_s;
	char command[CONTROL_LINE_MAX + 1]; /* "": interactive */
};

void options_parse(struct options *options, int argc, char **argv);

/* Appends a word to the command, after a blank. False: it has a newline or is too long. */
bool command_append(struct options *options, const char *word);

/*
 * Answers as they come: whole lines go to stdout, those of a failed command to stderr, header
 * lines ("# ...") bold on a terminal. The empty line that ends an answer shows only between two.
 */
struct answer {
	bool is_coloured;       /* stdout */
	bool is_error_coloured; /* stderr */
	bool is_inside;         /* a line of this answer was seen */
	bool is_error;          /* this answer's first line began with "error: " */
	bool is_gap_due;        /* an answer ended; another one may follow */
	bool has_failed;        /* any answer */
	bool is_complete;       /* the last line was the empty one */
	char line[8192];
	size_t len;
};

void answer_init(struct answer *answer);
void answer_take(struct answer *answer, const char *bytes, size_t len);

/* The connection has ended. */
enum exit_code answer_end(struct answer *answer);

/* Sends a line and prints what comes back. */
enum exit_code exchange(const struct options *options, const char *line);

#endif
