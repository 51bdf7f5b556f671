/* SPDX-License-Identifier: Apache-2.0 */
/* Named values of a request: cookies and parameters of the query. */
#include <string.h>

#include "exchange.h"

/* The value of "name=value" or "name" in a list. */
static bool list_find(
	struct http_span list, char separator, const char *name, struct http_span *value)
{
	size_t name_len = strlen(name);

	while (list.len > 0) {
		const char *end = memchr(list.data, separator, list.len);
		size_t len = end != NULL ? (size_t)(end - list.data) : list.len;
		struct http_span pair = { .data = list.data, .len = len };

		list.data += len + (end != NULL);
		list.len -= len + (end != NULL);
		while (pair.len > 0 && pair.data[0] == ' ') {
			pair.data++;
			pair.len--;
		}
		if (pair.len < name_len || memcmp(pair.data, name, name_len) != 0)
			continue;
		if (pair.len > name_len && pair.data[name_len] != '=')
			continue;
		value->data = pair.data + name_len + (pair.len > name_len);
		value->len = pair.len - name_len - (pair.len > name_len);
		return true;
	}
	return false;
}

bool exchange_cookie(const struct http_head *head, const char *name, struct http_span *value)
{
	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_span_is_nocase(head->fields[i].name, "cookie") &&
			list_find(head->fields[i].value, ';', name, value))
			return true;
	}
	return false;
}

bool exchange_parameter(const struct http_head *head, const char *name, struct http_span *value)
{
	return list_find(exchange_query(head), '&', name, value);
}
