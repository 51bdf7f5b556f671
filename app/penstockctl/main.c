/* SPDX-License-Identifier: Apache-2.0 */
/* The command line for the stats socket of penstock. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "penstockctl.h"

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	is_interrupted = 1;
}

/* Leading and trailing white space off. */
static char *trim(char *line)
{
	size_t len;

	line += strspn(line, " \t\r\n");
	len = strlen(line);
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL)
		line[--len] = '\0';
	return line;
}

static bool is_end(const char *line)
{
	return strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0;
}

/* One connection a line: a restart of penstock in between does not matter. */
static enum exit_code interact(const struct options *options)
{
	bool is_terminal = isatty(STDIN_FILENO) != 0;
	enum exit_code code = EXIT_OK, worst = EXIT_OK;
	char line[CONTROL_LINE_MAX + 2];

	for (;;) {
		char *command;

		if (is_terminal)
			fputs("penstock> ", stdout);
		fflush(stdout);
		if (fgets(line, sizeof(line), stdin) == NULL)
			break;
		if (strchr(line, '\n') == NULL && !feof(stdin)) {
			fputs("penstockctl: the line is too long\n", stderr);
			return EXIT_USAGE;
		}
		command = trim(line);
		if (command[0] == '\0' || command[0] == '#')
			continue;
		if (is_end(command))
			break;
		code = exchange(options, command);
		worst = code > worst ? code : worst;
	}
	if (is_terminal && feof(stdin))
		putchar('\n');
	return is_terminal ? EXIT_OK : worst;
}

static enum exit_code watch(const struct options *options)
{
	struct sigaction action = { .sa_handler = interrupt };
	struct timespec pause = { .tv_sec = (time_t)options->watch_s };
	enum exit_code code = EXIT_OK;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!is_interrupted) {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		code = exchange(options, options->command);
		fflush(stdout);
		if (code != EXIT_OK)
			return code;
		nanosleep(&pause, NULL);
	}
	return code;
}

int main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	if (options.is_silent_end)
		return (int)options.exit_code;
	if (options.command[0] != '\0')
		return (int)(options.watch_s > 0 ? watch(&options)
						 : exchange(&options, options.command));
	if (options.watch_s > 0 || options.is_json) {
		fputs("penstockctl: --watch and --json need a command\n", stderr);
		return EXIT_USAGE;
	}
	return (int)interact(&options);
}
