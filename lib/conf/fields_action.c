/* SPDX-License-Identifier: Apache-2.0 */
/* What routes do by themselves: redirects, answers, rewriting, header fields. */
#include "actions.h"

#include <string.h>
#include <strings.h>

#include "match.h"
#include "reader.h"
#include "text.h"

#define TEMPLATE_HELP "`${NAME}` stands for a variable, `$$` for a dollar sign"

/* Fields that belong to a connection or to the framing, and so to us (RFC 9110 7.6.1). */
static const char *const ours[] = {
	"connection",
	"content-length",
	"expect",
	"http2-settings",
	"keep-alive",
	"proxy-connection",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
};

static void name_check(struct reader *reader, const struct node *node, const char *name)
{
	if (!match_is_token(name)) {
		problem_add_key(
			&reader->problems, node, "\"%.40s\" is no name of a header field", name);
		return;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcasecmp(name, ours[i]) == 0)
			problem_add_key(&reader->problems, node,
				"%s belongs to the connection, and is written by the appliance",
				name);
	}
}

void action_request_name_check(struct reader *reader, const struct node *node, const char *name)
{
	static const char *const set[] = { "forwarded", "x-forwarded-for", "x-forwarded-proto" };

	name_check(reader, node, name);
	if (strcasecmp(name, "host") == 0)
		problem_add_key(&reader->problems, node, "is set by \"rewrite\": its key \"host\"");
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		if (strcasecmp(name, set[i]) == 0)
			problem_add_key(&reader->problems, node,
				"%s is written by the appliance; see \"trust_forwarded\"", name);
	}
}

static void regex_text_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (match_regex_check(reader, node, text))
		*(const char **)target = arena_copy(reader->arena, text, strlen(text));
}

static void removed_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	(void)node;
	*(const char **)target = arena_copy(reader->arena, text, strlen(text));
}

static const struct text_kind regex_kind = { .what = "EXPRESSION", .read = regex_text_read };
static const struct text_kind name_kind = { .what = "NAME", .pattern = "." };
static const struct text_kind removed_kind = {
	.what = "NAME",
	.pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
	.size = sizeof(const char *),
	.read = removed_read,
};

static void value_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_header_value *value = target;

	text_template_kind.read(reader, node, text, &value->value);
}

static const struct text_kind value_kind = { .what = "TEXT", .read = value_read };

static const struct field value_fields[] = {
	{
		.name = "value",
		.help = "the same as a text alone; " TEMPLATE_HELP,
		.type = FIELD_TEXT,
		.kind = &text_template_kind,
		.is_required = true,
		.offset = offsetof(struct config_header_value, value),
	},
	{ .name = NULL },
};

static const struct table header_value_table = {
	.name = "header_value",
	.help = "A field's value. " TEMPLATE_HELP
		". Control characters in what a variable stands for are written as `%XX`.",
	.fields = value_fields,
	.size = sizeof(struct config_header_value),
	.line_offset = offsetof(struct config_header_value, line),
	.key_offset = offsetof(struct config_header_value, name),
	.key_kind = &name_kind,
	.short_form = &value_kind,
};

#define VALUES_FIELD(key, words)                                                                   \
	{                                                                                          \
		.name = #key, .help = words, .type = FIELD_MAP, .table = &header_value_table,      \
		.offset = offsetof(struct config_header_edits, key),                               \
		.count_offset = offsetof(struct config_header_edits, key##_count), .min = 1,       \
		.max = CONFIG_EDITS_MAX, .text = "none"                                            \
	}

static const struct field edits_fields[] = {
	VALUES_FIELD(set, "fields that stand there with this value alone"),
	VALUES_FIELD(add, "fields that are added to those of the same name"),
	VALUES_FIELD(append, "values that are added to the field's, behind a comma"),
	{
		.name = "remove",
		.help = "names of fields that do not go on",
		.type = FIELD_TEXTS,
		.kind = &removed_kind,
		.offset = offsetof(struct config_header_edits, remove),
		.count_offset = offsetof(struct config_header_edits, remove_count),
		.min = 1,
		.max = CONFIG_EDITS_MAX,
		.text = "none",
	},
	{ .name = NULL },
};

typedef void edit_check(struct reader *reader, const struct node *node, const char *name);

/* Every name once: what "set" and "remove" of one name should mean, nobody knows. */
static void edits_check_names(struct reader *reader, const struct node *node, edit_check *check)
{
	static const char *const kinds[] = { "set", "add", "append", "remove" };
	struct names seen = names_create(reader->arena, CONFIG_EDITS_MAX * 4);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct node *list = node_get(node, kinds[i]);
		const struct node *item = list != NULL ? list->children : NULL;

		if (list != NULL && list->count > CONFIG_EDITS_MAX)
			continue;
		for (; item != NULL; item = item->next) {
			const char *name = item->key != NULL ? item->key : node_text(item);
			char *lower;

			if (name == NULL)
				continue;
			check(reader, item, name);
			lower = arena_copy(reader->arena, name, strlen(name));
			for (char *c = lower; *c != '\0'; c++)
				*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
			names_add(&seen, lower, item, 0);
		}
	}
	if (node->count == 0)
		problem_add(&reader->problems, node, "expected any of: set, add, append, remove");
	names_check(&seen, &reader->problems, "header field");
}

static void request_headers_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	edits_check_names(reader, node, action_request_name_check);
}

static void response_headers_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	edits_check_names(reader, node, name_check);
}

const struct table request_headers_table = {
	.name = "request_headers",
	.help = "Changes to the header fields of requests on their way to the member. Names of the "
		"connection and of the framing cannot be given.",
	.fields = edits_fields,
	.check = request_headers_check,
};

const struct table response_headers_table = {
	.name = "response_headers",
	.help = "Changes to the header fields of answers on their way to the client: the member's "
		"final answers, and those of `redirect` and `respond`.",
	.fields = edits_fields,
	.check = response_headers_check,
};

static const struct field substitution_fields[] = {
	{
		.name = "match",
		.help = "Perl-compatible expression: the first place of the path that fits is "
			"replaced; a path that nothing fits in stays as it is",
		.type = FIELD_TEXT,
		.kind = &regex_kind,
		.is_required = true,
		.offset = offsetof(struct config_substitution, pattern),
	},
	{
		.name = "to",
		.help = "what stands there instead: `${1}` is the first group; " TEMPLATE_HELP,
		.type = FIELD_TEXT,
		.kind = &substitution_kind,
		.is_required = true,
		.offset = offsetof(struct config_substitution, to),
	},
	{ .name = NULL },
};

static const struct table substitution_table = {
	.name = "substitution",
	.help = "A part of the path, by an expression.",
	.fields = substitution_fields,
};

/* Keys of "rewrite", and of "redirect" with the offset of the same struct in there. */
#define REWRITE_FIELDS(base)                                                                       \
	{                                                                                          \
		.name = "host",                                                                    \
		.help = "host, with a port if need be; " TEMPLATE_HELP,                            \
		.type = FIELD_TEXT,                                                                \
		.kind = &text_template_kind,                                                       \
		.offset = (base) + offsetof(struct config_rewrite, host),                          \
	},                                                                                         \
		{                                                                                  \
			.name = "path",                                                            \
			.help = "the whole path; " TEMPLATE_HELP,                                  \
			.type = FIELD_TEXT,                                                        \
			.kind = &text_template_kind,                                               \
			.offset = (base) + offsetof(struct config_rewrite, path),                  \
		},                                                                                 \
		{                                                                                  \
			.name = "prefix",                                                          \
			.help = "instead of the prefix that the route matches",                    \
			.type = FIELD_TEXT,                                                        \
			.kind = &text_url_path,                                                    \
			.offset = (base) + offsetof(struct config_rewrite, prefix),                \
		},                                                                                 \
		{                                                                                  \
			.name = "regex",                                                           \
			.help = "a part of the path, by an expression",                            \
			.type = FIELD_OBJECT,                                                      \
			.table = &substitution_table,                                              \
			.offset = (base) + offsetof(struct config_rewrite, regex),                 \
			.text = "none",                                                            \
		},                                                                                 \
	{                                                                                          \
		.name = "query",                                                                   \
		.help = "instead of the query, without `?`; empty removes it; " TEMPLATE_HELP,     \
		.type = FIELD_TEXT, .kind = &text_template_kind,                                   \
		.offset = (base) + offsetof(struct config_rewrite, query),                         \
	}

static const struct field rewrite_fields[] = {
	REWRITE_FIELDS(0),
	{ .name = NULL },
};

/* Of the three ways to a path one at most; a prefix needs one to replace. */
static void paths_check(struct reader *reader, const struct node *node)
{
	static const char *const ways[] = { "path", "prefix", "regex" };
	const struct config_l7_route *route = reader->route;
	const struct node *first = NULL;
	bool has_prefix = route != NULL && route->path != NULL &&
		route->path_kind == CONFIG_PATH_PREFIX;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct node *way = node_get(node, ways[i]);

		if (way != NULL && first != NULL)
			problem_add_key(&reader->problems, way, "not beside \"%s\": one of the two",
				first->key);
		if (first == NULL)
			first = way;
	}
	if (node_get(node, "prefix") != NULL && !has_prefix)
		problem_add_key(&reader->problems, node_get(node, "prefix"),
			"the route matches no prefix that it could replace");
}

static void path_begin_check(struct reader *reader, const struct node *node)
{
	const struct node *path = node_get(node, "path");
	const char *text = node_text(path);

	if (text != NULL && text[0] != '/' && text[0] != '$')
		problem_add(&reader->problems, path, "a path begins with \"/\"");
}

static void rewrite_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	paths_check(reader, node);
	path_begin_check(reader, node);
	if (node->count == 0)
		problem_add(&reader->problems, node,
			"expected any of: host, path, prefix, regex, query");
}

const struct table rewrite_table = {
	.name = "rewrite",
	.help = "Changes to where a request asks to go, on its way to the member. What comes of it "
		"is normalised like a request's path; one that cannot be is answered 400.",
	.fields = rewrite_fields,
	.check = rewrite_check,
};

static const struct choice scheme_choices[] = {
	{ .name = "same", .value = CONFIG_SCHEME_SAME, .help = "as the client came" },
	{ .name = "http", .value = CONFIG_SCHEME_HTTP, .help = "plain" },
	{ .name = "https", .value = CONFIG_SCHEME_HTTPS, .help = "TLS" },
	{ .name = NULL },
};

static const struct field redirect_fields[] = {
	{
		.name = "scheme",
		.help = "scheme to go on with; a change of it leaves the port out",
		.type = FIELD_CHOICE,
		.choices = scheme_choices,
		.offset = offsetof(struct config_redirect, scheme),
		.value = CONFIG_SCHEME_SAME,
	},
	REWRITE_FIELDS(offsetof(struct config_redirect, to)),
	{
		.name = "code",
		.help = "status: 301, 302, 303, 307 or 308; 307 and 308 keep the method",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_redirect, code),
		.min = 301,
		.max = 308,
		.value = 302,
	},
	{ .name = NULL },
};

static void redirect_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_redirect *redirect = object;
	const struct node *code = node_get(node, "code");

	paths_check(reader, node);
	path_begin_check(reader, node);
	if (redirect->code > 303 && redirect->code < 307)
		problem_add(&reader->problems, code, "%u is not one of: 301, 302, 303, 307, 308",
			redirect->code);
	if (redirect->scheme == CONFIG_SCHEME_SAME &&
		node->count == (code != NULL) + (unsigned)(node_get(node, "scheme") != NULL))
		problem_add(&reader->problems, node,
			"changes nothing: clients would come back for ever");
}

const struct table redirect_table = {
	.name = "redirect",
	.help = "Sends the client elsewhere, by an absolute URL; what is not given stays as it was.",
	.fields = redirect_fields,
	.check = redirect_check,
};

static void body_set(struct reader *reader, const struct node *node, const char *text, size_t len,
	struct config_respond *respond)
{
	if (len > CONFIG_RESPOND_BYTES_MAX) {
		problem_add(&reader->problems, node, "%zu bytes are too many, at most %d fit", len,
			CONFIG_RESPOND_BYTES_MAX);
		return;
	}
	respond->body = arena_copy(reader->arena, text, len);
	respond->body_len = len;
}

static void body_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	body_set(reader, node, text, strlen(text), target);
}

static void body_file_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	const struct document *document;
	const char *path = NULL;

	text_file.read(reader, node, text, &path);
	if (path == NULL)
		return;
	document = document_load_text(
		reader->arena, &reader->documents, path, node, &reader->problems);
	if (document != NULL)
		body_set(reader, node, document->text, document->len, target);
}

static const struct text_kind body_kind = { .what = "TEXT", .read = body_read };
static const struct text_kind body_file_kind = {
	.what = "file",
	.pattern = ".",
	.read = body_file_read,
};

static void content_type_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			problem_add(&reader->problems, node,
				"expected visible ASCII, as \"text/plain\"");
			return;
		}
	}
	text_any.read(reader, node, text, target);
}

static const struct text_kind content_type_kind = {
	.what = "TYPE",
	.pattern = ".",
	.read = content_type_read,
};

static const struct field respond_fields[] = {
	{
		.name = "status",
		.help = "status of the answer",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_respond, status),
		.min = 200,
		.max = 599,
		.value = 200,
	},
	{
		.name = "content_type",
		.help = "what the body is",
		.type = FIELD_TEXT,
		.kind = &content_type_kind,
		.offset = offsetof(struct config_respond, content_type),
		.text = "text/plain; charset=utf-8",
	},
	{
		.name = "body",
		.help = "the body, as it stands here; at most 64 KB",
		.type = FIELD_TEXT,
		.kind = &body_kind,
	},
	{
		.name = "file",
		.help = "text file with the body, read when the configuration is",
		.type = FIELD_TEXT,
		.kind = &body_file_kind,
	},
	{ .name = NULL },
};

static void respond_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_respond *respond = object;
	const struct node *body = node_get(node, "body");
	const struct node *file = node_get(node, "file");
	bool is_bodyless = respond->status == 204 || respond->status == 304;

	if (body != NULL && file != NULL)
		problem_add_key(&reader->problems, file, "not beside \"body\": one of the two");
	if (is_bodyless && (body != NULL || file != NULL))
		problem_add_key(&reader->problems, body != NULL ? body : file, "a %u has no body",
			respond->status);
}

const struct table respond_table = {
	.name = "respond",
	.help = "An answer of the appliance's own; further header fields by `response_headers`.",
	.fields = respond_fields,
	.check = respond_check,
};

void actions_check(
	struct reader *reader, const struct node *node, const struct config_l7_route *route)
{
	static const char *const forwarding[] = { "rewrite", "request_headers" };
	bool is_answered = route->actions.has_redirect || route->actions.has_respond;

	for (size_t i = 0; i < sizeof(forwarding) / sizeof(forwarding[0]); i++) {
		const struct node *child = node_get(node, forwarding[i]);

		if (child != NULL && is_answered)
			problem_add_key(&reader->problems, child,
				"has no effect: the route's requests go to no member");
	}
}
