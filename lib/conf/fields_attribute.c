/* SPDX-License-Identifier: Apache-2.0 */
/* What requests are told apart by: "source", "path", "header:NAME", "cookie:NAME", "query:NAME". */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy.h"
#include "reader.h"
#include "text.h"

#define KEY_BYTES_MIN 16
#define KEY_BYTES_MAX 4096
#define AGE_MAX_S     31536000
#define TOKEN_MARKS   "!#$%&'*+-.^_`|~"

static const struct {
	const char *word;
	enum config_attribute_kind kind;
	bool has_name;
} words[] = {
	{ .word = "source", .kind = CONFIG_ATTRIBUTE_SOURCE },
	{ .word = "path", .kind = CONFIG_ATTRIBUTE_PATH },
	{ .word = "header", .kind = CONFIG_ATTRIBUTE_HEADER, .has_name = true },
	{ .word = "cookie", .kind = CONFIG_ATTRIBUTE_COOKIE, .has_name = true },
	{ .word = "query", .kind = CONFIG_ATTRIBUTE_QUERY, .has_name = true },
};

/* RFC 9110 5.6.2. */
static bool is_token(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr(TOKEN_MARKS, *c) == NULL)
			return false;
	}
	return text[0] != '\0';
}

static void attribute_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_attribute *attribute = target;
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != len || strncmp(words[i].word, text, len) != 0)
			continue;
		if (words[i].has_name != (text[len] == ':') ||
			(words[i].has_name && !is_token(text + len + 1)))
			break;
		attribute->kind = words[i].kind;
		if (words[i].has_name)
			attribute->name = arena_copy(
				reader->arena, text + len + 1, strlen(text + len + 1));
		return;
	}
	problem_add(&reader->problems, node,
		"expected source, path, header:NAME, cookie:NAME or query:NAME, found \"%.40s\"",
		text);
}

const struct text_kind attribute_kind = {
	.what = "source, path, header:NAME, cookie:NAME or query:NAME",
	.pattern = "^(source|path|(header|cookie|query):[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
	.read = attribute_read,
};

static void cookie_name_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (is_token(text))
		*(const char **)target = arena_copy(reader->arena, text, strlen(text));
	else
		problem_add(&reader->problems, node, "\"%.40s\" cannot be a cookie's name", text);
}

static const struct text_kind cookie_name_kind = {
	.what = "NAME",
	.pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
	.read = cookie_name_read,
};

/* RFC 6265 4.1.1: no control bytes and no semicolon. */
static void cookie_path_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	bool is_good = text[0] == '/' && strlen(text) <= 256;

	for (const char *c = text; is_good && *c != '\0'; c++)
		is_good = *c > ' ' && *c < 0x7f && *c != ';';
	if (is_good)
		*(const char **)target = arena_copy(reader->arena, text, strlen(text));
	else
		problem_add(&reader->problems, node, "\"%.40s\" cannot be a cookie's path", text);
}

static const struct text_kind cookie_path_kind = {
	.what = "path",
	.pattern = "^/[!-:<-~]*$",
	.read = cookie_path_read,
};

static void key_read(struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct hash_key *key = target;
	const char *path = NULL;
	char bytes[KEY_BYTES_MAX];
	size_t len;
	FILE *file;

	text_file.read(reader, node, text, &path);
	file = path == NULL ? NULL : fopen(path, "rb");
	if (path != NULL && file == NULL)
		problem_add(&reader->problems, node, "cannot read %s: %s", path, strerror(errno));
	if (file == NULL)
		return;
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (len < KEY_BYTES_MIN)
		problem_add(&reader->problems, node,
			"%s has %zu bytes: a key has %d random ones at least", path, len,
			KEY_BYTES_MIN);
	key->k0 = hash_bytes((struct hash_key){ .k0 = 1 }, bytes, len);
	key->k1 = hash_bytes((struct hash_key){ .k0 = 2 }, bytes, len);
}

static const struct text_kind key_kind = { .what = "file", .pattern = ".", .read = key_read };

static const struct choice secure_choices[] = {
	{ .name = "auto", .value = CONFIG_SECURE_AUTO, .help = "to clients that came over TLS" },
	{ .name = "always", .value = CONFIG_SECURE_ALWAYS, .help = "TLS ends ahead of us" },
	{ .name = "never", .value = CONFIG_SECURE_NEVER, .help = "also over plain HTTP" },
	{ .name = NULL },
};

static const struct choice same_site_choices[] = {
	{ .name = "lax", .value = CONFIG_SAME_SITE_LAX, .help = "not with other sites' forms" },
	{
		.name = "strict",
		.value = CONFIG_SAME_SITE_STRICT,
		.help = "never with requests of other sites",
	},
	{
		.name = "none",
		.value = CONFIG_SAME_SITE_NONE,
		.help = "always; browsers want Secure with it",
	},
	{ .name = NULL },
};

static void sticky_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_sticky *sticky = object;

	if (!sticky->learn.is_set) {
		if (node_get(node, "cookie") == NULL)
			problem_add_missing(&reader->problems, node, "cookie",
				"is required and missing, where there is no \"learn\"");
		if (node_get(node, "key_file") == NULL)
			problem_add_missing(&reader->problems, node, "key_file",
				"is required and missing, where there is no \"learn\"");
	}
	for (const struct node *child = node->children; sticky->learn.is_set && child != NULL;
		child = child->next) {
		if (child != node_get(node, "learn"))
			problem_add_key(&reader->problems, child,
				"is for a cookie of ours: with \"learn\" there is none");
	}
	if (sticky->same_site == CONFIG_SAME_SITE_NONE && sticky->secure == CONFIG_SECURE_NEVER)
		problem_add(&reader->problems, node_get(node, "same_site"),
			"browsers take \"none\" with Secure only");
}

static const struct field sticky_fields[] = {
	{
		.name = "cookie",
		.help = "the name of a cookie of ours",
		.type = FIELD_TEXT,
		.kind = &cookie_name_kind,
		.offset = offsetof(struct config_sticky, cookie),
	},
	{
		.name = "key_file",
		.help = "random bytes, 16 at least, that cookies are made and checked with; the same "
			"on all appliances that share clients",
		.type = FIELD_TEXT,
		.kind = &key_kind,
		.offset = offsetof(struct config_sticky, key),
	},
	{
		.name = "path",
		.help = "the cookie's path",
		.type = FIELD_TEXT,
		.kind = &cookie_path_kind,
		.offset = offsetof(struct config_sticky, path),
		.text = "/",
	},
	{
		.name = "max_age_s",
		.help = "how long browsers keep it; 0: until they end",
		.type = FIELD_NUMBER,
		.unit = "seconds",
		.offset = offsetof(struct config_sticky, max_age_s),
		.max = AGE_MAX_S,
	},
	{
		.name = "http_only",
		.help = "out of reach of scripts",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_sticky, http_only),
		.value = true,
	},
	{
		.name = "secure",
		.help = "whether browsers send it over TLS only",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_sticky, secure),
		.choices = secure_choices,
		.value = CONFIG_SECURE_AUTO,
	},
	{
		.name = "same_site",
		.help = "whether browsers send it with requests that come from other sites",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_sticky, same_site),
		.choices = same_site_choices,
		.value = CONFIG_SAME_SITE_LAX,
	},
	{
		.name = "learn",
		.help = "instead of a cookie of ours: sessions of the application's own",
		.type = FIELD_OBJECT,
		.text = "nothing is learned",
		.table = &learn_table,
		.offset = offsetof(struct config_sticky, learn),
		.has_offset = offsetof(struct config_sticky, learn.is_set),
	},
	{ .name = NULL },
};

const struct table sticky_table = {
	.name = "sticky",
	.help = "Requests of a session come back to its member. Either by a cookie of ours, which "
		"the first answer brings: it is encrypted and signed, so that it tells nothing and "
		"nobody can make one. Or by what the application tells sessions apart by, with "
		"`learn`.",
	.fields = sticky_fields,
	.check = sticky_check,
};
