/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static void client_push(struct client *client)
{
	while (client->is_connected && client->sending_at < client->sending_len) {
		size_t taken = tcp_write(client->tcp, client->sending + client->sending_at,
			client->sending_len - client->sending_at);

		if (taken == 0)
			return;
		client->sending_at += taken;
	}
	while (client->is_connected && client->generate_left > 0) {
		char piece[4096];
		size_t len = client->generate_left < sizeof(piece) ? (size_t)client->generate_left
								   : sizeof(piece);
		size_t taken;

		for (size_t i = 0; i < len; i++)
			piece[i] = world_byte(client->generated + i);
		taken = tcp_write(client->tcp, piece, len);
		client->generate_left -= taken;
		client->generated += taken;
		if (taken < len)
			return;
	}
	if (client->is_connected && client->is_closing)
		tcp_shutdown(client->tcp);
}

static void client_readable(struct tcp_conn *tcp, void *ctx)
{
	struct client *client = ctx;
	struct tcp_span span;

	while (!client->is_paused && tcp_peek(tcp, &span, 1) > 0) {
		size_t room = sizeof(client->received) - 1 - client->received_len;
		size_t kept = span.len < room ? span.len : room;

		memcpy(client->received + client->received_len, span.data, kept);
		client->received_len += kept;
		client->received[client->received_len] = '\0';
		if (!client->is_exact)
			kept = span.len;
		client->total += kept;
		tcp_consume(tcp, kept);
		if (kept < span.len)
			return;
	}
	if (tcp_is_eof(tcp)) {
		client->is_eof = true;
		tcp_shutdown(tcp);
	}
}

static void client_connected(struct tcp_conn *tcp, void *ctx)
{
	struct client *client = ctx;

	(void)tcp;
	client->is_connected = true;
	client_push(client);
}

static void client_writable(struct tcp_conn *tcp, void *ctx)
{
	(void)tcp;
	client_push(ctx);
}

static void client_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct client *client = ctx;

	(void)tcp;
	client->tcp = NULL;
	client->is_connected = false;
	client->is_closed = true;
	client->reason = reason;
}

static const struct tcp_handler client_handler = {
	.on_connected = client_connected,
	.on_readable = client_readable,
	.on_writable = client_writable,
	.on_closed = client_closed,
};

struct client *client_open(struct world *world, uint16_t port)
{
	struct client *client = calloc(1, sizeof(*client));
	struct ip_addr src = address_of(WORLD_CLIENT), dst = address_of(WORLD_VIP);
	int error = 0;

	client->world = world;
	client->tcp = tcp_connect(world->peer,
		&(struct tcp_connect_args){ .src = &src,
			.dst = &dst,
			.dst_port = port,
			.handler = &client_handler,
			.ctx = client },
		&error, world->now_us);
	assert_non_null(client->tcp);
	return client;
}

void client_send_bytes(struct client *client, const void *data, size_t len)
{
	size_t left = client->sending_len - client->sending_at;
	char *grown = malloc(left + len + 1);

	if (left > 0)
		memcpy(grown, client->sending + client->sending_at, left);
	memcpy(grown + left, data, len);
	free(client->sending);
	client->sending = grown;
	client->sending_len = left + len;
	client->sending_at = 0;
	client_push(client);
}

void client_send(struct client *client, const char *text)
{
	client_send_bytes(client, text, strlen(text));
}

size_t client_take(struct client *client, void *data, size_t max)
{
	size_t len = client->received_len < max ? client->received_len : max;

	memcpy(data, client->received, len);
	client->received_len -= len;
	memmove(client->received, client->received + len, client->received_len + 1);
	if (client->tcp != NULL)
		client_readable(client->tcp, client);
	return len;
}

void client_generate(struct client *client, uint64_t bytes)
{
	client->generate_left += bytes;
	client_push(client);
}

void client_resume(struct client *client)
{
	client->is_paused = false;
	if (client->tcp != NULL)
		client_readable(client->tcp, client);
}

void client_clear(struct client *client)
{
	client->received_len = 0;
	client->received[0] = '\0';
	client->total = 0;
}

void client_abort(struct client *client)
{
	if (client->tcp != NULL)
		tcp_abort(client->tcp);
}

void client_free(struct client *client)
{
	client_abort(client);
	world_run(client->world, 5);
	free(client->sending);
	free(client);
}
