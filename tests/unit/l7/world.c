/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "peers.h"
#include "runtime/rcu.h"
#include "tls/tls.h"

struct ip_addr address_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return addr;
}

/* A whole frame of its own, as if it had crossed a real link. */
static void wire_put(struct world *world, struct wire *wire, struct rte_mbuf *m)
{
	struct rte_ether_hdr *ether;
	struct rte_mbuf *copy;
	bool is_v6;

	packet_checksum_complete(m);
	copy = rte_pktmbuf_copy(m, support_mbufs(), 0, UINT32_MAX);
	rte_pktmbuf_free(m);
	assert_non_null(copy);
	assert_int_equal(copy->nb_segs, 1);
	copy->ol_flags = 0;
	is_v6 = (*rte_pktmbuf_mtod(copy, uint8_t *) >> 4) == 6;
	ether = (struct rte_ether_hdr *)rte_pktmbuf_prepend(copy, sizeof(*ether));
	assert_non_null(ether);
	memset(ether, 2, sizeof(*ether));
	ether->ether_type = rte_cpu_to_be_16(is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	assert_true(wire->tail - wire->head < WIRE_MAX);
	wire->packets[wire->tail % WIRE_MAX] = copy;
	wire->due_us[wire->tail % WIRE_MAX] = world->now_us + WORLD_LINK_US;
	wire->tail++;
}

/* The next packet that has arrived, parsed, or NULL. */
static struct rte_mbuf *wire_get(struct world *world, struct wire *wire)
{
	struct rte_mbuf *m;

	if (wire->head == wire->tail || wire->due_us[wire->head % WIRE_MAX] > world->now_us)
		return NULL;
	m = wire->packets[wire->head++ % WIRE_MAX];
	assert_int_equal(packet_parse(m, 0, world->snapshot.key), DROP_NONE);
	return m;
}

static void output_to_peer(void *ctx, struct rte_mbuf *m)
{
	struct world *world = ctx;

	wire_put(world, world->wires[1], m);
}

static void output_to_worker(void *ctx, struct rte_mbuf *m)
{
	struct world *world = ctx;

	wire_put(world, world->wires[0], m);
}

static bool peer_is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	const struct server *server = server_at(ctx, address);

	return server != NULL && !server->is_refusing && port_be == rte_cpu_to_be_16(server->port);
}

static const struct tcp_stack_ops peer_ops = {
	.output = output_to_worker,
	.is_listening = peer_is_listening,
	.accept = server_accept,
};

static void deliver(struct world *world)
{
	struct rte_mbuf *m;

	while ((m = wire_get(world, world->wires[0])) != NULL)
		l7_input(world->l7, &m, 1, world->now_us);
	while ((m = wire_get(world, world->wires[1])) != NULL) {
		const struct server *server = server_at(world, &packet_of(m)->dst);

		if (server != NULL && server->is_silent)
			rte_pktmbuf_free(m);
		else
			tcp_input(world->peer, &m, 1, world->now_us);
	}
}

static void turn(struct world *world)
{
	l7_begin(world->l7, &world->snapshot, world->now_us);
	deliver(world);
	if (world->each_turn != NULL)
		world->each_turn(world);
	tcp_advance(world->peer, world->now_us);
	l7_advance(world->l7, world->now_us);
	rcu_reader_quiescent(world->rcu, 0);
	rcu_reap(world->rcu);
}

void world_run(struct world *world, unsigned ms)
{
	uint64_t end_us = world->now_us + ms * 1000ull;

	while (world->now_us < end_us) {
		turn(world);
		world->now_us += WORLD_LINK_US;
	}
	turn(world);
}

bool world_expect(struct client *client, const char *text, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		if (strstr(client->received, text) != NULL)
			return true;
		world_run(client->world, 1);
	}
	return strstr(client->received, text) != NULL;
}

void world_exchange(struct client *client, const char *request, const char *text)
{
	client_clear(client);
	client_send(client, request);
	if (!world_expect(client, text, 100))
		fail_msg("\"%s\" is not in \"%s\"", text, client->received);
}

struct member *world_member(struct world *world, enum world_member member)
{
	return member < MEMBER_C ? world->set->pools[POOL_MAIN]->members[member]
				 : world->set->pools[POOL_OTHER]->members[0];
}

struct member_counters world_member_counters(struct world *world, enum world_member member)
{
	return world_member(world, member)->cores[0];
}

struct service_counters world_service_counters(struct world *world)
{
	return service_table_at(world->table, 0)->identity->cores[0];
}

static const struct config_h2 h2_defaults = {
	.max_streams = 100,
	.stream_window_bytes = 65535,
	.connection_window_bytes = 262144,
	.max_memory_bytes = 8 << 20,
	.max_resets = 200,
	.max_errors = 100,
	.max_continuations = 8,
	.max_settings = 50,
	.max_pings = 100,
	.max_priorities = 200,
	.max_window_updates = 1000,
	.max_empty_frames = 100,
};

static void services_configure(struct world *world, const struct world_options *options)
{
	struct config_service *service = &world->services[0];
	struct config_http_limits http = {
		.header_timeout_ms = 1000,
		.idle_timeout_ms = 5000,
		.body_timeout_ms = 2000,
		.max_header_bytes = 4096,
		.max_header_fields = 50,
		.max_target_bytes = 1024,
	};

	if (options->http.header_timeout_ms != 0)
		http = options->http;
	*service = (struct config_service){ .name = "web",
		.address = address_of(WORLD_VIP),
		.port = 80,
		.protocol = IPPROTO_TCP,
		.mode = CONFIG_MODE_L7,
		.pool = UINT_MAX,
		.routes = world->routes,
		.http = http,
		.h2 = options->h2.max_streams > 0 ? options->h2 : h2_defaults,
		.tunnels = { .websocket = true, .idle_timeout_ms = 6000, .close_timeout_ms = 500 },
		.prior_knowledge = true,
		.tls_policy = { .alpn = CONFIG_ALPN_HTTP1 | CONFIG_ALPN_H2 },
		.trust_forwarded = options->trust_forwarded };
	world->routes[0] = (struct config_l7_route){ .path = "/main", .pool = POOL_MAIN };
	world->routes[1] = (struct config_l7_route){ .host = "other.test", .pool = POOL_OTHER };
	world->routes[2] = (struct config_l7_route){ .path = "/empty", .pool = POOL_EMPTY };
	world->routes[3] = (struct config_l7_route){ .path = "/one", .pool = POOL_OTHER };
	service->route_count = 4;
	world->config.services = world->services;
	world->config.service_count = 1;
	if (options->chain_path == NULL)
		return;
	world->services[1] = *service;
	world->services[1].name = "secure";
	world->services[1].port = 443;
	world->services[1].is_tls = true;
	world->services[1].tls_policy.min_version = 0x0303;
	world->services[1].tls_hosts = (struct config_tls_host *)(uintptr_t)options->tls_hosts;
	world->services[1].tls_host_count = options->tls_host_count;
	world->config.service_count = 2;
}

static void pools_configure(struct world *world, enum config_health health)
{
	static const char *const names[] = { "main", "other", "empty" };
	static const char *const addresses[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13" };

	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		world->members[i] = (struct config_member){ .address = address_of(addresses[i]),
			.port = 8080,
			.name = addresses[i],
			.weight = 1 };
		world->servers[i] = (struct server){
			.world = world, .address = world->members[i].address, .port = 8080
		};
	}
	for (unsigned i = 0; i < POOL_COUNT; i++)
		world->pools[i] = (struct config_pool){ .name = names[i],
			.balance = CONFIG_BALANCE_ROUND_ROBIN,
			.connect_timeout_ms = 500,
			.response_timeout_ms = 1000,
			.idle_timeout_ms = 3000,
			.max_idle_connections = 4,
			.health = { .type = health,
				.interval_ms = 1000,
				.timeout_ms = 400,
				.rise = 2,
				.fall = 3,
				.path = "/health",
				.expect = 200 } };
	world->pools[POOL_MAIN].members = &world->members[MEMBER_A];
	world->pools[POOL_MAIN].member_count = 2;
	world->pools[POOL_OTHER].members = &world->members[MEMBER_C];
	world->pools[POOL_OTHER].member_count = 1;
	world->config.pools = world->pools;
	world->config.pool_count = POOL_COUNT;
}

static void config_fill(struct world *world, const struct world_options *options)
{
	static struct config_certificate certificate;
	static unsigned certificate_index;

	world->local = address_of("192.0.2.2");
	assert_int_equal(ip_prefix_parse("192.0.2.2/24", &world->port_prefix), 0);
	world->port = (struct config_port){ .name = "lan",
		.device = "none",
		.addresses = &world->port_prefix,
		.address_count = 1,
		.mtu = 1500 };
	world->config = (struct config){ .seed = "",
		.ports = &world->port,
		.port_count = 1,
		.local_addresses = &world->local,
		.local_address_count = 1,
		.maglev_size = 251 };
	pools_configure(world, options->health);
	services_configure(world, options);
	if (options->chain_path != NULL) {
		certificate = (struct config_certificate){ .name = "site",
			.chain_path = options->chain_path,
			.key_path = options->key_path };
		world->config.certificates = &certificate;
		world->config.certificate_count = 1;
		world->services[1].certificates = &certificate_index;
		world->services[1].certificate_count = 1;
	}
}

struct retired {
	struct backend_set *set;
	struct service_table *table;
	struct neigh_net *net;
};

static void retired_destroy(void *object)
{
	struct retired *retired = object;

	backend_set_destroy(retired->set);
	service_table_destroy(retired->table);
	neigh_net_destroy(retired->net);
	free(retired);
}

static bool listener_is_idle(void *listener)
{
	return l7_listener_is_idle(listener);
}

static void listener_destroy(void *listener)
{
	l7_listener_destroy(listener);
}

static void listeners_renew(struct world *world)
{
	struct err err;
	struct tls_store *store = l7_certificates_load(&world->config, &err);

	if (store == NULL)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < 2; i++) {

		if (world->listeners[i] != NULL)
			rcu_defer(world->rcu, world->listeners[i], listener_is_idle,
				listener_destroy);
		world->listeners[i] = NULL;
		if (i >= world->config.service_count)
			continue;
		world->listeners[i] = l7_listener_create(&world->services[i], store, 1, NULL, &err);
		if (world->listeners[i] == NULL)
			fail_msg("%s", err.text);
	}
	tls_store_destroy(store);
}

static bool pool_tls_is_idle(void *tls)
{
	return l7_pool_tls_is_idle(tls);
}

static void pool_tls_destroy(void *tls)
{
	l7_pool_tls_destroy(tls);
}

static void pool_tls_renew(struct world *world)
{
	for (unsigned i = 0; i < POOL_COUNT; i++) {
		struct err err;

		if (world->pool_tls[i] != NULL)
			rcu_defer(
				world->rcu, world->pool_tls[i], pool_tls_is_idle, pool_tls_destroy);
		world->pool_tls[i] = NULL;
		if (!world->pools[i].has_tls)
			continue;
		world->pool_tls[i] = l7_pool_tls_create(&world->config, &world->pools[i], 1, &err);
		if (world->pool_tls[i] == NULL)
			fail_msg("%s", err.text);
	}
	world->snapshot.pool_tls = world->pool_tls;
}

void world_publish(struct world *world, bool is_new_config)
{
	const struct neigh_port port = { .mtu = 1500 };
	struct retired *retired = calloc(1, sizeof(*retired));
	struct err err;

	*retired = (struct retired){ .set = world->set,
		.table = world->table,
		.net = (struct neigh_net *)world->snapshot.net };
	if (is_new_config) {
		listeners_renew(world);
		pool_tls_renew(world);
	}
	world->set = backend_set_create(world->backend_registry, &world->config, &err);
	world->table = service_table_create(
		world->service_registry, &world->config, (void *const *)world->listeners, &err);
	world->snapshot.net = neigh_net_create(&world->config, &port, &err);
	if (world->set == NULL || world->table == NULL || world->snapshot.net == NULL)
		fail_msg("%s", err.text);
	world->snapshot.config = &world->config;
	world->snapshot.services = world->table;
	world->snapshot.backends = world->set;
	world->snapshot.generation++;
	world->snapshot.config_generation += is_new_config;
	backend_registry_commit(world->backend_registry, world->set);
	rcu_defer(world->rcu, retired, NULL, retired_destroy);
}

static void stacks_create(struct world *world, const struct world_options *options)
{
	const struct l7_params params = {
		.core = &world->core,
		.mbufs = support_mbufs(),
		.ports = { .port_min = 10000, .port_max = 19999 },
		.output = output_to_peer,
		.output_ctx = world,
		.max_connections = options->max_connections > 0 ? options->max_connections : 1000,
		.secret = { 1, 2 },
		.seed = 3,
		.access = options->access,
	};
	const struct tcp_params peer = {
		.core = &world->peer_core,
		.mbufs = support_mbufs(),
		.ops = &peer_ops,
		.ctx = world,
		.ports = { .port_min = 20000, .port_max = 60000 },
		.secret = { 4, 5 },
	};
	struct err err;

	world->l7 = l7_core_create(&params, world->now_us, &err);
	assert_non_null(world->l7);
	world->peer = tcp_stack_create(&peer, world->now_us);
	assert_non_null(world->peer);
}

struct world *world_create(const struct world_options *options)
{
	struct world *world = calloc(1, sizeof(*world));

	world->now_us = 1000000;
	world->core = (struct core){ .l4_index = -1, .l7_index = 0 };
	world->peer_core = (struct core){ .index = 1, .l4_index = -1, .l7_index = 1 };
	world->snapshot.key = hash_key_from_seed("world");
	world->wires[0] = calloc(1, sizeof(struct wire));
	world->wires[1] = calloc(1, sizeof(struct wire));
	world->rcu = rcu_create(1);
	rcu_reader_enter(world->rcu, 0);
	world->backend_registry = backend_registry_create(2, world->rcu);
	world->service_registry = service_registry_create(2);
	config_fill(world, options);
	world_publish(world, true);
	stacks_create(world, options);
	return world;
}

int world_setup(void **state)
{
	const struct world_options options = { 0 };

	*state = world_create(&options);
	return 0;
}

int world_setup_h2(void **state)
{
	struct world *world;

	world_setup(state);
	world = *state;
	world->pools[POOL_OTHER].protocol = CONFIG_PROTOCOL_H2;
	world->pools[POOL_MAIN].protocol = CONFIG_PROTOCOL_H2;
	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		world->servers[i].is_h2 = true;
	world_publish(world, true);
	return 0;
}

int world_teardown(void **state)
{
	world_destroy(*state);
	return support_mbufs_check(NULL);
}

/* What was opened was closed, and what was begun was ended. */
static void books_check(struct world *world)
{
	const struct l7_counters *counters = l7_counters(world->l7);
	struct service_counters service = world_service_counters(world);

	assert_int_equal(l7_conn_count(world->l7), 0);
	assert_int_equal(counters->conns_opened, counters->conns_closed);
	assert_int_equal(counters->requests, counters->requests_done);
	assert_int_equal(service.conns_opened, service.conns_closed);
	assert_int_equal(service.requests, service.requests_done);
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		struct member_counters member = world_member_counters(world, i);

		assert_int_equal(member.conns_opened, member.conns_closed);
		assert_int_equal(member.requests, member.requests_done);
	}
	assert_true(l7_listener_is_idle(world->listeners[0]));
}

static void wires_clear(struct world *world)
{
	for (unsigned i = 0; i < 2; i++) {
		struct wire *wire = world->wires[i];

		while (wire->head != wire->tail)
			rte_pktmbuf_free(wire->packets[wire->head++ % WIRE_MAX]);
		free(wire);
	}
}

void world_destroy(struct world *world)
{
	l7_drain(world->l7, world->now_us);
	world_run(world, 4000);
	books_check(world);
	l7_core_destroy(world->l7);
	tcp_stack_destroy(world->peer);
	wires_clear(world);
	servers_free(world);
	l7_listener_destroy(world->listeners[0]);
	l7_listener_destroy(world->listeners[1]);
	for (unsigned i = 0; i < POOL_COUNT; i++)
		l7_pool_tls_destroy(world->pool_tls[i]);
	service_table_destroy(world->table);
	backend_set_destroy(world->set);
	neigh_net_destroy((struct neigh_net *)world->snapshot.net);
	backend_registry_destroy(world->backend_registry);
	service_registry_destroy(world->service_registry);
	rcu_destroy(world->rcu);
	config_destroy(world->loaded);
	free(world);
}
