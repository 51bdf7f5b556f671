/* SPDX-License-Identifier: Apache-2.0 */
/* Where a service listens: address, port or ports, protocol. */
#include "listen.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"
#include "text.h"

#define LISTEN_MAX 128
#define PORT_MAX   65535

static const struct protocol {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ .name = "tcp", .number = IPPROTO_TCP },
	{ .name = "udp", .number = IPPROTO_UDP },
	{ .name = "sctp", .number = IPPROTO_SCTP },
};

#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))

/* 0: not one of ours, which is said. */
static uint8_t protocol_read(struct reader *reader, const struct node *node, const char *name)
{
	struct suggestion suggestion = { .wanted = name };
	char words[SUGGESTION_MAX];

	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		if (strcmp(protocols[i].name, name) == 0)
			return protocols[i].number;
		suggestion_offer(&suggestion, protocols[i].name);
	}
	problem_add(&reader->problems, node, "protocol \"%.20s\" is not one of: tcp, udp, sctp%s",
		name, suggestion_format(&suggestion, words));
	return 0;
}

/*
 * Takes a range, or port 0 for all, out of ADDRESS:PORTS and leaves its first port, or a stand-in,
 * so that what is left reads as an endpoint. *max is 0 for a single port.
 */
static bool range_cut(
	struct reader *reader, const struct node *node, char *endpoint, long *min, long *max)
{
	char *colon = strrchr(endpoint, ':');
	char *dash = colon == NULL ? NULL : strchr(colon, '-');

	*min = *max = 0;
	if (colon != NULL && strcmp(colon + 1, "0") == 0) {
		*max = PORT_MAX;
		colon[1] = '1';
		return true;
	}
	if (dash == NULL)
		return true;
	*dash = '\0';
	*min = text_number(colon + 1, PORT_MAX);
	*max = text_number(dash + 1, PORT_MAX);
	if (*min >= 1 && *max >= *min)
		return true;
	problem_add(&reader->problems, node, "ports %.20s-%.20s are no range LOW-HIGH of 1-%d",
		colon + 1, dash + 1, PORT_MAX);
	return false;
}

static void listen_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_service *service = target;
	const char *slash = strrchr(text, '/');
	char endpoint[LISTEN_MAX];
	struct ip_addr addr;
	uint16_t port;
	long min;
	long max;

	if (slash == NULL || slash - text >= LISTEN_MAX) {
		problem_add(&reader->problems, node,
			"expected ADDRESS:PORT/tcp, /udp or /sctp, found \"%.60s\"", text);
		return;
	}
	service->protocol = protocol_read(reader, node, slash + 1);
	snprintf(endpoint, sizeof(endpoint), "%.*s", (int)(slash - text), text);
	if (!range_cut(reader, node, endpoint, &min, &max) ||
		!text_endpoint_read(reader, node, endpoint, &addr, &port))
		return;
	service->address = addr;
	service->port = max > 0 ? (uint16_t)min : port;
	service->port_max = max > 0 ? (uint16_t)max : port;
}

const struct text_kind listen_kind = {
	.what = "ADDRESS:PORT/tcp, /udp or /sctp",
	.pattern = "^([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}(-[0-9]{1,5})?/(tcp|udp|sctp)$",
	.read = listen_read,
};

const char *listen_words(struct reader *reader, const struct config_service *service)
{
	char text[IP_ENDPOINT_MAX];

	if (!text_is_read(&service->address) || service->protocol == 0)
		return NULL;
	ip_endpoint_format(&service->address, service->port, text);
	if (service->port == service->port_max || service->port == 0)
		return arena_format(
			reader->arena, "%s/%s", text, ip_protocol_name(service->protocol));
	return arena_format(reader->arena, "%s-%u/%s", text, service->port_max,
		ip_protocol_name(service->protocol));
}

struct listen {
	const struct config_service *service;
	const struct node *node;
};

static int listen_compare(const void *left, const void *right)
{
	const struct config_service *a = ((const struct listen *)left)->service;
	const struct config_service *b = ((const struct listen *)right)->service;
	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (order != 0)
		return order;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->line - b->line;
}

static bool is_range(const struct config_service *service)
{
	return service->port != 0 && service->port != service->port_max && service->protocol != 0 &&
		text_is_read(&service->address);
}

void listen_ranges_check(struct reader *reader, const struct node *const *listens)
{
	const struct config *config = reader->config;
	struct listen *ranges = arena_array(reader->arena, config->service_count, sizeof(*ranges));
	size_t count = 0;

	for (size_t i = 0; i < config->service_count; i++) {
		if (is_range(&config->services[i]))
			ranges[count++] = (struct listen){ &config->services[i], listens[i] };
	}
	if (count < 2)
		return;
	qsort(ranges, count, sizeof(ranges[0]), listen_compare);
	for (size_t i = 1; i < count; i++) {
		const struct config_service *last = ranges[i - 1].service;
		const struct config_service *service = ranges[i].service;

		/* The same twice is told as such. */
		if (!ip_equal(&last->address, &service->address) ||
			last->protocol != service->protocol || last->port_max < service->port ||
			(last->port == service->port && last->port_max == service->port_max))
			continue;
		problem_add(&reader->problems, ranges[i].node,
			"ports %u-%u overlap those of service \"%s\" (%u-%u)", service->port,
			service->port_max, last->name != NULL ? last->name : "", last->port,
			last->port_max);
	}
}
