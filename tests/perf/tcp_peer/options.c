/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static void usage_print(FILE *out)
{
	fputs("Usage: penstock-tcp-peer EAL-ARGUMENTS -- MODE --local ADDRESS --remote-mac MAC "
	      "[OPTION ...]\n\n"
	      "Modes:\n"
	      "  serve      port 7 echoes, port 9 discards, port 19 sends without end\n",
		out);
	for (unsigned i = 0; i < peer_client_count; i++)
		fprintf(out, "  %-10s %s\n", peer_clients[i]->name, peer_clients[i]->help);
	fputs("\nOptions:\n"
	      "  --device NAME      the port (default: the first that EAL knows)\n"
	      "  --local ADDRESS    our first address; --locals N: so many in a row\n"
	      "  --remote ADDRESS   the server; --port P: its port\n"
	      "  --remote-mac MAC   the Ethernet address of the other side\n"
	      "  --connections N    at the same time (default 1)\n"
	      "  --bytes N          each way on a connection of mode echo\n"
	      "  --warmup S         not measured (default 1); --seconds S: measured, or the limit\n"
	      "  --window BYTES     receive window; --window-max BYTES: it may grow to that\n"
	      "  --read BYTES       read so much a millisecond\n"
	      "  --mtu N            of the port (default 1500)\n"
	      "  --time-wait MS     (default 1000)\n",
		out);
}

static bool address_read(const char *text, struct ip_addr *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*address = ip_from_v6(bytes);
		return true;
	}
	if (inet_pton(AF_INET, text, bytes) == 1) {
		uint32_t v4_be;

		memcpy(&v4_be, bytes, sizeof(v4_be));
		*address = ip_from_v4(v4_be);
		return true;
	}
	return false;
}

static const struct option longs[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "local", required_argument, NULL, 'l' },
	{ "locals", required_argument, NULL, 'L' },
	{ "remote", required_argument, NULL, 'r' },
	{ "remote-mac", required_argument, NULL, 'm' },
	{ "port", required_argument, NULL, 'p' },
	{ "connections", required_argument, NULL, 'c' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "seconds", required_argument, NULL, 's' },
	{ "window", required_argument, NULL, 'W' },
	{ "window-max", required_argument, NULL, 'X' },
	{ "read", required_argument, NULL, 'R' },
	{ "mtu", required_argument, NULL, 'M' },
	{ "time-wait", required_argument, NULL, 'T' },
	{ NULL, 0, NULL, 0 },
};

static bool number_take(struct peer_options *options, int option, const char *text)
{
	switch (option) {
	case 'L':
		options->local_count = (unsigned)atoi(text);
		return options->local_count > 0;
	case 'p':
		options->port = (uint16_t)atoi(text);
		return options->port != 0;
	case 'c':
		options->connections = (unsigned)atoi(text);
		return options->connections > 0;
	case 'b':
		options->bytes = strtoull(text, NULL, 10);
		return true;
	case 'w':
		options->warmup_s = atof(text);
		return true;
	case 's':
		options->seconds = atof(text);
		return options->seconds > 0;
	case 'W':
		options->window_bytes = (uint32_t)atoi(text);
		return true;
	case 'X':
		options->window_max_bytes = (uint32_t)atoi(text);
		return true;
	case 'R':
		options->read_bytes = (uint32_t)atoi(text);
		return true;
	case 'M':
		options->mtu = (unsigned)atoi(text);
		return options->mtu >= 576;
	case 'T':
		options->time_wait_ms = (uint32_t)atoi(text);
		return true;
	default:
		return false;
	}
}

static bool option_take(struct peer *peer, int option, const char *text)
{
	switch (option) {
	case 'd':
		peer->config.device = text;
		return true;
	case 'l':
		return address_read(text, &peer->options.local);
	case 'r':
		return address_read(text, &peer->options.remote);
	case 'm':
		return rte_ether_unformat_addr(text, &peer->options.remote_mac) == 0;
	default:
		return number_take(&peer->options, option, text);
	}
}

static const struct peer_app *app_find(const char *name)
{
	if (strcmp(name, peer_server.name) == 0)
		return &peer_server;
	for (unsigned i = 0; i < peer_client_count; i++) {
		if (strcmp(name, peer_clients[i]->name) == 0)
			return peer_clients[i];
	}
	return NULL;
}

int options_read(struct peer *peer, int argc, char **argv)
{
	int option;

	peer->options = (struct peer_options){
		.local_count = 1,
		.connections = 1,
		.warmup_s = 1,
		.seconds = 3,
		.mtu = 1500,
		.time_wait_ms = 1000,
	};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (!option_take(peer, option, optarg)) {
			usage_print(stderr);
			return -1;
		}
	}
	if (optind == argc - 1)
		peer->app = app_find(argv[optind]);
	if (peer->app == NULL || rte_is_zero_ether_addr(&peer->options.remote_mac)) {
		usage_print(stderr);
		return -1;
	}
	if (peer->options.port == 0)
		peer->options.port = peer->app->port;
	return 0;
}
