/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, their members and their health checks. */
#include <stdio.h>
#include <string.h>

#include "balance.h"
#include "policy.h"
#include "proxy.h"
#include "reader.h"
#include "text.h"

#define WEIGHT_MAX     256
#define TIMEOUT_MAX_MS 86400000
#define STATUS_MIN     100
#define STATUS_MAX     599

static void endpoint_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_member *member = target;
	const char *colon = strrchr(text, ':');
	bool keeps_port = colon != NULL && strcmp(colon, ":0") == 0;
	struct ip_addr addr;
	uint16_t port;

	/* A stand-in for the port that is none makes it an endpoint like the others. */
	if (keeps_port)
		text = arena_format(reader->arena, "%.*s:1", (int)(colon - text), text);
	if (!text_endpoint_read(reader, node, text, &addr, &port))
		return;
	member->address = addr;
	member->port = keeps_port ? 0 : port;
}

static const struct text_kind endpoint_kind = {
	.what = "ADDRESS:PORT",
	.pattern = "^([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}$",
	.read = endpoint_read,
};

static const struct field member_fields[] = {
	{
		.name = "address",
		.help = "where it listens; IPv6 as `[2001:db8::1]:80`; l4: port 0 keeps the port "
			"that the client's packet is for",
		.type = FIELD_TEXT,
		.kind = &endpoint_kind,
		.is_required = true,
	},
	{
		.name = "weight",
		.help = "its share beside the others; 0 drains it",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_member, weight),
		.max = WEIGHT_MAX,
		.value = 1,
	},
	{
		.name = "name",
		.help = "how statistics and commands call it; without it, its address and port",
		.type = FIELD_TEXT,
		.kind = &text_member_name,
		.offset = offsetof(struct config_member, name),
	},
	{
		.name = "tier",
		.help = "members of a higher tier get nothing while enough of the lower ones are "
			"usable: near and far ones, or spares",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_member, tier),
		.max = 15,
	},
	{
		.name = "quic_server_id",
		.help = "what connection IDs of QUIC call it, for services that `hash` by "
			"`quic-cid`: 1 to 15 bytes in hexadecimal",
		.type = FIELD_TEXT,
		.kind = &quic_id_kind,
		.offset = offsetof(struct config_member, quic_id),
	},
	{ .name = NULL },
};

static const struct table member_table = {
	.name = "member",
	.help = "A server of a pool. `\"ADDRESS:PORT\"` is short for "
		"`{\"address\": \"ADDRESS:PORT\"}`.",
	.fields = member_fields,
	.size = sizeof(struct config_member),
	.line_offset = offsetof(struct config_member, line),
	.short_form = &endpoint_kind,
};

static const struct choice health_choices[] = {
	{ .name = "none", .value = CONFIG_HEALTH_NONE, .help = "members count as alive" },
	{ .name = "tcp", .value = CONFIG_HEALTH_TCP, .help = "a connection opens" },
	{
		.name = "http",
		.value = CONFIG_HEALTH_HTTP,
		.help = "a GET over HTTP/1.1 is answered as expected; over TLS where the pool has "
			"`tls`",
	},
	{
		.name = "tls",
		.value = CONFIG_HEALTH_TLS,
		.help = "a TLS handshake is done, as the pool's `tls` wants it",
	},
	{
		.name = "grpc",
		.value = CONFIG_HEALTH_GRPC,
		.help = "grpc.health.v1 says that `service` is SERVING; over TLS where the pool has "
			"`tls`",
	},
	{ .name = NULL },
};

/* A probe must end before the next: a time-out that nobody set gives way, one that is set cannot.
 */
static void health_check(struct reader *reader, const struct node *node, void *object)
{
	static const struct {
		const char *key;
		bool is_of_http, is_of_grpc;
		const char *types;
	} owned[] = {
		{ "path", true, false, "\"http\"" },
		{ "host", true, true, "\"http\" or \"grpc\"" },
		{ "expect", true, false, "\"http\"" },
		{ "service", false, true, "\"grpc\"" },
	};
	struct config_health_check *health = object;
	const struct node *timeout = node_get(node, "timeout_ms");

	if (health->timeout_ms > health->interval_ms && timeout != NULL)
		problem_add(&reader->problems, timeout,
			"%u is longer than interval_ms (%u): a probe must end before the next",
			health->timeout_ms, health->interval_ms);
	else if (health->timeout_ms > health->interval_ms)
		health->timeout_ms = health->interval_ms;
	if (health->expect != 0 && health->expect < STATUS_MIN)
		problem_add(&reader->problems, node_get(node, "expect"),
			"%u is no status (0, %d-%d)", health->expect, STATUS_MIN, STATUS_MAX);
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		const struct node *child = node_get(node, owned[i].key);
		bool is_of_type = (health->type == CONFIG_HEALTH_HTTP && owned[i].is_of_http) ||
			(health->type == CONFIG_HEALTH_GRPC && owned[i].is_of_grpc);

		if (child != NULL && health->type != CONFIG_HEALTH_NONE && !is_of_type)
			problem_add_key(&reader->problems, child, "is for checks of type %s only",
				owned[i].types);
	}
}

static const struct field health_fields[] = {
	{
		.name = "type",
		.help = "what a probe is",
		.type = FIELD_CHOICE,
		.is_required = true,
		.offset = offsetof(struct config_health_check, type),
		.choices = health_choices,
		.value = CONFIG_HEALTH_NONE,
	},
	{
		.name = "interval_ms",
		.help = "from one probe of a member to the next",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_health_check, interval_ms),
		.min = 10,
		.max = TIMEOUT_MAX_MS,
		.value = 2000,
	},
	{
		.name = "timeout_ms",
		.help = "a probe that takes longer has failed; at most `interval_ms`, which also "
			"lowers the default",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_health_check, timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 1000,
	},
	{
		.name = "rise",
		.help = "successes in a row that bring a member back",
		.type = FIELD_NUMBER,
		.unit = "probes",
		.offset = offsetof(struct config_health_check, rise),
		.min = 1,
		.max = 100,
		.value = 2,
	},
	{
		.name = "fall",
		.help = "failures in a row that take a member out",
		.type = FIELD_NUMBER,
		.unit = "probes",
		.offset = offsetof(struct config_health_check, fall),
		.min = 1,
		.max = 100,
		.value = 3,
	},
	{
		.name = "path",
		.help = "http: the path to get",
		.type = FIELD_TEXT,
		.kind = &text_request_path,
		.offset = offsetof(struct config_health_check, path),
		.text = "/",
	},
	{
		.name = "host",
		.help = "http, grpc: the Host header; without it, the member's address and port",
		.type = FIELD_TEXT,
		.kind = &text_header_host,
		.offset = offsetof(struct config_health_check, host),
	},
	{
		.name = "expect",
		.help = "http: the status that is a success; 0: any of 200 to 399",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_health_check, expect),
		.max = STATUS_MAX,
		.value = 200,
	},
	{
		.name = "service",
		.help = "grpc: the service that is asked about; empty: the whole server",
		.type = FIELD_TEXT,
		.kind = &text_may_be_empty,
		.offset = offsetof(struct config_health_check, service),
		.text = "",
	},
	{ .name = NULL },
};

static const struct table health_table = {
	.name = "health",
	.help = "How the appliance tells whether a member is alive.",
	.fields = health_fields,
	.check = health_check,
};

/* A member without a name goes by its address: nobody else may go by it. */
static void member_names_check(
	struct reader *reader, const struct names *names, const struct names *endpoints)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->items[i];
		int owner = names_find(endpoints, name->text);

		if (owner >= 0 && (unsigned)owner != name->index)
			problem_add(&reader->problems, name->node,
				"member name %s is another member's address", name->text);
	}
}

/* Names members that have none, and finds those that are there twice. */
static void members_check(struct reader *reader, const struct node *list, struct config_pool *pool)
{
	struct names endpoints = names_create(reader->arena, pool->member_count);
	struct names names = names_create(reader->arena, pool->member_count);
	const struct node *node = list->children;
	bool is_complete = true;
	unsigned weights = 0;

	for (unsigned i = 0; i < pool->member_count; i++, node = node->next) {
		struct config_member *member = &pool->members[i];
		char text[IP_ENDPOINT_MAX];
		const char *endpoint;

		weights += member->weight;
		if (!text_is_read(&member->address)) {
			is_complete = false;
			continue;
		}
		ip_endpoint_format(&member->address, member->port, text);
		endpoint = arena_copy(reader->arena, text, strlen(text));
		if (member->name == NULL)
			member->name = endpoint;
		else
			names_add(&names, member->name, node, i);
		names_add(&endpoints, endpoint, node, i);
	}
	names_check(&endpoints, &reader->problems, "member");
	names_check(&names, &reader->problems, "member name");
	member_names_check(reader, &names, &endpoints);
	if (weights == 0 && is_complete)
		problem_add(&reader->problems, list,
			"all weights are 0: no member could ever be chosen");
}

/* Connection IDs would name two members. */
static void quic_ids_check(struct reader *reader, const struct node *list, struct config_pool *pool)
{
	struct names names = names_create(reader->arena, pool->member_count);
	const struct node *node = list->children;

	for (unsigned i = 0; i < pool->member_count; i++, node = node->next) {
		const struct config_quic_id *id = &pool->members[i].quic_id;
		char text[2 * CONFIG_QUIC_ID_MAX + 1] = "";

		for (unsigned k = 0; k < id->len; k++)
			snprintf(text + 2 * k, 3, "%02x", id->bytes[k]);
		if (id->len > 0)
			names_add(&names, arena_copy(reader->arena, text, strlen(text)), node, i);
	}
	names_check(&names, &reader->problems, "quic_server_id");
}

/* A probe needs a port to go to. */
static void probed_ports_check(
	struct reader *reader, const struct node *node, const struct config_pool *pool)
{
	if (node_get(node, "health") == NULL || pool->health.type == CONFIG_HEALTH_NONE)
		return;
	for (size_t i = 0; i < pool->member_count; i++) {
		if (pool->members[i].port != 0 || !text_is_read(&pool->members[i].address))
			continue;
		problem_add(&reader->problems, node_get(node, "health"),
			"member %s has port 0, which cannot be probed", pool->members[i].name);
		return;
	}
}

static void pool_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_pool *pool = object;

	pool_tls_check(reader, node, pool);
	if (!text_is_name(pool->name))
		problem_add_key(&reader->problems, node, "a pool's key is its " TEXT_NAME_WORDS);
	if (pool->health.type == CONFIG_HEALTH_TLS && !pool->has_tls)
		problem_add(&reader->problems, node_get(node, "health"),
			"checks of type \"tls\" are for pools with \"tls\"");
	if (pool->protocol == CONFIG_PROTOCOL_H2 && pool->health.type == CONFIG_HEALTH_HTTP)
		problem_add(&reader->problems, node_get(node, "health"),
			"checks of type \"http\" speak HTTP/1.1: a pool of protocol \"h2\" has type "
			"\"tcp\" or \"grpc\"");
	if (pool->member_count > 0) {
		members_check(reader, node_get(node, "members"), pool);
		quic_ids_check(reader, node_get(node, "members"), pool);
	}
	if (pool->client_address != CONFIG_CLIENT_ADDRESS_NONE &&
		pool->protocol != CONFIG_PROTOCOL_H1)
		problem_add(&reader->problems, node_get(node, "client_address"),
			"the PROXY protocol names one client for a connection, and HTTP/2 carries "
			"requests of many: the pool speaks \"h1\" alone");
	probed_ports_check(reader, node, pool);
	policy_pool_check(reader, node, pool);
}

static const struct choice protocol_choices[] = {
	{ .name = "h1", .value = CONFIG_PROTOCOL_H1, .help = "HTTP/1.1" },
	{
		.name = "h2",
		.value = CONFIG_PROTOCOL_H2,
		.help = "HTTP/2, without TLS by prior knowledge: many requests on a connection",
	},
	{ .name = NULL },
};

static const struct field pool_fields[] = {
	{
		.name = "balance",
		.help = "how a member is chosen",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_pool, balance),
		.choices = balance_choices,
		.value = CONFIG_BALANCE_MAGLEV,
	},
	{
		.name = "protocol",
		.help = "l7: what is spoken to members; with `tls`, `alpn` there may leave it to "
			"them",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_pool, protocol),
		.choices = protocol_choices,
		.value = CONFIG_PROTOCOL_H1,
	},
	{
		.name = "tls",
		.help = "l7: TLS toward members",
		.type = FIELD_OBJECT,
		.text = "no TLS",
		.table = &pool_tls_table,
		.offset = offsetof(struct config_pool, tls),
		.has_offset = offsetof(struct config_pool, has_tls),
	},
	{
		.name = "client_address",
		.help = "l7, tls-passthrough, tcp: how members, who see one of our addresses, are "
			"told of the client's; each client has connections of its own then",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_pool, client_address),
		.choices = pool_client_address_choices,
		.value = CONFIG_CLIENT_ADDRESS_NONE,
	},
	{
		.name = "members",
		.help = "the servers",
		.type = FIELD_OBJECTS,
		.is_required = true,
		.table = &member_table,
		.offset = offsetof(struct config_pool, members),
		.count_offset = offsetof(struct config_pool, member_count),
		.min = 1,
		.max = 65535,
	},
	{
		.name = "health",
		.help = "health checks; without them, members count as alive",
		.type = FIELD_OBJECT,
		.text = "no checks",
		.table = &health_table,
		.offset = offsetof(struct config_pool, health),
	},
	{
		.name = "connect_timeout_ms",
		.help = "l7: to open a connection to a member",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool, connect_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 3000,
	},
	{
		.name = "response_timeout_ms",
		.help = "l7: from the end of the request to the head of the response",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool, response_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 30000,
	},
	{
		.name = "idle_timeout_ms",
		.help = "l7: how long an unused connection to a member is kept",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool, idle_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 60000,
	},
	{
		.name = "max_idle_connections",
		.help = "l7: unused connections that each worker keeps to each member",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_pool, max_idle_connections),
		.max = 65535,
		.value = 64,
	},
	{
		.name = "slow_start_ms",
		.help = "a member that is new, or back from being down or in maintenance, comes to "
			"its weight little by little over so long; 0: at once",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool, slow_start_ms),
		.max = 3600000,
	},
	{
		.name = "second_chance_ms",
		.help = "l4, `maglev` and `source-hash`: how long after a change of members TCP "
			"packets in the midst of a connection that the connection table lacks go "
			"where the table before the change sends them; 0: not at all",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool, second_chance_ms),
		.max = 3600000,
		.value = 60000,
	},
	{
		.name = "tier_min_pct",
		.help = "tiers are taken together, the lowest first, until so much of their weight is "
			"usable; 0: until any of it is",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_pool, tier_min_pct),
		.max = 100,
	},
	{
		.name = "hash_on",
		.help = "l7: what `maglev`, `ring-hash` and `source-hash` hash; where a request has "
			"none of it, and by default: the client's connection, or its address by "
			"`source-hash`",
		.type = FIELD_TEXT,
		.kind = &attribute_kind,
		.offset = offsetof(struct config_pool, hash_on),
	},
	{
		.name = "sticky",
		.help = "l7: clients come back to their member, by a cookie or what the application tells "
			"sessions apart by",
		.type = FIELD_OBJECT,
		.text = "they do not",
		.table = &sticky_table,
		.offset = offsetof(struct config_pool, sticky),
		.has_offset = offsetof(struct config_pool, sticky.is_set),
	},
	{
		.name = "retry",
		.help = "l7: which failed requests are sent again",
		.type = FIELD_OBJECT,
		.text = "what never reached a member, once",
		.table = &retry_table,
		.offset = offsetof(struct config_pool, retry),
		.has_offset = offsetof(struct config_pool, retry.is_set),
	},
	{
		.name = "outlier",
		.help = "l7: members whose answers fail are left out for a while",
		.type = FIELD_OBJECT,
		.text = "nobody is ejected",
		.table = &outlier_table,
		.offset = offsetof(struct config_pool, outlier),
		.has_offset = offsetof(struct config_pool, outlier.is_set),
	},
	{
		.name = "limits",
		.help = "l7: how much members get at a time, and who may wait",
		.type = FIELD_OBJECT,
		.text = "no limits",
		.table = &pool_limits_table,
		.offset = offsetof(struct config_pool, limits),
	},
	{ .name = NULL },
};

const struct table pool_table = {
	.name = "pool",
	.help = "Servers that offer the same thing.",
	.fields = pool_fields,
	.size = sizeof(struct config_pool),
	.line_offset = offsetof(struct config_pool, line),
	.key_offset = offsetof(struct config_pool, name),
	.key_kind = &text_name,
	.check = pool_check,
};
