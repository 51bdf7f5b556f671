/* SPDX-License-Identifier: Apache-2.0 */
/* The generated schema and reference page, and the examples that go with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf_support.h"
#include "unit/conf/paths.h"

#define EXAMPLES CONF_SOURCE_ROOT "/docs/examples/"

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(out);
	fclose(out);
	return text;
}

static json_t *schema_create(void)
{
	char *text = printed(config_schema_print);
	json_error_t error;
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	assert_non_null(schema);
	free(text);
	return schema;
}

/* As much of a validator as our schema needs; patterns and the conditions of modes aside. */
struct validator {
	json_t *defs;
	char fault[256];
};

static bool validate(struct validator *validator, const json_t *schema, const json_t *value);

static bool fault_set(struct validator *validator, const char *keyword, const char *name)
{
	snprintf(validator->fault, sizeof(validator->fault), "%s: %s", keyword, name);
	return false;
}

static bool type_validate(struct validator *validator, const char *type, const json_t *value)
{
	bool is_right = (strcmp(type, "object") == 0 && json_is_object(value)) ||
		(strcmp(type, "array") == 0 && json_is_array(value)) ||
		(strcmp(type, "string") == 0 && json_is_string(value)) ||
		(strcmp(type, "integer") == 0 && json_is_integer(value)) ||
		(strcmp(type, "boolean") == 0 && json_is_boolean(value));

	return is_right || fault_set(validator, "type", type);
}

static bool object_validate(struct validator *validator, const json_t *schema, const json_t *value)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *more = json_object_get(schema, "additionalProperties");
	json_t *child;
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, child)
	{
		if (json_object_get(value, json_string_value(child)) == NULL)
			return fault_set(validator, "required", json_string_value(child));
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, child)
	{
		json_t *property = json_object_get(properties, key);

		if (property == NULL && !json_is_object(more))
			return fault_set(validator, "additionalProperties", key);
		if (!validate(validator, property != NULL ? property : more, child))
			return false;
	}
	return true;
}

static bool array_validate(struct validator *validator, const json_t *schema, const json_t *value)
{
	json_t *min = json_object_get(schema, "minItems");
	json_t *max = json_object_get(schema, "maxItems");
	json_t *child;
	size_t i;

	if (min != NULL && json_array_size(value) < (size_t)json_integer_value(min))
		return fault_set(validator, "minItems", "");
	if (max != NULL && json_array_size(value) > (size_t)json_integer_value(max))
		return fault_set(validator, "maxItems", "");
	json_array_foreach(value, i, child)
	{
		if (!validate(validator, json_object_get(schema, "items"), child))
			return false;
	}
	return true;
}

static bool choice_validate(struct validator *validator, const json_t *names, const json_t *value)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (json_equal(name, value))
			return true;
	}
	return fault_set(validator, "enum", json_string_value(value));
}

static bool any_validate(struct validator *validator, const json_t *schemas, const json_t *value)
{
	json_t *schema;
	size_t i;

	json_array_foreach(schemas, i, schema)
	{
		if (validate(validator, schema, value))
			return true;
	}
	return false;
}

static bool validate(struct validator *validator, const json_t *schema, const json_t *value)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	const char *type = json_string_value(json_object_get(schema, "type"));

	assert_non_null(schema);
	if (ref != NULL)
		return validate(validator,
			json_object_get(validator->defs, ref + strlen("#/$defs/")), value);
	if (json_object_get(schema, "anyOf") != NULL)
		return any_validate(validator, json_object_get(schema, "anyOf"), value);
	assert_non_null(type);
	if (!type_validate(validator, type, value))
		return false;
	if (json_object_get(schema, "enum") != NULL)
		return choice_validate(validator, json_object_get(schema, "enum"), value);
	if (json_is_integer(value) &&
		(json_integer_value(value) <
				json_integer_value(json_object_get(schema, "minimum")) ||
			json_integer_value(value) >
				json_integer_value(json_object_get(schema, "maximum"))))
		return fault_set(validator, "range", "");
	if (json_is_object(value))
		return object_validate(validator, schema, value);
	return !json_is_array(value) || array_validate(validator, schema, value);
}

/* "" or what the schema has against the value. */
static void schema_expect(const json_t *value, const char *fault)
{
	json_t *schema = schema_create();
	struct validator validator = { .defs = json_object_get(schema, "$defs") };

	assert_non_null(value);
	if (validate(&validator, schema, value))
		validator.fault[0] = '\0';
	assert_string_equal(validator.fault, fault);
	json_decref(schema);
}

static void json_expect(const char *text, const char *fault)
{
	json_t *value;

	conf_json_write("v.json", text);
	value = json_load_file("v.json", 0, NULL);
	schema_expect(value, fault);
	json_decref(value);
}

static void test_schema_accepts(void **state)
{
	(void)state;
	json_expect(conf_full, "");
	json_expect("{" CONF_PORTS "}", "");
}

static void test_schema_refuses(void **state)
{
	(void)state;
	json_expect("{}", "required: ports");
	json_expect("{'ports': []}", "minItems: ");
	json_expect("{" CONF_PORTS ", 'x': 1}", "additionalProperties: x");
	json_expect("{" CONF_PORTS ", 'cores': {'control': 1024}}", "range: ");
	json_expect("{" CONF_PORTS ", 'cores': {'idle': 'x'}}", "enum: x");
	json_expect("{" CONF_PORTS ", 'pools': {'a': {'members': [1]}}}", "type: object");
}

/* The keys of the full configuration are all keys: no definition has one more. */
static void properties_collect(const json_t *schema, json_t *names)
{
	const char *key;
	json_t *child;

	json_object_foreach(json_object_get(schema, "properties"), key, child)
		json_object_set_new(names, key, json_true());
}

static json_t *names_create(void)
{
	json_t *schema = schema_create();
	json_t *names = json_object();
	const char *key;
	json_t *child;

	properties_collect(schema, names);
	json_object_foreach(json_object_get(schema, "$defs"), key, child)
		properties_collect(child, names);
	json_decref(schema);
	assert_true(json_object_size(names) > 60);
	return names;
}

static void test_full_has_all(void **state)
{
	json_t *names = names_create();
	const char *key;
	json_t *child;

	(void)state;
	json_object_foreach(names, key, child)
	{
		char quoted[64];

		snprintf(quoted, sizeof(quoted), "'%s':", key);
		if (strstr(conf_full, quoted) == NULL)
			fail_msg("conf_full lacks %s", key);
	}
	json_decref(names);
}

static void test_reference_has_all(void **state)
{
	char *page = printed(config_reference_print);
	json_t *names = names_create();
	const char *key;
	json_t *child;

	(void)state;
	json_object_foreach(names, key, child)
	{
		char row[64];

		snprintf(row, sizeof(row), "\n| `%s` | ", key);
		if (strstr(page, row) == NULL)
			fail_msg("the reference lacks %s", key);
	}
	json_decref(names);
	free(page);
}

static void test_examples(void **state)
{
	static const char *const paths[] = { EXAMPLES "first.json", EXAMPLES "nic.json" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct config_errors errors = { .lines = NULL };
		struct config *config = config_load(paths[i], &errors);
		json_t *value = json_load_file(paths[i], 0, NULL);

		for (size_t j = 0; j < errors.count; j++)
			print_error("%s\n", errors.lines[j]);
		assert_non_null(config);
		schema_expect(value, "");
		json_decref(value);
		config_destroy(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema_accepts),
		cmocka_unit_test(test_schema_refuses),
		cmocka_unit_test(test_full_has_all),
		cmocka_unit_test(test_reference_has_all),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests_name("schema", tests, conf_folder_enter, conf_folder_leave);
}
