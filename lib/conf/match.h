/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_MATCH_H
#define CONF_MATCH_H

#include "actions.h"
#include "conf/config.h"
#include "field.h"
#include "passthrough.h"
#include "text.h"

extern const struct text_kind match_method_kind; /* const char *, in lists */
extern const struct table conditions_table;      /* struct config_conditions */
extern const struct table grpc_table;            /* struct config_conditions */
extern const struct choice agent_choices[];
extern const struct table match_text_table; /* struct config_text_match, by name */

/*
 * False, with a problem at node, for an expression that does not compile. One that backtracks
 * beyond all bounds gets a warning.
 */
bool match_regex_check(struct reader *reader, const struct node *node, const char *text);

/* RFC 9110 5.6.2 */
bool match_is_token(const char *text);

/* No more fields of bodies than can be looked for at once. list: the service's routes. */
void match_json_fields_check(
	struct reader *reader, const struct node *list, const struct config_service *service);

/* What the tables cannot say. node: the object with the conditions. */
void match_conditions_check(
	struct reader *reader, const struct node *node, struct config_conditions *conditions);

/* Whether anything is asked for. */
bool match_has_conditions(const struct config_conditions *conditions);

/* The keys of struct config_conditions, which stands at that offset. */
#define CONDITION_LIST(key, member, words, base)                                                   \
	{                                                                                          \
		.name = key, .help = words, .type = FIELD_OBJECTS, .table = &conditions_table,     \
		.offset = (base) + offsetof(struct config_conditions, member),                     \
		.count_offset = (base) + offsetof(struct config_conditions, member##_count),       \
		.min = 1, .max = 32, .text = "none"                                                \
	}
#define CONDITION_MAP(key, member, words, base)                                                    \
	{                                                                                          \
		.name = key, .help = words, .type = FIELD_MAP, .table = &match_text_table,         \
		.offset = (base) + offsetof(struct config_conditions, member.items),               \
		.count_offset = (base) + offsetof(struct config_conditions, member.count),         \
		.text = "{}"                                                                       \
	}
#define CONDITION_FIELDS(base)                                                                      \
	{                                                                                           \
		.name = "method",                                                                   \
		.help = "any of these methods",                                                     \
		.type = FIELD_TEXTS,                                                                \
		.kind = &match_method_kind,                                                         \
		.offset = (base) + offsetof(struct config_conditions, methods),                     \
		.count_offset = (base) + offsetof(struct config_conditions, method_count),          \
		.min = 1,                                                                           \
		.text = "any method",                                                               \
	},                                                                                          \
		CONDITION_MAP("header", headers, "header fields by name", base),                    \
		CONDITION_MAP("query", query,                                                       \
			"parameters of the query by name, as they stand there: nothing is decoded", \
			base),                                                                      \
		CONDITION_MAP("cookie", cookies, "cookies by name", base),                          \
		CONDITION_MAP("tls", tls, "facts of the client's TLS: " FACTS_HELP, base),          \
		CONDITION_MAP("json", json, "fields of a JSON body: " JSON_HELP, base),             \
		{                                                                                   \
			.name = "source",                                                           \
			.help = "the client's address is in any of these networks",                 \
			.type = FIELD_TEXTS,                                                        \
			.kind = &text_network,                                                      \
			.offset = (base) + offsetof(struct config_conditions, sources),             \
			.count_offset = (base) + offsetof(struct config_conditions, source_count),  \
			.min = 1,                                                                   \
			.text = "any source",                                                       \
		},                                                                                  \
		{                                                                                   \
			.name = "alpn",                                                             \
			.help = "tls-passthrough: the client offers any of these protocols",        \
			.type = FIELD_TEXTS,                                                        \
			.kind = &alpn_kind,                                                         \
			.offset = (base) + offsetof(struct config_conditions, alpns),               \
			.count_offset = (base) + offsetof(struct config_conditions, alpn_count),    \
			.min = 1,                                                                   \
			.text = "any",                                                              \
		},                                                                                  \
		{                                                                                   \
			.name = "user_agent",                                                       \
			.help = "what the User-Agent looks like: any of these",                     \
			.type = FIELD_CHOICES,                                                      \
			.choices = agent_choices,                                                   \
			.offset = (base) + offsetof(struct config_conditions, agents),              \
			.min = 1,                                                                   \
			.text = "any",                                                              \
		},                                                                                  \
		{                                                                                   \
			.name = "grpc",                                                             \
			.help = "calls of gRPC, by Content-Type and path",                          \
			.type = FIELD_OBJECT,                                                       \
			.table = &grpc_table,                                                       \
			.offset = (base),                                                           \
			.has_offset = (base) + offsetof(struct config_conditions, has_grpc),        \
			.text = "any request",                                                      \
		},                                                                                  \
		{                                                                                   \
			.name = "share",                                                            \
			.help = "a share of the requests, by chance",                               \
			.type = FIELD_TEXT,                                                         \
			.kind = &text_share_kind,                                                   \
			.offset = (base) + offsetof(struct config_conditions, share),               \
			.text = "100%",                                                             \
		},                                                                                  \
		CONDITION_LIST("all_of", all_of, "all of these fit", base),                         \
		CONDITION_LIST("any_of", any_of, "at least one of these fits", base),               \
		CONDITION_LIST("not", none_of, "none of these fits", base)

#define JSON_HELP                                                                                  \
	"by JSON pointer (RFC 6901), as `/user/plan` or `/items/0/id`; see the service's "         \
	"`json_body`. Strings without their escapes, numbers by their value, and `true`, "         \
	"`false`, `null`; objects and lists are only `present`"

#define FACTS_HELP                                                                                 \
	"`version`, `cipher`, `sni`; of the client's certificate, where it has a good one: "       \
	"`subject`, `issuer`, `san` (any of its names, as `DNS:a.example`), `serial`, "            \
	"`fingerprint`"

#endif
