/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define V4_BITS       32
#define V6_BITS       128
#define MAPPED_BITS   96
#define PORT_DIGITS   5
#define PREFIX_DIGITS 3

int ip_parse(const char *text, struct ip_addr *addr)
{
	uint32_t v4_be;
	struct ip_addr parsed;

	if (inet_pton(AF_INET, text, &v4_be) == 1) {
		*addr = ip_from_v4(v4_be);
		return 0;
	}
	if (inet_pton(AF_INET6, text, parsed.bytes) != 1 || ip_is_v4(&parsed))
		return -EINVAL;
	*addr = parsed;
	return 0;
}

/* Decimal digits only, at most max_digits of them: no sign, no space. Returns -EINVAL or a value.
 */
static int number_parse(const char *text, size_t max_digits)
{
	size_t len = strlen(text);

	if (len == 0 || len > max_digits || strspn(text, "0123456789") != len)
		return -EINVAL;
	return atoi(text);
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	char copy[IP_TEXT_MAX + PREFIX_DIGITS + 1];
	char *slash;
	int bits;
	int max;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (ip_parse(copy, &prefix->addr) < 0)
		return -EINVAL;
	max = ip_is_v4(&prefix->addr) ? V4_BITS : V6_BITS;
	bits = slash == NULL ? max : number_parse(slash + 1, PREFIX_DIGITS);
	if (bits < 0 || bits > max)
		return -EINVAL;
	prefix->prefix_len = (uint8_t)bits;
	return 0;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	unsigned bits = prefix->prefix_len;
	unsigned whole;
	unsigned rest;

	if (ip_is_v4(&prefix->addr) != ip_is_v4(addr))
		return false;
	if (ip_is_v4(addr))
		bits += MAPPED_BITS;
	whole = bits / 8;
	rest = bits % 8;
	if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest) == 0;
}

int ip_endpoint_parse(const char *text, struct ip_addr *addr, uint16_t *port)
{
	char copy[IP_ENDPOINT_MAX];
	char *host = copy;
	char *colon;
	int number;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	colon = strrchr(copy, ':');
	if (colon == NULL || colon == copy)
		return -EINVAL;
	*colon = '\0';
	if (copy[0] == '[') {
		if (colon[-1] != ']')
			return -EINVAL;
		colon[-1] = '\0';
		host = copy + 1;
	}
	if (ip_parse(host, addr) < 0 || ip_is_v4(addr) != (host == copy))
		return -EINVAL;
	number = number_parse(colon + 1, PORT_DIGITS);
	if (number < 0)
		return -EINVAL;
	if (number > UINT16_MAX)
		return -ERANGE;
	*port = (uint16_t)number;
	return 0;
}

const char *ip_format(const struct ip_addr *addr, char text[IP_TEXT_MAX])
{
	if (ip_is_v4(addr))
		inet_ntop(AF_INET, &addr->words_be[3], text, IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, addr->bytes, text, IP_TEXT_MAX);
	return text;
}

const char *ip_endpoint_format(
	const struct ip_addr *addr, uint16_t port, char text[IP_ENDPOINT_MAX])
{
	char host[IP_TEXT_MAX];

	ip_format(addr, host);
	snprintf(text, IP_ENDPOINT_MAX, ip_is_v4(addr) ? "%s:%u" : "[%s]:%u", host, port);
	return text;
}

const char *ip_protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return "?";
	}
}
