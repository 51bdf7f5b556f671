/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a service: certificates, versions, and who gets in. */
#include "conf/config.h"
#include "field.h"
#include "reader.h"
#include "text.h"

const struct choice tls_version_choices[] = {
	{ .name = "1.2", .value = TLS_1_2, .help = "TLS 1.2 and 1.3" },
	{ .name = "1.3", .value = TLS_1_3, .help = "TLS 1.3 alone" },
	{ .name = NULL },
};

const struct choice tls_max_version_choices[] = {
	{ .name = "1.2", .value = TLS_1_2, .help = "TLS 1.2 alone" },
	{ .name = "1.3", .value = TLS_1_3, .help = "TLS 1.3, and older ones by `min_version`" },
	{ .name = NULL },
};

/* Values: enum tls_suite's, in the order of our preference. */
static const struct choice cipher_choices[] = {
	{ .name = "TLS_AES_128_GCM_SHA256", .value = 1 << 0, .help = "TLS 1.3" },
	{ .name = "TLS_AES_256_GCM_SHA384", .value = 1 << 1, .help = "TLS 1.3" },
	{ .name = "TLS_CHACHA20_POLY1305_SHA256", .value = 1 << 2, .help = "TLS 1.3" },
	{ .name = "ECDHE-ECDSA-AES128-GCM-SHA256", .value = 1 << 3, .help = "TLS 1.2" },
	{ .name = "ECDHE-RSA-AES128-GCM-SHA256", .value = 1 << 4, .help = "TLS 1.2" },
	{ .name = "ECDHE-ECDSA-AES256-GCM-SHA384", .value = 1 << 5, .help = "TLS 1.2" },
	{ .name = "ECDHE-RSA-AES256-GCM-SHA384", .value = 1 << 6, .help = "TLS 1.2" },
	{ .name = "ECDHE-ECDSA-CHACHA20-POLY1305", .value = 1 << 7, .help = "TLS 1.2" },
	{ .name = "ECDHE-RSA-CHACHA20-POLY1305", .value = 1 << 8, .help = "TLS 1.2" },
	{ .name = NULL },
};

static const struct choice unknown_name_choices[] = {
	{ .name = "first", .value = 0, .help = "the first certificate answers" },
	{
		.name = "refuse",
		.value = 1,
		.help = "alert unrecognized_name; also for clients that name no host",
	},
	{ .name = NULL },
};

static const struct choice client_auth_choices[] = {
	{ .name = "none", .value = CONFIG_CLIENT_AUTH_NONE, .help = "clients are not asked" },
	{
		.name = "optional",
		.value = CONFIG_CLIENT_AUTH_OPTIONAL,
		.help = "asked, and let in without one or with one that does not hold",
	},
	{
		.name = "required",
		.value = CONFIG_CLIENT_AUTH_REQUIRED,
		.help = "asked, and refused unless it holds",
	},
	{ .name = NULL },
};

const struct choice tls_alpn_choices[] = {
	{ .name = "h2", .value = CONFIG_ALPN_H2, .help = "HTTP/2" },
	{ .name = "http/1.1", .value = CONFIG_ALPN_HTTP1, .help = "HTTP/1.1" },
	{ .name = NULL },
};

static void certificates_index(struct reader *reader)
{
	const struct config *config = reader->config;

	reader->certificates = names_create(reader->arena, config->certificate_count);
	for (unsigned i = 0; i < config->certificate_count; i++)
		names_add(&reader->certificates, config->certificates[i].name, NULL, i);
	names_sort(&reader->certificates);
}

static void certificate_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	int index;

	if (reader->certificates.items == NULL)
		certificates_index(reader);
	index = names_find(&reader->certificates, text);
	if (index >= 0)
		*(unsigned *)target = (unsigned)index;
	else
		names_report_missing(
			&reader->certificates, &reader->problems, node, "certificate", text);
}

const struct text_kind certificate_kind = {
	.what = "certificate",
	.size = sizeof(unsigned),
	.read = certificate_read,
};

/* What hosts may have of their own. base: where the policy stands; else_words: the default in
 * words. */
#define POLICY(base, member) ((base) + offsetof(struct config_tls_policy, member))
#define POLICY_FIELDS(base, else_words, all_ciphers, all_alpn)                                           \
	{                                                                                                \
		.name = "min_version",                                                                   \
		.help = "the oldest version of TLS that is spoken",                                      \
		.type = FIELD_CHOICE,                                                                    \
		.offset = POLICY(base, min_version),                                                     \
		.choices = tls_version_choices,                                                          \
		.value = TLS_1_2,                                                                        \
		.text = (else_words),                                                                    \
	},                                                                                               \
		{                                                                                        \
			.name = "max_version",                                                           \
			.help = "the newest version of TLS that is spoken",                              \
			.type = FIELD_CHOICE,                                                            \
			.offset = POLICY(base, max_version),                                             \
			.choices = tls_max_version_choices,                                              \
			.value = TLS_1_3,                                                                \
			.text = (else_words),                                                            \
		},                                                                                       \
		{                                                                                        \
			.name = "alpn",                                                                  \
			.help = "protocols that clients may choose; HTTP/2 is preferred whatever the "   \
				"order",                                                                 \
			.type = FIELD_CHOICES,                                                           \
			.offset = POLICY(base, alpn),                                                    \
			.choices = tls_alpn_choices,                                                     \
			.value = CONFIG_ALPN_HTTP1 | CONFIG_ALPN_H2,                                     \
			.text = (all_alpn),                                                              \
			.min = 1,                                                                        \
		},                                                                                       \
		{                                                                                        \
			.name = "ciphers",                                                               \
			.help = "cipher suites; the server's preference is in this order, whatever the " \
				"list's (TLS 1.3: the client's)",                                        \
			.type = FIELD_CHOICES,                                                           \
			.offset = POLICY(base, ciphers),                                                 \
			.choices = cipher_choices,                                                       \
			.value = CONFIG_CIPHERS_ALL,                                                     \
			.text = (all_ciphers),                                                           \
			.min = 1,                                                                        \
		},                                                                                       \
		{                                                                                        \
			.name = "client_certificates",                                                   \
			.help = "whether clients are asked for certificates (mutual TLS)",               \
			.type = FIELD_CHOICE,                                                            \
			.offset = POLICY(base, client_auth),                                             \
			.choices = client_auth_choices,                                                  \
			.value = CONFIG_CLIENT_AUTH_NONE,                                                \
			.text = (else_words),                                                            \
		},                                                                                       \
		{                                                                                        \
			.name = "client_ca",                                                             \
			.help = "PEM file: the authorities that may sign client certificates; relative " \
				"to the configuration's folder",                                         \
			.type = FIELD_TEXT,                                                              \
			.kind = &text_file,                                                              \
			.offset = POLICY(base, client_ca),                                               \
		},                                                                                       \
		{                                                                                        \
			.name = "client_crl",                                                            \
			.help = "PEM file: the certificates that these authorities revoked",             \
			.type = FIELD_TEXT,                                                              \
			.kind = &text_file,                                                              \
			.offset = POLICY(base, client_crl),                                              \
		},                                                                                       \
	{                                                                                                \
		.name = "client_depth",                                                                  \
		.help = "the longest chain from a client's certificate to an authority: 1 is "           \
			"without intermediates",                                                         \
		.type = FIELD_NUMBER, .offset = POLICY(base, client_depth), .min = 1, .max = 8,          \
		.value = 2, .text = (else_words),                                                        \
	}

#define AS_SERVICE "as the service has it"
static const struct field host_fields[] = {
	{
		.name = "names",
		.help = "server names that it is for: `example.com`, or `*.example.com` for names "
			"with one label more; the exact one wins",
		.type = FIELD_TEXTS,
		.kind = &text_server_name,
		.is_required = true,
		.offset = offsetof(struct config_tls_host, names),
		.count_offset = offsetof(struct config_tls_host, name_count),
		.min = 1,
	},
	POLICY_FIELDS(offsetof(struct config_tls_host, policy), AS_SERVICE, AS_SERVICE, AS_SERVICE),
	{ .name = NULL },
};

static void policy_check(
	struct reader *reader, const struct node *node, const struct config_tls_policy *policy)
{
	bool has_auth = policy->client_auth != CONFIG_CLIENT_AUTH_NONE;

	if (policy->max_version < policy->min_version)
		problem_add(&reader->problems,
			node_get(node, "max_version") != NULL ? node_get(node, "max_version")
							      : node,
			"is below min_version, which is 1.3");
	if (has_auth && policy->client_ca == NULL && node_get(node, "client_ca") == NULL)
		problem_add_missing(&reader->problems, node, "client_ca",
			"client certificates need \"client_ca\"");
	if (!has_auth && node_get(node, "client_ca") != NULL)
		problem_add_key(&reader->problems, node_get(node, "client_ca"),
			"is for services with \"client_certificates\"");
}

static const struct table host_table = {
	.name = "tls_host",
	.help = "Another policy for clients that ask for some names. Requests for a host with "
		"another policy than the connection's are answered 421.",
	.fields = host_fields,
	.size = sizeof(struct config_tls_host),
	.line_offset = offsetof(struct config_tls_host, line),
};

/* Its struct is the service itself: a flat struct is what the rest of the program reads. */
static const struct field tls_fields[] = {
	{
		.name = "certificates",
		.help = "names of `certificates`; chosen by the client's server name, the first "
			"for names that none covers",
		.type = FIELD_TEXTS,
		.kind = &certificate_kind,
		.is_required = true,
		.offset = offsetof(struct config_service, certificates),
		.count_offset = offsetof(struct config_service, certificate_count),
		.min = 1,
	},
	POLICY_FIELDS(
		offsetof(struct config_service, tls_policy), NULL, "all", "[\"h2\", \"http/1.1\"]"),
	{
		.name = "hosts",
		.help = "other versions, ciphers, protocols and client certificates for some server "
			"names",
		.type = FIELD_OBJECTS,
		.table = &host_table,
		.offset = offsetof(struct config_service, tls_hosts),
		.count_offset = offsetof(struct config_service, tls_host_count),
		.text = "[]",
	},
	{
		.name = "unknown_names",
		.help = "what clients get that name a host which no certificate has",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_service, tls_unknown_names),
		.choices = unknown_name_choices,
		.value = 0,
	},
	{
		.name = "ticket_keys",
		.help = "file of session ticket keys, which appliances of a group share; without "
			"it, the service has a key of its own, made when it is loaded first",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_service, tls_ticket_keys),
	},
	{
		.name = "key_log",
		.help = "file that gets the secrets of all sessions, for looking at captured "
			"traffic; never in production",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_service, tls_key_log),
	},
	{ .name = NULL },
};

/* What a host does not say is as the service has it. */
static void host_inherit(const struct node *node, struct config_tls_policy *own,
	const struct config_tls_policy *service)
{
	if (node_get(node, "min_version") == NULL)
		own->min_version = service->min_version;
	if (node_get(node, "max_version") == NULL)
		own->max_version = service->max_version;
	if (node_get(node, "alpn") == NULL)
		own->alpn = service->alpn;
	if (node_get(node, "ciphers") == NULL)
		own->ciphers = service->ciphers;
	if (node_get(node, "client_certificates") == NULL)
		own->client_auth = service->client_auth;
	if (node_get(node, "client_depth") == NULL)
		own->client_depth = service->client_depth;
	/* A list of revoked certificates belongs to its authorities. */
	if (node_get(node, "client_ca") == NULL) {
		own->client_ca = service->client_ca;
		if (node_get(node, "client_crl") == NULL)
			own->client_crl = service->client_crl;
	}
}

static void host_join(struct reader *reader, struct config_tls_host *host)
{
	host->joined_names = "";
	for (size_t i = 0; i < host->name_count; i++)
		if (host->names[i] != NULL)
			host->joined_names = arena_format(reader->arena, "%s%s%s",
				host->joined_names, i > 0 ? " " : "", host->names[i]);
}

static void host_names_check(
	struct reader *reader, const struct node *list, const struct config_service *service)
{
	const struct node *item = list->children;
	struct names names;
	size_t total = 0;

	for (size_t i = 0; i < service->tls_host_count; i++)
		total += service->tls_hosts[i].name_count;
	names = names_create(reader->arena, total);
	for (unsigned i = 0; item != NULL && i < service->tls_host_count; i++, item = item->next) {
		const struct config_tls_host *host = &service->tls_hosts[i];
		const struct node *texts = node_get(item, "names");
		const struct node *text = texts != NULL ? texts->children : NULL;

		for (size_t j = 0; text != NULL && j < host->name_count; j++, text = text->next)
			names_add(&names, host->names[j], text, i);
	}
	names_check(&names, &reader->problems, "server name");
}

static void hosts_check(
	struct reader *reader, const struct node *list, struct config_service *service)
{
	const struct node *item = list->children;

	for (size_t i = 0; item != NULL && i < service->tls_host_count; i++, item = item->next) {
		struct config_tls_host *host = &service->tls_hosts[i];

		host_inherit(item, &host->policy, &service->tls_policy);
		host_join(reader, host);
		policy_check(reader, item, &host->policy);
	}
	host_names_check(reader, list, service);
}

/* The object is the service: see tls_fields. */
static void tls_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_service *service = object;

	policy_check(reader, node, &service->tls_policy);
	if (service->tls_host_count > 0)
		hosts_check(reader, node_get(node, "hosts"), service);
}

const struct table tls_table = {
	.name = "tls",
	.help = "TLS toward clients; without it, the service speaks plain HTTP.",
	.fields = tls_fields,
	.check = tls_check,
};
