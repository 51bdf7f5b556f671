/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_FLOW_HASH_H
#define PACKET_FLOW_HASH_H

#include <rte_byteorder.h>

#include "packet/packet.h"

/*
 * The one definition of the flow hash, for the parser and for tuples. Words are read in network
 * order, so that appliances of either endianness agree.
 */
static inline uint64_t flow_rest(uint16_t src_port_be, uint16_t dst_port_be, uint8_t protocol)
{
	uint64_t ports = (uint64_t)rte_be_to_cpu_16(src_port_be) << 16 |
		rte_be_to_cpu_16(dst_port_be);

	return ports << 8 | protocol;
}

static inline uint32_t flow_hash_v4(
	uint32_t src_be, uint32_t dst_be, uint64_t rest, struct hash_key key)
{
	uint64_t addresses = (uint64_t)rte_be_to_cpu_32(src_be) << 32 | rte_be_to_cpu_32(dst_be);

	return (uint32_t)hash_words2(key, addresses, rest);
}

static inline uint32_t flow_hash_v6(
	const struct ip_addr *src, const struct ip_addr *dst, uint64_t rest, struct hash_key key)
{
	const uint64_t words[5] = {
		rte_be_to_cpu_64(src->halves[0]),
		rte_be_to_cpu_64(src->halves[1]),
		rte_be_to_cpu_64(dst->halves[0]),
		rte_be_to_cpu_64(dst->halves[1]),
		rest,
	};

	return (uint32_t)hash_words5(key, words);
}

static inline uint32_t flow_hash_any(
	const struct ip_addr *src, const struct ip_addr *dst, uint64_t rest, struct hash_key key)
{
	if (ip_is_v4(src))
		return flow_hash_v4(ip_v4_be(src), ip_v4_be(dst), rest, key);
	return flow_hash_v6(src, dst, rest, key);
}

#endif
