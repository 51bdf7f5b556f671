/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY protocol, versions 1 and 2, as HAProxy's doc/proxy-protocol.txt has it. */
#include "header.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

#define V2_COMMAND_PROXY 0x21 /* version 2, PROXY */
#define V2_TCP4          0x11
#define V2_TCP6          0x21

/* The text form of an address, as v1 wants it; IPv4 that stands in IPv6 never comes here. */
static unsigned words_write(const struct packet_tuple *client, uint8_t *out)
{
	char src[IP_TEXT_MAX];
	char dst[IP_TEXT_MAX];

	return (unsigned)snprintf((char *)out, PROXY_HEADER_MAX, "PROXY %s %s %s %u %u\r\n",
		ip_is_v4(&client->src) ? "TCP4" : "TCP6", ip_format(&client->src, src),
		ip_format(&client->dst, dst), rte_be_to_cpu_16(client->src_port_be),
		rte_be_to_cpu_16(client->dst_port_be));
}

static unsigned binary_write(const struct packet_tuple *client, uint8_t *out)
{
	static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55,
		0x49, 0x54, 0x0a };
	bool is_v4 = ip_is_v4(&client->src);
	unsigned skip = is_v4 ? 12 : 0;
	unsigned addr_bytes = 16 - skip;
	uint16_t len_be = rte_cpu_to_be_16((uint16_t)(2 * addr_bytes + 4));
	uint8_t *at = out;

	memcpy(at, signature, sizeof(signature));
	at += sizeof(signature);
	*at++ = V2_COMMAND_PROXY;
	*at++ = is_v4 ? V2_TCP4 : V2_TCP6;
	memcpy(at, &len_be, 2);
	memcpy(at + 2, client->src.bytes + skip, addr_bytes);
	memcpy(at + 2 + addr_bytes, client->dst.bytes + skip, addr_bytes);
	at += 2 + 2 * addr_bytes;
	memcpy(at, &client->src_port_be, 2);
	memcpy(at + 2, &client->dst_port_be, 2);
	return (unsigned)(at + 4 - out);
}

unsigned proxy_header_write(enum config_client_address way, const struct packet_tuple *client,
	uint8_t out[PROXY_HEADER_MAX])
{
	if (way == CONFIG_CLIENT_ADDRESS_PROXY_V1)
		return words_write(client, out);
	return way == CONFIG_CLIENT_ADDRESS_PROXY_V2 ? binary_write(client, out) : 0;
}
