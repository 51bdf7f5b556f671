/* SPDX-License-Identifier: Apache-2.0 */
/* Version and process. Keys are HAProxy's where they mean the same. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mempool.h>

#include "../pairs.h"
#include "base/clock.h"
#include "commands.h"

int command_show_version(struct request *request)
{
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };

	if (!request->is_json) {
		fprintf(request->out, "%s\n", PENSTOCK_VERSION);
		return 0;
	}
	pair_text(&pairs, "version", PENSTOCK_VERSION);
	pairs_end(&pairs);
	return 0;
}

/* What the worker's own counts say. */
struct load {
	uint32_t l4_conns;
	uint32_t l7_conns;
	struct tcp_usage tcp;
};

static void load_take(struct control_worker *worker, void *arg)
{
	struct load *load = arg;

	if (worker->l4 != NULL)
		load->l4_conns = l4_conn_count(worker->l4);
	if (worker->l7 != NULL)
		load->l7_conns = l7_conn_count(worker->l7);
	if (worker->l7 != NULL)
		tcp_usage(l7_tcp(worker->l7), &load->tcp);
}

/* The totals of all workers. */
struct totals {
	unsigned workers, l4_workers, l7_workers, silent;
	uint64_t l4_conns, l7_conns;
	uint64_t busy_delta, idle_delta;
	struct tcp_usage tcp; /* sums, and the sizes that all have */
};

static void tcp_usage_add(struct tcp_usage *sum, const struct tcp_usage *one)
{
	sum->established += one->established;
	sum->half_open += one->half_open;
	sum->time_wait += one->time_wait;
	sum->mbufs_receive += one->mbufs_receive;
	sum->mbufs_out_of_order += one->mbufs_out_of_order;
	sum->mbufs_send += one->mbufs_send;
	sum->mbufs_max += one->mbufs_max;
	if (one->bytes_per_conn == 0)
		return;
	sum->bytes_per_conn = one->bytes_per_conn;
	sum->bytes_per_half_open = one->bytes_per_half_open;
	sum->bytes_per_time_wait = one->bytes_per_time_wait;
	sum->bytes_per_mbuf = one->bytes_per_mbuf;
}

static void totals_take(struct request *request, struct totals *totals)
{
	const struct core *core;

	*totals = (struct totals){ 0 };
	for (unsigned i = 0; (core = request_core(request, i)) != NULL; i++) {
		const struct core_sample *sample = &request->session->samples->cores[i];
		struct load load = { 0 };

		totals->workers++;
		totals->l4_workers += core->l4_index >= 0;
		totals->l7_workers += core->l7_index >= 0;
		totals->busy_delta += sample->busy_delta;
		totals->idle_delta += sample->idle_delta;
		if (request_call(request, i, load_take, &load) < 0)
			totals->silent++;
		totals->l4_conns += load.l4_conns;
		totals->l7_conns += load.l7_conns;
		tcp_usage_add(&totals->tcp, &load.tcp);
	}
}

/* A "Name:   123 kB" line of /proc/self/status. */
static uint64_t memory_kb(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t len = strlen(name);
	char line[128];
	uint64_t kb = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			kb = strtoull(line + len + 1, NULL, 10);
	}
	fclose(file);
	return kb;
}

static void uptime_print(struct pairs *pairs, uint64_t uptime_s)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRIu64 "d %" PRIu64 "h%02" PRIu64 "m%02" PRIu64 "s",
		uptime_s / 86400, uptime_s / 3600 % 24, uptime_s / 60 % 60, uptime_s % 60);
	pair_text(pairs, "Uptime", text);
	pair_number(pairs, "Uptime_sec", uptime_s);
}

/* Client connections and requests since the start, over all services. */
static void services_print(struct pairs *pairs, const struct service_table *services)
{
	uint64_t conns = 0, requests = 0, handshakes = 0;

	for (unsigned i = 0; i < service_table_count(services); i++) {
		struct service_counters sum;

		service_counters_sum(service_table_at(services, i)->identity, &sum);
		conns += sum.conns_opened;
		requests += sum.requests;
		handshakes += sum.tls_handshakes;
	}
	pair_number(pairs, "CumConns", conns);
	pair_number(pairs, "CumReq", requests);
	pair_number(pairs, "CumSslConns", handshakes);
	pair_number(pairs, "Services", service_table_count(services));
}

static void workers_print(struct pairs *pairs, const struct totals *totals)
{
	uint64_t cycles = totals->busy_delta + totals->idle_delta;

	pair_number(pairs, "Nbthread", totals->workers);
	pair_number(pairs, "L4_workers", totals->l4_workers);
	pair_number(pairs, "L7_workers", totals->l7_workers);
	pair_number(pairs, "Silent_workers", totals->silent);
	pair_number(pairs, "Idle_pct", cycles == 0 ? 100 : totals->idle_delta * 100 / cycles);
	pair_number(pairs, "CurrConns", totals->l4_conns + totals->l7_conns);
	pair_number(pairs, "L4_conns", totals->l4_conns);
	pair_number(pairs, "L7_conns", totals->l7_conns);
}

/* What connections cost: their blocks by kind, and the buffers that their queues pin. */
static void tcp_print(struct pairs *pairs, const struct tcp_usage *tcp)
{
	uint64_t pinned = tcp->bytes_per_mbuf;

	pair_number(pairs, "Tcp_conns", tcp->established);
	pair_number(pairs, "Tcp_half_open", tcp->half_open);
	pair_number(pairs, "Tcp_time_wait", tcp->time_wait);
	pair_number(pairs, "Tcp_bytes_per_conn", tcp->bytes_per_conn);
	pair_number(pairs, "Tcp_bytes_per_half_open", tcp->bytes_per_half_open);
	pair_number(pairs, "Tcp_bytes_per_time_wait", tcp->bytes_per_time_wait);
	pair_number(pairs, "Tcp_pinned_receive_bytes", tcp->mbufs_receive * pinned);
	pair_number(pairs, "Tcp_pinned_out_of_order_bytes", tcp->mbufs_out_of_order * pinned);
	pair_number(pairs, "Tcp_pinned_send_bytes", tcp->mbufs_send * pinned);
	pair_number(pairs, "Tcp_pinned_max_bytes", tcp->mbufs_max * pinned);
}

static void config_print(struct pairs *pairs, const struct snapshot *snapshot)
{
	const struct config *config = snapshot->config;

	pair_text(pairs, "Config_file", config->path);
	pair_number(pairs, "Config_generation", snapshot->config_generation);
	pair_number(pairs, "Generation", snapshot->generation);
	pair_number(pairs, "Maxconn_l4_worker", config->max_connections);
	pair_number(pairs, "Packet_buffers", config->memory.packet_buffers);
	pair_number(pairs, "Pools", snapshot->backends->count);
}

int command_show_info(struct request *request)
{
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };
	const struct snapshot *snapshot = request_snapshot(request);
	struct totals totals;
	char host[65] = "";

	totals_take(request, &totals);
	gethostname(host, sizeof(host) - 1);
	pair_text(&pairs, "Name", "Penstock");
	pair_text(&pairs, "Version", PENSTOCK_VERSION);
	pair_number(&pairs, "Pid", (uint64_t)getpid());
	pair_text(&pairs, "node", host);
	uptime_print(
		&pairs, (request_now_us(request) - request->params->started_us) / CLOCK_US_PER_S);
	config_print(&pairs, snapshot);
	workers_print(&pairs, &totals);
	if (request->params->mbufs != NULL)
		pair_number(&pairs, "Packet_buffers_in_use",
			rte_mempool_in_use_count(request->params->mbufs));
	tcp_print(&pairs, &totals.tcp);
	services_print(&pairs, snapshot->services);
	pair_number(&pairs, "Memory_resident_kB", memory_kb("VmRSS"));
	pair_number(&pairs, "Memory_hugepages_kB", memory_kb("HugetlbPages"));
	pairs_end(&pairs);
	return 0;
}
