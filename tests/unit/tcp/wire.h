/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core.h"
#include "support/support.h"
#include "tcp/tcp.h"

/*
 * A stack against a peer that the test plays segment by segment. Numbers are relative: the peer's
 * count from its ISN, ours from the ISN that the stack chose (both SYNs are 0).
 */
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define ECE 0x40
#define CWR 0x80

#define WIRE_PORT      80
#define WIRE_PEER_PORT 40000
#define WIRE_OUT_MAX   512
#define WIRE_HELD_MAX  16

/* SYN options: MSS 1000, SACK permitted, TSval 100, window scale 7. */
#define WIRE_ALL_OPTIONS                                                                           \
	{                                                                                          \
		2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2, 1, 1, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0,   \
			1, 3, 3, 7                                                                 \
	}

struct wire_seg {
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t window; /* as on the wire */
	const char *data;
	uint32_t len; /* 0: strlen(data); more than that: repeated */
	uint8_t options[40];
	uint8_t options_len;
	uint16_t peer_port;  /* 0: WIRE_PEER_PORT */
	uint16_t local_port; /* 0: WIRE_PORT */
	uint8_t ecn;         /* of the IP header */
	bool is_raw;         /* seq and ack are absolute */
};

struct wire {
	struct tcp_stack *stack;
	struct core core;
	uint64_t now_us;
	bool is_v6;
	uint16_t mtu;
	uint32_t peer_isn;
	uint32_t iss;          /* of the last SYN that the stack sent */
	uint16_t window;       /* for segments that set none */
	bool is_window_closed; /* then that is 0 */

	/* Sent by the stack, absolute numbers, not looked at yet. */
	struct wire_seg out[WIRE_OUT_MAX];
	uint8_t out_data[WIRE_OUT_MAX][16]; /* how each payload begins */
	unsigned out_first;
	unsigned out_count;

	/* Packets of several segments: looked at, or taken (true), before they are cut up. */
	unsigned larges;
	bool (*on_large)(struct wire *w, struct rte_mbuf *m);

	/* As a port does whose queue is long: what was sent is kept until wire_release(). */
	bool is_holding;
	struct rte_mbuf *held[WIRE_HELD_MAX];
	unsigned held_count;

	/* The application. */
	struct tcp_conn *conn;
	int accept_result;
	bool is_reading; /* consumes at once */
	unsigned accepts, connects, readables, writables, closes;
	enum tcp_close_reason reason;
	char received[65536];
	size_t received_len;
	bool is_eof;
	void (*hook)(struct wire *w, const char *event); /* called in every handler */
};

/* Fields of params that are set override the defaults. */
void wire_start(struct wire *w, const struct tcp_params *params);
void wire_stop(struct wire *w);

/* The frame of a segment as it would arrive; returns its length. */
size_t wire_frame(const struct wire *w, const struct wire_seg *seg, uint8_t *frame);
void wire_input(struct wire *w, const uint8_t *frame, size_t len);

/* Hands a segment to the stack and lets it answer. */
void wire_send(struct wire *w, struct wire_seg seg);

/* Hands over up to WIRE_BURST_MAX segments that arrived at once. */
#define WIRE_BURST_MAX 40
void wire_burst(struct wire *w, const struct wire_seg *segs, unsigned count);

/* Time passes, timers fire when they are due. */
void wire_pass_ms(struct wire *w, uint64_t ms);

/* The next segment that the stack sent must be this one; the payload's length counts. */
const struct wire_seg *wire_expect(
	struct wire *w, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
void wire_expect_none(struct wire *w);
void wire_forget(struct wire *w);
void wire_release(struct wire *w);

/* The peer acknowledges; with blocks, each of two edges. */
void wire_ack(struct wire *w, uint32_t number);
void wire_sack(struct wire *w, uint32_t number, const uint32_t *edges, unsigned blocks);

/* The application writes so many zeros, all of which must be taken, and the stack sends. */
void wire_write(struct wire *w, size_t len);
/* So many segments of len bytes from this number on. */
void wire_expect_run(struct wire *w, uint32_t from, unsigned count, uint32_t len);
struct tcp_info wire_info(const struct wire *w);

/* A connection opened by the peer with these SYN options, MSS 1000 when options_len is 0. */
void wire_open(struct wire *w, const struct wire_seg *syn);
/* The same with SACK permitted, or with timestamps (the peer's TSval is 100) and window scale 0. */
void wire_open_sack(struct wire *w);
void wire_open_ts(struct wire *w);

/* A connection that we open; leaves after the handshake. */
void wire_connect(struct wire *w);

/* Options to put into a segment. */
void wire_put_ts(struct wire_seg *seg, uint32_t tsval, uint32_t tsecr);
void wire_put_sack(struct wire *w, struct wire_seg *seg, const uint32_t *edges, unsigned blocks);

/* Option of a sent segment: its bytes, or NULL. */
const uint8_t *wire_option(const struct wire_seg *seg, uint8_t kind);
uint32_t wire_word(const uint8_t *at);

/* Usage must be what is given. */
void wire_check_usage(const struct wire *w, uint32_t conns, uint32_t half_open, uint32_t waiting);

#endif
