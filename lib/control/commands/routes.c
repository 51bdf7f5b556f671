/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of splits: a look at them, and other ones until the next configuration. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../nearest.h"
#include "commands.h"
#include "l7/l7.h"

#define WEIGHT_MAX 1000000

static const struct table_column columns[] = {
	{ .name = "service" },
	{ .name = "route" },
	{ .name = "pool" },
	{ .name = "weight", .is_number = true },
	{ .name = "file_weight", .is_number = true },
};

static bool is_l7(const struct service *service)
{
	return service->listener != NULL;
}

int command_show_splits(struct request *request)
{
	const struct snapshot *snapshot = request_snapshot(request);
	unsigned count = service_table_count(snapshot->services);
	struct l7_split split;
	struct table table;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; i < count; i++) {
		const struct service *service = service_table_at(snapshot->services, i);

		for (unsigned k = 0; is_l7(service) && l7_split_at(service->listener, k, &split);
			k++) {
			table_cell(&table, "%s", service->identity->name);
			table_cell(&table, "%s", split.route);
			table_cell(&table, "%s", snapshot->backends->pools[split.pool]->name);
			table_cell(&table, "%" PRIu32, split.weight);
			table_cell(&table, "%" PRIu32, split.file_weight);
		}
	}
	return request_table_end(request, &table);
}

static const struct service *service_named(struct request *request, const char *name)
{
	const struct service_table *services = request_snapshot(request)->services;
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (unsigned i = 0; i < service_table_count(services); i++) {
		const struct service *service = service_table_at(services, i);

		if (!is_l7(service))
			continue;
		if (strcmp(service->identity->name, name) == 0)
			return service;
		nearest_offer(&nearest, service->identity->name);
	}
	if (nearest.best == NULL)
		request_fail(request, ENOENT, "there is no l7 service \"%.80s\"", name);
	else
		request_fail(request, ENOENT,
			"there is no l7 service \"%.80s\"; did you mean \"%.80s\"?", name,
			nearest.best);
	return NULL;
}

struct change {
	unsigned index;
	uint32_t weight;
};

/* "POOL=N": the split of that route, and what it is to weigh. Words to the client otherwise. */
static int change_read(struct request *request, struct l7_listener *listener, const char *route,
	const char *word, struct change *change)
{
	const struct snapshot *snapshot = request_snapshot(request);
	size_t len = strcspn(word, "=");
	struct l7_split split;
	uint64_t number;

	if (word[len] == '\0' || number_parse(word + len + 1, WEIGHT_MAX, &number) < 0)
		return request_fail(request, EINVAL,
			"\"%.80s\" is not POOL=N with a weight of 0 to %d", word, WEIGHT_MAX);
	change->weight = (uint32_t)number;
	for (change->index = 0; l7_split_at(listener, change->index, &split); change->index++) {
		const char *pool = snapshot->backends->pools[split.pool]->name;

		if (strcmp(split.route, route) == 0 && strlen(pool) == len &&
			memcmp(pool, word, len) == 0)
			return 0;
	}
	return request_fail(request, ENOENT, "the split of route \"%.80s\" has no pool \"%.*s\"",
		route, (int)(len < 80 ? len : 80), word);
}

/* What the route's weights would add up to; has_route: it is there, and has a split. */
static uint64_t sum_after(struct l7_listener *listener, const char *route,
	const struct change *changes, unsigned count, bool *has_route)
{
	struct l7_split split;
	uint64_t sum = 0;

	*has_route = false;
	for (unsigned i = 0; l7_split_at(listener, i, &split); i++) {
		uint32_t weight = split.weight;

		if (strcmp(split.route, route) != 0)
			continue;
		*has_route = true;
		for (unsigned k = 0; k < count; k++)
			weight = changes[k].index == i ? changes[k].weight : weight;
		sum += weight;
	}
	return sum;
}

static int weights_set(
	struct request *request, struct l7_listener *listener, const char *route, unsigned first)
{
	struct change changes[SESSION_WORDS_MAX];
	unsigned count = 0;
	bool has_route;

	sum_after(listener, route, NULL, 0, &has_route);
	if (!has_route)
		return request_fail(request, ENOENT,
			"there is no route \"%.80s\" with a split; see show splits", route);
	for (unsigned i = first; i < request->count; i++, count++) {
		if (change_read(request, listener, route, request->words[i], &changes[count]) < 0)
			return -EINVAL;
	}
	if (sum_after(listener, route, changes, count, &has_route) == 0)
		return request_fail(request, EINVAL,
			"nothing was changed: all weights would be 0, and no request could go "
			"anywhere");
	for (unsigned i = 0; i < count; i++)
		l7_split_set(listener, changes[i].index, changes[i].weight);
	return 0;
}

int command_set_route(struct request *request)
{
	const struct service *service;
	const char *slash;
	char name[128];

	if (request->count < 3 || strcmp(request->words[1], "weight") != 0)
		return request_fail(
			request, EINVAL, "a route, the word weight, and POOL=N at least once");
	slash = strchr(request->words[0], '/');
	if (slash == NULL || (size_t)(slash - request->words[0]) >= sizeof(name))
		return request_fail(
			request, EINVAL, "\"%.80s\" is not SERVICE/ROUTE", request->words[0]);
	snprintf(name, sizeof(name), "%.*s", (int)(slash - request->words[0]), request->words[0]);
	service = service_named(request, name);
	if (service == NULL)
		return -ENOENT;
	return weights_set(request, service->listener, slash + 1, 2);
}
