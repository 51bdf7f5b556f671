/* SPDX-License-Identifier: Apache-2.0 */
/* show table, clear table: sessions that pools have learned. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "commands.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     10000

static const struct table_column pool_columns[] = {
	{ .name = "pool" },
	{ .name = "key" },
	{ .name = "size", .is_number = true },
	{ .name = "used", .is_number = true },
	{ .name = "expire_s", .is_number = true },
	{ .name = "learned", .is_number = true },
	{ .name = "found", .is_number = true },
	{ .name = "moved", .is_number = true },
	{ .name = "evicted", .is_number = true },
};

static const struct table_column row_columns[] = {
	{ .name = "key" },
	{ .name = "server" },
	{ .name = "idle_s", .is_number = true },
	{ .name = "expires_in_s", .is_number = true },
};

static uint32_t now_s(const struct request *request)
{
	return (uint32_t)(request_now_us(request) / CLOCK_US_PER_S);
}

static void key_cell(struct table *table, const struct config_attribute *key)
{
	static const char *const kinds[] = {
		[CONFIG_ATTRIBUTE_NONE] = "",
		[CONFIG_ATTRIBUTE_SOURCE] = "source",
		[CONFIG_ATTRIBUTE_PATH] = "path",
		[CONFIG_ATTRIBUTE_HEADER] = "header:",
		[CONFIG_ATTRIBUTE_COOKIE] = "cookie:",
		[CONFIG_ATTRIBUTE_QUERY] = "query:",
	};

	table_cell(table, "%s%s", kinds[key->kind], key->name == NULL ? "" : key->name);
}

static void pool_row_add(struct table *table, const struct pool *pool, uint32_t now)
{
	const struct config_learn *learn = &pool->config->sticky.learn;
	struct pool_counters sum;
	struct learned_row row;
	uint64_t used = 0;
	size_t cursor = 0;

	while (learned_next(pool->learned, &cursor, learn->expire_s, now, &row))
		used++;
	pool_counters_sum(pool->identity, &sum);
	table_cell(table, "%s", pool->name);
	key_cell(table, &learn->key);
	table_cell(table, "%u", learned_size(pool->learned));
	table_cell(table, "%" PRIu64, used);
	table_cell(table, "%u", learn->expire_s);
	table_cell(table, "%" PRIu64, sum.sessions_learned);
	table_cell(table, "%" PRIu64, sum.sessions_found);
	table_cell(table, "%" PRIu64, sum.sessions_moved);
	table_cell(table, "%" PRIu64, sum.sessions_evicted);
}

static int show_pools(struct request *request)
{
	const struct backend_set *set = request_snapshot(request)->backends;
	struct table table;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, pool_columns, sizeof(pool_columns) / sizeof(pool_columns[0]));
	for (unsigned i = 0; i < set->count; i++) {
		if (set->pools[i]->learned != NULL)
			pool_row_add(&table, set->pools[i], now_s(request));
	}
	return request_table_end(request, &table);
}

/* The pool that is named, if it learns; NULL: it was said what is wrong. */
static const struct pool *pool_that_learns(struct request *request)
{
	unsigned index;
	const struct pool *pool = request_pool_find(request, request->words[0], &index);

	if (pool != NULL && pool->learned == NULL) {
		request_fail(request, ENOENT, "pool \"%.80s\" learns no sessions", pool->name);
		return NULL;
	}
	return pool;
}

/* Of a session only the number that stands for it is shown: its value is the client's secret. */
static int show_rows(struct request *request, const struct pool *pool, uint64_t limit)
{
	const struct config_learn *learn = &pool->config->sticky.learn;
	uint32_t now = now_s(request);
	struct learned_row row;
	struct table table;
	size_t cursor = 0;

	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, row_columns, sizeof(row_columns) / sizeof(row_columns[0]));
	for (; limit > 0 && learned_next(pool->learned, &cursor, learn->expire_s, now, &row);
		limit--) {
		uint32_t index = 0;
		const struct member *member = pool_member_by_id(pool, row.member_id, &index);

		table_cell(&table, "%016" PRIx64, row.key);
		table_cell(&table, "%s", member == NULL ? "gone" : member->name);
		table_cell(&table, "%u", row.idle_s);
		table_cell(&table, "%u", learn->expire_s - row.idle_s);
	}
	return request_table_end(request, &table);
}

int command_show_table(struct request *request)
{
	uint64_t limit = LIMIT_DEFAULT;
	const struct pool *pool;

	if (request->count == 0)
		return show_pools(request);
	if (request->count == 3 && strcmp(request->words[1], "limit") == 0) {
		if (number_parse(request->words[2], LIMIT_MAX, &limit) < 0)
			return request_fail(request, EINVAL,
				"a limit is a number up to %d, not "
				"\"%.40s\"",
				LIMIT_MAX, request->words[2]);
	} else if (request->count != 1) {
		return request_fail(request, EINVAL, "a pool, and a limit");
	}
	pool = pool_that_learns(request);
	return pool == NULL ? -ENOENT : show_rows(request, pool, limit);
}

int command_clear_table(struct request *request)
{
	const struct pool *pool;

	if (request->count != 1)
		return request_fail(request, EINVAL, "one pool");
	pool = pool_that_learns(request);
	if (pool == NULL)
		return -ENOENT;
	learned_clear(pool->learned);
	return 0;
}
