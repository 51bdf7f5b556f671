/* SPDX-License-Identifier: Apache-2.0 */
/* The root of the configuration. Things that others name stand above those others. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "reader.h"
#include "text.h"

#define PORT_MAX 65535

static void local_ports_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config *config = target;
	char first[8] = "";
	const char *dash = strchr(text, '-');
	long min;
	long max;

	if (dash != NULL && (size_t)(dash - text) < sizeof(first))
		snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	min = text_number(first, PORT_MAX);
	max = dash != NULL ? text_number(dash + 1, PORT_MAX) : -1;
	if (min < 1 || max < min) {
		problem_add(&reader->problems, node,
			"expected FIRST-LAST within 1-65535, found \"%.40s\"", text);
		return;
	}
	config->local_port_min = (unsigned)min;
	config->local_port_max = (unsigned)max;
}

static const struct text_kind local_ports_kind = {
	.what = "FIRST-LAST",
	.pattern = "^[0-9]{1,5}-[0-9]{1,5}$",
	.read = local_ports_read,
};

static const struct field config_fields[] = {
	{
		.name = "$schema",
		.help = "for editors; not read",
		.type = FIELD_TEXT,
		.kind = &text_ignored,
	},
	{
		.name = "cores",
		.help = "which CPUs do what",
		.type = FIELD_OBJECT,
		.table = &cores_table,
		.offset = offsetof(struct config, cores),
	},
	{
		.name = "memory",
		.help = "memory for packets",
		.type = FIELD_OBJECT,
		.table = &memory_table,
		.offset = offsetof(struct config, memory),
	},
	{
		.name = "tcp",
		.help = "the TCP stacks of the L7 workers; taken over at a restart",
		.type = FIELD_OBJECT,
		.table = &tcp_table,
		.offset = offsetof(struct config, tcp),
	},
	{
		.name = "log",
		.help = "log lines",
		.type = FIELD_OBJECT,
		.table = &log_table,
		.offset = offsetof(struct config, log),
	},
	{
		.name = "access_log",
		.help = "a line for each request",
		.type = FIELD_OBJECT,
		.table = &access_log_table,
		.offset = offsetof(struct config, access_log),
	},
	{
		.name = "stats",
		.help = "the socket for statistics and commands",
		.type = FIELD_OBJECT,
		.table = &stats_table,
		.offset = offsetof(struct config, stats),
	},
	{
		.name = "ports",
		.help = "the network ports that the appliance owns",
		.type = FIELD_OBJECTS,
		.is_required = true,
		.table = &port_table,
		.offset = offsetof(struct config, ports),
		.count_offset = offsetof(struct config, port_count),
		.min = 1,
		.max = 32,
	},
	{
		.name = "routes",
		.help = "static routes",
		.type = FIELD_OBJECTS,
		.table = &route_table,
		.offset = offsetof(struct config, routes),
		.count_offset = offsetof(struct config, route_count),
		.text = "[]",
	},
	{
		.name = "neighbors",
		.help = "static ARP and NDP entries",
		.type = FIELD_OBJECTS,
		.table = &neighbor_table,
		.offset = offsetof(struct config, neighbors),
		.count_offset = offsetof(struct config, neighbor_count),
		.text = "[]",
	},
	{
		.name = "neighbor_timeout_ms",
		.help = "how long a neighbor counts as reachable after it was heard",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config, neighbor_timeout_ms),
		.min = 1000,
		.max = 86400000,
		.value = 30000,
	},
	{
		.name = "local_addresses",
		.help = "source addresses toward members",
		.type = FIELD_TEXTS,
		.kind = &text_address,
		.offset = offsetof(struct config, local_addresses),
		.count_offset = offsetof(struct config, local_address_count),
		.min = 1,
		.text = "the addresses of all ports",
	},
	{
		.name = "local_ports",
		.help = "source ports toward members; cut into one slice for each worker",
		.type = FIELD_TEXT,
		.kind = &local_ports_kind,
		.text = "1024-65535",
	},
	{
		.name = "max_connections",
		.help = "L4 connections that each L4 worker can hold",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config, max_connections),
		.min = 1024,
		.max = 268435456,
		.value = 1048576,
	},
	{
		.name = "maglev_size",
		.help = "slots of a Maglev table: a prime, best at least 100 times the members of "
			"the largest pool",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config, maglev_size),
		.min = 251,
		.max = 16777213,
		.value = 65537,
	},
	{
		.name = "seed",
		.help = "key of all hashes: appliances with the same seed choose the same member, "
			"and who does not know it cannot aim",
		.type = FIELD_TEXT,
		.kind = &text_may_be_empty,
		.offset = offsetof(struct config, seed),
		.text = "",
	},
	{
		.name = "drain_timeout_ms",
		.help = "how long a stop waits for connections to end",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config, drain_timeout_ms),
		.max = 86400000,
		.value = 10000,
	},
	{
		.name = "guard",
		.help = "defence of the appliance and of all services",
		.type = FIELD_OBJECT,
		.table = &guard_table,
		.offset = offsetof(struct config, guard),
	},
	{
		.name = "announce",
		.help = "the services' addresses as routes of the kernel, for a routing daemon",
		.type = FIELD_OBJECT,
		.table = &announce_table,
		.offset = offsetof(struct config, announce),
		.has_offset = offsetof(struct config, has_announce),
	},
	{
		.name = "certificates",
		.help = "certificates that services name",
		.type = FIELD_OBJECTS,
		.table = &certificate_table,
		.offset = offsetof(struct config, certificates),
		.count_offset = offsetof(struct config, certificate_count),
		.text = "[]",
	},
	{
		.name = "pools",
		.help = "pools by name",
		.type = FIELD_MAP,
		.table = &pool_table,
		.offset = offsetof(struct config, pools),
		.count_offset = offsetof(struct config, pool_count),
		.text = "{}",
	},
	{
		.name = "services",
		.help = "what is served",
		.type = FIELD_OBJECTS,
		.table = &service_table,
		.offset = offsetof(struct config, services),
		.count_offset = offsetof(struct config, service_count),
		.text = "[]",
	},
	{ .name = NULL },
};

const struct table config_table = {
	.name = "config",
	.help = "The configuration of a Penstock appliance.",
	.fields = config_fields,
	.check = config_check,
};
