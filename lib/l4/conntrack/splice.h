/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CONNTRACK_SPLICE_H
#define L4_CONNTRACK_SPLICE_H

#include <assert.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_common.h>

#include "conf/config.h"

/* The way of forwarding of a connection that has a splice: full NAT, and what follows from it. */
#define FORWARD_SPLICED CONFIG_FORWARDS
#define FORWARD_WAYS    (CONFIG_FORWARDS + 1)

static_assert(FORWARD_WAYS <= 16, "struct conn has four bits for it");

enum splice_flags {
	SPLICE_IS_PROXIED = 1 << 0, /* the client's handshake was ours: numbers differ for good */
	SPLICE_IS_OPENING = 1 << 1, /* and the member has not answered our SYN */
	SPLICE_HAS_HEADER = 1 << 2, /* the member has not acknowledged all of its PROXY header */
	SPLICE_HAS_TOA = 1 << 3,    /* the member may not have got the client's address yet */
	SPLICE_HAS_TIMES = 1 << 4,  /* the client does timestamps */
	SPLICE_HAS_SACK = 1 << 5,   /* and selective acknowledgments */
	SPLICE_SCALES_CLIENT = 1 << 6, /* windows are scaled on this side */
	SPLICE_SCALES_MEMBER = 1 << 7,
};

/*
 * What a connection needs beyond its cache line while, or because, its two sides do not have the
 * same sequence numbers. The client's own numbers are the same on both sides: what we put in front
 * of its data is numbered downward from its SYN. What the member sends is moved by 'shift'.
 */
struct splice {
	/* Every packet */
	uint32_t shift;       /* added to the member's numbers; 0 unless proxied */
	uint32_t times_shift; /* added to the member's timestamps */
	uint32_t client_isn;  /* of the client's SYN, as the client counts */
	uint8_t flags;        /* enum splice_flags */
	uint8_t client_scale;
	uint8_t member_scale;
	uint8_t client_address; /* enum config_client_address */
	/* The handshake, and the header's retransmission; in what the member counts by */
	uint32_t cookie;      /* our number toward the client */
	uint32_t member_next; /* the next number of the member, as far as the client is */
	uint32_t client_times;
	uint32_t member_times; /* what to echo to the member */
	uint32_t idle_timeout_ms;
	uint32_t due_ms;        /* while pending; wraps */
	uint16_t client_window; /* as the member counts it */
	uint16_t mss;
	uint8_t header_len;
	uint8_t stage; /* of pending[]; SPLICE_STAGES: not pending */
	TAILQ_ENTRY(splice) link;
} __rte_cache_aligned;

static_assert(sizeof(struct splice) == 64, "one more cache line for those who need it");

#define SPLICE_STAGES 6

#endif
