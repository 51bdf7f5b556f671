/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "packet/packet.h"
#include "runtime/core.h"
#include "support/support.h"
#include "tcp/check.h"
#include "tcp/tcp.h"

/*
 * One connection and a peer that sends segments anywhere in and around the window, over one
 * another and with conflicting bytes, against a model of a few lines: of each byte of the stream
 * it keeps the first that came inside the window. What the application reads must be what the
 * model holds, no more and, when no memory was short, no less.
 */
#define STREAM_MAX  200000
#define PEER_ISN    0xffffe000u /* numbers wrap soon */
#define PAYLOAD_MAX 1460
#define PIECE_BYTES 400 /* enough to be merged */
#define PIECES_MAX  (PAYLOAD_MAX / PIECE_BYTES + 1)
#define PORT        80

struct model {
	uint8_t bytes[STREAM_MAX];
	bool has[STREAM_MAX];
	uint32_t edge; /* the window's: the furthest that was announced */
	uint32_t end;  /* of the stream, UINT32_MAX: no FIN came */
	bool is_void;  /* a FIN stood before bytes that had come: nobody says what holds then */
};

static struct model model;
static struct core core;
static struct tcp_stack *stack;
static struct tcp_conn *conn;
static uint64_t now_us;
static uint32_t iss, our_end; /* absolute */
static uint32_t delivered;
static bool is_reading, is_open;

static void output(void *ctx, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		m, const struct rte_tcp_hdr *, p->l4_offset);
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq);
	uint32_t edge = rte_be_to_cpu_32(tcp->recv_ack) + rte_be_to_cpu_16(tcp->rx_win) -
		(PEER_ISN + 1);

	RTE_SET_USED(ctx);
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG)
		iss = seq;
	if (tcp->tcp_flags & RTE_TCP_ACK_FLAG && !(tcp->tcp_flags & RTE_TCP_RST_FLAG)) {
		model.edge = RTE_MAX(model.edge, edge);
		our_end = seq + p->payload_len +
			!!(tcp->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
	}
	rte_pktmbuf_free(m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(address);
	return port_be == rte_cpu_to_be_16(PORT);
}

/* What the stack threw away for want of room its peer would send again: the model does not know. */
static bool is_comparable(void)
{
	return !model.is_void && tcp_counters(stack)->memory_drops == 0;
}

/* Reads up to max bytes and compares each with the model. */
static void stream_read(size_t max)
{
	struct tcp_span span;

	while (max > 0 && tcp_peek(conn, &span, 1) > 0) {
		size_t len = RTE_MIN(span.len, max);

		for (size_t i = 0; i < len && is_comparable(); i++) {
			uint32_t at = delivered + (uint32_t)i;

			if (at >= model.end || !model.has[at] || model.bytes[at] != span.data[i])
				abort();
		}
		delivered += (uint32_t)len;
		max -= len;
		tcp_consume(conn, len);
	}
	if (tcp_is_eof(conn) && is_comparable() && delivered != model.end)
		abort();
}

static void on_readable(struct tcp_conn *readable, void *ctx)
{
	RTE_SET_USED(readable);
	RTE_SET_USED(ctx);
	if (is_reading)
		stream_read(SIZE_MAX);
}

static void on_closed(struct tcp_conn *closed, void *ctx, enum tcp_close_reason reason)
{
	RTE_SET_USED(closed);
	RTE_SET_USED(ctx);
	RTE_SET_USED(reason);
	is_open = false;
}

static const struct tcp_handler handler = { .on_readable = on_readable, .on_closed = on_closed };

static int on_accept(void *ctx, struct tcp_conn *accepted)
{
	RTE_SET_USED(ctx);
	conn = accepted;
	is_open = true;
	tcp_set_handler(conn, &handler, NULL);
	return 0;
}

static const struct tcp_stack_ops ops = {
	.output = output, .is_listening = is_listening, .accept = on_accept
};

/* A segment at this offset of the stream. */
static struct rte_mbuf *segment_make(
	uint8_t flags, uint32_t offset, const uint8_t *payload, uint32_t len)
{
	uint8_t frame[1600] = { 0 };
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + RTE_ETHER_HDR_LEN);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	struct rte_mbuf *m;

	*(uint16_t *)(frame + 12) = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = 9,
		.next_proto_id = 6,
		.src_addr = rte_cpu_to_be_32(0xc0000202),
		.dst_addr = rte_cpu_to_be_32(0xc0000201),
		.total_length = rte_cpu_to_be_16((uint16_t)(40 + len)),
	};
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(1000),
		.dst_port = rte_cpu_to_be_16(PORT),
		.sent_seq = rte_cpu_to_be_32(PEER_ISN + offset),
		.recv_ack = flags & RTE_TCP_ACK_FLAG ? rte_cpu_to_be_32(our_end) : 0,
		.data_off = 5 << 4,
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(20000),
	};
	memcpy(tcp + 1, payload, len);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	m = support_mbuf(frame, RTE_ETHER_HDR_LEN + 40 + len);
	if (packet_parse(m, 0, key) != DROP_NONE)
		abort();
	return m;
}

static void segment_give(uint8_t flags, uint32_t offset, const uint8_t *payload, uint32_t len)
{
	struct rte_mbuf *m = segment_make(flags, offset, payload, len);

	tcp_input(stack, &m, 1, now_us);
}

/* The same bytes as several segments that come at once. */
static void burst_give(uint8_t flags, uint32_t offset, const uint8_t *payload, uint32_t len)
{
	struct rte_mbuf *burst[PIECES_MAX];
	uint16_t count = 0;

	for (uint32_t at = 0; at < len; at += PIECE_BYTES) {
		uint32_t piece = RTE_MIN(len - at, (uint32_t)PIECE_BYTES);
		bool is_last = at + piece == len;

		burst[count++] = segment_make(
			is_last ? flags : RTE_TCP_ACK_FLAG, offset + at, payload + at, piece);
	}
	tcp_input(stack, burst, count, now_us);
}

/* What stands in order: where the stack's RCV.NXT has to be. */
static uint32_t model_next(void)
{
	uint32_t at = delivered;

	while (at < STREAM_MAX && model.has[at] && at < model.end)
		at++;
	return at;
}

/* RFC 9293 3.10.7.4, first: some of it in the window, or the next number exactly. */
static bool is_acceptable(uint32_t start, uint32_t end, bool has_fin)
{
	uint32_t next = model_next();

	return start == next || (start < RTE_MAX(model.edge, next + 1) && end + has_fin > next);
}

/* A segment with the stream's bytes from start to end. */
static void model_take(uint32_t start, uint32_t end, const uint8_t *payload, bool has_fin)
{
	uint32_t next = model_next();
	uint32_t last;

	if (next == model.end || !is_acceptable(start, end, has_fin))
		return;
	if (has_fin && model.end == UINT32_MAX && end <= model.edge) {
		model.end = end;
		for (uint32_t at = end; at < STREAM_MAX; at++)
			model.is_void |= model.has[at];
	}
	last = RTE_MIN(end, RTE_MIN(model.edge, model.end));
	for (uint32_t at = RTE_MAX(start, next); at < last; at++) {
		if (model.has[at])
			continue;
		model.has[at] = true;
		model.bytes[at] = payload[at - start];
	}
}

struct reader {
	const uint8_t *data;
	size_t len;
};

static uint8_t byte(struct reader *r)
{
	if (r->len == 0)
		return 0;
	r->len--;
	return *r->data++;
}

static uint16_t word(struct reader *r)
{
	uint16_t high = byte(r);

	return (uint16_t)(high << 8 | byte(r));
}

static void segment_step(struct reader *r)
{
	uint8_t payload[PAYLOAD_MAX];
	uint8_t salt = byte(r);
	int64_t where = (int64_t)model_next() + (int16_t)word(r) % 20000;
	/* Before the stream begins stands the SYN only. */
	uint32_t start = (uint32_t)RTE_MAX(where, (int64_t)0);
	uint32_t len = word(r) % (PAYLOAD_MAX + 1);
	bool has_fin = salt % 16 == 15;
	uint8_t flags = RTE_TCP_ACK_FLAG | (has_fin ? RTE_TCP_FIN_FLAG : 0);
	bool is_burst = salt % 4 > 1 && len > 0 && start == model_next() &&
		start + len <= model.edge;

	if (start + PAYLOAD_MAX >= STREAM_MAX)
		return;
	for (uint32_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(salt * 31 + (start + i) * 7);
	/* The model is told first: the application reads while the stack takes the segment. */
	model_take(start, start + len, payload, has_fin);
	if (is_burst)
		burst_give(flags, start + 1, payload, len);
	else
		segment_give(flags, start + 1, payload, len);
}

static void step(struct reader *r)
{
	struct err err;
	uint8_t op = byte(r);

	switch (op % 8) {
	case 5:
		is_reading = !is_reading;
		if (is_reading)
			stream_read(SIZE_MAX);
		break;
	case 6:
		stream_read(word(r));
		break;
	case 7:
		if (op >= 0xf0)
			tcp_shutdown(conn);
		else
			now_us += (uint64_t)(op >> 3) * 10000;
		break;
	default:
		segment_step(r);
		break;
	}
	tcp_advance(stack, now_us);
	if (tcp_check(stack, &err) != 0)
		abort();
}

static void script_run(struct reader *r)
{
	while (r->len > 0 && is_open)
		step(r);
	if (!is_open)
		return;
	stream_read(SIZE_MAX);
	if (is_comparable() && delivered != model_next())
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t nothing[1];
	struct reader r = { .data = data, .len = len };
	struct tcp_params params = {
		.core = &core,
		.ops = &ops,
		.secret = { 1, 2 },
		.max_connections = 8,
		.max_half_open = 2,
	};

	if (support_eal_start(NULL) != 0)
		abort();
	params.mbufs = support_mbufs();
	params.receive_window = 2048u << byte(&r) % 5;
	memset(&model, 0, sizeof(model));
	model.end = UINT32_MAX;
	delivered = 0;
	is_open = false;
	is_reading = true;
	now_us = 1000000;
	stack = tcp_stack_create(&params, now_us);
	if (stack == NULL)
		abort();
	segment_give(RTE_TCP_SYN_FLAG, 0, nothing, 0);
	our_end = iss + 1;
	segment_give(RTE_TCP_ACK_FLAG, 1, nothing, 0);
	tcp_advance(stack, now_us);
	if (!is_open)
		abort();
	script_run(&r);
	tcp_stack_destroy(stack);
	if (rte_mempool_in_use_count(support_mbufs()) != 0)
		abort();
	return 0;
}
