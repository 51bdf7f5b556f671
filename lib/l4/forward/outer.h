/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_OUTER_H
#define L4_FORWARD_OUTER_H

#include <netinet/in.h>

#include "forward.h"

/* Bytes of an IP header to this member. */
static inline int outer_ip_bytes(const struct member *member)
{
	return ip_is_v4(&member->address) ? 20 : 40;
}

/*
 * Puts an IP header to the member in front of what m holds. protocol: of what follows; inner: the
 * client's packet in there, whose traffic class is copied (RFC 6040 4.1, normal mode) and, to IPv4,
 * its don't-fragment bit, too. TTL 64 whatever the inner one is (RFC 2003 3.1). DROP_NONE,
 * DROP_no_route or DROP_mbuf_exhausted.
 */
enum drop_reason outer_write(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, uint8_t protocol, const uint8_t *inner);

/* The protocol number of the client's packet at 'inner' as a payload: 4 or 41. */
static inline uint8_t outer_payload_protocol(const uint8_t *inner)
{
	return *inner >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

#endif
