/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ring_elem.h>
#include <rte_tcp.h>

#include "l4/guard.h"
#include "worker.h"

#define NEWS_BURST 16

/* Hands a packet to another core, or drops it where that one does not keep up: false. */
static bool hand_over(
	struct worker *w, struct worker *to, enum worker_ring kind, struct rte_mbuf *m)
{
	struct rte_ring *ring = to->in[w->core.index][kind];
	bool is_received = kind == WORKER_RING_L4 || kind == WORKER_RING_L7;
	bool is_shown = is_received || kind == WORKER_RING_FRAGMENT;

	/* Before it is the other one's: should the ring be full, that is the last word. */
	if (w->core.tap != NULL && is_shown)
		tap_settle(w->core.tap, m, TAP_PASSED, NULL);
	if (is_received && ring != NULL &&
		!flood_admit(&w->gates[to->core.index], packet_of(m)->flow_hash,
			rte_ring_count(ring), WORKER_RING_SLOTS)) {
		core_drop(&w->core, m, DROP_flow_share);
		return false;
	}
	if (ring == NULL || rte_ring_sp_enqueue(ring, m) != 0) {
		core_drop(&w->core, m, DROP_ring_full);
		return false;
	}
	w->core.counters.ring_out_packets++;
	return true;
}

static void l4_output(struct worker *w, struct rte_mbuf **out, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		const struct ip_addr *hop = l4_next_hop(out[i]);

		if (hop == NULL)
			neigh_output(w->neigh, w->snapshot->net, out[i], w->now_us);
		else
			neigh_output_via(w->neigh, w->snapshot->net, out[i], hop, w->now_us);
	}
}

static void l4_flush(struct worker *w)
{
	struct rte_mbuf *out[L4_OUT_MAX];
	uint16_t count;

	if (w->l4_pending == 0)
		return;
	count = l4_run(
		w->l4, w->snapshot, w->l4_pkts, w->l4_services, w->l4_pending, out, w->now_us);
	w->l4_pending = 0;
	l4_output(w, out, count);
}

void dispatch_l4_advance(struct worker *w)
{
	struct rte_mbuf *out[L4_OUT_MAX];
	uint16_t count = l4_advance(w->l4, w->snapshot, out, w->now_us);

	l4_output(w, out, count);
}

static void l7_flush(struct worker *w)
{
	uint16_t count = w->l7_pending;

	if (count == 0)
		return;
	w->l7_pending = 0;
	l7_input(w->l7, w->l7_pkts, count, w->now_us);
}

static void l4_take(struct worker *w, struct rte_mbuf *m, const struct service *service)
{
	w->l4_pkts[w->l4_pending] = m;
	w->l4_services[w->l4_pending] = service;
	if (++w->l4_pending == L4_BURST_MAX)
		l4_flush(w);
}

/* What an ICMP error says about a segment of ours. */
static void tcp_error_take(struct worker *w, struct rte_mbuf *m)
{
	struct packet_quote quote;
	enum drop_reason reason = packet_quote_parse(m, &quote);

	if (reason == DROP_NONE && !quote.is_too_big && !quote.is_unreachable)
		reason = DROP_icmp_ignored;
	if (reason == DROP_NONE) {
		tcp_icmp_error(l7_tcp(w->l7), &quote.tuple, quote.seq, quote.is_too_big, quote.mtu,
			w->now_us);
		reason = DROP_consumed;
	}
	core_drop(&w->core, m, reason);
}

static void l7_take(struct worker *w, struct rte_mbuf *m)
{
	if (unlikely((packet_of(m)->flags & PACKET_IS_ICMP) != 0)) {
		tcp_error_take(w, m);
		return;
	}
	if (w->core.tap != NULL)
		tap_settle(w->core.tap, m, TAP_TO_STACK, NULL);
	w->l7_pkts[w->l7_pending++] = m;
	if (w->l7_pending == L4_BURST_MAX)
		l7_flush(w);
}

static void to_l7(struct worker *w, unsigned index, struct rte_mbuf *m)
{
	struct worker *owner = w->app->l7_workers[index];

	if ((packet_of(m)->flags & PACKET_IS_FRAGMENT) != 0)
		core_drop(&w->core, m, DROP_fragment_unassembled);
	else if (owner == w)
		l7_take(w, m);
	else
		w->core.counters.ring_out_l7 += hand_over(w, owner, WORKER_RING_L7, m);
}

static void to_l4(
	struct worker *w, unsigned index, struct rte_mbuf *m, const struct service *service)
{
	struct worker *owner = w->app->l4_workers[index];

	if (owner == w)
		l4_take(w, m, service);
	else if (hand_over(w, owner, WORKER_RING_L4, m))
		*(service != NULL ? &w->core.counters.ring_out_l4
				  : &w->core.counters.ring_out_replies) += 1;
}

/* A SYN alone, or an INIT, to a service while we shut down: others take new work. */
static bool is_refused_now(const struct worker *w, const struct packet *p)
{
	if (likely(!w->is_draining))
		return false;
	if (p->protocol == IPPROTO_SCTP)
		return p->sctp_chunks == PACKET_SCTP_INIT;
	return p->protocol == IPPROTO_TCP &&
		(p->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG;
}

/* A packet to one of our own addresses: the port's slice tells the owner. */
static void to_local_owner(struct worker *w, struct rte_mbuf *m, const struct packet *p)
{
	struct steer_owner owner = steer_by_port(
		&w->snapshot->steer, rte_be_to_cpu_16(p->dst_port_be));

	if (owner.kind == STEER_L4)
		to_l4(w, owner.index, m, NULL);
	else if (owner.kind == STEER_L7 && p->protocol == IPPROTO_TCP)
		to_l7(w, owner.index, m);
	else
		exception_refuse(w, p->in_port, m, DROP_no_service);
}

static void to_l4_owner(
	struct worker *w, struct rte_mbuf *m, const struct packet *p, const struct service *service)
{
	uint32_t hash = l4_owner_hash(service, p, w->snapshot->key);

	to_l4(w, steer_by_hash(hash, w->app->l4_count), m, service);
}

/* Neither to a service nor to one of our addresses. */
static void to_stranger(struct worker *w, struct rte_mbuf *m, const struct packet *p)
{
	const struct snapshot *snapshot = w->snapshot;

	if (service_table_has_nat(snapshot->services) && !neigh_net_is_vip(snapshot->net, &p->dst))
		to_l4_owner(w, m, p, NULL);
	else
		core_drop(&w->core, m, DROP_no_service);
}

/* By its tuple: a packet of a flow, or what was said about one. */
static void flow_route(struct worker *w, struct rte_mbuf *m, const struct packet *p)
{
	const struct snapshot *snapshot = w->snapshot;
	const struct service *service = service_find(
		snapshot->services, &p->dst, p->dst_port_be, p->protocol);

	if (service == NULL) {
		if (neigh_net_is_local(snapshot->net, &p->dst))
			to_local_owner(w, m, p);
		else
			to_stranger(w, m, p);
		return;
	}
	if (is_refused_now(w, p)) {
		core_drop(&w->core, m, DROP_draining);
		return;
	}
	if (service->mode == CONFIG_MODE_L4)
		to_l4_owner(w, m, p, service);
	else
		to_l7(w, steer_by_hash(p->flow_hash, w->app->l7_count), m);
}

static void icmp_error_route(struct worker *w, struct rte_mbuf *m)
{
	enum drop_reason reason = packet_quote_adopt(m, w->snapshot->key);

	if (reason == DROP_NONE)
		flow_route(w, m, packet_of(m));
	else
		exception_refuse(w, packet_of(m)->in_port, m, reason);
}

/* Here is where all fragments of the datagram meet; with the first one's ports they go on. */
static void fragment_take(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *out[L4_FRAGMENTS_OUT];
	uint16_t count = l4_fragment(w->l4, w->snapshot, m, out, w->now_us);

	for (uint16_t i = 0; i < count; i++)
		flow_route(w, out[i], packet_of(out[i]));
}

static void fragment_route(struct worker *w, struct rte_mbuf *m, const struct packet *p)
{
	const struct neigh_net *net = w->snapshot->net;
	struct worker *owner = w->app->l4_workers[steer_by_hash(p->flow_hash, w->app->l4_count)];

	/* By "nat", what goes to strangers may be a member's. */
	if (!neigh_net_is_vip(net, &p->dst) && !neigh_net_is_local(net, &p->dst) &&
		!service_table_has_nat(w->snapshot->services))
		exception_refuse(w, p->in_port, m, DROP_no_service);
	else if (owner == w)
		fragment_take(w, m);
	else
		w->core.counters.ring_out_fragments += hand_over(w, owner, WORKER_RING_FRAGMENT, m);
}

static bool is_to_us(const struct worker *w, unsigned port, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	return memcmp(ether->dst_addr.addr_bytes, w->app->ports[port].mac, RTE_ETHER_ADDR_LEN) == 0;
}

/* Who handles a parsed frame: the neighbor code, a connection table, a TCP stack, or nobody. */
static void frame_route(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	bool is_group = (p->flags & PACKET_IS_BROADCAST) != 0;

	if (!is_group && !is_to_us(w, port, m)) {
		core_drop(&w->core, m, DROP_not_for_us);
	} else if (!is_group && packet_is_icmp_error(m)) {
		icmp_error_route(w, m);
	} else if ((p->flags & (PACKET_IS_ARP | PACKET_IS_ICMP)) != 0) {
		exception_copy(w, port, m);
		neigh_input(w->neigh, w->snapshot->net, m, w->now_us);
	} else if (is_group) {
		exception_refuse(w, port, m, DROP_no_service);
	} else if ((p->flags & PACKET_IS_FRAGMENT) != 0) {
		fragment_route(w, m, p);
	} else if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP ||
		p->protocol == IPPROTO_SCTP) {
		flow_route(w, m, p);
	} else {
		exception_refuse(w, port, m, DROP_protocol_unsupported);
	}
}

/* As they came off the wire. */
static __rte_noinline void frames_show(
	struct worker *w, unsigned port, struct rte_mbuf **frames, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		tap_take(w->core.tap, frames[i], port, w->now_us);
}

void dispatch_frames(struct worker *w, unsigned port, struct rte_mbuf **frames, uint16_t count)
{
	enum drop_reason reasons[PORT_BURST];

	if (w->core.tap != NULL)
		frames_show(w, port, frames, count);
	packet_parse_burst(frames, count, port, w->snapshot->key, reasons);
	guard_run(&w->core, w->snapshot, frames, reasons, count, w->now_us);
	for (uint16_t i = 0; i < count; i++) {
		if (unlikely(reasons[i] == DROP_parse_ethertype && packet_has_tag(frames[i])))
			trunk_frames(w, port, &frames[i], 1);
		else if (unlikely(reasons[i] == DROP_parse_ethertype))
			exception_refuse(w, port, frames[i], reasons[i]);
		else if (unlikely(reasons[i] != DROP_NONE))
			core_drop(&w->core, frames[i], reasons[i]);
		else
			frame_route(w, port, frames[i]);
	}
	dispatch_flush(w);
}

void dispatch_flush(struct worker *w)
{
	l4_flush(w);
	l7_flush(w);
	if (w->core.tap != NULL)
		tap_commit(w->core.tap);
}

static void ring_packet_take(struct worker *w, enum worker_ring kind, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);

	if (w->core.tap != NULL &&
		(kind == WORKER_RING_L4 || kind == WORKER_RING_L7 || kind == WORKER_RING_FRAGMENT))
		tap_take(w->core.tap, m, p->in_port, w->now_us);
	switch (kind) {
	case WORKER_RING_L4:
		l4_take(w, m,
			service_find(w->snapshot->services, &p->dst, p->dst_port_be, p->protocol));
		break;
	case WORKER_RING_L7:
		l7_take(w, m);
		break;
	case WORKER_RING_FRAGMENT:
		fragment_take(w, m);
		break;
	case WORKER_RING_OUT:
		neigh_output(w->neigh, w->snapshot->net, m, w->now_us);
		break;
	default:
		port_tx_put(&w->tx[m->port], m);
		break;
	}
}

static unsigned ring_drain(struct worker *w, struct rte_ring *ring, enum worker_ring kind)
{
	struct rte_mbuf *pkts[PORT_BURST];
	unsigned count = rte_ring_sc_dequeue_burst(ring, (void **)pkts, RTE_DIM(pkts), NULL);

	for (unsigned i = 0; i < count; i++)
		ring_packet_take(w, kind, pkts[i]);
	w->core.counters.ring_in_packets += count;
	return count;
}

static unsigned news_drain(struct worker *w, struct rte_ring *ring)
{
	struct neigh_news news[NEWS_BURST];
	unsigned count = rte_ring_sc_dequeue_burst_elem(
		ring, news, sizeof(news[0]), NEWS_BURST, NULL);

	for (unsigned i = 0; i < count; i++)
		neigh_learn(w->neigh, w->snapshot->net, news[i].port, &news[i].addr, news[i].mac,
			false, w->now_us);
	return count;
}

unsigned dispatch_rings(struct worker *w)
{
	unsigned count = 0;

	for (unsigned from = 0; from < w->app->worker_count; from++) {
		for (unsigned kind = 0; kind < WORKER_RING_KINDS; kind++) {
			if (w->in[from][kind] != NULL)
				count += ring_drain(w, w->in[from][kind], kind);
		}
		if (w->news[from] != NULL)
			count += news_drain(w, w->news[from]);
	}
	if (w->core.l4_index == 0)
		count += ring_drain(w, w->app->datagrams, WORKER_RING_OUT);
	dispatch_flush(w);
	return count;
}

void dispatch_transmit(void *ctx, unsigned port, struct rte_mbuf *frame)
{
	struct worker *w = ctx;
	const struct port *device = &w->app->ports[port];

	if (device->vlan != 0) {
		int carrier = trunk_tag(w, port, frame);

		if (carrier < 0)
			return;
		port = (unsigned)carrier;
		device = &w->app->ports[port];
	}
	if (likely(w->has_queue[port])) {
		port_tx_put(&w->tx[port], frame);
		return;
	}
	frame->port = (uint16_t)port;
	hand_over(w, w->app->l4_workers[(unsigned)w->core.l4_index % device->queues],
		WORKER_RING_FRAME, frame);
}

void dispatch_share(void *ctx, unsigned port, const struct ip_addr *addr, const uint8_t mac[6])
{
	struct worker *w = ctx;
	struct neigh_news news = { .addr = *addr, .port = (uint8_t)port };

	memcpy(news.mac, mac, sizeof(news.mac));
	for (unsigned i = 0; i < w->app->l4_count; i++) {
		struct rte_ring *ring = w->app->l4_workers[i]->news[w->core.index];

		/* A full ring loses nothing but time: the other worker will ask by itself. */
		if (ring != NULL)
			(void)rte_ring_sp_enqueue_elem(ring, &news, sizeof(news));
	}
}

void dispatch_output(void *ctx, struct rte_mbuf *m)
{
	struct worker *w = ctx;

	if (w->neigh != NULL)
		neigh_output(w->neigh, w->snapshot->net, m, w->now_us);
	else
		hand_over(w, w->app->l4_workers[(unsigned)w->core.l7_index % w->app->l4_count],
			WORKER_RING_OUT, m);
}
