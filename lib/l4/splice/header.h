/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_HEADER_H
#define L4_SPLICE_HEADER_H

#include <stdint.h>

#include "conf/config.h"
#include "packet/packet.h"

#define PROXY_HEADER_MAX 108 /* version 1 over IPv6, as its specification reckons */

/*
 * The PROXY protocol's header for a connection from client->src to client->dst, in version 1
 * (words) or 2 (binary). Returns its bytes; 0 for another way of telling.
 */
unsigned proxy_header_write(enum config_client_address way, const struct packet_tuple *client,
	uint8_t out[PROXY_HEADER_MAX]);

#endif
