/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_JSON_FIELDS_H
#define HTTP_JSON_FIELDS_H

#include "http/json.h"

struct json_token {
	char *text; /* unescaped */
	size_t len;
};

struct json_field {
	char *pointer;
	struct json_token tokens[JSON_DEPTH_MAX];
	unsigned token_count;
	bool needs_text;
};

struct json_fields {
	struct json_field items[JSON_FIELDS_MAX];
	unsigned count;
};

#endif
