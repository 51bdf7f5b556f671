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
		.what = "what requests are told apart by",
		.json = POOL("'hash_on': 'headers:x'}, 'b': {'members': ['198.51.100.1:80'],\n"
			     "'hash_on': 'cookie:'}, 'c': {'members': ['198.51.100.1:80'],\n"
			     "'hash_on': 'path:x'}, 'd': {'members': ['198.51.100.1:80'],\n"
			     "'hash_on': 'header:a b'}, 'e': {'members': ['198.51.100.1:80'],\n"
			     "'balance': 'p2c', 'hash_on': 'source'"),
		.expected = "c.json:2: pools.a.hash_on: expected source, path, header:NAME, "
			    "cookie:NAME or query:NAME, found \"headers:x\"\n"
			    "c.json:3: pools.b.hash_on: expected source, path, header:NAME, "
			    "cookie:NAME or query:NAME, found \"cookie:\"\n"
			    "c.json:4: pools.c.hash_on: expected source, path, header:NAME, "
			    "cookie:NAME or query:NAME, found \"path:x\"\n"
			    "c.json:5: pools.d.hash_on: expected source, path, header:NAME, "
			    "cookie:NAME or query:NAME, found \"header:a b\"\n"
			    "c.json:6: pools.e.hash_on: is for maglev, ring-hash and source-hash: "
			    "\"p2c\" does not hash",
	},
	{
		.what = "cookies that cannot be",
		.json = POOL(
			"'sticky': {'cookie': 'a b', 'key_file': '/dev/null', 'path': 'x;'}},\n"
			"'b': {'members': ['198.51.100.1:80'], 'sticky': {'cookie': 'c',\n"
			"'key_file': '/none', 'secure': 'never', 'same_site': 'none'}},\n"
			"'c': {'members': ['198.51.100.1:80'], 'sticky': {'cookie': 'c'}"),
		.expected =
			"c.json:2: pools.a.sticky.cookie: \"a b\" cannot be a cookie's name\n"
			"c.json:2: pools.a.sticky.key_file: /dev/null has 0 bytes: a key has 16 "
			"random ones at least\n"
			"c.json:2: pools.a.sticky.path: \"x;\" cannot be a cookie's path\n"
			"c.json:4: pools.b.sticky.key_file: cannot read /none: No such file or "
			"directory\n"
			"c.json:4: pools.b.sticky.same_site: browsers take \"none\" with Secure "
			"only\n"
			"c.json:5: pools.c.sticky.key_file: is required and missing, where "
			"there is no \"learn\"",
	},
	{
		.what = "sessions that cannot be learned",
		.json = POOL(
			"'sticky': {'learn': {'key': 'query:s'},\n'cookie': 'c'}},\n"
			"'b': {'members': ['198.51.100.1:80'], 'sticky': {'learn': {'entries': 3,\n"
			"'expire_s': 0, 'from': 'both'}}},\n"
			"'c': {'members': ['198.51.100.1:80'], 'sticky': {}"),
		.expected =
			"c.json:2: pools.a.sticky.learn.key: answers have cookies and header "
			"fields only; \"from\": \"request\" takes any\n"
			"c.json:3: pools.a.sticky.cookie: is for a cookie of ours: with \"learn\" "
			"there is none\n"
			"c.json:4: pools.b.sticky.learn.key: is required and missing\n"
			"c.json:4: pools.b.sticky.learn.entries: 3 is out of range (64-16777216)\n"
			"c.json:5: pools.b.sticky.learn.expire_s: 0 is out of range (1-31536000)\n"
			"c.json:5: pools.b.sticky.learn.from: \"both\" is not one of: answer, "
			"request\n"
			"c.json:6: pools.c.sticky.cookie: is required and missing, where there "
			"is no \"learn\"\n"
			"c.json:6: pools.c.sticky.key_file: is required and missing, where there "
			"is no \"learn\"",
	},
	{
		.what = "hedges that never start, or always",
		.json = POOL("'retry': {'try_timeout_ms': 50,\n'hedge': {'delay_ms': 50}}},\n"
			     "'b': {'members': ['198.51.100.1:80'], 'retry': {'hedge': "
			     "{'percentile': 30,\n'delay_ms': 5, 'min_delay_ms': 6, 'max': 4}}},\n"
			     "'c': {'members': ['198.51.100.1:80'], 'retry': {'hedge': "
			     "{'min_delay_ms': 6}}"),
		.expected =
			"c.json:3: pools.a.retry.hedge: delay_ms (50) is not shorter than "
			"try_timeout_ms (50): the try is over by then\n"
			"c.json:4: pools.b.retry.hedge.percentile: 30 would send most requests "
			"twice (0, 50-99)\n"
			"c.json:5: pools.b.retry.hedge.min_delay_ms: min_delay_ms (6) is longer "
			"than delay_ms (5)\n"
			"c.json:5: pools.b.retry.hedge.max: 4 is out of range (1-3)\n"
			"c.json:6: pools.c.retry.hedge.delay_ms: is required and missing\n"
			"c.json:6: pools.c.retry.hedge.min_delay_ms: needs \"percentile\"",
	},
	{
		.what = "tiers",
		.json = POOL("'tier_min_pct': 101}, 'b': {\n'members': [{'address': "
			     "'198.51.100.1:80', 'tier': 16}]"),
		.expected = "c.json:2: pools.a.tier_min_pct: 101 is out of range (0-100)\n"
			    "c.json:3: pools.b.members[0].tier: 16 is out of range (0-15)",
	},
	{
		.what = "a split's stickiness without a split, another pool, and a name",
		.json = ROUTE("'split_by': 'source',\n'fallback': 'b', 'name': 'x y'"),
		.expected = "c.json:2: services[0].routes[0].split_by: needs a \"split\"\n"
			    "c.json:3: services[0].routes[0].fallback: there is no pool \"b\"\n"
			    "c.json:3: services[0].routes[0].name: expected a name of 1-63 "
			    "letters, digits, \"_\", \".\" and \"-\", found \"x y\"",
	},
	{
		.what = "copies to nobody, and of nothing",
		.json = ROUTE(
			"'mirror': {'pool': 'b', 'pct': 0}}, {'match': {'host': 'c'}, 'pool': "
			"'a',\n'mirror': {}"),
		.expected =
			"c.json:2: services[0].routes[0].mirror.pool: there is no pool \"b\"\n"
			"c.json:2: services[0].routes[0].mirror.pct: 0 is out of range (1-100)\n"
			"c.json:3: services[0].routes[1].mirror.pool: is required and missing",
	},
	{
		.what = "copies in a language that they are not in",
		.json = "{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}, 'b': {"
			"'protocol': 'h2', 'members': ['198.51.100.1:80']}}, 'services': [{"
			"'name': 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp', 'routes': [{"
			"'pool': 'a',\n'mirror': {'pool': 'b'}}]}]}",
		.expected = "c.json:2: services[0].routes[0].mirror.pool: copies are plain "
			    "HTTP/1.1: a pool of protocol \"h1\" without TLS",
	},
	{
		.what = "a route's name twice",
		.json = ROUTE("'name': 'x'}, {'match': {'host': 'b'}, 'pool': 'a',\n'name': 'x'"),
		.expected = "c.json:2: services[0].routes[1]: route name x is given twice, "
			    "first on line 1",
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
