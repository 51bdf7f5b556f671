/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_SEGMENT_H
#define L4_SPLICE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "options.h"
#include "packet/packet.h"

/* A TCP segment that we make: in host order but for the tuple. */
struct segment {
	struct packet_tuple ends; /* as it leaves */
	uint32_t seq;
	uint32_t ack; /* with RTE_TCP_ACK_FLAG */
	uint16_t window;
	uint8_t flags;
	uint8_t options_len; /* words */
	uint8_t options[TCP_OPTIONS_MAX];
	const void *payload;
	uint16_t payload_len;
};

/*
 * Makes the mbuf this segment, from its IP header on, with checksums; what it was is gone. Segments
 * behind the first are freed. An mbuf of the workers' pool has room for any; false: this one has
 * not, and is as it was.
 */
bool splice_segment_write(struct rte_mbuf *m, const struct segment *segment);

#endif
