/* SPDX-License-Identifier: Apache-2.0 */
/* Services, routes, and what they owe pools. */
#include "conf_support.h"

#define POOLS                                                                                      \
	"'pools': {'a': {'members': ['198.51.100.1:80']}, 'b': {'members': ['198.51.100.2:80']}}"
#define WITH(text) "{" CONF_PORTS ",\n" text "}"

/* Services, from line 3 on. */
#define SERVICES(text) WITH(POOLS ", 'services': [\n" text "]")

/* The inside of an l7 service, from line 3 on. */
#define L7(text) SERVICES("{'name': 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp',\n" text "}")

/* A route's match, on line 4. */
#define MATCH(text) L7("'routes': [{'pool': 'a', 'match': " text "}]")

static const struct conf_row rows[] = {
	{
		.what = "a service without anything",
		.json = SERVICES("{}"),
		.expected = "c.json:3: services[0].name: is required and missing\n"
			    "c.json:3: services[0].listen: is required and missing\n"
			    "c.json:3: services[0].mode: is required and missing",
	},
	{
		.what = "listeners that cannot be",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:70000/tcp'},\n"
			"{'name': 'b', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:80'},\n"
			"{'name': 'c', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:80/tdp'},\n"
			"{'name': 'd', 'mode': 'l4', 'pool': 'a', 'listen': '*:80/tcp'},\n"
			"{'name': 'e', 'mode': 'l4', 'pool': 'a', 'listen': '0.0.0.0:80/sctq'}"),
		.expected =
			"c.json:3: services[0].listen: port 70000 is out of range (1-65535)\n"
			"c.json:4: services[1].listen: expected ADDRESS:PORT/tcp, /udp or /sctp, "
			"found \"192.0.2.100:80\"\n"
			"c.json:5: services[2].listen: protocol \"tdp\" is not one of: tcp, udp, sctp; did "
			"you mean \"tcp\"?\n"
			"c.json:6: services[3].listen: expected ADDRESS:PORT with an IP address, "
			"found \"*:80\"\n"
			"c.json:7: services[4].listen: protocol \"sctq\" is not one of: tcp, udp, sctp; did "
			"you mean \"sctp\"?\n"
			"c.json:7: services[4].listen: 0.0.0.0 is the unspecified address; expected a "
			"host's own address",
	},
	{
		.what = "ranges of ports that cannot be",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:90-80/udp'},\n"
			"{'name': 'b', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:0-80/udp'},\n"
			"{'name': 'c', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:1-/udp'},\n"
			"{'name': 'd', 'mode': 'l7', 'pool': 'a', 'listen': '192.0.2.100:80-90/tcp'},\n"
			"{'name': 'e', 'mode': 'l7', 'pool': 'a', 'listen': '192.0.2.100:0/sctp'}"),
		.expected =
			"c.json:3: services[0].listen: ports 90-80 are no range LOW-HIGH of 1-65535\n"
			"c.json:4: services[1].listen: ports 0-80 are no range LOW-HIGH of 1-65535\n"
			"c.json:5: services[2].listen: ports 1- are no range LOW-HIGH of 1-65535\n"
			"c.json:6: services[3].listen: a service of mode \"l7\" listens on one port\n"
			"c.json:7: services[4].listen: a service of mode \"l7\" listens on tcp\n"
			"c.json:7: services[4].listen: a service of mode \"l7\" listens on one port",
	},
	{
		.what = "ranges of ports that overlap; single ports and all ports may",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:80-90/udp'},\n"
			"{'name': 'b', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:90-99/udp'},\n"
			"{'name': 'c', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:90-99/tcp'},\n"
			"{'name': 'd', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:85/udp'},\n"
			"{'name': 'e', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:0/udp'},\n"
			"{'name': 'f', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:0/udp'}"),
		.expected =
			"c.json:4: services[1].listen: ports 90-99 overlap those of service \"a\" "
			"(80-90)\n"
			"c.json:8: services[5].listen: listener 192.0.2.100:0/udp is given twice, "
			"first on line 7",
	},
	{
		.what = "members that keep the client's port where there is none",
		.json = WITH("'pools': {'a': {'members': ['198.51.100.1:0'],\n"
			     "'health': {'type': 'tcp'}}},\n"
			     "'services': [{'name': 's', 'mode': 'l7', 'listen': "
			     "'192.0.2.100:80/tcp',\n'pool': 'a'}]"),
		.expected =
			"c.json:3: pools.a.health: member 198.51.100.1:0 has port 0, which cannot "
			"be probed\n"
			"c.json:5: services[0].pool: member 198.51.100.1:0 of pool \"a\" has "
			"port 0, which keeps the client's: that is for services of mode \"l4\" "
			"only",
	},
	{
		.what = "names and listeners that are there already; tcp and udp are two",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:53/tcp'},\n"
			"{'name': 'b', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:53/udp'},\n"
			"{'name': 'a', 'mode': 'l7', 'pool': 'a', 'listen': '192.0.2.100:53/tcp'}"),
		.expected = "c.json:5: services[2].name: service name a is given twice, first on "
			    "line 3\n"
			    "c.json:5: services[2].listen: listener 192.0.2.100:53/tcp is given "
			    "twice, first on line 3",
	},
	{
		.what = "pools that do not exist",
		.json = WITH(
			"'pools': {'postgres': {'members': ['198.51.100.1:80']}},\n"
			"'services': [\n"
			"{'name': 'a', 'mode': 'l4', 'listen': '192.0.2.100:1/tcp', 'pool': "
			"'postgress'},\n"
			"{'name': 'b', 'mode': 'l4', 'listen': '192.0.2.100:2/tcp', 'pool': "
			"'mysql'},\n"
			"{'name': 'c', 'mode': 'l7', 'listen': '192.0.2.100:3/tcp', 'routes': "
			"[{'pool': 'progress'}]},\n"
			"{'name': 'd', 'mode': 'l4', 'listen': '192.0.2.100:4/tcp', 'pool': ''}]"),
		.expected = "c.json:4: services[0].pool: there is no pool \"postgress\"; did you "
			    "mean \"postgres\"?\n"
			    "c.json:5: services[1].pool: there is no pool \"mysql\"\n"
			    "c.json:6: services[2].routes[0].pool: there is no pool "
			    "\"progress\"\n"
			    "c.json:7: services[3].pool: there is no pool \"\"",
	},
	{
		.what = "no pools at all",
		.json = WITH("'services': [{'name': 'a', 'mode': 'l4', 'listen': "
			     "'192.0.2.100:1/tcp', 'pool': 'a'}]"),
		.expected = "c.json:2: services[0].pool: there is no pool \"a\"",
	},
	{
		.what = "modes",
		.json = SERVICES("{'name': 'a', 'mode': 'L4', 'listen': '192.0.2.100:1/tcp'},\n"
				 "{'name': 'b', 'mode': 'l4', 'listen': '192.0.2.100:2/tcp'},\n"
				 "{'name': 'c', 'mode': 'l7', 'listen': '192.0.2.100:3/udp'}"),
		.expected =
			"c.json:3: services[0].mode: \"L4\" is not one of: l4, l7, tls-passthrough, tcp; did you mean "
			"\"l4\"?\n"
			"c.json:4: services[1].pool: a service of mode \"l4\" needs a pool\n"
			"c.json:5: services[2].routes: a service of mode \"l7\" needs "
			"\"routes\", a \"pool\", or both\n"
			"c.json:5: services[2].listen: a service of mode \"l7\" listens on tcp",
	},
	{
		.what = "keys of the other mode",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'listen': '192.0.2.100:1/tcp', 'pool': "
			"'a',\n'routes': [], 'http': {}, 'trust_forwarded': true,\n"
			"'tls': {'certificates': ['x']}},\n"
			"{'name': 'b', 'mode': 'l7', 'listen': '192.0.2.100:2/tcp', 'pool': "
			"'a',\n'forward': 'full-nat', 'hash': 'source-ip', "
			"'tcp_idle_timeout_ms': 999}"),
		.expected =
			"c.json:4: services[0].routes: is for services of mode \"l7, tls-passthrough, tcp\" "
			"only\n"
			"c.json:4: services[0].http: is for services of mode \"l7\" only\n"
			"c.json:4: services[0].trust_forwarded: is for services of mode \"l7\" "
			"only\n"
			"c.json:5: services[0].tls: is for services of mode \"l7\" only\n"
			"c.json:5: services[0].tls.certificates[0]: there is no certificate "
			"\"x\"\n"
			"c.json:7: services[1].forward: is for services of mode \"l4\" only\n"
			"c.json:7: services[1].hash: is for services of mode \"l4\" only\n"
			"c.json:7: services[1].tcp_idle_timeout_ms: 999 is out of range "
			"(1000-86400000)\n"
			"c.json:7: services[1].tcp_idle_timeout_ms: is for services of mode "
			"\"l4\" only",
	},
	{
		.what = "a forwarding mode that is not there",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'listen': '192.0.2.100:1/tcp', 'pool': "
			"'a',\n'forward': 'full_nat', 'hash': 'src'}"),
		.expected = "c.json:4: services[0].forward: \"full_nat\" is not one of: full-nat, "
			    "nat, dsr-l2, dsr-ipip, dsr-gue; did you mean \"full-nat\"?\n"
			    "c.json:4: services[0].hash: \"src\" is not one of: five-tuple, "
			    "source-ip, source-ip-port, destination, quic-cid",
	},
	{
		.what = "connection IDs without what they need",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l4', 'listen': '192.0.2.100:1/udp', 'pool': "
			"'a',\n'hash': 'quic-cid'},\n"
			"{'name': 'b', 'mode': 'l4', 'listen': '192.0.2.100:1/tcp', 'pool': "
			"'a',\n'hash': 'quic-cid', 'quic': {'layout': 'quic-lb'}},\n"
			"{'name': 'c', 'mode': 'l4', 'listen': '192.0.2.100:2/udp', 'pool': "
			"'a',\n'quic': {'layout': 'quic', 'config_id': 7, 'server_id_bytes': 16}},\n"
			"{'name': 'd', 'mode': 'l4', 'listen': '192.0.2.100:3/udp', 'pool': "
			"'a',\n'affinity': {'prefix4': 33}}"),
		.expected =
			"c.json:3: services[0].quic: \"hash\": \"quic-cid\" needs to know how "
			"connection IDs are made\n"
			"c.json:6: services[1].hash: QUIC runs over udp\n"
			"c.json:6: services[1].hash: no member of pool \"a\" has a "
			"quic_server_id\n"
			"c.json:8: services[2].quic: is for \"hash\": \"quic-cid\" only\n"
			"c.json:8: services[2].quic.layout: \"quic\" is not one of: quic-lb, "
			"katran\n"
			"c.json:8: services[2].quic.config_id: 7 is out of range (0-6)\n"
			"c.json:8: services[2].quic.server_id_bytes: 16 is out of range (1-15)\n"
			"c.json:10: services[3].affinity.timeout_ms: is required and missing\n"
			"c.json:10: services[3].affinity.prefix4: 33 is out of range (1-32)",
	},
	{
		.what = "a listener among the local ports",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l7', 'listen': '192.0.2.2:8080/tcp', 'pool': "
			"'a'},\n"
			"{'name': 'b', 'mode': 'l7', 'listen': '192.0.2.2:1023/tcp', 'pool': "
			"'a'}"),
		.expected = "c.json:3: services[0].listen: port 8080 of 192.0.2.2 lies in "
			    "local_ports (1024-65535), where members' replies arrive; narrow "
			    "local_ports, or use another address",
	},
	{
		.what = "an l7 service without an L7 worker",
		.json = WITH(
			POOLS ", 'cores': {'l7': []},\n'services': [{'name': 's', 'mode': 'l7', "
			      "'listen': '192.0.2.100:1/tcp', 'pool': 'a'}]"),
		.expected = "c.json:2: cores.l7: service \"s\" needs at least one L7 worker",
	},
	{
		.what = "TLS",
		.json = L7("'pool': 'a', 'tls': {},\n'tls_': 1"),
		.expected = "c.json:4: services[0].tls.certificates: is required and missing\n"
			    "c.json:5: services[0].tls_: unknown key; did you mean \"tls\"?",
	},
	{
		.what = "the PROXY protocol from networks that are none",
		.json = L7(
			"'pool': 'a', 'accept_proxy': {'others': 'drop'}},\n"
			"{'name': 't', 'mode': 'l7', 'pool': 'a', 'listen': '192.0.2.100:81/tcp',\n"
			"'accept_proxy': {'from': []}},\n"
			"{'name': 'u', 'mode': 'l7', 'pool': 'a', 'listen': '192.0.2.100:82/tcp',\n"
			"'accept_proxy': {'from': ['192.0.2.1/24']}},\n"
			"{'name': 'v', 'mode': 'l4', 'pool': 'a', 'listen': '192.0.2.100:83/tcp',\n"
			"'accept_proxy': {'from': ['192.0.2.0/24']}"),
		.expected =
			"c.json:4: services[0].accept_proxy.from: is required and missing\n"
			"c.json:4: services[0].accept_proxy.others: \"drop\" is not one of: refuse, "
			"direct\n"
			"c.json:6: services[1].accept_proxy.from: needs at least 1\n"
			"c.json:8: services[2].accept_proxy.from[0]: 192.0.2.1/24 has bits set "
			"behind its prefix; did you mean \"192.0.2.0/24\"?\n"
			"c.json:10: services[3].accept_proxy: is for services of mode \"l7, tls-passthrough, "
			"tcp\" only",
	},
	{
		.what = "TLS's values",
		.json = WITH(
			POOLS ", 'certificates': [{'name': 'site', 'chain': 'c', 'key': 'k'}],\n"
			      "'services': [{'name': 's', 'mode': 'l7', 'pool': 'a', 'listen':\n"
			      "'192.0.2.100:443/tcp', 'tls': {'certificates': ['siet', 5],\n"
			      "'min_version': '1.1', 'alpn': ['h3', 'http/1.0', 1]}},\n"
			      "{'name': 't', 'mode': 'l7', 'pool': 'a', 'listen':\n"
			      "'192.0.2.101:443/tcp', 'tls': {'certificates': [], 'alpn': []}}]"),
		.expected =
			"c.json:4: services[0].tls.certificates[0]: there is no certificate \"siet\"; "
			"did you mean \"site\"?\n"
			"c.json:4: services[0].tls.certificates[1]: expected a string, found 5\n"
			"c.json:5: services[0].tls.min_version: \"1.1\" is not one of: 1.2, 1.3; did "
			"you mean \"1.2\"?\n"
			"c.json:5: services[0].tls.alpn[0]: \"h3\" is not one of: h2, http/1.1; did you mean \"h2\"?\n"
			"c.json:5: services[0].tls.alpn[1]: \"http/1.0\" is not one of: h2, http/1.1; did "
			"you mean \"http/1.1\"?\n"
			"c.json:5: services[0].tls.alpn[2]: expected a string, found 1\n"
			"c.json:7: services[1].tls.certificates: needs at least 1\n"
			"c.json:7: services[1].tls.alpn: needs at least 1",
	},
	{
		.what = "TLS's values that do not fit each other",
		.json = WITH(
			POOLS ", 'certificates': [{'name': 'site', 'chain': 'c', 'key': 'k'}],\n"
			      "'services': [{'name': 's', 'mode': 'l7', 'pool': 'a', 'listen':\n"
			      "'192.0.2.100:443/tcp', 'tls': {'certificates': ['site'],\n"
			      "'min_version': '1.3', 'max_version': '1.2',\n"
			      "'client_certificates': 'optional', 'ciphers': [1]}},\n"
			      "{'name': 't', 'mode': 'l7', 'pool': 'a', 'listen':\n"
			      "'192.0.2.101:443/tcp', 'tls': {'certificates': ['site'],\n"
			      "'client_ca': 'ca.pem'}}]"),
		.expected = "c.json:4: services[0].tls.client_ca: client certificates need "
			    "\"client_ca\"\n"
			    "c.json:5: services[0].tls.max_version: is below min_version, which is "
			    "1.3\n"
			    "c.json:6: services[0].tls.ciphers[0]: expected a string, found 1\n"
			    "c.json:9: services[1].tls.client_ca: is for services with "
			    "\"client_certificates\"",
	},
	{
		.what = "TLS's hosts",
		.json = WITH(
			POOLS ", 'certificates': [{'name': 'site', 'chain': 'c', 'key': 'k'}],\n"
			      "'services': [{'name': 's', 'mode': 'l7', 'pool': 'a', 'listen':\n"
			      "'192.0.2.100:443/tcp', 'tls': {'certificates': ['site'],\n"
			      "'hosts': [{'names': ['a.example', 'www.*'], 'max_version': '1.2',\n"
			      "'min_version': '1.3'}, {'names': ['A.example']},\n"
			      "{'client_certificates': 'required'}]}}]"),
		.expected =
			"c.json:5: services[0].tls.hosts[0].names[1]: expected a server name, as "
			"\"example.com\" or \"*.example.com\", found \"www.*\"\n"
			"c.json:5: services[0].tls.hosts[0].max_version: is below min_version, "
			"which is 1.3\n"
			"c.json:6: services[0].tls.hosts[1].names[0]: server name a.example is "
			"given twice, first on line 5\n"
			"c.json:7: services[0].tls.hosts[2].names: is required and missing\n"
			"c.json:7: services[0].tls.hosts[2].client_ca: client certificates need "
			"\"client_ca\"",
	},
	{
		.what = "limits",
		.json = L7("'pool': 'a', 'http': {'max_header_bytes': 1023, 'max_body_bytes': -1,\n"
			   "'header_timeout_ms': 0, 'max_heder_fields': 1}"),
		.expected =
			"c.json:4: services[0].http.max_header_bytes: 1023 is out of range "
			"(1024-1048576)\n"
			"c.json:4: services[0].http.max_body_bytes: -1 is out of range "
			"(0-9223372036854775807)\n"
			"c.json:5: services[0].http.header_timeout_ms: 0 is out of range "
			"(1-86400000)\n"
			"c.json:5: services[0].http.max_heder_fields: unknown key; did you mean "
			"\"max_header_fields\"?",
	},
	{
		.what = "hosts",
		.json = L7("'routes': [{'pool': 'a', 'match': {'host': 'example.com:80'}},\n"
			   "{'pool': 'a', 'match': {'host': '*'}},\n"
			   "{'pool': 'a', 'match': {'host': 'a.*.example'}},\n"
			   "{'pool': 'a', 'match': {'host': 'example.com.'}},\n"
			   "{'pool': 'a', 'match': {'host': '-a.example'}},\n"
			   "{'pool': 'a', 'match': {'host': ''}},\n"
			   "{'pool': 'a', 'match': {'host': '[192.0.2.1]'}},\n"
			   "{'pool': 'a', 'match': {'host': '*.a.*'}}]"),
		.expected =
			"c.json:4: services[0].routes[0].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"example.com:80\"\n"
			"c.json:5: services[0].routes[1].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"*\"\n"
			"c.json:6: services[0].routes[2].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"a.*.example\"\n"
			"c.json:7: services[0].routes[3].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"example.com.\"\n"
			"c.json:8: services[0].routes[4].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"-a.example\"\n"
			"c.json:9: services[0].routes[5].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"\"\n"
			"c.json:10: services[0].routes[6].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"[192.0.2.1]\"\n"
			"c.json:11: services[0].routes[7].match.host: expected a host name without "
			"port, as \"example.com\", \"*.example.com\" or \"www.*\", found \"*.a.*\"",
	},
	{
		.what = "neither exact nor prefix",
		.json = MATCH("{'path': {}}"),
		.expected = "c.json:4: services[0].routes[0].match.path: expected one of "
			    "\"exact\", \"prefix\", \"template\" and \"regex\", found 0",
	},
	{
		.what = "exact and prefix",
		.json = MATCH("{'path': {'exact': '/', 'prefix': '/'}}"),
		.expected = "c.json:4: services[0].routes[0].match.path: expected one of "
			    "\"exact\", \"prefix\", \"template\" and \"regex\", found 2",
	},
	{
		.what = "a path as plain text, a query in a path, a key too many",
		.json = L7("'routes': [{'pool': 'a', 'match': {'path': '/img/'}},\n"
			   "{'pool': 'a', 'match': {'path': {'prefix': '/a?b'}}},\n"
			   "{'pool': 'a', 'match': {'paht': {'prefix': '/'}}},\n"
			   "{'pool': 'a', 'match': {'path': {'prefx': '/'}}}]"),
		.expected =
			"c.json:4: services[0].routes[0].match.path: expected an object, found "
			"\"/img/\"\n"
			"c.json:5: services[0].routes[1].match.path.prefix: a path is visible ASCII "
			"without any of: ?#\n"
			"c.json:6: services[0].routes[2].match.paht: unknown key; did you mean "
			"\"path\"?\n"
			"c.json:7: services[0].routes[3].match.path.prefx: unknown key; did you mean "
			"\"prefix\"?",
	},
	{
		.what = "routes that never come to their turn",
		.json = L7(
			"'routes': [{'pool': 'a', 'match': {'host': 'A.example', 'path': "
			"{'prefix': '/x'}}},\n"
			"{'pool': 'a', 'match': {'host': 'a.example', 'path': {'exact': '/x'}}},\n"
			"{'pool': 'b', 'match': {'host': 'a.EXAMPLE', 'path': {'prefix': '/x'}}},\n"
			"{'pool': 'a'}, {'pool': 'b', 'match': {}}]"),
		.expected = "c.json:6: services[0].routes[2]: a route for host a.example, path "
			    "prefix /x is given twice, first on line 4\n"
			    "c.json:7: services[0].routes[4]: a route for host any, path any is "
			    "given twice, first on line 7",
	},
	{
		.what = "a route with conditions behind one that takes all",
		.json = L7(
			"'routes': [{'pool': 'a', 'match': {'path': {'prefix': '/x'}}},\n"
			"{'pool': 'b', 'match': {'path': {'prefix': '/x'}, 'method': ['GET']}},\n"
			"{'pool': 'b', 'match': {'path': {'exact': '/x'}, 'method': ['GET']}},\n"
			"{'pool': 'b', 'match': {'path': {'exact': '/x'}, 'method': ['GET']}}]"),
		.expected = "c.json:5: services[0].routes[1]: is never reached: the route for host "
			    "any, path prefix /x on line 4 takes every request",
	},
	{
		.what = "expressions and templates that cannot be",
		.json = L7("'routes': [{'pool': 'a', 'match': {'path': {'regex': '^/(a'}}},\n"
			   "{'pool': 'a', 'match': {'header': {'x': {'regex': '*'}}}},\n"
			   "{'pool': 'a', 'match': {'path': {'template': '/a/{b'}}},\n"
			   "{'pool': 'a', 'match': {'path': {'template': '/a/x{b}'}}},\n"
			   "{'pool': 'a', 'match': {'path': {'template': '/{}/'}}},\n"
			   "{'pool': 'a', 'match': {'path': {'template': 'a'}}}]"),
		.expected =
			"c.json:4: services[0].routes[0].match.path.regex: the expression is "
			"wrong at character 5: missing closing parenthesis\n"
			"c.json:5: services[0].routes[1].match.header.x.regex: the expression is "
			"wrong at character 1: quantifier does not follow a repeatable item\n"
			"c.json:6: services[0].routes[2].match.path.template: expected a path in "
			"which whole segments may be a {name}, found \"/a/{b\"\n"
			"c.json:7: services[0].routes[3].match.path.template: expected a path in "
			"which whole segments may be a {name}, found \"/a/x{b}\"\n"
			"c.json:8: services[0].routes[4].match.path.template: expected a path in "
			"which whole segments may be a {name}, found \"/{}/\"\n"
			"c.json:9: services[0].routes[5].match.path.template: expected a path that "
			"begins with \"/\", found \"a\"",
	},
	{
		.what = "conditions that cannot be",
		.json = L7(
			"'routes': [{'pool': 'a', 'match': {'method': ['G T', '']}},\n"
			"{'pool': 'a', 'match': {'header': {'a b': 'x'}}},\n"
			"{'pool': 'a', 'match': {'header': {'Host': 'x'}}},\n"
			"{'pool': 'a', 'match': {'query': {'x': {}}}},\n"
			"{'pool': 'a', 'match': {'query': {'x': {'exact': 'a', 'prefix': 'b'}}}},\n"
			"{'pool': 'a', 'match': {'cookie': {'x': {'prefix': ''}}}},\n"
			"{'pool': 'a', 'match': {'cookie': {'x': {'range': '9-1'}}}},\n"
			"{'pool': 'a', 'match': {'cookie': {'x': {'range': '1-'}}}},\n"
			"{'pool': 'a', 'match': {'source': ['192.0.2.1/24']}},\n"
			"{'pool': 'a', 'match': {'source': []}}]"),
		.expected =
			"c.json:4: services[0].routes[0].match.method[0]: expected a method, as "
			"\"GET\", found \"G T\"\n"
			"c.json:4: services[0].routes[0].match.method[1]: expected a method, as "
			"\"GET\", found \"\"\n"
			"c.json:5: services[0].routes[1].match.header[\"a b\"]: is no name of a header "
			"field\n"
			"c.json:6: services[0].routes[2].match.header.Host: is matched by \"host\", "
			"which knows ports and case\n"
			"c.json:7: services[0].routes[3].match.query.x: expected one test, found 0\n"
			"c.json:8: services[0].routes[4].match.query.x: expected one test, found 2\n"
			"c.json:9: services[0].routes[5].match.cookie.x.prefix: must not be empty; "
			"{ \"present\": true } matches every value\n"
			"c.json:10: services[0].routes[6].match.cookie.x.range: expected FIRST-LAST, as "
			"\"10-99\", found \"9-1\"\n"
			"c.json:11: services[0].routes[7].match.cookie.x.range: expected FIRST-LAST, as "
			"\"10-99\", found \"1-\"\n"
			"c.json:12: services[0].routes[8].match.source[0]: 192.0.2.1/24 has bits set "
			"behind its prefix; did you mean \"192.0.2.0/24\"?\n"
			"c.json:13: services[0].routes[9].match.source: needs at least 1",
	},
	{
		.what = "splits that cannot be",
		.json = L7(
			"'routes': [{'match': {}, 'split': [{'pool': 'a', 'weight': 0}]},\n"
			"{'pool': 'a', 'split': [{'pool': 'b'}], 'match': {'method': ['GET']}},\n"
			"{'match': {'path': {'prefix': '/'}}},\n"
			"{'match': {'path': {'prefix': '/y'}}, 'split': [{'weight': 1}]}]"),
		.expected =
			"c.json:4: services[0].routes[0].split: all weights are 0: no request "
			"could go anywhere\n"
			"c.json:5: services[0].routes[1]: is never reached: the route for host any, "
			"path any on line 4 takes every request\n"
			"c.json:5: services[0].routes[1].split: not beside \"pool\": one of the "
			"two\n"
			"c.json:6: services[0].routes[2].pool: is required and missing, where there is no "
			"\"split\", \"redirect\" or \"respond\"\n"
			"c.json:7: services[0].routes[3].split[0].pool: is required and missing",
	},
	{
		.what = "a routes file that is not there",
		.json = L7("'routes': 'nowhere.json'"),
		.expected = "c.json:4: services[0].routes: cannot read \"nowhere.json\": No such "
			    "file or directory",
	},
	{
		.what = "a routes file without a name",
		.json = L7("'routes': ''"),
		.expected = "c.json:4: services[0].routes: must not be empty",
	},
	{
		.what = "a routes file with errors of its own, after those of the configuration",
		.json = L7("'routes': 'routes.json'}, {'name': 's', 'mode': 'l7', 'listen':\n"
			   "'192.0.2.101:80/tcp', 'routes': 'routes.json'"),
		.routes = "{\n'routes': [\n{'pool': 'c', 'match': {'host': 5}},\n{'pool': 'a'},\n"
			  "{'pool': 'b'}],\n'x': 1}",
		.expected = "c.json:4: services[1].name: service name s is given twice, first on "
			    "line 3\n"
			    "routes.json:3: routes[0].pool: there is no pool \"c\"\n"
			    "routes.json:3: routes[0].match.host: expected a string, found 5\n"
			    "routes.json:5: routes[2]: a route for host any, path any is given "
			    "twice, first on line 4\n"
			    "routes.json:6: x: unknown key; known here: $schema, routes",
	},
	{
		.what = "a routes file that is no JSON",
		.json = L7("'routes': 'routes.json'}, {'name': 't', 'mode': 'l7', 'listen':\n"
			   "'192.0.2.101:80/tcp', 'routes': 'routes.json'"),
		.routes = "{\n'routes': [}",
		.expected = "routes.json:2: column 12: unexpected token near '}'",
	},
	{
		.what = "a routes file that is a list, or has no routes",
		.json = L7("'routes': 'routes.json'"),
		.routes = "[\n]",
		.expected = "routes.json:1: expected an object, found a list",
	},
};

int main(void)
{
	return conf_rows_run("service_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
