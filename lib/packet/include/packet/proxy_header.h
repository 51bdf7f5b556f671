/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_PROXY_HEADER_H
#define PACKET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/*
 * The PROXY protocol (haproxy.org, proxy-protocol.txt), versions 1 and 2: what stands before the
 * first byte of a connection and tells whose it really is. Bytes in, bytes out; any worker.
 */
#define PROXY_HEADER_V1_MAX 107  /* with CR LF, 2.1 */
#define PROXY_HEADER_MAX    1024 /* of a header that is read; longer ones are malformed */
#define PROXY_ALPN_MAX      255  /* RFC 7301 3.1 */
#define PROXY_AUTHORITY_MAX 255  /* a host name */

/* A value of a TLV: len 0 is none. Not NUL-terminated; parsed ones lie in the header's bytes. */
struct proxy_value {
	const uint8_t *data;
	uint16_t len;
};

struct proxy_header {
	/*
	 * LOCAL, UNKNOWN, or a family that has no ports: the sender speaks for itself, and the
	 * connection's own addresses count. tuple is zero then.
	 */
	bool is_local;
	struct packet_tuple tuple; /* from the client to what it asked for; IPPROTO_TCP or _UDP */
	/* Version 2 only: */
	struct proxy_value alpn;
	struct proxy_value authority; /* what the client asked for by name: SNI */
};

enum proxy_header_result {
	PROXY_HEADER_INCOMPLETE = 0, /* all is well so far; call again with more */
	PROXY_HEADER_MISSING = -1,   /* what is there begins no header of either version */
	PROXY_HEADER_MALFORMED = -2,
};

/*
 * Reads the header in front of len bytes. Returns how long it is and fills *header, or an enum
 * proxy_header_result. Decides at the latest at PROXY_HEADER_MAX bytes. A CRC32C in version 2 is
 * verified; TLVs that are not above are skipped.
 */
int proxy_header_parse(const uint8_t *data, size_t len, struct proxy_header *header);

/*
 * Writes the header of version 1 or 2 to out. IPv4 beside IPv6 becomes IPv4-mapped. Version 1
 * carries neither values nor datagrams: of these it says UNKNOWN. Returns the length, or 0: it
 * does not fit in size (PROXY_HEADER_MAX always do with values within their bounds).
 */
size_t proxy_header_write(
	const struct proxy_header *header, unsigned version, uint8_t *out, size_t size);

#endif
