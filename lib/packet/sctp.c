/* SPDX-License-Identifier: Apache-2.0 */
#include "sctp.h"

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_hash_crc.h>

#include "checksum.h"
#include "parse.h"

#define CRC_START   0xffffffffu
#define CHUNK_BYTES 4
#define CHUNK_ALIGN 4u

enum chunk_type {
	CHUNK_INIT = 1,
	CHUNK_INIT_ACK = 2,
	CHUNK_ABORT = 6,
	CHUNK_SHUTDOWN = 7,
	CHUNK_SHUTDOWN_ACK = 8,
	CHUNK_COOKIE_ECHO = 10,
	CHUNK_COOKIE_ACK = 11,
	CHUNK_SHUTDOWN_COMPLETE = 14,
	CHUNK_TYPES,
};

static const uint8_t chunk_flags[CHUNK_TYPES] = {
	[CHUNK_INIT] = PACKET_SCTP_INIT,
	[CHUNK_INIT_ACK] = PACKET_SCTP_INIT_ACK,
	[CHUNK_ABORT] = PACKET_SCTP_ABORT,
	[CHUNK_SHUTDOWN] = PACKET_SCTP_SHUTDOWN,
	[CHUNK_SHUTDOWN_ACK] = PACKET_SCTP_SHUTDOWN_ACK,
	[CHUNK_COOKIE_ECHO] = PACKET_SCTP_COOKIE_ECHO,
	[CHUNK_COOKIE_ACK] = PACKET_SCTP_COOKIE_ACK,
	[CHUNK_SHUTDOWN_COMPLETE] = PACKET_SCTP_SHUTDOWN_COMPLETE,
};

/* Words as they lie in memory, however they are aligned, which rte_hash_crc() does not care for. */
static uint32_t crc_add(uint32_t crc, const uint8_t *data, uint32_t len)
{
	for (; len >= 8; len -= 8, data += 8)
		crc = rte_hash_crc_8byte(load64(data), crc);
	if (len >= 4) {
		crc = rte_hash_crc_4byte(load32(data), crc);
		len -= 4;
		data += 4;
	}
	for (; len > 0; len--, data++)
		crc = rte_hash_crc_1byte(*data, crc);
	return crc;
}

uint32_t packet_sctp_sum(const struct rte_mbuf *m, uint32_t offset)
{
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, offset);
	uint32_t crc = crc_add(CRC_START, header, SCTP_SUM_OFFSET);

	/* In place of the checksum itself. */
	crc = rte_hash_crc_4byte(0, crc);
	offset += SCTP_BYTES;
	for (; m != NULL; m = m->next) {
		crc = crc_add(crc, rte_pktmbuf_mtod_offset(m, const uint8_t *, offset),
			m->data_len - offset);
		offset = 0;
	}
	return rte_cpu_to_le_32(~crc);
}

void packet_sctp_rewrite(struct rte_mbuf *m, uint32_t offset, const uint16_t ports_be[2])
{
	uint8_t *header = rte_pktmbuf_mtod_offset(m, uint8_t *, offset);
	uint32_t sum;

	memcpy(header, ports_be, 2 * sizeof(ports_be[0]));
	sum = packet_sctp_sum(m, offset);
	memcpy(header + SCTP_SUM_OFFSET, &sum, sizeof(sum));
}

/* RFC 9260 3.2: every chunk tells its length, and is padded to words that may lack at the end. */
static enum drop_reason chunks_parse(struct rte_mbuf *m, struct packet *p, uint32_t len)
{
	const uint8_t *chunks = rte_pktmbuf_mtod_offset(
		m, const uint8_t *, p->l4_offset + SCTP_BYTES);
	uint32_t count = 0;
	uint32_t at = 0;

	for (; at < len; count++) {
		uint32_t chunk_len;

		if (len - at < CHUNK_BYTES)
			return DROP_parse_l4_header;
		chunk_len = rte_be_to_cpu_16(load16(chunks + at + 2));
		if (chunk_len < CHUNK_BYTES || chunk_len > len - at)
			return DROP_parse_l4_header;
		if (chunks[at] < CHUNK_TYPES)
			p->sctp_chunks |= chunk_flags[chunks[at]];
		at += RTE_ALIGN_CEIL(chunk_len, CHUNK_ALIGN);
	}
	if (count == 0)
		return DROP_parse_l4_header;
	/* RFC 9260 3.3.2, 3.3.3, 3.3.14: these are alone in their packet. */
	if (count > 1 &&
		(p->sctp_chunks &
			(PACKET_SCTP_INIT | PACKET_SCTP_INIT_ACK |
				PACKET_SCTP_SHUTDOWN_COMPLETE)) != 0)
		return DROP_parse_l4_header;
	return DROP_NONE;
}

enum drop_reason packet_sctp_parse(struct rte_mbuf *m, struct packet *p, uint32_t len)
{
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);

	/* Chunks are walked, and so must be in the first segment: our own buffers hold a frame. */
	if (len < SCTP_BYTES || p->l4_offset + len > m->data_len)
		return DROP_parse_short;
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_GOOD &&
		load32(header + SCTP_SUM_OFFSET) != packet_sctp_sum(m, p->l4_offset))
		return DROP_parse_l4_checksum;
	p->src_port_be = load16(header);
	p->dst_port_be = load16(header + 2);
	p->payload_offset = (uint16_t)(p->l4_offset + SCTP_BYTES);
	p->payload_len = (uint16_t)(len - SCTP_BYTES);
	return chunks_parse(m, p, len - SCTP_BYTES);
}
