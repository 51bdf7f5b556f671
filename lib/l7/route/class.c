/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of requests: by User-Agent, and calls of gRPC. */
#include "class.h"

#include <string.h>
#include <strings.h>

static bool contains(struct http_span text, const char *lower)
{
	size_t len = strlen(lower);

	for (size_t i = 0; i + len <= text.len; i++) {
		if (strncasecmp(text.data + i, lower, len) == 0)
			return true;
	}
	return false;
}

/*
 * The first row that fits decides. Crawlers imitate browsers, so they come first; phones say "Mobi"
 * beside what their system is called, and tablets of the same system do not.
 */
unsigned agent_class(const struct http_head *head)
{
	static const struct {
		const char *word;
		unsigned class;
	} rows[] = {
		{ "bot", CONFIG_AGENT_BOT },
		{ "crawl", CONFIG_AGENT_BOT },
		{ "spider", CONFIG_AGENT_BOT },
		{ "slurp", CONFIG_AGENT_BOT },
		{ "facebookexternalhit", CONFIG_AGENT_BOT },
		{ "curl/", CONFIG_AGENT_TOOL },
		{ "wget/", CONFIG_AGENT_TOOL },
		{ "python", CONFIG_AGENT_TOOL },
		{ "go-http-client", CONFIG_AGENT_TOOL },
		{ "okhttp", CONFIG_AGENT_TOOL },
		{ "java/", CONFIG_AGENT_TOOL },
		{ "libwww", CONFIG_AGENT_TOOL },
		{ "ipad", CONFIG_AGENT_TABLET },
		{ "tablet", CONFIG_AGENT_TABLET },
		{ "mobi", CONFIG_AGENT_MOBILE },
		{ "android", CONFIG_AGENT_TABLET },
		{ "mozilla/", CONFIG_AGENT_DESKTOP },
		{ "opera/", CONFIG_AGENT_DESKTOP },
	};
	const struct http_field *field = http_find(head, "user-agent");

	for (size_t i = 0; field != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (contains(field->value, rows[i].word))
			return rows[i].class;
	}
	return CONFIG_AGENT_OTHER;
}

bool is_grpc(const struct http_head *head)
{
	static const char type[] = "application/grpc";
	const struct http_field *field = http_find(head, "content-type");
	size_t len = sizeof(type) - 1;

	if (field == NULL || field->value.len < len ||
		strncasecmp(field->value.data, type, len) != 0)
		return false;
	return field->value.len == len || field->value.data[len] == '+' ||
		field->value.data[len] == ';';
}

bool grpc_fits(const struct config_conditions *config, const struct http_head *head)
{
	struct http_span path = head->path;
	struct http_span service, method;
	const char *slash;

	if (!is_grpc(head) || path.len < 2 || path.data[0] != '/')
		return false;
	slash = memchr(path.data + 1, '/', path.len - 1);
	if (slash == NULL)
		return false;
	service = (struct http_span){ .data = path.data + 1,
		.len = (size_t)(slash - path.data) - 1 };
	method = (struct http_span){ .data = slash + 1,
		.len = (size_t)(path.data + path.len - slash) - 1 };
	return (config->grpc_service == NULL || http_span_is(service, config->grpc_service)) &&
		(config->grpc_method == NULL || http_span_is(method, config->grpc_method));
}

static bool ends_with(struct http_span text, const char *lower)
{
	size_t len = strlen(lower);

	return text.len >= len && strncasecmp(text.data + text.len - len, lower, len) == 0;
}

/* Of several fields any counts: the member may look at any of them. */
bool is_json(const struct http_head *head)
{
	for (unsigned i = 0; i < head->field_count; i++) {
		struct http_span type = head->fields[i].value;
		const char *semicolon;

		if (!http_span_is_nocase(head->fields[i].name, "content-type"))
			continue;
		semicolon = type.len > 0 ? memchr(type.data, ';', type.len) : NULL;
		if (semicolon != NULL)
			type.len = (size_t)(semicolon - type.data);
		while (type.len > 0 &&
			(type.data[type.len - 1] == ' ' || type.data[type.len - 1] == '\t'))
			type.len--;
		if (http_span_is_nocase(type, "application/json") || ends_with(type, "+json"))
			return true;
	}
	return false;
}
