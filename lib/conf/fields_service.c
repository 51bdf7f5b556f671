/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what is served at which address, protocol and port. */
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "balance.h"
#include "forward.h"
#include "guard.h"
#include "reader.h"
#include "route.h"
#include "suggest.h"
#include "text.h"

#define TIMEOUT_MAX_MS 86400000
#define LISTEN_MAX     128
#define TLS_1_2        0x0303
#define TLS_1_3        0x0304

static const struct choice mode_choices[] = {
	{
		.name = "l4",
		.value = CONFIG_MODE_L4,
		.help = "packets and connections are passed on as they are",
	},
	{ .name = "l7", .value = CONFIG_MODE_L7, .help = "requests of HTTP are passed on" },
	{ .name = NULL },
};

static const struct choice version_choices[] = {
	{ .name = "1.2", .value = TLS_1_2, .help = "TLS 1.2 and 1.3" },
	{ .name = "1.3", .value = TLS_1_3, .help = "TLS 1.3 alone" },
	{ .name = NULL },
};

static const struct choice max_version_choices[] = {
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

static const struct choice alpn_choices[] = {
	{ .name = "http/1.1", .value = CONFIG_ALPN_HTTP1, .help = "HTTP/1.1" },
	{ .name = NULL },
};

static void protocol_report(struct reader *reader, const struct node *node, const char *protocol)
{
	struct suggestion suggestion = { .wanted = protocol };
	char words[SUGGESTION_MAX];

	suggestion_offer(&suggestion, "tcp");
	suggestion_offer(&suggestion, "udp");
	problem_add(&reader->problems, node, "protocol \"%.20s\" is not one of: tcp, udp%s",
		protocol, suggestion_format(&suggestion, words));
}

static void listen_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_service *service = target;
	const char *slash = strrchr(text, '/');
	char endpoint[LISTEN_MAX];
	struct ip_addr addr;
	uint16_t port;

	if (slash == NULL || slash - text >= LISTEN_MAX) {
		problem_add(&reader->problems, node,
			"expected ADDRESS:PORT/tcp or ADDRESS:PORT/udp, found \"%.60s\"", text);
		return;
	}
	if (strcmp(slash, "/tcp") == 0)
		service->protocol = IPPROTO_TCP;
	else if (strcmp(slash, "/udp") == 0)
		service->protocol = IPPROTO_UDP;
	else
		protocol_report(reader, node, slash + 1);
	snprintf(endpoint, sizeof(endpoint), "%.*s", (int)(slash - text), text);
	if (!text_endpoint_read(reader, node, endpoint, &addr, &port))
		return;
	service->address = addr;
	service->port = port;
}

static const struct text_kind listen_kind = {
	.what = "ADDRESS:PORT/tcp or ADDRESS:PORT/udp",
	.pattern = "^([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}/(tcp|udp)$",
	.read = listen_read,
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

static const struct text_kind certificate_kind = {
	.what = "certificate",
	.size = sizeof(unsigned),
	.read = certificate_read,
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
	{
		.name = "min_version",
		.help = "the oldest version of TLS that is spoken",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_service, tls_min_version),
		.choices = version_choices,
		.value = TLS_1_2,
	},
	{
		.name = "alpn",
		.help = "protocols that are offered to clients",
		.type = FIELD_CHOICES,
		.offset = offsetof(struct config_service, tls_alpn),
		.choices = alpn_choices,
		.value = CONFIG_ALPN_HTTP1,
		.text = "[\"http/1.1\"]",
		.min = 1,
	},
	{
		.name = "max_version",
		.help = "the newest version of TLS that is spoken",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_service, tls_max_version),
		.choices = max_version_choices,
		.value = TLS_1_3,
	},
	{
		.name = "ciphers",
		.help = "cipher suites; the server's preference is in this order, whatever the "
			"list's (TLS 1.3: the client's)",
		.type = FIELD_CHOICES,
		.offset = offsetof(struct config_service, tls_ciphers),
		.choices = cipher_choices,
		.value = CONFIG_CIPHERS_ALL,
		.text = "all",
		.min = 1,
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
		.name = "client_certificates",
		.help = "whether clients are asked for certificates (mutual TLS)",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_service, tls_client_auth),
		.choices = client_auth_choices,
		.value = CONFIG_CLIENT_AUTH_NONE,
	},
	{
		.name = "client_ca",
		.help = "PEM file: the authorities that may sign client certificates; relative to "
			"the configuration's folder",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_service, tls_client_ca),
	},
	{
		.name = "client_crl",
		.help = "PEM file: the certificates that these authorities revoked",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_service, tls_client_crl),
	},
	{
		.name = "client_depth",
		.help = "the longest chain from a client's certificate to an authority: 1 is "
			"without intermediates",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_service, tls_client_depth),
		.min = 1,
		.max = 8,
		.value = 2,
	},
	{
		.name = "ticket_keys",
		.help = "file of session ticket keys, which appliances of a group share; without "
			"it, a key is made at each load",
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

/* The object is the service: see tls_fields. */
static void tls_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_service *service = object;
	bool has_auth = service->tls_client_auth != CONFIG_CLIENT_AUTH_NONE;

	if (service->tls_max_version < service->tls_min_version)
		problem_add(&reader->problems, node_get(node, "max_version"),
			"is below min_version, which is 1.3");
	if (has_auth && node_get(node, "client_ca") == NULL)
		problem_add_missing(&reader->problems, node, "client_ca",
			"client certificates need \"client_ca\"");
	if (!has_auth && node_get(node, "client_ca") != NULL)
		problem_add_key(&reader->problems, node_get(node, "client_ca"),
			"is for services with \"client_certificates\"");
}

static const struct table tls_table = {
	.name = "tls",
	.help = "TLS toward clients; without it, the service speaks plain HTTP.",
	.fields = tls_fields,
	.check = tls_check,
};

static const struct field http_fields[] = {
	{
		.name = "header_timeout_ms",
		.help = "for the whole head of a request, however slowly it drips",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_http_limits, header_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 10000,
	},
	{
		.name = "idle_timeout_ms",
		.help = "how long a client may wait between requests",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_http_limits, idle_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 60000,
	},
	{
		.name = "body_timeout_ms",
		.help = "how long a body may make no progress",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_http_limits, body_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 30000,
	},
	{
		.name = "max_header_bytes",
		.help = "the whole head of a request; more is answered with 431",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_http_limits, max_header_bytes),
		.min = 1024,
		.max = 1048576,
		.value = 16384,
	},
	{
		.name = "max_header_fields",
		.help = "header fields of a request; more are answered with 431",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_http_limits, max_header_fields),
		.min = 8,
		.max = 4096,
		.value = 100,
	},
	{
		.name = "max_target_bytes",
		.help = "the request's target; a longer one is answered with 414",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_http_limits, max_target_bytes),
		.min = 64,
		.max = 1048576,
		.value = 8192,
	},
	{
		.name = "max_body_bytes",
		.help = "a request's body; a longer one is answered with 413; 0: no limit",
		.type = FIELD_NUMBER64,
		.unit = "bytes",
		.offset = offsetof(struct config_http_limits, max_body_bytes),
		.max = INT64_MAX,
	},
	{ .name = NULL },
};

static const struct table http_table = {
	.name = "http",
	.help = "Limits on what clients send.",
	.fields = http_fields,
};

/* A key that means nothing in this mode is a misunderstanding, not a wish to be ignored. */
static void only_check(struct reader *reader, const struct node *node, const struct field *fields,
	const char *mode)
{
	for (const struct field *field = fields; field->name != NULL; field++) {
		const struct node *child = node_get(node, field->name);

		if (child != NULL && field->only != NULL && strcmp(field->only, mode) != 0)
			problem_add_key(&reader->problems, child,
				"is for services of mode \"%s\" only", field->only);
	}
}

static void l7_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	if (service->protocol == IPPROTO_UDP)
		problem_add(&reader->problems, node_get(node, "listen"),
			"a service of mode \"l7\" listens on tcp");
	if (node_get(node, "routes") == NULL && node_get(node, "pool") == NULL)
		problem_add_missing(&reader->problems, node, "routes",
			"a service of mode \"l7\" needs \"routes\", a \"pool\", or both");
	if (service->route_count > 0 && json_is_array(node_get(node, "routes")->json))
		l7_routes_check(reader, node_get(node, "routes"), service);
}

static void l4_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	if (node_get(node, "pool") == NULL)
		problem_add_missing(
			&reader->problems, node, "pool", "a service of mode \"l4\" needs a pool");
	forward_check(reader, node, service);
	balance_check(reader, node, service);
}

static void service_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_service *service = object;
	const struct node *mode = node_get(node, "mode");

	guard_service_check(reader, node, service);
	if (mode == NULL || (!node_is_text(mode, "l4") && !node_is_text(mode, "l7")))
		return;
	only_check(reader, node, service_table.fields, node_text(mode));
	if (service->mode == CONFIG_MODE_L7)
		l7_check(reader, node, service);
	else
		l4_check(reader, node, service);
}

static const struct field service_fields[] = {
	{
		.name = "name",
		.help = "how statistics and logs call it",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.is_required = true,
		.offset = offsetof(struct config_service, name),
	},
	{
		.name = "listen",
		.help = "virtual address, port and protocol; IPv6 as `[2001:db8::1]:443/tcp`",
		.type = FIELD_TEXT,
		.kind = &listen_kind,
		.is_required = true,
	},
	{
		.name = "mode",
		.help = "what is balanced",
		.type = FIELD_CHOICE,
		.is_required = true,
		.offset = offsetof(struct config_service, mode),
		.choices = mode_choices,
		.value = CONFIG_MODE_L4,
	},
	{
		.name = "pool",
		.help = "name of one of `pools`; l7: for requests that no route takes",
		.type = FIELD_TEXT,
		.kind = &pool_kind,
		.offset = offsetof(struct config_service, pool),
		.text = "",
	},
	{
		.name = "forward",
		.help = "how packets reach the members",
		.type = FIELD_CHOICE,
		.only = "l4",
		.offset = offsetof(struct config_service, forward),
		.choices = forward_choices,
		.value = CONFIG_FORWARD_FULL_NAT,
	},
	{
		.name = "hash",
		.help = "what decides over the member",
		.type = FIELD_CHOICE,
		.only = "l4",
		.offset = offsetof(struct config_service, hash),
		.choices = hash_choices,
		.value = CONFIG_HASH_FIVE_TUPLE,
	},
	{
		.name = "stateless",
		.help = "keep no connection table: every packet asks Maglev; for dsr modes",
		.type = FIELD_BOOL,
		.only = "l4",
		.offset = offsetof(struct config_service, is_stateless),
	},
	{
		.name = "oversize",
		.help = "packets that do not fit the way to their receiver and may be fragmented; "
			"others are answered by ICMP with the MTU that would fit",
		.type = FIELD_CHOICE,
		.only = "l4",
		.offset = offsetof(struct config_service, oversize),
		.choices = oversize_choices,
		.value = CONFIG_OVERSIZE_FRAGMENT,
	},
	{
		.name = "gue_variant",
		.help = "dsr-gue: 0 puts a GUE header of 4 bytes behind the UDP header, 1 nothing",
		.type = FIELD_NUMBER,
		.only = "l4",
		.offset = offsetof(struct config_service, gue_variant),
		.max = 1,
	},
	{
		.name = "gue_port",
		.help = "dsr-gue: UDP port on which the members take packets",
		.type = FIELD_NUMBER,
		.only = "l4",
		.offset = offsetof(struct config_service, gue_port),
		.min = 1,
		.max = 65535,
		.value = 6080,
	},
	{
		.name = "outer_source",
		.help = "dsr-ipip, dsr-gue: source addresses of the tunnel's packets, one per flow, "
			"as a network; by default the local address toward the member",
		.type = FIELD_TEXT,
		.kind = &outer_source_kind,
		.only = "l4",
		.offset = offsetof(struct config_service, outer_source),
		.text = "",
	},
	{
		.name = "affinity",
		.help = "clients keep their member for a time",
		.type = FIELD_OBJECT,
		.text = "no affinity",
		.only = "l4",
		.table = &affinity_table,
		.offset = offsetof(struct config_service, affinity),
	},
	{
		.name = "quic",
		.help = "for `hash` by `quic-cid`",
		.type = FIELD_OBJECT,
		.text = "none",
		.only = "l4",
		.table = &quic_table,
		.offset = offsetof(struct config_service, quic),
	},
	{
		.name = "tcp_idle_timeout_ms",
		.help = "an established TCP connection without packets is forgotten",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.only = "l4",
		.offset = offsetof(struct config_service, tcp_idle_timeout_ms),
		.min = 1000,
		.max = TIMEOUT_MAX_MS,
		.value = 900000,
	},
	{
		.name = "udp_idle_timeout_ms",
		.help = "a UDP flow without packets is forgotten",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.only = "l4",
		.offset = offsetof(struct config_service, udp_idle_timeout_ms),
		.min = 1000,
		.max = TIMEOUT_MAX_MS,
		.value = 30000,
	},
	{
		.name = "tls",
		.help = "TLS toward clients",
		.type = FIELD_OBJECT,
		.text = "no TLS",
		.only = "l7",
		.table = &tls_table,
		.has_offset = offsetof(struct config_service, is_tls),
	},
	{
		.name = "routes",
		.help = "which request goes to which pool: a list, or the name of a file with "
			"`{\"routes\": [...]}`, relative to the configuration's folder",
		.type = FIELD_OBJECTS,
		.only = "l7",
		.kind = &routes_file_kind,
		.table = &l7_route_table,
		.offset = offsetof(struct config_service, routes),
		.count_offset = offsetof(struct config_service, route_count),
		.text = "[]",
	},
	{
		.name = "http",
		.help = "limits on what clients send",
		.type = FIELD_OBJECT,
		.only = "l7",
		.table = &http_table,
		.offset = offsetof(struct config_service, http),
	},
	{
		.name = "trust_forwarded",
		.help = "keep the client's X-Forwarded-* headers; only behind a proxy of yours",
		.type = FIELD_BOOL,
		.only = "l7",
		.offset = offsetof(struct config_service, trust_forwarded),
	},
	{
		.name = "acl",
		.help = "which clients may come",
		.type = FIELD_OBJECT,
		.table = &acl_table,
		.offset = offsetof(struct config_service, acl),
	},
	{
		.name = "limits",
		.help = "how much is taken in",
		.type = FIELD_OBJECT,
		.table = &limits_table,
		.offset = offsetof(struct config_service, limits),
	},
	{ .name = NULL },
};

const struct table service_table = {
	.name = "service",
	.help = "What is served at an address, protocol and port.",
	.fields = service_fields,
	.size = sizeof(struct config_service),
	.line_offset = offsetof(struct config_service, line),
	.check = service_check,
};
