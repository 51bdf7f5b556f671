/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with variables: "https://www.${host}${path}". */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "actions.h"
#include "match.h"
#include "reader.h"
#include "suggest.h"

#define PIECES_MAX        32
#define VARIABLE_NAME_MAX 64

static const char *const names[] = {
#define VARIABLE(name, help) [CONFIG_VARIABLE_##name] = #name,
#include "conf/variable.def"
#undef VARIABLE
};

/* A text being taken apart. */
struct parse {
	struct reader *reader;
	const struct node *node;
	const char *pattern; /* that "${1}" refers to; NULL: no such thing here */
	struct config_piece pieces[PIECES_MAX];
	size_t count;
	bool is_bad;
};

static struct config_piece *piece_add(struct parse *parse, enum config_piece_kind kind)
{
	struct config_piece *piece = &parse->pieces[parse->count];

	if (parse->count == PIECES_MAX) {
		if (!parse->is_bad)
			problem_add(&parse->reader->problems, parse->node,
				"more than %d variables and texts between them", PIECES_MAX);
		parse->is_bad = true;
		return NULL;
	}
	parse->count++;
	*piece = (struct config_piece){ .kind = kind, .text = "" };
	return piece;
}

static void text_add(struct parse *parse, const char *text, size_t len)
{
	struct config_piece *piece = len > 0 ? piece_add(parse, CONFIG_PIECE_TEXT) : NULL;

	if (piece == NULL)
		return;
	piece->text = arena_copy(parse->reader->arena, text, len);
	piece->len = len;
}

int template_regex_group(const char *pattern, const char *name)
{
	int error;
	PCRE2_SIZE offset;
	uint32_t count = 0;
	int number;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, NULL);

	if (code == NULL)
		return -1;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &count);
	number = name == NULL ? (int)count
			      : pcre2_substring_number_from_name(code, (PCRE2_SPTR)name);
	pcre2_code_free(code);
	return number < 0 ? -1 : number;
}

/* The same for a template: "{id}" is a group by its place and by its name. */
static int path_template_group(const char *path, const char *name)
{
	int number = 0;

	for (const char *at = strchr(path, '{'); at != NULL; at = strchr(at + 1, '{')) {
		size_t len = strcspn(at + 1, "}");

		number++;
		if (name != NULL && strlen(name) == len && strncmp(at + 1, name, len) == 0)
			return number;
	}
	return name == NULL ? number : -1;
}

static int route_group(const struct config_l7_route *route, const char *name)
{
	if (route == NULL || route->path == NULL)
		return name == NULL ? 0 : -1;
	if (route->path_kind == CONFIG_PATH_TEMPLATE)
		return path_template_group(route->path, name);
	if (route->path_kind == CONFIG_PATH_REGEX)
		return template_regex_group(route->path, name);
	return name == NULL ? 0 : -1;
}

static bool is_number(const char *name)
{
	return isdigit((unsigned char)name[0]) && strspn(name, "0123456789") == strlen(name);
}

static void group_add(
	struct parse *parse, enum config_piece_kind kind, const char *name, int group, int count)
{
	struct config_piece *piece;

	if (is_number(name))
		group = strlen(name) > 1 ? CONFIG_GROUPS_MAX : name[0] - '0';
	if (group < 0 || group > count || group >= CONFIG_GROUPS_MAX) {
		parse->is_bad = true;
		problem_add(&parse->reader->problems, parse->node,
			kind == CONFIG_PIECE_MATCH ? "the route's path has no group \"%s\""
						   : "the expression has no group \"%s\"",
			name);
		return;
	}
	piece = piece_add(parse, kind);
	if (piece != NULL)
		piece->index = (unsigned)group;
}

static void unknown_report(struct parse *parse, const char *name)
{
	struct suggestion suggestion = { .wanted = name };
	char words[SUGGESTION_MAX];

	for (size_t i = 0; i < CONFIG_VARIABLE_COUNT; i++)
		suggestion_offer(&suggestion, names[i]);
	parse->is_bad = true;
	problem_add(&parse->reader->problems, parse->node, "there is no variable \"%s\"%s", name,
		suggestion_format(&suggestion, words));
}

static void header_add(struct parse *parse, const char *name)
{
	struct config_piece *piece;

	if (!match_is_token(name)) {
		parse->is_bad = true;
		problem_add(&parse->reader->problems, parse->node,
			"\"%s\" is no name of a header field", name);
		return;
	}
	piece = piece_add(parse, CONFIG_PIECE_HEADER);
	if (piece == NULL)
		return;
	piece->text = arena_copy(parse->reader->arena, name, strlen(name));
	piece->len = strlen(name);
}

static void variable_add(struct parse *parse, const char *name)
{
	const struct config_l7_route *route = parse->reader->route;
	struct config_piece *piece;

	if (is_number(name) && parse->pattern != NULL) {
		group_add(parse, CONFIG_PIECE_GROUP, name, -1,
			template_regex_group(parse->pattern, NULL));
		return;
	}
	if (strncmp(name, "match.", 6) == 0) {
		group_add(parse, CONFIG_PIECE_MATCH, name + 6, route_group(route, name + 6),
			route_group(route, NULL));
		return;
	}
	if (strncmp(name, "header.", 7) == 0) {
		header_add(parse, name + 7);
		return;
	}
	for (unsigned i = 0; i < CONFIG_VARIABLE_COUNT; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		piece = piece_add(parse, CONFIG_PIECE_VARIABLE);
		if (piece != NULL)
			piece->index = i;
		return;
	}
	unknown_report(parse, name);
}

/* What follows a '$': returns its length, or 0 for what cannot be. */
static size_t dollar_take(struct parse *parse, const char *at)
{
	char name[VARIABLE_NAME_MAX];
	size_t len;

	if (at[1] == '$') {
		text_add(parse, "$", 1);
		return 2;
	}
	len = strcspn(at, "}");
	if (at[1] != '{' || at[len] == '\0' || len < 3 || len - 2 >= sizeof(name))
		return 0;
	memcpy(name, at + 2, len - 2);
	name[len - 2] = '\0';
	variable_add(parse, name);
	return len + 1;
}

static bool has_control(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return true;
	}
	return false;
}

static void take_apart(struct parse *parse, const char *text)
{
	while (*text != '\0' && !parse->is_bad) {
		size_t len = strcspn(text, "$");

		text_add(parse, text, len);
		text += len;
		if (*text == '\0')
			break;
		len = dollar_take(parse, text);
		if (len == 0) {
			parse->is_bad = true;
			problem_add(&parse->reader->problems, parse->node,
				"expected ${NAME} or $$ behind \"%.*s\"", 20, text);
		}
		text += len;
	}
}

static void read_with(struct parse *parse, const char *text, struct config_template *template)
{
	struct arena *arena = parse->reader->arena;

	if (has_control(text)) {
		problem_add(&parse->reader->problems, parse->node,
			"control characters cannot stand here");
		return;
	}
	take_apart(parse, text);
	if (parse->is_bad)
		return;
	template->text = arena_copy(arena, text, strlen(text));
	template->count = parse->count;
	template->pieces = arena_array(arena, parse->count, sizeof(parse->pieces[0]));
	memcpy(template->pieces, parse->pieces, parse->count * sizeof(parse->pieces[0]));
}

static void template_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct parse parse = { .reader = reader, .node = node };

	read_with(&parse, text, target);
}

static void substitution_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	const struct config_substitution *substitution = (void *)((char *)target -
		offsetof(struct config_substitution, to));
	struct parse parse = { .reader = reader, .node = node };

	/* One that could not be read was told of already. */
	parse.pattern = substitution->pattern != NULL ? substitution->pattern
						      : "()()()()()()()()()";
	read_with(&parse, text, target);
}

const struct text_kind text_template_kind = { .what = "TEXT", .read = template_read };
const struct text_kind substitution_kind = { .what = "TEXT", .read = substitution_read };
