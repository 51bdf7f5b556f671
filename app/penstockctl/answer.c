/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/wire.h"
#include "penstockctl.h"

#define BOLD  "\033[1m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

static bool is_terminal(int fd)
{
	const char *terminal = getenv("TERM");

	if (getenv("NO_COLOR") != NULL || (terminal != NULL && strcmp(terminal, "dumb") == 0))
		return false;
	return isatty(fd) != 0;
}

void answer_init(struct answer *answer)
{
	answer->is_coloured = is_terminal(STDOUT_FILENO);
	answer->is_error_coloured = is_terminal(STDERR_FILENO);
	answer->is_inside = false;
	answer->is_error = false;
	answer->is_gap_due = false;
	answer->has_failed = false;
	answer->is_complete = false;
	answer->len = 0;
}

/* Text from the network may hold anything; a terminal must not act on it. */
static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			text[i] = '?';
	}
}

static void line_print(struct answer *answer, bool has_newline)
{
	FILE *out = answer->is_error ? stderr : stdout;
	const char *colour = "";

	if (answer->is_error && answer->is_error_coloured)
		colour = RED;
	else if (!answer->is_error && answer->is_coloured && strncmp(answer->line, "# ", 2) == 0)
		colour = BOLD;
	fprintf(out, "%s%.*s%s%s", colour, (int)answer->len, answer->line,
		colour[0] != '\0' ? PLAIN : "", has_newline ? "\n" : "");
}

static void answer_finish(struct answer *answer)
{
	answer->is_gap_due = answer->is_inside && !answer->is_error;
	answer->is_inside = false;
	answer->is_error = false;
	answer->is_complete = true;
}

static void line_take(struct answer *answer, bool has_newline)
{
	if (answer->len == 0 && has_newline) {
		answer_finish(answer);
		return;
	}
	answer->line[answer->len] = '\0';
	if (!answer->is_inside) {
		answer->is_error = strncmp(answer->line, CONTROL_ERROR_PREFIX,
					   strlen(CONTROL_ERROR_PREFIX)) == 0;
		answer->has_failed = answer->has_failed || answer->is_error;
		if (answer->is_gap_due && !answer->is_error)
			putchar('\n');
	}
	answer->is_inside = true;
	answer->is_complete = false;
	clean(answer->line, answer->len);
	line_print(answer, has_newline);
	answer->len = 0;
}

void answer_take(struct answer *answer, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			line_take(answer, true);
			continue;
		}
		/* A line longer than the buffer is printed in parts. */
		if (answer->len == sizeof(answer->line) - 1)
			line_take(answer, false);
		answer->line[answer->len++] = bytes[i];
	}
}

enum exit_code answer_end(struct answer *answer)
{
	if (answer->len > 0)
		line_take(answer, true);
	fflush(stdout);
	if (!answer->is_complete) {
		fputs("penstockctl: the connection ended before the answer did\n", stderr);
		return EXIT_NO_CONNECTION;
	}
	return answer->has_failed ? EXIT_COMMAND_FAILED : EXIT_OK;
}
