/* SPDX-License-Identifier: Apache-2.0 */
#include "port/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "base/log.h"
#include "netlink.h"

/* A kernel without IPv6 refuses such addresses; the others are of use without them. */
static void addresses_set(const struct config_port *config)
{
	for (size_t i = 0; i < config->address_count; i++) {
		char text[IP_TEXT_MAX];
		int status = netlink_address_add(config->kernel_interface, &config->addresses[i]);

		if (status < 0)
			log_warning("port %s: the kernel's interface %s does not take %s: %s",
				config->name, config->kernel_interface,
				ip_format(&config->addresses[i].addr, text), strerror(-status));
	}
}

int port_kernel_open(struct port *port, const struct config_port *config, const struct port *wire,
	struct rte_mempool *mbufs, struct err *err)
{
	struct rte_ether_addr mac;
	int status = port_open(port, config, 1, mbufs, err);

	if (status < 0)
		return status;
	memcpy(mac.addr_bytes, wire->mac, sizeof(wire->mac));
	status = rte_eth_dev_default_mac_addr_set(port->ethdev_id, &mac);
	if (status != 0) {
		port_close(port);
		return err_set(err, -status,
			"port %s: its kernel interface %s does not take its Ethernet address: %s",
			wire->config->name, wire->config->kernel_interface, strerror(-status));
	}
	memcpy(port->mac, wire->mac, sizeof(port->mac));
	addresses_set(wire->config);
	return 0;
}
