/* SPDX-License-Identifier: Apache-2.0 */
#include "attribute.h"

#include <string.h>

/* The value of "name=value" in a list; what stands without "=" has an empty one. */
static bool list_find(
	struct http_span list, char separator, const char *name, struct http_span *value)
{
	size_t name_len = strlen(name);

	while (list.len > 0) {
		const char *end = memchr(list.data, separator, list.len);
		size_t len = end == NULL ? list.len : (size_t)(end - list.data);
		const char *pair = list.data;

		list.data += end == NULL ? len : len + 1;
		list.len -= end == NULL ? len : len + 1;
		for (; len > 0 && *pair == ' '; len--)
			pair++;
		if (len < name_len || memcmp(pair, name, name_len) != 0)
			continue;
		if (len > name_len && pair[name_len] != '=')
			continue;
		*value = (struct http_span){ .data = pair + name_len, .len = 0 };
		if (len > name_len)
			*value = (struct http_span){ .data = pair + name_len + 1,
				.len = len - name_len - 1 };
		return true;
	}
	return false;
}

static bool query_find(const struct http_head *head, const char *name, struct http_span *value)
{
	struct http_span query = head->target;
	const char *mark = query.len == 0 ? NULL : memchr(query.data, '?', query.len);

	if (mark == NULL)
		return false;
	query.len -= (size_t)(mark + 1 - query.data);
	query.data = mark + 1;
	return list_find(query, '&', name, value);
}

static bool cookie_find(const struct http_head *head, const char *name, struct http_span *value)
{
	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_span_is_nocase(head->fields[i].name, "cookie") &&
			list_find(head->fields[i].value, ';', name, value))
			return true;
	}
	return false;
}

static bool header_find(const struct http_head *head, const char *name, struct http_span *value)
{
	const struct http_field *field = http_find(head, name);

	if (field == NULL)
		return false;
	*value = field->value;
	return true;
}

bool attribute_find(const struct config_attribute *attribute,
	const struct attribute_request *request, struct http_span *value)
{
	switch (attribute->kind) {
	case CONFIG_ATTRIBUTE_SOURCE:
		*value = (struct http_span){ .data = (const char *)request->source,
			.len = sizeof(*request->source) };
		return true;
	case CONFIG_ATTRIBUTE_PATH:
		*value = request->head->path;
		return true;
	case CONFIG_ATTRIBUTE_HEADER:
		return header_find(request->head, attribute->name, value);
	case CONFIG_ATTRIBUTE_COOKIE:
		return cookie_find(request->head, attribute->name, value);
	case CONFIG_ATTRIBUTE_QUERY:
		return query_find(request->head, attribute->name, value);
	case CONFIG_ATTRIBUTE_NONE:
		break;
	}
	return false;
}

bool attribute_hash(const struct config_attribute *attribute,
	const struct attribute_request *request, struct hash_key key, uint32_t *hash)
{
	struct http_span value;

	if (!attribute_find(attribute, request, &value))
		return false;
	*hash = (uint32_t)(hash_bytes(key, value.data, value.len) >> 32);
	return true;
}
