/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <string.h>

#include "chars.h"

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

bool http_path_take(struct http_head *head, char *start, char *end, const char **bad)
{
	char *query = memchr(start, '?', (size_t)(end - start));
	char *path_end = query != NULL ? query : end;
	struct path path = { .start = start, .out = start, .in = start, .end = path_end };

	if (!normalise(&path)) {
		*bad = path.in;
		return false;
	}
	if (query != NULL && path.out != query)
		memmove(path.out, query, (size_t)(end - query));
	head->path = (struct http_span){ .data = start, .len = (size_t)(path.out - start) };
	head->target = (struct http_span){
		.data = start,
		.len = head->path.len + (size_t)(end - path_end),
	};
	return true;
}

static unsigned slashes_count(const char *path, size_t len)
{
	const char *query = memchr(path, '?', len);
	const char *end = query != NULL ? query : path + len;
	unsigned count = 0;

	for (const char *c = path; c < end; c++)
		count += *c == '/';
	return count;
}

/*
 * A client's "../" that became a part of this path would climb out of the part that somebody put
 * ahead of it. Each such step takes a slash along; nothing else does.
 */
bool http_target_set(struct http_head *head, char *target, size_t len)
{
	struct http_span old_path = head->path;
	struct http_span old_target = head->target;
	unsigned slashes = slashes_count(target, len);
	const char *bad;

	if (len == 0 || target[0] != '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!char_is(target[i], CHAR_TARGET))
			return false;
	}
	if (http_path_take(head, target, target + len, &bad) &&
		slashes_count(head->path.data, head->path.len) == slashes)
		return true;
	head->path = old_path;
	head->target = old_target;
	return false;
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
bool http_authority_read(char *data, size_t len, struct http_authority *authority)
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

bool http_authority_set(struct http_head *head, char *authority, size_t len)
{
	struct http_authority parts;

	if (!http_authority_read(authority, len, &parts))
		return false;
	head->authority = (struct http_span){ .data = authority, .len = len };
	head->host = parts.host;
	return true;
}
