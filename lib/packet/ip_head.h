/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_IP_HEAD_H
#define PACKET_IP_HEAD_H

#include <stdbool.h>

#include "packet/packet.h"

#define IP_V4_BYTES       20
#define IP_V6_BYTES       40
#define IP_FRAGMENT_BYTES 8

/* What both versions' headers say, private to this module: for translation (RFC 7915). */
struct ip_head {
	const struct ip_addr *src, *dst;
	uint32_t payload_len; /* behind the header, or behind its fragment header */
	uint8_t tos;          /* or traffic class */
	uint8_t ttl;          /* or hop limit */
	uint8_t protocol;
	bool is_fragment; /* then the next three count; an IPv6 header gets a fragment header */
	bool has_more;
	uint16_t fragment_offset; /* bytes */
	uint32_t id;
};

/* The sum of both addresses: their share of the pseudo header. */
uint64_t ip_addresses_sum(const struct ip_addr *src, const struct ip_addr *dst);

/* *next_id: as packet_translate() has it; NULL: what is no fragment must not become one. */
void ip_head_v4_write(uint8_t *ip, const struct ip_head *head, uint16_t *next_id);

/* Writes 40 bytes, or 48 with a fragment header. */
void ip_head_v6_write(uint8_t *ip, const struct ip_head *head);

/* The bytes that the latter writes. */
static inline uint32_t ip_head_v6_bytes(const struct ip_head *head)
{
	return IP_V6_BYTES + (head->is_fragment ? IP_FRAGMENT_BYTES : 0);
}

#endif
