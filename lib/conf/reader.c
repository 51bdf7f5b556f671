/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <string.h>

#include "suggest.h"

#define LIST_WORDS_MAX 512

bool node_is_text(const struct node *node, const char *text)
{
	const char *value = node_text(node);

	return value != NULL && strcmp(value, text) == 0;
}

static void type_report(struct reader *reader, const struct node *node, const char *expected)
{
	char value[NODE_VALUE_MAX];

	problem_add(&reader->problems, node, "expected %s, found %s", expected,
		node_value_format(node, value));
}

/* A number of the JSON text, or a problem and false. */
static bool number_read(struct reader *reader, const struct node *node, uint64_t min, uint64_t max,
	uint64_t *number)
{
	json_int_t value = json_integer_value(node->json);

	if (!json_is_integer(node->json)) {
		type_report(reader, node, "a whole number");
		return false;
	}
	if (value < 0 || (uint64_t)value < min || (uint64_t)value > max) {
		problem_add(&reader->problems, node,
			"%" JSON_INTEGER_FORMAT " is out of range (%llu-%llu)", value,
			(unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*number = (uint64_t)value;
	return true;
}

static void read_number(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	uint64_t number;

	if (number_read(reader, node, field->min, field->max, &number))
		*(unsigned *)target = (unsigned)number;
}

static void read_number64(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	number_read(reader, node, field->min, field->max, target);
}

static void read_bool(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	(void)field;
	if (json_is_boolean(node->json))
		*(bool *)target = json_is_true(node->json);
	else
		type_report(reader, node, "true or false");
}

static void choice_report(
	struct reader *reader, const struct choice *choices, const struct node *node)
{
	struct suggestion suggestion = { .wanted = node_text(node) };
	char list[LIST_WORDS_MAX] = "";
	char value[NODE_VALUE_MAX];
	char words[SUGGESTION_MAX];

	for (const struct choice *choice = choices; choice->name != NULL; choice++) {
		size_t len = strlen(list);

		suggestion_offer(&suggestion, choice->name);
		/* Other names of the one before are taken, but would make the list long. */
		if (choice > choices && choice->value == choice[-1].value)
			continue;
		snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", choice->name);
	}
	problem_add(&reader->problems, node, "%s is not one of: %s%s",
		node_value_format(node, value), list, suggestion_format(&suggestion, words));
}

static const struct choice *choice_read(
	struct reader *reader, const struct choice *choices, const struct node *node)
{
	if (!json_is_string(node->json)) {
		type_report(reader, node, "a string");
		return NULL;
	}
	for (const struct choice *choice = choices; choice->name != NULL; choice++) {
		if (node_is_text(node, choice->name))
			return choice;
	}
	choice_report(reader, choices, node);
	return NULL;
}

static void read_choice(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	const struct choice *choice = choice_read(reader, field->choices, node);

	if (choice != NULL)
		*(unsigned *)target = choice->value;
}

static void text_read(
	struct reader *reader, const struct text_kind *kind, const struct node *node, void *target)
{
	if (json_is_string(node->json))
		kind->read(reader, node, node_text(node), target);
	else
		type_report(reader, node, "a string");
}

static void read_text(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	text_read(reader, field->kind, node, target);
}

static void read_object(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	table_read(reader, field->table, node, target);
}

/* True for a list (or a map) of as many items as the field allows. */
static bool count_check(struct reader *reader, const struct field *field, const struct node *node)
{
	if (node->count < field->min) {
		problem_add(&reader->problems, node, "needs at least %llu",
			(unsigned long long)field->min);
		return false;
	}
	if (field->max > 0 && node->count > field->max) {
		problem_add(&reader->problems, node, "%u are too many, at most %llu fit",
			node->count, (unsigned long long)field->max);
		return false;
	}
	return true;
}

static bool list_check(struct reader *reader, const struct field *field, const struct node *node)
{
	if (json_is_array(node->json))
		return count_check(reader, field, node);
	type_report(reader, node, "a list");
	return false;
}

static void *count_target(const struct field *field, void *target)
{
	return (char *)target - field->offset + field->count_offset;
}

static void read_numbers(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	unsigned *numbers = target;
	unsigned *count = count_target(field, target);

	if (!list_check(reader, field, node))
		return;
	*count = node->count;
	for (const struct node *item = node->children; item != NULL; item = item->next) {
		uint64_t number;

		if (number_read(reader, item, 0, field->item_max, &number))
			numbers[item->index] = (unsigned)number;
	}
}

static void read_choices(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	unsigned mask = 0;

	if (!list_check(reader, field, node))
		return;
	for (const struct node *item = node->children; item != NULL; item = item->next) {
		const struct choice *choice = choice_read(reader, field->choices, item);

		if (choice != NULL)
			mask |= choice->value;
	}
	*(unsigned *)target = mask;
}

static void read_texts(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	char *items;

	if (!list_check(reader, field, node))
		return;
	items = arena_array(reader->arena, node->count, field->kind->size);
	*(void **)target = items;
	*(size_t *)count_target(field, target) = node->count;
	for (const struct node *item = node->children; item != NULL; item = item->next)
		text_read(reader, field->kind, item, items + item->index * field->kind->size);
}

/* The items of a list or a map. They are counted before they are read: their checks may look. */
static void items_read(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	const struct table *table = field->table;
	char *item = arena_array(reader->arena, node->count, table->size);

	*(void **)target = item;
	*(size_t *)count_target(field, target) = node->count;
	for (const struct node *child = node->children; child != NULL; child = child->next) {
		if (field->type == FIELD_MAP)
			*(const char **)(item + table->key_offset) = arena_copy(
				reader->arena, child->key, strlen(child->key));
		table_read(reader, table, child, item);
		item += table->size;
	}
}

static void read_objects(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	if (field->kind != NULL && json_is_string(node->json))
		field->kind->read(reader, node, node_text(node), target);
	else if (list_check(reader, field, node))
		items_read(reader, field, node, target);
}

static void read_map(
	struct reader *reader, const struct field *field, const struct node *node, void *target)
{
	if (!json_is_object(node->json))
		type_report(reader, node, "an object");
	else if (count_check(reader, field, node))
		items_read(reader, field, node, target);
}

typedef void field_read(
	struct reader *reader, const struct field *field, const struct node *node, void *target);

static field_read *const field_reads[] = {
	[FIELD_NUMBER] = read_number,
	[FIELD_NUMBER64] = read_number64,
	[FIELD_BOOL] = read_bool,
	[FIELD_CHOICE] = read_choice,
	[FIELD_TEXT] = read_text,
	[FIELD_OBJECT] = read_object,
	[FIELD_NUMBERS] = read_numbers,
	[FIELD_CHOICES] = read_choices,
	[FIELD_TEXTS] = read_texts,
	[FIELD_OBJECTS] = read_objects,
	[FIELD_MAP] = read_map,
};

static void defaults_write(struct reader *reader, const struct table *table, void *object)
{
	for (const struct field *field = table->fields; field->name != NULL; field++) {
		void *target = (char *)object + field->offset;

		if (field->type == FIELD_NUMBER || field->type == FIELD_CHOICE ||
			field->type == FIELD_CHOICES)
			*(unsigned *)target = (unsigned)field->value;
		else if (field->type == FIELD_NUMBER64)
			*(uint64_t *)target = field->value;
		else if (field->type == FIELD_BOOL)
			*(bool *)target = field->value != 0;
		else if (field->type == FIELD_TEXT && field->text != NULL)
			field->kind->read(reader, NULL, field->text, target);
		else if (field->type == FIELD_OBJECT)
			defaults_write(reader, field->table, target);
	}
}

static const struct field *field_find(const struct table *table, const char *name)
{
	for (const struct field *field = table->fields; field->name != NULL; field++) {
		if (strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

static void unknown_report(
	struct reader *reader, const struct table *table, const struct node *node)
{
	struct suggestion suggestion = { .wanted = node->key };
	char list[LIST_WORDS_MAX] = "";
	char words[SUGGESTION_MAX];

	for (const struct field *field = table->fields; field->name != NULL; field++) {
		size_t len = strlen(list);

		suggestion_offer(&suggestion, field->name);
		snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", field->name);
	}
	if (suggestion.best != NULL)
		problem_add_key(&reader->problems, node, "unknown key%s",
			suggestion_format(&suggestion, words));
	else
		problem_add_key(&reader->problems, node, "unknown key; known here: %s", list);
}

static void fields_read(
	struct reader *reader, const struct table *table, const struct node *node, void *object)
{
	/* In the table's order, not the file's: pools are known before services name them. */
	for (const struct field *field = table->fields; field->name != NULL; field++) {
		const struct node *child = node_get(node, field->name);

		if (child == NULL && field->is_required)
			problem_add_missing(
				&reader->problems, node, field->name, "is required and missing");
		if (child == NULL)
			continue;
		if (field->has_offset > 0)
			*((bool *)((char *)object + field->has_offset)) = true;
		field_reads[field->type](reader, field, child, (char *)object + field->offset);
	}
	for (const struct node *child = node->children; child != NULL; child = child->next) {
		if (field_find(table, child->key) == NULL)
			unknown_report(reader, table, child);
	}
}

bool field_is_for(const struct field *field, const char *mode)
{
	size_t len = strlen(mode);

	for (const char *at = field->only; at != NULL && *at != '\0'; at += strspn(at, ", ")) {
		size_t step = strcspn(at, ",");

		if (step == len && memcmp(at, mode, len) == 0)
			return true;
		at += step;
	}
	return field->only == NULL;
}

void table_read(
	struct reader *reader, const struct table *table, const struct node *node, void *object)
{
	defaults_write(reader, table, object);
	if (table->line_offset > 0)
		*(int *)((char *)object + table->line_offset) = node->line;
	if (table->short_form != NULL && json_is_string(node->json)) {
		table->short_form->read(reader, node, node_text(node), object);
		return;
	}
	if (!json_is_object(node->json)) {
		type_report(reader, node,
			table->short_form != NULL ? "a string or an object" : "an object");
		return;
	}
	fields_read(reader, table, node, object);
	if (table->check != NULL)
		table->check(reader, node, object);
}
