/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a packet's cycles go: the stages of an L4 worker on frames in memory, without a port. TSC
 * cycles for each packet and stage; under callgrind, instructions.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "conf/config.h"
#include "l4/guard.h"
#include "l4/l4.h"
#include "neigh/neigh.h"
#include "packet/packet.h"

#define BURST            32
#define BURSTS           16
#define FRAME_BYTES      60
#define ROUNDS_MAX       31
#define FLOWS_PER_MEMBER 12000u
#define SOURCES_PER_PORT 32768u

enum stage { STAGE_PARSE, STAGE_GUARD, STAGE_SERVICE, STAGE_FORWARD, STAGE_SEND, STAGES };

static const char *const stage_names[STAGES] = {
	[STAGE_PARSE] = "parse",
	[STAGE_GUARD] = "guard",
	[STAGE_SERVICE] = "service",
	[STAGE_FORWARD] = "connection, forward",
	[STAGE_SEND] = "neighbor",
};

struct frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
} __attribute__((packed, aligned(2)));

struct world {
	struct config *config;
	struct service_registry *services;
	struct backend_registry *members;
	struct rcu *rcu;
	struct core core;
	struct snapshot snapshot;
	struct l4_core *l4;
	struct neigh *neigh;
	struct rte_mbuf *pkts[BURSTS][BURST];
	uint32_t flows, next_flow;
	uint64_t now_us;
	uint64_t sent;
	uint64_t cycles[STAGES];
};

static void die(const char *words)
{
	fprintf(stderr, "bench l4: %s\n", words);
	exit(1);
}

static struct config *config_make(const char *service, uint32_t flows)
{
	char path[] = "/tmp/penstock-stages-XXXXXX";
	struct config_errors errors = { 0 };
	uint32_t members = 1 + flows / FLOWS_PER_MEMBER;
	struct config *config;
	FILE *out = fdopen(mkstemp(path), "w");

	if (out == NULL)
		die("no file in /tmp");
	fprintf(out,
		"{\"ports\": [{\"name\": \"p\", \"device\": \"d\", \"addresses\": "
		"[\"198.18.255.254/15\"]}], \"neighbors\": [");
	for (uint32_t i = 0; i < members; i++)
		fprintf(out, "%s{\"address\": \"198.19.%u.%u\", \"mac\": \"02:00:00:00:00:01\"}",
			i > 0 ? ", " : "", i / 250, 1 + i % 250);
	fprintf(out, "], \"pools\": {\"a\": {\"members\": [");
	for (uint32_t i = 0; i < members; i++)
		fprintf(out, "%s\"198.19.%u.%u:9\"", i > 0 ? ", " : "", i / 250, 1 + i % 250);
	fprintf(out,
		"]}}, \"services\": [{\"name\": \"s\", \"listen\": \"192.0.2.100:9/udp\", "
		"\"mode\": \"l4\", \"pool\": \"a\", %s}]}",
		service);
	fclose(out);
	config = config_load(path, &errors);
	unlink(path);
	if (config == NULL)
		die(errors.lines[0]);
	return config;
}

static void transmit(void *ctx, unsigned port, struct rte_mbuf *m)
{
	struct world *w = ctx;

	RTE_SET_USED(port);
	RTE_SET_USED(m);
	w->sent++;
}

static void snapshot_make(struct world *w)
{
	static const struct neigh_port port = { .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500 };
	const struct guard_params guard = {
		.config = w->config, .core_count = 1, .receivers = 1, .seed = 1
	};
	struct err err = { .text = "" };

	w->rcu = rcu_create(1);
	w->members = backend_registry_create(1, w->rcu);
	w->services = service_registry_create(1);
	w->snapshot = (struct snapshot){
		.config = w->config,
		.services = service_table_create(w->services, w->config, NULL, &err),
		.backends = backend_set_create(w->members, w->config, &err),
		.net = neigh_net_create(w->config, &port, &err),
		.guard = guard_create(&guard, &err),
		.key = hash_key_from_seed("bench"),
	};
	if (w->snapshot.services == NULL || w->snapshot.backends == NULL ||
		w->snapshot.net == NULL || w->snapshot.guard == NULL)
		die(err.text);
}

static void world_start(struct world *w, const char *service, struct rte_mempool *mbufs)
{
	static const struct neigh_ops ops = { .transmit = transmit };
	const struct neigh_params neigh = {
		.core = &w->core, .mbufs = mbufs, .ops = &ops, .ctx = w
	};
	struct err err = { .text = "" };
	const struct l4_params l4 = {
		.core = &w->core,
		.mbufs = mbufs,
		.ports = { .port_min = 1024, .port_max = 65535 },
		.max_connections = RTE_MAX(65536u, 2 * w->flows),
		.seed = 7,
	};

	w->now_us = 1000000000;
	w->config = config_make(service, w->flows);
	snapshot_make(w);
	w->neigh = neigh_create(&neigh, w->now_us);
	w->l4 = l4_core_create(&l4, w->now_us, &err);
	if (w->neigh == NULL || w->l4 == NULL)
		die("no memory");
	neigh_apply(w->neigh, w->snapshot.net, false, w->now_us);
	for (unsigned i = 0; i < BURSTS; i++)
		if (rte_pktmbuf_alloc_bulk(mbufs, w->pkts[i], BURST) != 0)
			die("no packets");
}

static void frame_make(struct world *w, struct rte_mbuf *m)
{
	uint32_t flow = w->next_flow;
	struct frame *f;

	w->next_flow = flow + 1 == w->flows ? 0 : flow + 1;
	rte_pktmbuf_reset(m);
	f = (struct frame *)rte_pktmbuf_append(m, FRAME_BYTES);
	*f = (struct frame){
		.ether = { .dst_addr = { { 2, 0, 0, 0, 0, 2 } },
			.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) },
		.ip = { .version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(FRAME_BYTES - sizeof(f->ether)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
			.src_addr = rte_cpu_to_be_32(
				RTE_IPV4(198, 18, 0, 1) + flow / SOURCES_PER_PORT),
			.dst_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 100)) },
		.udp = { .src_port = rte_cpu_to_be_16((uint16_t)(1024 + flow % SOURCES_PER_PORT)),
			.dst_port = rte_cpu_to_be_16(9),
			.dgram_len = rte_cpu_to_be_16(
				FRAME_BYTES - sizeof(f->ether) - sizeof(f->ip)) },
	};
	f->ip.hdr_checksum = rte_ipv4_cksum(&f->ip);
}

static inline void stage_end(struct world *w, enum stage stage, uint64_t *from)
{
	uint64_t now = rte_rdtsc();

	w->cycles[stage] += now - *from;
	*from = now;
}

static void burst_run(struct world *w, struct rte_mbuf **pkts)
{
	const struct service *services[BURST];
	enum drop_reason reasons[BURST];
	struct rte_mbuf *out[L4_OUT_MAX];
	uint64_t tsc = rte_rdtsc();
	uint16_t count;

	packet_parse_burst(pkts, BURST, 0, w->snapshot.key, reasons);
	stage_end(w, STAGE_PARSE, &tsc);
	guard_run(&w->core, &w->snapshot, pkts, reasons, BURST, w->now_us);
	stage_end(w, STAGE_GUARD, &tsc);
	for (unsigned i = 0; i < BURST; i++) {
		const struct packet *p = packet_of(pkts[i]);

		if (reasons[i] != DROP_NONE)
			die("a packet was dropped that should not be");
		services[i] = service_find(
			w->snapshot.services, &p->dst, p->dst_port_be, p->protocol);
	}
	stage_end(w, STAGE_SERVICE, &tsc);
	count = l4_run(w->l4, &w->snapshot, pkts, services, BURST, out, w->now_us);
	stage_end(w, STAGE_FORWARD, &tsc);
	for (uint16_t i = 0; i < count; i++) {
		const struct ip_addr *hop = l4_next_hop(out[i]);

		if (hop == NULL)
			neigh_output(w->neigh, w->snapshot.net, out[i], w->now_us);
		else
			neigh_output_via(w->neigh, w->snapshot.net, out[i], hop, w->now_us);
	}
	stage_end(w, STAGE_SEND, &tsc);
	if (count != BURST)
		die("a packet was not forwarded");
}

/* Packets enough for all flows, or for a steady figure. */
static void round_run(struct world *w, uint64_t packets)
{
	memset(w->cycles, 0, sizeof(w->cycles));
	for (uint64_t done = 0; done < packets; done += BURSTS * BURST) {
		for (unsigned b = 0; b < BURSTS; b++)
			for (unsigned i = 0; i < BURST; i++)
				frame_make(w, w->pkts[b][i]);
		w->now_us += 50;
		for (unsigned b = 0; b < BURSTS; b++)
			burst_run(w, w->pkts[b]);
		l4_tick(w->l4, &w->snapshot, w->now_us);
	}
}

static void world_stop(struct world *w)
{
	for (unsigned i = 0; i < BURSTS; i++)
		rte_pktmbuf_free_bulk(w->pkts[i], BURST);
	l4_core_destroy(w->l4);
	neigh_destroy(w->neigh);
	guard_destroy(w->snapshot.guard);
	neigh_net_destroy((struct neigh_net *)(uintptr_t)w->snapshot.net);
	service_table_destroy((struct service_table *)(uintptr_t)w->snapshot.services);
	backend_set_destroy((struct backend_set *)(uintptr_t)w->snapshot.backends);
	service_registry_destroy(w->services);
	rcu_destroy(w->rcu);
	backend_registry_destroy(w->members);
	config_destroy(w->config);
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void results_print(
	double results[STAGES][ROUNDS_MAX], unsigned rounds, const char *mode, uint32_t flows)
{
	for (unsigned s = 0; s < STAGES; s++) {
		qsort(results[s], rounds, sizeof(results[s][0]), double_compare);
		printf("{\"mode\": \"%s\", \"flows\": %u, \"stage\": \"%s\", \"cycles\": %.1f}\n",
			mode, flows, stage_names[s], results[s][rounds / 2]);
	}
}

int main(int argc, char **argv)
{
	char *args[] = { "stages", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"512", "--log-level", "error" };
	static double results[STAGES][ROUNDS_MAX];
	static struct world w;
	struct rte_mempool *mbufs;
	unsigned rounds;
	uint64_t packets;
	char service[128];

	if (argc != 4) {
		fprintf(stderr, "Usage: penstock-l4-stages MODE FLOWS ROUNDS\n");
		return 2;
	}
	w.flows = RTE_MAX(1u, (uint32_t)strtoul(argv[2], NULL, 10));
	rounds = RTE_MIN(RTE_MAX(1u, (unsigned)strtoul(argv[3], NULL, 10)), (unsigned)ROUNDS_MAX);
	packets = RTE_MAX(w.flows, 1000000u);
	snprintf(service, sizeof(service), "\"forward\": \"%s\"", argv[1]);
	if (strcmp(argv[1], "stateless") == 0)
		snprintf(service, sizeof(service), "\"forward\": \"dsr-l2\", \"stateless\": true");
	if (rte_eal_init(RTE_DIM(args), args) < 0)
		die("EAL does not start");
	mbufs = packet_pool_create("packets", 4095, SOCKET_ID_ANY);
	if (mbufs == NULL)
		die("no memory for packets");
	world_start(&w, service, mbufs);
	round_run(&w, w.flows);
	for (unsigned i = 0; i < rounds; i++) {
		round_run(&w, packets);
		for (unsigned s = 0; s < STAGES; s++)
			results[s][i] = (double)w.cycles[s] / (double)packets;
	}
	results_print(results, rounds, argv[1], w.flows);
	world_stop(&w);
	rte_mempool_free(mbufs);
	rte_eal_cleanup();
	return 0;
}
