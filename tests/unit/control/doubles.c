/* SPDX-License-Identifier: Apache-2.0 */
/* The few functions of other modules that commands call, over the fixture's figures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "doubles.h"
#include "fixture.h"
#include "l4/trace.h"

static const struct stats_desc member_descs[] = {
#define COUNTER(name, help) { #name, help },
#include "backend/member.def"
#undef COUNTER
};
const struct stats_set member_stats_set = STATS_SET("member", member_descs);

static const struct stats_desc service_descs[] = {
#define COUNTER(name, help) { #name, help },
#include "service/service.def"
#undef COUNTER
};
const struct stats_set service_stats_set = STATS_SET("service", service_descs);

static const struct stats_desc pool_descs[] = {
#define COUNTER(name, help) { #name, help },
#include "backend/pool.def"
#undef COUNTER
};
const struct stats_set pool_stats_set = STATS_SET("pool", pool_descs);

uint64_t pool_conns_now(const struct pool_identity *identity)
{
	return identity->cores[0].counters.conns_opened - identity->cores[0].counters.conns_closed;
}

uint64_t pool_requests_now(const struct pool_identity *identity)
{
	return identity->cores[0].counters.tries - identity->cores[0].counters.tries_done;
}

uint64_t pool_queued_now(const struct pool_identity *identity)
{
	return identity->cores[0].counters.queued - identity->cores[0].counters.queued_done;
}

struct member *pool_member_by_id(const struct pool *pool, uint32_t id, uint32_t *index)
{
	for (*index = 0; *index < pool->count; (*index)++) {
		if (pool->members[*index]->id == id)
			return pool->members[*index];
	}
	return NULL;
}

uint64_t pool_queued_max(const struct pool_identity *identity)
{
	return identity->cores[0].queued_max;
}

void pool_counters_sum(const struct pool_identity *identity, struct pool_counters *sum)
{
	*sum = identity->cores[0].counters;
}

uint64_t member_requests_now(const struct member *member)
{
	return member->cores[0].requests - member->cores[0].requests_done;
}

uint64_t member_pending_now(const struct member *member)
{
	return member->cores[0].pending - member->cores[0].pending_done;
}

uint64_t member_latency_us(const struct member *member, uint64_t now_us)
{
	(void)now_us;
	return member->cores[0].latency_us;
}

static uint32_t split_weights[] = { 90, 10 };

bool l7_split_at(const struct l7_listener *listener, unsigned index, struct l7_split *split)
{
	assert_ptr_equal(listener, &fixture);
	if (index >= 2)
		return false;
	*split = (struct l7_split){ .route = "canary",
		.pool = index,
		.weight = split_weights[index],
		.file_weight = index == 0 ? 90 : 10 };
	return true;
}

void l7_split_set(struct l7_listener *listener, unsigned index, uint32_t weight)
{
	assert_ptr_equal(listener, &fixture);
	split_weights[index] = weight;
}

bool member_is_usable(const struct member *member)
{
	return member->admin == MEMBER_READY && member->health != MEMBER_DOWN && member->weight > 0;
}

uint64_t member_conns_now(const struct member *member)
{
	return member->cores[0].conns_opened - member->cores[0].conns_closed;
}

void member_counters_sum(const struct member *member, struct member_counters *sum)
{
	*sum = member->cores[0];
}

struct member *backend_set_find(
	const struct backend_set *set, const char *pool, const char *member, unsigned *pool_index)
{
	for (unsigned i = 0; i < set->count; i++) {
		for (unsigned j = 0; j < set->pools[i]->count; j++) {
			if (strcmp(set->pools[i]->name, pool) != 0 ||
				strcmp(set->pools[i]->members[j]->name, member) != 0)
				continue;
			*pool_index = i;
			return set->pools[i]->members[j];
		}
	}
	return NULL;
}

void member_warm_start(struct member *member, const struct config_pool *pool)
{
	assert_string_equal(member->pool_name, pool->name);
	member->warm = 1;
}

const char *config_mode_name(enum config_mode mode)
{
	return config_mode_is_l7(mode) ? "l7" : "l4";
}

const char *config_balance_name(enum config_balance balance)
{
	static const char *const names[CONFIG_BALANCES] = {
		[CONFIG_BALANCE_MAGLEV] = "maglev",
		[CONFIG_BALANCE_LEAST_REQUESTS] = "least-requests",
	};

	return names[balance];
}

void config_destroy(struct config *config)
{
	fixture.configs_destroyed += config != NULL;
}

/*
 * Of 1000 slots 30 move, 10 of them between members that stay. The plan keeps member 1 and has a
 * new one beside it, which gets the hashes below 100.
 */
int pool_plan_create(
	struct pool_plan *plan, const struct pool *now, const struct config *next, unsigned index)
{
	*plan = (struct pool_plan){ .config = &next->pools[index], .added = 1 };
	if (plan->config->balance == CONFIG_BALANCE_MAGLEV)
		plan->slots = 1000;
	if (now == NULL)
		return 0;
	plan->removed = 2;
	plan->moved = 30;
	plan->collateral = 10;
	return 0;
}

void pool_plan_destroy(struct pool_plan *plan)
{
	assert_non_null(plan->config);
	plan->config = NULL;
}

uint32_t pool_plan_pick(const struct pool_plan *plan, uint32_t hash)
{
	assert_true(plan->slots > 0);
	return hash < 100 ? 0 : 1;
}

bool pool_plan_keeps(const struct pool_plan *plan, uint32_t member_id)
{
	assert_non_null(plan->config);
	return member_id == fixture.plan_kept_id;
}

/* Client ports count from 1024: the first flows move. */
uint32_t service_balance_hash(
	const struct service *service, const struct packet *p, struct hash_key key)
{
	assert_non_null(service);
	assert_true(p->flow_hash == packet_flow_hash(p, key));
	return 90 + (uint32_t)(rte_be_to_cpu_16(p->src_port_be) - 1024);
}

struct service_table {
	struct service *services;
	unsigned count;
};

unsigned service_table_count(const struct service_table *table)
{
	return table->count;
}

const struct service *service_table_at(const struct service_table *table, unsigned index)
{
	return &table->services[index];
}

struct service_registry *service_registry_create(unsigned core_count)
{
	return calloc(1, core_count);
}

void service_registry_destroy(struct service_registry *registry)
{
	free(registry);
}

struct service_table *service_table_create(struct service_registry *registry,
	const struct config *config, void *const *listeners, struct err *err)
{
	struct service_table *table = calloc(1, sizeof(*table));

	(void)registry;
	(void)err;
	assert_null(listeners);
	assert_non_null(table);
	table->count = (unsigned)config->service_count;
	table->services = calloc(table->count + 1, sizeof(table->services[0]));
	assert_non_null(table->services);
	for (unsigned i = 0; i < table->count; i++) {
		const struct config_service *from = &config->services[i];
		struct service_identity *identity = calloc(1, sizeof(*identity));

		assert_non_null(identity);
		identity->name = from->name;
		table->services[i] = (struct service){
			.address = from->address,
			.port = from->port,
			.protocol = from->protocol,
			.mode = from->mode,
			.pool = from->pool,
			.index = i,
			.identity = identity,
		};
	}
	return table;
}

void service_table_destroy(struct service_table *table)
{
	for (unsigned i = 0; table != NULL && i < table->count; i++)
		free(table->services[i].identity);
	if (table != NULL)
		free(table->services);
	free(table);
}

const struct service *service_find(const struct service_table *table, const struct ip_addr *address,
	uint16_t port_be, uint8_t protocol)
{
	(void)protocol;
	for (unsigned i = 0; i < table->count; i++) {
		if (rte_cpu_to_be_16(table->services[i].port) == port_be &&
			ip_equal(&table->services[i].address, address))
			return &table->services[i];
	}
	return NULL;
}

void service_counters_sum(const struct service_identity *identity, struct service_counters *sum)
{
	*sum = identity->cores[0];
}

void config_error(struct config_errors *errors, const char *file, int line, const char *json_path,
	const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	len = snprintf(text, sizeof(text), "%s:%d: %s: ", file, line, json_path);
	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	errors->lines = reallocarray(errors->lines, errors->count + 1, sizeof(*errors->lines));
	assert_non_null(errors->lines);
	errors->lines[errors->count++] = strdup(text);
}

void config_errors_clear(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct config_errors){ 0 };
}

uint32_t l4_conn_count(const struct l4_core *l4)
{
	return l4 != NULL ? fixture.l4_conn_count : 0;
}

uint32_t l7_conn_count(const struct l7_core *l7)
{
	return l7 != NULL ? 1 : 0;
}

struct tcp_stack *l7_tcp(const struct l7_core *l7)
{
	(void)l7;
	return NULL;
}

void tcp_usage(const struct tcp_stack *stack, struct tcp_usage *usage)
{
	(void)stack;
	*usage = (struct tcp_usage){
		.established = 4,
		.half_open = 5,
		.time_wait = 6,
		.mbufs_receive = 7,
		.mbufs_out_of_order = 8,
		.mbufs_send = 9,
		.mbufs_max = 1000,
		.bytes_per_conn = 512,
		.bytes_per_half_open = 64,
		.bytes_per_time_wait = 63,
		.bytes_per_mbuf = 2500,
	};
}

unsigned tcp_dump(
	const struct tcp_stack *stack, uint32_t *cursor, struct tcp_info *rows, unsigned max)
{
	assert_null(stack);
	assert_true(max > 1);
	/* Nothing in the first piece of the table. */
	if ((*cursor)++ == 0)
		return 0;
	*cursor = TCP_DUMP_END;
	rows[0] = (struct tcp_info){ .state = "ESTABLISHED",
		.srtt_us = 250,
		.rttvar_us = 90,
		.rto_us = 200000,
		.cwnd = 14480,
		.ssthresh = UINT32_MAX,
		.mss = 1448,
		.send_queued = 7,
		.receive_queued = 8,
		.tuple = { .src_port_be = 0x0100, .dst_port_be = 0xbb01 } };
	rows[1] = rows[0];
	rows[1].ssthresh = 20000;
	rows[1].retransmissions = 3;
	rows[1].tuple.src_port_be = 0x901f;
	assert_int_equal(ip_parse("2001:db8::7", &rows[0].tuple.src), 0);
	assert_int_equal(ip_parse("2001:db8::100", &rows[0].tuple.dst), 0);
	assert_int_equal(ip_parse("198.51.100.20", &rows[1].tuple.src), 0);
	assert_int_equal(ip_parse("192.0.2.2", &rows[1].tuple.dst), 0);
	return 2;
}

int tcp_trace_start(struct tcp_stack *stack, const struct tcp_trace_filter *filter)
{
	assert_null(stack);
	fixture.has_trace = fixture.trace_result == 0;
	fixture.trace_filter = *filter;
	return fixture.trace_result;
}

/* Found with the third call. */
bool tcp_trace_seek(
	struct tcp_stack *stack, const struct tcp_trace_filter *filter, uint32_t *cursor)
{
	assert_null(stack);
	assert_memory_equal(filter, &fixture.trace_filter, sizeof(*filter));
	assert_int_equal(*cursor, fixture.trace_seeks * 10);
	*cursor += 10;
	return ++fixture.trace_seeks < 3;
}

static const struct tcp_trace_event trace_events[] = {
	{ .kind = TCP_TRACE_BEGIN,
		.at_us = 100,
		.detail = 3,
		.cwnd = 10000,
		.ssthresh = UINT32_MAX },
	{ .kind = TCP_TRACE_RETRANSMIT,
		.at_us = 2000,
		.flags = 0x18,
		.seq = 4000000000,
		.ack = 7,
		.len = 1000,
		.window = 65536,
		.detail = 1,
		.cwnd = 7000,
		.ssthresh = 7000,
		.flight = 5000 },
	{ .kind = TCP_TRACE_WINDOW, .at_us = 2001, .window = 0, .cwnd = 7000, .ssthresh = 7000 },
	{ .kind = TCP_TRACE_STATE, .at_us = 3000, .more = TCP_CLOSED_RESET, .ssthresh = 7000 },
};

bool tcp_trace_copy(const struct tcp_stack *stack, const struct tcp_trace_filter *filter,
	struct tcp_trace *trace)
{
	assert_null(stack);
	assert_memory_equal(filter, &fixture.trace_filter, sizeof(*filter));
	if (filter->remote_port_be == 0) {
		trace->phase = TCP_TRACE_WAITING;
		trace->total = trace->count = 0;
		return true;
	}
	trace->phase = TCP_TRACE_OVER;
	trace->tuple = (struct packet_tuple){
		.src = filter->remote, .src_port_be = filter->remote_port_be, .dst_port_be = 0xbb01
	};
	assert_int_equal(ip_parse("192.0.2.100", &trace->tuple.dst), 0);
	trace->total = 300;
	trace->count = 4;
	memcpy(trace->events, trace_events, sizeof(trace_events));
	return true;
}

bool tcp_trace_stop(struct tcp_stack *stack, const struct tcp_trace_filter *filter)
{
	bool had_trace = fixture.has_trace;

	assert_null(stack);
	assert_memory_equal(&filter->remote, &fixture.trace_filter.remote, sizeof(filter->remote));
	fixture.has_trace = false;
	return had_trace;
}

unsigned l4_conn_dump(const struct l4_core *l4, uint32_t *cursor, struct l4_conn_row *rows,
	unsigned max, uint64_t now_us)
{
	unsigned count = 0;

	assert_non_null(l4);
	assert_int_equal(now_us, fixture.now_us);
	for (; *cursor < fixture.l4_conn_count && count < max; (*cursor)++, count++) {
		struct l4_conn_row *row = &rows[count];

		*row = (struct l4_conn_row){ .client_port = (uint16_t)(1024 + *cursor),
			.vip_port = 5432,
			.local_port = 2000,
			.member_port = 5432,
			.protocol = *cursor % 2 == 0 ? 6 : 17,
			.state = L4_STATE_ESTABLISHED,
			.idle_ms = 20,
			.timeout_ms = 900000,
			.packets_in = 3,
			.packets_out = 4,
			.member_id = 1 };
		assert_int_equal(ip_parse("203.0.113.7", &row->client), 0);
		assert_int_equal(ip_parse("192.0.2.100", &row->vip), 0);
		assert_int_equal(ip_parse("192.0.2.2", &row->local), 0);
		assert_int_equal(ip_parse("198.51.100.10", &row->member), 0);
	}
	return count;
}

unsigned l7_conn_dump(const struct l7_core *l7, uint32_t *cursor, struct l7_conn_row *rows,
	unsigned max, uint64_t now_us)
{
	assert_non_null(l7);
	assert_true(max > 0);
	assert_int_equal(now_us, fixture.now_us);
	if ((*cursor)++ > 0)
		return 0;
	rows[0] = (struct l7_conn_row){ .service = "web",
		.member = "198.51.100.20:8080",
		.request = "GET /a\033[2Jb",
		.requests = 9,
		.age_ms = 1500,
		.tcp = { .state = "ESTABLISHED",
			.bytes_in = 100,
			.bytes_out = 2000,
			.srtt_us = 250,
			.tuple = { .src_port_be = 0x0100, .dst_port_be = 0xbb01 } } };
	assert_int_equal(ip_parse("2001:db8::7", &rows[0].tcp.tuple.src), 0);
	assert_int_equal(ip_parse("2001:db8::100", &rows[0].tcp.tuple.dst), 0);
	return 1;
}

unsigned neigh_dump(
	const struct neigh *neigh, struct neigh_row *rows, unsigned max, uint64_t now_us)
{
	assert_non_null(neigh);
	assert_int_equal(now_us, fixture.now_us);
	assert_true(max >= 2);
	rows[0] = (struct neigh_row){
		.mac = { 2, 0, 0, 0, 0, 1 }, .state = NEIGH_REACHABLE, .age_ms = 1200
	};
	rows[1] = (struct neigh_row){ .port = 9, .state = NEIGH_INCOMPLETE };
	assert_int_equal(ip_parse("192.0.2.1", &rows[0].addr), 0);
	assert_int_equal(ip_parse("2001:db8::1", &rows[1].addr), 0);
	return 2;
}

bool neigh_find(const struct neigh *neigh, unsigned port, const struct ip_addr *addr,
	struct neigh_row *row, uint64_t now_us)
{
	assert_non_null(neigh);
	assert_int_equal(now_us, fixture.now_us);
	*row = (struct neigh_row){ .addr = *addr,
		.mac = { 2, 0, 0, 0, 0, 9 },
		.port = (uint8_t)port,
		.state = NEIGH_STALE };
	return true;
}

bool neigh_net_route(
	const struct neigh_net *net, const struct ip_addr *dst, struct neigh_route *route)
{
	(void)net;
	*route = (struct neigh_route){ .port = 0, .next_hop = *dst, .is_on_link = true };
	return true;
}

/* Port 5432 is the L4 service, 443 the L7 one; 2000 is a reply, and the rest nothing. */
void l4_trace_owner(const struct snapshot *snapshot, struct l4_trace *trace)
{
	uint16_t port = rte_be_to_cpu_16(trace->packet.dst_port_be);

	trace->packet.flow_hash = 0x1234;
	trace->owner.kind = port == 443 ? STEER_L7 : STEER_L4;
	if (port == 5432 || port == 443)
		trace->service = service_table_at(snapshot->services, port == 443 ? 1 : 0);
	else if (port != 2000)
		*trace = (struct l4_trace){ .packet = trace->packet, .reason = DROP_no_service };
}

void l4_trace_flow(const struct l4_core *l4, const struct snapshot *snapshot,
	struct l4_trace *trace, uint64_t now_us)
{
	uint32_t cursor = 0;

	(void)snapshot;
	fixture.traced_flags = trace->packet.tcp_flags;
	fixture.traced_port = trace->packet.in_port;
	trace->is_known = trace->packet.tcp_flags == RTE_TCP_ACK_FLAG;
	trace->has_member = true;
	strcpy(trace->member, "198.51.100.10:5432");
	assert_int_equal(l4_conn_dump(l4, &cursor, &trace->row, 1, now_us), 1);
	if (!trace->is_known) {
		trace->slot = 77;
		trace->slot_count = 251;
	}
	trace->has_route = true;
	neigh_net_route(NULL, &trace->row.member, &trace->route);
}

static struct service_identity identities[2] = {
	{ .name = "db", .id = 1, .core_count = 1, .cores = &fixture.service_counters[0] },
	{ .name = "web", .id = 2, .core_count = 1, .cores = &fixture.service_counters[1] },
};
static struct service services[2] = {
	{ .port = 5432, .protocol = 6, .mode = CONFIG_MODE_L4, .identity = &identities[0] },
	{ .port = 443, .protocol = 6, .mode = CONFIG_MODE_L7, .identity = &identities[1] },
};
static const struct service_table service_table = { .services = services, .count = 2 };

const struct service_table *doubles_services(void)
{
	assert_int_equal(ip_parse("192.0.2.100", &services[0].address), 0);
	services[1].address = services[0].address;
	services[1].listener = &fixture;
	return &service_table;
}
