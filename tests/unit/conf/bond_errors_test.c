/* SPDX-License-Identifier: Apache-2.0 */
/* Bonds that cannot be. */
#include "conf_support.h"

/* Two ports on line 1; more of them from line 2 on. */
#define BONDS(text)                                                                                \
	"{'ports': [{'name': 'a', 'device': 'd1'}, {'name': 'b', 'device': 'd2'},\n" text "]}"
#define BACKUP(members) "'bond': {'mode': 'active-backup', 'members': [" members "]}"

static const struct conf_row rows[] = {
	{
		.what = "a bond beside a device, and beside a parent",
		.json = BONDS("{'name': 'w', 'device': 'e',\n" BACKUP(
			"'a', 'b'") "},\n"
				    "{'name': 'x', 'device': 'f'}, {'name': 'y', 'device': 'g'},\n"
				    "{'name': 'z', 'parent': 'w', 'vlan': 3,\n" BACKUP(
					    "'x', 'y'") "}"),
		.expected =
			"c.json:3: ports[2].bond: a port has a \"device\", a \"parent\" or a \"bond\", "
			"one of them\n"
			"c.json:6: ports[5].bond: a port has a \"device\", a \"parent\" or a \"bond\", "
			"one of them",
	},
	{
		.what = "no mode and no members",
		.json = BONDS("{'name': 'w', 'bond': {}}"),
		.expected = "c.json:2: ports[2].bond.mode: is required and missing\n"
			    "c.json:2: ports[2].bond.members: is required and missing",
	},
	{
		.what = "members: one, none by that name, no text",
		.json = BONDS("{'name': 'w', " BACKUP(
			"'a'") "},\n"
			       "{'name': 'x', " BACKUP("'b', 'bb'") "},\n"
								    "{'name': 'y', " BACKUP(
									    "7, ''") "}"),
		.expected =
			"c.json:2: ports[2].bond.members: needs at least 2\n"
			"c.json:3: ports[3].bond.members[1]: there is no port \"bb\"; did you mean "
			"\"b\"?\n"
			"c.json:4: ports[4].bond.members[0]: expected a string, found 7\n"
			"c.json:4: ports[4].bond.members[1]: expected a name of 1-63 letters, digits, "
			"\"_\", \".\" and \"-\", found \"\"",
	},
	{
		.what = "too many members",
		.json = BONDS(
			"{'name': 'w', " BACKUP("'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'") "}"),
		.expected = "c.json:2: ports[2].bond.members: 9 are too many, at most 8 fit",
	},
	{
		.what = "a member twice, in one bond and in two",
		.json = BONDS("{'name': 'w', " BACKUP("'a', 'a'") "},\n"
								  "{'name': 'x', " BACKUP(
									  "'b', 'a'") "}"),
		.expected =
			"c.json:2: ports[2].bond.members[1]: port a is a member of bond w already\n"
			"c.json:3: ports[3].bond.members[1]: port a is a member of bond w already",
	},
	{
		.what = "members that are no plain devices: a bond, itself, a VLAN, a carrier of one",
		.json = BONDS("{'name': 'w', " BACKUP(
			"'a', 'b'") "},\n"
				    "{'name': 'c', 'device': 'e'}, {'name': 'v', 'parent': 'c', 'vlan': 1},\n"
				    "{'name': 'x', " BACKUP("'w', 'x'") "},\n"
									"{'name': 'y', " BACKUP(
										"'v', 'c'") "}"),
		.expected =
			"c.json:4: ports[5].bond.members[0]: port w is a bond itself: one in another "
			"is not supported\n"
			"c.json:4: ports[5].bond.members[1]: port x is a bond itself: one in another "
			"is not supported\n"
			"c.json:5: ports[6].bond.members[0]: port v is a VLAN: put the VLAN on the "
			"bond, not the bond on VLANs\n"
			"c.json:5: ports[6].bond.members[1]: port c carries VLANs: put them on the "
			"bond",
	},
	{
		.what = "a member with what is the bond's",
		.json = "{'ports': [{'name': 'a', 'device': 'd1', 'addresses': ['192.0.2.1/24']},\n"
			"{'name': 'b', 'device': 'd2', 'mtu': 1400, 'kernel_interface': 'k'},\n"
			"{'name': 'w', " BACKUP("'a', 'b'") "}]}",
		.expected =
			"c.json:1: ports[0].addresses: the port is a member of the bond \"w\": set it "
			"there\n"
			"c.json:2: ports[1].mtu: the port is a member of the bond \"w\": set it "
			"there\n"
			"c.json:2: ports[1].kernel_interface: the port is a member of the bond \"w\": "
			"set it there",
	},
	{
		.what = "keys of the other mode",
		.json = BONDS(
			"{'name': 'w', 'bond': {'mode': 'lacp', 'members': ['a', 'b'],\n"
			"'primary': 'a',\n'up_delay_ms': 5}},\n"
			"{'name': 'c', 'device': 'e'}, {'name': 'd', 'device': 'f'},\n"
			"{'name': 'x', 'bond': {'mode': 'active-backup', 'members': ['c', 'd'],\n"
			"'hash': 'layer2',\n'lacp_rate': 'slow'}}"),
		.expected =
			"c.json:3: ports[2].bond.primary: is for mode \"active-backup\", not \"lacp\"\n"
			"c.json:4: ports[2].bond.up_delay_ms: is for mode \"active-backup\", not "
			"\"lacp\"\n"
			"c.json:7: ports[5].bond.hash: is for mode \"lacp\", not \"active-backup\"\n"
			"c.json:8: ports[5].bond.lacp_rate: is for mode \"lacp\", not "
			"\"active-backup\"",
	},
	{
		.what = "a primary that is no member; values and keys that are none",
		.json = BONDS("{'name': 'w', 'bond': {'mode': 'active-backup', 'primary': 'w',\n"
			      "'members': ['a', 'b'], 'up_delay_ms': 60001,\n'primry': 'a'}},\n"
			      "{'name': 'c', 'device': 'e'}, {'name': 'd', 'device': 'f'},\n"
			      "{'name': 'x', 'bond': {'mode': 'lcap', 'members': ['c', 'd'],\n"
			      "'hash': 'layer4'}}"),
		.expected =
			"c.json:2: ports[2].bond.primary: \"w\" is not among the members\n"
			"c.json:3: ports[2].bond.up_delay_ms: 60001 is out of range (0-60000)\n"
			"c.json:4: ports[2].bond.primry: unknown key; did you mean \"primary\"?\n"
			"c.json:6: ports[5].bond.mode: \"lcap\" is not one of: active-backup, lacp; did "
			"you mean \"lacp\"?\n"
			"c.json:7: ports[5].bond.hash: \"layer4\" is not one of: layer3+4, layer2+3, "
			"layer2; did you mean \"layer2\"?",
	},
};

int main(void)
{
	return conf_rows_run("bond_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
