/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <string.h>

#include "text.h"

#define IPV6_MTU_MIN 1280 /* RFC 8200 5 */

void port_mtu_check(struct reader *reader, const struct node *blame, const struct config_port *port)
{
	if (port->mtu >= IPV6_MTU_MIN)
		return;
	for (size_t i = 0; i < port->address_count; i++) {
		const struct ip_addr *addr = &port->addresses[i].addr;

		if (text_is_read(addr) && !ip_is_v4(addr)) {
			problem_add(&reader->problems, blame,
				"%u is too small for a port with an IPv6 address (at least %d)",
				port->mtu, IPV6_MTU_MIN);
			return;
		}
	}
}

/* A queue, a filter or a length of the device is the parent's to set. */
static void vlan_keys_check(struct reader *reader, const struct node *node)
{
	static const char *const keys[] = { "rx_descriptors", "tx_descriptors", "promiscuous" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct node *key = node_get(node, keys[i]);

		if (key != NULL)
			problem_add(
				&reader->problems, key, "is of the parent's device: set it there");
	}
}

void port_link_check(struct reader *reader, const struct node *node)
{
	const struct node *device = node_get(node, "device");
	const struct node *parent = node_get(node, "parent");
	const struct node *vlan = node_get(node, "vlan");
	const struct node *bond = node_get(node, "bond");

	if (device == NULL && parent == NULL && bond == NULL)
		problem_add(&reader->problems, node,
			"needs a \"device\", a \"bond\", or a \"parent\" and a \"vlan\"");
	else if (bond != NULL && (device != NULL || parent != NULL))
		problem_add(&reader->problems, bond,
			"a port has a \"device\", a \"parent\" or a \"bond\", one of them");
	else if (device != NULL && parent != NULL)
		problem_add(&reader->problems, parent,
			"a port has a \"device\" or a \"parent\", not both");
	else if (parent == NULL && vlan != NULL)
		problem_add(&reader->problems, vlan, "needs a \"parent\" that carries the VLAN");
	else if (parent != NULL && vlan == NULL)
		problem_add(&reader->problems, parent, "needs a \"vlan\", its number");
	if (parent != NULL)
		vlan_keys_check(reader, node);
}

/* The parent's, unless it has one of its own. */
static void mtu_fill(struct reader *reader, const struct node *parent, struct config_port *port,
	unsigned parent_mtu)
{
	const struct node *mtu = node_get(parent->parent, "mtu");

	if (mtu != NULL && port->mtu > parent_mtu)
		problem_add(&reader->problems, mtu, "%u is more than the parent's %u", port->mtu,
			parent_mtu);
	if (mtu != NULL)
		return;
	port->mtu = parent_mtu;
	port_mtu_check(reader, parent, port);
}

static void parent_find(struct reader *reader, const struct node *node, struct config_port *port)
{
	struct config *config = reader->config;

	for (unsigned i = 0; i < config->port_count; i++) {
		const struct config_port *other = &config->ports[i];

		if (other->name == NULL || strcmp(other->name, port->parent_name) != 0)
			continue;
		port->parent = i;
		config->ports[i].is_trunk = true;
		if (other->parent_name != NULL)
			problem_add(&reader->problems, node,
				"port %s is a VLAN itself: one in another is not supported",
				port->parent_name);
		else
			mtu_fill(reader, node, port, other->mtu);
		return;
	}
	problem_add(&reader->problems, node, "there is no port \"%.60s\"", port->parent_name);
}

static void twins_check(struct reader *reader, const struct node *node, size_t index)
{
	const struct config_port *ports = reader->config->ports;

	for (size_t i = 0; i < index; i++) {
		if (ports[i].parent_name == NULL || ports[i].vlan != ports[index].vlan ||
			ports[i].parent != ports[index].parent)
			continue;
		problem_add(&reader->problems, node, "VLAN %u of port %s is port %s already",
			ports[i].vlan, ports[i].parent_name, ports[i].name);
		return;
	}
}

void port_parents_check(struct reader *reader, const struct node *root)
{
	struct config *config = reader->config;
	const struct node *item;

	if (config->port_count == 0)
		return;
	item = node_get(root, "ports")->children;
	for (size_t i = 0; i < config->port_count; i++, item = item->next) {
		struct config_port *port = &config->ports[i];

		if (port->parent_name == NULL)
			continue;
		parent_find(reader, node_get(item, "parent"), port);
		if (port->vlan != 0)
			twins_check(reader, node_get(item, "vlan"), i);
	}
}
