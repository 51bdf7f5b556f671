/* SPDX-License-Identifier: Apache-2.0 */
/* TLS toward the members of a pool. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "conf/config.h"
#include "field.h"
#include "reader.h"
#include "text.h"

#define NAME_MAX_LEN 253 /* RFC 1035 2.3.4, as text */

static void server_name_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	size_t len = strlen(text);
	bool is_name = len > 0 && len <= NAME_MAX_LEN;

	for (size_t i = 0; i < len; i++)
		is_name &= isalnum((unsigned char)text[i]) || strchr("-._", text[i]) != NULL;
	if (is_name)
		*(const char **)target = arena_copy(reader->arena, text, len);
	else
		problem_add(&reader->problems, node, "\"%s\" is no host name", text);
}

static const struct text_kind server_name_kind = {
	.what = "host name",
	.pattern = "^[A-Za-z0-9._-]{1,253}$",
	.read = server_name_read,
};

static const struct field pool_tls_fields[] = {
	{
		.name = "verify",
		.help = "whether a member's certificate has to be signed by `ca`, in force, and of "
			"`server_name`; false: whoever answers at the address is trusted",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_pool_tls, verify),
		.value = true,
	},
	{
		.name = "ca",
		.help = "PEM file: the authorities that may sign certificates of members; relative "
			"to the configuration's folder; needed by `verify`",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_pool_tls, ca),
	},
	{
		.name = "server_name",
		.help = "sent to members as the name that is asked for (SNI), and what their "
			"certificates are for; needed by `verify`",
		.type = FIELD_TEXT,
		.kind = &server_name_kind,
		.offset = offsetof(struct config_pool_tls, server_name),
	},
	{
		.name = "certificate",
		.help = "name of one of `certificates`, for members that ask for one (mutual TLS)",
		.type = FIELD_TEXT,
		.kind = &certificate_kind,
		.offset = offsetof(struct config_pool_tls, certificate),
	},
	{
		.name = "alpn",
		.help = "protocols that members may choose, HTTP/2 first; without it, the pool's "
			"`protocol` alone",
		.type = FIELD_CHOICES,
		.offset = offsetof(struct config_pool_tls, alpn),
		.choices = tls_alpn_choices,
		.text = "what `protocol` says",
		.min = 1,
	},
	{
		.name = "min_version",
		.help = "the oldest version of TLS that is spoken",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_pool_tls, min_version),
		.choices = tls_version_choices,
		.value = TLS_1_2,
	},
	{
		.name = "max_version",
		.help = "the newest version of TLS that is spoken",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_pool_tls, max_version),
		.choices = tls_max_version_choices,
		.value = TLS_1_3,
	},
	{ .name = NULL },
};

static void check(struct reader *reader, const struct node *node, void *object)
{
	static const char *const needed[] = { "ca", "server_name" };
	struct config_pool_tls *tls = object;

	if (node_get(node, "certificate") == NULL)
		tls->certificate = UINT_MAX;
	if (tls->max_version < tls->min_version)
		problem_add(&reader->problems, node_get(node, "max_version"),
			"is below min_version, which is 1.3");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && tls->verify; i++)
		if (node_get(node, needed[i]) == NULL)
			problem_add_missing(&reader->problems, node, needed[i],
				"\"verify\" needs \"ca\" and \"server_name\"");
	if (!tls->verify && node_get(node, "ca") != NULL)
		problem_add_key(&reader->problems, node_get(node, "ca"),
			"has no effect without \"verify\"");
}

const struct table pool_tls_table = {
	.name = "pool_tls",
	.help = "TLS toward the members of a pool.",
	.fields = pool_tls_fields,
	.check = check,
};

void pool_tls_check(struct reader *reader, const struct node *node, struct config_pool *pool)
{
	bool is_h2 = pool->protocol == CONFIG_PROTOCOL_H2;

	if (!pool->has_tls)
		return;
	if (pool->tls.alpn == 0) {
		pool->tls.alpn = is_h2 ? CONFIG_ALPN_H2 : CONFIG_ALPN_HTTP1;
		return;
	}
	if (node_get(node, "protocol") != NULL)
		problem_add_key(&reader->problems, node_get(node, "protocol"),
			"is said by \"alpn\" of \"tls\" already");
	if (pool->tls.alpn == CONFIG_ALPN_HTTP1)
		pool->protocol = CONFIG_PROTOCOL_H1;
	else if (pool->tls.alpn == CONFIG_ALPN_H2)
		pool->protocol = CONFIG_PROTOCOL_H2;
	else
		pool->protocol = CONFIG_PROTOCOL_ALPN;
}
