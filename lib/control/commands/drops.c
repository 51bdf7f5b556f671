/* SPDX-License-Identifier: Apache-2.0 */
/* Dropped packets, and all counters by name. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../nearest.h"
#include "commands.h"

static const struct table_column drop_columns[] = {
	{ .name = "packets", .is_number = true },
	{ .name = "reason" },
	{ .name = "help" },
};

struct drop_row {
	enum drop_reason reason;
	uint64_t packets;
};

/* Most first; equal ones as in the table of reasons. */
static int compare(const void *a, const void *b)
{
	const struct drop_row *left = a, *right = b;

	if (left->packets != right->packets)
		return left->packets < right->packets ? 1 : -1;
	return (int)left->reason - (int)right->reason;
}

static void drops_sum(const struct request *request, struct drop_row *rows)
{
	const struct core *core;

	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		rows[i] = (struct drop_row){ .reason = (enum drop_reason)i };
	for (unsigned i = 0; (core = request_core(request, i)) != NULL; i++) {
		for (unsigned j = 0; j < DROP_REASON_COUNT; j++)
			rows[j].packets += stats_read(&core->drops.counts[j]);
	}
}

int command_show_drops(struct request *request)
{
	struct drop_row rows[DROP_REASON_COUNT];
	struct table table;
	bool is_all = request->count == 1 && strcmp(request->words[0], "all") == 0;

	if (request->count > 0 && !is_all)
		return request_fail(request, EINVAL, "all, or nothing");
	drops_sum(request, rows);
	qsort(rows + 1, DROP_REASON_COUNT - 1, sizeof(rows[0]), compare);
	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, drop_columns, 3);
	for (unsigned i = 1; i < DROP_REASON_COUNT; i++) {
		const struct stats_desc *desc = &drop_stats_set.descs[rows[i].reason];

		if (rows[i].packets == 0 && !is_all)
			continue;
		table_cell(&table, "%" PRIu64, rows[i].packets);
		table_cell(&table, "%s", desc->name);
		table_cell(&table, "%s", desc->help);
	}
	return request_table_end(request, &table);
}

static const struct table_column counter_columns[] = {
	{ .name = "counter" },
	{ .name = "value", .is_number = true },
	{ .name = "help" },
};

struct counter_list {
	struct table table;
	const char *module; /* NULL: all */
	unsigned count;
	struct nearest nearest;
};

static void counter_visit(
	void *ctx, const struct stats_set *set, const struct stats_desc *desc, uint64_t sum)
{
	struct counter_list *list = ctx;

	nearest_offer(&list->nearest, set->prefix);
	if (list->module != NULL && strcmp(list->module, set->prefix) != 0)
		return;
	table_cell(&list->table, "%s.%s", set->prefix, desc->name);
	table_cell(&list->table, "%" PRIu64, sum);
	table_cell(&list->table, "%s", desc->help);
	list->count++;
}

int command_show_counters(struct request *request)
{
	struct counter_list list = { .module = request->count > 0 ? request->words[0] : NULL };

	if (request->count > 1)
		return request_fail(request, EINVAL, "one module at most");
	if (table_init(&list.table, request->is_json) < 0)
		return -ENOMEM;
	nearest_init(&list.nearest, list.module != NULL ? list.module : "");
	table_columns(&list.table, counter_columns, 3);
	stats_registry_walk(request->params->stats, counter_visit, &list);
	if (list.module == NULL || list.count > 0)
		return request_table_end(request, &list.table);
	table_destroy(&list.table);
	if (list.nearest.best == NULL)
		return request_fail(request, ENOENT, "no module \"%.80s\" counts", list.module);
	return request_fail(request, ENOENT, "no module \"%.80s\" counts; did you mean \"%s\"?",
		list.module, list.nearest.best);
}
