/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "reader.h"

#define NAME_MAX_LEN 63
#define PORT_MAX     65535
#define MODE_MAX     0777

/* The common words: what stands there and what may. */
static void kind_report(struct reader *reader, const struct node *node, const char *expected)
{
	char value[NODE_VALUE_MAX];

	problem_add(&reader->problems, node, "expected %s, found %s", expected,
		node_value_format(node, value));
}

static void string_take(struct reader *reader, const char *text, void *target)
{
	*(const char **)target = arena_copy(reader->arena, text, strlen(text));
}

long text_number(const char *text, long max)
{
	size_t len = strlen(text);
	long number;

	if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
		return -1;
	number = strtol(text, NULL, 10);
	return number <= max ? number : -1;
}

static void any_read(struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (text[0] == '\0')
		problem_add(&reader->problems, node, "must not be empty");
	else
		string_take(reader, text, target);
}

static void may_be_empty_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	(void)node;
	string_take(reader, text, target);
}

static void ignored_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	(void)reader;
	(void)node;
	(void)text;
	(void)target;
}

static bool is_name(const char *text, const char *more)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && strchr(more, text[i]) == NULL)
			return false;
	}
	return len > 0 && len <= NAME_MAX_LEN;
}

bool text_is_name(const char *text)
{
	return is_name(text, "_.-");
}

static void name_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (text_is_name(text))
		string_take(reader, text, target);
	else
		kind_report(reader, node, "a " TEXT_NAME_WORDS);
}

static void member_name_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (is_name(text, "_.-:[]"))
		string_take(reader, text, target);
	else
		kind_report(reader, node,
			"a name of 1-63 letters, digits, \"_\", \".\", \"-\", \":\", \"[\" and "
			"\"]\"");
}

#define INTERFACE_BYTES_MAX 15 /* IFNAMSIZ with its end */

static void interface_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	bool is_dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;

	if (text_is_name(text) && strlen(text) <= INTERFACE_BYTES_MAX && !is_dots)
		string_take(reader, text, target);
	else
		kind_report(reader, node,
			"an interface name of 1-15 letters, digits, \"_\", \".\" and \"-\"");
}

/* Why no host has this address; NULL: a host may. */
static const char *unicast_fault(const struct ip_addr *addr)
{
	static const struct ip_addr unspecified;
	static const struct ip_addr loopback = { .bytes = { [15] = 1 } };
	const uint8_t *v4 = &addr->bytes[12];

	if (!ip_is_v4(addr)) {
		if (ip_equal(addr, &unspecified))
			return "the unspecified address";
		if (ip_equal(addr, &loopback))
			return "the loopback address";
		return addr->bytes[0] == 0xff ? "a multicast address" : NULL;
	}
	if (v4[0] == 0)
		return "the unspecified address";
	if (v4[0] == 127)
		return "a loopback address";
	if (ip_v4_be(addr) == UINT32_MAX)
		return "the broadcast address";
	return (v4[0] & 0xf0) == 0xe0 ? "a multicast address" : NULL;
}

static bool unicast_check(
	struct reader *reader, const struct node *node, const struct ip_addr *addr)
{
	const char *fault = unicast_fault(addr);
	char text[IP_TEXT_MAX];

	if (fault == NULL)
		return true;
	problem_add(&reader->problems, node, "%s is %s; expected a host's own address",
		ip_format(addr, text), fault);
	return false;
}

static void address_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct ip_addr addr;

	if (ip_parse(text, &addr) < 0)
		kind_report(reader, node, "an IPv4 or IPv6 address");
	else if (unicast_check(reader, node, &addr))
		*(struct ip_addr *)target = addr;
}

static void port_address_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct ip_prefix prefix;

	if (strchr(text, '/') == NULL || ip_prefix_parse(text, &prefix) < 0)
		kind_report(reader, node, "ADDRESS/LENGTH, as 192.0.2.2/24 or 2001:db8::2/64");
	else if (unicast_check(reader, node, &prefix.addr))
		*(struct ip_prefix *)target = prefix;
}

struct ip_prefix text_network_of(const struct ip_prefix *prefix)
{
	struct ip_prefix network = *prefix;
	unsigned bits = prefix->prefix_len + (ip_is_v4(&prefix->addr) ? 96u : 0u);

	for (unsigned bit = bits; bit < 128; bit++)
		network.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return network;
}

static void network_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct ip_prefix prefix;
	struct ip_prefix network;
	char words[IP_TEXT_MAX];

	if (ip_prefix_parse(text, &prefix) < 0) {
		kind_report(reader, node, "ADDRESS/LENGTH, as 0.0.0.0/0 or 2001:db8::/32");
		return;
	}
	network = text_network_of(&prefix);
	if (ip_equal(&network.addr, &prefix.addr))
		*(struct ip_prefix *)target = network;
	else
		problem_add(&reader->problems, node,
			"%s has bits set behind its prefix; did you mean \"%s/%u\"?", text,
			ip_format(&network.addr, words), network.prefix_len);
}

static void mac_read(struct reader *reader, const struct node *node, const char *text, void *target)
{
	unsigned bytes[6];
	int len = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		    &bytes[4], &bytes[5], &len) != 6 ||
		strlen(text) != 17 || len != 17 || strpbrk(text, "xX +-") != NULL) {
		kind_report(reader, node, "an Ethernet address, as 02:00:00:00:00:01");
		return;
	}
	if ((bytes[0] & 1) != 0) {
		kind_report(reader, node, "the Ethernet address of one host");
		return;
	}
	for (unsigned i = 0; i < 6; i++)
		((uint8_t *)target)[i] = (uint8_t)bytes[i];
}

static void file_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	if (text[0] == '\0')
		problem_add(&reader->problems, node, "must not be empty");
	else if (text[0] == '/')
		string_take(reader, text, target);
	else
		*(const char **)target = arena_format(
			reader->arena, "%s%s", reader->absolute_folder, text);
}

static void socket_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (text[0] != '/')
		kind_report(reader, node, "an absolute path");
	else if (strlen(text) > max)
		problem_add(&reader->problems, node,
			"%zu bytes are too long for a socket's path (at most %zu)", strlen(text),
			max);
	else
		string_take(reader, text, target);
}

static void mode_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	size_t len = strlen(text);
	unsigned long mode = strtoul(text, NULL, 8);

	if (len < 3 || len > 4 || strspn(text, "01234567") != len || mode > MODE_MAX)
		kind_report(reader, node, "an octal file mode, as \"0660\"");
	else
		*(unsigned *)target = (unsigned)mode;
}

/* A label of RFC 1123 2.1, and "_", which is met in practice. Returns its length or 0. */
static size_t label_len(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	if (len > NAME_MAX_LEN || text[0] == '-' || (len > 0 && text[len - 1] == '-'))
		return 0;
	return len;
}

static bool is_host(const char *text)
{
	size_t len = strlen(text);
	const char *at = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	struct ip_addr addr;
	char inside[IP_TEXT_MAX];

	if (text[0] == '[') {
		if (len < 3 || len - 2 >= sizeof(inside) || text[len - 1] != ']')
			return false;
		snprintf(inside, sizeof(inside), "%.*s", (int)(len - 2), text + 1);
		return ip_parse(inside, &addr) == 0 && !ip_is_v4(&addr);
	}
	while (len <= 253) {
		size_t label = label_len(at);

		if (label == 0)
			return false;
		at += label;
		if (*at == '\0')
			return true;
		if (*at++ != '.')
			return false;
	}
	return false;
}

static char *lower_copy(struct reader *reader, const char *text)
{
	char *copy = arena_copy(reader->arena, text, strlen(text));

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static void host_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	char *host = lower_copy(reader, text);
	size_t len = strlen(host);
	bool is_prefix = len > 2 && strcmp(host + len - 2, ".*") == 0 && host[0] != '*';
	bool is_good;

	if (is_prefix)
		host[len - 2] = '\0';
	is_good = is_host(host);
	if (is_prefix)
		host[len - 2] = '.';
	if (is_good)
		*(const char **)target = host;
	else
		kind_report(reader, node,
			"a host name without port, as \"example.com\", \"*.example.com\" or "
			"\"www.*\"");
}

static void server_name_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	char *host = lower_copy(reader, text);

	if (is_host(host) && host[0] != '[')
		*(const char **)target = host;
	else
		kind_report(reader, node, "a server name, as \"example.com\" or \"*.example.com\"");
}

static void header_host_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	char *host = lower_copy(reader, text);
	char *port = strrchr(host, ':');

	if (port != NULL && strchr(port, ']') == NULL)
		*port = '\0';
	else
		port = NULL;
	if (host[0] == '*' || !is_host(host) ||
		(port != NULL && text_number(port + 1, PORT_MAX) < 1)) {
		kind_report(reader, node, "HOST or HOST:PORT");
		return;
	}
	string_take(reader, text, target);
}

/* Visible ASCII that begins with a slash, without the characters of 'without'. */
static void path_read(struct reader *reader, const struct node *node, const char *text,
	const char *without, void *target)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~' || strchr(without, *c) != NULL) {
			problem_add(&reader->problems, node,
				"a path is visible ASCII without any of: %s", without);
			return;
		}
	}
	if (text[0] == '/')
		string_take(reader, text, target);
	else
		kind_report(reader, node, "a path that begins with \"/\"");
}

static void url_path_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	path_read(reader, node, text, "?#", target);
}

static void request_path_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	path_read(reader, node, text, "#", target);
}

/* A port that is a number but not a port's: worth words of its own. */
static bool port_check(struct reader *reader, const struct node *node, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t digits;

	if (colon == NULL)
		return true;
	digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || colon[1 + digits] != '\0' || text_number(colon + 1, PORT_MAX) > 0)
		return true;
	problem_add(
		&reader->problems, node, "port %.20s is out of range (1-%d)", colon + 1, PORT_MAX);
	return false;
}

bool text_endpoint_read(struct reader *reader, const struct node *node, const char *text,
	struct ip_addr *addr, uint16_t *port)
{
	struct ip_addr bare;

	if (!port_check(reader, node, text))
		return false;
	if (ip_endpoint_parse(text, addr, port) == 0)
		return unicast_check(reader, node, addr);
	if (text[0] != '[' && strchr(text, ':') != strrchr(text, ':'))
		problem_add(&reader->problems, node,
			"\"%.60s\" has no brackets; write IPv6 as [ADDRESS]:PORT", text);
	else if (ip_parse(text, &bare) == 0)
		problem_add(
			&reader->problems, node, "\"%.60s\" has no port; write ADDRESS:PORT", text);
	else
		problem_add(&reader->problems, node,
			"expected ADDRESS:PORT with an IP address, found \"%.60s\"", text);
	return false;
}

const struct text_kind text_any = { .what = "text", .pattern = ".", .read = any_read };
const struct text_kind text_may_be_empty = { .what = "text", .read = may_be_empty_read };
const struct text_kind text_ignored = { .what = "text", .read = ignored_read };
const struct text_kind text_name = {
	.what = "name",
	.pattern = "^[A-Za-z0-9_.-]{1,63}$",
	.read = name_read,
};
const struct text_kind text_member_name = {
	.what = "name",
	.pattern = "^[A-Za-z0-9_.:\\[\\]-]{1,63}$",
	.read = member_name_read,
};
const struct text_kind text_interface = {
	.what = "interface name",
	.pattern = "^[A-Za-z0-9_.-]{1,15}$",
	.read = interface_read,
};
const struct text_kind text_address = {
	.what = "ADDRESS",
	.pattern = "^[0-9A-Fa-f.:]+$",
	.size = sizeof(struct ip_addr),
	.read = address_read,
};
const struct text_kind text_port_address = {
	.what = "ADDRESS/LENGTH",
	.pattern = "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
	.size = sizeof(struct ip_prefix),
	.read = port_address_read,
};
const struct text_kind text_network = {
	.what = "ADDRESS/LENGTH",
	.pattern = "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$",
	.size = sizeof(struct ip_prefix),
	.read = network_read,
};
const struct text_kind text_mac = {
	.what = "Ethernet address",
	.pattern = "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$",
	.read = mac_read,
};
const struct text_kind text_file = { .what = "file", .pattern = ".", .read = file_read };
const struct text_kind text_socket = { .what = "path", .pattern = "^/", .read = socket_read };
const struct text_kind text_mode = {
	.what = "octal mode",
	.pattern = "^0?[0-7]{3}$",
	.read = mode_read,
};
const struct text_kind text_host = {
	.what = "host",
	.pattern = "^(\\*\\.)?[A-Za-z0-9._-]+$|^[A-Za-z0-9._-]+\\.\\*$|^\\[[0-9A-Fa-f.:]+\\]$",
	.read = host_read,
};
const struct text_kind text_server_name = {
	.what = "server name",
	.pattern = "^(\\*\\.)?[A-Za-z0-9._-]+$",
	.size = sizeof(const char *),
	.read = server_name_read,
};
const struct text_kind text_url_path = {
	.what = "path",
	.pattern = "^/[^?#\\s]*$",
	.read = url_path_read,
};
const struct text_kind text_request_path = {
	.what = "path",
	.pattern = "^/[^#\\s]*$",
	.read = request_path_read,
};
const struct text_kind text_header_host = {
	.what = "HOST or HOST:PORT",
	.pattern = ".",
	.read = header_host_read,
};
