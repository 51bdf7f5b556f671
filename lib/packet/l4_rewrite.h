/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_L4_REWRITE_H
#define PACKET_L4_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <rte_tcp.h>
#include <rte_udp.h>

#include "checksum.h"
#include "packet/packet.h"

/* What rewriting within an IP version and between the two have in common. */

/* RFC 1624 eqn. 3, for any number of changes at once: HC' = ~(~HC + change). */
static inline uint16_t sum_change(uint16_t sum_be, uint64_t change)
{
	return (uint16_t)~sum_fold((uint16_t)~sum_be + change);
}

/* ~m + m' for a 32-bit word. */
static inline uint64_t change32(uint32_t old_be, uint32_t new_be)
{
	return (uint64_t)(uint32_t)~old_be + new_be;
}

/* Writes both ports and fixes the sum for them and for the addresses' change. */
static inline void l4_rewrite(uint8_t *l4, bool is_udp, const uint16_t ports_be[2], uint64_t change)
{
	uint16_t *sum = (uint16_t *)(l4 +
		(is_udp ? offsetof(struct rte_udp_hdr, dgram_cksum)
			: offsetof(struct rte_tcp_hdr, cksum)));
	uint16_t old;

	change += change32(load32(l4), load32(ports_be));
	memcpy(l4, ports_be, 2 * sizeof(ports_be[0]));
	old = load16(sum);
	if (is_udp && old == 0)
		return;
	old = sum_change(old, change);
	/* RFC 768: a sum of zero is sent as all ones, zero means none. */
	if (is_udp && old == 0)
		old = 0xffff;
	memcpy(sum, &old, sizeof(old));
}

#endif
