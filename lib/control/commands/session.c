/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the connection itself. */
#include <errno.h>
#include <string.h>

#include "commands.h"

static const char *const levels[] = {
	[CONTROL_LEVEL_USER] = "user",
	[CONTROL_LEVEL_OPERATOR] = "operator",
	[CONTROL_LEVEL_ADMIN] = "admin",
};

int command_show_level(struct request *request)
{
	fprintf(request->out, "%s\n", levels[request->session->level]);
	return 0;
}

int command_prompt(struct request *request)
{
	request->session->is_interactive = !request->session->is_interactive;
	return 0;
}

int command_quit(struct request *request)
{
	request->session->is_quitting = true;
	return 0;
}

int command_user(struct request *request)
{
	request->session->level = CONTROL_LEVEL_USER;
	return 0;
}

int command_operator(struct request *request)
{
	request->session->level = CONTROL_LEVEL_OPERATOR;
	return 0;
}

/* Does the command begin with these words? "help show" tells of all that show something. */
static bool begins_with(const struct command *command, const struct request *request)
{
	const char *at = command->words;

	for (unsigned i = 0; i < request->count; i++) {
		size_t len = strcspn(at, " ");

		if (strlen(request->words[i]) != len || memcmp(at, request->words[i], len) != 0)
			return false;
		at += len;
		at += *at == ' ';
	}
	return true;
}

static void print(FILE *out, const struct command *command)
{
	fprintf(out, "%s%s%s\n    %s", command->words, command->arguments[0] != '\0' ? " " : "",
		command->arguments, command->help);
	if (command->level != CONTROL_LEVEL_USER)
		fprintf(out, " (%s)", levels[command->level]);
	fputc('\n', out);
}

int command_help(struct request *request)
{
	const struct command *command;
	unsigned printed = 0;

	for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
		if (command->level > request->session->level || !begins_with(command, request))
			continue;
		print(request->out, command);
		printed++;
	}
	if (printed == 0)
		return request_fail(
			request, ENOENT, "no command begins so; \"help\" lists them all");
	return 0;
}
