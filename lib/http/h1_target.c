/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "chars.h"
#include "h1_internal.h"

/* An authority taken apart: what Host and an absolute target are compared by. */
struct authority {
	struct http_span host;
	unsigned port; /* 0: none given */
};

/* All in place: a normalised path is never longer than what it was made from. */
struct path {
	char *start;
	char *out; /* end of what is normalised */
	char *in;  /* what comes next */
	char *end;
};

/* RFC 3986 6.2.2.2; false for what would be another path to a backend that decodes once more. */
static bool unescape(struct path *path)
{
	static const char upper[] = "0123456789ABCDEF";
	int high, low;
	char c;

	if (path->end - path->in < 3)
		return false;
	high = char_hex(path->in[1]);
	low = char_hex(path->in[2]);
	if (high < 0 || low < 0)
		return false;
	c = (char)(high << 4 | low);
	if (c == '/' || c == '\\' || c == '\0')
		return false;
	path->in += 3;
	if (char_is(c, CHAR_UNRESERVED)) {
		*path->out++ = c;
		return true;
	}
	path->out[0] = '%';
	path->out[1] = upper[high];
	path->out[2] = upper[low];
	path->out += 3;
	return true;
}

/* Copies one segment with the slash ahead of it. */
static bool copy_segment(struct path *path)
{
	*path->out++ = *path->in++;
	while (path->in < path->end && *path->in != '/') {
		if (*path->in == '\\')
			return false;
		if (*path->in != '%')
			*path->out++ = *path->in++;
		else if (!unescape(path))
			return false;
	}
	return true;
}

/* RFC 3986 5.2.4, but climbing above the root is an error and not ignored. */
static bool normalise(struct path *path)
{
	while (path->in < path->end) {
		char *slash = path->out;
		char *slash_in = path->in;
		size_t len;

		if (!copy_segment(path))
			return false;
		len = (size_t)(path->out - slash);
		if (len == 2 && slash[1] == '.') {
			path->out = slash;
		} else if (len == 3 && slash[1] == '.' && slash[2] == '.') {
			if (slash == path->start) {
				path->in = slash_in;
				return false;
			}
			path->out = memrchr(path->start, '/', (size_t)(slash - path->start));
		} else {
			continue;
		}
		if (path->in == path->end)
			*path->out++ = '/';
	}
	return true;
}

/* Sets head->target and head->path from [start, end), which starts with a slash. */
static bool take_path(struct h1_parser *parser, char *start, char *end)
{
	struct http_head *head = &parser->head;
	char *query = memchr(start, '?', (size_t)(end - start));
	char *path_end = query != NULL ? query : end;
	struct path path = { .start = start, .out = start, .in = start, .end = path_end };

	if (!normalise(&path))
		return h1_refuse(parser, HTTP_REFUSED_path_escape, path.in);
	if (query != NULL && path.out != query)
		memmove(path.out, query, (size_t)(end - query));
	head->path = (struct http_span){ .data = start, .len = (size_t)(path.out - start) };
	head->target = (struct http_span){
		.data = start,
		.len = head->path.len + (size_t)(end - path_end),
	};
	return true;
}

static bool read_port(const char *digits, size_t len, unsigned *port)
{
	*port = 0;
	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!char_is_digit(digits[i]))
			return false;
		*port = *port * 10 + (unsigned)(digits[i] - '0');
	}
	return *port > 0 && *port <= 65535;
}

/* Length of an IP literal with its brackets, or 0. The backend is chosen by name: no deep check. */
static size_t literal_len(const char *data, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (data[i] == ']')
			return i > 2 ? i + 1 : 0;
		if (char_hex(data[i]) < 0 && data[i] != ':' && data[i] != '.')
			return 0;
	}
	return 0;
}

/* Lower case in place: what is routed by is what is forwarded. No user info: RFC 9110 4.2.4. */
static bool read_authority(char *data, size_t len, struct authority *authority)
{
	size_t host = 0;

	for (size_t i = 0; i < len; i++)
		data[i] = char_lower(data[i]);
	if (len > 0 && data[0] == '[')
		host = literal_len(data, len);
	else
		while (host < len && char_is(data[host], CHAR_HOST))
			host++;
	authority->host = (struct http_span){ .data = data, .len = host };
	authority->port = 0;
	if (host > 1 && data[host - 1] == '.')
		authority->host.len--;
	if (host == 0 || (host == 1 && data[0] == '.'))
		return false;
	if (host == len)
		return true;
	return data[host] == ':' && read_port(data + host + 1, len - host - 1, &authority->port);
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
static bool take_host(struct h1_parser *parser, struct authority *authority, bool *found)
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
	if (!read_authority(data, value.len, authority))
		return h1_refuse(parser, HTTP_REFUSED_host_invalid, value.data);
	head->authority = value;
	head->host = authority->host;
	return true;
}

static bool is_same(
	const struct authority *one, const struct authority *other, unsigned default_port)
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
	struct authority host, authority;
	bool has_host;

	if (!take_host(parser, &host, &has_host))
		return false;
	while (path < end && *path != '/' && *path != '?')
		path++;
	if (!read_authority(start, (size_t)(path - start), &authority))
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
	struct authority host;
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
