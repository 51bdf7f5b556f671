/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_OPTIONS_H
#define L4_SPLICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "packet/packet.h"

#define TCP_OPTIONS_MAX 40

enum tcp_option {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_SCALE = 3,
	TCP_OPTION_SACK_OK = 4,
	TCP_OPTION_SACK = 5,
	TCP_OPTION_TIMES = 8,
};

#define TCP_OPTION_TIMES_BYTES 10
#define TCP_SCALE_MAX          14 /* RFC 7323 2.3 */
#define TCP_MSS_DEFAULT        536

enum tcp_options_present {
	TCP_HAS_MSS = 1 << 0,
	TCP_HAS_SCALE = 1 << 1,
	TCP_HAS_SACK_OK = 1 << 2,
	TCP_HAS_TIMES = 1 << 3,
};

struct tcp_options {
	uint8_t present; /* enum tcp_options_present */
	uint8_t scale;
	uint16_t mss;
	uint32_t tsval;
	uint32_t tsecr;
};

static inline struct rte_tcp_hdr *packet_tcp(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, packet_of(m)->l4_offset);
}

/* The options of a parsed TCP packet, from *at to the returned end. */
static inline const uint8_t *packet_tcp_options(struct rte_mbuf *m, uint8_t **at)
{
	*at = (uint8_t *)(packet_tcp(m) + 1);
	return rte_pktmbuf_mtod_offset(m, const uint8_t *, packet_of(m)->payload_offset);
}

/*
 * Goes on to the next option other than NOP, which has its kind and a length that fits; NULL at
 * the end, or where a length lies.
 */
uint8_t *tcp_option_next(uint8_t **at, const uint8_t *end);

/* What of the options is known here; others, and those of wrong lengths, are passed over. */
void syn_options_parse(struct rte_mbuf *m, struct tcp_options *options);

/* Writes them, padded to words; returns the bytes, 24 at most. */
unsigned syn_options_write(const struct tcp_options *options, uint8_t *out);

/*
 * Replaces the word at 'at', which may lie at an odd offset from the TCP header, and adjusts the
 * checksum (RFC 1624).
 */
void tcp_word_replace(struct rte_tcp_hdr *tcp, uint8_t *at, uint32_t word_be);

/* Adds to a number in network order at 'at'. */
void tcp_number_add(struct rte_tcp_hdr *tcp, uint8_t *at, uint32_t shift);

#endif
