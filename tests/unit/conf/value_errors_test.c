/* SPDX-License-Identifier: Apache-2.0 */
/* Values, keys and syntax. */
#include "conf_support.h"

#define WITH(text) "{" CONF_PORTS ",\n" text "}"

static const struct conf_row rows[] = {
	{
		.what = "a comma too many",
		.json = "{\n  'ports': [],\n}",
		.expected = "c.json:3: column 1: string or '}' expected near '}'",
	},
	{
		.what = "a text that ends early",
		.json = "{\n  'ports': [",
		.expected = "c.json:2: column 12: ']' expected near end of file",
	},
	{
		.what = "text behind the end",
		.json = "{}\n\nx",
		.expected = "c.json:3: column 1: end of file expected near 'x'",
	},
	{
		.what = "a string with a line's end in it is quoted in one line",
		.json = "{'seed': 'a\nb'}",
		.expected = "c.json:1: column 11: unexpected newline near '\"a'",
	},
	{
		.what = "a list instead of the root",
		.json = "[1]",
		.expected = "c.json:1: expected an object, found a list",
	},
	{
		.what = "nothing",
		.json = "{}",
		.expected = "c.json:1: ports: is required and missing",
	},
	{
		.what = "an unknown key, with a suggestion",
		.json = WITH("'coers': {}"),
		.expected = "c.json:2: coers: unknown key; did you mean \"cores\"?",
	},
	{
		.what = "an unknown key like no other",
		.json = WITH("'log': {'verbosity': 3}"),
		.expected = "c.json:2: log.verbosity: unknown key; known here: level",
	},
	{
		.what = "neighbours swapped, one left out, other case",
		.json = WITH("'coers': 1,\n'maglev_sze': 1,\n'Seed': ''"),
		.expected = "c.json:2: coers: unknown key; did you mean \"cores\"?\n"
			    "c.json:3: maglev_sze: unknown key; did you mean \"maglev_size\"?\n"
			    "c.json:4: Seed: unknown key; did you mean \"seed\"?",
	},
	{
		.what = "a key that needs quotes in the path",
		.json = WITH("'a.b': 1,\n'': 2,\n'\\u0041\\n': 3"),
		.expected =
			"c.json:2: [\"a.b\"]: unknown key; known here: $schema, cores, memory, "
			"tcp, log, access_log, stats, ports, routes, neighbors, neighbor_timeout_ms, "
			"local_addresses, local_ports, max_connections, maglev_size, seed, "
			"drain_timeout_ms, guard, announce, certificates, pools, services\n"
			"c.json:3: [\"\"]: unknown key; known here: $schema, cores, memory, "
			"tcp, log, access_log, stats, ports, routes, neighbors, neighbor_timeout_ms, "
			"local_addresses, local_ports, max_connections, maglev_size, seed, "
			"drain_timeout_ms, guard, announce, certificates, pools, services\n"
			"c.json:4: [\"A\\n\"]: unknown key; known here: $schema, cores, memory, "
			"tcp, log, access_log, stats, ports, routes, neighbors, neighbor_timeout_ms, "
			"local_addresses, local_ports, max_connections, maglev_size, seed, "
			"drain_timeout_ms, guard, announce, certificates, pools, services",
	},
	{
		.what = "a key given twice, and the last one is read",
		.json = WITH("'seed': 1,\n'seed':\n2"),
		.expected = "c.json:3: seed: the key is given twice, first on line 2\n"
			    "c.json:4: seed: expected a string, found 2",
	},
	{
		.what = "a key given three times, of several kinds, with escapes",
		.json = WITH("'log': {'l\\u0065vel': ['x', {'q\\u0041': 1, 'qA': 1}]},\n"
			     "'log': [{'level': 1}],\n"
			     "'l\\u006fg': {'level': 1, 'l\\u0065vel': 'infos'}"),
		.expected = "c.json:3: log: the key is given twice, first on line 2\n"
			    "c.json:4: log: the key is given twice, first on line 2\n"
			    "c.json:4: log.level: the key is given twice, first on line 4\n"
			    "c.json:4: log.level: \"infos\" is not one of: error, warning, notice, "
			    "info, debug; did you mean \"info\"?",
	},
	{
		.what = "a key given twice inside of an unknown one",
		.json = WITH("'x': [[{'y': 1,\n'y': 2}]], 'log': {}"),
		.expected =
			"c.json:2: x: unknown key; known here: $schema, cores, memory, tcp, log, "
			"access_log, stats, ports, routes, neighbors, neighbor_timeout_ms, "
			"local_addresses, local_ports, max_connections, maglev_size, seed, "
			"drain_timeout_ms, guard, announce, certificates, pools, services\n"
			"c.json:3: x[0][0].y: the key is given twice, first on line 2",
	},
	{
		.what = "every wrong type",
		.json = WITH("'seed': null,\n'maglev_size': '65537',\n'cores': [],\n'routes': {},\n"
			     "'pools': 'x',\n'log': {'level': true},\n'local_ports': 1.5,\n"
			     "'local_addresses': 'x',\n'drain_timeout_ms': 1e3"),
		.expected = "c.json:2: seed: expected a string, found null\n"
			    "c.json:3: maglev_size: expected a whole number, found \"65537\"\n"
			    "c.json:4: cores: expected an object, found a list\n"
			    "c.json:5: routes: expected a list, found an object\n"
			    "c.json:6: pools: expected an object, found \"x\"\n"
			    "c.json:7: log.level: expected a string, found true\n"
			    "c.json:8: local_ports: expected a string, found 1.5\n"
			    "c.json:9: local_addresses: expected a list, found \"x\"\n"
			    "c.json:10: drain_timeout_ms: expected a whole number, found 1000.0",
	},
	{
		.what = "a long value is cut, and its control characters are not sent on",
		.json = WITH(
			"'log': {'level': 'a\\u001b[31m\\u00e9-----------------------------------"
			"---------------------------------------------------------'}"),
		.expected =
			"c.json:2: log.level: \"a\\u001B[31m\\u00E9--------------------------"
			"----------------... is not one of: error, warning, notice, info, debug",
	},
	{
		.what = "numbers out of range",
		.json = WITH("'drain_timeout_ms': -1,\n'max_connections': 1023,\n"
			     "'neighbor_timeout_ms': 9223372036854775807,\n'maglev_size': 250"),
		.expected = "c.json:2: drain_timeout_ms: -1 is out of range (0-86400000)\n"
			    "c.json:3: max_connections: 1023 is out of range (1024-268435456)\n"
			    "c.json:4: neighbor_timeout_ms: 9223372036854775807 is out of range "
			    "(1000-86400000)\n"
			    "c.json:5: maglev_size: 250 is out of range (251-16777213)",
	},
	{
		.what = "a number that no integer holds",
		.json = WITH("'max_connections': 92233720368547758080"),
		.expected = "c.json:2: column 39: too big integer near '92233720368547758080'",
	},
	{
		.what = "a Maglev table whose size is no prime",
		.json = WITH("'maglev_size': 65536"),
		.expected = "c.json:2: maglev_size: 65536 is not a prime; the next one is 65537",
	},
	{
		.what = "the greatest size is a prime",
		.json = WITH("'maglev_size': 16777212"),
		.expected = "c.json:2: maglev_size: 16777212 is not a prime; the next one is "
			    "16777213",
	},
	{
		.what = "values that are not of the list",
		.json = WITH("'cores': {'idle': 'pol'},\n'memory': {'pages': 'hugepage'},\n"
			     "'log': {'level': 'loud'}"),
		.expected = "c.json:2: cores.idle: \"pol\" is not one of: poll, adaptive; did you "
			    "mean \"poll\"?\n"
			    "c.json:3: memory.pages: \"hugepage\" is not one of: auto, hugepages, "
			    "normal; did you mean \"hugepages\"?\n"
			    "c.json:4: log.level: \"loud\" is not one of: error, warning, notice, "
			    "info, debug",
	},
	{
		.what = "CPUs",
		.json = WITH("'cores': {'control': 1024, 'l4': [],\n'l7': [3, 1, 3, 'x', -1, 3]}"),
		.expected = "c.json:2: cores.control: 1024 is out of range (0-1023)\n"
			    "c.json:2: cores.l4: needs at least 1\n"
			    "c.json:3: cores.l7[2]: CPU 3 is in this list already\n"
			    "c.json:3: cores.l7[3]: expected a whole number, found \"x\"\n"
			    "c.json:3: cores.l7[4]: -1 is out of range (0-1023)\n"
			    "c.json:3: cores.l7[5]: CPU 3 is in this list already",
	},
	{
		.what = "more CPUs than fit",
		.json = WITH(
			"'cores': {'l7': [0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,"
			"7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,"
			"2,3,4]}"),
		.expected = "c.json:2: cores.l7: 65 are too many, at most 64 fit",
	},
	{
		.what = "local ports",
		.json = WITH("'local_ports': '1024'"),
		.expected = "c.json:2: local_ports: expected FIRST-LAST within 1-65535, found "
			    "\"1024\"",
	},
	{
		.what = "local ports from 0",
		.json = WITH("'local_ports': '0-5000'"),
		.expected = "c.json:2: local_ports: expected FIRST-LAST within 1-65535, found "
			    "\"0-5000\"",
	},
	{
		.what = "local ports backwards",
		.json = WITH("'local_ports': '2000-1999'"),
		.expected = "c.json:2: local_ports: expected FIRST-LAST within 1-65535, found "
			    "\"2000-1999\"",
	},
	{
		.what = "local ports beyond the last",
		.json = WITH("'local_ports': '1024-65536'"),
		.expected = "c.json:2: local_ports: expected FIRST-LAST within 1-65535, found "
			    "\"1024-65536\"",
	},
	{
		.what = "too few local ports for the workers",
		.json = WITH("'cores': {'l4': [1, 2], 'l7': [3]},\n'local_ports': '50000-50190'"),
		.expected =
			"c.json:3: local_ports: 191 ports are too few for 3 workers: each needs "
			"at least 64",
	},
	{
		.what = "the socket",
		.json = WITH("'stats': {'socket': 'a.sock', 'mode': '0668',\n'group': ''}"),
		.expected = "c.json:2: stats.socket: expected an absolute path, found \"a.sock\"\n"
			    "c.json:2: stats.mode: expected an octal file mode, as \"0660\", found "
			    "\"0668\"\n"
			    "c.json:3: stats.group: must not be empty",
	},
	{
		.what = "a socket's path that is too long, a mode with sticky bits",
		.json = WITH(
			"'stats': {'socket': '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n"
			"'mode': '1777'}"),
		.expected =
			"c.json:2: stats.socket: 108 bytes are too long for a socket's path (at "
			"most 107)\n"
			"c.json:3: stats.mode: expected an octal file mode, as \"0660\", found "
			"\"1777\"",
	},
	{
		.what = "an access log without its syslog server",
		.json = WITH("'access_log': {'to': 'syslog'}"),
		.expected = "c.json:2: access_log.syslog: \"to\": \"syslog\" needs \"syslog\"",
	},
	{
		.what = "a syslog server without a port",
		.json = WITH("'access_log': {'to': 'syslog',\n'syslog': {'server': '192.0.2.9',\n"
			     "'tag': 'a b'}}"),
		.expected = "c.json:3: access_log.syslog.server: \"192.0.2.9\" has no port; write "
			    "ADDRESS:PORT\n"
			    "c.json:4: access_log.syslog.tag: expected a name of 1-63 letters, "
			    "digits, \"_\", \".\" and \"-\", found \"a b\"",
	},
	{
		.what = "certificates",
		.json = WITH("'certificates': [{'name': 'a b', 'chain': '', 'key': 'k'},\n"
			     "{'name': 'c', 'chian': 'x', 'key': 'k'},\n"
			     "{'name': 'c', 'chain': 'x', 'key': 'k'}]"),
		.expected =
			"c.json:2: certificates[0].name: expected a name of 1-63 letters, "
			"digits, \"_\", \".\" and \"-\", found \"a b\"\n"
			"c.json:2: certificates[0].chain: must not be empty\n"
			"c.json:3: certificates[1].chain: is required and missing\n"
			"c.json:3: certificates[1].chian: unknown key; did you mean \"chain\"?\n"
			"c.json:4: certificates[2].name: certificate name c is given twice, first on "
			"line 3",
	},
};

int main(void)
{
	return conf_rows_run("value_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
