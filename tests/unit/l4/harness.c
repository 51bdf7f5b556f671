/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_tcp.h>

#include "support/support.h"

#define TICK_US 100000

static const struct {
	const char *name;
	const char *vip;
	uint16_t port;
	uint8_t protocol;
	enum harness_pool pool;
	uint16_t port_max; /* 0: a single port */
} service_rows[HARNESS_SERVICES] = {
	[HARNESS_TCP4] = { "tcp4", "192.0.2.100", 80, IPPROTO_TCP, HARNESS_POOL4, 0 },
	[HARNESS_UDP4] = { "udp4", "192.0.2.100", 53, IPPROTO_UDP, HARNESS_POOL4, 0 },
	[HARNESS_TCP6] = { "tcp6", "2001:db8::100", 80, IPPROTO_TCP, HARNESS_POOL6, 0 },
	[HARNESS_UDP6] = { "udp6", "2001:db8::100", 53, IPPROTO_UDP, HARNESS_POOL6, 0 },
	[HARNESS_SCTP4] = { "sctp4", "192.0.2.100", 2905, IPPROTO_SCTP, HARNESS_POOL4, 0 },
	[HARNESS_SCTP6] = { "sctp6", "2001:db8::100", 2905, IPPROTO_SCTP, HARNESS_POOL6, 0 },
	[HARNESS_RANGE4] = { "range4", "192.0.2.100", 6000, IPPROTO_UDP, HARNESS_POOL4_KEEP, 6999 },
};

static struct ip_addr address(const char *text)
{
	struct ip_addr parsed;

	assert_int_equal(ip_parse(text, &parsed), 0);
	return parsed;
}

static void services_make(struct harness *h)
{
	for (unsigned i = 0; i < HARNESS_SERVICES; i++)
		h->services[i] = (struct config_service){
			.name = service_rows[i].name,
			.address = address(service_rows[i].vip),
			.port = service_rows[i].port,
			.port_max = RTE_MAX(service_rows[i].port, service_rows[i].port_max),
			.protocol = service_rows[i].protocol,
			.mode = CONFIG_MODE_L4,
			.pool = service_rows[i].pool,
			.tcp_idle_timeout_ms = 900000,
			.udp_idle_timeout_ms = 30000,
			.sctp_idle_timeout_ms = 900000,
		};
	h->config.services = h->services;
	h->config.service_count = HARNESS_SERVICES;
}

static void pools_make(struct harness *h)
{
	static const char *const firsts[HARNESS_POOLS] = {
		"198.51.100.0",
		"2001:db8:1::",
		"198.51.100.0",
	};
	static const char *const names[HARNESS_POOLS] = { "pool4", "pool6", "keep4" };

	for (unsigned i = 0; i < HARNESS_MEMBERS_MAX; i++)
		snprintf(h->names[i], sizeof(h->names[i]), "m%u", i);
	for (unsigned p = 0; p < HARNESS_POOLS; p++) {
		for (unsigned i = 0; i < HARNESS_MEMBERS_MAX; i++) {
			h->members[p][i] = (struct config_member){
				.address = address(firsts[p]),
				.port = p == HARNESS_POOL4_KEEP ? 0 : 8080,
				.name = h->names[i],
				.weight = 1,
			};
			h->members[p][i].address.bytes[15] = (uint8_t)(1 + i);
		}
		h->pools[p] = (struct config_pool){
			.name = names[p],
			.members = h->members[p],
			.member_count = h->member_count,
		};
	}
	h->config.pools = h->pools;
	h->config.pool_count = HARNESS_POOLS;
}

static void network_make(struct harness *h)
{
	h->local_addresses[0] = address("192.0.2.2");
	h->local_addresses[1] = address("2001:db8::2");
	h->addresses[0] = (struct ip_prefix){ h->local_addresses[0], 24 };
	h->addresses[1] = (struct ip_prefix){ h->local_addresses[1], 64 };
	h->port = (struct config_port){
		.name = "wan",
		.addresses = h->addresses,
		.address_count = 2,
		.mtu = 1500,
	};
	h->routes[0].via = address("192.0.2.1");
	h->routes[1].via = address("2001:db8::1");
	h->routes[0].to.addr = address("0.0.0.0");
	h->routes[1].to.addr = address("::");
	h->config.ports = &h->port;
	h->config.port_count = 1;
	h->config.routes = h->routes;
	h->config.route_count = 2;
	h->config.local_addresses = h->local_addresses;
	h->config.local_address_count = 2;
}

/* A snapshot of the configuration as it stands. */
static void snapshot_build(struct harness *h)
{
	static const struct neigh_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 };
	struct err err;

	h->backends = backend_set_create(h->registry, &h->config, &err);
	assert_non_null(h->backends);
	backend_registry_commit(h->registry, h->backends);
	h->table = service_table_create(h->service_registry, &h->config, NULL, &err);
	assert_non_null(h->table);
	h->net = neigh_net_create(&h->config, &port, &err);
	assert_non_null(h->net);
	h->snapshot = (struct snapshot){
		.generation = h->snapshot.generation + 1,
		.config = &h->config,
		.net = h->net,
		.services = h->table,
		.backends = h->backends,
		.guard = h->guard,
		.key = hash_key_from_seed(h->config.seed),
	};
}

static void snapshot_destroy(struct harness *h)
{
	backend_set_destroy(h->backends);
	service_table_destroy(h->table);
	neigh_net_destroy(h->net);
}

static void guard_make(struct harness *h)
{
	const struct guard_params params = {
		.config = &h->config, .core_count = 1, .receivers = 1, .seed = 5
	};
	struct err err;

	if (h->config.guard.ip_options == CONFIG_IP_OPTIONS_DROP)
		return;
	h->guard = guard_create(&params, &err);
	assert_non_null(h->guard);
}

void harness_start(struct harness *h)
{
	struct l4_params params;
	struct err err;

	if (h->member_count == 0)
		h->member_count = 3;
	if (h->slice.port_min == 0)
		h->slice = (struct steer_slice){ .port_min = 20000, .port_max = 29999 };
	if (h->max_connections == 0)
		h->max_connections = 1000;
	if (h->seed == 0)
		h->seed = 77;
	h->now_us = 1000000000;
	h->config.seed = "";
	h->config.maglev_size = 65537;
	services_make(h);
	pools_make(h);
	network_make(h);
	if (h->adjust != NULL)
		h->adjust(h, h->adjust_arg);
	h->rcu = rcu_create(1);
	h->registry = backend_registry_create(1, h->rcu);
	h->service_registry = service_registry_create(1);
	assert_true(h->rcu != NULL && h->registry != NULL && h->service_registry != NULL);
	guard_make(h);
	snapshot_build(h);
	params = (struct l4_params){
		.core = &h->core,
		.mbufs = support_mbufs(),
		.ports = h->slice,
		.rss = h->rss,
		.max_connections = h->max_connections,
		.seed = h->seed,
	};
	h->l4 = l4_core_create(&params, h->now_us, &err);
	assert_non_null(h->l4);
}

void harness_stop(struct harness *h)
{
	uint64_t by_services = 0;

	for (unsigned i = 0; i < HARNESS_SERVICES; i++) {
		struct service_counters sum;

		service_counters_sum(service_table_at(h->table, i)->identity, &sum);
		by_services += sum.conns_opened - sum.conns_closed;
	}
	assert_int_equal(by_services, l4_conn_count(h->l4));
	l4_core_destroy(h->l4);
	snapshot_destroy(h);
	guard_destroy(h->guard);
	rcu_destroy(h->rcu);
	backend_registry_destroy(h->registry);
	service_registry_destroy(h->service_registry);
}

void harness_reload(struct harness *h)
{
	struct harness old = *h;

	snapshot_build(h);
	snapshot_destroy(&old);
	rcu_reap(h->rcu);
}

struct member *harness_member(struct harness *h, enum harness_pool pool, unsigned index)
{
	return h->backends->pools[pool]->members[index];
}

void harness_rebuild(struct harness *h, enum harness_pool pool)
{
	struct backend_set *next = backend_set_rebuild(h->backends, pool, &h->config);

	assert_non_null(next);
	backend_set_destroy(h->backends);
	h->backends = next;
	h->snapshot.backends = next;
}

void harness_pass(struct harness *h, uint64_t ms)
{
	uint64_t end_us = h->now_us + ms * 1000;

	/* Steps suit the worker's own pace, which is bounded by call. */
	while (h->now_us < end_us) {
		h->now_us += RTE_MIN((uint64_t)TICK_US, end_us - h->now_us);
		l4_tick(h->l4, &h->snapshot, h->now_us);
	}
}

/* Reads the packet that came out with the parser, as if it had arrived again. */
static void output_check(
	struct harness *h, struct rte_mbuf *m, uint8_t ttl, struct packet_tuple *out)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	bool is_v4 = ip[0] >> 4 == 4;
	struct rte_ether_hdr *ether;

	assert_true(frame_sums_ok(ip, rte_pktmbuf_pkt_len(m)));
	assert_int_equal(is_v4 ? ip[8] : ip[7], ttl - 1);
	assert_non_null(rte_pktmbuf_prepend(m, sizeof(*ether)));
	ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	memcpy(ether->dst_addr.addr_bytes, frame_our_mac, sizeof(frame_our_mac));
	memcpy(ether->src_addr.addr_bytes, frame_client_mac, sizeof(frame_client_mac));
	ether->ether_type = rte_cpu_to_be_16(is_v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	assert_int_equal(packet_parse(m, 0, h->snapshot.key), DROP_NONE);
	if (out != NULL)
		memcpy(out, packet_of(m), sizeof(*out));
	rte_pktmbuf_free(m);
}

static enum drop_reason dropped_reason(const struct core *before, const struct core *after)
{
	for (enum drop_reason reason = DROP_NONE; reason < DROP_REASON_COUNT; reason++) {
		if (after->drops.counts[reason] == before->drops.counts[reason] + 1)
			return reason;
	}
	fail_msg("a packet is gone, and nobody counted it");
	return DROP_NONE;
}

enum drop_reason harness_send(
	struct harness *h, const struct frame_spec *spec, struct packet_tuple *out)
{
	struct rte_mbuf *m = frame_mbuf(spec);
	struct core before = h->core;
	const struct service *service;
	struct rte_mbuf *sent;
	struct packet *p = packet_of(m);

	assert_int_equal(packet_parse(m, 0, h->snapshot.key), DROP_NONE);
	service = service_find(h->table, &p->dst, p->dst_port_be, p->protocol);
	if (l4_run(h->l4, &h->snapshot, &m, &service, 1, &sent, h->now_us) == 0)
		return dropped_reason(&before, &h->core);
	assert_ptr_equal(sent, m);
	output_check(h, sent, spec->ttl == 0 ? 64 : spec->ttl, out);
	return DROP_NONE;
}

struct flow flow_make(enum harness_service service, unsigned number)
{
	struct flow flow = {
		.client_port = (uint16_t)(10000 + number / 250),
		.service = service,
	};

	snprintf(flow.client, sizeof(flow.client),
		service == HARNESS_TCP4 || service == HARNESS_UDP4 ? "203.0.113.%u"
								   : "2001:db8:2::%x",
		1 + number % 250);
	return flow;
}

enum drop_reason flow_send(struct harness *h, struct flow *flow, uint8_t tcp_flags)
{
	struct packet_tuple out = { .protocol = 0 };
	enum drop_reason reason = harness_send(h,
		&(struct frame_spec){
			.src = flow->client,
			.dst = service_rows[flow->service].vip,
			.src_port = flow->client_port,
			.dst_port = service_rows[flow->service].port,
			.protocol = service_rows[flow->service].protocol,
			.tcp_flags = tcp_flags,
			.payload = "hello",
			.payload_len = 5,
		},
		&out);

	if (reason == DROP_NONE)
		flow->at_member = out;
	return reason;
}

enum drop_reason flow_reply(struct harness *h, const struct flow *flow, uint8_t tcp_flags)
{
	struct ip_addr client = address(flow->client);
	struct ip_addr vip = address(service_rows[flow->service].vip);
	struct packet_tuple out = { .protocol = 0 };
	char member[IP_TEXT_MAX];
	char local[IP_TEXT_MAX];
	enum drop_reason reason = harness_send(h,
		&(struct frame_spec){
			.src = ip_format(&flow->at_member.dst, member),
			.dst = ip_format(&flow->at_member.src, local),
			.src_port = rte_be_to_cpu_16(flow->at_member.dst_port_be),
			.dst_port = rte_be_to_cpu_16(flow->at_member.src_port_be),
			.protocol = service_rows[flow->service].protocol,
			.tcp_flags = tcp_flags,
			.payload = "good day",
			.payload_len = 8,
		},
		&out);

	if (reason != DROP_NONE)
		return reason;
	assert_true(ip_equal(&out.dst, &client));
	assert_true(ip_equal(&out.src, &vip));
	assert_int_equal(rte_be_to_cpu_16(out.dst_port_be), flow->client_port);
	assert_int_equal(rte_be_to_cpu_16(out.src_port_be), service_rows[flow->service].port);
	return DROP_NONE;
}

void flow_establish(struct harness *h, struct flow *flow)
{
	assert_int_equal(flow_send(h, flow, RTE_TCP_SYN_FLAG), DROP_NONE);
	assert_int_equal(flow_reply(h, flow, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG), DROP_NONE);
	if (service_rows[flow->service].protocol == IPPROTO_TCP)
		assert_int_equal(flow_send(h, flow, RTE_TCP_ACK_FLAG), DROP_NONE);
}

bool flow_row(struct harness *h, const struct flow *flow, struct l4_conn_row *row)
{
	struct ip_addr client = address(flow->client);
	struct ip_addr vip = address(service_rows[flow->service].vip);
	uint32_t cursor = 0;

	while (l4_conn_dump(h->l4, &cursor, row, 1, h->now_us) == 1) {
		if (ip_equal(&row->client, &client) && row->client_port == flow->client_port &&
			ip_equal(&row->vip, &vip) &&
			row->protocol == service_rows[flow->service].protocol)
			return true;
	}
	return false;
}

unsigned flow_member(const struct flow *flow)
{
	return flow->at_member.dst.bytes[15] - 1u;
}
