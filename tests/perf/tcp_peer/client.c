/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "base/clock.h"
#include "peer.h"

#define REQUEST_BYTES 64
#define OPENS_A_TURN  32
#define SPANS         8

struct flow {
	struct peer *peer;
	struct tcp_conn *conn;
	unsigned index;
	uint64_t sent;
	uint64_t received;
	uint64_t read_at_us; /* a slow reader's next turn */
	bool is_shut;
};

struct client {
	const struct tcp_handler *handler;
	unsigned opened;
	unsigned over;
	unsigned local_next;
	struct flow *flows;
};

static struct ip_addr local_address(struct peer *peer, unsigned index)
{
	struct ip_addr address = peer->options.local;
	uint32_t last_be;

	memcpy(&last_be, address.bytes + 12, sizeof(last_be));
	last_be = rte_cpu_to_be_32(rte_be_to_cpu_32(last_be) + index % peer->options.local_count);
	memcpy(address.bytes + 12, &last_be, sizeof(last_be));
	return address;
}

static void flow_open(struct peer *peer, struct flow *flow)
{
	struct client *client = peer->app_state;
	struct ip_addr src = local_address(peer, client->local_next++);
	struct tcp_connect_args args = {
		.src = &src,
		.dst = &peer->options.remote,
		.dst_port = peer->options.port,
		.handler = client->handler,
		.ctx = flow,
	};
	int error;

	flow->sent = flow->received = 0;
	flow->is_shut = false;
	flow->conn = tcp_connect(peer->stack, &args, &error, peer->now_us);
	if (flow->conn == NULL) {
		peer->totals.failures++;
		client->over++;
	}
}

static int client_start(struct peer *peer, const struct tcp_handler *handler)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return -1;
	client->handler = handler;
	client->flows = calloc(peer->options.connections, sizeof(*client->flows));
	if (client->flows == NULL) {
		free(client);
		return -1;
	}
	peer->app_state = client;
	return 0;
}

/* Opens what is missing, a few a turn. */
static void client_tick(struct peer *peer)
{
	struct client *client = peer->app_state;

	for (unsigned i = 0; i < OPENS_A_TURN && client->opened < peer->options.connections; i++) {
		struct flow *flow = &client->flows[client->opened];

		flow->peer = peer;
		flow->index = client->opened++;
		flow_open(peer, flow);
	}
}

static void flow_over(struct flow *flow)
{
	struct client *client = flow->peer->app_state;

	flow->conn = NULL;
	client->over++;
	if (client->over == flow->peer->options.connections)
		flow->peer->is_done = true;
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct flow *flow = ctx;

	RTE_SET_USED(conn);
	if (reason == TCP_CLOSED_RESET)
		flow->peer->totals.resets++;
	flow->peer->totals.failures++;
	flow_over(flow);
}

/* request: 64 bytes there, 64 bytes back, on kept connections */
static void request_send(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	flow->received = 0;
	if (tcp_write(conn, peer_stream(0), REQUEST_BYTES) != REQUEST_BYTES)
		flow->peer->totals.failures++;
}

static void on_connected(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	flow->peer->totals.connects++;
	request_send(conn, ctx);
}

static bool response_read(struct tcp_conn *conn, struct flow *flow)
{
	size_t len = tcp_readable(conn);

	tcp_consume(conn, len);
	flow->received += len;
	if (flow->received < REQUEST_BYTES)
		return false;
	flow->peer->totals.operations++;
	flow->peer->totals.bytes += flow->received;
	return true;
}

static void request_readable(struct tcp_conn *conn, void *ctx)
{
	if (response_read(conn, ctx))
		request_send(conn, ctx);
}

static const struct tcp_handler request_handler = {
	.on_connected = on_connected, .on_readable = request_readable, .on_closed = on_closed
};

static int request_start(struct peer *peer)
{
	return client_start(peer, &request_handler);
}

/* connect: a connection for each request */
static void connect_readable(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	if (!response_read(conn, flow))
		return;
	tcp_close(conn);
	flow_open(flow->peer, flow);
}

static const struct tcp_handler connect_handler = {
	.on_connected = on_connected, .on_readable = connect_readable, .on_closed = on_closed
};

static int connect_start(struct peer *peer)
{
	return client_start(peer, &connect_handler);
}

/* send and receive: one way, without end */
static void send_writable(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;
	size_t taken;

	do {
		taken = tcp_write(conn, peer_stream(0), PEER_BLOCK_BYTES);
		flow->peer->totals.bytes += taken;
	} while (taken == PEER_BLOCK_BYTES);
}

static const struct tcp_handler send_handler = {
	.on_connected = send_writable, .on_writable = send_writable, .on_closed = on_closed
};

static int send_start(struct peer *peer)
{
	return client_start(peer, &send_handler);
}

static void receive_readable(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;
	size_t len = tcp_readable(conn);

	flow->peer->totals.bytes += len;
	tcp_consume(conn, len);
}

static const struct tcp_handler receive_handler = { .on_readable = receive_readable,
	.on_closed = on_closed };

static int receive_start(struct peer *peer)
{
	return client_start(peer, &receive_handler);
}

/* echo: sends bytes, checks that the same come back, closes in order */
static void echo_write(struct tcp_conn *conn, struct flow *flow)
{
	uint64_t total = flow->peer->options.bytes;

	while (flow->sent < total) {
		size_t len = RTE_MIN((uint64_t)PEER_BLOCK_BYTES, total - flow->sent);
		size_t taken = tcp_write(conn, peer_stream(flow->sent), len);

		flow->sent += taken;
		if (taken < len)
			return;
	}
	if (!flow->is_shut)
		tcp_shutdown(conn);
	flow->is_shut = true;
}

/* Takes up to max bytes. False: they are wrong. */
static bool echo_read(struct tcp_conn *conn, struct flow *flow, size_t max)
{
	struct tcp_span spans[SPANS];
	unsigned count;

	while (max > 0 && (count = tcp_peek(conn, spans, SPANS)) > 0) {
		size_t taken = 0;

		for (unsigned i = 0; i < count && max > 0; i++) {
			size_t len = RTE_MIN(spans[i].len, (size_t)PEER_BLOCK_BYTES);

			len = RTE_MIN(len, max);
			if (memcmp(spans[i].data, peer_stream(flow->received + taken), len) != 0)
				return false;
			taken += len;
			max -= len;
			if (len < spans[i].len)
				break;
		}
		tcp_consume(conn, taken);
		flow->received += taken;
		flow->peer->totals.bytes += taken;
	}
	return true;
}

static void echo_run(struct tcp_conn *conn, struct flow *flow, size_t max)
{
	struct peer *peer = flow->peer;

	if (!echo_read(conn, flow, max)) {
		tcp_abort(conn);
		return;
	}
	if (!tcp_is_eof(conn))
		return;
	if (flow->received == peer->options.bytes && flow->is_shut)
		peer->totals.operations++;
	else
		peer->totals.failures++;
	tcp_close(conn);
	flow_over(flow);
}

static void echo_connected(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	flow->peer->totals.connects++;
	echo_write(conn, flow);
}

static void echo_writable(struct tcp_conn *conn, void *ctx)
{
	echo_write(conn, ctx);
}

static void echo_readable(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	if (flow->peer->options.read_bytes == 0)
		echo_run(conn, flow, SIZE_MAX);
}

static const struct tcp_handler echo_handler = {
	.on_connected = echo_connected,
	.on_readable = echo_readable,
	.on_writable = echo_writable,
	.on_closed = on_closed,
};

static int echo_start(struct peer *peer)
{
	return client_start(peer, &echo_handler);
}

static void echo_tick(struct peer *peer)
{
	struct client *client = peer->app_state;

	client_tick(peer);
	if (peer->options.read_bytes == 0)
		return;
	for (unsigned i = 0; i < client->opened; i++) {
		struct flow *flow = &client->flows[i];

		if (flow->conn == NULL || peer->now_us < flow->read_at_us)
			continue;
		flow->read_at_us = peer->now_us + CLOCK_US_PER_MS;
		echo_run(flow->conn, flow, peer->options.read_bytes);
	}
}

#define CLIENT(what, to, tick_fn, text)                                                            \
	static const struct peer_app client_##what = {                                             \
		.name = #what,                                                                     \
		.help = (text),                                                                    \
		.port = (to),                                                                      \
		.start = what##_start,                                                             \
		.tick = (tick_fn),                                                                 \
	}

CLIENT(request, PEER_PORT_ECHO, client_tick, "64 bytes there and back on kept connections");
CLIENT(connect, PEER_PORT_ECHO, client_tick, "a connection for each 64 bytes there and back");
CLIENT(send, PEER_PORT_DISCARD, client_tick, "sends without end");
CLIENT(receive, PEER_PORT_CHARGEN, client_tick, "receives without end");
CLIENT(echo, PEER_PORT_ECHO, echo_tick, "--bytes there and back, compared; ends by itself");

const struct peer_app *const peer_clients[] = { &client_request, &client_connect, &client_send,
	&client_receive, &client_echo };
const unsigned peer_client_count = RTE_DIM(peer_clients);
