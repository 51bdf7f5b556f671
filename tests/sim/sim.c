/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "support/support.h"
#include "tcp/check.h"

#define START_US 1000000u
#define BURST    32

/* Few: what is checked at every step is a walk of the whole table. */
#define CONNECTIONS_MAX 64

static bool chance(struct sim *sim, uint32_t permille)
{
	return rng_below(&sim->rng, 1000) < permille;
}

static void frame_queue(struct sim *sim, struct sim_frame *frame)
{
	struct sim_frame **link = &sim->frames;

	while (*link != NULL && (*link)->at_us <= frame->at_us)
		link = &(*link)->next;
	frame->next = *link;
	*link = frame;
}

/* When the frame arrives; 0: the queue before the bottleneck is full. */
static uint64_t arrival_us(struct sim *sim, struct sim_host *from, uint32_t len)
{
	const struct sim_link *link = &sim->link;
	uint64_t at = sim->now_us;

	if (link->bytes_per_ms > 0) {
		uint64_t backlog_us = from->link_free_us > at ? from->link_free_us - at : 0;

		if (backlog_us * link->bytes_per_ms / 1000 > link->queue_bytes)
			return 0;
		at += backlog_us + (uint64_t)len * 1000 / link->bytes_per_ms;
		from->link_free_us = at;
	}
	at += link->delay_us;
	if (chance(sim, link->reorder_permille))
		at += rng_below(&sim->rng, link->reorder_us + 1);
	if (link->batch_us > 0)
		at += link->batch_us - at % link->batch_us;
	return at;
}

static void syn_strip(uint8_t *packet)
{
	bool is_v4 = packet[0] >> 4 == 4;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(packet +
		(is_v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr)));
	uint8_t *option = (uint8_t *)(tcp + 1);
	const uint8_t *end = (uint8_t *)tcp + (tcp->data_off >> 4) * 4;

	if (!(tcp->tcp_flags & RTE_TCP_SYN_FLAG))
		return;
	while (option < end && *option != 0) {
		unsigned len = *option == 1 ? 1 : option[1];

		if (*option != 2)
			memset(option, 1, len);
		option += len;
	}
	tcp->cksum = 0;
	tcp->cksum = is_v4 ? rte_ipv4_udptcp_cksum((void *)packet, tcp)
			   : rte_ipv6_udptcp_cksum((void *)packet, tcp);
}

static const struct rte_tcp_hdr *tcp_of(const uint8_t *packet)
{
	return (const struct rte_tcp_hdr *)(packet +
		(packet[0] >> 4 == 4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr)));
}

static bool is_bare_ack(const uint8_t *packet, uint32_t len)
{
	const struct rte_tcp_hdr *tcp = tcp_of(packet);

	return tcp->tcp_flags == RTE_TCP_ACK_FLAG &&
		(const uint8_t *)tcp + (tcp->data_off >> 4) * 4 == packet + len;
}

static bool is_in_burst(struct sim_host *from)
{
	struct sim *sim = from->sim;
	const struct sim_bursts *bursts = &sim->link.bursts;

	if (bursts->begin_permille == 0)
		return false;
	if (from->is_in_burst) {
		from->is_in_burst = sim->now_us < from->burst_end_us &&
			!chance(sim, bursts->end_permille);
	} else if (chance(sim, bursts->begin_permille)) {
		from->is_in_burst = true;
		from->burst_end_us = sim->now_us + bursts->longest_us;
	}
	return from->is_in_burst;
}

static bool is_lost(struct sim_host *from, const uint8_t *packet, uint32_t len)
{
	struct sim *sim = from->sim;
	const struct sim_link *link = &sim->link;

	if (sim->is_blocked || chance(sim, link->loss_permille))
		return true;
	if (is_in_burst(from) && chance(sim, link->bursts.loss_permille))
		return true;
	return link->ack_loss_permille > 0 && is_bare_ack(packet, len) &&
		chance(sim, link->ack_loss_permille);
}

static struct sim_frame *frame_make(const uint8_t *packet, uint32_t len)
{
	struct rte_ether_hdr ether = {
		.ether_type = rte_cpu_to_be_16(
			packet[0] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6),
	};
	struct sim_frame *frame = malloc(sizeof(*frame) + sizeof(ether) + len);

	assert_non_null(frame);
	frame->is_too_big = false;
	frame->len = (uint32_t)sizeof(ether) + len;
	memcpy(frame->bytes, &ether, sizeof(ether));
	memcpy(frame->bytes + sizeof(ether), packet, len);
	return frame;
}

/* Half way the packet does not fit: it is gone, and perhaps its sender hears of it. */
static void frame_refuse(struct sim_host *from, const uint8_t *packet, uint32_t len)
{
	struct sim *sim = from->sim;
	struct sim_frame *frame;

	sim->frames_lost++;
	if (!sim->link.tells_mtu)
		return;
	frame = frame_make(packet, len);
	frame->is_too_big = true;
	frame->to = from->index;
	frame->at_us = sim->now_us + sim->link.delay_us;
	frame_queue(sim, frame);
}

/* CE where ECT says that it means something. */
static void congestion_mark(uint8_t *packet)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

	if (packet[0] >> 4 == 6) {
		if (packet[1] & 0x30)
			packet[1] |= 0x30;
		return;
	}
	if (!(ip->type_of_service & 3))
		return;
	ip->type_of_service |= 3;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void frame_send(struct sim_host *from, const uint8_t *packet, uint32_t len)
{
	struct sim *sim = from->sim;
	const struct sim_link *link = &sim->link;
	struct sim_frame *frame;
	uint64_t at = arrival_us(sim, from, len);

	sim->frames_sent++;
	if (at == 0 || is_lost(from, packet, len)) {
		sim->frames_lost++;
		return;
	}
	if (link->mtu > 0 && len > link->mtu && sim->now_us >= START_US + link->mtu_from_us) {
		frame_refuse(from, packet, len);
		return;
	}
	frame = frame_make(packet, len);
	frame->at_us = at;
	frame->to = 1 - from->index;
	if (link->mark_permille > 0 && chance(sim, link->mark_permille))
		congestion_mark(frame->bytes + sizeof(struct rte_ether_hdr));
	if (chance(sim, link->corrupt_permille))
		frame->bytes[sizeof(struct rte_ether_hdr) + rng_below(&sim->rng, len)] ^=
			(uint8_t)(1 + rng_below(&sim->rng, 255));
	frame_queue(sim, frame);
}

static void segment_output(struct sim_host *host, struct rte_mbuf *m)
{
	uint8_t bytes[4096];
	uint32_t len = m->pkt_len;

	assert_true(len <= sizeof(bytes));
	assert_true(len <= 1500);
	packet_checksum_complete(m);
	memcpy(bytes, rte_pktmbuf_read(m, 0, len, bytes), m->nb_segs > 1 ? 0 : len);
	rte_pktmbuf_free(m);
	if (host->sim->link.strips_options)
		syn_strip(bytes);
	frame_send(host, bytes, len);
	if (chance(host->sim, host->sim->link.duplicate_permille))
		frame_send(host, bytes, len);
}

static void host_output(void *ctx, struct rte_mbuf *m)
{
	struct rte_mbuf *pieces[PACKET_SEGMENTS_MAX] = { m };
	uint16_t count = 1;

	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		count = packet_cut(m, pieces);
	assert_true(count > 0);
	for (uint16_t i = 0; i < count; i++)
		segment_output(ctx, pieces[i]);
}

static bool host_is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	const struct sim_host *host = ctx;

	return host->index == 1 && ip_equal(address, &host->address) &&
		port_be == rte_cpu_to_be_16(SIM_PORT);
}

static int host_accept(void *ctx, struct tcp_conn *conn)
{
	struct sim_host *host = ctx;

	return host->sim->ops->accept(host->app, conn);
}

static const struct tcp_stack_ops stack_ops = {
	.output = host_output,
	.is_listening = host_is_listening,
	.accept = host_accept,
};

void sim_start(struct sim *sim, const struct sim_params *params)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	*sim = (struct sim){
		.now_us = START_US,
		.rng = { .state = params->seed },
		.link = params->link,
		.ops = params->ops,
	};
	for (unsigned i = 0; i < 2; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct tcp_params tcp = params->tcp;

		host->sim = sim;
		host->index = i;
		host->app = params->apps[i];
		host->address = ip_from_v4(rte_cpu_to_be_32(0xc0000201 + i));
		if (params->is_v6) {
			host->address = ip_from_v6(v6);
			host->address.bytes[15] = (uint8_t)(1 + i);
		}
		if (tcp.max_connections == 0)
			tcp.max_connections = CONNECTIONS_MAX;
		tcp.core = &host->core;
		tcp.mbufs = params->mbufs[i] != NULL ? params->mbufs[i] : support_mbufs();
		tcp.ops = &stack_ops;
		tcp.ctx = host;
		tcp.ports = (struct steer_slice){ .port_min = 20000, .port_max = 29999 };
		tcp.secret[0] = rng_next(&sim->rng);
		tcp.secret[1] = rng_next(&sim->rng);
		host->stack = tcp_stack_create(&tcp, sim->now_us);
		assert_non_null(host->stack);
	}
}

static struct rte_mbuf *frame_take(struct sim *sim)
{
	struct sim_frame *frame = sim->frames;
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	struct rte_mbuf *m = support_mbuf(frame->bytes, frame->len);

	sim->frames = frame->next;
	free(frame);
	if (packet_parse(m, 0, key) == DROP_NONE && packet_of(m)->protocol == 6)
		return m;
	rte_pktmbuf_free(m);
	return NULL;
}

static void too_big_deliver(struct sim *sim)
{
	struct sim_frame *frame = sim->frames;
	const uint8_t *packet = frame->bytes + sizeof(struct rte_ether_hdr);
	uint32_t seq = rte_be_to_cpu_32(tcp_of(packet)->sent_seq);
	struct tcp_stack *stack = sim->hosts[frame->to].stack;
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	struct rte_mbuf *m = support_mbuf(frame->bytes, frame->len);
	const struct packet *p = packet_of(m);

	sim->frames = frame->next;
	if (packet_parse(m, 0, key) == DROP_NONE) {
		struct packet_tuple quoted = {
			.src = p->src,
			.dst = p->dst,
			.src_port_be = p->src_port_be,
			.dst_port_be = p->dst_port_be,
			.protocol = p->protocol,
		};

		tcp_icmp_error(stack, &quoted, seq, true, (uint16_t)sim->link.mtu, sim->now_us);
	}
	rte_pktmbuf_free(m);
	free(frame);
}

/* What has arrived, in bursts of one host each. */
static void frames_deliver(struct sim *sim)
{
	while (sim->frames != NULL && sim->frames->at_us <= sim->now_us) {
		struct rte_mbuf *burst[BURST];
		unsigned to = sim->frames->to;
		uint16_t count = 0;

		if (sim->frames->is_too_big) {
			too_big_deliver(sim);
			continue;
		}
		while (sim->frames != NULL && sim->frames->at_us <= sim->now_us &&
			sim->frames->to == to && !sim->frames->is_too_big && count < BURST) {
			struct rte_mbuf *m = frame_take(sim);

			if (m != NULL)
				burst[count++] = m;
		}
		tcp_input(sim->hosts[to].stack, burst, count, sim->now_us);
	}
}

static void stacks_check(struct sim *sim)
{
	struct err err;

	sim->steps++;
	for (unsigned i = 0; i < 2; i++) {
		if (tcp_check(sim->hosts[i].stack, &err) != 0)
			fail_msg("step %lu at %lu us, host %u: %s", (unsigned long)sim->steps,
				(unsigned long)sim->now_us, i, err.text);
	}
}

static void turn(struct sim *sim, uint64_t until_us)
{
	uint64_t next = until_us;

	sim->turn_us = sim->now_us;
	frames_deliver(sim);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t poll_us = sim->ops->poll(sim->hosts[i].app, sim->now_us);

		tcp_advance(sim->hosts[i].stack, sim->now_us);
		next = RTE_MIN(next, poll_us);
		next = RTE_MIN(next, tcp_next_us(sim->hosts[i].stack));
	}
	stacks_check(sim);
	if (sim->frames != NULL)
		next = RTE_MIN(next, sim->frames->at_us);
	sim->now_us = RTE_MAX(next, sim->now_us + 1);
}

bool sim_run(struct sim *sim, uint64_t until_us)
{
	while (sim->now_us < until_us) {
		if (sim->ops->is_done(sim->hosts[0].app) && sim->ops->is_done(sim->hosts[1].app))
			return true;
		turn(sim, until_us);
	}
	return false;
}

void sim_pass(struct sim *sim, uint64_t until_us)
{
	while (sim->now_us < until_us)
		turn(sim, until_us);
}

void sim_stop(struct sim *sim)
{
	for (unsigned i = 0; i < 2; i++)
		tcp_stack_destroy(sim->hosts[i].stack);
	while (sim->frames != NULL) {
		struct sim_frame *frame = sim->frames;

		sim->frames = frame->next;
		free(frame);
	}
}
