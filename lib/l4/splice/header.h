/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_HEADER_H
#define L4_SPLICE_HEADER_H

#include "conf/config.h"
#include "packet/proxy_header.h"

#define SPLICE_HEADER_MAX PROXY_HEADER_V1_MAX /* version 2 without values is shorter */

/*
 * The PROXY protocol's header for a connection of the client, whose packets have this tuple.
 * Returns its bytes; 0 for another way of telling.
 */
unsigned splice_header_write(enum config_client_address way, const struct packet_tuple *client,
	uint8_t out[SPLICE_HEADER_MAX]);

#endif
