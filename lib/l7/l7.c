/* SPDX-License-Identifier: Apache-2.0 */
#include "l7/l7.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connection_h2.h"
#include "core.h"
#include "http/json.h"
#include "middleware/middleware.h"
#include "resilience/limits.h"
#include "resilience/replay.h"
#include "stats/stats.h"
#include "stream_hedge.h"

#define GROW_COUNT          64
#define DEFAULT_CONNECTIONS 65536
#define STREAMS_FACTOR      4 /* streams for each connection, on average */
#define SCANS_MIN           64
#define REPLAYS_MIN         1024

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "l7/l7.def"
#undef COUNTER
};
const struct stats_set l7_stats_set = STATS_SET("l7", descs);

static const struct stats_desc refusal_descs[] = {
	{ "not", "not refused" },
#define REFUSAL(name, status, help) { #name, help },
#include "http/refusal.def"
#undef REFUSAL
};
const struct stats_set l7_refusal_stats_set = STATS_SET("http_refused", refusal_descs);

static void output(void *ctx, struct rte_mbuf *m)
{
	struct l7_core *l7 = ctx;

	l7->params.output(l7->params.output_ctx, m);
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	struct l7_core *l7 = ctx;
	const struct service *service = service_find(
		l7->snapshot->services, address, port_be, IPPROTO_TCP);

	if (service == NULL || service->listener == NULL)
		return false;
	if (l7->is_draining)
		l7->counters.conns_refused++;
	return !l7->is_draining;
}

static int accept_connection(void *ctx, struct tcp_conn *conn)
{
	return connection_accept(ctx, conn);
}

static uint16_t mtu(void *ctx, const struct ip_addr *dst)
{
	const struct l7_core *l7 = ctx;

	return neigh_net_mtu(l7->snapshot->net, dst);
}

static const struct tcp_stack_ops stack_ops = {
	.output = output,
	.is_listening = is_listening,
	.accept = accept_connection,
	.mtu = mtu,
};

static void params_configure(struct tcp_params *params, const struct config_tcp *config)
{
	static const char *const congestion[] = {
		[CONFIG_CONGESTION_CUBIC] = "cubic",
		[CONFIG_CONGESTION_NEWRENO] = "newreno",
	};
	static const enum tcp_ecn ecn[] = {
		[CONFIG_ECN_ACCEPT] = TCP_ECN_ACCEPT,
		[CONFIG_ECN_OFF] = TCP_ECN_OFF,
		[CONFIG_ECN_REQUEST] = TCP_ECN_REQUEST,
	};

	params->congestion = congestion[config->congestion];
	params->ecn = ecn[config->ecn];
	params->user_timeout_ms = config->user_timeout_ms;
	params->keepalive_ms = config->keepalive_ms;
	params->keepalive_interval_ms = config->keepalive_interval_ms;
	params->keepalive_count = config->keepalive_count;
	params->time_wait_ms = config->time_wait_ms;
	params->send_buffer = config->send_buffer;
	params->receive_window = config->receive_window;
	params->receive_window_max = config->receive_window_max;
	params->max_half_open = config->max_half_open;
	params->nagle = config->nagle;
	params->pacing = config->pacing;
}

static int stack_create(struct l7_core *l7, uint64_t now_us)
{
	const struct l7_params *params = &l7->params;
	struct tcp_params tcp = {
		.core = params->core,
		.mbufs = params->mbufs,
		.ops = &stack_ops,
		.ctx = l7,
		.ports = params->ports,
		.secret = { params->secret[0], params->secret[1] },
		/* Each client's connection may need one to a member. */
		.max_connections = 2 * params->max_connections,
		.mbufs_max = params->mbufs_max,
		.large_output = params->large_output,
	};

	if (params->tcp != NULL)
		params_configure(&tcp, params->tcp);
	l7->params.tcp = NULL;
	l7->tcp = tcp_stack_create(&tcp, now_us);
	return l7->tcp == NULL ? -ENOMEM : 0;
}

static int pools_create(struct l7_core *l7)
{
	uint32_t max = l7->params.max_connections;

	l7->slots = calloc(max, sizeof(*l7->slots));
	l7->free_slots = calloc(max, sizeof(*l7->free_slots));
	l7->connections = objpool_create(sizeof(struct connection), GROW_COUNT, 2 * max);
	l7->connections_h2 = objpool_create(sizeof(struct connection_h2), GROW_COUNT, 2 * max);
	l7->streams = objpool_create(sizeof(struct stream), GROW_COUNT, STREAMS_FACTOR * max);
	l7->inlets = objpool_create(inlet_memory_bytes(), GROW_COUNT, 2 * max);
	l7->outs = objpool_create(MESSAGE_OUT_BYTES, GROW_COUNT, 2 * max);
	l7->records = objpool_create(TRANSPORT_RECORD_BYTES, GROW_COUNT, 2 * max);
	l7->hedges = objpool_create(sizeof(struct hedge), GROW_COUNT, STREAMS_FACTOR * max);
	l7->replays = objpool_create(
		replay_piece_bytes(), GROW_COUNT, RTE_MAX(max / 4, (uint32_t)REPLAYS_MIN));
	l7->scans = objpool_create(
		json_scan_bytes(), GROW_COUNT, RTE_MAX(max / 4, (uint32_t)SCANS_MIN));
	if (l7->slots == NULL || l7->scans == NULL || l7->replays == NULL || l7->hedges == NULL ||
		l7->free_slots == NULL || l7->connections == NULL || l7->streams == NULL ||
		l7->inlets == NULL || l7->outs == NULL || l7->records == NULL ||
		l7->connections_h2 == NULL || heap_create(&l7->heap) < 0)
		return -ENOMEM;
	return mirrors_create(l7) < 0 ? -ENOMEM : upstream_pools_create(&l7->upstreams, max);
}

struct l7_core *l7_core_create(const struct l7_params *params, uint64_t now_us, struct err *err)
{
	struct l7_core *l7 = calloc(1, sizeof(*l7));

	if (l7 == NULL)
		goto fail;
	l7->params = *params;
	if (l7->params.max_connections == 0)
		l7->params.max_connections = DEFAULT_CONNECTIONS;
	l7->core = params->core;
	l7->worker = params->core->l7_index < 0 ? 0 : (unsigned)params->core->l7_index;
	l7->tunnels.max_bytes = SIZE_MAX;
	l7->now_us = now_us;
	l7->rng.state = params->seed;
	l7->mark_rng.state = hash_words2(
		(struct hash_key){ .k0 = params->secret[0], .k1 = params->secret[1] }, params->seed,
		now_us);
	TAILQ_INIT(&l7->runnable);
	TAILQ_INIT(&l7->muxes);
	TAILQ_INIT(&l7->waiting);
	SLIST_INIT(&l7->dead_connections);
	SLIST_INIT(&l7->dead_streams);
	l7->wheel = wheel_create(now_us);
	l7->route_scratch = route_scratch_create();
	l7->edit = calloc(1, sizeof(*l7->edit));
	if (l7->wheel != NULL && l7->edit != NULL && l7->route_scratch != NULL &&
		pools_create(l7) == 0 && stack_create(l7, now_us) == 0)
		return l7;
fail:
	err_set(err, ENOMEM, "no memory for an L7 worker");
	l7_core_destroy(l7);
	return NULL;
}

/* Streams first: they hold pieces of connections. */
static void free_dead(struct l7_core *l7)
{
	struct connection *connection;
	struct stream *stream;

	while ((stream = SLIST_FIRST(&l7->dead_streams)) != NULL) {
		SLIST_REMOVE_HEAD(&l7->dead_streams, dead_link);
		stream_free(stream);
	}
	while ((connection = SLIST_FIRST(&l7->dead_connections)) != NULL) {
		SLIST_REMOVE_HEAD(&l7->dead_connections, dead_link);
		connection_free(connection);
	}
	upstream_pools_free_dead(&l7->upstreams);
	mirrors_free_dead(l7);
}

static void close_all(struct l7_core *l7)
{
	if (l7->tcp == NULL)
		return;
	for (uint32_t i = 0; i < l7->slot_high; i++)
		if (l7->slots[i] != NULL)
			connection_abort(l7->slots[i]);
	upstream_pools_close_idle(l7);
	mirrors_close(l7);
	free_dead(l7);
}

void l7_core_destroy(struct l7_core *l7)
{
	if (l7 == NULL)
		return;
	close_all(l7);
	tcp_stack_destroy(l7->tcp);
	upstream_pools_destroy(&l7->upstreams);
	objpool_destroy(l7->connections);
	objpool_destroy(l7->connections_h2);
	objpool_destroy(l7->streams);
	heap_destroy(&l7->heap);
	objpool_destroy(l7->inlets);
	objpool_destroy(l7->outs);
	objpool_destroy(l7->records);
	objpool_destroy(l7->replays);
	objpool_destroy(l7->scans);
	objpool_destroy(l7->hedges);
	mirrors_destroy(l7);
	wheel_destroy(l7->wheel);
	route_scratch_destroy(l7->route_scratch);
	free(l7->edit);
	free(l7->slots);
	free(l7->free_slots);
	free(l7);
}

const struct l7_counters *l7_counters(const struct l7_core *l7)
{
	return &l7->counters;
}

const uint64_t *l7_refusal_counts(const struct l7_core *l7)
{
	return l7->refusals;
}

struct tcp_stack *l7_tcp(const struct l7_core *l7)
{
	return l7->tcp;
}

void l7_begin(struct l7_core *l7, const struct snapshot *snapshot, uint64_t now_us)
{
	l7->snapshot = snapshot;
	l7->now_us = now_us;
	if (snapshot->generation == l7->generation)
		return;
	l7->generation = snapshot->generation;
	upstream_pools_refresh(l7);
	if (snapshot->config_generation == l7->config_generation)
		return;
	l7->config_generation = snapshot->config_generation;
	upstream_pools_renew(l7);
	connection_close_idle(l7, false);
}

void l7_input(struct l7_core *l7, struct rte_mbuf **pkts, uint16_t count, uint64_t now_us)
{
	l7->now_us = now_us;
	tcp_input(l7->tcp, pkts, count, now_us);
}

void l7_advance(struct l7_core *l7, uint64_t now_us)
{
	l7->now_us = now_us;
	wheel_advance(l7->wheel, now_us);
	limits_run(l7);
	connection_run_list(l7);
	mux_run_list(l7);
	tcp_advance(l7->tcp, now_us);
	free_dead(l7);
}

void l7_drain(struct l7_core *l7, uint64_t now_us)
{
	l7->now_us = now_us;
	l7->is_draining = true;
	connection_close_idle(l7, true);
	upstream_pools_close_idle(l7);
}

uint32_t l7_conn_count(const struct l7_core *l7)
{
	return l7->conn_count;
}
