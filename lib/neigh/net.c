/* SPDX-License-Identifier: Apache-2.0 */
#include "neigh/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "base/hash.h"
#include "net_tables.h"

#define V6_BITS     128
#define MAPPED_BITS 96

/* Addresses that we answer for, and prefixes: indexes are 16 bits wide. */
#define OWN_MAX 32767
#define HOP_MAX 65535

/* A prefix of 31 bits or more has no broadcast address (RFC 3021). */
#define BROADCAST_BITS_MAX 30

static uint32_t own_hash(const struct ip_addr *addr)
{
	/* The table is ours alone: who may send cannot choose what is in it. */
	const struct hash_key key = { .k0 = 0x9ae16a3b2f90404full, .k1 = 0xc949c7defeebb75bull };

	return (uint32_t)hash_words2(key, addr->halves[0], addr->halves[1]);
}

/* The slot that holds addr, or the free one where it would go. */
static uint16_t *own_slot(const struct neigh_net *net, const struct ip_addr *addr)
{
	for (uint32_t i = own_hash(addr);; i++) {
		uint16_t *slot = &net->own_slots[i & net->own_mask];

		if (*slot == 0 || ip_equal(&net->owns[*slot - 1].addr, addr))
			return slot;
	}
}

const struct net_own *neigh_net_own_find(const struct neigh_net *net, const struct ip_addr *addr)
{
	uint16_t slot = *own_slot(net, addr);

	return slot == 0 ? NULL : &net->owns[slot - 1];
}

static inline uint32_t filter_bit(const struct ip_addr *addr)
{
	return rte_be_to_cpu_32(addr->words_be[3]) % NET_FILTER_BITS;
}

bool neigh_net_is_ours(const struct neigh_net *net, const struct ip_addr *addr)
{
	uint32_t bit = filter_bit(addr);

	if (likely((net->own_filter[bit / 64] >> bit % 64 & 1) == 0))
		return false;
	return neigh_net_own_find(net, addr) != NULL;
}

static bool own_has(const struct neigh_net *net, const struct ip_addr *addr, uint8_t flag)
{
	const struct net_own *own = neigh_net_own_find(net, addr);

	return own != NULL && (own->flags & flag) != 0;
}

bool neigh_net_is_local(const struct neigh_net *net, const struct ip_addr *addr)
{
	return own_has(net, addr, NET_OWN_LOCAL);
}

bool neigh_net_is_vip(const struct neigh_net *net, const struct ip_addr *addr)
{
	return own_has(net, addr, NET_OWN_VIP);
}

bool neigh_net_is_answered(const struct neigh_net *net, unsigned port, const struct ip_addr *addr)
{
	const struct net_own *own = neigh_net_own_find(net, addr);

	return own != NULL && (own->ports & UINT32_C(1) << port) != 0;
}

static bool is_v4_broadcast(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	uint32_t host;

	if (!ip_is_v4(addr) || prefix->prefix_len > BROADCAST_BITS_MAX)
		return false;
	host = rte_be_to_cpu_32(ip_v4_be(addr)) << prefix->prefix_len >> prefix->prefix_len;
	return host == 0 || host == UINT32_MAX >> prefix->prefix_len;
}

bool neigh_net_is_neighbor(const struct neigh_net *net, unsigned port, const struct ip_addr *addr)
{
	bool is_on_link = false;

	for (uint32_t i = 0; i < net->link_count; i++) {
		const struct net_link *link = &net->links[i];

		if (link->port != port || !ip_prefix_contains(&link->prefix, addr))
			continue;
		if (is_v4_broadcast(&link->prefix, addr))
			return false;
		is_on_link = true;
	}
	return is_on_link && neigh_net_own_find(net, addr) == NULL;
}

const struct ip_addr *neigh_net_port_source(
	const struct neigh_net *net, unsigned port, const struct ip_addr *target)
{
	const struct ip_addr *source = NULL;

	for (uint32_t i = 0; i < net->link_count; i++) {
		const struct net_link *link = &net->links[i];

		if (link->port != port || ip_is_v4(&link->prefix.addr) != ip_is_v4(target))
			continue;
		if (ip_prefix_contains(&link->prefix, target))
			return &link->prefix.addr;
		if (source == NULL)
			source = &link->prefix.addr;
	}
	return source;
}

const struct ip_addr *neigh_net_source(const struct neigh_net *net, const struct ip_addr *dst)
{
	unsigned family = ip_is_v4(dst) ? 0 : 1;
	const struct net_hop *hop;

	if (!net->source_depends[family])
		return net->any_sources[family];
	hop = neigh_net_hop_find(net, dst);
	if (hop != NULL && net->port_sources[hop->port][family] != NULL)
		return net->port_sources[hop->port][family];
	return net->any_sources[family];
}

uint16_t neigh_net_mtu_min(const struct neigh_net *net)
{
	return net->mtu_min;
}

bool neigh_net_route(
	const struct neigh_net *net, const struct ip_addr *dst, struct neigh_route *route)
{
	const struct net_hop *hop = neigh_net_hop_find(net, dst);

	if (hop == NULL)
		return false;
	*route = (struct neigh_route){
		.port = hop->port,
		.next_hop = hop->is_on_link ? *dst : hop->via,
		.is_on_link = hop->is_on_link,
	};
	return true;
}

uint16_t neigh_net_mtu(const struct neigh_net *net, const struct ip_addr *dst)
{
	const struct net_hop *hop = neigh_net_hop_find(net, dst);

	return hop == NULL ? 0 : net->ports[hop->port].mtu;
}

/* Ports on whose link addr is; all of them for an address that is routed to us. */
static uint32_t answering_ports(const struct neigh_net *net, const struct ip_addr *addr)
{
	uint32_t ports = 0;

	for (uint32_t i = 0; i < net->link_count; i++) {
		if (ip_prefix_contains(&net->links[i].prefix, addr))
			ports |= UINT32_C(1) << net->links[i].port;
	}
	return ports != 0 ? ports : net->links_of_own;
}

static void own_add(struct neigh_net *net, const struct ip_addr *addr, uint8_t flag, uint32_t ports)
{
	uint16_t *slot = own_slot(net, addr);
	struct net_own *own;

	if (*slot == 0) {
		net->owns[net->own_count].addr = *addr;
		*slot = (uint16_t)++net->own_count;
		net->own_filter[filter_bit(addr) / 64] |= UINT64_C(1) << filter_bit(addr) % 64;
	}
	own = &net->owns[*slot - 1];
	own->flags |= flag;
	own->ports |= ports;
}

static size_t address_count(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->port_count; i++)
		count += config->ports[i].address_count;
	return count;
}

static void links_fill(struct neigh_net *net, const struct config *config)
{
	for (size_t i = 0; i < config->port_count; i++) {
		for (size_t j = 0; j < config->ports[i].address_count; j++)
			net->links[net->link_count++] = (struct net_link){
				.prefix = config->ports[i].addresses[j],
				.port = (uint8_t)i,
			};
	}
}

static void owns_fill(struct neigh_net *net, const struct config *config)
{
	for (uint32_t i = 0; i < net->link_count; i++)
		own_add(net, &net->links[i].prefix.addr, NET_OWN_LOCAL,
			UINT32_C(1) << net->links[i].port);
	for (size_t i = 0; i < config->local_address_count; i++) {
		const struct ip_addr *addr = &config->local_addresses[i];

		if (!neigh_net_is_local(net, addr))
			own_add(net, addr, NET_OWN_LOCAL, answering_ports(net, addr));
	}
	for (size_t i = 0; i < config->service_count; i++) {
		const struct ip_addr *addr = &config->services[i].address;
		/* A port's own address is answered for on that port, VIP or not. */
		uint32_t ports = neigh_net_is_local(net, addr) ? 0 : answering_ports(net, addr);

		own_add(net, addr, NET_OWN_VIP, ports);
	}
}

static void hops_fill(struct neigh_net *net, const struct config *config)
{
	for (uint32_t i = 0; i < net->link_count; i++)
		net->hops[net->hop_count++] = (struct net_hop){
			.to = net->links[i].prefix,
			.port = net->links[i].port,
			.is_on_link = true,
		};
	for (size_t i = 0; i < config->route_count; i++)
		net->hops[net->hop_count++] = (struct net_hop){
			.to = config->routes[i].to,
			.via = config->routes[i].via,
			.port = (uint8_t)config->routes[i].port,
		};
}

/* First number of a prefix, and the last. */
static void prefix_bounds(const struct ip_prefix *prefix, net_number *first, net_number *last)
{
	unsigned bits = prefix->prefix_len;
	net_number hosts;

	if (ip_is_v4(&prefix->addr))
		bits += MAPPED_BITS;
	hosts = bits == V6_BITS ? 0 : ~(net_number)0 >> bits;
	*first = neigh_net_number_of(&prefix->addr) & ~hosts;
	*last = *first | hosts;
}

static int number_compare(const void *a, const void *b)
{
	net_number x = *(const net_number *)a;
	net_number y = *(const net_number *)b;

	return x < y ? -1 : x > y;
}

/* The first among the longest prefixes: an on-link one before a route of the same length. */
static uint16_t hop_longest(const struct neigh_net *net, const struct ip_addr *addr)
{
	uint16_t best = NET_HOP_NONE;

	for (uint16_t i = 0; i < net->hop_count; i++) {
		if (!ip_prefix_contains(&net->hops[i].to, addr))
			continue;
		if (best == NET_HOP_NONE ||
			net->hops[i].to.prefix_len > net->hops[best].to.prefix_len)
			best = i;
	}
	return best;
}

/* The hop can only change where a prefix starts or has ended. Cold: hops x ranges comparisons. */
static void ranges_fill(struct neigh_net *net)
{
	const struct ip_prefix v4_all = { .addr = ip_from_v4(0), .prefix_len = 0 };
	net_number first;
	net_number last;
	uint32_t points = 0;

	net->starts[points++] = 0;
	for (int i = -1; i < net->hop_count; i++) {
		prefix_bounds(i < 0 ? &v4_all : &net->hops[i].to, &first, &last);
		net->starts[points++] = first;
		if (last != ~(net_number)0)
			net->starts[points++] = last + 1;
	}
	qsort(net->starts, points, sizeof(net->starts[0]), number_compare);
	for (uint32_t i = 0; i < points; i++) {
		net_number start = net->starts[i];
		struct ip_addr addr;
		uint16_t hop;

		addr.halves[0] = rte_cpu_to_be_64((uint64_t)(start >> 64));
		addr.halves[1] = rte_cpu_to_be_64((uint64_t)start);
		hop = hop_longest(net, &addr);
		if (net->range_count > 0 && net->range_hops[net->range_count - 1] == hop)
			continue;
		net->starts[net->range_count] = start;
		net->range_hops[net->range_count++] = hop;
	}
}

static int port_of_link(const struct neigh_net *net, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < net->link_count; i++) {
		if (ip_equal(&net->links[i].prefix.addr, addr))
			return net->links[i].port;
	}
	return -1;
}

static void sources_fill(struct neigh_net *net, const struct config *config)
{
	for (size_t i = 0; i < config->local_address_count; i++)
		net->sources[net->source_count++] = config->local_addresses[i];
	for (uint32_t i = 0; config->local_address_count == 0 && i < net->link_count; i++)
		net->sources[net->source_count++] = net->links[i].prefix.addr;
	for (uint32_t i = 0; i < net->source_count; i++) {
		const struct ip_addr *source = &net->sources[i];
		unsigned family = ip_is_v4(source) ? 0 : 1;
		int port = port_of_link(net, source);

		if (net->any_sources[family] == NULL)
			net->any_sources[family] = source;
		if (port >= 0 && net->port_sources[port][family] == NULL)
			net->port_sources[port][family] = source;
		if (port >= 0 && net->port_sources[port][family] != net->any_sources[family])
			net->source_depends[family] = true;
	}
}

static void statics_fill(struct neigh_net *net, const struct config *config)
{
	for (size_t i = 0; i < config->neighbor_count; i++) {
		const struct config_neighbor *neighbor = &config->neighbors[i];
		struct net_static *row = &net->statics[net->static_count++];

		row->addr = neighbor->address;
		row->port = (uint8_t)neighbor->port;
		memcpy(row->mac, neighbor->mac, sizeof(row->mac));
	}
}

static int config_check(const struct config *config, struct err *err)
{
	if (config->port_count == 0 || config->port_count > NEIGH_PORTS_MAX)
		return err_set(err, EINVAL, "%zu ports: 1 to %u are possible", config->port_count,
			NEIGH_PORTS_MAX);
	if (address_count(config) + config->local_address_count + config->service_count > OWN_MAX)
		return err_set(err, EINVAL, "more than %u addresses and services", OWN_MAX);
	if (address_count(config) + config->route_count >= HOP_MAX)
		return err_set(err, EINVAL, "more than %u addresses and routes", HOP_MAX);
	for (size_t i = 0; i < config->route_count; i++) {
		if (config->routes[i].port >= config->port_count)
			return err_set(err, EINVAL, "routes[%zu] leads to no port", i);
	}
	for (size_t i = 0; i < config->neighbor_count; i++) {
		if (config->neighbors[i].port >= config->port_count)
			return err_set(err, EINVAL, "neighbors[%zu] is on no port", i);
	}
	return 0;
}

static bool tables_allocate(struct neigh_net *net, const struct config *config)
{
	size_t links = address_count(config);
	size_t hops = links + config->route_count;
	size_t owns = links + config->local_address_count + config->service_count;
	uint32_t slots = rte_align32pow2((uint32_t)(2 * owns + 1));

	net->own_mask = slots - 1;
	net->links = calloc(links + 1, sizeof(*net->links));
	net->hops = calloc(hops + 1, sizeof(*net->hops));
	net->starts = calloc(2 * hops + 3, sizeof(*net->starts));
	net->range_hops = calloc(2 * hops + 3, sizeof(*net->range_hops));
	net->owns = calloc(owns + 1, sizeof(*net->owns));
	net->own_slots = calloc(slots, sizeof(*net->own_slots));
	net->statics = calloc(config->neighbor_count + 1, sizeof(*net->statics));
	net->sources = calloc(links + config->local_address_count + 1, sizeof(*net->sources));
	return net->links != NULL && net->hops != NULL && net->starts != NULL &&
		net->range_hops != NULL && net->owns != NULL && net->own_slots != NULL &&
		net->statics != NULL && net->sources != NULL;
}

struct neigh_net *neigh_net_create(
	const struct config *config, const struct neigh_port *ports, struct err *err)
{
	struct neigh_net *net;

	if (config_check(config, err) < 0)
		return NULL;
	net = calloc(1, sizeof(*net));
	if (net == NULL || !tables_allocate(net, config)) {
		err_set(err, ENOMEM, "no memory for addresses and routes");
		neigh_net_destroy(net);
		return NULL;
	}
	net->port_count = (uint16_t)config->port_count;
	for (unsigned i = 0; i < config->port_count; i++)
		net->links_of_own |= config->ports[i].is_member ? 0 : UINT32_C(1) << i;
	memcpy(net->ports, ports, config->port_count * sizeof(*ports));
	net->mtu_min = UINT16_MAX;
	for (unsigned i = 0; i < net->port_count; i++)
		net->mtu_min = RTE_MIN(net->mtu_min, ports[i].mtu);
	links_fill(net, config);
	owns_fill(net, config);
	hops_fill(net, config);
	ranges_fill(net);
	sources_fill(net, config);
	statics_fill(net, config);
	return net;
}

void neigh_net_destroy(struct neigh_net *net)
{
	if (net == NULL)
		return;
	free(net->links);
	free(net->hops);
	free(net->starts);
	free(net->range_hops);
	free(net->owns);
	free(net->own_slots);
	free(net->statics);
	free(net->sources);
	free(net);
}
