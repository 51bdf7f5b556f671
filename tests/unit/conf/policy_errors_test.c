/* SPDX-License-Identifier: Apache-2.0 */
/* Retries, ejection and limits. */
#include "conf_support.h"

/* The inside of the pool "a", from line 2 on. */
#define POOL(text) "{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80'],\n" text "}}}"

#define ROUTE(text)                                                                                  \
	"{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': [{"          \
	"'name': 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp', 'routes': [{'pool': 'a',\n" text \
	"}]}]}"

static const struct conf_row rows[] = {
	{
		.what = "conditions that do not exist, and none",
		.json = POOL("'retry': {'on': ['reset', 'error']}"),
		.expected = "c.json:2: pools.a.retry.on[1]: \"error\" is not one of: "
			    "connect-failure, reset, timeout, 5xx",
	},
	{
		.what = "no condition",
		.json = POOL("'retry': {'on': []}"),
		.expected = "c.json:2: pools.a.retry.on: needs at least 1",
	},
	{
		.what = "a time-out without a time",
		.json = POOL("'retry': {'on': ['timeout']}"),
		.expected = "c.json:2: pools.a.retry.on: \"timeout\" needs try_timeout_ms: when "
			    "response_timeout_ms is over, so is the request",
	},
	{
		.what = "a try as long as all of them",
		.json = POOL("'response_timeout_ms': 500, 'retry': {'try_timeout_ms': 500}"),
		.expected = "c.json:2: pools.a.retry.try_timeout_ms: 500 is not shorter than "
			    "response_timeout_ms (500), which holds for all tries together",
	},
	{
		.what = "statuses that are none of failures",
		.json = POOL("'retry': {'statuses': [200, 600]}"),
		.expected = "c.json:2: pools.a.retry.statuses: 200 is no status of a failure "
			    "(400-599)\n"
			    "c.json:2: pools.a.retry.statuses[1]: 600 is out of range (0-599)",
	},
	{
		.what = "a status that is there already",
		.json = POOL("'retry': {'on': ['5xx'], 'statuses': [404, 503]}"),
		.expected = "c.json:2: pools.a.retry.statuses: 503 is among \"5xx\" already",
	},
	{
		.what = "numbers out of range",
		.json = POOL("'retry': {'attempts': 0, 'budget_pct': 1001, 'buffer_bytes': -1,\n"
			     "'non_idempotent': 1}"),
		.expected = "c.json:2: pools.a.retry.attempts: 0 is out of range (1-10)\n"
			    "c.json:2: pools.a.retry.budget_pct: 1001 is out of range (0-1000)\n"
			    "c.json:2: pools.a.retry.buffer_bytes: -1 is out of range (0-1048576)\n"
			    "c.json:3: pools.a.retry.non_idempotent: expected true or false, found "
			    "1",
	},
	{
		.what = "a route's policy",
		.json = ROUTE("'retry': {'attempt': 3}"),
		.expected = "c.json:2: services[0].routes[0].retry.attempt: unknown key; did you "
			    "mean \"attempts\"?",
	},
	{
		.what = "an ejection for nothing",
		.json = POOL("'outlier': {'consecutive': 0}"),
		.expected = "c.json:2: pools.a.outlier: consecutive, error_pct and latency_pct are "
			    "all 0: nobody is ever ejected",
	},
	{
		.what = "ejections that get shorter, and of members as fast as others",
		.json = POOL("'outlier': {'eject_ms': 5000,\n'max_eject_ms': 1000,\n"
			     "'latency_pct': 100, 'error_pct': 101}"),
		.expected =
			"c.json:3: pools.a.outlier.max_eject_ms: max_eject_ms (1000) is shorter "
			"than eject_ms (5000)\n"
			"c.json:4: pools.a.outlier.latency_pct: 100 would eject members that "
			"are as fast as the others (0, 101-100000)\n"
			"c.json:4: pools.a.outlier.error_pct: 101 is out of range (0-100)",
	},
	{
		.what = "a queue that nobody waits in, and a time without one",
		.json = POOL("'limits': {'queue': 5}},\n'b': {'members': ['198.51.100.1:80'],\n"
			     "'limits': {'requests': 1, 'queue_ms': 7}"),
		.expected = "c.json:2: pools.a.limits.queue: nobody would ever wait: there is no "
			    "limit of requests or connections\n"
			    "c.json:4: pools.b.limits.queue_ms: needs a queue: \"queue\" is 0",
	},
	{
		.what = "limits by other names",
		.json = POOL("'limits': {'max_requests': 5, 'connections': 'many'}"),
		.expected = "c.json:2: pools.a.limits.max_requests: unknown key; known here: "
			    "requests, connections, retries, member_requests, member_connections, "
			    "member_pending, member_retries, queue, queue_ms\n"
			    "c.json:2: pools.a.limits.connections: expected a whole number, found "
			    "\"many\"",
	},
};

int main(void)
{
	return conf_rows_run("policy", rows, sizeof(rows) / sizeof(rows[0]));
}
