/* SPDX-License-Identifier: Apache-2.0 */
/* By what a request is found again, in the logs of all that it passed. */
#include <strings.h>

#include "actions.h"
#include "conf/config.h"
#include "field.h"
#include "reader.h"
#include "text.h"

static const struct choice mode_choices[] = {
	{
		.name = "off",
		.value = CONFIG_REQUEST_ID_OFF,
		.help = "the field passes as any other",
	},
	{
		.name = "make",
		.value = CONFIG_REQUEST_ID_MAKE,
		.help = "each request gets an id of its own; a client's is dropped",
	},
	{
		.name = "trust",
		.value = CONFIG_REQUEST_ID_TRUST,
		.help = "the same, but ids of peers in `from` are kept",
	},
	{ .name = NULL },
};

const struct choice trace_context_choices[] = {
	{
		.name = "pass",
		.value = CONFIG_TRACE_CONTEXT_PASS,
		.help = "the fields pass as any others",
	},
	{
		.name = "make",
		.value = CONFIG_TRACE_CONTEXT_MAKE,
		.help = "what is valid passes; a request without one, or with a malformed one, gets "
			"a new one",
	},
	{ .name = NULL },
};

static const struct field request_id_fields[] = {
	{
		.name = "mode",
		.help = "what becomes of ids",
		.type = FIELD_CHOICE,
		.is_required = true,
		.offset = offsetof(struct config_request_id, mode),
		.choices = mode_choices,
		.value = CONFIG_REQUEST_ID_OFF,
	},
	{
		.name = "header",
		.help = "the field that carries them",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_request_id, header),
		.text = "X-Request-ID",
	},
	{
		.name = "from",
		.help = "`trust`: networks of clients whose ids are kept, if they have 1 to 64 "
			"visible characters",
		.type = FIELD_TEXTS,
		.kind = &text_network,
		.offset = offsetof(struct config_request_id, from),
		.count_offset = offsetof(struct config_request_id, from_count),
		.max = 256,
		.text = "none",
	},
	{ .name = NULL },
};

static void request_id_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_request_id *config = object;
	const struct node *from = node_get(node, "from");
	const struct node *header = node_get(node, "header");

	if (header != NULL && config->header != NULL)
		action_request_name_check(reader, header, config->header);
	if (config->mode == CONFIG_REQUEST_ID_TRUST && from == NULL)
		problem_add_missing(
			&reader->problems, node, "from", "\"mode\": \"trust\" needs \"from\"");
	if (config->mode != CONFIG_REQUEST_ID_TRUST && from != NULL)
		problem_add_key(&reader->problems, from, "is for \"mode\": \"trust\" only");
}

const struct table request_id_table = {
	.name = "request_id",
	.help = "An id for each request: a UUID of version 4 in a header field toward members, in "
		"the access log and in the variable `request_id`. The `request_headers` of "
		"routes cannot change that field.",
	.fields = request_id_fields,
	.check = request_id_check,
};

static bool values_name(const struct config_header_value *values, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (values[i].name != NULL && strcasecmp(values[i].name, name) == 0)
			return true;
	return false;
}

static bool edits_name(const struct config_header_edits *edits, const char *name)
{
	for (size_t i = 0; i < edits->remove_count; i++)
		if (edits->remove[i] != NULL && strcasecmp(edits->remove[i], name) == 0)
			return true;
	return values_name(edits->set, edits->set_count, name) ||
		values_name(edits->add, edits->add_count, name) ||
		values_name(edits->append, edits->append_count, name);
}

void identify_routes_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct node *routes = node_get(node, "routes");
	const struct config_request_id *id = &service->request_id;
	bool has_id = id->mode != CONFIG_REQUEST_ID_OFF && id->header != NULL;
	bool has_trace = service->trace_context == CONFIG_TRACE_CONTEXT_MAKE;

	for (size_t i = 0; i < service->route_count; i++) {
		const struct config_l7_route *route = &service->routes[i];
		const struct config_header_edits *edits = &route->actions.request_headers;

		if (has_id && edits_name(edits, id->header))
			problem_add(&reader->problems, routes,
				"the route on line %d changes %s, which \"request_id\" writes",
				route->line, id->header);
		if (has_trace && edits_name(edits, "traceparent"))
			problem_add(&reader->problems, routes,
				"the route on line %d changes traceparent, which "
				"\"trace_context\" writes",
				route->line);
	}
}
