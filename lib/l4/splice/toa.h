/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_TOA_H
#define L4_SPLICE_TOA_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "packet/packet.h"

/* Kind, length, port, address: 8 bytes for IPv4, 20 for IPv6, as LVS and DPVS lay it out. */
#define TOA_KIND    254
#define TOA_BYTES_4 8
#define TOA_BYTES_6 20

/* The option for this client; returns its bytes, which are words. */
unsigned toa_write(const struct packet_tuple *client, uint8_t out[TOA_BYTES_6]);

/* Puts the option of a client in front of the options of its own parsed TCP packet. False: there
 * is no room in header or buffer, and the packet is as it was. */
bool toa_insert(struct rte_mbuf *m);

#endif
