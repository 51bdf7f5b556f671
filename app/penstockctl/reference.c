/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints docs/reference/commands.md or counters.md from the tables in the code, or, given a file
 * too, compares with it: then status 1 says that the file is out of date.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *name;
	const char *arguments;
	const char *level;
	const char *help;
};

static const struct row commands[] = {
#define COMMAND(id, words_, arguments_, level_, help_)                                             \
	{ .name = (words_), .arguments = (arguments_), .level = #level_, .help = (help_) },
#include "control/commands.def"
#undef COMMAND
};

static const struct row columns[] = {
#define STAT(name_, help_) { .name = #name_, .help = (help_) },
#include "control/stat.def"
#undef STAT
};

#define COUNTER(name_, help_) { .name = #name_, .help = (help_) },
#define DROP(name_, help_)    { .name = #name_, .help = (help_) },
static const struct row core_rows[] = {
#include "runtime/core.def"
};
static const struct row drop_rows[] = {
#include "stats/drop.def"
};
static const struct row neigh_rows[] = {
#include "neigh/neigh.def"
};
static const struct row l4_rows[] = {
#include "l4/l4.def"
};
static const struct row tcp_rows[] = {
#include "tcp/tcp.def"
};
static const struct row l7_rows[] = {
#include "l7/l7.def"
};
static const struct row access_rows[] = {
#include "l7/access.def"
};
static const struct row service_rows[] = {
#include "service/service.def"
};
static const struct row pool_rows[] = {
#include "backend/pool.def"
};
static const struct row member_rows[] = {
#include "backend/member.def"
};
#undef COUNTER
#undef DROP

static const struct row http_refused_rows[] = {
#define REFUSAL(name_, status_, help_) { .name = #name_, .help = (help_) },
#include "http/refusal.def"
#undef REFUSAL
};

static const struct row l7_ended_rows[] = {
#define ENDING(name_, code_, help_) { .name = #name_, .help = (help_) },
#include "l7/ending.def"
#undef ENDING
};

static const struct {
	const char *prefix;
	const char *what;
	const char *labels; /* of its metrics */
	const struct row *rows;
	size_t count;
} sets[] = {
#define SET(prefix_, labels_, what_)                                                               \
	{                                                                                          \
		.prefix = #prefix_, .what = (what_), .labels = (labels_), .rows = prefix_##_rows,  \
		.count = sizeof(prefix_##_rows) / sizeof(prefix_##_rows[0])                        \
	}
	SET(core, "{core}", "What each worker does with its time and packets."),
	SET(drop, "{core}", "Every way in which a packet ends here: `show drops`."),
	SET(neigh, "", "ARP, neighbor discovery and echo."),
	SET(l4, "", "The L4 connection table."),
	SET(tcp, "", "Our own TCP stack, both sides."),
	SET(l7, "", "HTTP connections and requests."),
	SET(access, "", "The access log, as the control thread writes it."),
	SET(http_refused, "", "HTTP messages refused by the strictness rules, by rule."),
	SET(l7_ended, "", "How HTTP requests ended."),
	SET(service, "{service}", "What clients did with each service."),
	SET(pool, "{pool}", "Retries, limits and queues of each pool (L7)."),
	SET(member, "{pool,member}", "What was done with each member of a pool."),
#undef SET
};

/* '|' would end a table's cell. */
static void cell_print(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void level_print(FILE *out, const char *level)
{
	for (; *level != '\0'; level++)
		fputc(*level - 'A' + 'a', out);
}

static void command_rows_print(FILE *out)
{
	fputs("| command | level | what it does |\n| --- | --- | --- |\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(out, "| `%s", commands[i].name);
		if (commands[i].arguments[0] != '\0') {
			fputc(' ', out);
			cell_print(out, commands[i].arguments);
		}
		fputs("` | ", out);
		level_print(out, commands[i].level);
		fputs(" | ", out);
		cell_print(out, commands[i].help);
		fputs(" |\n", out);
	}
}

static void commands_print(FILE *out)
{
	fputs("# Commands of the stats socket\n\n"
	      "Generated from lib/control/include/control/commands.def and stat.def by\n"
	      "`ninja -C build reference-commands`; do not edit.\n\n"
	      "A command is one line, or several joined by `;`; a backslash takes the next "
	      "character\n"
	      "as it is. An empty line ends each answer. An answer whose first line begins with\n"
	      "`error: ` says that the command failed. The connection closes after one line, "
	      "unless\n"
	      "that was `prompt`. A level contains those before it in user, operator, admin; a\n"
	      "connection begins as admin, so the socket file's mode and group decide who that "
	      "is.\n"
	      "`json` as last word gives the answer as JSON where the table says so.\n\n",
		out);
	command_rows_print(out);
	fputs("\n## Columns of show stat\n\n"
	      "The columns of HAProxy's CSV, by its names and in its order. Those without a "
	      "meaning\n"
	      "here are always empty.\n\n"
	      "| column | meaning |\n| --- | --- |\n",
		out);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		fprintf(out, "| `%s` | ", columns[i].name);
		cell_print(out, columns[i].help[0] != '\0' ? columns[i].help : "(empty)");
		fputs(" |\n", out);
	}
}

static void counters_print(FILE *out)
{
	fputs("# Counters\n\n"
	      "Generated from the .def tables of the modules by `ninja -C build "
	      "reference-commands`;\n"
	      "do not edit.\n\n"
	      "All of them count from the start of the process and never go back. `show counters`\n"
	      "prints sums over the cores, `show metrics` the same for Prometheus, where\n"
	      "`MODULE.NAME` is called `penstock_MODULE_NAME_total`, with the labels named here.\n",
		out);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		fprintf(out, "\n## %s\n\n%s", sets[i].prefix, sets[i].what);
		if (sets[i].labels[0] != '\0')
			fprintf(out, " Labels: `%s`.", sets[i].labels);
		fputs("\n\n| counter | counts |\n| --- | --- |\n", out);
		for (size_t j = 0; j < sets[i].count; j++) {
			fprintf(out, "| `%s` | ", sets[i].rows[j].name);
			cell_print(out, sets[i].rows[j].help);
			fputs(" |\n", out);
		}
	}
}

/* True when the file holds exactly these bytes. */
static bool is_same(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "rb");
	char *bytes = malloc(len + 2);
	bool is_equal = false;

	if (file != NULL && bytes != NULL)
		is_equal = fread(bytes, 1, len + 2, file) == len && memcmp(bytes, text, len) == 0;
	free(bytes);
	if (file != NULL)
		fclose(file);
	if (!is_equal)
		fprintf(stderr,
			"%s is not what the tables say: ninja -C build reference-commands\n", path);
	return is_equal;
}

int main(int argc, char **argv)
{
	void (*print)(FILE * out) = NULL;
	char *text = NULL;
	size_t len = 0;
	bool is_good;
	FILE *out;

	if (argc >= 2 && strcmp(argv[1], "commands") == 0)
		print = commands_print;
	if (argc >= 2 && strcmp(argv[1], "counters") == 0)
		print = counters_print;
	out = print != NULL && argc <= 3 ? open_memstream(&text, &len) : NULL;
	if (out == NULL) {
		fprintf(stderr, "usage: %s commands|counters [FILE]\n", argv[0]);
		return 2;
	}
	print(out);
	fclose(out);
	is_good = argc == 3 ? is_same(argv[2], text, len) : fwrite(text, 1, len, stdout) == len;
	free(text);
	return is_good ? 0 : 1;
}
