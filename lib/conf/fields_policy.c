/* SPDX-License-Identifier: Apache-2.0 */
/* When things go wrong: retries, ejection of members, limits. */
#include "policy.h"
#include "reader.h"
#include "route.h"

#define TIMEOUT_MAX_MS 86400000
#define STATUS_MIN     400
#define STATUS_MAX     599
#define REQUESTS_MAX   1000000000

static const struct choice retry_choices[] = {
	{
		.name = "connect-failure",
		.value = CONFIG_RETRY_CONNECT,
		.help = "no connection to the member: nothing was sent, so any method goes again",
	},
	{
		.name = "reset",
		.value = CONFIG_RETRY_RESET,
		.help = "the connection ended before a byte of the answer",
	},
	{
		.name = "timeout",
		.value = CONFIG_RETRY_TIMEOUT,
		.help = "no answer within `try_timeout_ms`",
	},
	{ .name = "5xx", .value = CONFIG_RETRY_5XX, .help = "any status from 500 on" },
	{ .name = NULL },
};

static void retry_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_retry *retry = object;
	const struct node *on = node_get(node, "on");
	const struct node *statuses = node_get(node, "statuses");

	if ((retry->on & CONFIG_RETRY_TIMEOUT) != 0 && on != NULL && retry->try_timeout_ms == 0)
		problem_add(&reader->problems, on,
			"\"timeout\" needs try_timeout_ms: when response_timeout_ms is over, so is "
			"the request");
	if (retry->hedge.is_set && retry->try_timeout_ms > 0 &&
		retry->hedge.delay_ms >= retry->try_timeout_ms)
		problem_add(&reader->problems, node_get(node, "hedge"),
			"delay_ms (%u) is not shorter than try_timeout_ms (%u): the try is over by "
			"then",
			retry->hedge.delay_ms, retry->try_timeout_ms);
	for (unsigned i = 0; i < retry->status_count; i++) {
		unsigned status = retry->statuses[i];

		/* 0: was not read. */
		if (status > 0 && status < STATUS_MIN)
			problem_add(&reader->problems, statuses,
				"%u is no status of a failure (%d-%d)", status, STATUS_MIN,
				STATUS_MAX);
		else if (status >= 500 && (retry->on & CONFIG_RETRY_5XX) != 0)
			problem_add(
				&reader->problems, statuses, "%u is among \"5xx\" already", status);
	}
}

static const struct field retry_fields[] = {
	{
		.name = "on",
		.help = "which failures",
		.type = FIELD_CHOICES,
		.offset = offsetof(struct config_retry, on),
		.choices = retry_choices,
		.value = CONFIG_RETRY_CONNECT | CONFIG_RETRY_RESET,
		.text = "connect-failure, reset",
		.min = 1,
		.max = 4,
	},
	{
		.name = "statuses",
		.help = "these statuses as well",
		.type = FIELD_NUMBERS,
		.offset = offsetof(struct config_retry, statuses),
		.count_offset = offsetof(struct config_retry, status_count),
		.min = 1,
		.item_max = STATUS_MAX,
		.max = CONFIG_RETRY_STATUSES_MAX,
		.text = "none",
	},
	{
		.name = "attempts",
		.help = "how often after the first",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_retry, attempts),
		.min = 1,
		.max = CONFIG_RETRY_ATTEMPTS_MAX,
		.value = 2,
	},
	{
		.name = "try_timeout_ms",
		.help = "for one try, from its start to the head of the answer; the pool's "
			"`response_timeout_ms` holds for all tries together; 0: only that",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_retry, try_timeout_ms),
		.max = TIMEOUT_MAX_MS,
	},
	{
		.name = "budget_pct",
		.help = "retries as a share of the pool's requests",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_retry, budget_pct),
		.max = 1000,
		.value = 20,
	},
	{
		.name = "budget_min",
		.help = "so many retries a second each worker may make at any rate",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_retry, budget_min),
		.max = 1000000,
		.value = 10,
	},
	{
		.name = "buffer_bytes",
		.help = "bodies of requests are kept up to this size, to be sent again; longer ones "
			"are sent once; 0: none",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_retry, buffer_bytes),
		.max = 1048576,
		.value = 65536,
	},
	{
		.name = "non_idempotent",
		.help = "also methods like POST after bytes of them were sent: a member may then see "
			"them twice",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_retry, non_idempotent),
	},
	{
		.name = "same_member",
		.help = "when all others were tried, one that failed may be tried again",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_retry, same_member),
	},
	{
		.name = "hedge",
		.help = "a second member is asked when the first takes long, and the first usable "
			"answer counts; within the same budget",
		.type = FIELD_OBJECT,
		.text = "one member at a time",
		.table = &hedge_table,
		.offset = offsetof(struct config_retry, hedge),
		.has_offset = offsetof(struct config_retry, hedge.is_set),
	},
	{ .name = NULL },
};

const struct table retry_table = {
	.name = "retry",
	.help = "Which failed requests are sent again, to another member. Without it, only what "
		"never reached a member or died with a connection, once.",
	.fields = retry_fields,
	.check = retry_check,
};

static void outlier_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_outlier *outlier = object;

	if (outlier->consecutive == 0 && outlier->error_pct == 0 && outlier->latency_pct == 0)
		problem_add_key(&reader->problems, node,
			"consecutive, error_pct and latency_pct are all 0: nobody is ever ejected");
	if (outlier->max_eject_ms < outlier->eject_ms)
		problem_add(&reader->problems,
			node_get(node, "max_eject_ms") != NULL ? node_get(node, "max_eject_ms")
							       : node_get(node, "eject_ms"),
			"max_eject_ms (%u) is shorter than eject_ms (%u)", outlier->max_eject_ms,
			outlier->eject_ms);
	if (outlier->latency_pct != 0 && outlier->latency_pct <= 100)
		problem_add(&reader->problems, node_get(node, "latency_pct"),
			"%u would eject members that are as fast as the others (0, 101-100000)",
			outlier->latency_pct);
}

static const struct field outlier_fields[] = {
	{
		.name = "consecutive",
		.help = "so many failed tries in a row eject a member; 0: does not count",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_outlier, consecutive),
		.max = 100000,
		.value = 5,
	},
	{
		.name = "error_pct",
		.help = "so large a share of failed tries within `window_ms` ejects a member; 0: does "
			"not count",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_outlier, error_pct),
		.max = 100,
	},
	{
		.name = "latency_pct",
		.help = "a mean time to the answer within `window_ms` of so much of the other "
			"members' median ejects a member; 0: does not count",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_outlier, latency_pct),
		.max = 100000,
	},
	{
		.name = "min_requests",
		.help = "share and latency count only where a window has seen so many tries",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_outlier, min_requests),
		.min = 1,
		.max = 1000000,
		.value = 20,
	},
	{
		.name = "window_ms",
		.help = "how long share and latency are gathered",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_outlier, window_ms),
		.min = 100,
		.max = 3600000,
		.value = 10000,
	},
	{
		.name = "eject_ms",
		.help = "how long the first ejection lasts; each further one is longer by this, and "
			"each window without one brings it back by this",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_outlier, eject_ms),
		.min = 100,
		.max = TIMEOUT_MAX_MS,
		.value = 30000,
	},
	{
		.name = "max_eject_ms",
		.help = "the longest ejection",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_outlier, max_eject_ms),
		.min = 100,
		.max = TIMEOUT_MAX_MS,
		.value = 300000,
	},
	{
		.name = "max_ejected_pct",
		.help = "at most so large a share of the pool's members is ejected at a time",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_outlier, max_ejected_pct),
		.min = 1,
		.max = 100,
		.value = 50,
	},
	{ .name = NULL },
};

const struct table outlier_table = {
	.name = "outlier",
	.help = "Members whose answers fail are left out for a while. A failed try has no "
		"connection, no whole answer in time, or a status from 500 on.",
	.fields = outlier_fields,
	.check = outlier_check,
};

static void limits_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_pool_limits *limits = object;

	if (node_get(node, "queue_ms") != NULL && limits->queue == 0)
		problem_add_key(&reader->problems, node_get(node, "queue_ms"),
			"needs a queue: \"queue\" is 0");
	if (node_get(node, "queue") != NULL && limits->queue > 0 && limits->requests == 0 &&
		limits->connections == 0 && limits->member_requests == 0 &&
		limits->member_connections == 0 && limits->member_pending == 0)
		problem_add_key(&reader->problems, node_get(node, "queue"),
			"nobody would ever wait: there is no limit of requests or connections");
}

static void mirror_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_mirror *mirror = object;

	if (node_get(node, "pool") == NULL || mirror->pool >= reader->config->pool_count)
		return;
	if (reader->config->pools[mirror->pool].protocol != CONFIG_PROTOCOL_H1 ||
		reader->config->pools[mirror->pool].has_tls)
		problem_add(&reader->problems, node_get(node, "pool"),
			"copies are plain HTTP/1.1: a pool of protocol \"h1\" without TLS");
	if (reader->config->pools[mirror->pool].client_address != CONFIG_CLIENT_ADDRESS_NONE)
		problem_add(&reader->problems, node_get(node, "pool"),
			"copies have no PROXY header, which members of a pool with "
			"\"client_address\" expect");
}

static const struct field mirror_fields[] = {
	{
		.name = "pool",
		.help = "name of one of `pools`, of protocol `h1` and without TLS",
		.type = FIELD_TEXT,
		.is_required = true,
		.kind = &pool_kind,
		.offset = offsetof(struct config_mirror, pool),
	},
	{
		.name = "pct",
		.help = "the share of requests that is copied",
		.type = FIELD_NUMBER,
		.unit = "percent",
		.offset = offsetof(struct config_mirror, pct),
		.min = 1,
		.max = 100,
		.value = 100,
	},
	{ .name = NULL },
};

const struct table mirror_table = {
	.name = "mirror",
	.help = "Copies of requests without a body for another pool, whose answers are thrown away. "
		"Nothing waits for them; at most 256 a worker are under way, others are left out.",
	.fields = mirror_fields,
	.check = mirror_check,
};

/* A limit over all workers. */
#define LIMIT(key, member, words)                                                                  \
	{                                                                                          \
		.name = key, .help = words "; 0: any number", .type = FIELD_NUMBER,                \
		.offset = offsetof(struct config_pool_limits, member), .max = REQUESTS_MAX,        \
	}

static const struct field pool_limits_fields[] = {
	LIMIT("requests", requests, "requests that members have at a time"),
	LIMIT("connections", connections, "connections to members"),
	LIMIT("retries", retries, "retries that members have at a time"),
	LIMIT("member_requests", member_requests, "requests that each member has at a time"),
	LIMIT("member_connections", member_connections, "connections to each member"),
	LIMIT("member_pending", member_pending,
		"requests that wait for a connection to each member to open"),
	LIMIT("member_retries", member_retries, "retries that each member has at a time"),
	{
		.name = "queue",
		.help = "requests that may wait for a member with room; further ones are answered "
			"503 at once, as all are with 0",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_pool_limits, queue),
		.max = 1000000,
	},
	{
		.name = "queue_ms",
		.help = "how long a request waits before it is answered 503",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_pool_limits, queue_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 5000,
	},
	{ .name = NULL },
};

const struct table pool_limits_table = {
	.name = "pool_limits",
	.help = "What members are spared, over all workers. Workers look at each other's counts "
		"without locks: a limit may be passed by one for each worker.",
	.fields = pool_limits_fields,
	.check = limits_check,
};

void policy_pool_check(
	struct reader *reader, const struct node *node, const struct config_pool *pool)
{
	const struct node *retry = node_get(node, "retry");
	const struct node *hash_on = node_get(node, "hash_on");

	if (hash_on != NULL && pool->balance != CONFIG_BALANCE_MAGLEV &&
		pool->balance != CONFIG_BALANCE_RING_HASH &&
		pool->balance != CONFIG_BALANCE_SOURCE_HASH)
		problem_add_key(&reader->problems, hash_on,
			"is for maglev, ring-hash and source-hash: \"%s\" does not hash",
			config_balance_name(pool->balance));

	if (retry != NULL && pool->retry.try_timeout_ms >= pool->response_timeout_ms)
		problem_add(&reader->problems,
			node_get(retry, "try_timeout_ms") != NULL
				? node_get(retry, "try_timeout_ms")
				: retry,
			"%u is not shorter than response_timeout_ms (%u), which holds for all tries "
			"together",
			pool->retry.try_timeout_ms, pool->response_timeout_ms);
}
