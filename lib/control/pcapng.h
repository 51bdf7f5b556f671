/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCAPNG_H
#define PCAPNG_H

#include <stdint.h>
#include <stdio.h>

/*
 * Writes the format pcapng (draft-ietf-opsawg-pcapng): a section header, an interface for each
 * port, enhanced packet blocks with comments. DPDK's rte_pcapng knows no comments before 23.11
 * and asks for ethdev ports. Errors stay in the stream: ferror(). Control thread.
 */
struct pcapng_packet {
	unsigned interface; /* in the order of pcapng_interface() */
	uint64_t time_us;   /* since 1970 */
	const uint8_t *bytes;
	uint32_t len;
	uint32_t wire_len;
	const char *comment;
};

void pcapng_section(FILE *out, const char *application);
void pcapng_interface(FILE *out, const char *name, uint32_t snap_len);
void pcapng_packet(FILE *out, const struct pcapng_packet *packet);

#endif
