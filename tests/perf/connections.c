/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections through a balancer, with both ends on this side of it: what arrives for the
 * service's port is answered as a member would, what comes from it as a client would, by the
 * segment alone and without state. SYN, SYN|ACK, ACK, FIN|ACK, FIN|ACK, ACK: six packets each.
 */
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_tcp.h>

#include "pktgen.h"

#define FIRST_SEQ 1000
#define WINDOW    65535
#define LOST_MS   100 /* nothing was done for so long: what is in flight will not come back */
#define MS_PER_S  1000

struct segment {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t padding[6]; /* up to Ethernet's least */
} __attribute__((packed, aligned(2)));

struct outgoing {
	struct rte_mbuf *pkts[3 * BURST];
	uint16_t count;
};

/* All but addresses, ports and numbers, which the caller has set. */
static void segment_finish(
	const struct generator *g, struct outgoing *out, struct rte_mbuf *m, uint8_t flags)
{
	struct segment *s = rte_pktmbuf_mtod(m, struct segment *);

	s->ether.dst_addr = g->options->gateway;
	s->ether.src_addr = g->own;
	s->ip.time_to_live = 64;
	s->ip.hdr_checksum = 0;
	s->ip.hdr_checksum = rte_ipv4_cksum(&s->ip);
	s->tcp.tcp_flags = flags;
	s->tcp.cksum = 0;
	s->tcp.cksum = rte_ipv4_udptcp_cksum(&s->ip, &s->tcp);
	out->pkts[out->count++] = m;
}

static void connection_open(struct generator *g, struct outgoing *out)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(g->mbufs);
	uint32_t flow = flow_next(g);
	struct segment *s;

	if (m == NULL)
		return;
	s = (struct segment *)rte_pktmbuf_append(m, sizeof(*s));
	*s = (struct segment){
		.ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.ip = { .version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(sizeof(s->ip) + sizeof(s->tcp)),
			.next_proto_id = IPPROTO_TCP,
			.dst_addr = g->options->destination_be,
			.src_addr = rte_cpu_to_be_32(
				g->options->source_base + flow / PORTS_PER_HOST) },
		.tcp = { .src_port = rte_cpu_to_be_16(
				 (uint16_t)(FIRST_PORT + flow % PORTS_PER_HOST)),
			.dst_port = rte_cpu_to_be_16(g->options->port),
			.sent_seq = rte_cpu_to_be_32(FIRST_SEQ),
			.data_off = sizeof(s->tcp) / 4 << 4,
			.rx_win = rte_cpu_to_be_16(WINDOW) },
	};
	segment_finish(g, out, m, RTE_TCP_SYN_FLAG);
	g->totals.opened++;
}

/* The segment's way back: ends change places, and what it brought is acknowledged. */
static void segment_turn(struct segment *s)
{
	uint32_t src = s->ip.src_addr;
	uint16_t port = s->tcp.src_port;
	rte_be32_t acked = s->tcp.recv_ack;

	s->ip.src_addr = s->ip.dst_addr;
	s->ip.dst_addr = src;
	s->tcp.src_port = s->tcp.dst_port;
	s->tcp.dst_port = port;
	/* SYN and FIN take a number each, and carry nothing else here. */
	s->tcp.recv_ack = rte_cpu_to_be_32(rte_be_to_cpu_32(s->tcp.sent_seq) + 1);
	s->tcp.sent_seq = acked;
}

/* The client's answer to SYN|ACK: it is connected, and has nothing to say. */
static void client_close(struct generator *g, struct outgoing *out, struct rte_mbuf *m)
{
	struct rte_mbuf *fin = rte_pktmbuf_copy(m, g->mbufs, 0, UINT32_MAX);

	segment_finish(g, out, m, RTE_TCP_ACK_FLAG);
	if (fin != NULL)
		segment_finish(g, out, fin, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG);
}

static uint64_t in_flight(const struct totals *t)
{
	return t->opened - t->done - t->lost;
}

/* One that was given up may come to its end all the same. */
static void connection_done(struct generator *g)
{
	struct totals *t = &g->totals;

	if (in_flight(t) == 0)
		t->lost--;
	t->done++;
	g->progress_tsc = rte_rdtsc();
}

static void segment_answer(struct generator *g, struct outgoing *out, struct rte_mbuf *m)
{
	struct segment *s = rte_pktmbuf_mtod(m, struct segment *);
	bool is_client = s->tcp.src_port == rte_cpu_to_be_16(g->options->port);
	uint8_t flags = s->tcp.tcp_flags;

	if (s->ether.ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		s->ip.next_proto_id != IPPROTO_TCP ||
		m->data_len < sizeof(*s) - sizeof(s->padding) ||
		(flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) == 0) {
		rte_pktmbuf_free(m);
		return;
	}
	g->totals.received++;
	segment_turn(s);
	if ((flags & RTE_TCP_SYN_FLAG) != 0 && !is_client) {
		s->tcp.sent_seq = rte_cpu_to_be_32(FIRST_SEQ);
		segment_finish(g, out, m, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	} else if ((flags & RTE_TCP_SYN_FLAG) != 0) {
		client_close(g, out, m);
	} else if (!is_client) {
		segment_finish(g, out, m, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG);
	} else {
		connection_done(g);
		segment_finish(g, out, m, RTE_TCP_ACK_FLAG);
	}
}

/* Counts as lost what will not come back, so that the window opens again. */
static void losses_count(struct generator *g)
{
	struct totals *t = &g->totals;

	if (in_flight(t) < g->options->in_flight ||
		rte_rdtsc() - g->progress_tsc < rte_get_tsc_hz() / MS_PER_S * LOST_MS)
		return;
	t->lost = t->opened - t->done;
	g->progress_tsc = rte_rdtsc();
}

void connections_turn(struct generator *g)
{
	struct rte_mbuf *came[BURST];
	struct outgoing out = { .count = 0 };
	uint16_t count = rte_eth_rx_burst(0, 0, came, BURST);
	struct totals *t = &g->totals;
	uint16_t sent = 0;

	for (uint16_t i = 0; i < count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(came[i], void *));
	for (uint16_t i = 0; i < count; i++)
		segment_answer(g, &out, came[i]);
	for (int i = 0; i < BURST && in_flight(t) < g->options->in_flight; i++)
		connection_open(g, &out);
	losses_count(g);
	/* The ring has room again as soon as the other side takes some: nothing is dropped here. */
	for (unsigned tries = 0; sent < out.count && tries < 10000; tries++)
		sent += rte_eth_tx_burst(0, 0, out.pkts + sent, out.count - sent);
	rte_pktmbuf_free_bulk(out.pkts + sent, out.count - sent);
	t->sent += sent;
}
