/* SPDX-License-Identifier: Apache-2.0 */
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
#include "tcp/tcp.h"

/*
 * One connection, whose peer sends pieces of a stream in any order, length and overlap; pieces that
 * cover the same bytes may contradict each other. Beside it stands a model: an array in which the
 * first byte that came for a place wins. What the stack acknowledges and hands out must be the
 * model's, byte for byte.
 */
#define STREAM_MAX 8192
#define WINDOW     4096
#define ISN        1000u

static struct core core;
static struct tcp_stack *stack;
static struct tcp_conn *conn;
static uint64_t now_us;
static uint32_t iss;

static struct {
	uint8_t bytes[STREAM_MAX];
	bool has[STREAM_MAX];
	uint32_t arrived; /* in order */
	uint32_t edge;    /* of the window that was promised */
	uint32_t fin_at;  /* UINT32_MAX: no FIN yet */
} model;

static uint32_t consumed;
static uint32_t acked;

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

static void output(void *ctx, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		m, const struct rte_tcp_hdr *, p->l4_offset);
	uint32_t number = rte_be_to_cpu_32(tcp->recv_ack) - ISN - 1;

	RTE_SET_USED(ctx);
	check(!(tcp->tcp_flags & RTE_TCP_RST_FLAG));
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		iss = rte_be_to_cpu_32(tcp->sent_seq);
	} else {
		check((int32_t)(number - acked) >= 0);
		acked = number;
	}
	model.edge = RTE_MAX(model.edge, number + rte_be_to_cpu_16(tcp->rx_win));
	rte_pktmbuf_free(m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(address);
	return port_be == rte_cpu_to_be_16(80);
}

static void on_closed(struct tcp_conn *closed, void *ctx, enum tcp_close_reason reason)
{
	RTE_SET_USED(closed);
	RTE_SET_USED(ctx);
	RTE_SET_USED(reason);
	abort();
}

static const struct tcp_handler handler = { .on_closed = on_closed };

static int on_accept(void *ctx, struct tcp_conn *accepted)
{
	RTE_SET_USED(ctx);
	conn = accepted;
	tcp_set_handler(conn, &handler, NULL);
	return 0;
}

static const struct tcp_stack_ops ops = {
	.output = output,
	.is_listening = is_listening,
	.accept = on_accept,
};

static void segment_send(uint8_t flags, uint32_t seq, const uint8_t *data, uint32_t len)
{
	uint8_t frame[RTE_ETHER_HDR_LEN + 40 + 1460] = { 0 };
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
		.src_port = rte_cpu_to_be_16(40000),
		.dst_port = rte_cpu_to_be_16(80),
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = rte_cpu_to_be_32(iss + 1),
		.data_off = 5 << 4,
		.tcp_flags = flags,
		.rx_win = 65535,
	};
	memcpy(tcp + 1, data, len);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	m = support_mbuf(frame, RTE_ETHER_HDR_LEN + 40 + len);
	check(packet_parse(m, 0, key) == DROP_NONE);
	tcp_input(stack, &m, 1, now_us);
	tcp_advance(stack, now_us);
}

/* So many tiny pieces that the stack gave up some: the model knows no such limit. */
static bool has_dropped(void)
{
	return tcp_counters(stack)->memory_drops > 0;
}

/* What of a piece the stack may take: inside the promised window, before the FIN. */
static void model_take(uint32_t at, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t place = at + i;

		if (place < model.arrived || place >= model.edge || place >= model.fin_at ||
			model.has[place])
			continue;
		model.has[place] = true;
		model.bytes[place] = data[i];
	}
	while (model.arrived < STREAM_MAX && model.has[model.arrived])
		model.arrived++;
}

static void read_some(size_t max)
{
	struct tcp_span span;

	while (max > 0 && tcp_peek(conn, &span, 1) == 1) {
		size_t len = RTE_MIN(span.len, max);

		check(consumed + len <= model.arrived);
		check(memcmp(span.data, model.bytes + consumed, len) == 0);
		consumed += (uint32_t)len;
		tcp_consume(conn, len);
		max -= len;
	}
	tcp_advance(stack, now_us);
}

/* Four bytes: place, length and filling. */
static void step(const uint8_t *data)
{
	uint8_t piece[256];
	uint32_t at = (uint32_t)(data[0] << 8 | data[1]) % (STREAM_MAX - sizeof(piece));
	uint32_t len = data[2];
	uint8_t flags = RTE_TCP_ACK_FLAG;
	bool is_past_fin = at + len > model.fin_at;

	if (data[3] == 255) {
		read_some(data[2] * 16u);
		return;
	}
	for (uint32_t i = 0; i < len; i++)
		piece[i] = (uint8_t)(data[3] + i);
	if (data[3] == 254 && model.fin_at == UINT32_MAX && len > 0 && at + len <= model.edge &&
		at + len >= model.arrived) {
		flags |= RTE_TCP_FIN_FLAG;
		for (uint32_t i = at + len; i < STREAM_MAX; i++)
			is_past_fin |= model.has[i];
		if (!is_past_fin)
			model.fin_at = at + len;
	}
	/* Bytes behind its own FIN are no stream: such a peer is another target's. */
	if (is_past_fin)
		return;
	model_take(at, piece, len);
	segment_send(flags, ISN + 1 + at, piece, len);
	check(has_dropped() || tcp_readable(conn) == model.arrived - consumed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tcp_params params = {
		.core = &core,
		.ops = &ops,
		.secret = { 1, 2 },
		.max_connections = 2,
		.receive_window = WINDOW,
	};

	if (support_eal_start(NULL) != 0)
		abort();
	params.mbufs = support_mbufs();
	now_us = 1000000;
	consumed = acked = 0;
	memset(&model, 0, sizeof(model));
	model.fin_at = UINT32_MAX;
	stack = tcp_stack_create(&params, now_us);
	check(stack != NULL);
	segment_send(RTE_TCP_SYN_FLAG, ISN, (const uint8_t *)"", 0);
	segment_send(RTE_TCP_ACK_FLAG, ISN + 1, (const uint8_t *)"", 0);
	check(conn != NULL);
	for (; len >= 4 && !has_dropped(); data += 4, len -= 4)
		step(data);
	read_some(SIZE_MAX);
	check(has_dropped() || consumed == model.arrived);
	check(has_dropped() || tcp_is_eof(conn) == (model.arrived == model.fin_at));
	tcp_stack_destroy(stack);
	check(rte_mempool_in_use_count(support_mbufs()) == 0);
	return 0;
}
