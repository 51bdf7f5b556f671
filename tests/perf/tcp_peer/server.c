/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "peer.h"

#define SPANS 8

/* Gives back what came, as far as the send buffer takes it; the rest waits for on_writable. */
static void echo_run(struct tcp_conn *conn, void *ctx)
{
	struct peer *peer = ctx;
	struct tcp_span spans[SPANS];
	unsigned count;

	while ((count = tcp_peek(conn, spans, SPANS)) > 0) {
		size_t taken = 0;
		bool is_full = false;

		for (unsigned i = 0; i < count && !is_full; i++) {
			size_t part = tcp_write(conn, spans[i].data, spans[i].len);

			taken += part;
			is_full = part < spans[i].len;
		}
		tcp_consume(conn, taken);
		peer->totals.operations++;
		peer->totals.bytes += taken;
		if (is_full)
			return;
	}
	if (tcp_is_eof(conn))
		tcp_close(conn);
}

static void discard_run(struct tcp_conn *conn, void *ctx)
{
	struct peer *peer = ctx;
	size_t len = tcp_readable(conn);

	peer->totals.operations++;
	peer->totals.bytes += len;
	tcp_consume(conn, len);
	if (tcp_is_eof(conn))
		tcp_close(conn);
}

static void chargen_write(struct tcp_conn *conn, void *ctx)
{
	struct peer *peer = ctx;
	struct tcp_info info;
	uint64_t offset;
	size_t taken;

	tcp_conn_info(conn, &info);
	offset = info.bytes_out + info.send_queued;
	do {
		taken = tcp_write(conn, peer_stream(offset), PEER_BLOCK_BYTES);
		offset += taken;
		peer->totals.bytes += taken;
	} while (taken == PEER_BLOCK_BYTES);
}

static void chargen_read(struct tcp_conn *conn, void *ctx)
{
	RTE_SET_USED(ctx);
	tcp_consume(conn, tcp_readable(conn));
	if (tcp_is_eof(conn))
		tcp_close(conn);
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct peer *peer = ctx;

	RTE_SET_USED(conn);
	if (reason == TCP_CLOSED_RESET)
		peer->totals.resets++;
	else if (reason != TCP_CLOSED_DONE)
		peer->totals.failures++;
}

static const struct tcp_handler echo = {
	.on_readable = echo_run, .on_writable = echo_run, .on_closed = on_closed
};
static const struct tcp_handler discard = { .on_readable = discard_run, .on_closed = on_closed };
static const struct tcp_handler chargen = {
	.on_readable = chargen_read, .on_writable = chargen_write, .on_closed = on_closed
};

static int server_accept(struct peer *peer, struct tcp_conn *conn)
{
	struct tcp_info info;

	tcp_conn_info(conn, &info);
	switch (rte_be_to_cpu_16(info.tuple.dst_port_be)) {
	case PEER_PORT_ECHO:
		tcp_set_handler(conn, &echo, peer);
		return 0;
	case PEER_PORT_DISCARD:
		tcp_set_handler(conn, &discard, peer);
		return 0;
	default:
		tcp_set_handler(conn, &chargen, peer);
		chargen_write(conn, peer);
		return 0;
	}
}

const struct peer_app peer_server = { .name = "serve", .accept = server_accept };
