/* SPDX-License-Identifier: Apache-2.0 */
/* Services that pass connections through, and pools that tell members of the client. */
#include "conf_support.h"

#define PORTS "'ports': [{'name': 'p', 'device': 'd', 'addresses': ['192.0.2.2/24']}]"
#define POOLS                                                                                      \
	"'pools': {'a': {'members': ['198.51.100.1:443']}, 'b': {'hash_on': 'path', 'members': "   \
	"['198.51.100.1:443']}, 'c': {'protocol': 'h2', 'members': ['198.51.100.1:443']}}"
/* Services from line 2 on. */
#define SERVICES(text) "{" PORTS ", " POOLS ", 'services': [\n" text "]}"
#define SERVICE(text)  "{'name': 's', 'listen': '192.0.2.100:1/tcp', " text "}"
#define TLS(text)      SERVICE("'mode': 'tls-passthrough', " text)
#define ROUTE(text)    TLS("'routes': [{" text "}]")

static const struct conf_row rows[] = {
	{
		.what = "keys of HTTP and of TLS that ends here",
		.json = SERVICES(
			TLS("'pool': 'a', 'tls': {'certificates': []}, 'http': {}, 'tunnels': {}")),
		.expected = "c.json:2: services[0].tls: is for services of mode \"l7\" only\n"
			    "c.json:2: services[0].tls.certificates: needs at least 1\n"
			    "c.json:2: services[0].http: is for services of mode \"l7\" only\n"
			    "c.json:2: services[0].tunnels: is for services of mode \"l7\" only",
	},
	{
		.what = "matchers of HTTP, also in conditions",
		.json = SERVICES(ROUTE(
			"'match': {'host': 'a.example', 'any_of': [{'alpn': ['h2']}, {'method': ['GET']}]}, "
			"'pool': 'a'")),
		.expected =
			"c.json:2: services[0].routes[0].match.host: is of HTTP: for services of "
			"mode \"l7\" only\n"
			"c.json:2: services[0].routes[0].match.any_of[1].method: is of HTTP: for "
			"services of mode \"l7\" only",
	},
	{
		.what = "actions of HTTP",
		.json = SERVICES(
			ROUTE("'pool': 'a', 'rewrite': {'prefix': '/'}, 'mirror': {'pool': 'a'}")),
		.expected =
			"c.json:2: services[0].routes[0].rewrite: is of HTTP: for services of mode "
			"\"l7\" only\n"
			"c.json:2: services[0].routes[0].rewrite.prefix: the route matches no "
			"prefix that it could replace\n"
			"c.json:2: services[0].routes[0].mirror: is of HTTP: for services of mode "
			"\"l7\" only",
	},
	{
		.what = "a ClientHello that nobody looks at",
		.json = SERVICES(SERVICE(
			"'mode': 'tcp', 'routes': [{'match': {'sni': 'a.example'}, "
			"'pool': 'a'}]") ",\n"
					 "{'name': 't', 'listen': '192.0.2.100:2/tcp', 'mode': 'l7', 'routes': "
					 "[{'match': {'alpn': ['h2']}, 'pool': 'a'}], 'passthrough': {}}"),
		.expected =
			"c.json:2: services[0].routes[0].match.sni: is for services of mode "
			"\"tls-passthrough\" only\n"
			"c.json:3: services[1].routes[0].match.alpn: is for services of mode "
			"\"tls-passthrough\" only: of TLS that ends here, \"tls\" knows the name\n"
			"c.json:3: services[1].passthrough: is for services of mode "
			"\"tls-passthrough, tcp\" only",
	},
	{
		.what = "pools that want requests",
		.json = SERVICES(TLS("'pool': 'b', 'routes': [{'match': {'sni': 'x.example'}, "
				     "'pool': 'c'}]")),
		.expected =
			"c.json:2: services[0].pool: pool \"b\" has a \"hash_on\" of HTTP; here "
			"it can only be \"source\"\n"
			"c.json:2: services[0].routes: pool \"c\" speaks HTTP/2 to its members: "
			"that is for services of mode \"l7\" only",
	},
	{
		.what = "neither routes nor a pool, and names that are none",
		.json = SERVICES(TLS(
			"'acl': {}") ",\n"
				     "{'name': 't', 'listen': '192.0.2.100:2/tcp', 'mode': 'tls-passthrough', "
				     "'routes': [{'match': {'sni': 'a b', 'alpn': ['']}, 'pool': 'a'}]}"),
		.expected = "c.json:2: services[0].routes: a service of mode \"tls-passthrough\" "
			    "needs \"routes\", a \"pool\", or both\n"
			    "c.json:3: services[1].routes[0].match.sni: expected a server name, as "
			    "\"example.com\" or \"*.example.com\", found \"a b\"\n"
			    "c.json:3: services[1].routes[0].match.alpn[0]: expected the name of a "
			    "protocol, as \"h2\", of 1-255 bytes",
	},
	{
		.what = "one client's name on a connection of many",
		.json = "{" PORTS ", 'pools': {\n'a': {'members': ['198.51.100.1:80'], 'protocol': "
			"'h2', 'client_address': 'proxy-v2'},\n'b': {'members': ['198.51.100.1:80'], "
			"'client_address': 'toa'}}}",
		.expected =
			"c.json:2: pools.a.client_address: the PROXY protocol names one client "
			"for a connection, and HTTP/2 carries requests of many: the pool speaks "
			"\"h1\" alone\n"
			"c.json:3: pools.b.client_address: \"toa\" is not one of: none, "
			"proxy-v1, proxy-v2",
	},
};

int main(void)
{
	return conf_rows_run("what passes through", rows, sizeof(rows) / sizeof(rows[0]));
}
