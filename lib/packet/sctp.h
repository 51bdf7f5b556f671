/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_SCTP_H
#define PACKET_SCTP_H

#include <stdint.h>

#include <rte_mbuf.h>

#define SCTP_BYTES      12
#define SCTP_SUM_OFFSET 8

/* The CRC32c (RFC 9260 appendix A) of the packet from offset to its end, as the field has it. */
uint32_t packet_sctp_sum(const struct rte_mbuf *m, uint32_t offset);

/* Writes both ports into the header at offset, and the checksum. */
void packet_sctp_rewrite(struct rte_mbuf *m, uint32_t offset, const uint16_t ports_be[2]);

#endif
