/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ACTION_H
#define CONF_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a route does with a request beside sending it to a pool. All strings belong to the config.
 */

/* What "${NAME}" in a text stands for. */
enum config_variable {
#define VARIABLE(name, help) CONFIG_VARIABLE_##name,
#include "conf/variable.def"
#undef VARIABLE
	CONFIG_VARIABLE_COUNT,
};

#define CONFIG_GROUPS_MAX 10 /* group 0 is the whole */

enum config_piece_kind {
	CONFIG_PIECE_TEXT,     /* as it stands */
	CONFIG_PIECE_VARIABLE, /* index: enum config_variable */
	CONFIG_PIECE_HEADER,   /* "${header.NAME}": text is the name */
	CONFIG_PIECE_MATCH,    /* "${match.1}", "${match.NAME}": index: group of the route's path */
	CONFIG_PIECE_GROUP,    /* "${1}": index: group of the substitution's own expression */
};

struct config_piece {
	enum config_piece_kind kind;
	unsigned index;
	const char *text; /* ends in NUL */
	size_t len;
};

/* A text with variables, taken apart. */
struct config_template {
	const char *text; /* as in the file; NULL: not given */
	struct config_piece *pieces;
	size_t count;
};

/* "set", "add" and "append": { name: text } */
struct config_header_value {
	const char *name;
	struct config_template value;
	int line;
};

/* "request_headers", "response_headers" */
struct config_header_edits {
	struct config_header_value *set; /* instead of what is there */
	size_t set_count;
	struct config_header_value *add; /* a further field */
	size_t add_count;
	struct config_header_value *append; /* behind a comma, in the same field */
	size_t append_count;
	const char **remove;
	size_t remove_count;
};
#define CONFIG_EDITS_MAX 32 /* of each kind */

/* "regex": the first place that fits is replaced */
struct config_substitution {
	const char *pattern; /* NULL: not given */
	struct config_template to;
};

/* "rewrite", and the same keys of "redirect"; of the ways to change a path at most one */
struct config_rewrite {
	struct config_template host;
	struct config_template path; /* the whole path */
	const char *prefix;          /* instead of the route's; NULL: not given */
	struct config_substitution regex;
	struct config_template query; /* "" removes it */
};

enum config_scheme { CONFIG_SCHEME_SAME, CONFIG_SCHEME_HTTP, CONFIG_SCHEME_HTTPS };

/* "redirect" */
struct config_redirect {
	enum config_scheme scheme;
	struct config_rewrite to;
	unsigned code; /* 301, 302, 303, 307 or 308 */
};

/* "respond": an answer of our own */
struct config_respond {
	unsigned status;
	const char *content_type;
	const char *body; /* NULL: none */
	size_t body_len;
};
#define CONFIG_RESPOND_BYTES_MAX 65536

/* "limits"."rates"[] */
enum config_per {
	CONFIG_PER_ROUTE,
	CONFIG_PER_CLIENT,
	CONFIG_PER_HEADER,
	CONFIG_PER_COOKIE,
	CONFIG_PER_QUERY,
};

struct config_rate_limit {
	enum config_per per;
	const char *name; /* of header field, cookie, parameter */
	unsigned prefix4; /* 32 */
	unsigned prefix6; /* 64 */
	unsigned requests;
	unsigned period_ms; /* 1000 */
	unsigned burst;     /* at least 1 */
	unsigned keys;      /* 16384 */
	int line;
};

/* "limits"; 0: what the service takes */
struct config_route_limits {
	struct config_rate_limit *rates;
	size_t rate_count;
	unsigned concurrent;
	unsigned header_bytes;
	uint64_t body_bytes;
};

/* Shares are parts of this: "2.5%" is 2500. */
#define CONFIG_SHARE_WHOLE 100000

/* "fault" */
struct config_fault {
	unsigned delay_ms;
	unsigned delay_share;
	unsigned abort_status;
	unsigned abort_share;
};

struct config_actions {
	bool has_limits;
	struct config_route_limits limits;
	bool has_fault;
	struct config_fault fault;
	bool has_redirect;
	struct config_redirect redirect;
	bool has_respond;
	struct config_respond respond;
	bool has_rewrite;
	struct config_rewrite rewrite;
	bool has_request_headers;
	struct config_header_edits request_headers;
	bool has_response_headers;
	struct config_header_edits response_headers;
};

#endif
