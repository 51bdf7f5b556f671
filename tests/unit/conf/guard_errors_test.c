/* SPDX-License-Identifier: Apache-2.0 */
/* Access lists and limits that are wrong. */
#include "conf_support.h"

#define GUARD(text) "{" CONF_PORTS ",\n'guard': {" text "}}"
#define ACL(text)   GUARD("'acl': {" text "}")

/* The inside of a service, from line 3 on. */
#define SERVICE(protocol, text)                                                                    \
	"{" CONF_PORTS ",\n'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': ["        \
	"{'name': 's', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:80/" protocol "',\n" text \
	"}]}"

static const struct conf_row rows[] = {
	{
		.what = "networks that are none",
		.json = ACL("'deny': ['203.0.113.0/33',\n'203.0.113.1/24', 'here', 7]"),
		.expected =
			"c.json:2: guard.acl.deny[0]: expected ADDRESS/LENGTH, as 0.0.0.0/0 or "
			"2001:db8::/32, found \"203.0.113.0/33\"\n"
			"c.json:3: guard.acl.deny[1]: 203.0.113.1/24 has bits set behind its prefix; "
			"did you mean \"203.0.113.0/24\"?\n"
			"c.json:3: guard.acl.deny[2]: expected ADDRESS/LENGTH, as 0.0.0.0/0 or "
			"2001:db8::/32, found \"here\"\n"
			"c.json:3: guard.acl.deny[3]: expected a string, found 7",
	},
	{
		.what = "a file whose lines are wrong",
		.json = ACL("'deny_file': 'routes.json'"),
		.routes =
			"203.0.113.0/24\nhere # or there\n\n203.0.113.1/24\n"
			"0123456789012345678901234567890123456789012345678901234567890123456789\n",
		.expected =
			"routes.json:2: expected ADDRESS or ADDRESS/LENGTH, found \"here\"\n"
			"routes.json:4: 203.0.113.1/24 has bits set behind its prefix; did you "
			"mean \"203.0.113.0/24\"?\n"
			"routes.json:5: expected ADDRESS or ADDRESS/LENGTH, found a longer line",
	},
	{
		.what = "files that are not there",
		.json = ACL("'allow_file': 'none.txt',\n'deny_file': ''"),
		.expected = "c.json:2: guard.acl.allow_file: cannot read \"none.txt\": No such "
			    "file or directory\n"
			    "c.json:3: guard.acl.deny_file: must not be empty",
	},
	{
		.what = "a network in both lists",
		.json = ACL("'allow': ['10.0.0.0/8', '203.0.113.0/24'],\n"
			    "'deny': ['203.0.113.0/25', '203.0.113.0/24']"),
		.expected = "c.json:2: guard.acl: 203.0.113.0/24 is both allowed and denied",
	},
	{
		.what = "keys and values of the guard",
		.json = GUARD("'source_check': 'strikt', 'sources': 10,\n'icmp_per_s': -1,\n"
			      "'ackl': {}, 'ip_options': true"),
		.expected = "c.json:2: guard.source_check: \"strikt\" is not one of: none, loose, "
			    "strict; did you mean \"strict\"?\n"
			    "c.json:2: guard.sources: 10 is out of range (64-16777216)\n"
			    "c.json:3: guard.icmp_per_s: -1 is out of range (0-1000000000)\n"
			    "c.json:4: guard.ackl: unknown key; did you mean \"acl\"?\n"
			    "c.json:4: guard.ip_options: expected a string, found true",
	},
	{
		.what = "limits out of range",
		.json = SERVICE("tcp",
			"'limits': {'packets_per_s': 1000000001, 'burst_ms': 0,\n"
			"'conections_per_s': 5}"),
		.expected =
			"c.json:3: services[0].limits.packets_per_s: 1000000001 is out of range "
			"(0-1000000000)\n"
			"c.json:3: services[0].limits.burst_ms: 0 is out of range (1-60000)\n"
			"c.json:4: services[0].limits.conections_per_s: unknown key; did you "
			"mean \"connections_per_s\"?",
	},
	{
		.what = "connections of a service that has none",
		.json = SERVICE("udp", "'limits': {'source_connections_per_s': 5}"),
		.expected = "c.json:3: services[0].limits: connections are counted by their SYNs, "
			    "which only tcp has; limit packets instead",
	},
};

int main(void)
{
	return conf_rows_run("guard_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
