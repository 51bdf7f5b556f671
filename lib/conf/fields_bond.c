/* SPDX-License-Identifier: Apache-2.0 */
/* Bonds: several ports as one. */
#include <string.h>

#include "link.h"
#include "reader.h"
#include "text.h"

static const struct choice mode_choices[] = {
	{
		.name = "active-backup",
		.value = CONFIG_BOND_ACTIVE_BACKUP,
		.help = "one member is in use, and the others wait for its link to fail",
	},
	{
		.name = "lacp",
		.value = CONFIG_BOND_LACP,
		.help = "all members to which one switch agrees are in use (802.1AX, 802.3ad)",
	},
	{ .name = NULL },
};

static const char *mode_name(enum config_bond_mode mode)
{
	for (const struct choice *choice = mode_choices; choice->name != NULL; choice++) {
		if (choice->value == mode)
			return choice->name;
	}
	return "";
}

static void bond_check(struct reader *reader, const struct node *node, void *object)
{
	static const struct {
		const char *key;
		enum config_bond_mode mode;
	} rows[] = {
		{ .key = "primary", .mode = CONFIG_BOND_ACTIVE_BACKUP },
		{ .key = "up_delay_ms", .mode = CONFIG_BOND_ACTIVE_BACKUP },
		{ .key = "hash", .mode = CONFIG_BOND_LACP },
		{ .key = "lacp_rate", .mode = CONFIG_BOND_LACP },
	};
	const struct config_bond *bond = object;

	/* Of a mode that cannot be read, nothing is known. */
	if (!node_is_text(node_get(node, "mode"), mode_name(bond->mode)))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct node *key = node_get(node, rows[i].key);

		if (key != NULL && rows[i].mode != bond->mode)
			problem_add(&reader->problems, key, "is for mode \"%s\", not \"%s\"",
				mode_name(rows[i].mode), mode_name(bond->mode));
	}
}

static void member_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	text_name.read(reader, node, text, target);
}

static const struct text_kind member_kind = {
	.what = "name",
	.pattern = "^[A-Za-z0-9_.-]{1,63}$",
	.size = sizeof(const char *),
	.read = member_read,
};

static const struct choice hash_choices[] = {
	{ .name = "layer3+4", .value = CONFIG_BOND_LAYER34, .help = "IP addresses and ports" },
	{ .name = "layer2+3", .value = CONFIG_BOND_LAYER23, .help = "Ethernet and IP addresses" },
	{ .name = "layer2", .value = CONFIG_BOND_LAYER2, .help = "Ethernet addresses" },
	{ .name = NULL },
};

static const struct choice rate_choices[] = {
	{
		.name = "fast",
		.value = CONFIG_LACP_FAST,
		.help = "every second: a silent member is noticed after 3 seconds",
	},
	{
		.name = "slow",
		.value = CONFIG_LACP_SLOW,
		.help = "every 30 seconds: after 90 seconds",
	},
	{ .name = NULL },
};

static const struct field bond_fields[] = {
	{
		.name = "mode",
		.help = "how the members are used",
		.type = FIELD_CHOICE,
		.is_required = true,
		.offset = offsetof(struct config_bond, mode),
		.choices = mode_choices,
	},
	{
		.name = "members",
		.help = "names of ports that have a device and nothing else",
		.type = FIELD_TEXTS,
		.kind = &member_kind,
		.is_required = true,
		.offset = offsetof(struct config_bond, member_names),
		.count_offset = offsetof(struct config_bond, member_count),
		.min = 2,
		.max = CONFIG_BOND_MEMBERS_MAX,
	},
	{
		.name = "primary",
		.help = "active-backup: the member that is in use whenever its link is up; without "
			"one, a member stays in use until its own link fails",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.offset = offsetof(struct config_bond, primary_name),
	},
	{
		.name = "hash",
		.help = "lacp: what chooses the member that a packet leaves by",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_bond, hash),
		.choices = hash_choices,
		.value = CONFIG_BOND_LAYER34,
	},
	{
		.name = "lacp_rate",
		.help = "lacp: how often the switch is asked to speak",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_bond, lacp_rate),
		.choices = rate_choices,
		.value = CONFIG_LACP_FAST,
	},
	{
		.name = "up_delay_ms",
		.help = "active-backup: how long the primary's link is up again before it takes over "
			"from a member that works",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_bond, up_delay_ms),
		.max = 60000,
		.value = 1000,
	},
	{ .name = NULL },
};

const struct table bond_table = {
	.name = "bond",
	.help = "Several ports as one, so that the loss of a cable or of a switch is survived.",
	.fields = bond_fields,
	.size = sizeof(struct config_bond),
	.check = bond_check,
};

/* All that a member has; the rest is the bond's. */
static void member_keys_check(struct reader *reader, const struct node *member, const char *bond)
{
	static const char *const keys[] = { "addresses", "mtu", "rx_descriptors", "tx_descriptors",
		"promiscuous", "kernel_interface" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct node *key = node_get(member, keys[i]);

		if (key != NULL)
			problem_add(&reader->problems, key,
				"the port is a member of the bond \"%s\": set it there", bond);
	}
}

static const struct node *port_node(const struct node *root, size_t index)
{
	const struct node *item = node_get(root, "ports")->children;

	while (index-- > 0)
		item = item->next;
	return item;
}

/* What a port by that name cannot be: false, and a problem at node. */
static bool member_is_fit(struct reader *reader, const struct node *node, unsigned index)
{
	const struct config *config = reader->config;
	const struct config_port *port = &config->ports[index];

	if (port->has_bond)
		problem_add(&reader->problems, node,
			"port %s is a bond itself: one in another is not supported", port->name);
	else if (port->parent_name != NULL)
		problem_add(&reader->problems, node,
			"port %s is a VLAN: put the VLAN on the bond, not the bond on VLANs",
			port->name);
	else if (port->is_trunk)
		problem_add(&reader->problems, node, "port %s carries VLANs: put them on the bond",
			port->name);
	else if (port->is_member)
		problem_add(&reader->problems, node, "port %s is a member of bond %s already",
			port->name,
			config->ports[port->bond_index].name != NULL
				? config->ports[port->bond_index].name
				: "");
	else
		return true;
	return false;
}

static void members_find(struct reader *reader, const struct names *names, const struct node *root,
	const struct node *list, unsigned index)
{
	struct config_port *port = &reader->config->ports[index];
	struct config_bond *bond = &port->bond;
	const struct node *node = list->children;

	for (size_t i = 0; node != NULL && i < bond->member_count && i < CONFIG_BOND_MEMBERS_MAX;
		i++, node = node->next) {
		int found;

		if (bond->member_names[i] == NULL)
			continue;
		found = names_find(names, bond->member_names[i]);
		if (found < 0) {
			names_report_missing(
				names, &reader->problems, node, "port", bond->member_names[i]);
			continue;
		}
		bond->members[i] = (unsigned)found;
		if (!member_is_fit(reader, node, (unsigned)found))
			continue;
		reader->config->ports[found].is_member = true;
		reader->config->ports[found].bond_index = index;
		member_keys_check(reader, port_node(root, (size_t)found),
			port->name != NULL ? port->name : "");
	}
}

static void primary_find(struct reader *reader, const struct node *node, struct config_bond *bond)
{
	bond->primary = -1;
	if (node == NULL || bond->primary_name == NULL)
		return;
	for (size_t i = 0; i < bond->member_count; i++) {
		if (bond->member_names[i] != NULL &&
			strcmp(bond->member_names[i], bond->primary_name) == 0)
			bond->primary = (int)i;
	}
	if (bond->primary < 0)
		problem_add(&reader->problems, node, "\"%s\" is not among the members",
			bond->primary_name);
}

void port_bonds_check(struct reader *reader, const struct node *root)
{
	struct config *config = reader->config;
	struct names names = names_create(reader->arena, config->port_count);
	const struct node *item;

	if (config->port_count == 0)
		return;
	for (unsigned i = 0; i < config->port_count; i++)
		names_add(&names, config->ports[i].name, NULL, i);
	names_sort(&names);
	item = node_get(root, "ports")->children;
	for (unsigned i = 0; i < config->port_count; i++, item = item->next) {
		const struct node *bond = node_get(item, "bond");
		const struct node *list = bond != NULL ? node_get(bond, "members") : NULL;

		if (!config->ports[i].has_bond || list == NULL)
			continue;
		members_find(reader, &names, root, list, i);
		primary_find(reader, node_get(bond, "primary"), &config->ports[i].bond);
	}
}
