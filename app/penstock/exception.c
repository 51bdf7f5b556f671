/* SPDX-License-Identifier: Apache-2.0 */
/* The exception path: what is not the appliance's, between a port and the kernel beside it. */
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <rte_arp.h>
#include <rte_byteorder.h>

#include "base/clock.h"
#include "worker.h"

/*
 * A frame to the kernel is a system call: a flood of them must not take the worker's time. Far more
 * than routing protocols send, far less than a worker can do.
 */
#define WINDOW_US  (10 * CLOCK_US_PER_MS)
#define WINDOW_MAX 100

static bool is_within_limit(struct worker *w)
{
	if (w->now_us - w->kernel_since_us >= WINDOW_US) {
		w->kernel_since_us = w->now_us;
		w->kernel_in_window = 0;
	}
	return w->kernel_in_window++ < WINDOW_MAX;
}

static void kernel_output(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	if (!is_within_limit(w)) {
		core_drop(&w->core, m, DROP_kernel_limited);
		return;
	}
	w->core.counters.kernel_out++;
	dispatch_transmit(w, w->app->partner[port], m);
}

void exception_refuse(struct worker *w, unsigned port, struct rte_mbuf *m, enum drop_reason reason)
{
	if (w->app->partner[port] == APP_NO_DEVICE)
		core_drop(&w->core, m, reason);
	else
		kernel_output(w, port, m);
}

/* An answer that the kernel may wait for as we do: ARP, or a neighbor's or a router's word. */
static bool is_answer(struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	uint8_t type;

	if (p->flags & PACKET_IS_ARP)
		return rte_pktmbuf_mtod_offset(m, const struct rte_arp_hdr *, p->l3_offset)
			       ->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	if ((p->flags & PACKET_IS_V6) == 0)
		return false;
	type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	return type == ND_NEIGHBOR_ADVERT || type == ND_ROUTER_ADVERT;
}

void exception_copy(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	struct rte_mbuf *copy;

	if (w->app->partner[port] == APP_NO_DEVICE || !is_answer(m))
		return;
	copy = rte_pktmbuf_copy(m, w->app->mbufs, 0, UINT32_MAX);
	if (copy == NULL)
		w->core.drops.counts[DROP_mbuf_exhausted]++;
	else
		kernel_output(w, port, copy);
}

void exception_return(struct worker *w, unsigned device, struct rte_mbuf **frames, uint16_t count)
{
	w->core.counters.kernel_in += count;
	for (uint16_t i = 0; i < count; i++)
		dispatch_transmit(w, w->app->partner[device], frames[i]);
}
