/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_ROWS_H
#define PACKET_ROWS_H

#include "base/hash.h"
#include "support/frame.h"

/* Words for rows of frames: parts of a struct frame_spec. */
#define V4    .src = "198.51.100.7", .dst = "192.0.2.100"
#define V6    .src = "2001:db8::7", .dst = "2001:db8::100"
#define PORTS .src_port = 40000, .dst_port = 443
#define TCP4  V4, PORTS, .protocol = IPPROTO_TCP
#define UDP4  V4, PORTS, .protocol = IPPROTO_UDP
#define TCP6  V6, PORTS, .protocol = IPPROTO_TCP
#define UDP6  V6, PORTS, .protocol = IPPROTO_UDP
#define BYTES(...)                                                                                 \
	(const uint8_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define EXT(first, ...)                                                                            \
	.extensions_next = (first), .extensions = BYTES(__VA_ARGS__),                              \
	.extensions_len = sizeof((const uint8_t[]){ __VA_ARGS__ })
#define DATA(...)                                                                                  \
	.payload = BYTES(__VA_ARGS__), .payload_len = sizeof((const uint8_t[]){ __VA_ARGS__ })

/* Offsets in a frame. */
#define IP       14
#define L4       34
#define L4_OF_V6 54

static const struct hash_key key = { .k0 = 0x0123456789abcdefull, .k1 = 0xfedcba9876543211ull };

#endif
