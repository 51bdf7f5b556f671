/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that are made of others. */
#include <errno.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"

int app_bonds_open(struct app *app, struct err *err)
{
	const struct config *config = app->boot;

	for (unsigned i = 0; i < config->port_count; i++) {
		struct port_bond *bond;

		if (!config->ports[i].has_bond)
			continue;
		bond = port_bond_open(app->ports, i, config, config->cores.l4_count, app->mbufs,
			clock_now_us(), err);
		if (bond == NULL)
			return -EIO;
		app->bonds[app->bond_count++] = bond;
	}
	return 0;
}

void app_bonds_close(struct app *app)
{
	for (unsigned i = 0; i < app->bond_count; i++)
		port_bond_destroy(app->bonds[i]);
	app->bond_count = 0;
}

/* The port, and the VLANs that it carries. */
static unsigned ports_over(const struct app *app, unsigned index)
{
	unsigned ports = 1u << index;

	for (unsigned i = 0; i < app->port_count; i++) {
		if (app->ports[i].vlan != 0 && app->ports[i].parent == index)
			ports |= 1u << i;
	}
	return ports;
}

void app_bonds_poll(struct app *app, uint64_t now_us)
{
	for (unsigned i = 0; i < app->bond_count; i++) {
		if (port_bond_poll(app->bonds[i], now_us))
			atomic_fetch_or(&app->announce_ports,
				ports_over(app, port_bond_index(app->bonds[i])));
	}
}

static void member_fill(const struct app *app, const struct port_bond *bond,
	const struct port_bond_member *member, struct control_port_info *info)
{
	static const char *const roles[] = {
		[PORT_BOND_DOWN] = "down",
		[PORT_BOND_BACKUP] = "backup",
		[PORT_BOND_ACTIVE] = "active",
	};

	info->is_up = member->is_up;
	info->bond = app->ports[port_bond_index(bond)].config->name;
	info->role = roles[member->role];
	info->lacp = member->lacp;
	info->failovers = member->failovers;
	memcpy(info->partner, member->partner, sizeof(info->partner));
}

static void bond_fill(const struct app *app, const struct port_bond *bond, unsigned port,
	struct control_port_info *info)
{
	const struct config_bond *config = &app->ports[port].config->bond;

	info->role = config->mode == CONFIG_BOND_LACP ? "lacp" : "active-backup";
	info->failovers = port_bond_failovers(bond);
}

void app_bond_get(const struct app *app, unsigned port, struct control_port_info *info)
{
	for (unsigned i = 0; i < app->bond_count; i++) {
		struct port_bond_member member;

		if (port_bond_index(app->bonds[i]) == port)
			bond_fill(app, app->bonds[i], port, info);
		else if (port_bond_member_get(app->bonds[i], port, &member))
			member_fill(app, app->bonds[i], &member, info);
	}
}
