/* SPDX-License-Identifier: Apache-2.0 */
/* Links, addresses and routes of the kernel's, by rtnetlink(7). */
#include "netlink.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "port/bond.h"
#include "port/kernel.h"

#define REQUEST_BYTES 256
#define ANSWER_BYTES  32768 /* what the kernel fills at most for a dump */
#define V4_BYTES      4
#define V6_BYTES      16
#define BITS          8
#define LOWER_UP      (1u << 16) /* IFF_LOWER_UP, which <net/if.h> lacks */

struct request {
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_BYTES];
	};
};

static uint8_t family_of(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? AF_INET : AF_INET6;
}

static void address_put(struct nlmsghdr *header, uint16_t attribute, const struct ip_addr *addr)
{
	if (ip_is_v4(addr))
		mnl_attr_put(header, attribute, V4_BYTES, &addr->words_be[3]);
	else
		mnl_attr_put(header, attribute, V6_BYTES, addr->bytes);
}

static struct nlmsghdr *request_start(struct request *request, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->bytes);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	return header;
}

/* Sends a request and hands every answer to the callback, up to the last. 0 or -errno. */
static int request_run(const struct nlmsghdr *header, mnl_cb_t callback, void *ctx)
{
	char buffer[ANSWER_BYTES];
	int is_strict = 1;
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	int status = -1;

	if (socket == NULL)
		return -errno;
	/* A dump gives what its header asks for. Kernels before 4.20 give all: it is sorted out. */
	(void)mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &is_strict, sizeof(is_strict));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
		mnl_socket_sendto(socket, header, header->nlmsg_len) >= 0) {
		status = MNL_CB_OK;
		while (status > MNL_CB_STOP) {
			ssize_t len = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

			status = len <= 0 ? -1
					  : mnl_cb_run(buffer, (size_t)len, 0,
						    mnl_socket_get_portid(socket), callback, ctx);
		}
	}
	if (status < 0)
		status = -errno;
	mnl_socket_close(socket);
	return status;
}

int netlink_address_add(const char *interface, const struct ip_prefix *address)
{
	struct request request;
	struct nlmsghdr *header = request_start(
		&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	bool is_v4 = ip_is_v4(&address->addr);

	message->ifa_family = family_of(&address->addr);
	message->ifa_prefixlen = (uint8_t)address->prefix_len;
	/* The port defends the address; a check for duplicates would only find itself. */
	message->ifa_flags = is_v4 ? 0 : IFA_F_NODAD;
	message->ifa_index = if_nametoindex(interface);
	if (message->ifa_index == 0)
		return -errno;
	address_put(header, IFA_LOCAL, &address->addr);
	address_put(header, IFA_ADDRESS, &address->addr);
	return request_run(header, NULL, NULL);
}

/* libmnl's callback for the answer to RTM_GETLINK. */
static int flags_look(const struct nlmsghdr *header, void *ctx)
{
	const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);

	*(unsigned *)ctx = message->ifi_flags;
	return MNL_CB_OK;
}

static struct ifinfomsg *link_put(struct nlmsghdr *header, const char *interface)
{
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	message->ifi_family = AF_UNSPEC;
	message->ifi_index = (int)if_nametoindex(interface);
	return message;
}

/* By IFF_LOWER_UP, which follows the carrier at once: the kernel may keep IFF_RUNNING for 1 s. */
bool netlink_link_is_up(const char *interface)
{
	struct request request;
	struct nlmsghdr *header = request_start(&request, RTM_GETLINK, NLM_F_ACK);
	unsigned flags = 0;

	if (link_put(header, interface)->ifi_index == 0 ||
		request_run(header, flags_look, &flags) < 0)
		return false;
	return (flags & (IFF_UP | LOWER_UP)) == (IFF_UP | LOWER_UP);
}

int netlink_mac_set(const char *interface, const uint8_t mac[6])
{
	struct request request;
	struct nlmsghdr *header = request_start(&request, RTM_NEWLINK, NLM_F_ACK);

	if (link_put(header, interface)->ifi_index == 0)
		return -errno;
	mnl_attr_put(header, IFLA_ADDRESS, 6, mac);
	return request_run(header, NULL, NULL);
}

int port_link_watch(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int status;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	status = -errno;
	close(fd);
	return status;
}

/* What happened is looked up, not read: so nothing is missed when the kernel had too much to say.
 */
void port_link_drain(int fd)
{
	char buffer[ANSWER_BYTES];
	ssize_t len;

	do
		len = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	while (len > 0 || (len < 0 && errno == ENOBUFS));
}

static int route_change(uint16_t type, uint16_t flags, const struct port_routes *routes,
	unsigned interface, const struct ip_addr *addr)
{
	struct request request;
	struct nlmsghdr *header = request_start(&request, type, (uint16_t)(flags | NLM_F_ACK));
	struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	bool is_v4 = ip_is_v4(addr);

	message->rtm_family = family_of(addr);
	message->rtm_dst_len = (is_v4 ? V4_BYTES : V6_BYTES) * BITS;
	message->rtm_table = RT_TABLE_UNSPEC;
	message->rtm_protocol = (uint8_t)routes->protocol;
	message->rtm_scope = is_v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	message->rtm_type = RTN_UNICAST;
	address_put(header, RTA_DST, addr);
	mnl_attr_put_u32(header, RTA_TABLE, routes->table);
	mnl_attr_put_u32(header, RTA_OIF, interface);
	return request_run(header, NULL, NULL);
}

/* The routes that are there. */
struct found {
	const struct port_routes *wanted;
	struct ip_addr *addresses;
	size_t count;
	bool is_short_of_memory;
};

static bool found_add(struct found *found, const struct ip_addr *addr)
{
	struct ip_addr *grown = realloc(
		found->addresses, (found->count + 1) * sizeof(found->addresses[0]));

	if (grown == NULL)
		return false;
	found->addresses = grown;
	found->addresses[found->count++] = *addr;
	return true;
}

/* libmnl's callback for a route of the dump: keeps host routes of our table and protocol. */
static int route_look(const struct nlmsghdr *header, void *ctx)
{
	struct found *found = ctx;
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	size_t len = message->rtm_family == AF_INET ? V4_BYTES : V6_BYTES;
	uint32_t table = message->rtm_table;
	const struct nlattr *attribute;
	const void *dst = NULL;
	struct ip_addr addr;

	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == RTA_TABLE)
			table = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_DST)
			dst = mnl_attr_get_payload(attribute);
	}
	if (dst == NULL || table != found->wanted->table ||
		message->rtm_protocol != found->wanted->protocol ||
		message->rtm_dst_len != len * BITS)
		return MNL_CB_OK;
	if (len == V4_BYTES) {
		uint32_t v4_be;

		memcpy(&v4_be, dst, sizeof(v4_be));
		addr = ip_from_v4(v4_be);
	} else {
		addr = ip_from_v6(dst);
	}
	found->is_short_of_memory |= !found_add(found, &addr);
	return MNL_CB_OK;
}

static int routes_find(struct found *found, uint8_t family)
{
	struct request request;
	struct nlmsghdr *header = request_start(&request, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	int status;

	message->rtm_family = family;
	message->rtm_protocol = (uint8_t)found->wanted->protocol;
	mnl_attr_put_u32(header, RTA_TABLE, found->wanted->table);
	status = request_run(header, route_look, found);
	/* A table that nothing was ever put into, or a family that the kernel lacks. */
	return status == -ENOENT || status == -EAFNOSUPPORT ? 0 : status;
}

static int address_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

/* In a sorted list. */
static bool has_address(const struct ip_addr *list, size_t count, const struct ip_addr *addr)
{
	return count > 0 && bsearch(addr, list, count, sizeof(list[0]), address_compare) != NULL;
}

static int change_report(int status, int so_far, const struct ip_addr *addr, struct err *err)
{
	char text[IP_TEXT_MAX];

	if (status == 0 || so_far != 0)
		return so_far;
	return err_set(err, -status, "the kernel's route for %s cannot be changed: %s",
		ip_format(addr, text), strerror(-status));
}

static int routes_change(const struct port_routes *wanted, const struct found *found,
	unsigned interface, struct err *err)
{
	int first = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct ip_addr *addr = &found->addresses[i];

		if (!has_address(wanted->addresses, wanted->count, addr))
			first = change_report(
				route_change(RTM_DELROUTE, 0, wanted, interface, addr), first, addr,
				err);
	}
	for (size_t i = 0; i < wanted->count; i++) {
		const struct ip_addr *addr = &wanted->addresses[i];

		if (!has_address(found->addresses, found->count, addr))
			first = change_report(
				route_change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, wanted,
					interface, addr),
				first, addr, err);
	}
	return first;
}

int port_routes_sync(const struct port_routes *wanted, struct err *err)
{
	struct found found = { .wanted = wanted };
	unsigned interface = if_nametoindex(wanted->interface);
	int status;

	if (interface == 0)
		return err_set(err, errno, "the kernel has no interface %s: %s", wanted->interface,
			strerror(errno));
	status = routes_find(&found, AF_INET);
	if (status == 0)
		status = routes_find(&found, AF_INET6);
	if (status == 0 && found.is_short_of_memory)
		status = -ENOMEM;
	if (status < 0) {
		err_set(err, -status, "the kernel's routes cannot be read: %s", strerror(-status));
	} else {
		if (found.count > 0)
			qsort(found.addresses, found.count, sizeof(found.addresses[0]),
				address_compare);
		status = routes_change(wanted, &found, interface, err);
	}
	free(found.addresses);
	return status;
}
