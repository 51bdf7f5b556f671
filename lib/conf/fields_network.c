/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, static routes, static neighbors, and what routing daemons are told. */
#include <string.h>

#include "link.h"
#include "reader.h"
#include "text.h"

static void port_check(struct reader *reader, const struct node *node, void *object)
{
	const struct node *mtu = node_get(node, "mtu");

	port_link_check(reader, node);
	if (mtu != NULL)
		port_mtu_check(reader, mtu, object);
}

static const struct field port_fields[] = {
	{
		.name = "name",
		.help = "how statistics and logs call it",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.is_required = true,
		.offset = offsetof(struct config_port, name),
	},
	{
		.name = "device",
		.help = "PCI address (`0000:3b:00.0`) or DPDK virtual device "
			"(`net_af_xdp0,iface=eth1`)",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_port, device),
	},
	{
		.name = "parent",
		.help = "instead of a device: the port that carries this one as a VLAN (802.1Q)",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.offset = offsetof(struct config_port, parent_name),
	},
	{
		.name = "vlan",
		.help = "with a parent: the VLAN's number",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_port, vlan),
		.min = 1,
		.max = 4094,
		.value = 0,
	},
	{
		.name = "bond",
		.help = "instead of a device: other ports as one",
		.type = FIELD_OBJECT,
		.table = &bond_table,
		.offset = offsetof(struct config_port, bond),
		.has_offset = offsetof(struct config_port, has_bond),
	},
	{
		.name = "addresses",
		.help = "our own addresses, each with the length of its link's prefix",
		.type = FIELD_TEXTS,
		.kind = &text_port_address,
		.offset = offsetof(struct config_port, addresses),
		.count_offset = offsetof(struct config_port, address_count),
		.text = "[]",
	},
	{
		.name = "mtu",
		.help = "largest IP packet on the link",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_port, mtu),
		.min = 576,
		.max = 9216,
		.value = 1500,
	},
	{
		.name = "rx_descriptors",
		.help = "length of each receive queue",
		.type = FIELD_NUMBER,
		.unit = "packets",
		.offset = offsetof(struct config_port, rx_descriptors),
		.min = 64,
		.max = 32768,
		.value = 2048,
	},
	{
		.name = "tx_descriptors",
		.help = "length of each transmit queue",
		.type = FIELD_NUMBER,
		.unit = "packets",
		.offset = offsetof(struct config_port, tx_descriptors),
		.min = 64,
		.max = 32768,
		.value = 1024,
	},
	{
		.name = "promiscuous",
		.help = "take frames for any Ethernet address off the wire",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_port, promiscuous),
	},
	{
		.name = "kernel_interface",
		.help = "make a kernel interface of this name, with the port's addresses: what is not "
			"the appliance's goes there and comes from there, for a routing daemon",
		.type = FIELD_TEXT,
		.kind = &text_interface,
		.offset = offsetof(struct config_port, kernel_interface),
	},
	{ .name = NULL },
};

const struct table port_table = {
	.name = "port",
	.help = "A network port that the appliance owns.",
	.fields = port_fields,
	.size = sizeof(struct config_port),
	.line_offset = offsetof(struct config_port, line),
	.check = port_check,
};

/* The port on whose link an address lies, by the longest prefix, or -1. */
static int link_find(const struct config *config, const struct ip_addr *addr)
{
	int best_len = -1;
	int best = -1;

	for (size_t i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];

		for (size_t j = 0; j < port->address_count; j++) {
			if (!text_is_read(&port->addresses[j].addr) ||
				!ip_prefix_contains(&port->addresses[j], addr) ||
				port->addresses[j].prefix_len <= best_len)
				continue;
			best_len = port->addresses[j].prefix_len;
			best = (int)i;
		}
	}
	return best;
}

static bool is_port_address(const struct config *config, const struct ip_addr *addr)
{
	for (size_t i = 0; i < config->port_count; i++) {
		for (size_t j = 0; j < config->ports[i].address_count; j++) {
			if (ip_equal(&config->ports[i].addresses[j].addr, addr))
				return true;
		}
	}
	return false;
}

/* For an address that must be a neighbor's. */
static void link_check(
	struct reader *reader, const struct node *node, const struct ip_addr *addr, unsigned *port)
{
	char text[IP_TEXT_MAX];
	int found;

	if (node == NULL || !text_is_read(addr))
		return;
	found = link_find(reader->config, addr);
	if (is_port_address(reader->config, addr))
		problem_add(
			&reader->problems, node, "%s is our own address", ip_format(addr, text));
	else if (found < 0)
		problem_add(&reader->problems, node,
			"%s is on no port's link: no prefix in ports[].addresses holds it",
			ip_format(addr, text));
	else
		*port = (unsigned)found;
}

static void route_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_route *route = object;
	const struct node *via = node_get(node, "via");
	struct ip_prefix to;

	link_check(reader, via, &route->via, &route->port);
	/* From the text again: ::/0 and a destination that was not read look the same by now. */
	if (node_text(via) != NULL && node_text(node_get(node, "to")) != NULL &&
		ip_prefix_parse(node_text(node_get(node, "to")), &to) == 0 &&
		ip_is_v4(&to.addr) != (strchr(node_text(via), ':') == NULL))
		problem_add(&reader->problems, via, "is not of the address family of \"to\"");
}

static const struct field route_fields[] = {
	{
		.name = "to",
		.help = "destination network; the longest prefix wins",
		.type = FIELD_TEXT,
		.kind = &text_network,
		.is_required = true,
		.offset = offsetof(struct config_route, to),
	},
	{
		.name = "via",
		.help = "next hop; on the link of a port",
		.type = FIELD_TEXT,
		.kind = &text_address,
		.is_required = true,
		.offset = offsetof(struct config_route, via),
	},
	{ .name = NULL },
};

const struct table route_table = {
	.name = "route",
	.help = "A static route.",
	.fields = route_fields,
	.size = sizeof(struct config_route),
	.line_offset = offsetof(struct config_route, line),
	.check = route_check,
};

static void neighbor_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_neighbor *neighbor = object;

	link_check(reader, node_get(node, "address"), &neighbor->address, &neighbor->port);
}

static const struct field neighbor_fields[] = {
	{
		.name = "address",
		.help = "the neighbor's IP address; on the link of a port",
		.type = FIELD_TEXT,
		.kind = &text_address,
		.is_required = true,
		.offset = offsetof(struct config_neighbor, address),
	},
	{
		.name = "mac",
		.help = "its Ethernet address",
		.type = FIELD_TEXT,
		.kind = &text_mac,
		.is_required = true,
		.offset = offsetof(struct config_neighbor, mac),
	},
	{ .name = NULL },
};

const struct table neighbor_table = {
	.name = "neighbor",
	.help = "A static ARP or NDP entry.",
	.fields = neighbor_fields,
	.size = sizeof(struct config_neighbor),
	.line_offset = offsetof(struct config_neighbor, line),
	.check = neighbor_check,
};

static const struct choice announce_choices[] = {
	{
		.name = "all",
		.value = CONFIG_ANNOUNCE_ALL,
		.help = "all services of the address have a usable member",
	},
	{
		.name = "any",
		.value = CONFIG_ANNOUNCE_ANY,
		.help = "one service of the address has a usable member",
	},
	{ .name = NULL },
};

static void announce_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	for (size_t i = 0; i < reader->config->port_count; i++) {
		if (reader->config->ports[i].kernel_interface != NULL)
			return;
	}
	problem_add(&reader->problems, node,
		"needs a port with a \"kernel_interface\", which the routes name as their device");
}

static const struct field announce_fields[] = {
	{
		.name = "table",
		.help = "routing table of the kernel that takes a route for each address",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_announce, table),
		.min = 1,
		.max = UINT32_MAX,
		.value = 100,
	},
	{
		.name = "protocol",
		.help = "the routes' mark (`ip route show proto`); routes in the table with this "
			"mark that are not ours are removed",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_announce, protocol),
		.min = 5,
		.max = 255,
		.value = 80,
	},
	{
		.name = "when",
		.help = "an address is announced while",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_announce, when),
		.choices = announce_choices,
		.value = CONFIG_ANNOUNCE_ALL,
	},
	{ .name = NULL },
};

const struct table announce_table = {
	.name = "announce",
	.help = "Routes for the services' addresses in a table of the kernel, where a routing daemon finds "
		"them: there while members are usable, gone while the appliance drains or does not run.",
	.fields = announce_fields,
	.check = announce_check,
};
