/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_SEGMENT_H
#define TCP_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "packet/packet.h"

#define OPTIONS_MAX     40
#define SACK_BLOCKS_MAX 4
#define TS_OPTION_BYTES 12 /* with two NOPs in front */
#define WSCALE_MAX      14 /* RFC 7323 2.3 */
#define ECN_ECT_0       2  /* in the IP header: marks are understood (RFC 3168 5) */
#define ECN_CE          3

struct sack_block {
	uint32_t start;
	uint32_t end;
};

enum option_bits {
	OPTION_MSS = 1 << 0,
	OPTION_WSCALE = 1 << 1,
	OPTION_SACK_OK = 1 << 2,
	OPTION_TS = 1 << 3,
	OPTION_ECN = 1 << 4, /* no option: flags of the SYN, remembered with them */
};

struct options {
	uint8_t present; /* enum option_bits */
	uint8_t wscale;
	uint16_t mss;
	uint32_t tsval;
	uint32_t tsecr;
	uint8_t sack_count;
	struct sack_block sacks[SACK_BLOCKS_MAX];
};

/* A received segment: header fields in host order, payload still in its mbuf. */
struct segment {
	struct rte_mbuf *m;
	uint32_t seq;
	uint32_t ack;
	uint32_t payload_len;
	uint16_t window;
	uint8_t flags;
	uint8_t merged; /* so many more are in it (merge.c) */
	struct options options;
};

/* Sequence space that it takes (SEG.LEN). */
static inline uint32_t segment_span(const struct segment *seg)
{
	return seg->payload_len + !!(seg->flags & RTE_TCP_SYN_FLAG) +
		!!(seg->flags & RTE_TCP_FIN_FLAG);
}

static inline uint32_t segment_end(const struct segment *seg)
{
	return seg->seq + segment_span(seg);
}

/* Reads header and options of a parsed packet; false when the options are broken: what stood
 * before the break counts, the rest is ignored. */
bool segment_read(struct rte_mbuf *m, struct segment *seg);

/* Builders of the option list; each returns the bytes written, a multiple of four. */
unsigned options_put_ts(uint8_t *out, uint32_t tsval, uint32_t tsecr);
unsigned options_put_sack(uint8_t *out, const struct sack_block *blocks, unsigned count);

/* The options of a SYN or SYN-ACK: those that are present. */
unsigned options_put_syn(uint8_t *out, const struct options *options);

struct tcp_stack;

/* A segment to be sent. */
struct segment_out {
	const struct ip_addr *local;
	const struct ip_addr *remote;
	uint16_t local_port_be;
	uint16_t remote_port_be;
	uint32_t seq;
	uint32_t ack;
	uint16_t window; /* as on the wire */
	uint8_t flags;
	uint8_t ecn; /* the ECN bits of the IP header */
	uint8_t options_len;
	uint8_t options[OPTIONS_MAX];
};

/*
 * An mbuf with IP and TCP headers for payload_len bytes that the caller appends or chains before
 * segment_emit(). NULL when no mbuf is free.
 */
struct rte_mbuf *segment_make(
	struct tcp_stack *stack, const struct segment_out *out, uint32_t payload_len);

/*
 * Puts the same headers in front of payload_len bytes that begin at data_off of the mbuf's buffer.
 * The mbuf is the caller's alone, and its fields are set anew. False: there is no room in front.
 */
bool segment_wrap(
	struct rte_mbuf *m, const struct segment_out *out, uint16_t data_off, uint16_t payload_len);

/*
 * The same for a chain of mbufs that hold payload_len bytes and nothing else, count segments of one
 * mbuf each, as long as the first but for the last (packet_cut()). All have room in front.
 */
void segment_wrap_chain(
	struct rte_mbuf *m, const struct segment_out *out, uint32_t payload_len, uint16_t count);

/* Hands a complete segment to ops.output. */
void segment_emit(struct tcp_stack *stack, struct rte_mbuf *m);

/* segment_make() and segment_emit() of one without payload. False: no mbuf. */
bool segment_send(struct tcp_stack *stack, const struct segment_out *out);

#endif
