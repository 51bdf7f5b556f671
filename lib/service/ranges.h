/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_RANGES_H
#define SERVICE_RANGES_H

#include "base/hash.h"
#include "service/service.h"

/* Not a secret key: what is in the table is ours, and searches that fail end within a few slots. */
static inline uint32_t service_hash(
	const struct ip_addr *address, uint16_t port_be, uint8_t protocol)
{
	static const struct hash_key key = {
		.k0 = 0x243f6a8885a308d3ull,
		.k1 = 0x13198a2e03707344ull,
	};
	uint64_t rest = (uint64_t)port_be << 8 | protocol;

	return (uint32_t)(hash_words2(key, address->halves[0] ^ rest << 40, address->halves[1]) >>
		32);
}

/*
 * Services of more than one port: address and protocol by hash, then the port by halves. None
 * overlaps another, but for the one of all ports, which is for what is left.
 */
struct service_ranges;

/*
 * Of the count services, those with more ports than one; they must outlive the ranges. *made is
 * NULL where there are none. 0, -EEXIST or -ENOMEM.
 */
int service_ranges_create(const struct service *services, unsigned count,
	struct service_ranges **made, struct err *err);
void service_ranges_destroy(struct service_ranges *ranges);

const struct service *service_ranges_find(const struct service_ranges *ranges,
	const struct ip_addr *address, uint16_t port_be, uint8_t protocol);

#endif
