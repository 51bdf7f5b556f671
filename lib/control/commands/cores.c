/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads: what they cost, and what they do with it. */
#include <errno.h>
#include <inttypes.h>

#include "commands.h"

static const struct table_column columns[] = {
	{ .name = "core", .is_number = true },
	{ .name = "cpu", .is_number = true },
	{ .name = "runs" },
	{ .name = "busy_pct", .is_number = true },
	{ .name = "busy_pct_1s", .is_number = true },
	{ .name = "busy_cycles", .is_number = true },
	{ .name = "idle_cycles", .is_number = true },
	{ .name = "loops", .is_number = true },
	{ .name = "sleeps", .is_number = true },
	{ .name = "rx_packets", .is_number = true },
	{ .name = "tx_packets", .is_number = true },
	{ .name = "ring_in", .is_number = true },
	{ .name = "ring_out", .is_number = true },
	{ .name = "cycles_per_packet", .is_number = true },
};

static void share_add(struct table *table, uint64_t busy, uint64_t idle)
{
	if (busy + idle == 0)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%.1f", 100.0 * (double)busy / (double)(busy + idle));
}

static const char *role(const struct core *core)
{
	if (core->l4_index >= 0 && core->l7_index >= 0)
		return "l4+l7";
	return core->l4_index >= 0 ? "l4" : "l7";
}

static void row_add(struct table *table, const struct core *core, const struct core_sample *sample)
{
	const struct core_counters *counters = &core->counters;
	uint64_t busy = stats_read(&counters->busy_cycles);
	uint64_t idle = stats_read(&counters->idle_cycles);
	/* An L7 worker behind a ring never sees a port. */
	uint64_t packets = stats_read(&counters->rx_packets) +
		stats_read(&counters->ring_in_packets);

	table_cell(table, "%u", core->index);
	table_cell(table, "%u", core->cpu);
	table_cell(table, "%s", role(core));
	share_add(table, busy, idle);
	share_add(table, sample->busy_delta, sample->idle_delta);
	table_cell(table, "%" PRIu64, busy);
	table_cell(table, "%" PRIu64, idle);
	table_cell(table, "%" PRIu64, stats_read(&counters->loops));
	table_cell(table, "%" PRIu64, stats_read(&counters->sleeps));
	table_cell(table, "%" PRIu64, stats_read(&counters->rx_packets));
	table_cell(table, "%" PRIu64, stats_read(&counters->tx_packets));
	table_cell(table, "%" PRIu64, stats_read(&counters->ring_in_packets));
	table_cell(table, "%" PRIu64, stats_read(&counters->ring_out_packets));
	if (packets == 0)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%.1f", (double)busy / (double)packets);
}

int command_show_cores(struct request *request)
{
	const struct core *core;
	struct table table;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = 0; (core = request_core(request, i)) != NULL; i++)
		row_add(&table, core, &request->session->samples->cores[i]);
	return request_table_end(request, &table);
}
