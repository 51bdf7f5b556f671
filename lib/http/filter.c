/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <string.h>
#include <strings.h>

#include "chars.h"

static void collect_options(struct http_filter *filter, struct http_span value)
{
	const char *c = value.data;
	const char *end = value.data + value.len;

	while (c < end && filter->count < CONNECTION_OPTIONS_MAX) {
		const char *start = c;

		while (c < end && char_is(*c, CHAR_TOKEN))
			c++;
		if (c > start)
			filter->names[filter->count++] = (struct http_span){ .data = start,
				.len = (size_t)(c - start) };
		else
			c++;
	}
}

bool http_is_hop_by_hop(struct http_span name)
{
	switch (name.len) {
	case 2:
		return span_is(name, "te");
	case 6:
		return span_is(name, "expect");
	case 7:
		return span_is(name, "trailer") || span_is(name, "upgrade");
	case 10:
		return span_is(name, "connection") || span_is(name, "keep-alive");
	case 14:
		return span_is(name, "content-length") || span_is(name, "http2-settings");
	case 16:
		return span_is(name, "proxy-connection");
	case 17:
		return span_is(name, "transfer-encoding");
	default:
		return false;
	}
}

/* Case folded, and '_' taken for '-': CGI and its heirs cannot tell them apart either. */
static bool starts_with(struct http_span name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (name.len < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name.data[i] == '_' ? '-' : char_lower(name.data[i]);

		if (c != prefix[i])
			return false;
	}
	return true;
}

static bool is_forwarded(struct http_span name)
{
	return starts_with(name, "x-forwarded-") ||
		(name.len == strlen("forwarded") && starts_with(name, "forwarded"));
}

/*
 * Fields that a Connection field may not remove: those that say who asks and for what. RFC 9110
 * 7.6.1 forbids to name them, and a client that does wants the backend to see less than we did.
 */
static bool is_protected(struct http_span name)
{
	static const char *const names[] = {
		"authorization",
		"cache-control",
		"cookie",
		"date",
		"host",
		"set-cookie",
		"via",
		"x-real-ip",
	};

	if (is_forwarded(name) || starts_with(name, "content-"))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is(name, names[i]))
			return true;
	return false;
}

static bool is_named(const struct http_filter *filter, struct http_span name)
{
	for (unsigned i = 0; i < filter->count; i++)
		if (filter->names[i].len == name.len &&
			strncasecmp(filter->names[i].data, name.data, name.len) == 0)
			return !is_protected(name);
	return false;
}

/* A client's own copy of what we add, and "Proxy", which CGI turns into HTTP_PROXY. */
static bool is_overwritten(const struct http_write_options *options, struct http_span name)
{
	if (span_is(name, "host") || span_is(name, "proxy"))
		return true;
	if (is_forwarded(name))
		return !options->keep_forwarded;
	for (unsigned i = 0; i < options->extra_count; i++)
		if (!options->extra[i].is_added &&
			http_span_is_nocase(name, options->extra[i].name))
			return true;
	return false;
}

static bool is_dropped(const struct http_write_options *options, struct http_span name)
{
	for (unsigned i = 0; i < options->drop_count; i++)
		if (http_span_is_nocase(name, options->drops[i]))
			return true;
	return false;
}

void http_filter_init(struct http_filter *filter, const struct http_head *head,
	const struct http_write_options *options, bool is_request)
{
	filter->options = options;
	filter->is_request = is_request;
	filter->count = 0;
	for (unsigned i = 0; i < head->field_count; i++)
		if (span_is(head->fields[i].name, "connection"))
			collect_options(filter, head->fields[i].value);
}

bool http_trailer_passes(struct http_span name)
{
	static const char *const names[] = {
		"age",
		"authorization",
		"cache-control",
		"cookie",
		"date",
		"expires",
		"host",
		"location",
		"max-forwards",
		"pragma",
		"range",
		"retry-after",
		"set-cookie",
		"vary",
		"www-authenticate",
		"x-real-ip",
	};

	if (http_is_hop_by_hop(name) || is_forwarded(name) || starts_with(name, "content-") ||
		starts_with(name, "proxy") || starts_with(name, "if-"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is(name, names[i]))
			return false;
	return true;
}

/* A list of codings with weights; only this word among them is none. */
static bool list_has_trailers(struct http_span list)
{
	static const char word[] = "trailers";
	const size_t len = sizeof(word) - 1;

	for (size_t i = 0; i + len <= list.len; i++) {
		bool begins = i == 0 || !char_is(list.data[i - 1], CHAR_TOKEN);
		bool ends = i + len == list.len || !char_is(list.data[i + len], CHAR_TOKEN);

		if (begins && ends && strncasecmp(list.data + i, word, len) == 0)
			return true;
	}
	return false;
}

bool http_takes_trailers(const struct http_head *head)
{
	for (unsigned i = 0; i < head->field_count; i++)
		if (span_is(head->fields[i].name, "te") && list_has_trailers(head->fields[i].value))
			return true;
	return false;
}

bool http_filter_passes(const struct http_filter *filter, struct http_span name)
{
	return !http_is_hop_by_hop(name) && !is_named(filter, name) &&
		!is_dropped(filter->options, name) &&
		!(filter->is_request && is_overwritten(filter->options, name));
}
