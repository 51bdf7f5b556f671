/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, their members and health checks. */
#include "conf_support.h"

#define POOLS                                                                                      \
	"'pools': {'a': {'members': ['198.51.100.1:80']}, 'b': {'members': ['198.51.100.2:80']}}"
#define WITH(text) "{" CONF_PORTS ",\n" text "}"

/* Members of the pool "a", from line 2 on. */
#define MEMBERS(text) WITH("'pools': {'a': {'members': [\n" text "]}}")

/* The inside of a health check, from line 2 on. */
#define HEALTH(text) WITH("'pools': {'a': {'members': ['198.51.100.1:80'],\n'health': {" text "}}}")

/* Services, from line 3 on. */
#define SERVICES(text) WITH(POOLS ", 'services': [\n" text "]")

/* The inside of an l7 service, from line 3 on. */
#define L7(text) SERVICES("{'name': 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp',\n" text "}")

static const struct conf_row rows[] = {
	{
		.what = "a pool without members",
		.json = WITH("'pools': {'a': {},\n'b': {'members': []}, 'c': 1}"),
		.expected = "c.json:2: pools.a.members: is required and missing\n"
			    "c.json:3: pools.b.members: needs at least 1\n"
			    "c.json:3: pools.c: expected an object, found 1",
	},
	{
		.what = "a pool's name",
		.json = WITH("'pools': {'a b': {'members': ['198.51.100.1:80']}}"),
		.expected = "c.json:2: pools[\"a b\"]: a pool's key is its name of 1-63 letters, "
			    "digits, \"_\", \".\" and \"-\"",
	},
	{
		.what = "a balance and a health check that do not exist",
		.json = WITH(
			"'pools': {'a': {'members': ['198.51.100.1:80'], 'balance': 'maglve',\n"
			"'health': {'type': 'https', 'intervall_ms': 5}}}"),
		.expected = "c.json:2: pools.a.balance: \"maglve\" is not one of: maglev, "
			    "source-hash, round-robin, rr, least-requests, least-connections, lc, "
			    "p2c, peak-ewma, random, ring-hash; did you mean \"maglev\"?\n"
			    "c.json:3: pools.a.health.type: \"https\" is not one of: none, tcp, "
			    "http, tls, grpc; did you mean \"http\"?\n"
			    "c.json:3: pools.a.health.intervall_ms: unknown key; did you mean "
			    "\"interval_ms\"?",
	},
	{
		.what = "members that are no endpoints",
		.json = MEMBERS(
			"'198.51.100.1',\n'198.51.100.1:', '198.51.100.1:00',\n"
			"'198.51.100.1:65536', '198.51.100.1:+1',\n'db.example:80', '2001:db8::1:80',\n"
			"'[198.51.100.1]:80', '2001:db8::1', ''"),
		.expected =
			"c.json:3: pools.a.members[0]: \"198.51.100.1\" has no port; write "
			"ADDRESS:PORT\n"
			"c.json:4: pools.a.members[1]: expected ADDRESS:PORT with an IP address, "
			"found \"198.51.100.1:\"\n"
			"c.json:4: pools.a.members[2]: port 00 is out of range (1-65535)\n"
			"c.json:5: pools.a.members[3]: port 65536 is out of range (1-65535)\n"
			"c.json:5: pools.a.members[4]: expected ADDRESS:PORT with an IP address, "
			"found \"198.51.100.1:+1\"\n"
			"c.json:6: pools.a.members[5]: expected ADDRESS:PORT with an IP address, "
			"found \"db.example:80\"\n"
			"c.json:6: pools.a.members[6]: \"2001:db8::1:80\" has no brackets; write IPv6 "
			"as [ADDRESS]:PORT\n"
			"c.json:7: pools.a.members[7]: expected ADDRESS:PORT with an IP address, "
			"found \"[198.51.100.1]:80\"\n"
			"c.json:7: pools.a.members[8]: \"2001:db8::1\" has no brackets; write IPv6 as "
			"[ADDRESS]:PORT\n"
			"c.json:7: pools.a.members[9]: expected ADDRESS:PORT with an IP address, "
			"found \"\"",
	},
	{
		.what = "a port beyond all numbers",
		.json = MEMBERS("'198.51.100.1:99999999999999999999999999'"),
		.expected = "c.json:3: pools.a.members[0]: port 99999999999999999999 is out of "
			    "range (1-65535)",
	},
	{
		.what = "members that are objects",
		.json = MEMBERS("{'address': '198.51.100.1:80', 'weight': 257, 'name': 'a b'},\n"
				"{'weight': 1, 'adress': '198.51.100.1:80'},\n7"),
		.expected = "c.json:3: pools.a.members[0].weight: 257 is out of range (0-256)\n"
			    "c.json:3: pools.a.members[0].name: expected a name of 1-63 letters, "
			    "digits, \"_\", \".\", \"-\", \":\", \"[\" and \"]\", found \"a b\"\n"
			    "c.json:4: pools.a.members[1].address: is required and missing\n"
			    "c.json:4: pools.a.members[1].adress: unknown key; did you mean "
			    "\"address\"?\n"
			    "c.json:5: pools.a.members[2]: expected a string or an object, found 7",
	},
	{
		.what = "members that are there already",
		.json = MEMBERS("'198.51.100.1:80', {'address': '198.51.100.2:80', 'name': 'x'},\n"
				"{'address': '198.51.100.1:80', 'name': 'y'},\n"
				"{'address': '198.51.100.3:80', 'name': 'x'}"),
		.expected = "c.json:4: pools.a.members[2]: member 198.51.100.1:80 is given twice, "
			    "first on line 3\n"
			    "c.json:5: pools.a.members[3]: member name x is given twice, first on "
			    "line 3",
	},
	{
		.what = "a name that is another member's address",
		.json = MEMBERS("'198.51.100.1:80',\n"
				"{'address': '198.51.100.2:80', 'name': '198.51.100.1:80'}"),
		.expected = "c.json:4: pools.a.members[1]: member name 198.51.100.1:80 is another "
			    "member's address",
	},
	{
		.what = "no weight at all",
		.json = MEMBERS("{'address': '198.51.100.1:80', 'weight': 0}"),
		.expected = "c.json:2: pools.a.members: all weights are 0: no member could ever be "
			    "chosen",
	},
	{
		.what = "a probe that outlives its interval",
		.json = HEALTH("'type': 'tcp', 'interval_ms': 500, 'timeout_ms': 501"),
		.expected = "c.json:3: pools.a.health.timeout_ms: 501 is longer than interval_ms "
			    "(500): a probe must end before the next",
	},
	{
		.what = "keys of http checks in a tcp check",
		.json = HEALTH("'type': 'tcp', 'path': '/', 'expect': 200,\n'host': 'h'"),
		.expected =
			"c.json:3: pools.a.health.path: is for checks of type \"http\" only\n"
			"c.json:3: pools.a.health.expect: is for checks of type \"http\" only\n"
			"c.json:4: pools.a.health.host: is for checks of type \"http\" or \"grpc\" only",
	},
	{
		.what = "keys of one kind of check in another",
		.json = HEALTH("'type': 'grpc', 'host': 'h', 'path': '/',\n'service': 's'"),
		.expected = "c.json:3: pools.a.health.path: is for checks of type \"http\" only",
	},
	{
		.what = "a service of gRPC in an http check",
		.json = HEALTH("'type': 'http', 'service': 's'"),
		.expected = "c.json:3: pools.a.health.service: is for checks of type \"grpc\" only",
	},
	{
		.what = "an http check's request",
		.json = HEALTH("'type': 'http', 'path': 'x', 'expect': 600, 'host': 'a b'"),
		.expected = "c.json:3: pools.a.health.path: expected a path that begins with "
			    "\"/\", found \"x\"\n"
			    "c.json:3: pools.a.health.expect: 600 is out of range (0-599)\n"
			    "c.json:3: pools.a.health.host: expected HOST or HOST:PORT, found "
			    "\"a b\"",
	},
	{
		.what = "an expected status that no server sends",
		.json = HEALTH("'type': 'http', 'expect': 99"),
		.expected = "c.json:3: pools.a.health.expect: 99 is no status (0, 100-599)",
	},
	{
		.what = "a line's end in a request",
		.json = HEALTH("'type': 'http', 'path': '/\\r\\nX: y', 'host': 'a\\r\\nX: y'"),
		.expected =
			"c.json:3: pools.a.health.path: a path is visible ASCII without any of: "
			"#\n"
			"c.json:3: pools.a.health.host: expected HOST or HOST:PORT, found "
			"\"a\\r\\nX: y\"",
	},
	{
		.what = "a health check needs its type, and an L7 worker",
		.json = WITH("'cores': {'l7': []},\n'pools': {'a': {'members': ['198.51.100.1:80'],"
			     " 'health': {'type': 'tcp'}},\n"
			     "'b': {'members': ['198.51.100.1:80'], 'health': {}}}"),
		.expected = "c.json:2: cores.l7: the health check of pool \"a\" needs at least one "
			    "L7 worker\n"
			    "c.json:4: pools.b.health.type: is required and missing",
	},
	{
		.what = "TLS toward members",
		.json = WITH("'pools': {'a': {'members': ['198.51.100.1:80'], 'tls': {}},\n"
			     "'b': {'members': ['198.51.100.1:80'], 'tls': {'verify': false,\n"
			     "'ca': 'ca.pem', 'server_name': 'a b', 'min_version': '1.3',\n"
			     "'max_version': '1.2'}},\n"
			     "'c': {'members': ['198.51.100.1:80'], 'protocol': 'h2',\n"
			     "'tls': {'verify': false, 'alpn': ['h2']}},\n"
			     "'d': {'members': ['198.51.100.1:80'],\n"
			     "'health': {'type': 'tls'}}}"),
		.expected =
			"c.json:2: pools.a.tls.ca: \"verify\" needs \"ca\" and \"server_name\"\n"
			"c.json:2: pools.a.tls.server_name: \"verify\" needs \"ca\" and "
			"\"server_name\"\n"
			"c.json:4: pools.b.tls.ca: has no effect without \"verify\"\n"
			"c.json:4: pools.b.tls.server_name: \"a b\" is no host name\n"
			"c.json:5: pools.b.tls.max_version: is below min_version, which is 1.3\n"
			"c.json:6: pools.c.protocol: is said by \"alpn\" of \"tls\" already\n"
			"c.json:9: pools.d.health: checks of type \"tls\" are for pools with "
			"\"tls\"",
	},
	{
		.what = "server IDs that cannot be",
		.json = WITH("'pools': {'a': {'members': [\n"
			     "{'address': '198.51.100.1:80', 'quic_server_id': 'abc'},\n"
			     "{'address': '198.51.100.2:80', 'quic_server_id': "
			     "'000102030405060708090a0b0c0d0e0f'},\n"
			     "{'address': '198.51.100.3:80', 'quic_server_id': 'xy'},\n"
			     "{'address': '198.51.100.4:80', 'quic_server_id': '0102'},\n"
			     "{'address': '198.51.100.5:80', 'quic_server_id': '0102'}]}}"),
		.expected =
			"c.json:3: pools.a.members[0].quic_server_id: expected 1 to 15 bytes in "
			"hexadecimal, found \"abc\"\n"
			"c.json:4: pools.a.members[1].quic_server_id: expected 1 to 15 bytes in "
			"hexadecimal, found \"000102030405060708090a0b0c0d0e0f\"\n"
			"c.json:5: pools.a.members[2].quic_server_id: expected 1 to 15 bytes in "
			"hexadecimal, found \"xy\"\n"
			"c.json:7: pools.a.members[4]: quic_server_id 0102 is given twice, "
			"first on line 6",
	},
};

int main(void)
{
	return conf_rows_run("pool_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
