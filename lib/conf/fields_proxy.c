/* SPDX-License-Identifier: Apache-2.0 */
/* What full NAT does to the beginning of a TCP connection. */
#include <netinet/in.h>

#include "proxy.h"
#include "reader.h"

#define RATE_MAX 1000000000

static const struct choice when_choices[] = {
	{
		.name = "off",
		.value = CONFIG_SYN_PROXY_OFF,
		.help = "members answer SYNs",
	},
	{
		.name = "flood",
		.value = CONFIG_SYN_PROXY_FLOOD,
		.help = "while more than `syns_per_s` SYNs come",
	},
	{
		.name = "always",
		.value = CONFIG_SYN_PROXY_ALWAYS,
		.help = "for all connections",
	},
	{ .name = NULL },
};

static const struct field syn_proxy_fields[] = {
	{
		.name = "when",
		.help = "when SYNs are answered here",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_syn_guard, when),
		.choices = when_choices,
		.value = CONFIG_SYN_PROXY_OFF,
	},
	{
		.name = "syns_per_s",
		.help = "`flood`: SYNs of all clients together, of which each L4 worker takes an "
			"equal share",
		.type = FIELD_NUMBER,
		.unit = "packets/s",
		.offset = offsetof(struct config_syn_guard, syns_per_s),
		.min = 1,
		.max = RATE_MAX,
		.value = 10000,
	},
	{ .name = NULL },
};

const struct table syn_proxy_table = {
	.name = "syn_proxy",
	.help = "SYNs that are answered before a member hears of them.",
	.fields = syn_proxy_fields,
};

const struct choice pool_client_address_choices[] = {
	{
		.name = "none",
		.value = CONFIG_CLIENT_ADDRESS_NONE,
		.help = "not on the connection; requests have X-Forwarded-For",
	},
	{
		.name = "proxy-v1",
		.value = CONFIG_CLIENT_ADDRESS_PROXY_V1,
		.help = "by the PROXY protocol in words, ahead of everything, TLS too; members must "
			"expect it",
	},
	{
		.name = "proxy-v2",
		.value = CONFIG_CLIENT_ADDRESS_PROXY_V2,
		.help = "by the PROXY protocol in binary, with the name and the protocol that the "
			"client asked for in TLS",
	},
	{ .name = NULL },
};

const struct choice client_address_choices[] = {
	{
		.name = "none",
		.value = CONFIG_CLIENT_ADDRESS_NONE,
		.help = "not at all",
	},
	{
		.name = "proxy-v1",
		.value = CONFIG_CLIENT_ADDRESS_PROXY_V1,
		.help = "by the PROXY protocol in words, in front of the client's data; members "
			"must expect it",
	},
	{
		.name = "proxy-v2",
		.value = CONFIG_CLIENT_ADDRESS_PROXY_V2,
		.help = "by the PROXY protocol in binary",
	},
	{
		.name = "toa",
		.value = CONFIG_CLIENT_ADDRESS_TOA,
		.help = "by TCP option 254 in SYN and ACK, as LVS and DPVS do; members ignore it "
			"or have a kernel module that reads it",
	},
	{ .name = NULL },
};

static void key_check(
	struct reader *reader, const struct node *child, const struct config_service *service)
{
	if (child == NULL)
		return;
	if (service->forward != CONFIG_FORWARD_FULL_NAT)
		problem_add_key(&reader->problems, child, "is for forward \"full-nat\" only");
	else if (service->protocol != IPPROTO_TCP && service->protocol != 0)
		problem_add_key(&reader->problems, child, "is for tcp services only");
}

void proxy_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	if (service->syn_proxy.when != CONFIG_SYN_PROXY_OFF)
		key_check(reader, node_get(node, "syn_proxy"), service);
	if (service->client_address != CONFIG_CLIENT_ADDRESS_NONE)
		key_check(reader, node_get(node, "client_address"), service);
}
