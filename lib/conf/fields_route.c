/* SPDX-License-Identifier: Apache-2.0 */
/* The routing table of an l7 service, in the file itself or in one of its own. */
#include <limits.h>
#include <string.h>

#include "actions.h"
#include "match.h"
#include "passthrough.h"
#include "policy.h"
#include "reader.h"
#include "route.h"
#include "text.h"

static void pools_index(struct reader *reader)
{
	const struct config *config = reader->config;

	reader->pools = names_create(reader->arena, config->pool_count);
	for (unsigned i = 0; i < config->pool_count; i++)
		names_add(&reader->pools, config->pools[i].name, NULL, i);
	names_sort(&reader->pools);
}

static void pool_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	int index;

	/* The first service comes after the last pool: so the table of the root has it. */
	if (reader->pools.items == NULL)
		pools_index(reader);
	index = names_find(&reader->pools, text);
	*(unsigned *)target = index >= 0 ? (unsigned)index : UINT_MAX;
	if (index < 0 && node != NULL)
		names_report_missing(&reader->pools, &reader->problems, node, "pool", text);
}

const struct text_kind pool_kind = { .what = "pool", .read = pool_read };

static void exact_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_l7_route *route = target;

	text_url_path.read(reader, node, text, &route->path);
	route->path_kind = CONFIG_PATH_EXACT;
}

/* "{name}" stands for a whole segment. */
static bool is_template(const char *text)
{
	for (const char *segment = text; *segment == '/';) {
		size_t len = strcspn(segment + 1, "/");
		size_t open = strcspn(segment + 1, "{}");

		if (open < len &&
			(segment[1] != '{' || len < 3 || strcspn(segment + 2, "{}") != len - 2 ||
				segment[len] != '}'))
			return false;
		segment += 1 + len;
	}
	return true;
}

static void template_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_l7_route *route = target;

	if (!is_template(text)) {
		problem_add(&reader->problems, node,
			"expected a path in which whole segments may be a {name}, found \"%.40s\"",
			text);
		return;
	}
	text_url_path.read(reader, node, text, &route->path);
	route->path_kind = CONFIG_PATH_TEMPLATE;
}

static void path_regex_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_l7_route *route = target;

	if (!match_regex_check(reader, node, text))
		return;
	route->path = arena_copy(reader->arena, text, strlen(text));
	route->path_kind = CONFIG_PATH_REGEX;
}

static const struct text_kind exact_kind = {
	.what = "path",
	.pattern = "^/[^?#\\s]*$",
	.read = exact_read,
};
static const struct text_kind template_kind = {
	.what = "path",
	.pattern = "^/[^?#\\s]*$",
	.read = template_read,
};
static const struct text_kind path_regex_kind = { .what = "EXPRESSION", .read = path_regex_read };

static void path_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	if (node->count != 1)
		problem_add(&reader->problems, node,
			"expected one of \"exact\", \"prefix\", \"template\" and \"regex\", found %u",
			node->count);
}

/* The objects inside of a route write to the same flat struct. */
static const struct field path_fields[] = {
	{
		.name = "exact",
		.help = "this path alone",
		.type = FIELD_TEXT,
		.kind = &exact_kind,
	},
	{
		.name = "prefix",
		.help = "paths that begin with it, at a border of segments: `/img` takes `/img` "
			"and "
			"`/img/x`, not `/images`",
		.type = FIELD_TEXT,
		.kind = &text_url_path,
		.offset = offsetof(struct config_l7_route, path),
	},
	{
		.name = "template",
		.help = "a path with whole segments of any content: `/users/{id}/orders`",
		.type = FIELD_TEXT,
		.kind = &template_kind,
	},
	{
		.name = "regex",
		.help = "Perl-compatible expression that fits somewhere in the path; `^` and `$` anchor",
		.type = FIELD_TEXT,
		.kind = &path_regex_kind,
	},
	{ .name = NULL },
};

static const struct table path_table = {
	.name = "path",
	.help = "One of these; the query is no part of the path.",
	.fields = path_fields,
	.check = path_check,
};

static const struct field match_fields[] = {
	{
		.name = "host",
		.help = "host name without port; `*.` and a suffix, or a prefix and `.*`; without it, "
			"any",
		.type = FIELD_TEXT,
		.kind = &text_host,
		.offset = offsetof(struct config_l7_route, host),
	},
	{
		.name = "sni",
		.help = "tls-passthrough: the name that the client asks for in TLS: a name or "
			"`*.SUFFIX`; without it, any or none",
		.type = FIELD_TEXT,
		.kind = &sni_kind,
		.offset = offsetof(struct config_l7_route, host),
	},
	{
		.name = "path",
		.help = "path of the request; without it, any",
		.type = FIELD_OBJECT,
		.text = "any path",
		.table = &path_table,
	},
	CONDITION_FIELDS(offsetof(struct config_l7_route, conditions)),
	{ .name = NULL },
};

static void match_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_l7_route *route = object;

	match_conditions_check(reader, node, &route->conditions);
	reader->route = route;
}

static const struct table match_table = {
	.name = "match",
	.help = "All that is given must fit. An exact host wins over the longest `*.` suffix, that "
		"over the longest prefix, that over any host; then an exact path over a template or "
		"an expression, that over the longest prefix, that over any path. Among rows of the "
		"same host and path the first that fits wins; where none does, the search goes on "
		"with the next wider path, then host.",
	.fields = match_fields,
	.check = match_check,
};

static const struct field split_fields[] = {
	{
		.name = "pool",
		.help = "name of one of `pools`",
		.type = FIELD_TEXT,
		.kind = &pool_kind,
		.is_required = true,
		.offset = offsetof(struct config_split, pool),
	},
	{
		.name = "weight",
		.help = "its share of the requests, in relation to the others'",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_split, weight),
		.max = 1000000,
		.value = 1,
	},
	{ .name = NULL },
};

static const struct table split_table = {
	.name = "split",
	.help = "A pool and its share.",
	.fields = split_fields,
	.size = sizeof(struct config_split),
	.line_offset = offsetof(struct config_split, line),
};

/* Where its requests go: one of these. */
static void targets_check(struct reader *reader, const struct node *node)
{
	static const char *const targets[] = { "pool", "split", "redirect", "respond" };
	const struct node *first = NULL;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct node *target = node_get(node, targets[i]);

		if (target != NULL && first != NULL)
			problem_add_key(&reader->problems, target,
				"not beside \"%s\": one of the two", first->key);
		if (first == NULL)
			first = target;
	}
	if (first == NULL)
		problem_add_missing(&reader->problems, node, "pool",
			"is required and missing, where there is no \"split\", \"redirect\" or "
			"\"respond\"");
}

static void l7_route_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_l7_route *route = object;
	const struct node *split = node_get(node, "split");
	uint64_t sum = 0;

	reader->route = NULL;
	route->conditions.line = route->line;
	if (node_get(node, "pool") == NULL)
		route->pool = UINT_MAX;
	targets_check(reader, node);
	actions_check(reader, node, route);
	if (node_get(node, "split_by") != NULL && split == NULL)
		problem_add_key(&reader->problems, node_get(node, "split_by"), "needs a \"split\"");
	for (size_t i = 0; i < route->split_count; i++)
		sum += route->splits[i].weight;
	if (route->split_count > 0 && sum == 0)
		problem_add(&reader->problems, split,
			"all weights are 0: no request could go anywhere");
}

#define ACTION_FIELD(key, words)                                                                   \
	{                                                                                          \
		.name = #key, .help = words, .type = FIELD_OBJECT, .table = &key##_table,          \
		.offset = offsetof(struct config_l7_route, actions.key),                           \
		.has_offset = offsetof(struct config_l7_route, actions.has_##key), .text = "none"  \
	}

static const struct field l7_route_fields[] = {
	{
		.name = "name",
		.help = "name for logs, header fields and commands",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.offset = offsetof(struct config_l7_route, name),
	},
	{
		.name = "match",
		.help = "which requests; without it, all",
		.type = FIELD_OBJECT,
		.text = "all requests",
		.table = &match_table,
	},
	{
		.name = "pool",
		.help = "name of one of `pools`",
		.type = FIELD_TEXT,
		.kind = &pool_kind,
		.offset = offsetof(struct config_l7_route, pool),
	},
	{
		.name = "split",
		.help = "instead of `pool`: several, each request to one of them by chance, by weight",
		.type = FIELD_OBJECTS,
		.table = &split_table,
		.offset = offsetof(struct config_l7_route, splits),
		.count_offset = offsetof(struct config_l7_route, split_count),
		.min = 1,
		.max = 64,
		.text = "no split",
	},
	{
		.name = "limits",
		.help = "what it takes of requests",
		.type = FIELD_OBJECT,
		.table = &route_limits_table,
		.offset = offsetof(struct config_l7_route, actions.limits),
		.has_offset = offsetof(struct config_l7_route, actions.has_limits),
		.text = "none",
	},
	ACTION_FIELD(fault, "lets a share of requests be late or fail, on purpose"),
	{
		.name = "split_by",
		.help = "requests of the same value go to the same pool of the split, as long as "
			"weights stay; when they change, only as many move as must. Those without it go "
			"by chance",
		.type = FIELD_TEXT,
		.kind = &attribute_kind,
		.offset = offsetof(struct config_l7_route, split_by),
	},
	{
		.name = "fallback",
		.help = "name of the pool for requests whose own has no usable member",
		.type = FIELD_TEXT,
		.kind = &pool_kind,
		.offset = offsetof(struct config_l7_route, fallback),
		.has_offset = offsetof(struct config_l7_route, has_fallback),
	},
	{
		.name = "mirror",
		.help = "copies requests to another pool as well",
		.type = FIELD_OBJECT,
		.text = "no copies",
		.table = &mirror_table,
		.offset = offsetof(struct config_l7_route, mirror),
		.has_offset = offsetof(struct config_l7_route, mirror.is_set),
	},
	{
		.name = "retry",
		.help = "which failed requests are sent again; instead of the pool's",
		.type = FIELD_OBJECT,
		.text = "the pool's",
		.table = &retry_table,
		.offset = offsetof(struct config_l7_route, retry),
		.has_offset = offsetof(struct config_l7_route, retry.is_set),
	},
	ACTION_FIELD(redirect, "instead of `pool`: sends the client elsewhere"),
	ACTION_FIELD(respond, "instead of `pool`: answers by itself"),
	ACTION_FIELD(rewrite, "changes where requests ask to go"),
	ACTION_FIELD(request_headers, "changes header fields of requests"),
	ACTION_FIELD(response_headers, "changes header fields of answers"),
	{ .name = NULL },
};

const struct table l7_route_table = {
	.name = "l7_route",
	.help = "Sends requests to a pool, or to several, or answers them.",
	.fields = l7_route_fields,
	.size = sizeof(struct config_l7_route),
	.line_offset = offsetof(struct config_l7_route, line),
	.check = l7_route_check,
};

static const char *match_words(struct reader *reader, const struct config_l7_route *route)
{
	static const char *const kinds[] = {
		[CONFIG_PATH_PREFIX] = "prefix",
		[CONFIG_PATH_EXACT] = "exact",
		[CONFIG_PATH_TEMPLATE] = "template",
		[CONFIG_PATH_REGEX] = "regex",
	};
	const char *host = route->host != NULL ? route->host : "any";

	if (route->path == NULL)
		return arena_format(reader->arena, "host %s, path any", host);
	return arena_format(
		reader->arena, "host %s, path %s %s", host, kinds[route->path_kind], route->path);
}

/* True when all that the route's match asks for was understood. */
static bool is_match_read(const struct node *node, const struct config_l7_route *route)
{
	const struct node *match = node_get(node, "match");
	unsigned known = 0;

	if (match == NULL)
		return json_is_object(node->json);
	known += node_get(match, "host") != NULL && route->host != NULL;
	known += node_get(match, "sni") != NULL && route->host != NULL;
	known += node_get(match, "path") != NULL && route->path != NULL;
	return json_is_object(match->json) && known == match->count;
}

static void route_names_check(
	struct reader *reader, const struct node *list, const struct config_service *service)
{
	struct names names = names_create(reader->arena, service->route_count);
	const struct node *node = list->children;

	for (unsigned i = 0; i < service->route_count; i++, node = node->next) {
		if (service->routes[i].name != NULL)
			names_add(&names, service->routes[i].name, node, i);
	}
	names_check(&names, &reader->problems, "route name");
}

/*
 * Rows of one host and path are tried in their order: one without conditions takes all, and what
 * stands behind it never comes to its turn.
 */
void l7_routes_check(
	struct reader *reader, const struct node *list, const struct config_service *service)
{
	struct names matches = names_create(reader->arena, service->route_count);
	const struct node *node = list->children;

	for (unsigned i = 0; i < service->route_count; i++, node = node->next) {
		passthrough_route_check(reader, node, service);
		if (is_match_read(node, &service->routes[i]))
			names_add(&matches, match_words(reader, &service->routes[i]), node, i);
	}
	names_check(&matches, &reader->problems, "a route for");
	route_names_check(reader, list, service);
	match_json_fields_check(reader, list, service);
	node = list->children;
	for (unsigned i = 0; i < service->route_count; i++, node = node->next) {
		const struct config_l7_route *route = &service->routes[i];
		int first = match_has_conditions(&route->conditions)
			? names_find(&matches, match_words(reader, route))
			: -1;

		if (first >= 0 && (unsigned)first < i)
			problem_add(&reader->problems, node,
				"is never reached: the route for %s on line %d takes every request",
				match_words(reader, route), service->routes[first].line);
	}
}

static void routes_file_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_service *service = object;

	if (service->route_count > 0)
		l7_routes_check(reader, node_get(node, "routes"), service);
}

static const struct field routes_file_fields[] = {
	{
		.name = "$schema",
		.help = "for editors; not read",
		.type = FIELD_TEXT,
		.kind = &text_ignored,
	},
	{
		.name = "routes",
		.help = "which request goes to which pool",
		.type = FIELD_OBJECTS,
		.is_required = true,
		.table = &l7_route_table,
		.offset = offsetof(struct config_service, routes),
		.count_offset = offsetof(struct config_service, route_count),
	},
	{ .name = NULL },
};

const struct table routes_file_table = {
	.name = "routes_file",
	.help = "A file of routes that a service names.",
	.fields = routes_file_fields,
	.check = routes_file_check,
};

static void routes_file_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_service *service = (void *)((char *)target -
		offsetof(struct config_service, routes));
	const char *path = text[0] == '/'
		? text
		: arena_format(reader->arena, "%s%s", reader->folder, text);
	const struct document *document;

	if (text[0] == '\0') {
		problem_add(&reader->problems, node, "must not be empty");
		return;
	}
	document = document_load(reader->arena, &reader->documents, path, node, &reader->problems);
	if (document != NULL)
		table_read(reader, &routes_file_table, document->root, service);
}

const struct text_kind routes_file_kind = {
	.what = "file",
	.pattern = ".",
	.read = routes_file_read,
};
