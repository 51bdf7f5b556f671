/* SPDX-License-Identifier: Apache-2.0 */
/* Making and unmaking workers, on the control thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "base/clock.h"
#include "worker.h"

#define RESULT_SLOTS 256
#define NEWS_SLOTS   256

/* On the L7 worker: rare, so a system call to wake control is fine here. */
static void result_report(void *ctx, const struct health_result *result)
{
	struct worker *w = ctx;
	struct health_result copy = *result;
	uint64_t one = 1;

	/* A full ring means that control is stuck; the next probe tells the same. */
	if (rte_ring_sp_enqueue_elem(w->results, &copy, sizeof(copy)) == 0 &&
		write(w->app->results_fd, &one, sizeof(one)) < 0)
		return;
}

/* The ports by which replies can be made to come in here. */
static void rss_find(struct worker *w)
{
	for (unsigned i = 0; i < w->app->port_count; i++) {
		const struct port *port = &w->app->ports[i];

		if (port->rss.kinds != 0 && (unsigned)w->core.l4_index < port->queues)
			w->rss[i] = &port->rss;
	}
}

static int l4_side_create(struct worker *w, struct err *err)
{
	static const struct neigh_ops neigh_ops = {
		.transmit = dispatch_transmit,
		.share = dispatch_share,
	};
	struct app *app = w->app;
	const struct config *config = app->boot;
	struct steer steer = steer_create(
		config->local_port_min, config->local_port_max, app->l4_count, app->l7_count);
	struct neigh_params neigh_params = {
		.core = &w->core,
		.mbufs = app->mbufs,
		.ops = &neigh_ops,
		.ctx = w,
		.reachable_ms = config->neighbor_timeout_ms,
	};
	struct l4_params l4_params = {
		.core = &w->core,
		.mbufs = app->mbufs,
		.ports = steer_l4_slice(&steer, (unsigned)w->core.l4_index),
		.rss = w->rss,
		.max_connections = config->max_connections,
		.seed = app->secret[0] ^ w->core.index,
		.secret = { app->secret[1] ^ w->core.index, app->secret[0] },
	};
	uint64_t now_us = clock_now_us();

	rss_find(w);
	w->neigh = neigh_create(&neigh_params, now_us);
	if (w->neigh == NULL)
		return err_set(err, ENOMEM, "no memory for a neighbor table");
	w->l4 = l4_core_create(&l4_params, now_us, err);
	if (w->l4 == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < app->device_count; i++) {
		w->has_queue[i] = app->ports[i].vlan == 0 &&
			(unsigned)w->core.l4_index < app->ports[i].queues;
		w->tx[i] = (struct port_tx){
			.port = &app->ports[i],
			.core = &w->core,
			.queue = (uint16_t)w->core.l4_index,
		};
	}
	if (stats_registry_add(
		    app->stats, &neigh_stats_set, w->core.index, neigh_counters(w->neigh)) < 0 ||
		stats_registry_add(app->stats, &l4_stats_set, w->core.index, l4_counters(w->l4)) <
			0)
		return err_set(err, ENOMEM, "no memory for counters");
	return 0;
}

static int l7_side_create(struct worker *w, struct err *err)
{
	struct app *app = w->app;
	const struct config *config = app->boot;
	struct steer steer = steer_create(
		config->local_port_min, config->local_port_max, app->l4_count, app->l7_count);
	struct l7_params params = {
		.core = &w->core,
		.mbufs = app->mbufs,
		.ports = steer_l7_slice(&steer, (unsigned)w->core.l7_index),
		.output = dispatch_output,
		.output_ctx = w,
		.large_output = true,
		.secret = { app->secret[0] + w->core.index, app->secret[1] },
		.seed = app->secret[1] ^ w->core.index,
		.tcp = &config->tcp,
		.access = access_log_ring(app->access, (unsigned)w->core.l7_index),
		/* Ports, L4 and headers keep a quarter of the pool. */
		.mbufs_max = app->mbufs->size / 4 * 3 / app->l7_count,
	};
	struct health_params health_params = {
		.worker = (unsigned)w->core.l7_index,
		.worker_count = app->l7_count,
		.report = result_report,
		.ctx = w,
		.seed = app->secret[1] + w->core.index,
	};
	uint64_t now_us = clock_now_us();
	char name[RTE_RING_NAMESIZE];

	w->l7 = l7_core_create(&params, now_us, err);
	if (w->l7 == NULL)
		return -ENOMEM;
	health_params.tcp = l7_tcp(w->l7);
	w->health = health_core_create(&health_params, now_us);
	snprintf(name, sizeof(name), "results-%u", w->core.index);
	w->results = rte_ring_create_elem(name, sizeof(struct health_result), RESULT_SLOTS,
		SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (w->health == NULL || w->results == NULL)
		return err_set(err, ENOMEM, "no memory for health checks");
	if (stats_registry_add(app->stats, &l7_stats_set, w->core.index, l7_counters(w->l7)) < 0 ||
		stats_registry_add(app->stats, &l7_refusal_stats_set, w->core.index,
			l7_refusal_counts(w->l7)) < 0 ||
		stats_registry_add(app->stats, &l7_ending_stats_set, w->core.index,
			l7_ending_counts(w->l7)) < 0 ||
		stats_registry_add(
			app->stats, &tcp_stats_set, w->core.index, tcp_counters(l7_tcp(w->l7))) < 0)
		return err_set(err, ENOMEM, "no memory for counters");
	return 0;
}

static int index_of(const unsigned *cpus, unsigned count, unsigned cpu)
{
	for (unsigned i = 0; i < count; i++) {
		if (cpus[i] == cpu)
			return (int)i;
	}
	return -1;
}

struct worker *worker_create(struct app *app, unsigned index, struct err *err)
{
	const struct config_cores *cores = &app->boot->cores;
	unsigned cpus[RUNTIME_WORKERS_MAX];
	struct worker *w = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*w), (size_t)RTE_CACHE_LINE_SIZE));

	if (w == NULL) {
		err_set(err, ENOMEM, "no memory for a worker");
		return NULL;
	}
	memset(w, 0, sizeof(*w));
	w->app = app;
	w->core.index = index;
	app_worker_cpus(cores, cpus);
	w->core.cpu = cpus[index];
	w->core.l4_index = index_of(cores->l4, cores->l4_count, w->core.cpu);
	w->core.l7_index = index_of(cores->l7, cores->l7_count, w->core.cpu);
	if (stats_registry_add(app->stats, &core_stats_set, index, &w->core.counters) < 0 ||
		stats_registry_add(app->stats, &drop_stats_set, index, w->core.drops.counts) < 0) {
		err_set(err, ENOMEM, "no memory for counters");
		goto fail;
	}
	if (w->core.l4_index >= 0 && l4_side_create(w, err) < 0)
		goto fail;
	if (w->core.l7_index >= 0 && l7_side_create(w, err) < 0)
		goto fail;
	return w;
fail:
	worker_destroy(w);
	return NULL;
}

static struct rte_ring *ring_make(const char *kind, unsigned from, unsigned to)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u-%u", kind, from, to);
	return rte_ring_create(
		name, WORKER_RING_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static struct rte_ring *news_ring_make(unsigned from, unsigned to)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "news-%u-%u", from, to);
	return rte_ring_create_elem(name, sizeof(struct neigh_news), NEWS_SLOTS, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ);
}

/* The rings that two workers' loops need between them, from one to the other. */
static bool pair_connect(struct worker *to, const struct worker *from)
{
	unsigned f = from->core.index;
	unsigned t = to->core.index;

	if (to->l4 != NULL && from->l4 != NULL) {
		to->in[f][WORKER_RING_L4] = ring_make("l4", f, t);
		to->in[f][WORKER_RING_FRAGMENT] = ring_make("fragment", f, t);
		to->in[f][WORKER_RING_FRAME] = ring_make("frame", f, t);
		to->news[f] = news_ring_make(f, t);
		if (to->in[f][WORKER_RING_L4] == NULL || to->in[f][WORKER_RING_FRAGMENT] == NULL ||
			to->in[f][WORKER_RING_FRAME] == NULL || to->news[f] == NULL)
			return false;
	}
	if (to->l7 != NULL && from->l4 != NULL) {
		to->in[f][WORKER_RING_L7] = ring_make("l7", f, t);
		if (to->in[f][WORKER_RING_L7] == NULL)
			return false;
	}
	if (to->l4 != NULL && from->l4 == NULL) {
		to->in[f][WORKER_RING_OUT] = ring_make("out", f, t);
		if (to->in[f][WORKER_RING_OUT] == NULL)
			return false;
	}
	return true;
}

int workers_connect(struct app *app, struct err *err)
{
	for (unsigned t = 0; t < app->worker_count; t++) {
		for (unsigned f = 0; f < app->worker_count; f++) {
			if (f != t && !pair_connect(app->workers[t], app->workers[f]))
				return err_set(err, ENOMEM, "no memory for rings between cores");
		}
	}
	return 0;
}

static void ring_empty(struct rte_ring *ring)
{
	void *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void worker_cut(struct worker *w)
{
	health_core_destroy(w->health);
	l7_core_destroy(w->l7);
	w->health = NULL;
	w->l7 = NULL;
}

void worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	worker_cut(w);
	l4_core_destroy(w->l4);
	neigh_destroy(w->neigh);
	for (unsigned from = 0; from < RUNTIME_WORKERS_MAX; from++) {
		for (unsigned kind = 0; kind < WORKER_RING_KINDS; kind++)
			ring_empty(w->in[from][kind]);
		rte_ring_free(w->news[from]);
	}
	rte_ring_free(w->results);
	free(w);
}
