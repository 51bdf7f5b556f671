/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include "base/clock.h"
#include "options.h"

#define MBUFS           65535
#define LINK_WAIT_US    (10 * CLOCK_US_PER_S)
#define CONNECTIONS_MAX 262144

volatile sig_atomic_t peer_must_stop;
volatile sig_atomic_t peer_must_report;

static void signal_note(int number)
{
	if (number == SIGUSR1)
		peer_must_report = 1;
	else
		peer_must_stop = 1;
}

const uint8_t *peer_stream(uint64_t offset)
{
	static uint8_t blocks[2 * PEER_BLOCK_BYTES];

	if (blocks[1] == 0) {
		for (unsigned i = 0; i < sizeof(blocks); i++) {
			unsigned at = i % PEER_BLOCK_BYTES;

			blocks[i] = (uint8_t)(at * 131 + (at >> 8) * 7);
		}
	}
	return blocks + offset % PEER_BLOCK_BYTES;
}

static void output(void *ctx, struct rte_mbuf *m)
{
	struct peer *peer = ctx;
	bool is_v6 = m->ol_flags & RTE_MBUF_F_TX_IPV6;
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(
		m, sizeof(*ether));

	ether->dst_addr = peer->options.remote_mac;
	memcpy(&ether->src_addr, peer->port.mac, sizeof(ether->src_addr));
	ether->ether_type = rte_cpu_to_be_16(is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	m->l2_len = sizeof(*ether);
	port_tx_put(&peer->tx, m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	const struct peer *peer = ctx;
	uint16_t port = rte_be_to_cpu_16(port_be);

	RTE_SET_USED(address);
	return peer->app->accept != NULL &&
		(port == PEER_PORT_ECHO || port == PEER_PORT_DISCARD || port == PEER_PORT_CHARGEN);
}

static int conn_accept(void *ctx, struct tcp_conn *conn)
{
	struct peer *peer = ctx;

	peer->totals.connects++;
	return peer->app->accept(peer, conn);
}

static uint16_t path_mtu(void *ctx, const struct ip_addr *dst)
{
	const struct peer *peer = ctx;

	RTE_SET_USED(dst);
	return peer->port.mtu;
}

static const struct tcp_stack_ops stack_ops = {
	.output = output,
	.is_listening = is_listening,
	.accept = conn_accept,
	.mtu = path_mtu,
};

static void frames_take(struct peer *peer, struct rte_mbuf **frames, uint16_t count)
{
	static const struct hash_key key = { .k0 = 1, .k1 = 2 };
	enum drop_reason reasons[PORT_BURST];
	uint16_t kept = 0;

	packet_parse_burst(frames, count, 0, key, reasons);
	for (uint16_t i = 0; i < count; i++) {
		if (reasons[i] == DROP_NONE && packet_of(frames[i])->protocol != IPPROTO_TCP)
			reasons[i] = DROP_consumed;
		if (reasons[i] == DROP_NONE)
			frames[kept++] = frames[i];
		else
			core_drop(&peer->core, frames[i], reasons[i]);
	}
	if (kept > 0)
		tcp_input(peer->stack, frames, kept, peer->now_us);
}

static void turn_run(struct peer *peer)
{
	struct rte_mbuf *frames[PORT_BURST];
	uint64_t begin = rte_rdtsc();
	uint64_t sent_before = peer->core.counters.tx_packets;
	uint16_t count;

	peer->now_us = clock_now_us();
	count = port_rx(&peer->port, 0, &peer->core, frames);
	if (count > 0)
		frames_take(peer, frames, count);
	if (peer->app->tick != NULL)
		peer->app->tick(peer);
	tcp_advance(peer->stack, peer->now_us);
	port_tx_flush(&peer->tx);
	if (count > 0 || peer->core.counters.tx_packets != sent_before) {
		peer->core.counters.busy_cycles += rte_rdtsc() - begin;
	} else {
		rte_pause();
		peer->core.counters.idle_cycles += rte_rdtsc() - begin;
	}
}

void peer_run(struct peer *peer, uint64_t until_us)
{
	while (!peer_must_stop && !peer->is_done && peer->now_us < until_us) {
		turn_run(peer);
		if (peer_must_report) {
			peer_must_report = 0;
			peer_report(peer, 0);
		}
	}
}

void peer_report(const struct peer *peer, double seconds)
{
	const struct tcp_counters *tcp = tcp_counters(peer->stack);

	printf("{\"seconds\": %.6f, \"operations\": %lu, \"bytes\": %lu, \"connects\": %lu, "
	       "\"failures\": %lu, \"resets\": %lu, \"tsc\": %lu, \"tsc_hz\": %lu, "
	       "\"busy_cycles\": %lu, \"idle_cycles\": %lu, \"rx_packets\": %lu, "
	       "\"tx_packets\": %lu, \"tx_full\": %lu, \"retransmits\": %lu, \"timeouts\": %lu, "
	       "\"windows_grown\": %lu, \"grouped\": %lu, \"cut\": %lu}\n",
		seconds, peer->totals.operations, peer->totals.bytes, peer->totals.connects,
		peer->totals.failures, peer->totals.resets, rte_rdtsc(), rte_get_tsc_hz(),
		peer->core.counters.busy_cycles, peer->core.counters.idle_cycles,
		peer->core.counters.rx_packets, peer->core.counters.tx_packets,
		peer->core.drops.counts[DROP_tx_full], tcp->retransmits, tcp->timeouts,
		tcp->windows_grown, tcp->segments_grouped, peer->core.counters.tx_cut);
	fflush(stdout);
}

static int port_start(struct peer *peer)
{
	static char device[RTE_ETH_NAME_MAX_LEN];
	struct err err = { 0 };
	uint16_t first = rte_eth_find_next(0);
	uint64_t deadline;
	struct rte_eth_link link = { 0 };

	if (peer->config.device == NULL && rte_eth_dev_get_name_by_port(first, device) == 0)
		peer->config.device = device;
	if (peer->config.device == NULL) {
		fprintf(stderr, "tcp-peer: EAL knows no port\n");
		return -1;
	}
	peer->config.name = "link";
	peer->config.mtu = peer->options.mtu;
	peer->config.rx_descriptors = peer->config.tx_descriptors = 1024;
	if (port_open(&peer->port, &peer->config, 1, peer->mbufs, &err) != 0) {
		fprintf(stderr, "tcp-peer: %s\n", err.text);
		return -1;
	}
	peer->tx = (struct port_tx){ .port = &peer->port, .core = &peer->core };
	deadline = clock_now_us() + LINK_WAIT_US;
	while (rte_eth_link_get_nowait(peer->port.ethdev_id, &link) != 0 ||
		link.link_status != RTE_ETH_LINK_UP) {
		if (clock_now_us() > deadline && peer->app->accept == NULL) {
			fprintf(stderr, "tcp-peer: the link did not come up\n");
			return -1;
		}
		if (peer->app->accept != NULL)
			break;
		rte_delay_us_sleep(1000);
	}
	return 0;
}

static struct tcp_stack *stack_create(struct peer *peer)
{
	struct tcp_params params = {
		.core = &peer->core,
		.mbufs = peer->mbufs,
		.ops = &stack_ops,
		.ctx = peer,
		.ports = { .port_min = 1024, .port_max = 65535 },
		.secret = { rte_rdtsc(), 0x70656572 },
		.max_connections = CONNECTIONS_MAX,
		.max_half_open = 65535,
		.receive_window = peer->options.window_bytes,
		.receive_window_max = peer->options.window_max_bytes,
		.time_wait_ms = peer->options.time_wait_ms,
		.large_output = true,
	};

	return tcp_stack_create(&params, clock_now_us());
}

int peer_open(struct peer *peer, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = signal_note };
	int eal = rte_eal_init(argc, argv);

	if (eal < 0 || options_read(peer, argc - eal, argv + eal) != 0)
		return 2;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	peer->mbufs = packet_pool_create("peer", MBUFS, (int)rte_socket_id());
	if (peer->mbufs == NULL || port_start(peer) != 0) {
		fprintf(stderr, "tcp-peer: no port, or no memory\n");
		return 1;
	}
	peer->stack = stack_create(peer);
	if (peer->stack == NULL)
		return 1;
	peer->now_us = clock_now_us();
	return peer->app->start != NULL && peer->app->start(peer) != 0 ? 1 : 0;
}

void peer_close(struct peer *peer)
{
	tcp_stack_destroy(peer->stack);
	port_close(&peer->port);
	rte_eal_cleanup();
}
