/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers to fields of a body: RFC 6901. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

struct json_fields *json_fields_create(void)
{
	return calloc(1, sizeof(struct json_fields));
}

static void field_free(struct json_field *field)
{
	free(field->pointer);
	for (unsigned i = 0; i < field->token_count; i++)
		free(field->tokens[i].text);
	*field = (struct json_field){ .pointer = NULL };
}

void json_fields_destroy(struct json_fields *fields)
{
	if (fields == NULL)
		return;
	for (unsigned i = 0; i < fields->count; i++)
		field_free(&fields->items[i]);
	free(fields);
}

unsigned json_fields_count(const struct json_fields *fields)
{
	return fields->count;
}

/* RFC 6901 4: "~1" is a slash, "~0" a tilde. at: behind the slash. */
static int token_take(struct json_token *token, const char *at, size_t len)
{
	if (len > JSON_TOKEN_MAX)
		return -EINVAL;
	token->text = malloc(len + 1);
	token->len = 0;
	if (token->text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		char c = at[i];

		if (c == '~') {
			i++;
			if (i == len || (at[i] != '0' && at[i] != '1'))
				return -EINVAL;
			c = at[i] == '0' ? '~' : '/';
		}
		token->text[token->len++] = c;
	}
	return 0;
}

static int field_fill(struct json_field *field, const char *pointer)
{
	const char *at = pointer;

	field->pointer = strdup(pointer);
	if (field->pointer == NULL)
		return -ENOMEM;
	if (*at != '/')
		return -EINVAL;
	while (*at == '/') {
		size_t len = strcspn(at + 1, "/");
		int ret;

		if (field->token_count == JSON_DEPTH_MAX)
			return -EINVAL;
		ret = token_take(&field->tokens[field->token_count++], at + 1, len);
		if (ret < 0)
			return ret;
		at += 1 + len;
	}
	return 0;
}

int json_fields_add(struct json_fields *fields, const char *pointer, bool needs_text)
{
	struct json_field *field = &fields->items[fields->count];
	int ret;

	for (unsigned i = 0; i < fields->count; i++) {
		if (strcmp(fields->items[i].pointer, pointer) != 0)
			continue;
		fields->items[i].needs_text |= needs_text;
		return (int)i;
	}
	if (fields->count == JSON_FIELDS_MAX)
		return -E2BIG;
	*field = (struct json_field){ .needs_text = needs_text };
	ret = field_fill(field, pointer);
	if (ret < 0) {
		field_free(field);
		return ret;
	}
	return (int)fields->count++;
}
