/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, addresses, routes and neighbors. */
#include "conf_support.h"

#define WITH(text) "{" CONF_PORTS ",\n" text "}"

/* A port's addresses, or what stands for them, on line 2. */
#define ADDRESSES(text) "{'ports': [{'name': 'p', 'device': 'd', 'addresses':\n" text "}]}"

static const struct conf_row rows[] = {
	{
		.what = "no port",
		.json = "{'ports': []}",
		.expected = "c.json:1: ports: needs at least 1",
	},
	{
		.what = "a port without anything",
		.json = "{'ports': [{}]}",
		.expected =
			"c.json:1: ports[0].name: is required and missing\n"
			"c.json:1: ports[0]: needs a \"device\", a \"bond\", or a \"parent\" and a "
			"\"vlan\"",
	},
	{
		.what = "a port that is no object",
		.json = "{'ports': [\n5]}",
		.expected = "c.json:2: ports[0]: expected an object, found 5",
	},
	{
		.what = "names, devices and addresses that are taken",
		.json = "{'ports': [\n"
			"{'name': 'a', 'device': 'd', 'addresses': ['192.0.2.2/24', '2001:db8::2/64']},\n"
			"{'name': 'a', 'device': 'd', 'addresses': ['192.0.2.2/25',\n"
			"'2001:DB8:0::2/32']}]}",
		.expected =
			"c.json:3: ports[1].name: port name a is given twice, first on line 2\n"
			"c.json:3: ports[1].device: device d is given twice, first on line 2\n"
			"c.json:3: ports[1].addresses[0]: address 192.0.2.2 is given twice, first on "
			"line 2\n"
			"c.json:4: ports[1].addresses[1]: address 2001:db8::2 is given twice, first "
			"on line 2",
	},
	{
		.what = "VLANs that cannot be",
		.json = "{'ports': [\n"
			"{'name': 'a', 'device': 'd', 'mtu': 1400},\n"
			"{'name': 'b', 'parent': 'a'},\n"
			"{'name': 'c', 'device': 'e', 'vlan': 1},\n"
			"{'name': 'd', 'device': 'f', 'parent': 'a', 'vlan': 2},\n"
			"{'name': 'e', 'parent': 'z', 'vlan': 3},\n"
			"{'name': 'f', 'parent': 'a', 'vlan': 0},\n"
			"{'name': 'g', 'parent': 'a', 'vlan': 4095},\n"
			"{'name': 'h', 'parent': 'a', 'vlan': 5, 'mtu': 1500, 'promiscuous': true},\n"
			"{'name': 'i', 'parent': 'h', 'vlan': 6},\n"
			"{'name': 'j', 'parent': 'a', 'vlan': 5}]}",
		.expected =
			"c.json:3: ports[1].parent: needs a \"vlan\", its number\n"
			"c.json:4: ports[2].vlan: needs a \"parent\" that carries the VLAN\n"
			"c.json:5: ports[3].parent: a port has a \"device\" or a \"parent\", not both\n"
			"c.json:6: ports[4].parent: there is no port \"z\"\n"
			"c.json:7: ports[5].vlan: 0 is out of range (1-4094)\n"
			"c.json:8: ports[6].vlan: 4095 is out of range (1-4094)\n"
			"c.json:9: ports[7].mtu: 1500 is more than the parent's 1400\n"
			"c.json:9: ports[7].promiscuous: is of the parent's device: set it there\n"
			"c.json:10: ports[8].parent: port h is a VLAN itself: one in another is not "
			"supported\n"
			"c.json:11: ports[9].vlan: VLAN 5 of port a is port h already",
	},
	{
		.what = "a VLAN of IPv6 on a port that is too small for it",
		.json = "{'ports': [{'name': 'a', 'device': 'd', 'mtu': 1000},\n"
			"{'name': 'b', 'parent': 'a', 'vlan': 1, 'addresses': ['2001:db8::2/64']}]}",
		.expected = "c.json:2: ports[1].parent: 1000 is too small for a port with an IPv6 "
			    "address (at least 1280)",
	},
	{
		.what = "kernel interfaces that cannot be, and one twice",
		.json = "{'ports': [\n"
			"{'name': 'a', 'device': 'd', 'kernel_interface': 'sixteen-letters-'},\n"
			"{'name': 'b', 'device': 'e', 'kernel_interface': '..'},\n"
			"{'name': 'c', 'device': 'f', 'kernel_interface': 'k/'},\n"
			"{'name': 'd', 'device': 'g', 'kernel_interface': 'k0'},\n"
			"{'name': 'e', 'device': 'h', 'kernel_interface': 'k0'}]}",
		.expected =
			"c.json:2: ports[0].kernel_interface: expected an interface name of 1-15 "
			"letters, digits, \"_\", \".\" and \"-\", found \"sixteen-letters-\"\n"
			"c.json:3: ports[1].kernel_interface: expected an interface name of 1-15 "
			"letters, digits, \"_\", \".\" and \"-\", found \"..\"\n"
			"c.json:4: ports[2].kernel_interface: expected an interface name of 1-15 "
			"letters, digits, \"_\", \".\" and \"-\", found \"k/\"\n"
			"c.json:6: ports[4].kernel_interface: kernel interface k0 is given twice, first "
			"on line 5",
	},
	{
		.what = "announcements without a kernel interface, and out of range",
		.json = WITH("'announce': {'table': 0,\n'protocol': 4,\n'when': 'al'}"),
		.expected =
			"c.json:2: announce: needs a port with a \"kernel_interface\", which the "
			"routes name as their device\n"
			"c.json:2: announce.table: 0 is out of range (1-4294967295)\n"
			"c.json:3: announce.protocol: 4 is out of range (5-255)\n"
			"c.json:4: announce.when: \"al\" is not one of: all, any; did you mean "
			"\"all\"?",
	},
	{
		.what = "an address without a length",
		.json = ADDRESSES("['192.0.2.2']"),
		.expected = "c.json:2: ports[0].addresses[0]: expected ADDRESS/LENGTH, as "
			    "192.0.2.2/24 or 2001:db8::2/64, found \"192.0.2.2\"",
	},
	{
		.what = "a length that cannot be",
		.json = ADDRESSES("['192.0.2.2/33', '192.0.2.3/']"),
		.expected = "c.json:2: ports[0].addresses[0]: expected ADDRESS/LENGTH, as "
			    "192.0.2.2/24 or 2001:db8::2/64, found \"192.0.2.2/33\"\n"
			    "c.json:2: ports[0].addresses[1]: expected ADDRESS/LENGTH, as "
			    "192.0.2.2/24 or 2001:db8::2/64, found \"192.0.2.3/\"",
	},
	{
		.what = "addresses that no host has",
		.json = ADDRESSES("['224.0.0.1/4', 'ff02::1/8', '127.0.0.1/8', '::1/128',\n"
				  "'0.0.0.0/0', '::/0', '255.255.255.255/32']"),
		.expected =
			"c.json:2: ports[0].addresses[0]: 224.0.0.1 is a multicast address; expected "
			"a host's own address\n"
			"c.json:2: ports[0].addresses[1]: ff02::1 is a multicast address; expected a "
			"host's own address\n"
			"c.json:2: ports[0].addresses[2]: 127.0.0.1 is a loopback address; expected "
			"a host's own address\n"
			"c.json:2: ports[0].addresses[3]: ::1 is the loopback address; expected a "
			"host's own address\n"
			"c.json:3: ports[0].addresses[4]: 0.0.0.0 is the unspecified address; "
			"expected a host's own address\n"
			"c.json:3: ports[0].addresses[5]: :: is the unspecified address; expected a "
			"host's own address\n"
			"c.json:3: ports[0].addresses[6]: 255.255.255.255 is the broadcast address; "
			"expected a host's own address",
	},
	{
		.what = "an MTU that IPv6 does not bear",
		.json = "{'ports': [{'name': 'p', 'device': 'd', 'addresses': ['2001:db8::2/64'],\n"
			"'mtu': 1279, 'promiscuous': 1, 'rx_descriptors': 63}]}",
		.expected = "c.json:2: ports[0].mtu: 1279 is too small for a port with an IPv6 "
			    "address (at least 1280)\n"
			    "c.json:2: ports[0].promiscuous: expected true or false, found 1\n"
			    "c.json:2: ports[0].rx_descriptors: 63 is out of range (64-32768)",
	},
	{
		.what = "routes",
		.json = WITH("'routes': [{'to': '10.0.0.1/8', 'via': '192.0.2.1'},\n"
			     "{'to': '0.0.0.0/0', 'via': '198.51.100.1'},\n"
			     "{'to': '::/0', 'via': '192.0.2.1'},\n"
			     "{'to': '10.0.0.0/8', 'via': '192.0.2.2'},\n"
			     "{'to': '10.0.0.0/8', 'via': '192.0.2.9'},\n"
			     "{'to': 'x', 'vai': '2001:db8::1'}]"),
		.expected =
			"c.json:2: routes[0].to: 10.0.0.1/8 has bits set behind its prefix; did you "
			"mean \"10.0.0.0/8\"?\n"
			"c.json:3: routes[1].via: 198.51.100.1 is on no port's link: no prefix in "
			"ports[].addresses holds it\n"
			"c.json:4: routes[2].via: is not of the address family of \"to\"\n"
			"c.json:5: routes[3].via: 192.0.2.2 is our own address\n"
			"c.json:6: routes[4].to: a route to 10.0.0.0/8 is given twice, first on line 5\n"
			"c.json:7: routes[5].via: is required and missing\n"
			"c.json:7: routes[5].to: expected ADDRESS/LENGTH, as 0.0.0.0/0 or "
			"2001:db8::/32, found \"x\"\n"
			"c.json:7: routes[5].vai: unknown key; did you mean \"via\"?",
	},
	{
		.what = "an IPv6 next hop is not on the link of a port that could not be read",
		.json = "{'ports': [{'name': 'p', 'device': 'd', 'addresses': ['x']}],\n"
			"'routes': [{'to': '::/0', 'via': '2001:db8::1'}]}",
		.expected =
			"c.json:1: ports[0].addresses[0]: expected ADDRESS/LENGTH, as "
			"192.0.2.2/24 or 2001:db8::2/64, found \"x\"\n"
			"c.json:2: routes[0].via: 2001:db8::1 is on no port's link: no prefix in "
			"ports[].addresses holds it",
	},
	{
		.what = "neighbors",
		.json = WITH("'neighbors': [{'address': '192.0.2.7', 'mac': '02:00:00:00:00:7'},\n"
			     "{'address': '192.0.2.7', 'mac': '03:00:00:00:00:07'},\n"
			     "{'address': '192.0.3.7', 'mac': '02:00:00:00:00:0x07'},\n"
			     "{'address': '192.0.2.8', 'mac': '02-00-00-00-00-07'},\n"
			     "{'address': '192.0.2.9', 'mac': '02:00:00:00:00: 7'}]"),
		.expected =
			"c.json:2: neighbors[0].mac: expected an Ethernet address, as "
			"02:00:00:00:00:01, found \"02:00:00:00:00:7\"\n"
			"c.json:3: neighbors[1].address: neighbor 192.0.2.7 is given twice, first on line "
			"2\n"
			"c.json:3: neighbors[1].mac: expected the Ethernet address of one host, found "
			"\"03:00:00:00:00:07\"\n"
			"c.json:4: neighbors[2].address: 192.0.3.7 is on no port's link: no prefix in "
			"ports[].addresses holds it\n"
			"c.json:4: neighbors[2].mac: expected an Ethernet address, as "
			"02:00:00:00:00:01, found \"02:00:00:00:00:0x07\"\n"
			"c.json:5: neighbors[3].mac: expected an Ethernet address, as "
			"02:00:00:00:00:01, found \"02-00-00-00-00-07\"\n"
			"c.json:6: neighbors[4].mac: expected an Ethernet address, as "
			"02:00:00:00:00:01, found \"02:00:00:00:00: 7\"",
	},
	{
		.what = "local addresses",
		.json = WITH("'local_addresses': ['192.0.2.2', '192.0.2.2/24',\n'192.0.2.2']"),
		.expected =
			"c.json:2: local_addresses[1]: expected an IPv4 or IPv6 address, found "
			"\"192.0.2.2/24\"\n"
			"c.json:3: local_addresses[2]: local address 192.0.2.2 is given twice, first "
			"on line 2",
	},
	{
		.what = "no local address of a member's family",
		.json = WITH("'pools': {'a': {'members': ['[2001:db8::10]:80',\n"
			     "'[2001:db8::11]:80']}}"),
		.expected = "c.json:2: pools.a.members[0]: an IPv6 member needs an IPv6 address in "
			    "local_addresses or on a port",
	},
	{
		.what = "local addresses count, not those of the ports",
		.json = WITH("'local_addresses': ['2001:db8::2'],\n"
			     "'pools': {'a': {'members': ['198.51.100.1:80']}}"),
		.expected = "c.json:3: pools.a.members[0]: an IPv4 member needs an IPv4 address in "
			    "local_addresses or on a port",
	},
};

int main(void)
{
	return conf_rows_run("network_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
