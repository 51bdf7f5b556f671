/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the columns of show stat. */
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "stat.h"

static void row_init(struct stat_row *row, const char *pxname, const char *svname, unsigned iid)
{
	memset(row, 0, sizeof(*row));
	stat_text(row, STAT_pxname, pxname);
	stat_text(row, STAT_svname, svname);
	stat_number(row, STAT_pid, 1);
	stat_number(row, STAT_iid, iid);
	stat_number(row, STAT_sid, 0);
}

/* Written by several cores while we read: a difference may come out below zero. */
static uint64_t difference(uint64_t opened, uint64_t closed)
{
	return opened > closed ? opened - closed : 0;
}

static const char *service_mode(const struct service *service)
{
	if (service->mode == CONFIG_MODE_L7)
		return "http";
	return ip_protocol_name(service->protocol);
}

#define RESPONSES_FILL(row, sum)                                                                   \
	do {                                                                                       \
		stat_number(row, STAT_hrsp_1xx, (sum)->responses_1xx);                             \
		stat_number(row, STAT_hrsp_2xx, (sum)->responses_2xx);                             \
		stat_number(row, STAT_hrsp_3xx, (sum)->responses_3xx);                             \
		stat_number(row, STAT_hrsp_4xx, (sum)->responses_4xx);                             \
		stat_number(row, STAT_hrsp_5xx, (sum)->responses_5xx);                             \
		stat_number(row, STAT_req_tot, (sum)->requests);                                   \
	} while (0)

void stat_service_fill(struct stat_row *row, const struct service *service, unsigned iid)
{
	struct service_counters sum;

	service_counters_sum(service->identity, &sum);
	row_init(row, service->identity->name, "FRONTEND", iid);
	stat_number(row, STAT_scur, difference(sum.conns_opened, sum.conns_closed));
	stat_number(row, STAT_stot, sum.conns_opened);
	stat_number(row, STAT_conn_tot, sum.conns_opened);
	stat_number(row, STAT_bin, sum.bytes_in);
	stat_number(row, STAT_bout, sum.bytes_out);
	stat_number(row, STAT_dreq, sum.drops);
	stat_number(row, STAT_ereq, sum.denied_requests);
	stat_text(row, STAT_status, "OPEN");
	stat_number(row, STAT_type, 0);
	stat_text(row, STAT_mode, service_mode(service));
	stat_text(row, STAT_addr, ip_endpoint_format(&service->address, service->port, row->room));
	if (service->mode == CONFIG_MODE_L7)
		RESPONSES_FILL(row, &sum);
}

static void counters_add(struct member_counters *to, const struct member_counters *from)
{
#define COUNTER(name, help) to->name += from->name;
#include "backend/member.def"
#undef COUNTER
}

/* Columns that a pool has as the sum of its members. */
static void member_sums_fill(struct stat_row *row, const struct member_counters *sum, bool is_http)
{
	stat_number(row, STAT_stot, sum->conns_opened);
	stat_number(row, STAT_bin, sum->bytes_in);
	stat_number(row, STAT_bout, sum->bytes_out);
	stat_number(row, STAT_econ, sum->connect_failures);
	stat_number(row, STAT_eresp, sum->response_failures);
	stat_number(row, STAT_wretr, sum->retries);
	/* A member is chosen for each flow at L4, for each request at L7. */
	stat_number(row, STAT_lbtot, is_http ? sum->requests : sum->conns_opened);
	stat_text(row, STAT_mode, is_http ? "http" : "tcp");
	if (is_http)
		RESPONSES_FILL(row, sum);
}

/* L4 and L7 services may share a pool: one that has seen requests counts as HTTP. */
static bool pool_is_http(const struct pool *pool)
{
	if (pool->config->health.type == CONFIG_HEALTH_HTTP ||
		pool->config->health.type == CONFIG_HEALTH_GRPC)
		return true;
	for (unsigned i = 0; i < pool->count; i++) {
		struct member_counters sum;

		member_counters_sum(pool->members[i], &sum);
		if (sum.requests > 0)
			return true;
	}
	return false;
}

static void lastchg_fill(struct stat_row *row, uint64_t changed_at_us, uint64_t now_us)
{
	if (changed_at_us != 0 && changed_at_us <= now_us)
		stat_number(row, STAT_lastchg, (now_us - changed_at_us) / CLOCK_US_PER_S);
}

static void queue_fill(struct stat_row *row, const struct pool *pool)
{
	const struct config_pool_limits *limits = &pool->config->limits;
	struct pool_counters sum;

	pool_counters_sum(pool->identity, &sum);
	stat_number(row, STAT_qcur, pool_queued_now(pool->identity));
	stat_number(row, STAT_qmax, pool_queued_max(pool->identity));
	stat_number(row, STAT_qlimit, limits->queue);
	stat_number(row, STAT_wredis, sum.retries);
	if (limits->connections > 0)
		stat_number(row, STAT_slim, limits->connections);
}

void stat_pool_fill(struct stat_row *row, const struct pool *pool, unsigned iid, uint64_t now_us)
{
	uint64_t conns = 0, weight = 0, failed = 0, downs = 0, changed_at_us = 0;
	struct member_counters sum, all = { 0 };

	for (unsigned i = 0; i < pool->count; i++) {
		const struct member *member = pool->members[i];

		member_counters_sum(member, &sum);
		counters_add(&all, &sum);
		conns += member_conns_now(member);
		failed += member->checks_failed;
		downs += member->downs;
		if (member_is_usable(member))
			weight += member->weight;
		if (member->changed_at_us > changed_at_us)
			changed_at_us = member->changed_at_us;
	}
	row_init(row, pool->name, "BACKEND", iid);
	member_sums_fill(row, &all, pool_is_http(pool));
	stat_number(row, STAT_scur, conns);
	queue_fill(row, pool);
	stat_text(row, STAT_status, pool->usable > 0 ? "UP" : "DOWN");
	stat_number(row, STAT_weight, weight);
	stat_number(row, STAT_act, pool->usable);
	stat_number(row, STAT_bck, 0);
	stat_number(row, STAT_chkfail, failed);
	stat_number(row, STAT_chkdown, downs);
	lastchg_fill(row, changed_at_us, now_us);
	stat_number(row, STAT_type, 1);
	stat_text(row, STAT_algo, config_balance_name(pool->config->balance));
}

/* HAProxy's short words, as far as the outcome's own words allow. */
static const char *check_status(const struct member *member, enum config_health type)
{
	bool is_http = type == CONFIG_HEALTH_HTTP || type == CONFIG_HEALTH_GRPC;

	if (type == CONFIG_HEALTH_NONE)
		return "UNK";
	if (member->checks == 0)
		return "INI";
	if (member->health == MEMBER_UP)
		return is_http ? "L7OK" : "L4OK";
	if (strncmp(member->check_detail, "time", 4) == 0)
		return is_http ? "L7TOUT" : "L4TOUT";
	if (strncmp(member->check_detail, "status", 6) == 0)
		return "L7STS";
	if (!is_http || strcmp(member->check_detail, "connection refused") == 0 ||
		strcmp(member->check_detail, "unreachable") == 0)
		return "L4CON";
	return "L7RSP";
}

static void checks_fill(
	struct stat_row *row, const struct member *member, const struct config_health_check *check)
{
	stat_text(row, STAT_check_status, check_status(member, check->type));
	if (check->type == CONFIG_HEALTH_NONE)
		return;
	stat_number(row, STAT_chkfail, member->checks_failed);
	stat_number(row, STAT_chkdown, member->downs);
	stat_number(row, STAT_check_rise, check->rise);
	stat_number(row, STAT_check_fall, check->fall);
	stat_text(row, STAT_last_chk, member->check_detail);
}

void stat_member_fill(struct stat_row *row, const struct pool *pool, unsigned index, unsigned iid,
	uint64_t now_us)
{
	const struct member *member = pool->members[index];
	struct member_counters sum;

	member_counters_sum(member, &sum);
	row_init(row, pool->name, member->name, iid);
	member_sums_fill(row, &sum, pool_is_http(pool));
	stat_number(row, STAT_scur, member_conns_now(member));
	stat_number(row, STAT_qcur, member_pending_now(member));
	if (pool->config->limits.member_connections > 0)
		stat_number(row, STAT_slim, pool->config->limits.member_connections);
	if (member->warm > 0 && member->warm < MEMBER_WARM)
		stat_number(row, STAT_throttle, (uint64_t)member->warm * 100 / MEMBER_WARM);
	if (sum.answers > 0)
		stat_number(row, STAT_rtime, member_latency_us(member, now_us) / 1000);
	stat_text(row, STAT_status, member_state_name(member));
	stat_number(row, STAT_weight, member->weight);
	stat_number(row, STAT_act, member_is_usable(member));
	stat_number(row, STAT_bck, 0);
	lastchg_fill(row, member->changed_at_us, now_us);
	stat_number(row, STAT_sid, index + 1);
	stat_number(row, STAT_type, 2);
	stat_text(row, STAT_addr, ip_endpoint_format(&member->address, member->port, row->room));
	checks_fill(row, member, &pool->config->health);
}
