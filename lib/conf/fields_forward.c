/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in which packets of l4 services reach the members, and what each asks for. */
#include <limits.h>
#include <netinet/in.h>

#include "forward.h"
#include "reader.h"
#include "text.h"

const struct choice forward_choices[] = {
	{
		.name = "full-nat",
		.value = CONFIG_FORWARD_FULL_NAT,
		.help = "both addresses are rewritten; members see one of `local_addresses`. IPv6 "
			"clients can have IPv4 members",
	},
	{
		.name = "nat",
		.value = CONFIG_FORWARD_NAT,
		.help = "the destination is rewritten; members see the client, and their replies "
			"must be routed back through here",
	},
	{
		.name = "dsr-l2",
		.value = CONFIG_FORWARD_DSR_L2,
		.help = "only the Ethernet address is the member's, which is on a port's network, "
			"has the service's address on its loopback and replies directly",
	},
	{
		.name = "dsr-ipip",
		.value = CONFIG_FORWARD_DSR_IPIP,
		.help = "in a tunnel of IP in IP, of either version in either; the member replies "
			"directly",
	},
	{
		.name = "dsr-gue",
		.value = CONFIG_FORWARD_DSR_GUE,
		.help = "in a tunnel of IP in UDP (Generic UDP Encapsulation), spread by its source "
			"port; the member replies directly",
	},
	{ .name = NULL },
};

const struct choice oversize_choices[] = {
	{
		.name = "fragment",
		.value = CONFIG_OVERSIZE_FRAGMENT,
		.help = "fragmented where the sender allows it",
	},
	{
		.name = "clamp-mss",
		.value = CONFIG_OVERSIZE_CLAMP_MSS,
		.help = "likewise, and the maximum segment size that both sides of a TCP connection "
			"announce is lowered to what fits; for modes through which both pass",
	},
	{
		.name = "drop",
		.value = CONFIG_OVERSIZE_DROP,
		.help = "dropped",
	},
	{ .name = NULL },
};

static void outer_source_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (node != NULL)
		text_network.read(reader, node, text, target);
}

const struct text_kind outer_source_kind = {
	.what = "ADDRESS/LENGTH",
	.pattern = "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$",
	.read = outer_source_read,
};

static bool is_tunnel(enum config_forward forward)
{
	return forward == CONFIG_FORWARD_DSR_IPIP || forward == CONFIG_FORWARD_DSR_GUE;
}

static bool is_dsr(enum config_forward forward)
{
	return forward == CONFIG_FORWARD_DSR_L2 || is_tunnel(forward);
}

static const char *family_name(const struct ip_addr *address)
{
	return ip_is_v4(address) ? "IPv4" : "IPv6";
}

static const char *forward_name(enum config_forward forward)
{
	for (const struct choice *choice = forward_choices; choice->name != NULL; choice++) {
		if (choice->value == forward)
			return choice->name;
	}
	return "";
}

/* Tunnels mix families as they like; full NAT translates from IPv6 to IPv4 only. */
static bool is_family_possible(
	const struct config_service *service, const struct config_member *member)
{
	if (is_tunnel(service->forward) ||
		ip_is_v4(&member->address) == ip_is_v4(&service->address))
		return true;
	return service->forward == CONFIG_FORWARD_FULL_NAT && ip_is_v4(&member->address);
}

static bool is_on_a_port(const struct config *config, const struct ip_addr *address)
{
	for (size_t i = 0; i < config->port_count; i++) {
		for (size_t j = 0; j < config->ports[i].address_count; j++) {
			const struct ip_prefix *prefix = &config->ports[i].addresses[j];

			/* One that could not be read may be the one. */
			if (!text_is_read(&prefix->addr) || ip_prefix_contains(prefix, address))
				return true;
		}
	}
	return false;
}

/* The first member that cannot be reached in this mode. */
static void members_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct config_pool *pool = &reader->config->pools[service->pool];
	const struct node *at = node_get(node, "pool");

	for (size_t i = 0; i < pool->member_count; i++) {
		const struct config_member *member = &pool->members[i];

		if (!text_is_read(&member->address))
			continue;
		if (!is_family_possible(service, member)) {
			problem_add(&reader->problems, at,
				"member %s of pool \"%s\" is %s, but the service listens on %s, "
				"which \"%s\" does not translate",
				member->name, pool->name, family_name(&member->address),
				family_name(&service->address), forward_name(service->forward));
			return;
		}
		if (service->forward == CONFIG_FORWARD_DSR_L2 &&
			!is_on_a_port(reader->config, &member->address)) {
			problem_add(&reader->problems, at,
				"member %s of pool \"%s\" is on no port's network, and \"dsr-l2\" "
				"cannot pass a router; use \"dsr-ipip\" or \"dsr-gue\"",
				member->name, pool->name);
			return;
		}
	}
}

/* Any core, and any appliance, must choose the same member for the next packet of a flow. */
static void stateless_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct node *at = node_get(node, "stateless");

	if (!is_dsr(service->forward))
		problem_add(&reader->problems, at,
			"\"%s\" needs the connection table; only dsr-l2, dsr-ipip and dsr-gue do "
			"without",
			forward_name(service->forward));
	if (service->pool != UINT_MAX &&
		reader->config->pools[service->pool].balance != CONFIG_BALANCE_MAGLEV)
		problem_add(&reader->problems, at,
			"pool \"%s\" is not balanced by \"maglev\", which alone finds a flow's "
			"member without the connection table",
			reader->config->pools[service->pool].name);
}

static void only_for_check(struct reader *reader, const struct node *node, const char *key,
	bool is_fit, const char *modes)
{
	const struct node *child = node_get(node, key);

	if (child != NULL && !is_fit)
		problem_add_key(&reader->problems, child, "is for forward %s only", modes);
}

void forward_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	bool is_gue = service->forward == CONFIG_FORWARD_DSR_GUE;

	only_for_check(reader, node, "gue_variant", is_gue, "\"dsr-gue\"");
	only_for_check(reader, node, "gue_port", is_gue, "\"dsr-gue\"");
	only_for_check(reader, node, "outer_source", is_tunnel(service->forward),
		"\"dsr-ipip\" and \"dsr-gue\"");
	if (service->is_stateless)
		stateless_check(reader, node, service);
	if (service->oversize == CONFIG_OVERSIZE_CLAMP_MSS && is_dsr(service->forward))
		problem_add(&reader->problems, node_get(node, "oversize"),
			"\"clamp-mss\" has no effect with \"%s\": the members' SYN|ACK does not pass "
			"here; lower the MSS on the members (advmss)",
			forward_name(service->forward));
	if (service->oversize == CONFIG_OVERSIZE_CLAMP_MSS &&
		(service->protocol == IPPROTO_UDP || service->protocol == IPPROTO_SCTP))
		problem_add(&reader->problems, node_get(node, "oversize"),
			"\"clamp-mss\" is for services of protocol tcp");
	if (service->pool != UINT_MAX && text_is_read(&service->address))
		members_check(reader, node, service);
}
