/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration would move, before it is loaded. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "commands.h"

/* Flows a call: some microseconds of a worker's time. */
#define FLOWS_MAX 128

static const struct table_column columns[] = {
	{ .name = "service" },
	{ .name = "pool" },
	{ .name = "balance" },
	{ .name = "added", .is_number = true },
	{ .name = "removed", .is_number = true },
	{ .name = "slots", .is_number = true },
	{ .name = "slots_moved", .is_number = true },
	{ .name = "slots_moved_pct", .is_number = true },
	{ .name = "collateral_pct", .is_number = true },
	{ .name = "flows", .is_number = true },
	{ .name = "flows_moved", .is_number = true },
	{ .name = "flows_moved_pct", .is_number = true },
	{ .name = "flows_cut", .is_number = true },
};

/* One service of the new file, or one of the running file that the new one has not. */
struct plan_row {
	const char *name; /* borrowed from next, or a copy where the service is gone */
	char *gone_name;
	const struct service *service; /* of next; NULL: gone */
	uint64_t flows;
	uint64_t moved; /* for which the plan has another member */
	uint64_t cut;   /* that end, or that really move, with the change */
};

struct plan {
	struct config *next;
	struct service_registry *registry;
	struct service_table *services; /* of next */
	struct hash_key key;
	struct pool_plan *pools;
	unsigned pool_count; /* planned so far */
	struct plan_row *rows;
	unsigned row_count;
	uint32_t *row_of; /* by the id of a running service's identity: row + 1 */
	uint32_t id_end;
	unsigned core; /* whose flows come next */
	uint32_t cursor;
	unsigned got;
	struct l4_conn_row flows[FLOWS_MAX];
};

static void plan_destroy(void *state)
{
	struct plan *plan = state;

	for (unsigned i = 0; i < plan->pool_count; i++)
		pool_plan_destroy(&plan->pools[i]);
	for (unsigned i = 0; i < plan->row_count; i++)
		free(plan->rows[i].gone_name);
	free(plan->pools);
	free(plan->rows);
	free(plan->row_of);
	service_table_destroy(plan->services);
	service_registry_destroy(plan->registry);
	config_destroy(plan->next);
	free(plan);
}

/* The service of the new file with that name, or NULL. */
static const struct service *service_named(const struct plan *plan, const char *name)
{
	for (unsigned i = 0; i < service_table_count(plan->services); i++) {
		const struct service *service = service_table_at(plan->services, i);

		if (strcmp(service->identity->name, name) == 0)
			return service;
	}
	return NULL;
}

/* Flows live on where a service of the same name listens as before. */
static bool is_same_service(const struct service *next, const struct service *now)
{
	return next != NULL && next->mode == now->mode && next->port == now->port &&
		next->protocol == now->protocol && ip_equal(&next->address, &now->address);
}

/* A row each for the services of the new file, in its order. */
static void rows_start(struct plan *plan)
{
	plan->row_count = service_table_count(plan->services);
	for (unsigned i = 0; i < plan->row_count; i++) {
		plan->rows[i].service = service_table_at(plan->services, i);
		plan->rows[i].name = plan->rows[i].service->identity->name;
	}
}

/* Which row counts the flows of each running service. */
static int rows_match(struct plan *plan, const struct service_table *running)
{
	for (unsigned i = 0; i < service_table_count(running); i++) {
		const struct service *now = service_table_at(running, i);
		const struct service *next = service_named(plan, now->identity->name);
		struct plan_row *row = &plan->rows[plan->row_count];

		if (is_same_service(next, now)) {
			plan->row_of[now->identity->id] = next->index + 1;
			continue;
		}
		row->gone_name = strdup(now->identity->name);
		if (row->gone_name == NULL)
			return -ENOMEM;
		row->name = row->gone_name;
		plan->row_of[now->identity->id] = ++plan->row_count;
	}
	return 0;
}

static uint32_t identities_end(const struct service_table *running)
{
	uint32_t end = 1;

	for (unsigned i = 0; i < service_table_count(running); i++) {
		uint32_t id = service_table_at(running, i)->identity->id;

		end = id >= end ? id + 1 : end;
	}
	return end;
}

static int rows_create(struct request *request, struct plan *plan)
{
	const struct service_table *running = request_snapshot(request)->services;
	unsigned room = service_table_count(plan->services) + service_table_count(running) + 1;

	plan->id_end = identities_end(running);
	plan->rows = calloc(room, sizeof(plan->rows[0]));
	plan->row_of = calloc(plan->id_end, sizeof(plan->row_of[0]));
	plan->pools = calloc(plan->next->pool_count + 1, sizeof(plan->pools[0]));
	if (plan->rows == NULL || plan->row_of == NULL || plan->pools == NULL)
		return -ENOMEM;
	rows_start(plan);
	return rows_match(plan, running);
}

static int file_read(struct request *request, struct plan *plan, const char *path)
{
	struct config_errors errors = { 0 };
	struct err err = { .text = "" };

	plan->next = request->params->ops->config_read(request->params->ctx, path, &errors);
	if (plan->next == NULL) {
		request_print_errors(request, &errors);
		config_errors_clear(&errors);
		return request_fail(request, EBADMSG, "%.200s could not be loaded", path);
	}
	config_errors_clear(&errors);
	plan->key = hash_key_from_seed(plan->next->seed);
	plan->registry = service_registry_create(1);
	if (plan->registry == NULL)
		return -ENOMEM;
	plan->services = service_table_create(plan->registry, plan->next, NULL, &err);
	if (plan->services == NULL)
		return request_fail(request, EBADMSG, "%s", err.text);
	return 0;
}

static const struct pool *pool_running(const struct request *request, const char *name)
{
	const struct backend_set *set = request_snapshot(request)->backends;

	for (unsigned i = 0; i < set->count; i++) {
		if (strcmp(set->pools[i]->name, name) == 0)
			return set->pools[i];
	}
	return NULL;
}

/* On the worker. */
static void flows_take(struct control_worker *worker, void *arg)
{
	struct plan *plan = arg;

	if (worker->l4 != NULL)
		plan->got = l4_conn_dump(
			worker->l4, &plan->cursor, plan->flows, FLOWS_MAX, worker->now_us);
}

static uint32_t flow_hash(
	const struct plan *plan, const struct service *service, const struct l4_conn_row *flow)
{
	struct packet packet = {
		.src = flow->client,
		.dst = flow->vip,
		.src_port_be = rte_cpu_to_be_16(flow->client_port),
		.dst_port_be = rte_cpu_to_be_16(flow->vip_port),
		.protocol = flow->protocol,
	};

	packet.flow_hash = packet_flow_hash(&packet, plan->key);
	return service_balance_hash(service, &packet, plan->key);
}

/* A flow of UDP leaves a member that goes; one of TCP stays with it to its end. */
static void flow_count(struct plan *plan, struct plan_row *row, const struct l4_conn_row *flow)
{
	const struct pool_plan *pool;
	bool is_kept;

	row->flows++;
	if (row->service == NULL) {
		row->cut++;
		return;
	}
	pool = &plan->pools[row->service->pool];
	is_kept = pool_plan_keeps(pool, flow->member_id);
	row->cut += !is_kept && flow->protocol == IPPROTO_UDP;
	if (pool->slots == 0)
		row->moved += !is_kept;
	else
		row->moved += pool_plan_pick(pool, flow_hash(plan, row->service, flow)) !=
			flow->member_id;
}

static void flows_count(struct plan *plan, const struct service_table *running)
{
	for (unsigned i = 0; i < plan->got; i++) {
		const struct l4_conn_row *flow = &plan->flows[i];
		const struct service *service = service_find(
			running, &flow->vip, rte_cpu_to_be_16(flow->vip_port), flow->protocol);

		/* One that came with a reload since the plan began is nobody's. */
		if (service == NULL || service->identity->id >= plan->id_end ||
			plan->row_of[service->identity->id] == 0)
			continue;
		flow_count(plan, &plan->rows[plan->row_of[service->identity->id] - 1], flow);
	}
}

static void share_cell(struct table *table, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%.2f", 100.0 * (double)part / (double)whole);
}

static void pool_cells(struct table *table, const struct pool_plan *pool)
{
	table_cell(table, "%s", pool->config->name);
	table_cell(table, "%s", config_balance_name(pool->config->balance));
	table_cell(table, "%u", pool->added);
	table_cell(table, "%u", pool->removed);
	if (pool->slots == 0) {
		for (unsigned i = 0; i < 4; i++)
			table_cell(table, "%s", "");
		return;
	}
	table_cell(table, "%" PRIu32, pool->slots);
	table_cell(table, "%" PRIu32, pool->moved);
	share_cell(table, pool->moved, pool->slots);
	share_cell(table, pool->collateral, pool->slots);
}

static void flow_cells(struct table *table, const struct plan_row *row)
{
	table_cell(table, "%" PRIu64, row->flows);
	table_cell(table, "%" PRIu64, row->moved);
	share_cell(table, row->moved, row->flows);
	table_cell(table, "%" PRIu64, row->cut);
}

static void row_print(const struct plan *plan, struct table *table, const struct plan_row *row)
{
	table_cell(table, "%s", row->name);
	if (row->service != NULL)
		pool_cells(table, &plan->pools[row->service->pool]);
	for (unsigned i = 0; row->service == NULL && i < 8; i++)
		table_cell(table, "%s", i == 0 ? "(gone)" : "");
	flow_cells(table, row);
}

/* Pools that requests of L7 go to, or that nothing uses: without figures of flows. */
static void pool_print(const struct plan *plan, struct table *table, unsigned index)
{
	for (unsigned i = 0; i < plan->row_count; i++) {
		const struct service *service = plan->rows[i].service;

		if (service != NULL && service->mode == CONFIG_MODE_L4 && service->pool == index)
			return;
	}
	table_cell(table, "%s", "");
	pool_cells(table, &plan->pools[index]);
	for (unsigned i = 0; i < 4; i++)
		table_cell(table, "%s", "");
}

static int plan_print(struct request *request, const struct plan *plan)
{
	struct table table;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; i < plan->row_count; i++) {
		const struct plan_row *row = &plan->rows[i];

		if (row->service == NULL || row->service->mode == CONFIG_MODE_L4)
			row_print(plan, &table, row);
	}
	for (unsigned i = 0; i < plan->pool_count; i++)
		pool_print(plan, &table, i);
	return request_table_end(request, &table);
}

/* One pool's table, or some flows of one worker, at a time. */
static int plan_step(struct request *request, struct plan *plan)
{
	if (plan->pool_count < plan->next->pool_count) {
		unsigned index = plan->pool_count++;
		const char *name = plan->next->pools[index].name;

		return pool_plan_create(&plan->pools[index], pool_running(request, name),
			       plan->next, index) < 0
			? -ENOMEM
			: COMMAND_AGAIN;
	}
	if (request_core(request, plan->core) == NULL)
		return plan_print(request, plan);
	plan->got = 0;
	if (request_call(request, plan->core, flows_take, plan) < 0)
		return request_fail(request, ETIMEDOUT, "worker %u did not answer", plan->core);
	flows_count(plan, request_snapshot(request)->services);
	if (plan->got == 0) {
		plan->core++;
		plan->cursor = 0;
	}
	return COMMAND_AGAIN;
}

int command_plan(struct request *request)
{
	struct plan *plan = request->state;
	int ret;

	if (plan != NULL)
		return plan_step(request, plan);
	if (request->count != 1)
		return request_fail(request, EINVAL, "one file");
	plan = calloc(1, sizeof(*plan));
	if (plan == NULL)
		return -ENOMEM;
	request->state = plan;
	request->state_destroy = plan_destroy;
	ret = file_read(request, plan, request->words[0]);
	if (ret == 0)
		ret = rows_create(request, plan);
	return ret < 0 ? ret : COMMAND_AGAIN;
}
