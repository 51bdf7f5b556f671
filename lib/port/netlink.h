/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_NETLINK_H
#define PORT_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/* Gives an interface an address with its on-link prefix. 0 or -errno. */
int netlink_address_add(const char *interface, const struct ip_prefix *address);

/* Whether an interface is set up and has a carrier. False when there is none. */
bool netlink_link_is_up(const char *interface);

/* Gives an interface another Ethernet address. 0 or -errno. */
int netlink_mac_set(const char *interface, const uint8_t mac[6]);

#endif
