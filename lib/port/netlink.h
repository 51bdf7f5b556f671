/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_NETLINK_H
#define PORT_NETLINK_H

#include "base/ip.h"

/* Gives an interface an address with its on-link prefix. 0 or -errno. */
int netlink_address_add(const char *interface, const struct ip_prefix *address);

#endif
