/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet generator for benchmarks: sends 64-byte UDP packets of N flows in turn on one port as fast
 * as they are taken, or opens and closes TCP connections; counts what comes back, and prints one
 * JSON object. One core, bounded time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "pktgen.h"

#define EXIT_NO_LINK 3 /* worth another try */
#define WARMUP_MAX_S 60
#define DESCRIPTORS  1024
#define MBUFS        16383
#define FRAME_BYTES  60 /* 64 on the wire, with the checksum */

struct frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
} __attribute__((packed, aligned(2)));

static struct frame template;

static void template_make(const struct generator *g)
{
	struct frame *f = &template;

	memset(f, 0, sizeof(*f));
	f->ether.dst_addr = g->options->gateway;
	f->ether.src_addr = g->own;
	f->ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	f->ip.version_ihl = RTE_IPV4_VHL_DEF;
	f->ip.total_length = rte_cpu_to_be_16(FRAME_BYTES - sizeof(f->ether));
	f->ip.time_to_live = 64;
	f->ip.next_proto_id = IPPROTO_UDP;
	f->ip.dst_addr = g->options->destination_be;
	f->udp.dst_port = rte_cpu_to_be_16(g->options->port);
	f->udp.dgram_len = rte_cpu_to_be_16(FRAME_BYTES - sizeof(f->ether) - sizeof(f->ip));
}

uint32_t flow_next(struct generator *g)
{
	uint32_t flow = g->next_flow;

	g->next_flow = flow + 1 == g->options->flows ? 0 : flow + 1;
	return flow;
}

/* One flow's frame. The UDP checksum stays 0: none (RFC 768). */
static void frame_fill(struct generator *g, struct rte_mbuf *m)
{
	struct frame *f = rte_pktmbuf_mtod(m, struct frame *);
	uint32_t flow = flow_next(g);

	*f = template;
	f->ip.src_addr = rte_cpu_to_be_32(g->options->source_base + flow / PORTS_PER_HOST);
	f->udp.src_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + flow % PORTS_PER_HOST));
	f->ip.hdr_checksum = rte_ipv4_cksum(&f->ip);
	memset(f + 1, 0, FRAME_BYTES - sizeof(*f));
	m->data_len = FRAME_BYTES;
	m->pkt_len = FRAME_BYTES;
}

static void burst_send(struct generator *g)
{
	struct rte_mbuf *frames[BURST];
	uint16_t sent;

	if (rte_pktmbuf_alloc_bulk(g->mbufs, frames, BURST) != 0)
		return;
	for (int i = 0; i < BURST; i++)
		frame_fill(g, frames[i]);
	sent = rte_eth_tx_burst(0, 0, frames, BURST);
	/* What was not taken is sent again next: every flow keeps its turn. */
	g->next_flow = (g->next_flow + g->options->flows - (BURST - sent) % g->options->flows) %
		g->options->flows;
	rte_pktmbuf_free_bulk(frames + sent, BURST - sent);
	g->totals.sent += sent;
}

static void bursts_receive(struct generator *g)
{
	struct rte_mbuf *frames[BURST];
	uint16_t count = rte_eth_rx_burst(0, 0, frames, BURST);

	g->totals.received += count;
	rte_pktmbuf_free_bulk(frames, count);
}

static void run_for(struct generator *g, double seconds)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());

	while (rte_rdtsc() < end) {
		if (g->options->in_flight > 0) {
			connections_turn(g);
			continue;
		}
		burst_send(g);
		bursts_receive(g);
	}
}

static int port_start(struct generator *g)
{
	struct rte_eth_conf conf = { 0 };
	int status = rte_eth_dev_configure(0, 1, 1, &conf);

	if (status == 0)
		status = rte_eth_rx_queue_setup(0, 0, DESCRIPTORS, rte_socket_id(), NULL, g->mbufs);
	if (status == 0)
		status = rte_eth_tx_queue_setup(0, 0, DESCRIPTORS, rte_socket_id(), NULL);
	if (status == 0)
		status = rte_eth_dev_start(0);
	return status;
}

static bool link_await(double seconds)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	struct rte_eth_link link = { 0 };

	do {
		if (rte_eth_link_get_nowait(0, &link) == 0 && link.link_status == RTE_ETH_LINK_UP)
			return true;
		rte_delay_us_sleep(10000);
	} while (rte_rdtsc() < end);
	return false;
}

static void usage_print(FILE *out)
{
	fputs("Usage: penstock-pktgen EAL-ARGUMENTS -- --gateway MAC --to ADDRESS --port PORT\n"
	      "                       [--from ADDRESS] [--flows N] [--warmup S] [--seconds S]\n"
	      "                       [--connections N]\n"
	      "The warm-up lasts until each flow has had a packet, 60 s at most; then a line says so.\n"
	      "--connections: TCP, N at once, opened and closed; the members' side is answered, too\n",
		out);
}

static int options_read(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "gateway", required_argument, NULL, 'g' },
		{ "to", required_argument, NULL, 't' },
		{ "from", required_argument, NULL, 'f' },
		{ "port", required_argument, NULL, 'p' },
		{ "flows", required_argument, NULL, 'n' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },
		{ "connections", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct in_addr from;
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		int is_bad = 0;

		switch (option) {
		case 'g':
			is_bad = rte_ether_unformat_addr(optarg, &options->gateway) != 0;
			break;
		case 't':
			is_bad = inet_pton(AF_INET, optarg, &options->destination_be) != 1;
			break;
		case 'f':
			is_bad = inet_pton(AF_INET, optarg, &from) != 1;
			options->source_base = ntohl(from.s_addr);
			break;
		case 'p':
			options->port = (uint16_t)atoi(optarg);
			break;
		case 'n':
			options->flows = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			options->warmup_s = atof(optarg);
			break;
		case 'c':
			options->in_flight = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			options->seconds = atof(optarg);
			break;
		default:
			is_bad = 1;
		}
		if (is_bad)
			return -1;
	}
	return options->port == 0 || options->destination_be == 0 || options->flows == 0 ? -1 : 0;
}

static int measure(struct generator *g)
{
	struct totals before;
	uint64_t begin;
	double spent;

	if (!link_await(g->options->link_wait_s)) {
		fprintf(stderr, "pktgen: the link did not come up\n");
		return EXIT_NO_LINK;
	}
	run_for(g, g->options->warmup_s);
	/* A first packet of each flow is another thing than the next one. */
	for (unsigned i = 0; i < WARMUP_MAX_S && g->totals.sent < g->options->flows &&
		g->options->in_flight == 0;
		i++)
		run_for(g, 1);
	puts("{\"state\": \"measuring\"}");
	fflush(stdout);
	before = g->totals;
	begin = rte_rdtsc();
	run_for(g, g->options->seconds);
	spent = (double)(rte_rdtsc() - begin) / (double)rte_get_tsc_hz();
	printf("{\"seconds\": %.3f, \"sent\": %lu, \"received\": %lu, \"sent_pps\": %.0f, "
	       "\"received_pps\": %.0f, \"connections\": %lu, \"lost\": %lu, "
	       "\"connections_per_s\": %.0f}\n",
		spent, g->totals.sent - before.sent, g->totals.received - before.received,
		(double)(g->totals.sent - before.sent) / spent,
		(double)(g->totals.received - before.received) / spent,
		g->totals.done - before.done, g->totals.lost - before.lost,
		(double)(g->totals.done - before.done) / spent);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {
		.flows = 1000,
		.warmup_s = 1,
		.seconds = 3,
		.link_wait_s = 3,
		.source_base = RTE_IPV4(198, 18, 0, 1),
	};
	struct generator g = { .options = &options };
	int eal = rte_eal_init(argc, argv);
	int status;

	if (eal < 0 || options_read(argc - eal, argv + eal, &options) < 0) {
		usage_print(stderr);
		return 2;
	}
	g.mbufs = rte_pktmbuf_pool_create(
		"pktgen", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (g.mbufs == NULL || rte_eth_dev_count_avail() == 0 || port_start(&g) != 0) {
		fprintf(stderr, "pktgen: no port to send on, or no memory\n");
		return 1;
	}
	rte_eth_macaddr_get(0, &g.own);
	template_make(&g);
	status = measure(&g);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
	return status;
}
