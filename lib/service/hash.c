/* SPDX-License-Identifier: Apache-2.0 */
/* What of a packet decides over its member. */
#include <rte_byteorder.h>

#include "base/hash.h"
#include "service/service.h"

#define V4_PREFIX_BITS 96 /* of an IPv4-mapped address that are no address */

/* In network order, so that appliances of either endianness agree. */
static uint32_t address_hash(const struct ip_addr *address, uint16_t port_be, struct hash_key key)
{
	const uint64_t words[5] = {
		rte_be_to_cpu_64(address->halves[0]),
		rte_be_to_cpu_64(address->halves[1]),
		rte_be_to_cpu_16(port_be),
	};

	return (uint32_t)(hash_words5(key, words) >> 32);
}

/* The first bits of one half of an address, 0 to 64. */
static uint64_t half_mask_be(unsigned bits)
{
	return bits == 0 ? 0 : rte_cpu_to_be_64(UINT64_MAX << (64 - bits));
}

struct ip_addr service_affinity_source(const struct service *service, const struct ip_addr *client)
{
	unsigned bits = ip_is_v4(client) ? V4_PREFIX_BITS + service->affinity.prefix4
					 : service->affinity.prefix6;
	struct ip_addr source = *client;

	source.halves[0] &= half_mask_be(bits < 64 ? bits : 64);
	source.halves[1] &= half_mask_be(bits < 64 ? 0 : bits - 64);
	return source;
}

uint32_t service_balance_hash(
	const struct service *service, const struct packet *p, struct hash_key key)
{
	struct ip_addr source;

	if (service->affinity.timeout_ms > 0) {
		/* Cores and appliances that have not met the client choose alike. */
		source = service_affinity_source(service, &p->src);
		return address_hash(&source, 0, key);
	}
	switch (service->hash) {
	case CONFIG_HASH_SOURCE_IP:
		return address_hash(&p->src, 0, key);
	case CONFIG_HASH_SOURCE_IP_PORT:
		return address_hash(&p->src, p->src_port_be, key);
	case CONFIG_HASH_DESTINATION:
		return address_hash(&p->dst, p->dst_port_be, key);
	default:
		return p->flow_hash;
	}
}
