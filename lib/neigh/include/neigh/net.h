/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_NET_H
#define NEIGH_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"

#define NEIGH_PORTS_MAX 32

/* What a port turned out to be, told by lib/port at start. */
struct neigh_port {
	uint8_t mac[6];
	uint16_t mtu;
};

/*
 * Our addresses, VIPs and routes: immutable, a part of the snapshot. Built by the control thread,
 * read by all workers.
 */
struct neigh_net;

/* config is read, not kept. ports has config->port_count rows. NULL on error. */
struct neigh_net *neigh_net_create(
	const struct config *config, const struct neigh_port *ports, struct err *err);
void neigh_net_destroy(struct neigh_net *net);

/* True for an address of a port. */
bool neigh_net_is_local(const struct neigh_net *net, const struct ip_addr *addr);

/* True for an address that a service listens on. */
bool neigh_net_is_vip(const struct neigh_net *net, const struct ip_addr *addr);

/* True for both kinds. On the packet path: what is not ours is mostly found so without a search. */
bool neigh_net_is_ours(const struct neigh_net *net, const struct ip_addr *addr);

/*
 * The configured local address to use as source toward dst: of the same family, one on the
 * outgoing port if there is one. NULL when there is none. Borrowed from net.
 */
const struct ip_addr *neigh_net_source(const struct neigh_net *net, const struct ip_addr *dst);

/* How a packet to an address leaves. */
struct neigh_route {
	unsigned port;
	struct ip_addr next_hop; /* the address itself, when it is on the port's link */
	bool is_on_link;
};

/* False: there is no route to dst, and *route is untouched. */
bool neigh_net_route(
	const struct neigh_net *net, const struct ip_addr *dst, struct neigh_route *route);

/* MTU of the port that dst is reached by; 0 without a route. */
uint16_t neigh_net_mtu(const struct neigh_net *net, const struct ip_addr *dst);

/* The smallest MTU of all ports: what fits in there needs no look at its way. */
uint16_t neigh_net_mtu_min(const struct neigh_net *net);

#endif
