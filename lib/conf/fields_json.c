/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that have to be read before their requests can be routed. */
#include <string.h>

#include "conf/config.h"
#include "field.h"
#include "match.h"
#include "reader.h"

static const struct choice unreadable_choices[] = {
	{ .name = "refuse",
		.value = CONFIG_UNREADABLE_REFUSE,
		.help = "answered: 400 for what is no JSON or has a field twice, 413 for what is "
			"above a limit, 415 for a coding as gzip" },
	{ .name = "no_match",
		.value = CONFIG_UNREADABLE_NO_MATCH,
		.help = "routed as if no condition on the body would fit, also none in a `not`: "
			"whoever sends it chooses the route behind those" },
	{ .name = NULL },
};

static const struct field json_body_fields[] = {
	{
		.name = "max_bytes",
		.help = "a longer body is not read",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_json_body, max_bytes),
		.min = 1,
		.max = 1048576,
		.value = 65536,
	},
	{
		.name = "max_depth",
		.help = "objects and lists in each other",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_json_body, max_depth),
		.min = 1,
		.max = CONFIG_JSON_DEPTH_MAX,
		.value = 32,
	},
	{
		.name = "max_values",
		.help = "values of all kinds, each object and list counted as one",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_json_body, max_values),
		.min = 1,
		.max = 1000000,
		.value = 10000,
	},
	{
		.name = "timeout_ms",
		.help = "the body must be there by then, however steadily it comes; else 408",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_json_body, timeout_ms),
		.min = 1,
		.max = 86400000,
		.value = 10000,
	},
	{
		.name = "unreadable",
		.help = "what becomes of a request whose body cannot be read, where it is needed",
		.type = FIELD_CHOICE,
		.choices = unreadable_choices,
		.offset = offsetof(struct config_json_body, unreadable),
		.value = CONFIG_UNREADABLE_REFUSE,
	},
	{ .name = NULL },
};

const struct table json_body_table = {
	.name = "json_body",
	.help = "Bodies of JSON that are read before their requests are routed: those whose "
		"Content-Type is `application/json` or ends in `+json`, and only where a condition on "
		"them can still decide. They are kept meanwhile, and go on as they came.",
	.fields = json_body_fields,
};

/* The names of all conditions of a service's routes, each once. */
struct fields {
	const char *names[CONFIG_JSON_FIELDS_MAX];
	size_t count;
	bool is_full;
};

static void fields_add(struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->names[i], name) == 0)
			return;
	}
	if (fields->count == CONFIG_JSON_FIELDS_MAX)
		fields->is_full = true;
	else
		fields->names[fields->count++] = name;
}

/* Conditions stand in each other no deeper than they could be read. */
static void fields_gather(struct fields *fields, const struct config_conditions *conditions)
{
	for (size_t i = 0; i < conditions->json.count; i++)
		fields_add(fields, conditions->json.items[i].name);
	for (size_t i = 0; i < conditions->any_of_count; i++)
		fields_gather(fields, &conditions->any_of[i]);
	for (size_t i = 0; i < conditions->all_of_count; i++)
		fields_gather(fields, &conditions->all_of[i]);
	for (size_t i = 0; i < conditions->none_of_count; i++)
		fields_gather(fields, &conditions->none_of[i]);
}

void match_json_fields_check(
	struct reader *reader, const struct node *list, const struct config_service *service)
{
	const struct node *node = list->children;
	struct fields fields = { .count = 0 };

	for (size_t i = 0; i < service->route_count && node != NULL; i++, node = node->next) {
		fields_gather(&fields, &service->routes[i].conditions);
		if (!fields.is_full)
			continue;
		problem_add(&reader->problems, node,
			"asks for more fields of bodies than the %d that the routes of a service "
			"may ask for together",
			CONFIG_JSON_FIELDS_MAX);
		return;
	}
}
