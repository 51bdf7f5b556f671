/* SPDX-License-Identifier: Apache-2.0 */
/* Options of IP headers: nothing here acts on one, but their lengths must be true. */
#include <netinet/ip.h>

#include <rte_common.h>

#include "parse.h"

/* RFC 8200 4.2: what the top bits of an option's type ask of who does not know it. */
#define V6_ACTION_MASK 0xc0
#define V6_ACTION_SKIP 0x00
#define V6_PAD1        0

/* In one header, padding included; a longer list is there to waste cycles (RFC 8504 5.3). */
#define V6_OPTIONS_MAX 16

#define TYPE_AND_LENGTH 2

/* RFC 791 3.1. What follows the end of the list is padding. */
enum drop_reason packet_v4_options_check(const uint8_t *options, uint32_t len)
{
	uint32_t at = 0;

	while (at < len && options[at] != IPOPT_EOL) {
		if (options[at] == IPOPT_NOP) {
			at++;
			continue;
		}
		if (len - at < TYPE_AND_LENGTH || options[at + 1] < TYPE_AND_LENGTH ||
			options[at + 1] > len - at)
			return DROP_parse_ip_header;
		if (options[at] == IPOPT_LSRR || options[at] == IPOPT_SSRR)
			return DROP_parse_source_route;
		at += options[at + 1];
	}
	return DROP_NONE;
}

/* Options that all can skip are good; one that asks to be understood ends the packet. */
enum drop_reason packet_v6_options_check(const uint8_t *options, uint32_t len)
{
	uint32_t at = 0;

	for (unsigned count = 0; at < len; count++) {
		if (count == V6_OPTIONS_MAX)
			return DROP_parse_ip_extension;
		if (options[at] == V6_PAD1) {
			at++;
			continue;
		}
		if ((options[at] & V6_ACTION_MASK) != V6_ACTION_SKIP)
			return DROP_parse_ip_extension;
		if (len - at < TYPE_AND_LENGTH || len - at - TYPE_AND_LENGTH < options[at + 1])
			return DROP_parse_ip_header;
		at += TYPE_AND_LENGTH + options[at + 1];
	}
	return DROP_NONE;
}
