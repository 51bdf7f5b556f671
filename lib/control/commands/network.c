/* SPDX-License-Identifier: Apache-2.0 */
/* Ports and neighbors. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

static const struct table_column port_columns[] = {
	{ .name = "port" },
	{ .name = "driver" },
	{ .name = "link" },
	{ .name = "mac" },
	{ .name = "mtu", .is_number = true },
	{ .name = "rx_packets", .is_number = true },
	{ .name = "rx_bytes", .is_number = true },
	{ .name = "rx_missed", .is_number = true },
	{ .name = "rx_errors", .is_number = true },
	{ .name = "tx_packets", .is_number = true },
	{ .name = "tx_bytes", .is_number = true },
	{ .name = "tx_errors", .is_number = true },
	{ .name = "parent" },
	{ .name = "vlan", .is_number = true },
	{ .name = "bond" },
	{ .name = "role" },
	{ .name = "lacp" },
	{ .name = "partner" },
	{ .name = "failovers", .is_number = true },
	{ .name = "device" },
};

static void mac_add(struct table *table, const uint8_t mac[6])
{
	table_cell(table, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static void bond_add(struct table *table, const struct control_port_info *info)
{
	static const uint8_t none[6];

	table_cell(table, "%s", info->bond != NULL ? info->bond : "");
	table_cell(table, "%s", info->role != NULL ? info->role : "");
	table_cell(table, "%s", info->lacp != NULL ? info->lacp : "");
	if (memcmp(info->partner, none, sizeof(none)) == 0)
		table_cell(table, "%s", "");
	else
		mac_add(table, info->partner);
	table_cell(table, "%" PRIu64, info->failovers);
}

static void port_add(struct table *table, const struct control_port_info *info)
{
	table_cell(table, "%s", info->name);
	table_cell(table, "%s", info->driver);
	table_cell(table, "%s", info->is_up ? "up" : "down");
	mac_add(table, info->mac);
	table_cell(table, "%u", info->mtu);
	table_cell(table, "%" PRIu64, info->rx_packets);
	table_cell(table, "%" PRIu64, info->rx_bytes);
	table_cell(table, "%" PRIu64, info->rx_missed);
	table_cell(table, "%" PRIu64, info->rx_errors);
	table_cell(table, "%" PRIu64, info->tx_packets);
	table_cell(table, "%" PRIu64, info->tx_bytes);
	table_cell(table, "%" PRIu64, info->tx_errors);
	table_cell(table, "%s", info->parent != NULL ? info->parent : "");
	table_cell(table, "%u", info->vlan);
	bond_add(table, info);
	table_cell(table, "%s", info->device != NULL ? info->device : "");
}

int command_show_ports(struct request *request)
{
	struct control_port_info info;
	struct table table;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, port_columns, sizeof(port_columns) / sizeof(port_columns[0]));
	for (unsigned i = 0; request->params->ops->port(request->params->ctx, i, &info); i++)
		port_add(&table, &info);
	return request_table_end(request, &table);
}

#define NEIGH_ROWS_MAX 4096

static const struct table_column neigh_columns[] = {
	{ .name = "address" },
	{ .name = "mac" },
	{ .name = "port" },
	{ .name = "state" },
	{ .name = "age_ms", .is_number = true },
	{ .name = "core", .is_number = true },
};

static const char *const neigh_states[] = {
	[NEIGH_INCOMPLETE] = "INCOMPLETE",
	[NEIGH_REACHABLE] = "REACHABLE",
	[NEIGH_STALE] = "STALE",
	[NEIGH_PROBE] = "PROBE",
	[NEIGH_STATIC] = "STATIC",
};

struct neigh_copy {
	struct neigh_row *rows; /* [NEIGH_ROWS_MAX] */
	unsigned count;
};

static void neigh_take(struct control_worker *worker, void *arg)
{
	struct neigh_copy *copy = arg;

	if (worker->neigh != NULL)
		copy->count = neigh_dump(worker->neigh, copy->rows, NEIGH_ROWS_MAX, worker->now_us);
}

static void neigh_add(struct table *table, const struct neigh_row *row, const struct config *config,
	unsigned core)
{
	char text[IP_TEXT_MAX];

	table_cell(table, "%s", ip_format(&row->addr, text));
	if (row->state == NEIGH_INCOMPLETE)
		table_cell(table, "%s", "");
	else
		mac_add(table, row->mac);
	if (row->port < config->port_count)
		table_cell(table, "%s", config->ports[row->port].name);
	else
		table_cell(table, "%u", row->port);
	table_cell(table, "%s", row->state <= NEIGH_STATIC ? neigh_states[row->state] : "?");
	table_cell(table, "%" PRIu32, row->age_ms);
	table_cell(table, "%u", core);
}

int command_show_neigh(struct request *request)
{
	const struct config *config = request_snapshot(request)->config;
	struct neigh_copy copy = { .rows = calloc(NEIGH_ROWS_MAX, sizeof(*copy.rows)) };
	const struct core *core;
	struct table table;

	if (copy.rows == NULL || table_init(&table, request->is_json) < 0) {
		free(copy.rows);
		return -ENOMEM;
	}
	table_columns(&table, neigh_columns, sizeof(neigh_columns) / sizeof(neigh_columns[0]));
	for (unsigned i = 0; (core = request_core(request, i)) != NULL; i++) {
		copy.count = 0;
		if (core->l4_index < 0)
			continue;
		if (request_call(request, i, neigh_take, &copy) < 0) {
			free(copy.rows);
			table_destroy(&table);
			return request_fail(request, ETIMEDOUT, "worker %u did not answer", i);
		}
		for (unsigned j = 0; j < copy.count && j < NEIGH_ROWS_MAX; j++)
			neigh_add(&table, &copy.rows[j], config, i);
	}
	free(copy.rows);
	return request_table_end(request, &table);
}
