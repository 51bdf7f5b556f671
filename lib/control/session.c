/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "nearest.h"
#include "words.h"

#define LEVEL(name) CONTROL_LEVEL_##name
static const struct command commands[] = {
#define COMMAND(id_, words_, arguments_, level_, help_)                                            \
	{ .words = (words_),                                                                       \
		.arguments = (arguments_),                                                         \
		.level = LEVEL(level_),                                                            \
		.help = (help_),                                                                   \
		.run = command_##id_ },
#include "control/commands.def"
#undef COMMAND
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct command *command_at(unsigned index)
{
	return index < COMMAND_COUNT ? &commands[index] : NULL;
}

void session_init(struct session *session, const struct control_params *params,
	const struct core_samples *samples, struct capture *capture, struct ssl_update *update)
{
	*session = (struct session){ .params = params,
		.samples = samples,
		.capture = capture,
		.update = update,
		.level = CONTROL_LEVEL_ADMIN };
}

static void request_end(struct session *session)
{
	struct request *request = &session->request;

	if (request->state_destroy != NULL)
		request->state_destroy(request->state);
	request->state = NULL;
	request->state_destroy = NULL;
	session->is_running = false;
}

void session_destroy(struct session *session)
{
	request_end(session);
}

bool session_wants_payload(const char *line, size_t *len)
{
	size_t mark = strlen(CONTROL_PAYLOAD_MARK), end = *len;

	while (end > 0 && strchr(" \t\r", line[end - 1]) != NULL)
		end--;
	if (end < mark || memcmp(line + end - mark, CONTROL_PAYLOAD_MARK, mark) != 0)
		return false;
	*len = end - mark;
	return true;
}

void session_start(struct session *session, const char *line, size_t len)
{
	memcpy(session->line, line, len);
	session->line[len] = '\0';
	session->rest = session->line;
	session->payload = NULL;
}

/* How many of the typed words the command's own words are; 0: not this command. */
static unsigned match(const struct command *command, const char *const *words, unsigned count)
{
	const char *at = command->words;

	for (unsigned i = 0; i < count; i++) {
		size_t len = strcspn(at, " ");

		if (strlen(words[i]) != len || memcmp(at, words[i], len) != 0)
			return 0;
		if (at[len] == '\0')
			return i + 1;
		at += len + 1;
	}
	return 0;
}

static const struct command *find(const char *const *words, unsigned count, unsigned *used)
{
	const struct command *best = NULL;

	*used = 0;
	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		unsigned matched = match(&commands[i], words, count);

		if (matched > *used) {
			*used = matched;
			best = &commands[i];
		}
	}
	return best;
}

static void join(char *text, size_t size, const char *const *words, unsigned count)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? " " : "", words[i]);
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
}

/* The table's commands that begin with what was typed: an unfinished command. */
static bool list_beginning(FILE *out, const char *typed)
{
	size_t len = strlen(typed);
	bool is_any = false;

	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		if (strncmp(commands[i].words, typed, len) != 0 || commands[i].words[len] != ' ')
			continue;
		if (!is_any)
			fprintf(out,
				CONTROL_ERROR_PREFIX
				"\"%s\" is not a whole command; these begin so:\n",
				typed);
		fprintf(out, "  %s%s%s\n", commands[i].words,
			commands[i].arguments[0] != '\0' ? " " : "", commands[i].arguments);
		is_any = true;
	}
	return is_any;
}

/* As many of the typed words as the command has: the rest were its arguments. */
static void offer(struct nearest *nearest, char *text, const char *const *words, unsigned count,
	const struct command *command)
{
	unsigned wanted = 1;

	for (const char *c = command->words; *c != '\0'; c++)
		wanted += *c == ' ';
	join(text, 64, words, count < wanted ? count : wanted);
	nearest->typed = text;
	nearest_offer(nearest, command->words);
}

static void print_unknown(FILE *out, const char *const *words, unsigned count)
{
	struct nearest nearest;
	char text[80], part[64];

	join(text, sizeof(text), words, count);
	if (list_beginning(out, text))
		return;
	fprintf(out, CONTROL_ERROR_PREFIX "unknown command \"%s\"\n", text);
	join(part, sizeof(part), words, count < 2 ? count : 2);
	nearest_init(&nearest, part);
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		offer(&nearest, part, words, count, &commands[i]);
	if (nearest.best != NULL)
		fprintf(out, "did you mean \"%s\"?\n", nearest.best);
	fputs("\"help\" lists the commands\n", out);
}

static void print_usage(FILE *out, const struct command *command)
{
	fprintf(out, "usage: %s%s%s\n", command->words, command->arguments[0] != '\0' ? " " : "",
		command->arguments);
}

/* Words after the command's own, and whether the last of them asks for JSON. */
static int arguments_take(struct request *request, unsigned used)
{
	const struct command *command = request->command;

	request->count -= used;
	memmove(request->words, request->words + used, request->count * sizeof(request->words[0]));
	if (request->count > 0 && strcmp(request->words[request->count - 1], "json") == 0 &&
		strstr(command->arguments, "[json]") != NULL) {
		request->is_json = true;
		request->count--;
	}
	if (request->count > 0 &&
		(command->arguments[0] == '\0' || strcmp(command->arguments, "[json]") == 0))
		return request_fail(request, EINVAL, "%s takes no \"%.60s\"", command->words,
			request->words[0]);
	return 0;
}

static const char *level_name(enum control_level level)
{
	static const char *const names[] = {
		[CONTROL_LEVEL_USER] = "user",
		[CONTROL_LEVEL_OPERATOR] = "operator",
		[CONTROL_LEVEL_ADMIN] = "admin",
	};

	return names[level];
}

static int check(struct request *request, unsigned used)
{
	const struct command *command = request->command;

	if (command->level > request->session->level)
		return request_fail(request, EPERM, "%s needs the level %s", command->words,
			level_name(command->level));
	return arguments_take(request, used);
}

/* Fills in the request for the next command of the line. False: it is answered already. */
static bool request_begin(struct session *session, FILE *out)
{
	struct request *request = &session->request;
	unsigned used;
	int count;

	*request = (struct request){ .session = session, .params = session->params };
	count = words_split(session->rest, request->words, SESSION_WORDS_MAX, &session->rest);
	/* A ';' at the end of the line is no further command. */
	if (session->rest != NULL && session->rest[strspn(session->rest, " \t\r")] == '\0')
		session->rest = NULL;
	if (count < 0)
		fprintf(out, CONTROL_ERROR_PREFIX "more than %d words\n", SESSION_WORDS_MAX);
	if (count <= 0)
		return false;
	request->count = (unsigned)count;
	request->command = find(request->words, request->count, &used);
	if (request->command == NULL) {
		print_unknown(out, request->words, request->count);
		return false;
	}
	request->out = out;
	if (check(request, used) == 0)
		return true;
	fprintf(out, CONTROL_ERROR_PREFIX "%s\n", request->err.text);
	print_usage(out, request->command);
	return false;
}

/* Runs the request's function once into memory of its own: an error comes before what it said. */
static int request_run(struct request *request, FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	int ret;

	request->out = open_memstream(&text, &len);
	if (request->out == NULL) {
		fputs(CONTROL_ERROR_PREFIX "out of memory\n", out);
		return -ENOMEM;
	}
	ret = request->command->run(request);
	if (fclose(request->out) != 0 && ret >= 0)
		ret = request_fail(request, ENOMEM, "out of memory");
	if (ret < 0)
		fprintf(out, CONTROL_ERROR_PREFIX "%s\n",
			request->err.text[0] != '\0' ? request->err.text : strerror(-ret));
	fwrite(text, 1, len, out);
	if (ret == -EINVAL)
		print_usage(out, request->command);
	free(text);
	return ret;
}

bool session_step(struct session *session, FILE *out)
{
	if (session->rest == NULL && !session->is_running)
		return false;
	if (!session->is_running)
		session->is_running = request_begin(session, out);
	if (session->is_running && request_run(&session->request, out) == COMMAND_AGAIN)
		return true;
	request_end(session);
	fputc('\n', out);
	if (session->is_quitting)
		session->rest = NULL;
	return session->rest != NULL;
}
