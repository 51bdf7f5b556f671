/* SPDX-License-Identifier: Apache-2.0 */
/* Services that pass on connections without looking into them, but for a ClientHello. */
#include "passthrough.h"

#include <limits.h>
#include <string.h>

#include "reader.h"
#include "text.h"

#define TIMEOUT_MAX_MS 86400000
#define ALPN_MAX       255 /* RFC 7301 3.1 */

static void alpn_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	size_t len = strlen(text);

	if (len > 0 && len <= ALPN_MAX)
		*(const char **)target = arena_copy(reader->arena, text, len);
	else
		problem_add(&reader->problems, node,
			"expected the name of a protocol, as \"h2\", of 1-%d bytes", ALPN_MAX);
}

const struct text_kind alpn_kind = {
	.what = "PROTOCOL",
	.pattern = "^.{1,255}$",
	.size = sizeof(const char *),
	.read = alpn_read,
};

static void sni_read(struct reader *reader, const struct node *node, const char *text, void *target)
{
	text_server_name.read(reader, node, text, target);
}

const struct text_kind sni_kind = {
	.what = "server name",
	.pattern = "^(\\*\\.)?[A-Za-z0-9._-]+$",
	.read = sni_read,
};

static const struct field passthrough_fields[] = {
	{
		.name = "hello_timeout_ms",
		.help = "tls-passthrough: for the whole ClientHello, and a PROXY header ahead of it",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_passthrough, hello_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 5000,
	},
	{
		.name = "max_hello_bytes",
		.help = "tls-passthrough: a ClientHello, with the heads of its records; a longer one "
			"is refused",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_passthrough, max_hello_bytes),
		.min = 512,
		.max = 16384,
		.value = 16384,
	},
	{
		.name = "idle_timeout_ms",
		.help = "a connection without a byte in either direction is closed",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_passthrough, idle_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 3600000,
	},
	{
		.name = "half_closed_timeout_ms",
		.help = "the same, once one end has closed its side",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_passthrough, half_closed_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 30000,
	},
	{
		.name = "close_timeout_ms",
		.help = "the same, when the appliance drains or the service has gone; and how long "
			"both ends have to close once they were told",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_passthrough, close_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 5000,
	},
	{ .name = NULL },
};

const struct table passthrough_table = {
	.name = "passthrough",
	.help = "Connections whose bytes pass both ways as they are. Either end may close its side "
		"first.",
	.fields = passthrough_fields,
};

static bool is_among(const char *key, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		if (strcmp(*keys, key) == 0)
			return true;
	}
	return false;
}

/* Conditions may stand in each other: lists of objects with the same keys. */
static void match_keys_check(struct reader *reader, const struct node *node, enum config_mode mode)
{
	static const char *const raw[] = { "sni", "alpn", "source", "share", "any_of", "all_of",
		"not", NULL };
	static const char *const hello[] = { "sni", "alpn", NULL };

	if (node == NULL || !json_is_object(node->json))
		return;
	for (const struct node *child = node->children; child != NULL; child = child->next) {
		bool is_hello = is_among(child->key, hello);

		if (is_hello && mode != CONFIG_MODE_TLS_PASSTHROUGH)
			problem_add_key(&reader->problems, child,
				"is for services of mode \"tls-passthrough\" only%s",
				mode == CONFIG_MODE_L7 ? ": of TLS that ends here, \"tls\" knows "
							 "the name"
						       : "");
		else if (mode != CONFIG_MODE_L7 && !is_among(child->key, raw))
			problem_add_key(&reader->problems, child,
				"is of HTTP: for services of mode \"l7\" only");
		if (!json_is_array(child->json))
			continue;
		for (const struct node *item = child->children; item != NULL; item = item->next)
			match_keys_check(reader, item, mode);
	}
}

void passthrough_route_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	static const char *const keys[] = { "name", "match", "pool", "split", "split_by",
		"fallback", "retry", NULL };

	match_keys_check(reader, node_get(node, "match"), service->mode);
	if (!config_mode_is_raw(service->mode))
		return;
	for (const struct node *child = node->children; child != NULL; child = child->next) {
		if (!is_among(child->key, keys))
			problem_add_key(&reader->problems, child,
				"is of HTTP: for services of mode \"l7\" only");
	}
}

static void pool_check(struct reader *reader, const struct node *node, unsigned index)
{
	const struct config_pool *pool;

	if (node == NULL || index >= reader->config->pool_count)
		return;
	pool = &reader->config->pools[index];
	if (pool->sticky.is_set)
		problem_add(&reader->problems, node,
			"pool \"%s\" is sticky by a cookie, which is of HTTP", pool->name);
	if (pool->hash_on.kind != CONFIG_ATTRIBUTE_NONE &&
		pool->hash_on.kind != CONFIG_ATTRIBUTE_SOURCE)
		problem_add(&reader->problems, node,
			"pool \"%s\" has a \"hash_on\" of HTTP; here it can only be \"source\"",
			pool->name);
	if (pool->protocol != CONFIG_PROTOCOL_H1)
		problem_add(&reader->problems, node,
			"pool \"%s\" speaks HTTP/2 to its members: that is for services of mode "
			"\"l7\" only",
			pool->name);
}

void raw_pools_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct node *routes = node_get(node, "routes");

	pool_check(reader, node_get(node, "pool"), service->pool);
	for (size_t i = 0; i < service->route_count; i++) {
		const struct config_l7_route *route = &service->routes[i];

		pool_check(reader, routes, route->pool);
		for (size_t k = 0; k < route->split_count; k++)
			pool_check(reader, routes, route->splits[k].pool);
		if (route->has_fallback)
			pool_check(reader, routes, route->fallback);
		if (route->split_by.kind != CONFIG_ATTRIBUTE_NONE &&
			route->split_by.kind != CONFIG_ATTRIBUTE_SOURCE)
			problem_add(&reader->problems, routes,
				"the route on line %d has a \"split_by\" of HTTP; here it can only be "
				"\"source\"",
				route->line);
	}
}
