/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"

#define JSON_FIELDS_MAX 64
#define JSON_DEPTH_MAX  64
#define JSON_TOKEN_MAX  255  /* bytes of one name of a pointer */
#define JSON_TEXT_MAX   2048 /* bytes of all the texts that are kept of one body */

/* Which fields of a body are asked for, by pointer (RFC 6901). Immutable once filled. */
struct json_fields;

/* NULL when memory is short. */
struct json_fields *json_fields_create(void);
void json_fields_destroy(struct json_fields *fields);

/*
 * Returns the number of the field, the same for the same pointer. needs_text: it is asked for more
 * than whether it is there. -EINVAL: no pointer, or too long or too deep; -E2BIG: too many;
 * -ENOMEM.
 */
int json_fields_add(struct json_fields *fields, const char *pointer, bool needs_text);
unsigned json_fields_count(const struct json_fields *fields);

enum json_result {
	JSON_GOOD,
	JSON_MALFORMED, /* RFC 8259, or no UTF-8, or half a surrogate */
	JSON_REPEATED,  /* a field that is asked for is there twice: readers differ on which counts
			 */
	JSON_TOO_DEEP,
	JSON_TOO_MANY, /* values */
	JSON_TOO_LONG, /* texts of fields that are asked for */
};

struct json_limits {
	uint32_t max_depth; /* up to JSON_DEPTH_MAX */
	uint32_t max_values;
};

/*
 * A body on its way through. It is read byte by byte as it comes, and nothing is kept of it but the
 * fields that are asked for: no memory beyond json_scan_bytes(), whatever a client sends.
 */
struct json_scan;

size_t json_scan_bytes(void);

/* memory: json_scan_bytes(), aligned for any type. fields and limits must outlive it. */
struct json_scan *json_scan_begin(
	void *memory, const struct json_fields *fields, const struct json_limits *limits);

/* JSON_GOOD as long as it may become a good one; anything else is final. */
enum json_result json_scan_add(struct json_scan *scan, const char *data, size_t len);
enum json_result json_scan_end(struct json_scan *scan);

struct json_value {
	bool is_there;
	bool is_scalar; /* has a text: a string without its escapes, or as it is written */
	bool is_number; /* where its text is a whole number, it is written with digits alone */
	bool is_negative;
	bool has_fraction;
	uint64_t whole; /* the number without sign and fraction; UINT64_MAX: or more */
	struct http_span text;
};

/* After json_scan_end() was good. */
struct json_value json_scan_value(const struct json_scan *scan, unsigned field);

#endif
