/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_ICMP_TRANSLATE_H
#define PACKET_ICMP_TRANSLATE_H

#include <stdbool.h>
#include <stdint.h>

/* The eight bytes before an ICMP error's quote, without the checksum; private to this module. */
struct icmp_head {
	uint8_t type;
	uint8_t code;
	uint32_t rest; /* host order */
};

/* MTUs of the next hops to either side; 0: not known. */
struct icmp_mtus {
	uint16_t v4, v6;
	bool is_fragment; /* the packet in error has a fragment header in IPv6 */
};

/*
 * What an ICMP error's head becomes in the other version (RFC 7915 4.2, 5.2). quoted_len: all of
 * the quoted packet, for routers that tell no MTU. False: nothing there says the same.
 */
bool icmp_head_to_v6(struct icmp_head *head, const struct icmp_mtus *mtus, uint32_t quoted_len);
bool icmp_head_to_v4(struct icmp_head *head, const struct icmp_mtus *mtus);

#endif
