/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * An IP address of either family in 16 bytes, network byte order. IPv4 is held IPv4-mapped
 * (RFC 4291 2.5.5.2), so that tables and comparisons need no family; on the wire it is 4 bytes, at
 * offset 12.
 */
struct ip_addr {
	union {
		uint8_t bytes[16];
		uint32_t words_be[4];
		uint64_t halves[2];
	};
};

static_assert(sizeof(struct ip_addr) == 16, "two addresses fill half a cache line");

#define IP_TEXT_MAX     48 /* address, and a NUL */
#define IP_ENDPOINT_MAX 56 /* "[address]:port", and a NUL */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IP_MAPPED_PREFIX_BE 0xffff0000u
#else
#define IP_MAPPED_PREFIX_BE 0x0000ffffu
#endif

static inline struct ip_addr ip_from_v4(uint32_t v4_be)
{
	struct ip_addr addr = { .words_be = { 0, 0, IP_MAPPED_PREFIX_BE, v4_be } };

	return addr;
}

static inline struct ip_addr ip_from_v6(const uint8_t bytes[16])
{
	struct ip_addr addr;

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	return addr;
}

static inline bool ip_is_v4(const struct ip_addr *addr)
{
	return addr->halves[0] == 0 && addr->words_be[2] == IP_MAPPED_PREFIX_BE;
}

static inline uint32_t ip_v4_be(const struct ip_addr *addr)
{
	return addr->words_be[3];
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

/* An address range by prefix. prefix_len counts the family's own bits: 0-32 for IPv4, 0-128. */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t prefix_len;
};

/* True when addr is of the prefix's family and inside it. */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);

/* Parses "192.0.2.1" or "2001:db8::1". 0, or -EINVAL. IPv4-mapped text is refused. */
int ip_parse(const char *text, struct ip_addr *addr);

/* Parses "ADDRESS/LENGTH"; a bare address is a whole one. Host bits are kept. 0, or -EINVAL. */
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);

/* Parses "192.0.2.1:80" or "[2001:db8::1]:80". 0, -EINVAL, or -ERANGE for the port. */
int ip_endpoint_parse(const char *text, struct ip_addr *addr, uint16_t *port);

/* "tcp", "udp", "sctp"; "?" for others. */
const char *ip_protocol_name(uint8_t protocol);

/* Return text. IPv6 as in RFC 5952. */
const char *ip_format(const struct ip_addr *addr, char text[IP_TEXT_MAX]);
const char *ip_endpoint_format(
	const struct ip_addr *addr, uint16_t port, char text[IP_ENDPOINT_MAX]);

#endif
