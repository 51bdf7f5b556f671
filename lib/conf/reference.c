/* SPDX-License-Identifier: Apache-2.0 */
/* The reference page, from the field tables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "field.h"
#include "match.h"

#define PATH_MAX_LEN 128

static void range_print(FILE *out, const char *noun, uint64_t min, uint64_t max)
{
	if (max == INT64_MAX)
		fprintf(out, "%s from %" PRIu64, noun, min);
	else
		fprintf(out, "%s, %" PRIu64 "-%" PRIu64, noun, min, max);
}

static void choices_print(FILE *out, const struct choice *choices)
{
	for (const struct choice *choice = choices; choice->name != NULL; choice++)
		fprintf(out, "%s`\"%s\"`", choice != choices ? ", " : "", choice->name);
}

static void list_type_print(FILE *out, const struct field *field)
{
	if (field->type == FIELD_OBJECTS && field->kind != NULL)
		fprintf(out, "%s, or ", field->kind->what);
	fputs(field->type == FIELD_MAP ? "object of " : "list of ", out);
	if (field->type == FIELD_NUMBERS)
		range_print(out, "numbers", 0, field->item_max);
	else if (field->type == FIELD_CHOICES)
		choices_print(out, field->choices);
	else if (field->type == FIELD_TEXTS)
		fputs(field->kind->what, out);
	else if (field->table->short_form != NULL)
		fprintf(out, "%s or objects", field->table->short_form->what);
	else
		fputs("objects", out);
	if (field->min > 0)
		fprintf(out, "; at least %" PRIu64, field->min);
}

static void type_print(FILE *out, const struct field *field)
{
	if (field->type == FIELD_NUMBER || field->type == FIELD_NUMBER64) {
		range_print(out, "number", field->min, field->max);
		if (field->unit != NULL)
			fprintf(out, " %s", field->unit);
	} else if (field->type == FIELD_BOOL) {
		fputs("`true` or `false`", out);
	} else if (field->type == FIELD_CHOICE) {
		choices_print(out, field->choices);
	} else if (field->type == FIELD_TEXT) {
		fputs(field->kind->what, out);
	} else if (field->type == FIELD_OBJECT) {
		fputs("object", out);
	} else {
		list_type_print(out, field);
	}
}

static void default_print(FILE *out, const struct field *field)
{
	if (field->is_required) {
		fputs("required", out);
	} else if (field->type != FIELD_TEXT && field->text != NULL) {
		fputs(field->text, out);
	} else if (field->type == FIELD_NUMBER || field->type == FIELD_NUMBER64) {
		fprintf(out, "%" PRIu64, field->value);
	} else if (field->type == FIELD_BOOL) {
		fprintf(out, "`%s`", field->value != 0 ? "true" : "false");
	} else if (field->type == FIELD_CHOICE) {
		for (const struct choice *choice = field->choices; choice->name != NULL; choice++) {
			if (choice->value == field->value)
				fprintf(out, "`\"%s\"`", choice->name);
		}
	} else if (field->type == FIELD_TEXT && field->text != NULL && field->text[0] != '\0') {
		fprintf(out, "`\"%s\"`", field->text);
	} else if (field->type == FIELD_OBJECT) {
		fputs("its defaults", out);
	} else {
		fputs("none", out);
	}
}

static void field_print(FILE *out, const struct field *field)
{
	fprintf(out, "| `%s` | ", field->name);
	type_print(out, field);
	fputs(" | ", out);
	default_print(out, field);
	fprintf(out, " | %s%s%s%s |\n", field->only != NULL ? "`" : "",
		field->only != NULL ? field->only : "", field->only != NULL ? "` only: " : "",
		field->help);
}

static void choice_helps_print(FILE *out, const struct table *table)
{
	for (const struct field *field = table->fields; field->name != NULL; field++) {
		if (field->choices == NULL)
			continue;
		fprintf(out, "\nValues of `%s`:\n\n", field->name);
		for (const struct choice *choice = field->choices; choice->name != NULL; choice++)
			fprintf(out, "- `\"%s\"`: %s\n", choice->name, choice->help);
	}
}

/* "pools.NAME.members[]": where the objects of a field's table stand. */
static void inner_path_format(const struct table *table, const char *path,
	const struct field *field, char inner[PATH_MAX_LEN])
{
	const char *suffix = "";
	bool is_root = table == &config_table;

	if (field->type == FIELD_MAP)
		suffix = ".NAME";
	else if (field->type == FIELD_OBJECTS)
		suffix = "[]";
	snprintf(inner, PATH_MAX_LEN, "%s%s%s%s", is_root ? "" : path, is_root ? "" : ".",
		field->name, suffix);
}

/* A table, and then what lies inside of it. One that contains itself is printed once. */
static void table_print(FILE *out, const struct table *table, const char *path)
{
	fprintf(out, "\n## %s\n\n%s\n\n", path, table->help);
	fputs("| key | value | default | meaning |\n| --- | --- | --- | --- |\n", out);
	for (const struct field *field = table->fields; field->name != NULL; field++)
		field_print(out, field);
	choice_helps_print(out, table);
	for (const struct field *field = table->fields; field->name != NULL; field++) {
		char inner[PATH_MAX_LEN];

		if (field->table == NULL || field->table == table)
			continue;
		if (field->table == &conditions_table && strcmp(field->name, "all_of") != 0)
			continue;
		inner_path_format(table, path, field, inner);
		table_print(out, field->table, inner);
	}
}

static void variables_print(FILE *out)
{
	fputs("\n## Variables\n\nIn texts that have them, `${NAME}` stands for:\n\n"
	      "| name | what it stands for |\n| --- | --- |\n",
		out);
#define VARIABLE(name, help) fputs("| `" #name "` | " help " |\n", out);
#include "conf/variable.def"
#undef VARIABLE
	fputs("| `header.NAME` | the request's first header field of that name, or nothing |\n"
	      "| `match.N`, `match.NAME` | what a group of the route's path matched: `{NAME}` of a "
	      "template, a group of an expression; `match.0` is the whole path, or what the "
	      "expression fits |\n"
	      "| `N` | in the `to` of a `regex`: what its group of that number matched |\n",
		out);
}

void config_reference_print(FILE *out)
{
	fputs("# Configuration reference\n\n"
	      "Generated from the field tables in `lib/conf` by `penstock-reference`; do not "
	      "edit.\n"
	      "`penstock --check FILE` says everything that is wrong with a file.\n",
		out);
	table_print(out, &config_table, "The file");
	variables_print(out);
	fprintf(out,
		"\n## A file of routes\n\n`{\"routes\": [...]}`, with items as in "
		"`services[].routes[]`. Its errors name its own lines.\n");
}
