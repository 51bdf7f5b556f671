/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard costs a packet: cycles of guard_run() without lists, and with ever longer ones. */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "base/rng.h"
#include "conf/config.h"
#include "l4/guard.h"
#include "neigh/net.h"
#include "packet/packet.h"
#include "service/service.h"

#define BURST      32
#define PACKETS    4096 /* of as many sources: more than a core's first cache holds */
#define TURNS      200
#define ROUNDS_MAX 31
#define TEXT_MAX   (4u << 20)

struct bench_case {
	const char *name;
	unsigned networks; /* of each family */
	const char *limits;
	bool is_v6;
};

static const struct bench_case cases[] = {
	{ .name = "no-list" },
	{ .name = "10-networks", .networks = 10 },
	{ .name = "10000-networks", .networks = 10000 },
	{ .name = "no-list-ipv6", .is_v6 = true },
	{ .name = "10000-networks-ipv6", .networks = 10000, .is_v6 = true },
	{ .name = "service-limit", .limits = "\"packets_per_s\": 1000000000" },
	{ .name = "client-limit", .limits = "\"source_packets_per_s\": 1000000000" },
};

struct world {
	struct config *config;
	struct service_registry *registry;
	struct core core;
	struct snapshot snapshot;
	struct rte_mbuf *pkts[PACKETS];
};

static void die(const char *words)
{
	fprintf(stderr, "bench acl: %s\n", words);
	exit(1);
}

/* Networks that hold none of the sources: every packet is looked at in full, and goes through. */
static void networks_print(FILE *out, unsigned count)
{
	struct rng rng = { .state = 9 };

	for (unsigned i = 0; i < count; i++)
		fprintf(out, "%s\"10.%u.%u.%u/32\", \"2001:db8:%x:%x::/64\"", i > 0 ? ", " : "",
			rng_below(&rng, 256), rng_below(&rng, 256), rng_below(&rng, 256),
			rng_below(&rng, 65536), rng_below(&rng, 65536));
}

static struct config *config_make(const struct bench_case *row)
{
	char path[] = "/tmp/penstock-acl-XXXXXX";
	struct config_errors errors = { 0 };
	struct config *config;
	FILE *out = fdopen(mkstemp(path), "w");

	if (out == NULL)
		die("no file in /tmp");
	fputs("{\"ports\": [{\"name\": \"p\", \"device\": \"d\", \"addresses\": [\"192.0.2.2/24\", "
	      "\"2001:db9::2/64\"]}], \"pools\": {\"a\": {\"members\": [\"198.51.100.1:53\"]}, "
	      "\"b\": {\"members\": [\"[2001:db9::1]:53\"]}}, \"guard\": {\"icmp_per_s\": 0, "
	      "\"acl\": {\"deny\": [",
		out);
	networks_print(out, row->networks);
	fprintf(out,
		"]}}, \"services\": [{\"name\": \"s\", \"listen\": \"%s/udp\", \"mode\": \"l4\", "
		"\"pool\": \"%s\", \"limits\": {%s}}]}",
		row->is_v6 ? "[2001:db9::100]:53" : "192.0.2.100:53", row->is_v6 ? "b" : "a",
		row->limits != NULL ? row->limits : "");
	fclose(out);
	config = config_load(path, &errors);
	unlink(path);
	if (config == NULL)
		die(errors.lines[0]);
	return config;
}

static void packet_make(struct rte_mbuf *m, const struct bench_case *row, struct rng *rng)
{
	struct packet *p = packet_of(m);

	memset(p, 0, sizeof(*p));
	p->flags = row->is_v6 ? PACKET_IS_V6 : 0;
	p->protocol = IPPROTO_UDP;
	p->dst_port_be = rte_cpu_to_be_16(53);
	p->src_port_be = rte_cpu_to_be_16(4000);
	if (row->is_v6) {
		ip_parse("2001:db9::100", &p->dst);
		ip_parse("2001:db8::", &p->src);
		p->src.words_be[1] = (uint32_t)rng_next(rng);
		p->src.words_be[3] = (uint32_t)rng_next(rng);
		return;
	}
	ip_parse("192.0.2.100", &p->dst);
	p->src = ip_from_v4(rte_cpu_to_be_32(0x0a000000u | rng_below(rng, 1 << 24)));
}

static void world_start(struct world *w, const struct bench_case *row, struct rte_mempool *mbufs)
{
	static const struct neigh_port port = { .mtu = 1500 };
	struct rng rng = { .state = 4 };
	struct err err = { .text = "" };
	struct guard_params params = { .core_count = 1, .receivers = 1, .seed = 1 };

	memset(w, 0, sizeof(*w));
	w->config = config_make(row);
	params.config = w->config;
	w->registry = service_registry_create(1);
	w->snapshot.config = w->config;
	w->snapshot.services = service_table_create(w->registry, w->config, NULL, &err);
	w->snapshot.net = neigh_net_create(w->config, &port, &err);
	w->snapshot.guard = guard_create(&params, &err);
	if (w->snapshot.services == NULL || w->snapshot.net == NULL || w->snapshot.guard == NULL)
		die(err.text);
	if (rte_pktmbuf_alloc_bulk(mbufs, w->pkts, PACKETS) != 0)
		die("no packets");
	for (unsigned i = 0; i < PACKETS; i++)
		packet_make(w->pkts[i], row, &rng);
}

static void world_stop(struct world *w)
{
	rte_pktmbuf_free_bulk(w->pkts, PACKETS);
	guard_destroy(w->snapshot.guard);
	neigh_net_destroy((struct neigh_net *)(uintptr_t)w->snapshot.net);
	service_table_destroy((struct service_table *)(uintptr_t)w->snapshot.services);
	service_registry_destroy(w->registry);
	config_destroy(w->config);
}

static double round_run(struct world *w, uint64_t *now_us)
{
	uint64_t begin = rte_rdtsc();
	uint64_t dropped = 0;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned at = 0; at < PACKETS; at += BURST) {
			enum drop_reason reasons[BURST] = { DROP_NONE };

			*now_us += 10;
			guard_run(&w->core, &w->snapshot, &w->pkts[at], reasons, BURST, *now_us);
			for (unsigned i = 0; i < BURST; i++)
				dropped += reasons[i] != DROP_NONE && reasons[i] != DROP_acl_denied;
		}
	}
	if (dropped > 0)
		die("packets were dropped that should not be");
	return (double)(rte_rdtsc() - begin) / ((double)TURNS * PACKETS);
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double case_run(const struct bench_case *row, unsigned rounds, struct rte_mempool *mbufs)
{
	static struct world w;
	double results[ROUNDS_MAX];
	uint64_t now_us = 1000000;

	world_start(&w, row, mbufs);
	round_run(&w, &now_us);
	for (unsigned i = 0; i < rounds; i++)
		results[i] = round_run(&w, &now_us);
	world_stop(&w);
	qsort(results, rounds, sizeof(results[0]), double_compare);
	return results[rounds / 2];
}

static void case_print(const struct bench_case *row, double cycles, double bare, bool is_json)
{
	if (is_json)
		printf("{\"bench\": \"acl\", \"case\": \"%s\", \"unit\": \"cycles/packet\", "
		       "\"penstock\": %.1f, \"peer\": \"no-list\", \"peer_value\": %.1f, "
		       "\"ratio\": %.2f, \"better\": \"lower\"}\n",
			row->name, cycles, bare, cycles / bare);
	else
		printf("%-22s %8.1f cycles/packet\n", row->name, cycles);
}

int main(int argc, char **argv)
{
	char *args[] = { "acl", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"512", "--log-level", "error" };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	bool is_json = argc > 2 && strcmp(argv[2], "json") == 0;
	struct rte_mempool *mbufs;
	double bare[2] = { 0, 0 };

	if (rounds < 1 || rounds > ROUNDS_MAX)
		die("rounds: 1 to 31");
	if (rte_eal_init(RTE_DIM(args), args) < 0)
		die("EAL does not start");
	mbufs = packet_pool_create("packets", 2 * PACKETS, SOCKET_ID_ANY);
	if (mbufs == NULL)
		die("no memory for packets");
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		double cycles = case_run(&cases[i], rounds, mbufs);

		if (cases[i].networks == 0 && cases[i].limits == NULL)
			bare[cases[i].is_v6] = cycles;
		case_print(&cases[i], cycles, bare[cases[i].is_v6], is_json);
	}
	rte_eal_cleanup();
	return 0;
}
