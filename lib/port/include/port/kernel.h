/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_KERNEL_H
#define PORT_KERNEL_H

#include "port/port.h"

/*
 * The exception path: a TAP interface of the kernel's beside a port, with the same Ethernet
 * address, MTU and IP addresses. What arrives at the port and is not the appliance's goes to the
 * interface, and what the kernel sends there leaves by the port, so that a routing daemon can
 * speak with its neighbors. All of this on the control thread.
 */

/* The DPDK device of a port's kernel interface: an EAL argument, or its name alone. */
#define PORT_KERNEL_VDEV   "net_tap_kernel%u,iface=%s"
#define PORT_KERNEL_DEVICE "net_tap_kernel%u"

/*
 * Opens the interface's device, which EAL made, as a port of its own with one queue. config names
 * the device and outlives the port; wire is the port beside it, open already, and wire->config
 * names the interface. An address that the kernel refuses is logged: the rest works without it.
 * 0 or -errno. port_close() ends it; the interface goes with the process at the latest.
 */
int port_kernel_open(struct port *port, const struct config_port *config, const struct port *wire,
	struct rte_mempool *mbufs, struct err *err);

/* What a routing daemon shall find: a host route over interface for each address. */
struct port_routes {
	const char *interface;
	unsigned table;
	unsigned protocol; /* of the routes: whose they are (rtnetlink(7), rtm_protocol) */
	const struct ip_addr *addresses; /* sorted by memcmp(), each once */
	size_t count;
};

/*
 * Makes the table's routes of this protocol those that are wanted: adds what lacks, removes what
 * is too many, touches no other protocol's. 0, or the first failure's -errno; the rest is done all
 * the same.
 */
int port_routes_sync(const struct port_routes *wanted, struct err *err);

#endif
