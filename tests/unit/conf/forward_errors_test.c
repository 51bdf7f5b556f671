/* SPDX-License-Identifier: Apache-2.0 */
/* What a way of forwarding asks of the rest of the file. */
#include <string.h>

#include "conf_support.h"

#define PORTS                                                                                      \
	"'ports': [{'name': 'p', 'device': 'd', 'addresses': ['192.0.2.2/24', '2001:db8::2/64']}]"
#define POOLS                                                                                      \
	"'pools': {'near': {'members': ['192.0.2.10:80']}, 'far': {'members': "                    \
	"['198.51.100.1:80']}, 'six': {'members': ['[2001:db8:1::10]:80']}, 'turns': {'balance': " \
	"'round-robin', 'members': ['192.0.2.10:80']}, 'mixed': {'members': "                      \
	"['[2001:db8::11]:80', '192.0.2.11:80']}}"

/* Services from line 2 on, and the keys of one beside its listener. */
#define SERVICES(text) "{" PORTS ", " POOLS ", 'services': [\n" text "]}"
#define V4(text)       "{'name': 'a', 'mode': 'l4', 'listen': '192.0.2.100:1/tcp', " text "}"
#define V6(text)       "{'name': 'b', 'mode': 'l4', 'listen': '[2001:db8::100]:1/tcp', " text "}"
#define UDP(text)      "{'name': 'c', 'mode': 'l4', 'listen': '192.0.2.100:1/udp', " text "}"

static const struct conf_row rows[] = {
	{
		.what = "full NAT from IPv4 to IPv6",
		.json = SERVICES(V4("'pool': 'six'") ",\n" UDP("'pool': 'mixed'")),
		.expected =
			"c.json:2: services[0].pool: member [2001:db8:1::10]:80 of pool \"six\" is "
			"IPv6, but the service listens on IPv4, which \"full-nat\" does not "
			"translate\n"
			"c.json:3: services[1].pool: member [2001:db8::11]:80 of pool \"mixed\" is "
			"IPv6, but the service listens on IPv4, which \"full-nat\" does not "
			"translate",
	},
	{
		.what = "NAT between address families",
		.json = SERVICES(V6("'forward': 'nat', 'pool': 'far'") ",\n" V4(
			"'forward': 'nat', 'pool': 'six'")),
		.expected =
			"c.json:2: services[0].pool: member 198.51.100.1:80 of pool \"far\" is "
			"IPv4, but the service listens on IPv6, which \"nat\" does not translate\n"
			"c.json:3: services[1].pool: member [2001:db8:1::10]:80 of pool \"six\" is "
			"IPv6, but the service listens on IPv4, which \"nat\" does not translate",
	},
	{
		.what = "direct return by Ethernet between address families and beyond a router",
		.json = SERVICES(V6("'forward': 'dsr-l2', 'pool': 'near'") ",\n" V4(
			"'forward': 'dsr-l2', 'pool': 'far'")),
		.expected =
			"c.json:2: services[0].pool: member 192.0.2.10:80 of pool \"near\" is IPv4, "
			"but the service listens on IPv6, which \"dsr-l2\" does not translate\n"
			"c.json:3: services[1].pool: member 198.51.100.1:80 of pool \"far\" is on no "
			"port's network, and \"dsr-l2\" cannot pass a router; use \"dsr-ipip\" or "
			"\"dsr-gue\"",
	},
	{
		.what = "stateless services that need state",
		.json = SERVICES(
			V4("'stateless': true, 'pool': 'near'") ",\n" V6("'forward': 'nat', 'stateless': true, 'pool': 'six'") ",\n" UDP(
				"'forward': 'dsr-l2', 'stateless': true, 'pool': 'turns'")),
		.expected =
			"c.json:2: services[0].stateless: \"full-nat\" needs the connection table; "
			"only dsr-l2, dsr-ipip and dsr-gue do without\n"
			"c.json:3: services[1].stateless: \"nat\" needs the connection table; only "
			"dsr-l2, dsr-ipip and dsr-gue do without\n"
			"c.json:4: services[2].stateless: pool \"turns\" is not balanced by "
			"\"maglev\", which alone finds a flow's member without the connection table",
	},
	{
		.what = "affinity where a client has no one core or no memory",
		.json = SERVICES(
			V4("'forward': 'nat', 'affinity': {'timeout_ms': 1000}, 'pool': 'near'") ",\n" UDP(
				"'forward': 'dsr-ipip', 'stateless': true, 'affinity': {'timeout_ms': 1000}, 'pool': 'near'")),
		.expected =
			"c.json:2: services[0].affinity: by \"nat\" a flow's core follows from the "
			"client's port, so that none would know all of a client; use \"hash\": "
			"\"source-ip\"\n"
			"c.json:3: services[1].affinity: \"stateless\" remembers nothing, clients "
			"neither",
	},
	{
		.what = "keys of tunnels without one",
		.json = SERVICES(V4(
			"'gue_port': 1,\n'gue_variant': 1, 'outer_source': "
			"'198.51.100.0/24', 'pool': 'near'") ",\n" UDP("'forward': 'dsr-ipip', 'gue_port': 1, 'pool': 'far'")),
		.expected = "c.json:2: services[0].gue_port: is for forward \"dsr-gue\" only\n"
			    "c.json:3: services[0].gue_variant: is for forward \"dsr-gue\" only\n"
			    "c.json:3: services[0].outer_source: is for forward \"dsr-ipip\" and "
			    "\"dsr-gue\" only\n"
			    "c.json:4: services[1].gue_port: is for forward \"dsr-gue\" only",
	},
	{
		.what = "values of tunnels",
		.json = SERVICES(V4(
			"'forward': 'dsr-gue', 'gue_port': 65536, 'gue_variant': 2,\n"
			"'outer_source': '198.51.100.1/24', 'oversize': 'clamp', 'pool': 'far'")),
		.expected =
			"c.json:2: services[0].gue_port: 65536 is out of range (1-65535)\n"
			"c.json:2: services[0].gue_variant: 2 is out of range (0-1)\n"
			"c.json:3: services[0].outer_source: 198.51.100.1/24 has bits set behind its "
			"prefix; did you mean \"198.51.100.0/24\"?\n"
			"c.json:3: services[0].oversize: \"clamp\" is not one of: fragment, "
			"clamp-mss, drop",
	},
	{
		.what = "segment sizes that nobody announces here",
		.json = SERVICES(V4("'forward': 'dsr-ipip',\n'oversize': 'clamp-mss', 'pool': "
				    "'far'") ",\n" UDP("'oversize': 'clamp-mss', 'pool': 'far'")),
		.expected =
			"c.json:3: services[0].oversize: \"clamp-mss\" has no effect with "
			"\"dsr-ipip\": the members' SYN|ACK does not pass here; lower the MSS on the "
			"members (advmss)\n"
			"c.json:4: services[1].oversize: \"clamp-mss\" is for services of protocol "
			"tcp",
	},
	{
		.what = "what is for full NAT and tcp alone",
		.json = SERVICES(V4(
			"'forward': 'nat', 'pool': 'near',\n'syn_proxy': {'when': "
			"'always'}, 'client_address': 'toa'") ",\n" UDP("'client_address': 'proxy-v2', 'pool': 'near'")),
		.expected = "c.json:3: services[0].syn_proxy: is for forward \"full-nat\" only\n"
			    "c.json:3: services[0].client_address: is for forward \"full-nat\" "
			    "only\n"
			    "c.json:4: services[1].client_address: is for tcp services only",
	},
	{
		.what = "ways of forwarding of an l7 service",
		.json = SERVICES(
			"{'name': 'a', 'mode': 'l7', 'listen': '192.0.2.100:1/tcp', "
			"'pool': 'near',\n'forward': 'nat', 'stateless': true, 'oversize': "
			"'drop', 'gue_port': 1}"),
		.expected = "c.json:3: services[0].forward: is for services of mode \"l4\" only\n"
			    "c.json:3: services[0].stateless: is for services of mode \"l4\" only\n"
			    "c.json:3: services[0].oversize: is for services of mode \"l4\" only\n"
			    "c.json:3: services[0].gue_port: is for services of mode \"l4\" only",
	},
};

int main(void)
{
	return conf_rows_run("what forwarding asks for", rows, sizeof(rows) / sizeof(rows[0]));
}
