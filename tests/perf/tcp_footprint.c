/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resident memory of a connection that is idle, half open, or in TIME-WAIT: makes a million of each
 * by a scripted peer, without a port, and prints bytes each as one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "packet/packet.h"
#include "tcp/tcp.h"

#define COUNT           1000000u
#define HALF_OPEN_STACK 62500u /* a stack's SYN cache holds no more than 65535 */
#define SERVER_V4       0xc6120001u
#define CLIENT_V4       0xc6130001u
#define PORTS           60000u
#define MBUFS           4095

/* What the stack sent last: its number is all that the script needs. */
struct script {
	struct tcp_stack *stack;
	struct rte_mempool *mbufs;
	struct core core;
	uint32_t sent_seq;
	struct tcp_conn *accepted;
	uint64_t now_us;
};

struct frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
} __attribute__((packed, aligned(2)));

static void output(void *ctx, struct rte_mbuf *m)
{
	struct script *script = ctx;
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		m, const struct rte_tcp_hdr *, packet_of(m)->l4_offset);

	script->sent_seq = rte_be_to_cpu_32(tcp->sent_seq);
	rte_pktmbuf_free(m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(address);
	RTE_SET_USED(port_be);
	return true;
}

static int conn_accept(void *ctx, struct tcp_conn *conn)
{
	struct script *script = ctx;
	static const struct tcp_handler deaf;

	tcp_set_handler(conn, &deaf, NULL);
	script->accepted = conn;
	return 0;
}

static const struct tcp_stack_ops ops = {
	.output = output, .is_listening = is_listening, .accept = conn_accept
};

static void segment_give(struct script *script, unsigned peer, uint8_t flags, uint32_t seq)
{
	static const struct hash_key key = { .k0 = 1, .k1 = 2 };
	struct rte_mbuf *m = rte_pktmbuf_alloc(script->mbufs);
	struct frame *frame;

	if (m == NULL)
		abort();
	frame = (struct frame *)rte_pktmbuf_append(m, sizeof(*frame));
	*frame = (struct frame){
		.ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.ip = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(sizeof(*frame) - sizeof(frame->ether)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
			.src_addr = rte_cpu_to_be_32(CLIENT_V4 + peer / PORTS),
			.dst_addr = rte_cpu_to_be_32(SERVER_V4),
		},
		.tcp = {
			.src_port = rte_cpu_to_be_16((uint16_t)(1024 + peer % PORTS)),
			.dst_port = rte_cpu_to_be_16(80),
			.sent_seq = rte_cpu_to_be_32(seq),
			.recv_ack = flags & RTE_TCP_ACK_FLAG
				? rte_cpu_to_be_32(script->sent_seq + 1) : 0,
			.data_off = sizeof(struct rte_tcp_hdr) / 4 << 4,
			.tcp_flags = flags,
			.rx_win = rte_cpu_to_be_16(UINT16_MAX),
		},
	};
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (packet_parse(m, 0, key) != DROP_NONE)
		abort();
	tcp_input(script->stack, &m, 1, script->now_us);
}

static void conn_open(struct script *script, unsigned peer)
{
	segment_give(script, peer, RTE_TCP_SYN_FLAG, 1000);
	segment_give(script, peer, RTE_TCP_ACK_FLAG, 1001);
}

/* We close first: our FIN, the peer's acknowledgment and FIN. */
static void conn_close(struct script *script, unsigned peer)
{
	tcp_close(script->accepted);
	tcp_advance(script->stack, script->now_us);
	segment_give(script, peer, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 1001);
}

static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
		abort();
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void stack_start(struct script *script, uint32_t connections, uint32_t half_open)
{
	struct tcp_params params = {
		.core = &script->core,
		.mbufs = script->mbufs,
		.ops = &ops,
		.ctx = script,
		.secret = { 1, 2 },
		.max_connections = connections,
		.max_half_open = half_open,
	};

	script->now_us = 1000000;
	script->stack = tcp_stack_create(&params, script->now_us);
	if (script->stack == NULL)
		abort();
}

static double established_measure(struct script *script)
{
	size_t before = resident_bytes();
	struct tcp_usage usage;
	double each;

	stack_start(script, COUNT, 1024);
	for (unsigned i = 0; i < COUNT; i++) {
		conn_open(script, i);
		tcp_advance(script->stack, script->now_us);
	}
	tcp_usage(script->stack, &usage);
	if (usage.established != COUNT)
		abort();
	each = (double)(resident_bytes() - before) / COUNT;
	tcp_stack_destroy(script->stack);
	return each;
}

static double time_wait_measure(struct script *script)
{
	size_t before = resident_bytes();
	struct tcp_usage usage;
	double each;

	stack_start(script, COUNT, 1024);
	for (unsigned i = 0; i < COUNT; i++) {
		conn_open(script, i);
		conn_close(script, i);
		tcp_advance(script->stack, script->now_us);
	}
	tcp_usage(script->stack, &usage);
	if (usage.time_wait != COUNT || usage.established != 0)
		abort();
	each = (double)(resident_bytes() - before) / COUNT;
	tcp_stack_destroy(script->stack);
	return each;
}

static double half_open_measure(struct script *script)
{
	struct tcp_stack *stacks[COUNT / HALF_OPEN_STACK];
	size_t before = resident_bytes();
	size_t after;

	for (unsigned i = 0; i < RTE_DIM(stacks); i++) {
		struct tcp_usage usage;

		stack_start(script, 1024, HALF_OPEN_STACK);
		stacks[i] = script->stack;
		for (unsigned j = 0; j < HALF_OPEN_STACK; j++)
			segment_give(script, i * HALF_OPEN_STACK + j, RTE_TCP_SYN_FLAG, 1000);
		tcp_usage(script->stack, &usage);
		if (usage.half_open != HALF_OPEN_STACK)
			abort();
	}
	after = resident_bytes();
	for (unsigned i = 0; i < RTE_DIM(stacks); i++)
		tcp_stack_destroy(stacks[i]);
	return (double)(after - before) / COUNT;
}

int main(void)
{
	static struct script script;
	char *args[] = { "footprint", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"-m", "64", "--log-level", "error" };
	double half_open, time_wait, established;

	if (rte_eal_init(RTE_DIM(args), args) < 0)
		return 1;
	script.mbufs = packet_pool_create("footprint", MBUFS, 0);
	if (script.mbufs == NULL) {
		fprintf(stderr, "footprint: no memory for packets\n");
		return 1;
	}
	half_open = half_open_measure(&script);
	time_wait = time_wait_measure(&script);
	established = established_measure(&script);
	printf("{\"memory of an idle connection\": %.1f, \"memory of a half-open connection\": "
	       "%.1f, \"memory of a TIME-WAIT entry\": %.1f}\n",
		established, half_open, time_wait);
	return 0;
}
