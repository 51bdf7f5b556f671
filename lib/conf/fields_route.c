/* SPDX-License-Identifier: Apache-2.0 */
/* The routing table of an l7 service, in the file itself or in one of its own. */
#include <limits.h>
#include <string.h>

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
	route->is_path_exact = true;
}

static const struct text_kind exact_kind = {
	.what = "path",
	.pattern = "^/[^?#\\s]*$",
	.read = exact_read,
};

static void path_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	if (node->count != 1)
		problem_add(&reader->problems, node, "expected one of \"exact\" and \"prefix\", %s",
			node->count == 0 ? "found neither" : "not both");
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
	{ .name = NULL },
};

static const struct table path_table = {
	.name = "path",
	.help = "One of the two; the query is no part of the path.",
	.fields = path_fields,
	.check = path_check,
};

static const struct field match_fields[] = {
	{
		.name = "host",
		.help = "host name without port, or `*.` and a suffix; without it, any",
		.type = FIELD_TEXT,
		.kind = &text_host,
		.offset = offsetof(struct config_l7_route, host),
	},
	{
		.name = "path",
		.help = "path of the request; without it, any",
		.type = FIELD_OBJECT,
		.text = "any path",
		.table = &path_table,
	},
	{ .name = NULL },
};

static const struct table match_table = {
	.name = "match",
	.help = "All that is given must fit. An exact host wins over the longest `*.` suffix, that "
		"over any host; then an exact path over the longest prefix, that over any path.",
	.fields = match_fields,
};

static const struct field l7_route_fields[] = {
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
		.is_required = true,
		.offset = offsetof(struct config_l7_route, pool),
	},
	{ .name = NULL },
};

const struct table l7_route_table = {
	.name = "l7_route",
	.help = "Sends requests to a pool.",
	.fields = l7_route_fields,
	.size = sizeof(struct config_l7_route),
	.line_offset = offsetof(struct config_l7_route, line),
};

static const char *match_words(struct reader *reader, const struct config_l7_route *route)
{
	const char *host = route->host != NULL ? route->host : "any";

	if (route->path == NULL)
		return arena_format(reader->arena, "host %s, path any", host);
	return arena_format(reader->arena, "host %s, path %s %s", host,
		route->is_path_exact ? "exact" : "prefix", route->path);
}

/* True when all that the route's match asks for was understood. */
static bool is_match_read(const struct node *node, const struct config_l7_route *route)
{
	const struct node *match = node_get(node, "match");
	unsigned known = 0;

	if (match == NULL)
		return json_is_object(node->json);
	known += node_get(match, "host") != NULL && route->host != NULL;
	known += node_get(match, "path") != NULL && route->path != NULL;
	return json_is_object(match->json) && known == match->count;
}

void l7_routes_check(
	struct reader *reader, const struct node *list, const struct config_service *service)
{
	struct names matches = names_create(reader->arena, service->route_count);
	const struct node *node = list->children;

	for (unsigned i = 0; i < service->route_count; i++, node = node->next) {
		if (is_match_read(node, &service->routes[i]))
			names_add(&matches, match_words(reader, &service->routes[i]), node, i);
	}
	names_check(&matches, &reader->problems, "a route for");
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
