/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

/*
 * Internet checksums (RFC 1071), private to this module. A running sum adds 32-bit words as they
 * lie in memory into 64 bits: carries are folded once, at the end, and byte order does not matter.
 */

static inline uint16_t load16(const void *from)
{
	uint16_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

static inline uint32_t load32(const void *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

static inline uint64_t load64(const void *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

/* Both halves of a 64-bit word. */
static inline uint64_t sum_halves(uint64_t word)
{
	return (uint32_t)word + (word >> 32);
}

/* Running sum of up to 64 KB; an odd last byte is padded with zero. */
static inline uint64_t sum_bytes(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint64_t other = 0;
	uint16_t last = 0;

	for (; len >= 16; len -= 16, data += 16) {
		sum += sum_halves(load64(data));
		other += sum_halves(load64(data + 8));
	}
	sum += other;
	for (; len >= 4; len -= 4, data += 4)
		sum += load32(data);
	if (len >= 2) {
		sum += load16(data);
		data += 2;
	}
	if (len & 1) {
		memcpy(&last, data, 1);
		sum += last;
	}
	return sum;
}

static inline uint16_t sum_fold(uint64_t sum)
{
	sum = sum_halves(sum);
	sum = sum_halves(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The same over a chain of segments; offset and len lie inside the packet. */
uint64_t packet_sum_chain(const struct rte_mbuf *m, uint32_t offset, uint32_t len);

/* Over the packet's bytes, wherever they are. */
static inline uint64_t sum_packet(const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	if (offset + len <= m->data_len)
		return sum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), len);
	return packet_sum_chain(m, offset, len);
}

#endif
