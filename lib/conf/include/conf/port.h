/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_PORT_H
#define CONF_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

enum config_bond_mode { CONFIG_BOND_ACTIVE_BACKUP, CONFIG_BOND_LACP };
enum config_bond_hash { CONFIG_BOND_LAYER34, CONFIG_BOND_LAYER23, CONFIG_BOND_LAYER2 };
enum config_lacp_rate { CONFIG_LACP_FAST, CONFIG_LACP_SLOW };

#define CONFIG_BOND_MEMBERS_MAX 8

/* "bond" of a port: several others as one */
struct config_bond {
	enum config_bond_mode mode;
	const char **member_names; /* "members" */
	size_t member_count;
	unsigned members[CONFIG_BOND_MEMBERS_MAX]; /* their indices */
	const char *primary_name;                  /* "primary"; NULL: none */
	int primary;                               /* its place in members; -1: none */
	enum config_bond_hash hash;                /* "hash": LACP */
	enum config_lacp_rate lacp_rate;           /* "lacp_rate" */
	unsigned up_delay_ms;                      /* "up_delay_ms": 1000 */
};

/* "ports"[] */
struct config_port {
	const char *name;
	/* PCI address, or a vdev: "net_af_xdp0,iface=lb0"; NULL: a VLAN of another, or a bond */
	const char *device;
	const char *parent_name; /* "parent": the port that carries the VLAN; NULL: none */
	unsigned parent;         /* its index */
	unsigned vlan;           /* 802.1Q; 0: frames without a tag */
	bool is_trunk;           /* other ports are VLANs of this one */
	bool has_bond;           /* "bond": the port is made of others */
	struct config_bond bond;
	bool is_member;              /* of a bond, whose index is: */
	unsigned bond_index;         /* with is_member */
	struct ip_prefix *addresses; /* ours, with their on-link prefix */
	size_t address_count;
	unsigned mtu;            /* default 1500 */
	unsigned rx_descriptors; /* default 2048 */
	unsigned tx_descriptors; /* default 1024 */
	bool promiscuous;        /* default false */
	/* "kernel_interface": gets what is not the appliance's; NULL: none */
	const char *kernel_interface;
	int line;
};

#endif
