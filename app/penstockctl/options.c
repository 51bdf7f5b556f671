/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "penstockctl.h"

#define SOCKET_DEFAULT  "/run/penstock/penstock.sock"
#define TIMEOUT_DEFAULT 30
#define SECONDS_MAX     86400

enum { OPTION_JSON = 256, OPTION_WATCH, OPTION_COMMANDS };

static const struct option long_options[] = {
	{ .name = "socket", .has_arg = required_argument, .val = 's' },
	{ .name = "timeout", .has_arg = required_argument, .val = 't' },
	{ .name = "watch", .has_arg = required_argument, .val = 'w' },
	{ .name = "json", .has_arg = no_argument, .val = 'j' },
	{ .name = "commands", .has_arg = no_argument, .val = OPTION_COMMANDS },
	{ .name = "help", .has_arg = no_argument, .val = 'h' },
	{ .name = "version", .has_arg = no_argument, .val = 'V' },
	{ 0 },
};

static const char *const commands[] = {
#define COMMAND(id, words, arguments, level, help) words " " arguments,
#include "control/commands.def"
#undef COMMAND
};

static void help_print(FILE *out)
{
	fputs("usage: penstockctl [OPTION]... [COMMAND]...\n"
	      "\n"
	      "Sends one command to a running penstock and prints the answer. Without a command, "
	      "on\n"
	      "a terminal, it asks for commands until quit.\n"
	      "\n"
	      "  -s, --socket PATH    stats socket (default: $PENSTOCK_SOCKET, or\n"
	      "                       " SOCKET_DEFAULT ")\n"
	      "  -j, --json           answer as JSON\n"
	      "  -w, --watch SECONDS  again every so many seconds, until interrupted\n"
	      "  -t, --timeout SECONDS  how long to wait for an answer (default: 30)\n"
	      "      --commands       list the commands and their arguments\n"
	      "  -h, --help           this text\n"
	      "  -V, --version        the version of this program\n"
	      "\n"
	      "Exit status: 0 answered, 1 the command failed, 2 usage, 3 no connection.\n"
	      "Commands: penstockctl help. More: penstockctl(1).\n",
		out);
}

static void end(struct options *options, enum exit_code code)
{
	options->is_silent_end = true;
	options->exit_code = code;
}

static unsigned seconds_parse(struct options *options, const char *name, const char *text)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (text[0] >= '0' && text[0] <= '9' && *rest == '\0' && value > 0 && value <= SECONDS_MAX)
		return (unsigned)value;
	fprintf(stderr, "penstockctl: %s takes seconds from 1 to %d, not \"%s\"\n", name,
		SECONDS_MAX, text);
	end(options, EXIT_USAGE);
	return 1;
}

static void commands_print(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		puts(commands[i]);
}

static void option_take(struct options *options, int option)
{
	switch (option) {
	case 's':
		options->socket = optarg;
		break;
	case 't':
		options->timeout_s = seconds_parse(options, "--timeout", optarg);
		break;
	case 'w':
		options->watch_s = seconds_parse(options, "--watch", optarg);
		break;
	case 'j':
		options->is_json = true;
		break;
	case OPTION_COMMANDS:
		commands_print();
		end(options, EXIT_OK);
		break;
	case 'h':
		help_print(stdout);
		end(options, EXIT_OK);
		break;
	case 'V':
		puts("penstockctl " PENSTOCK_VERSION);
		end(options, EXIT_OK);
		break;
	default:
		fputs("penstockctl --help tells of the options\n", stderr);
		end(options, EXIT_USAGE);
	}
}

bool command_append(struct options *options, const char *word)
{
	size_t len = strlen(options->command), more = strlen(word);

	if (strchr(word, '\n') != NULL || len + 1 + more > CONTROL_LINE_MAX)
		return false;
	if (len > 0)
		options->command[len++] = ' ';
	memcpy(options->command + len, word, more + 1);
	return true;
}

/* The file of plan is read by penstock, which runs in another folder. */
static bool file_append(struct options *options, const char *name)
{
	char path[PATH_MAX];
	size_t len;

	if (name[0] == '/')
		return command_append(options, name);
	if (getcwd(path, sizeof(path)) == NULL)
		return false;
	len = strlen(path);
	if (len + strlen(name) + 2 > sizeof(path))
		return false;
	snprintf(path + len, sizeof(path) - len, "/%s", name);
	return command_append(options, path);
}

static void words_take(struct options *options, int argc, char **argv)
{
	bool is_plan = argc - optind > 1 && strcmp(argv[optind], "plan") == 0;
	bool is_fine = true;

	for (int i = optind; i < argc && is_fine; i++)
		is_fine = is_plan && i == optind + 1 ? file_append(options, argv[i])
						     : command_append(options, argv[i]);
	if (options->is_json && options->command[0] != '\0')
		is_fine = is_fine && command_append(options, "json");
	if (is_fine)
		return;
	fprintf(stderr, "penstockctl: a command is one line of at most %d bytes\n",
		CONTROL_LINE_MAX);
	end(options, EXIT_USAGE);
}

void options_parse(struct options *options, int argc, char **argv)
{
	const char *from_environment = getenv("PENSTOCK_SOCKET");
	int option;

	memset(options, 0, sizeof(*options));
	options->socket = from_environment != NULL ? from_environment : SOCKET_DEFAULT;
	options->timeout_s = TIMEOUT_DEFAULT;
	/* '+': options end at the command, whose words may begin with '-'. */
	while (!options->is_silent_end &&
		(option = getopt_long(argc, argv, "+s:t:w:jhV", long_options, NULL)) != -1)
		option_take(options, option);
	if (!options->is_silent_end)
		words_take(options, argc, argv);
}
