/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/datagram.h"

#include <errno.h>
#include <time.h>

#include <rte_ring.h>

#include "base/clock.h"
#include "base/log.h"
#include "l7/access_log.h"
#include "worker.h"

#define SLOTS 2048
/* RFC 5426 3.3: messages come from the port that they go to, by default. */
#define SYSLOG_PORT 514
/* At the end, for the last lines: workers take turns far more often. */
#define FLUSH_US 200000

static const struct neigh_net *net_of(const struct app *app)
{
	return atomic_load(&app->snapshot)->net;
}

static size_t room(void *ctx, const struct ip_addr *dst)
{
	const struct app *app = ctx;
	size_t most = rte_pktmbuf_data_room_size(app->mbufs) - RTE_PKTMBUF_HEADROOM;

	if (neigh_net_source(net_of(app), dst) == NULL)
		return 0;
	return packet_datagram_max(
		dst, (uint16_t)RTE_MIN(most, (size_t)neigh_net_mtu(net_of(app), dst)));
}

/* Should the worker be behind, the datagram is lost: the control thread has others to serve. */
static bool send(void *ctx, const struct ip_addr *dst, uint16_t port, const char *data, size_t len)
{
	struct app *app = ctx;
	const struct ip_addr *source = neigh_net_source(net_of(app), dst);
	struct rte_mbuf *m = source == NULL ? NULL : rte_pktmbuf_alloc(app->mbufs);
	struct datagram datagram = { .src_port = SYSLOG_PORT, .dst_port = port };

	if (m == NULL)
		return false;
	datagram.src = *source;
	datagram.dst = *dst;
	if (packet_datagram_make(m, &datagram, data, len) &&
		rte_ring_sp_enqueue(app->datagrams, m) == 0)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

int app_datagrams_open(struct app *app, struct err *err)
{
	const struct access_carrier carrier = { .room = room, .send = send, .ctx = app };

	app->datagrams = rte_ring_create(
		"datagrams", SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (app->datagrams == NULL)
		return err_set(err, ENOMEM, "no memory for datagrams");
	access_log_carry(app->access, &carrier);
	return 0;
}

void app_datagrams_flush(struct app *app)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	uint64_t deadline_us = clock_now_us() + FLUSH_US;
	unsigned taken;

	if (app->access == NULL || app->datagrams == NULL)
		return;
	do {
		taken = access_log_poll(app->access, clock_now_us());
		while (rte_ring_count(app->datagrams) > 0 && clock_now_us() < deadline_us)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	} while (taken > 0 && clock_now_us() < deadline_us);
	/* What has left the ring may pass through another worker, whose port it is. */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

void app_access_finish(struct app *app)
{
	const struct access_carrier none = { .room = NULL };
	const struct access_counters *counters;
	uint64_t lost;

	if (app->access == NULL)
		return;
	counters = access_log_counters(app->access);
	lost = counters->lines_lost;
	access_log_carry(app->access, &none);
	while (access_log_poll(app->access, clock_now_us()) > 0)
		;
	lost = counters->lines_lost - lost;
	if (app->datagrams != NULL)
		lost += rte_ring_count(app->datagrams);
	if (lost > 0)
		log_warning(
			"the last %llu lines of the access log are lost", (unsigned long long)lost);
}

void app_datagrams_close(struct app *app)
{
	void *m;

	while (app->datagrams != NULL && rte_ring_sc_dequeue(app->datagrams, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(app->datagrams);
}
