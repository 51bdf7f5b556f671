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
 * The input is a script: segments of four peers, whose numbers count from what the stack expects
 * next, time, and what the application does. Afterwards no buffer may be missing.
 */
#define PEERS    4
#define TIME_MAX 3000 /* ms a step */

struct reader {
	const uint8_t *data;
	size_t len;
};

struct peer {
	uint32_t next_seq; /* what the stack expects of the peer */
	uint32_t next_ack; /* end of what the stack sent */
	uint16_t local_port_be;
	struct tcp_conn *conn;
};

static struct peer peers[PEERS];
static struct core core;
static struct tcp_stack *stack;
static uint64_t now_us;

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

static struct peer *peer_of(uint16_t remote_port_be)
{
	return &peers[(rte_be_to_cpu_16(remote_port_be) - 1) % PEERS];
}

/* As the port that it leaves by. */
static void leave(struct rte_mbuf *m)
{
	struct rte_mbuf *pieces[PACKET_SEGMENTS_MAX] = { m };
	uint16_t count = 1;

	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		count = packet_cut(m, pieces);
	if (count == 0)
		abort();
	for (uint16_t i = 0; i < count; i++) {
		packet_checksum_complete(pieces[i]);
		rte_pktmbuf_free(pieces[i]);
	}
}

static void output(void *ctx, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	struct peer *peer = peer_of(p->dst_port_be);
	const struct rte_tcp_hdr *tcp;

	RTE_SET_USED(ctx);
	tcp = rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, p->l4_offset);
	peer->local_port_be = p->src_port_be;
	peer->next_ack = rte_be_to_cpu_32(tcp->sent_seq) + p->payload_len +
		!!(tcp->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
	if (tcp->tcp_flags & RTE_TCP_ACK_FLAG)
		peer->next_seq = rte_be_to_cpu_32(tcp->recv_ack);
	leave(m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(address);
	return port_be == rte_cpu_to_be_16(80);
}

static void on_readable(struct tcp_conn *conn, void *ctx)
{
	struct tcp_span spans[8];
	unsigned count = tcp_peek(conn, spans, RTE_DIM(spans));
	size_t len = 0;
	unsigned sum = 0;

	RTE_SET_USED(ctx);
	for (unsigned i = 0; i < count; i++) {
		for (size_t j = 0; j < spans[i].len; j++)
			sum += spans[i].data[j];
		len += spans[i].len;
	}
	if (sum % 7 != 0)
		tcp_consume(conn, len - len / 3);
	if (sum % 64 == 63)
		tcp_abort(conn);
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct peer *peer = ctx;

	RTE_SET_USED(reason);
	if (peer->conn == conn)
		peer->conn = NULL;
}

static const struct tcp_handler handler = {
	.on_readable = on_readable,
	.on_closed = on_closed,
};

static int on_accept(void *ctx, struct tcp_conn *conn)
{
	struct tcp_info info;
	struct peer *peer;

	RTE_SET_USED(ctx);
	tcp_conn_info(conn, &info);
	peer = peer_of(info.tuple.src_port_be);
	if (peer->conn != NULL)
		return -1;
	peer->conn = conn;
	tcp_set_handler(conn, &handler, peer);
	return 0;
}

static const struct tcp_stack_ops ops = {
	.output = output,
	.is_listening = is_listening,
	.accept = on_accept,
};

static struct ip_addr address(uint8_t last)
{
	return ip_from_v4(rte_cpu_to_be_32(0xc0000200u + last));
}

/* Numbers near what is expected: most of the input would otherwise be dropped at the door. */
static void segment_step(struct reader *r, unsigned index)
{
	struct peer *peer = &peers[index];
	uint8_t frame[1600] = { 0 };
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + RTE_ETHER_HDR_LEN);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	uint8_t flags = byte(r);
	int16_t seq = (int16_t)word(r), ack = (int16_t)word(r);
	uint8_t shape = byte(r);
	unsigned options_len = shape % 11 * 4;
	unsigned payload_len = word(r) % 1461;
	struct ip_addr src = address(2), dst = address(1);
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	struct rte_mbuf *m;

	*(uint16_t *)(frame + 12) = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = shape >> 6,
		.time_to_live = 9,
		.next_proto_id = 6,
		.src_addr = ip_v4_be(&src),
		.dst_addr = ip_v4_be(&dst),
		.total_length = rte_cpu_to_be_16((uint16_t)(40 + options_len + payload_len)),
	};
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16((uint16_t)(1 + index)),
		.dst_port = peer->local_port_be,
		.sent_seq = rte_cpu_to_be_32(peer->next_seq + (uint32_t)seq),
		.recv_ack = rte_cpu_to_be_32(peer->next_ack + (uint32_t)ack),
		.data_off = (uint8_t)((20 + options_len) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = word(r),
	};
	for (unsigned i = 0; i < options_len; i++)
		((uint8_t *)(tcp + 1))[i] = byte(r);
	for (unsigned i = 0; i < payload_len; i++)
		((uint8_t *)(tcp + 1))[options_len + i] = (uint8_t)(i + flags);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	m = support_mbuf(frame, RTE_ETHER_HDR_LEN + 40 + options_len + payload_len);
	if (packet_parse(m, 0, key) == DROP_NONE)
		tcp_input(stack, &m, 1, now_us);
	else
		rte_pktmbuf_free(m);
}

static void connect_step(unsigned index)
{
	struct ip_addr src = address(1), dst = address(2);
	struct tcp_connect_args args = {
		.src = &src,
		.dst = &dst,
		.dst_port = (uint16_t)(1 + index),
		.handler = &handler,
		.ctx = &peers[index],
	};
	int error;

	if (peers[index].conn == NULL)
		peers[index].conn = tcp_connect(stack, &args, &error, now_us);
}

static void icmp_step(struct reader *r, struct peer *peer)
{
	struct tcp_info info;
	struct packet_tuple quoted;

	if (peer->conn == NULL)
		return;
	tcp_conn_info(peer->conn, &info);
	quoted = (struct packet_tuple){
		.src = info.tuple.dst,
		.dst = info.tuple.src,
		.src_port_be = info.tuple.dst_port_be,
		.dst_port_be = info.tuple.src_port_be,
		.protocol = 6,
	};
	tcp_icmp_error(stack, &quoted, peer->next_ack - 1 - byte(r), byte(r) & 1, word(r), now_us);
}

static void application_step(struct reader *r, struct peer *peer, unsigned what)
{
	static const uint8_t bytes[20000];
	struct tcp_conn *conn = peer->conn;

	if (conn == NULL)
		return;
	if (what == 0) {
		uint16_t len = word(r);

		tcp_set_nagle(conn, len & 1);
		tcp_write(conn, bytes, len % sizeof(bytes));
	} else if (what == 1) {
		tcp_shutdown(conn);
	} else if (what == 2) {
		peer->conn = NULL;
		tcp_close(conn);
	} else {
		tcp_abort(conn);
	}
}

static void step(struct reader *r)
{
	uint8_t op = byte(r);
	unsigned index = op >> 4 & (PEERS - 1);

	switch (op & 0xf) {
	case 8:
		now_us += (uint64_t)(word(r) % TIME_MAX) * 1000;
		break;
	case 9:
		connect_step(index);
		break;
	case 10:
		icmp_step(r, &peers[index]);
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		application_step(r, &peers[index], (op & 0xfu) - 11);
		break;
	case 15:
		/* A new server connection from this peer. */
		peers[index].local_port_be = rte_cpu_to_be_16(80);
		break;
	default:
		segment_step(r, index);
		break;
	}
	if (!(op & 0x80))
		tcp_advance(stack, now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader r = { .data = data, .len = len };
	/* The last byte chooses among what is configured: scripts read from the front. */
	uint8_t choice = len > 0 ? data[len - 1] : 0;
	struct tcp_params params = {
		.core = &core,
		.ops = &ops,
		.ports = { .port_min = 30000, .port_max = 30007 },
		.secret = { 1, 2 },
		.max_connections = 8,
		.max_half_open = 2,
		.send_buffer = 32768,
		.receive_window = 16384,
		.time_wait_ms = 1000,
		.ecn = choice & 1 ? TCP_ECN_REQUEST : TCP_ECN_ACCEPT,
		.pacing = choice & 2,
		.nagle = choice & 4,
		.keepalive_ms = choice & 8 ? 5000 : 0,
		.mbufs_max = choice & 16 ? 32 : 0,
		.congestion = choice & 32 ? "newreno" : "cubic",
		.large_output = choice & 64,
		.receive_window_max = choice & 128 ? 131072 : 0,
	};

	if (support_eal_start(NULL) != 0)
		abort();
	params.mbufs = support_mbufs();
	now_us = 1000000;
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = (struct peer){ .next_seq = 1, .local_port_be = rte_cpu_to_be_16(80) };
	stack = tcp_stack_create(&params, now_us);
	if (stack == NULL)
		abort();
	while (r.len > 0)
		step(&r);
	tcp_advance(stack, now_us + 500000000);
	tcp_stack_destroy(stack);
	if (rte_mempool_in_use_count(support_mbufs()) != 0)
		abort();
	return 0;
}
