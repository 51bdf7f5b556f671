/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema (draft 2020-12), from the field tables. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/config.h"
#include "field.h"

static void table_define(json_t *defs, const struct table *table);

static json_t *ref_create(json_t *defs, const struct table *table)
{
	table_define(defs, table);
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", table->name));
}

static json_t *text_create(const struct text_kind *kind)
{
	json_t *schema = json_pack("{s:s}", "type", "string");

	if (kind->pattern != NULL)
		json_object_set_new(schema, "pattern", json_string(kind->pattern));
	return schema;
}

static json_t *number_create(uint64_t min, uint64_t max)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)min,
		"maximum", (json_int_t)max);
}

static json_t *choices_create(const struct choice *choices)
{
	json_t *names = json_array();

	for (const struct choice *choice = choices; choice->name != NULL; choice++)
		json_array_append_new(names, json_string(choice->name));
	return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

static json_t *list_create(const struct field *field, json_t *items)
{
	json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items", items);

	if (field->min > 0)
		json_object_set_new(schema, "minItems", json_integer((json_int_t)field->min));
	if (field->max > 0)
		json_object_set_new(schema, "maxItems", json_integer((json_int_t)field->max));
	return schema;
}

static json_t *items_create(json_t *defs, const struct table *table)
{
	if (table->short_form == NULL)
		return ref_create(defs, table);
	return json_pack(
		"{s:[o, o]}", "anyOf", text_create(table->short_form), ref_create(defs, table));
}

static json_t *objects_create(json_t *defs, const struct field *field)
{
	json_t *list = list_create(field, items_create(defs, field->table));

	if (field->kind == NULL)
		return list;
	return json_pack("{s:[o, o]}", "anyOf", text_create(field->kind), list);
}

static json_t *map_create(json_t *defs, const struct field *field)
{
	return json_pack("{s:s, s:o, s:{s:s}}", "type", "object", "additionalProperties",
		items_create(defs, field->table), "propertyNames", "pattern",
		field->table->key_kind->pattern);
}

static json_t *value_create(json_t *defs, const struct field *field)
{
	switch (field->type) {
	case FIELD_NUMBER:
	case FIELD_NUMBER64:
		return number_create(field->min, field->max);
	case FIELD_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_CHOICE:
		return choices_create(field->choices);
	case FIELD_TEXT:
		return text_create(field->kind);
	case FIELD_OBJECT:
		return ref_create(defs, field->table);
	case FIELD_NUMBERS:
		return list_create(field, number_create(0, field->item_max));
	case FIELD_CHOICES:
		return list_create(field, choices_create(field->choices));
	case FIELD_TEXTS:
		return list_create(field, text_create(field->kind));
	case FIELD_OBJECTS:
		return objects_create(defs, field);
	case FIELD_MAP:
		return map_create(defs, field);
	}
	return json_object();
}

/* NULL: none, or none that a constant could say. */
static json_t *default_create(const struct field *field)
{
	if (field->is_required)
		return NULL;
	if (field->type == FIELD_NUMBER || field->type == FIELD_NUMBER64)
		return json_integer((json_int_t)field->value);
	if (field->type == FIELD_BOOL)
		return json_boolean(field->value != 0);
	if (field->type == FIELD_TEXT && field->text != NULL && field->text[0] != '\0')
		return json_string(field->text);
	if (field->type == FIELD_CHOICE) {
		for (const struct choice *choice = field->choices; choice->name != NULL; choice++) {
			if (choice->value == field->value)
				return json_string(choice->name);
		}
	}
	return NULL;
}

static json_t *description_create(const struct field *field)
{
	if (field->unit != NULL)
		return json_sprintf("%s (%s)", field->help, field->unit);
	return json_string(field->help);
}

static json_t *property_create(json_t *defs, const struct field *field)
{
	json_t *property = json_pack("{s:o}", "description", description_create(field));
	json_t *value = value_create(defs, field);
	json_t *standard = default_create(field);

	json_object_update(property, value);
	json_decref(value);
	if (standard != NULL)
		json_object_set_new(property, "default", standard);
	return property;
}

/* In services of this mode, the keys that are for others only are refused. */
static json_t *only_create(const struct table *table, const char *mode)
{
	json_t *refused = json_object();

	for (const struct field *field = table->fields; field->name != NULL; field++) {
		if (!field_is_for(field, mode))
			json_object_set_new(refused, field->name, json_false());
	}
	return json_pack("{s:{s:{s:{s:s}}}, s:{s:o}}", "if", "properties", "mode", "const", mode,
		"then", "properties", refused);
}

static json_t *conditions_create(const struct table *table)
{
	json_t *conditions = json_array();

	for (const struct choice *mode = service_mode_choices; mode->name != NULL; mode++) {
		json_t *condition = only_create(table, mode->name);
		json_t *refused = json_object_get(json_object_get(condition, "then"), "properties");

		if (json_object_size(refused) > 0)
			json_array_append_new(conditions, condition);
		else
			json_decref(condition);
	}
	return conditions;
}

static json_t *table_create(json_t *defs, const struct table *table)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	json_t *conditions = conditions_create(table);
	json_t *schema = json_pack("{s:s, s:s, s:b, s:o}", "description", table->help, "type",
		"object", "additionalProperties", 0, "properties", properties);

	for (const struct field *field = table->fields; field->name != NULL; field++) {
		json_object_set_new(properties, field->name, property_create(defs, field));
		if (field->is_required)
			json_array_append_new(required, json_string(field->name));
	}
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	if (json_array_size(conditions) > 0)
		json_object_set(schema, "allOf", conditions);
	json_decref(required);
	json_decref(conditions);
	return schema;
}

/* A table may contain itself: its name is taken before it is made. */
static void table_define(json_t *defs, const struct table *table)
{
	if (json_object_get(defs, table->name) != NULL)
		return;
	json_object_set_new(defs, table->name, json_null());
	json_object_set_new(defs, table->name, table_create(defs, table));
}

void config_schema_print(FILE *out)
{
	json_t *defs = json_object();
	json_t *root = json_pack("{s:s, s:s}", "$schema",
		"https://json-schema.org/draft/2020-12/schema", "title", "Penstock configuration");
	json_t *config = table_create(defs, &config_table);

	table_define(defs, &routes_file_table);
	json_object_update(root, config);
	json_object_set(root, "$defs", defs);
	json_dumpf(root, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(config);
	json_decref(defs);
	json_decref(root);
}
