/* SPDX-License-Identifier: Apache-2.0 */
/* What routes match beside host and path, and how conditions are put together. */
#include <ctype.h>
#include <string.h>

#include "match.h"
#include "reader.h"
#include "suggest.h"

#define DEPTH_MAX 4 /* of all_of, any_of and not in each other */

const struct choice agent_choices[] = {
	{ .name = "mobile", .value = CONFIG_AGENT_MOBILE, .help = "a browser of a phone" },
	{ .name = "tablet", .value = CONFIG_AGENT_TABLET, .help = "a browser of a tablet" },
	{ .name = "desktop", .value = CONFIG_AGENT_DESKTOP, .help = "another browser" },
	{ .name = "bot", .value = CONFIG_AGENT_BOT, .help = "a crawler that says so" },
	{ .name = "tool", .value = CONFIG_AGENT_TOOL, .help = "curl, wget, a library" },
	{ .name = "other", .value = CONFIG_AGENT_OTHER, .help = "none of these, or no User-Agent" },
	{ .name = NULL },
};

static const struct field grpc_fields[] = {
	{
		.name = "service",
		.help = "full name of the service, as `package.Service`",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_conditions, grpc_service),
	},
	{
		.name = "method",
		.help = "name of the method",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_conditions, grpc_method),
	},
	{ .name = NULL },
};

const struct table grpc_table = {
	.name = "grpc",
	.help = "A call of gRPC: its Content-Type is `application/grpc` or one with `+` or `;` behind "
		"it, and its path is `/SERVICE/METHOD`.",
	.fields = grpc_fields,
};

static void header_names_check(
	struct reader *reader, const struct node *node, struct config_text_matches *headers)
{
	const struct node *child = node != NULL ? node->children : NULL;

	for (size_t i = 0; child != NULL && i < headers->count; i++, child = child->next) {
		struct config_text_match *match = &headers->items[i];
		char *name = arena_copy(reader->arena, match->name, strlen(match->name));

		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		match->name = name;
		if (!match_is_token(name))
			problem_add_key(&reader->problems, child, "is no name of a header field");
		else if (strcmp(name, "host") == 0)
			problem_add_key(&reader->problems, child,
				"is matched by \"host\", which knows ports and case");
	}
}

static void facts_check(
	struct reader *reader, const struct node *node, const struct config_text_matches *facts)
{
	static const char *const names[] = {
#define FACT(name, help) #name,
#include "conf/fact.def"
#undef FACT
	};
	const struct node *child = node != NULL ? node->children : NULL;

	for (size_t i = 0; child != NULL && i < facts->count; i++, child = child->next) {
		struct suggestion suggestion = { .wanted = facts->items[i].name };
		char words[SUGGESTION_MAX];
		bool is_known = false;

		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			is_known |= strcmp(names[j], facts->items[i].name) == 0;
			suggestion_offer(&suggestion, names[j]);
		}
		if (!is_known)
			problem_add_key(&reader->problems, child, "there is no such fact%s",
				suggestion_format(&suggestion, words));
	}
}

/* RFC 6901 3: a slash before each name, and no "~" but in "~0" and "~1". The whole is no field. */
static bool is_pointer(const char *text)
{
	if (text[0] != '/')
		return false;
	for (const char *tilde = strchr(text, '~'); tilde != NULL; tilde = strchr(tilde + 1, '~')) {
		if (tilde[1] != '0' && tilde[1] != '1')
			return false;
	}
	return true;
}

static void pointers_check(
	struct reader *reader, const struct node *node, const struct config_text_matches *fields)
{
	const struct node *child = node != NULL ? node->children : NULL;

	for (size_t i = 0; child != NULL && i < fields->count; i++, child = child->next) {
		const char *name = fields->items[i].name;
		unsigned depth = 0;

		for (const char *c = name; *c != '\0'; c++)
			depth += *c == '/';
		if (!is_pointer(name))
			problem_add_key(&reader->problems, child,
				"expected a JSON pointer, as \"/user/plan\"");
		else if (depth > CONFIG_JSON_DEPTH_MAX || strlen(name) > CONFIG_JSON_NAME_MAX)
			problem_add_key(&reader->problems, child,
				"is longer than %d bytes or leads deeper than %d",
				CONFIG_JSON_NAME_MAX, CONFIG_JSON_DEPTH_MAX);
	}
}

static void depth_check(struct reader *reader, const struct node *node)
{
	unsigned depth = 0;

	for (const struct node *at = node; at != NULL; at = at->parent) {
		if (at->key != NULL &&
			(strcmp(at->key, "any_of") == 0 || strcmp(at->key, "all_of") == 0 ||
				strcmp(at->key, "not") == 0))
			depth++;
	}
	if (depth == DEPTH_MAX + 1)
		problem_add(&reader->problems, node, "more than %d conditions in each other",
			DEPTH_MAX);
}

void match_conditions_check(
	struct reader *reader, const struct node *node, struct config_conditions *conditions)
{
	header_names_check(reader, node_get(node, "header"), &conditions->headers);
	facts_check(reader, node_get(node, "tls"), &conditions->tls);
	pointers_check(reader, node_get(node, "json"), &conditions->json);
	depth_check(reader, node);
	if (conditions->share == 0)
		problem_add(&reader->problems, node_get(node, "share"),
			"fits no request: nothing would ever match");
}

bool match_has_conditions(const struct config_conditions *conditions)
{
	return conditions->method_count + conditions->headers.count + conditions->query.count +
			conditions->cookies.count + conditions->tls.count + conditions->json.count +
			conditions->source_count + conditions->alpn_count +
			conditions->any_of_count + conditions->all_of_count +
			conditions->none_of_count >
		0 ||
		conditions->agents != 0 || conditions->has_grpc ||
		conditions->share < CONFIG_SHARE_WHOLE;
}

static void conditions_check(struct reader *reader, const struct node *node, void *object)
{
	if (node->count == 0)
		problem_add(&reader->problems, node, "asks for nothing: every request fits");
	match_conditions_check(reader, node, object);
}

static const struct field conditions_fields[] = {
	CONDITION_FIELDS(0),
	{ .name = NULL },
};

const struct table conditions_table = {
	.name = "conditions",
	.help = "Conditions: all that is given must fit. They may stand in each other, up to four "
		"deep.",
	.fields = conditions_fields,
	.size = sizeof(struct config_conditions),
	.line_offset = offsetof(struct config_conditions, line),
	.check = conditions_check,
};
