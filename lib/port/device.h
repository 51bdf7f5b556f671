/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_DEVICE_H
#define PORT_DEVICE_H

#include "port/port.h"

/* What a port is opened on. */
struct port_device {
	const struct config_port *config;
	const char *name; /* for words: the device as configured */
	uint16_t ethdev_id;
	uint16_t max_mtu;
	bool is_bond;
};

/* The ethdev of config->device, which EAL has probed. 0 or -errno. */
int port_ethdev_find(const struct config_port *config, uint16_t *ethdev_id, struct err *err);

#define PORT_INTERFACE_MAX 16

/* The kernel's interface that an open port's driver goes through; false: it needs none. */
bool port_interface_find(const struct port *port, char name[PORT_INTERFACE_MAX]);

/* Whether a driver can take its buffers from this pool. 0 or -errno. */
int port_pool_check(const struct config_port *config, const char *driver,
	const struct rte_mempool *mbufs, struct err *err);

/* port_open() on any ethdev. */
int port_device_open(struct port *port, const struct port_device *device, unsigned worker_count,
	struct rte_mempool *mbufs, struct err *err);

#endif
