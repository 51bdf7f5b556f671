/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "chars.h"
#include "h1_internal.h"
#include "target.h"

static bool take_path(struct h1_parser *parser, char *start, char *end)
{
	const char *bad;

	if (http_path_take(&parser->head, start, end, &bad))
		return true;
	return h1_refuse(parser, HTTP_REFUSED_path_escape, bad);
}

/* The index of the only Host field, field_count when there is none, or -1 when refused. */
static int find_host(struct h1_parser *parser)
{
	const struct http_head *head = &parser->head;
	int found = (int)head->field_count;

	for (unsigned i = 0; i < head->field_count; i++) {
		if (!span_is(head->fields[i].name, "host"))
			continue;
		if (found < (int)head->field_count) {
			h1_refuse(parser, HTTP_REFUSED_host_repeated, head->fields[i].name.data);
			return -1;
		}
		found = (int)i;
	}
	return found;
}

/* RFC 9112 3.2 */
static bool take_host(struct h1_parser *parser, struct http_authority *authority, bool *found)
{
	struct http_head *head = &parser->head;
	int index = find_host(parser);
	struct http_span value;
	char *data;

	*found = index >= 0 && index < (int)head->field_count;
	if (index < 0)
		return false;
	if (!*found && head->minor == 1)
		return h1_refuse(parser, HTTP_REFUSED_host_missing, parser->buffer + parser->line);
	if (!*found)
		return true;
	value = head->fields[index].value;
	data = parser->buffer + (value.data - parser->buffer);
	if (!http_authority_read(data, value.len, authority))
		return h1_refuse(parser, HTTP_REFUSED_host_invalid, value.data);
	head->authority = value;
	head->host = authority->host;
	return true;
}

static bool is_same(
	const struct http_authority *one, const struct http_authority *other, unsigned default_port)
{
	return one->host.len == other->host.len &&
		memcmp(one->host.data, other->host.data, one->host.len) == 0 &&
		(one->port != 0 ? one->port : default_port) ==
		(other->port != 0 ? other->port : default_port);
}

/*
 * "http://authority[/path][?query]" (RFC 9112 3.2.2). The authority replaces Host, which must not
 * say otherwise. len: of the scheme with "://"; scheme_port: its default.
 */
static bool absolute_target(struct h1_parser *parser, size_t len, unsigned scheme_port)
{
	struct http_head *head = &parser->head;
	char *target = parser->buffer + parser->target_at;
	char *end = target + parser->target_len;
	char *start = target + len;
	char *path = start;
	struct http_authority host, authority;
	bool has_host;

	if (!take_host(parser, &host, &has_host))
		return false;
	while (path < end && *path != '/' && *path != '?')
		path++;
	if (!http_authority_read(start, (size_t)(path - start), &authority))
		return h1_refuse(parser, HTTP_REFUSED_target, start);
	if (has_host && !is_same(&host, &authority, scheme_port))
		return h1_refuse(parser, HTTP_REFUSED_host_invalid, head->authority.data);
	if (path == end && http_span_is(head->method, "OPTIONS")) {
		head->target = head->path = (struct http_span){ .data = "*", .len = 1 };
	} else if (path == end || *path == '?') {
		/* The root's slash takes the authority's last place, which moves ahead by one. */
		memmove(start - 1, start, (size_t)(path - start));
		start--;
		authority.host.data--;
		path[-1] = '/';
		path--;
	}
	head->authority = (struct http_span){ .data = start, .len = (size_t)(path - start) };
	head->host = authority.host;
	return head->target.len > 0 || take_path(parser, path, end);
}

/* Of a form that the request line was checked for. */
bool h1_target(struct h1_parser *parser)
{
	struct http_head *head = &parser->head;
	char *target = parser->buffer + parser->target_at;
	size_t len = parser->target_len;
	struct http_authority host;
	bool has_host;

	if (target[0] == '*') {
		head->target = head->path = (struct http_span){ .data = target, .len = 1 };
		return take_host(parser, &host, &has_host);
	}
	if (target[0] != '/') {
		size_t scheme = target[4] == ':' ? strlen("http://") : strlen("https://");

		return absolute_target(parser, scheme, target[4] == ':' ? 80 : 443);
	}
	if (!take_host(parser, &host, &has_host))
		return false;
	return take_path(parser, target, target + len);
}
