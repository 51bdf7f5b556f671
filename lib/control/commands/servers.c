/* SPDX-License-Identifier: Apache-2.0 */
/* Members of pools: a look at them, and their state and weight. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../nearest.h"
#include "base/clock.h"
#include "commands.h"

#define WEIGHT_MAX 256

static const struct table_column columns[] = {
	{ .name = "pool" },
	{ .name = "server" },
	{ .name = "address" },
	{ .name = "state" },
	{ .name = "weight", .is_number = true },
	{ .name = "file_weight", .is_number = true },
	{ .name = "conns", .is_number = true },
	{ .name = "opened", .is_number = true },
	{ .name = "requests", .is_number = true },
	{ .name = "checks", .is_number = true },
	{ .name = "failed", .is_number = true },
	{ .name = "downs", .is_number = true },
	{ .name = "changed_s", .is_number = true },
	{ .name = "last_check" },
};

static void row_add(struct table *table, const struct member *member, uint64_t now_us)
{
	char endpoint[IP_ENDPOINT_MAX];
	struct member_counters sum;

	member_counters_sum(member, &sum);
	table_cell(table, "%s", member->pool_name);
	table_cell(table, "%s", member->name);
	table_cell(table, "%s", ip_endpoint_format(&member->address, member->port, endpoint));
	table_cell(table, "%s", member_state_word(member));
	table_cell(table, "%" PRIu32, member->weight);
	table_cell(table, "%" PRIu32, member->config_weight);
	table_cell(table, "%" PRIu64, member_conns_now(member));
	table_cell(table, "%" PRIu64, sum.conns_opened);
	table_cell(table, "%" PRIu64, sum.requests);
	table_cell(table, "%" PRIu64, member->checks);
	table_cell(table, "%" PRIu64, member->checks_failed);
	table_cell(table, "%" PRIu64, member->downs);
	if (member->changed_at_us == 0 || member->changed_at_us > now_us)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%llu", (now_us - member->changed_at_us) / CLOCK_US_PER_S);
	table_cell(table, "%s", member->check_detail);
}

int command_show_servers(struct request *request)
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
		for (unsigned j = 0; j < set->pools[i]->count; j++)
			row_add(&table, set->pools[i]->members[j], request_now_us(request));
	}
	return request_table_end(request, &table);
}

static int fail_unknown(struct request *request, const struct pool *pool, const char *name)
{
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (unsigned i = 0; i < pool->count; i++)
		nearest_offer(&nearest, pool->members[i]->name);
	if (nearest.best == NULL)
		return request_fail(
			request, ENOENT, "pool \"%s\" has no member \"%.80s\"", pool->name, name);
	return request_fail(request, ENOENT,
		"pool \"%s\" has no member \"%.80s\"; did you mean \"%.80s\"?", pool->name, name,
		nearest.best);
}

/* "POOL/MEMBER". Pool names have no '/'. NULL with the request's error set. */
static struct member *member_find(struct request *request, const char *text, unsigned *pool_index)
{
	const char *slash = strchr(text, '/');
	struct member *member;
	struct pool *pool;
	char name[256];

	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(name)) {
		request_fail(request, EINVAL, "\"%.80s\" is not POOL/MEMBER", text);
		return NULL;
	}
	memcpy(name, text, (size_t)(slash - text));
	name[slash - text] = '\0';
	pool = request_pool_find(request, name, pool_index);
	if (pool == NULL)
		return NULL;
	member = backend_set_find(request_snapshot(request)->backends, name, slash + 1, pool_index);
	if (member == NULL)
		fail_unknown(request, pool, slash + 1);
	return member;
}

/* Publishes a changed member; was: how to undo it when that fails. */
static int publish(struct request *request, struct member *member, unsigned pool_index,
	const struct member *was)
{
	int ret = request->params->ops->pool_changed(request->params->ctx, pool_index);

	if (ret >= 0)
		return 0;
	member->admin = was->admin;
	member->weight = was->weight;
	member->is_weight_overridden = was->is_weight_overridden;
	member->warm = was->warm;
	member->warm_from_us = was->warm_from_us;
	return request_fail(request, -ret, "nothing was changed: %s", strerror(-ret));
}

static int state_set(struct request *request, const char *target, const char *state)
{
	static const char *const names[] = {
		[MEMBER_READY] = "ready",
		[MEMBER_DRAIN] = "drain",
		[MEMBER_MAINT] = "maint",
	};
	struct member *member, was;
	unsigned pool_index, admin;

	for (admin = 0; admin < 3 && strcmp(names[admin], state) != 0; admin++)
		;
	if (admin == 3)
		return request_fail(
			request, EINVAL, "a state is ready, drain or maint, not \"%.40s\"", state);
	member = member_find(request, target, &pool_index);
	if (member == NULL)
		return -ENOENT;
	was = *member;
	if (member->admin == MEMBER_MAINT && admin == MEMBER_READY)
		member_warm_start(
			member, request_snapshot(request)->backends->pools[pool_index]->config);
	member->admin = (enum member_admin)admin;
	return publish(request, member, pool_index, &was);
}

/* "12" or "50%" (of the file's weight). */
static int weight_parse(const char *text, uint32_t config_weight, uint32_t *weight)
{
	size_t len = strlen(text);
	bool is_share = len > 0 && text[len - 1] == '%';
	uint64_t value;
	char digits[16];

	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len + 1);
	if (is_share)
		digits[len - 1] = '\0';
	if (number_parse(digits, is_share ? 100 * WEIGHT_MAX : WEIGHT_MAX, &value) < 0)
		return -EINVAL;
	if (is_share)
		value = (config_weight * value + 99) / 100;
	*weight = (uint32_t)value;
	return value > WEIGHT_MAX ? -EINVAL : 0;
}

static int weight_set(struct request *request, const char *target, const char *text)
{
	unsigned pool_index;
	struct member *member = member_find(request, target, &pool_index);
	struct member was;
	uint32_t weight;

	if (member == NULL)
		return -ENOENT;
	if (weight_parse(text, member->config_weight, &weight) < 0)
		return request_fail(request, EINVAL,
			"a weight is 0 to %d, or a share as in 50%%, not "
			"\"%.40s\"",
			WEIGHT_MAX, text);
	was = *member;
	member->weight = weight;
	member->is_weight_overridden = true;
	return publish(request, member, pool_index, &was);
}

int command_set_server(struct request *request)
{
	if (request->count != 3)
		return request_fail(request, EINVAL, "a member, state or weight, and a value");
	if (strcmp(request->words[1], "state") == 0)
		return state_set(request, request->words[0], request->words[2]);
	if (strcmp(request->words[1], "weight") == 0)
		return weight_set(request, request->words[0], request->words[2]);
	return request_fail(request, EINVAL, "what can be set is state or weight, not \"%.40s\"",
		request->words[1]);
}

int command_enable_server(struct request *request)
{
	if (request->count != 1)
		return request_fail(request, EINVAL, "one member");
	return state_set(request, request->words[0], "ready");
}

int command_disable_server(struct request *request)
{
	if (request->count != 1)
		return request_fail(request, EINVAL, "one member");
	return state_set(request, request->words[0], "maint");
}

int command_set_weight(struct request *request)
{
	if (request->count != 2)
		return request_fail(request, EINVAL, "a member and a weight");
	return weight_set(request, request->words[0], request->words[1]);
}

int command_get_weight(struct request *request)
{
	const struct member *member;
	unsigned pool_index;

	if (request->count != 1)
		return request_fail(request, EINVAL, "one member");
	member = member_find(request, request->words[0], &pool_index);
	if (member == NULL)
		return -ENOENT;
	fprintf(request->out, "%" PRIu32 " (initial %" PRIu32 ")\n", member->weight,
		member->config_weight);
	return 0;
}
