/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_LINK_H
#define CONF_LINK_H

#include "reader.h"

/* Checks what a port is made of: a device, a VLAN of another port, or a bond. */
void port_link_check(struct reader *reader, const struct node *node);

/* IPv6 asks for links that carry 1280 bytes; blame is where the MTU is said. */
void port_mtu_check(
	struct reader *reader, const struct node *blame, const struct config_port *port);

/* Finds the parents of VLANs, once all ports are read. */
void port_parents_check(struct reader *reader, const struct node *root);

/* Finds the members of bonds, once the parents of VLANs are known. */
void port_bonds_check(struct reader *reader, const struct node *root);

#endif
