/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what is served at which address, protocol and port. */
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "actions.h"
#include "balance.h"
#include "forward.h"
#include "guard.h"
#include "listen.h"
#include "passthrough.h"
#include "proxy.h"
#include "reader.h"
#include "route.h"
#include "text.h"

#define TIMEOUT_MAX_MS 86400000

const struct choice service_mode_choices[] = {
	{
		.name = "l4",
		.value = CONFIG_MODE_L4,
		.help = "packets and connections are passed on as they are",
	},
	{ .name = "l7", .value = CONFIG_MODE_L7, .help = "requests of HTTP are passed on" },
	{
		.name = "tls-passthrough",
		.value = CONFIG_MODE_TLS_PASSTHROUGH,
		.help = "connections of TLS are passed on, by what their ClientHello asks for; "
			"they stay encrypted",
	},
	{
		.name = "tcp",
		.value = CONFIG_MODE_TCP,
		.help = "connections end here and are passed on, whatever they carry; as with l7, "
			"clients and members need no route to each other",
	},
	{ .name = NULL },
};

const char *config_mode_name(enum config_mode mode)
{
	const struct choice *choice = service_mode_choices;

	while (choice->name != NULL && choice->value != (unsigned)mode)
		choice++;
	return choice->name;
}

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

		if (child != NULL && !field_is_for(field, mode))
			problem_add_key(&reader->problems, child,
				"is for services of mode \"%s\" only", field->only);
	}
}

/* A connection of our own goes to a port that somebody has named. */
static void pool_ports_check(struct reader *reader, const struct node *node, unsigned index)
{
	const struct config_pool *pool;

	if (index >= reader->config->pool_count)
		return;
	pool = &reader->config->pools[index];
	for (size_t i = 0; i < pool->member_count; i++) {
		const struct config_member *member = &pool->members[i];

		if (member->port != 0 || !text_is_read(&member->address))
			continue;
		problem_add(&reader->problems, node,
			"member %s of pool \"%s\" has port 0, which keeps the client's: that is for "
			"services of mode \"l4\" only",
			member->name, pool->name);
		return;
	}
}

static void l7_pools_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct node *routes = node_get(node, "routes");

	if (node_get(node, "pool") != NULL)
		pool_ports_check(reader, node_get(node, "pool"), service->pool);
	for (size_t i = 0; i < service->route_count; i++)
		pool_ports_check(reader, routes, service->routes[i].pool);
}

static void l7_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const char *mode = config_mode_name(service->mode);

	if (service->protocol == IPPROTO_UDP || service->protocol == IPPROTO_SCTP)
		problem_add(&reader->problems, node_get(node, "listen"),
			"a service of mode \"%s\" listens on tcp", mode);
	if (service->port != service->port_max)
		problem_add(&reader->problems, node_get(node, "listen"),
			"a service of mode \"%s\" listens on one port", mode);
	l7_pools_check(reader, node, service);
	if (node_get(node, "routes") == NULL && node_get(node, "pool") == NULL)
		problem_add_missing(&reader->problems, node, "routes",
			"a service of mode \"%s\" needs \"routes\", a \"pool\", or both", mode);
	if (service->route_count > 0 && json_is_array(node_get(node, "routes")->json))
		l7_routes_check(reader, node_get(node, "routes"), service);
	if (config_mode_is_raw(service->mode))
		raw_pools_check(reader, node, service);
	identify_routes_check(reader, node, service);
}

static void l4_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	if (node_get(node, "pool") == NULL)
		problem_add_missing(
			&reader->problems, node, "pool", "a service of mode \"l4\" needs a pool");
	forward_check(reader, node, service);
	proxy_check(reader, node, service);
	balance_check(reader, node, service);
}

static void service_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_service *service = object;
	const struct node *mode = node_get(node, "mode");

	guard_service_check(reader, node, service);
	if (mode == NULL || !node_is_text(mode, config_mode_name(service->mode)))
		return;
	only_check(reader, node, service_table.fields, node_text(mode));
	if (config_mode_is_l7(service->mode))
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
		.help = "virtual address, port and protocol (tcp, udp, sctp); IPv6 as "
			"`[2001:db8::1]:443/tcp`; l4: a range of ports as "
			"`192.0.2.100:5000-5999/udp`, or port 0 for all that no other service of the "
			"address has",
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
		.choices = service_mode_choices,
		.value = CONFIG_MODE_L4,
	},
	{
		.name = "pool",
		.help = "name of one of `pools`; l7: for requests that no route takes; "
			"tls-passthrough, tcp: for such connections",
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
		.name = "sctp_idle_timeout_ms",
		.help = "an established SCTP association without packets is forgotten",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.only = "l4",
		.offset = offsetof(struct config_service, sctp_idle_timeout_ms),
		.min = 1000,
		.max = TIMEOUT_MAX_MS,
		.value = 900000,
	},
	{
		.name = "syn_proxy",
		.help = "full-nat, tcp: answer SYNs here, by SYN cookies, so that members and the "
			"table of connections meet only clients that answer",
		.type = FIELD_OBJECT,
		.only = "l4",
		.table = &syn_proxy_table,
		.offset = offsetof(struct config_service, syn_proxy),
	},
	{
		.name = "client_address",
		.help = "full-nat, tcp: how members, who see one of our addresses, are told of the "
			"client's",
		.type = FIELD_CHOICE,
		.only = "l4",
		.offset = offsetof(struct config_service, client_address),
		.choices = client_address_choices,
		.value = CONFIG_CLIENT_ADDRESS_NONE,
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
		.only = "l7, tls-passthrough, tcp",
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
		.name = "h2",
		.help = "limits on what clients do with HTTP/2",
		.type = FIELD_OBJECT,
		.only = "l7",
		.table = &h2_table,
		.offset = offsetof(struct config_service, h2),
	},
	{
		.name = "tunnels",
		.help = "WebSocket",
		.type = FIELD_OBJECT,
		.only = "l7",
		.table = &tunnel_table,
		.offset = offsetof(struct config_service, tunnels),
	},
	{
		.name = "json_body",
		.help = "how bodies are read that routes match by `json`",
		.type = FIELD_OBJECT,
		.only = "l7",
		.table = &json_body_table,
		.offset = offsetof(struct config_service, json_body),
	},
	{
		.name = "prior_knowledge",
		.help = "without TLS: speak HTTP/2 to clients that begin with it",
		.type = FIELD_BOOL,
		.only = "l7",
		.offset = offsetof(struct config_service, prior_knowledge),
		.value = true,
	},
	{
		.name = "trust_forwarded",
		.help = "keep the client's X-Forwarded-* headers; only behind a proxy of yours",
		.type = FIELD_BOOL,
		.only = "l7",
		.offset = offsetof(struct config_service, trust_forwarded),
	},
	{
		.name = "accept_proxy",
		.help = "take the client's address from the PROXY protocol",
		.type = FIELD_OBJECT,
		.text = "no header is looked for",
		.only = "l7, tls-passthrough, tcp",
		.table = &accept_proxy_table,
		.offset = offsetof(struct config_service, accept_proxy),
	},
	{
		.name = "passthrough",
		.help = "how connections are passed on",
		.type = FIELD_OBJECT,
		.only = "tls-passthrough, tcp",
		.table = &passthrough_table,
		.offset = offsetof(struct config_service, passthrough),
	},
	{
		.name = "request_id",
		.help = "an id for each request",
		.type = FIELD_OBJECT,
		.text = "none",
		.only = "l7",
		.table = &request_id_table,
		.offset = offsetof(struct config_service, request_id),
	},
	{
		.name = "trace_context",
		.help = "what becomes of W3C's `traceparent` and `tracestate`",
		.type = FIELD_CHOICE,
		.only = "l7",
		.offset = offsetof(struct config_service, trace_context),
		.choices = trace_context_choices,
		.value = CONFIG_TRACE_CONTEXT_PASS,
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
