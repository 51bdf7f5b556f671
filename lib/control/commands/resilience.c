/* SPDX-License-Identifier: Apache-2.0 */
/* What retries, limits, queues and ejections did: a line for each pool and one for each member. */
#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "commands.h"

static const struct table_column columns[] = {
	{ .name = "pool" },
	{ .name = "server" },
	{ .name = "state" },
	{ .name = "requests", .is_number = true },
	{ .name = "conns", .is_number = true },
	{ .name = "queued", .is_number = true },
	{ .name = "tries", .is_number = true },
	{ .name = "failed", .is_number = true },
	{ .name = "retries", .is_number = true },
	{ .name = "saved", .is_number = true },
	{ .name = "hedges", .is_number = true },
	{ .name = "hedges_won", .is_number = true },
	{ .name = "not_retried", .is_number = true },
	{ .name = "refused", .is_number = true },
	{ .name = "latency_us", .is_number = true },
	{ .name = "ejections", .is_number = true },
	{ .name = "back_in_ms", .is_number = true },
	{ .name = "reason" },
};

/* Failures and ejections of a pool are its members'. */
static void pool_row_add(struct table *table, const struct pool *pool)
{
	struct pool_counters sum;
	uint64_t failed = 0, ejections = 0;

	for (unsigned i = 0; i < pool->count; i++) {
		struct member_counters member;

		member_counters_sum(pool->members[i], &member);
		failed += member.tries_failed;
		ejections += pool->members[i]->outlier.ejections;
	}
	pool_counters_sum(pool->identity, &sum);
	table_cell(table, "%s", pool->name);
	table_cell(table, "%s", "BACKEND");
	table_cell(table, "%s", pool->usable > 0 ? "UP" : "DOWN");
	table_cell(table, "%" PRIu64, pool_requests_now(pool->identity));
	table_cell(table, "%" PRIu64, pool_conns_now(pool->identity));
	table_cell(table, "%" PRIu64, pool_queued_now(pool->identity));
	table_cell(table, "%" PRIu64, sum.tries);
	table_cell(table, "%" PRIu64, failed);
	table_cell(table, "%" PRIu64, sum.retries);
	table_cell(table, "%" PRIu64, sum.retries_good);
	table_cell(table, "%" PRIu64, sum.hedges);
	table_cell(table, "%" PRIu64, sum.hedges_won);
	table_cell(table, "%" PRIu64,
		sum.limit_budget + sum.limit_retries + sum.retries_spent + sum.retries_unsafe);
	table_cell(table, "%" PRIu64, sum.queue_full + sum.queue_timeout);
	table_cell(table, "%s", "");
	table_cell(table, "%" PRIu64, ejections);
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
}

static void member_row_add(struct table *table, const struct member *member, uint64_t now_us)
{
	const struct outlier *outlier = &member->outlier;
	struct member_counters sum;

	member_counters_sum(member, &sum);
	table_cell(table, "%s", member->pool_name);
	table_cell(table, "%s", member->name);
	table_cell(table, "%s", member_state_word(member));
	table_cell(table, "%" PRIu64, member_requests_now(member));
	table_cell(table, "%" PRIu64, member_conns_now(member));
	table_cell(table, "%" PRIu64, member_pending_now(member));
	table_cell(table, "%" PRIu64, sum.requests);
	table_cell(table, "%" PRIu64, sum.tries_failed);
	table_cell(table, "%" PRIu64, sum.retries);
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "%" PRIu64, member_latency_us(member, now_us));
	table_cell(table, "%" PRIu64, outlier->ejections);
	if (outlier->is_ejected)
		table_cell(table, "%llu",
			outlier->until_us > now_us ? (outlier->until_us - now_us) / CLOCK_US_PER_MS
						   : 0);
	else
		table_cell(table, "%s", "");
	table_cell(table, "%s", outlier->reason);
}

int command_show_resilience(struct request *request)
{
	const struct backend_set *set = request_snapshot(request)->backends;
	unsigned first, end;
	struct table table;
	int error = request_pools(request, &first, &end);

	if (error < 0)
		return error;
	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (unsigned i = first; i < end; i++) {
		pool_row_add(&table, set->pools[i]);
		for (unsigned j = 0; j < set->pools[i]->count; j++)
			member_row_add(&table, set->pools[i]->members[j], request_now_us(request));
	}
	return request_table_end(request, &table);
}
