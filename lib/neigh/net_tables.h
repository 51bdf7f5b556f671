/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_NET_TABLES_H
#define NEIGH_NET_TABLES_H

#include "neigh/net.h"

/* An IP address as one number: the order of prefixes and ranges. */
typedef unsigned __int128 net_number;

enum net_own_flags {
	NET_OWN_LOCAL = 1 << 0, /* a port's address, or a source toward members */
	NET_OWN_VIP = 1 << 1,   /* a service listens on it */
};

/* An address that we answer for. */
struct net_own {
	struct ip_addr addr;
	uint32_t ports; /* bit per port on which ARP and NDP are answered for it */
	uint8_t flags;  /* enum net_own_flags */
};

/* Where packets to a prefix go. */
struct net_hop {
	struct ip_prefix to;
	struct ip_addr via; /* not for on-link prefixes */
	uint8_t port;
	bool is_on_link;
};

struct net_link {
	struct ip_prefix prefix; /* with our address as host part */
	uint8_t port;
};

struct net_static {
	struct ip_addr addr;
	uint8_t mac[6];
	uint8_t port;
};

#define NET_HOP_NONE UINT16_MAX

#define NET_FILTER_BITS 1024

/*
 * Prefixes are flattened into ranges that do not overlap: starts[i] up to starts[i + 1] goes to
 * hops[range_hops[i]]. A lookup is one binary search, whatever the mix of lengths and families.
 */
struct neigh_net {
	net_number *starts;
	uint16_t *range_hops;
	struct net_hop *hops;
	uint32_t range_count;
	uint16_t hop_count;
	uint16_t port_count;
	uint16_t mtu_min;

	/* Open addressing: index + 1 into owns, 0 is free. */
	uint16_t *own_slots;
	struct net_own *owns;
	uint32_t own_mask;
	uint32_t own_count;
	/* Bit by the address's last bits: clear where surely none of owns has them. */
	uint64_t own_filter[NET_FILTER_BITS / 64];

	struct neigh_port ports[NEIGH_PORTS_MAX];

	/* Cold */
	struct net_link *links;
	struct net_static *statics;
	struct ip_addr *sources;
	uint32_t link_count;
	uint32_t static_count;
	uint32_t source_count;
	uint32_t links_of_own; /* bits: ports that are no member of a bond */
	const struct ip_addr *port_sources[NEIGH_PORTS_MAX][2]; /* by family: IPv4, IPv6 */
	const struct ip_addr *any_sources[2];
	bool source_depends[2]; /* on the way: a port has another source than any_sources */
};

static inline net_number neigh_net_number_of(const struct ip_addr *addr)
{
	return (net_number)__builtin_bswap64(addr->halves[0]) << 64 |
		__builtin_bswap64(addr->halves[1]);
}

/* The longest prefix that holds addr, or NULL. On the packet path. */
static inline const struct net_hop *neigh_net_hop_find(
	const struct neigh_net *net, const struct ip_addr *addr)
{
	net_number number = neigh_net_number_of(addr);
	uint32_t at = 0;
	uint16_t hop;

	for (uint32_t count = net->range_count; count > 1;) {
		uint32_t half = count / 2;

		at += net->starts[at + half] <= number ? half : 0;
		count -= half;
	}
	hop = net->range_hops[at];
	return hop == NET_HOP_NONE ? NULL : &net->hops[hop];
}

/* NULL when addr is not ours. */
const struct net_own *neigh_net_own_find(const struct neigh_net *net, const struct ip_addr *addr);

/* True when we answer for addr on this port. */
bool neigh_net_is_answered(const struct neigh_net *net, unsigned port, const struct ip_addr *addr);

/* True when addr may be a neighbor on this port: on its link, and neither ours nor a broadcast. */
bool neigh_net_is_neighbor(const struct neigh_net *net, unsigned port, const struct ip_addr *addr);

/* Our address on this port to ask for target with; NULL when the port has none of the family. */
const struct ip_addr *neigh_net_port_source(
	const struct neigh_net *net, unsigned port, const struct ip_addr *target);

#endif
