/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "http/h1.h"
#include "runtime/rcu.h"

#define WIRE_MAX 16384

/* One direction of the link. */
struct wire {
	struct rte_mbuf *packets[WIRE_MAX];
	uint64_t due_us[WIRE_MAX];
	unsigned head, tail;
};

struct server_conn {
	struct server *server;
	struct tcp_conn *tcp;
	struct server_conn *next;
	struct h1_parser *parser;
	void *memory;
	char head_buffer[8192];
	char out[16384];
	size_t out_len, out_at;
	uint64_t extra_left, extra_done;
	bool is_answering;
	bool is_done;            /* no further request is read */
};

static struct ip_addr address_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return addr;
}

static struct server *server_at(struct world *world, const struct ip_addr *address)
{
	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		if (ip_equal(&world->servers[i].address, address))
			return &world->servers[i];
	return NULL;
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
	ether->ether_type =
		rte_cpu_to_be_16(is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
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

	return server != NULL && !server->is_refusing &&
	       port_be == rte_cpu_to_be_16(server->port);
}

static void parser_start(struct server_conn *conn)
{
	const struct h1_limits limits = { .target_bytes = 8192, .header_bytes = 8192,
		.header_fields = HTTP_FIELDS_MAX };

	conn->parser = h1_parser_init(
		conn->memory, H1_REQUEST, &limits, conn->head_buffer, sizeof(conn->head_buffer));
}

/* Sends what is left of the answer; true when all is on its way. */
static bool server_flush(struct server_conn *conn)
{
	while (conn->out_at < conn->out_len) {
		size_t taken = tcp_write(
			conn->tcp, conn->out + conn->out_at, conn->out_len - conn->out_at);

		if (taken == 0)
			return false;
		conn->out_at += taken;
	}
	while (conn->extra_left > 0) {
		char piece[4096];
		size_t len = conn->extra_left < sizeof(piece) ? (size_t)conn->extra_left
							      : sizeof(piece);
		size_t taken;

		for (size_t i = 0; i < len; i++)
			piece[i] = world_byte(conn->extra_done + i);
		taken = tcp_write(conn->tcp, piece, len);
		conn->extra_left -= taken;
		conn->extra_done += taken;
		if (taken < len)
			return false;
	}
	return true;
}

static void server_write(struct server_conn *conn, const char *data, size_t len)
{
	if (conn->out_at == conn->out_len)
		conn->out_at = conn->out_len = 0;
	assert_true(conn->out_len + len <= sizeof(conn->out));
	memcpy(conn->out + conn->out_len, data, len);
	conn->out_len += len;
	server_flush(conn);
}

/* Behind the answer. Returns false when the connection is gone. */
static bool server_after(struct server_conn *conn)
{
	if (!conn->is_answering || !server_flush(conn))
		return true;
	conn->is_answering = false;
	if (conn->server->aborts) {
		/* What is queued would be lost by RST: it leaves first. */
		tcp_advance(conn->server->world->peer, conn->server->world->now_us);
		tcp_abort(conn->tcp);
		return false;
	}
	if (conn->server->closes) {
		tcp_shutdown(conn->tcp);
		conn->is_done = true;
	}
	return true;
}

static bool server_answer(struct server_conn *conn)
{
	struct server *server = conn->server;
	char text[128];

	server->requests++;
	if (server->aborts_on_request) {
		tcp_abort(conn->tcp);
		return false;
	}
	if (server->is_holding)
		return true;
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%c\n",
		(char)('A' + (server - server->world->servers)));
	if (server->answer != NULL)
		server_write(conn, server->answer, strlen(server->answer));
	else
		server_write(conn, text, strlen(text));
	conn->extra_left = server->extra_bytes;
	conn->extra_done = 0;
	conn->is_answering = true;
	return server_after(conn);
}

static void server_head(struct server_conn *conn, const char *data, size_t len)
{
	size_t kept = len < sizeof(conn->server->head) - 1 ? len : sizeof(conn->server->head) - 1;

	memcpy(conn->server->head, data, kept);
	conn->server->head[kept] = '\0';
}

static void server_body(struct server_conn *conn, struct http_span body)
{
	struct server *server = conn->server;
	char head[H1_CHUNK_HEAD_MAX];

	for (size_t i = 0; i < body.len; i++)
		server->body_sum += (uint8_t)body.data[i] * (uint32_t)(server->body_bytes + i + 1);
	server->body_bytes += body.len;
	if (!server->echoes)
		return;
	server_write(conn, head, (size_t)h1_write_chunk_head(head, body.len));
	server_write(conn, body.data, body.len);
	server_write(conn, "\r\n", 2);
}

/* Returns false when the connection is gone. */
static bool server_event(struct server_conn *conn, enum h1_event event, struct http_span body)
{
	struct server *server = conn->server;

	switch (event) {
	case H1_HEAD:
		if (server->echoes)
			server_write(conn, server->answer, strlen(server->answer));
		return !server->answers_early || server_answer(conn);
	case H1_BODY:
		server_body(conn, body);
		return true;
	case H1_END:
		parser_start(conn);
		if (server->echoes) {
			server->requests++;
			server_write(conn, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
			return true;
		}
		return server->answers_early || server_answer(conn);
	default:
		fail_msg("the proxy sent what no server takes: %s",
			http_refusal_name(h1_refusal(conn->parser)));
		return false;
	}
}

static void server_readable(struct tcp_conn *tcp, void *ctx)
{
	struct server_conn *conn = ctx;
	struct tcp_span span = { 0 };

	while (!conn->is_done) {
		struct http_span body = { 0 };
		enum h1_event event;
		size_t consumed;

		if (tcp_peek(tcp, &span, 1) == 0)
			span.len = 0;
		if (conn->server->echoes && conn->out_len - conn->out_at > sizeof(conn->out) / 4)
			return;
		if (span.len > 2048)
			span.len = 2048;
		event = h1_next(conn->parser, (const char *)span.data, span.len, &consumed, &body);
		if (event == H1_HEAD)
			server_head(conn, conn->head_buffer, sizeof(conn->head_buffer) - 1);
		if (event == H1_MORE && consumed == 0)
			break;
		if (event != H1_MORE && !server_event(conn, event, body))
			return;
		tcp_consume(tcp, consumed);
	}
	if (tcp_is_eof(tcp) && !conn->is_answering)
		tcp_shutdown(tcp);
}

static void server_writable(struct tcp_conn *tcp, void *ctx)
{
	struct server_conn *conn = ctx;

	if (server_flush(conn) && server_after(conn))
		server_readable(tcp, conn);
}

static void server_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct server_conn *conn = ctx;

	(void)tcp;
	(void)reason;
	conn->server->open--;
	conn->tcp = NULL;
	conn->is_done = true;
}

static const struct tcp_handler server_handler = {
	.on_readable = server_readable,
	.on_writable = server_writable,
	.on_closed = server_closed,
};

static int peer_accept(void *ctx, struct tcp_conn *tcp)
{
	struct world *world = ctx;
	struct server_conn *conn = calloc(1, sizeof(*conn));
	struct tcp_info info;

	tcp_conn_info(tcp, &info);
	conn->server = server_at(world, &info.tuple.dst);
	assert_non_null(conn->server);
	conn->server->accepted++;
	conn->server->open++;
	conn->tcp = tcp;
	conn->memory = aligned_alloc(64, RTE_ALIGN_CEIL(h1_parser_bytes(), (size_t)64));
	conn->next = world->server_conns;
	world->server_conns = conn;
	parser_start(conn);
	tcp_set_handler(tcp, &server_handler, conn);
	return 0;
}

static const struct tcp_stack_ops peer_ops = {
	.output = output_to_worker,
	.is_listening = peer_is_listening,
	.accept = peer_accept,
};

static void client_push(struct client *client)
{
	while (client->is_connected && client->sending_at < client->sending_len) {
		size_t taken = tcp_write(client->tcp, client->sending + client->sending_at,
			client->sending_len - client->sending_at);

		if (taken == 0)
			return;
		client->sending_at += taken;
	}
	while (client->is_connected && client->generate_left > 0) {
		char piece[4096];
		size_t len = client->generate_left < sizeof(piece) ? (size_t)client->generate_left
								   : sizeof(piece);
		size_t taken;

		for (size_t i = 0; i < len; i++)
			piece[i] = world_byte(client->generated + i);
		taken = tcp_write(client->tcp, piece, len);
		client->generate_left -= taken;
		client->generated += taken;
		if (taken < len)
			return;
	}
}

static void client_readable(struct tcp_conn *tcp, void *ctx)
{
	struct client *client = ctx;
	struct tcp_span span;

	while (!client->is_paused && tcp_peek(tcp, &span, 1) > 0) {
		size_t room = sizeof(client->received) - 1 - client->received_len;
		size_t kept = span.len < room ? span.len : room;

		memcpy(client->received + client->received_len, span.data, kept);
		client->received_len += kept;
		client->received[client->received_len] = '\0';
		client->total += span.len;
		tcp_consume(tcp, span.len);
	}
	if (tcp_is_eof(tcp)) {
		client->is_eof = true;
		tcp_shutdown(tcp);
	}
}

static void client_connected(struct tcp_conn *tcp, void *ctx)
{
	struct client *client = ctx;

	(void)tcp;
	client->is_connected = true;
	client_push(client);
}

static void client_writable(struct tcp_conn *tcp, void *ctx)
{
	(void)tcp;
	client_push(ctx);
}

static void client_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct client *client = ctx;

	(void)tcp;
	client->tcp = NULL;
	client->is_connected = false;
	client->is_closed = true;
	client->reason = reason;
}

static const struct tcp_handler client_handler = {
	.on_connected = client_connected,
	.on_readable = client_readable,
	.on_writable = client_writable,
	.on_closed = client_closed,
};

struct client *client_open(struct world *world, uint16_t port)
{
	struct client *client = calloc(1, sizeof(*client));
	struct ip_addr src = address_of(WORLD_CLIENT), dst = address_of(WORLD_VIP);
	int error = 0;

	client->world = world;
	client->tcp = tcp_connect(world->peer,
		&(struct tcp_connect_args){ .src = &src, .dst = &dst, .dst_port = port,
			.handler = &client_handler, .ctx = client },
		&error, world->now_us);
	assert_non_null(client->tcp);
	return client;
}

void client_send(struct client *client, const char *text)
{
	size_t left = client->sending_len - client->sending_at;
	size_t len = strlen(text);
	char *grown = malloc(left + len + 1);

	if (left > 0)
		memcpy(grown, client->sending + client->sending_at, left);
	memcpy(grown + left, text, len);
	free(client->sending);
	client->sending = grown;
	client->sending_len = left + len;
	client->sending_at = 0;
	client_push(client);
}

void client_generate(struct client *client, uint64_t bytes)
{
	client->generate_left += bytes;
	client_push(client);
}

void client_resume(struct client *client)
{
	client->is_paused = false;
	if (client->tcp != NULL)
		client_readable(client->tcp, client);
}

void client_clear(struct client *client)
{
	client->received_len = 0;
	client->received[0] = '\0';
	client->total = 0;
}

void client_abort(struct client *client)
{
	if (client->tcp != NULL)
		tcp_abort(client->tcp);
}

void client_free(struct client *client)
{
	client_abort(client);
	world_run(client->world, 5);
	free(client->sending);
	free(client);
}

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

static void services_configure(struct world *world, const struct world_options *options)
{
	struct config_service *service = &world->services[0];
	struct config_http_limits http = {
		.header_timeout_ms = 1000, .idle_timeout_ms = 5000, .body_timeout_ms = 2000,
		.max_header_bytes = 4096, .max_header_fields = 50, .max_target_bytes = 1024,
	};

	if (options->http.header_timeout_ms != 0)
		http = options->http;
	*service = (struct config_service){ .name = "web", .address = address_of(WORLD_VIP),
		.port = 80, .protocol = IPPROTO_TCP, .mode = CONFIG_MODE_L7, .pool = UINT_MAX,
		.routes = world->routes, .http = http,
		.trust_forwarded = options->trust_forwarded };
	world->routes[0] = (struct config_l7_route){ .path = "/main", .pool = POOL_MAIN };
	world->routes[1] = (struct config_l7_route){ .host = "other.test", .pool = POOL_OTHER };
	world->routes[2] = (struct config_l7_route){ .path = "/empty", .pool = POOL_EMPTY };
	world->routes[3] = (struct config_l7_route){ .path = "/one", .pool = POOL_OTHER };
	service->route_count = 4;
	world->config.services = world->services;
	world->config.service_count = 1;
	if (!options->tls)
		return;
	world->services[1] = *service;
	world->services[1].name = "secure";
	world->services[1].port = 443;
	world->services[1].is_tls = true;
	world->services[1].tls_min_version = 0x0303;
	world->config.service_count = 2;
}

static void pools_configure(struct world *world, enum config_health health)
{
	static const char *const names[] = { "main", "other", "empty" };
	static const char *const addresses[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13" };

	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		world->members[i] = (struct config_member){ .address = address_of(addresses[i]),
			.port = 8080, .name = addresses[i], .weight = 1 };
		world->servers[i] = (struct server){ .world = world,
			.address = world->members[i].address, .port = 8080 };
	}
	for (unsigned i = 0; i < POOL_COUNT; i++)
		world->pools[i] = (struct config_pool){ .name = names[i],
			.balance = CONFIG_BALANCE_ROUND_ROBIN, .connect_timeout_ms = 500,
			.response_timeout_ms = 1000, .idle_timeout_ms = 3000,
			.max_idle_connections = 4,
			.health = { .type = health, .interval_ms = 1000, .timeout_ms = 400,
				.rise = 2, .fall = 3, .path = "/health", .expect = 200 } };
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
	world->port = (struct config_port){ .name = "lan", .device = "none",
		.addresses = &world->port_prefix, .address_count = 1, .mtu = 1500 };
	world->config = (struct config){ .seed = "", .ports = &world->port, .port_count = 1,
		.local_addresses = &world->local, .local_address_count = 1, .maglev_size = 251 };
	pools_configure(world, options->health);
	services_configure(world, options);
	if (options->tls) {
		certificate = (struct config_certificate){ .name = "site",
			.chain_path = options->chain_path, .key_path = options->key_path };
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
	for (unsigned i = 0; i < 2; i++) {
		struct err err;

		if (world->listeners[i] != NULL)
			rcu_defer(world->rcu, world->listeners[i], listener_is_idle,
				listener_destroy);
		world->listeners[i] = NULL;
		if (i >= world->config.service_count)
			continue;
		world->listeners[i] =
			l7_listener_create(&world->config, &world->services[i], 1, &err);
		if (world->listeners[i] == NULL)
			fail_msg("%s", err.text);
	}
}

void world_publish(struct world *world, bool is_new_config)
{
	const struct neigh_port port = { .mtu = 1500 };
	struct retired *retired = calloc(1, sizeof(*retired));
	struct err err;

	*retired = (struct retired){ .set = world->set, .table = world->table,
		.net = (struct neigh_net *)world->snapshot.net };
	if (is_new_config)
		listeners_renew(world);
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
		.core = &world->core, .mbufs = support_mbufs(),
		.ports = { .port_min = 10000, .port_max = 19999 },
		.output = output_to_peer, .output_ctx = world,
		.max_connections = options->max_connections > 0 ? options->max_connections : 1000,
		.secret = { 1, 2 }, .seed = 3,
	};
	const struct tcp_params peer = {
		.core = &world->peer_core, .mbufs = support_mbufs(), .ops = &peer_ops, .ctx = world,
		.ports = { .port_min = 20000, .port_max = 60000 }, .secret = { 4, 5 },
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
	while (world->server_conns != NULL) {
		struct server_conn *conn = world->server_conns;

		world->server_conns = conn->next;
		free(conn->memory);
		free(conn);
	}
	l7_listener_destroy(world->listeners[0]);
	l7_listener_destroy(world->listeners[1]);
	service_table_destroy(world->table);
	backend_set_destroy(world->set);
	neigh_net_destroy((struct neigh_net *)world->snapshot.net);
	backend_registry_destroy(world->backend_registry);
	service_registry_destroy(world->service_registry);
	rcu_destroy(world->rcu);
	free(world);
}
