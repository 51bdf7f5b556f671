/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>

#include <rte_common.h>

#include "connection_h2.h"
#include "connection_proxy.h"
#include "core.h"
#include "listener.h"
#include "passthrough.h"
#include "tunnel.h"

#define LINGER_MS    2000
#define LINGER_BYTES 1048576

struct service_counters *connection_counters(const struct connection *connection)
{
	return &connection->identity->cores[connection->l7->core->index];
}

const struct service *connection_service(const struct connection *connection)
{
	const struct service *service = service_find(connection->l7->snapshot->services,
		&connection->tuple.dst, connection->tuple.dst_port_be, IPPROTO_TCP);

	if (service == NULL || service->listener == NULL)
		return NULL;
	return service;
}

void connection_read_limits(const struct connection *connection, struct http_limits *limits)
{
	*limits = (struct http_limits){
		.target_bytes = connection->limits.max_target_bytes,
		.header_bytes = connection->limits.max_header_bytes,
		.header_fields = connection->limits.max_header_fields,
		.body_bytes = connection->limits.max_body_bytes,
	};
}

void connection_deadline(struct connection *connection, uint64_t timeout_ms)
{
	struct l7_core *l7 = connection->l7;

	connection->deadline_us = l7->now_us + timeout_ms * CLOCK_US_PER_MS;
	/* A later one is seen when the timer fires: no wheel work for each piece of a body. */
	if (!wheel_is_armed(&connection->timer) ||
		connection->timer.deadline_us > connection->deadline_us)
		wheel_arm(l7->wheel, &connection->timer, connection->deadline_us);
}

static void set_state(struct connection *connection, enum connection_state state)
{
	connection->state = state;
}

static void schedule(struct connection *connection)
{
	if (connection->is_runnable)
		return;
	connection->is_runnable = true;
	connection->l7->runnable_count++;
	TAILQ_INSERT_TAIL(&connection->l7->runnable, connection, runnable_link);
}

static void unschedule(struct connection *connection)
{
	if (!connection->is_runnable)
		return;
	connection->is_runnable = false;
	connection->l7->runnable_count--;
	TAILQ_REMOVE(&connection->l7->runnable, connection, runnable_link);
}

/* The books are closed here, and nowhere else. TCP is told by the caller. */
static struct tcp_conn *end(struct connection *connection, bool is_by_client)
{
	struct l7_core *l7 = connection->l7;
	struct tcp_conn *tcp = connection->transport.tcp;

	set_state(connection, CONNECTION_CLOSED);
	connection->transport.tcp = NULL;
	wheel_cancel(&connection->timer);
	unschedule(connection);
	if (connection->stream != NULL)
		stream_abandon(connection->stream, is_by_client);
	connection_h2_abandon(connection, is_by_client);
	l7->slots[connection->slot] = NULL;
	l7->free_slots[l7->free_count++] = connection->slot;
	l7->conn_count--;
	l7->counters.conns_closed++;
	connection_counters(connection)->conns_closed++;
	SLIST_INSERT_HEAD(&l7->dead_connections, connection, dead_link);
	return tcp;
}

void connection_free(struct connection *connection)
{
	struct l7_core *l7 = connection->l7;

	connection_h2_free(connection);
	transport_finish(&connection->transport);
	connection->listener->workers[l7->worker].closed++;
	objpool_put(l7->connections, connection);
}

void connection_abort(struct connection *connection)
{
	if (connection->state != CONNECTION_CLOSED)
		tcp_abort(end(connection, false));
}

/* TCP sees to the rest: what is queued, our FIN, and RST for whatever comes still. */
static void leave(struct connection *connection)
{
	tcp_close(end(connection, false));
}

void connection_finish(struct connection *connection)
{
	connection->stream = NULL;
	set_state(connection, CONNECTION_FLUSH);
	connection_deadline(connection, connection->limits.body_timeout_ms);
	schedule(connection);
}

void connection_next(struct connection *connection)
{
	connection->stream = NULL;
	if (connection->l7->is_draining) {
		connection_finish(connection);
		return;
	}
	set_state(connection, CONNECTION_IDLE);
	connection_deadline(connection, connection->limits.idle_timeout_ms);
	schedule(connection);
}

/* Our side is done: what the client still sends is thrown away until its end, or for a while. */
static void linger(struct connection *connection)
{
	transport_shutdown(&connection->transport);
	connection->linger_left = LINGER_BYTES;
	connection_deadline(connection, LINGER_MS);
	set_state(connection, CONNECTION_LINGER);
}

/* The alert that says why must not be lost to a reset: see linger_run(). */
static void handshake_failed(struct connection *connection)
{
	connection->l7->counters.tls_failures++;
	connection_counters(connection)->tls_failures++;
	if (tcp_is_eof(connection->transport.tcp)) {
		leave(connection);
		return;
	}
	linger(connection);
	schedule(connection);
}

static void multiplex(struct connection *connection)
{
	if (connection_h2_open(connection) < 0) {
		connection->l7->counters.buffers_exhausted++;
		connection_abort(connection);
		return;
	}
	set_state(connection, CONNECTION_MULTIPLEX);
}

static void set_first_state(struct connection *connection)
{
	const struct l7_listener *listener = connection->listener;

	set_state(connection,
		config_mode_is_raw(listener->mode) ? CONNECTION_HELLO
			: listener->is_tls         ? CONNECTION_HANDSHAKE
						   : CONNECTION_IDLE);
}

static void proxy_run(struct connection *connection)
{
	int result = connection_proxy_read(connection);

	if (result < 0)
		connection_abort(connection);
	else if (result > 0)
		set_first_state(connection);
}

/* Its client may wait for the member's first word: it is looked at without one of its own. */
static void hello_run(struct connection *connection)
{
	switch (passthrough_begin(connection)) {
	case PASSTHROUGH_MORE:
		break;
	case PASSTHROUGH_BEGUN:
		set_state(connection, CONNECTION_BUSY);
		break;
	case PASSTHROUGH_EMPTY:
		connection_finish(connection);
		break;
	case PASSTHROUGH_STARVED:
		connection->l7->counters.buffers_exhausted++;
		connection_abort(connection);
		break;
	}
}

static void handshake_run(struct connection *connection)
{
	struct l7_core *l7 = connection->l7;

	switch (transport_handshake(&connection->transport)) {
	case TLS_OK:
		l7->counters.tls_handshakes++;
		connection->secured_us = l7->now_us;
		connection_counters(connection)->tls_handshakes++;
		set_state(connection, CONNECTION_IDLE);
		if (connection_h2_is_chosen(connection))
			multiplex(connection);
		break;
	case TLS_AGAIN:
		if (!tcp_is_eof(connection->transport.tcp))
			break;
		/* fall through */
	default:
		handshake_failed(connection);
	}
}

static void idle_run(struct connection *connection)
{
	const char *data;

	if (transport_peek(&connection->transport, &data) == 0) {
		if (transport_is_eof(&connection->transport))
			connection_finish(connection);
		return;
	}
	if (connection->requests == 0) {
		switch (connection_h2_detect(connection)) {
		case CONNECTION_IS_H2:
			multiplex(connection);
			return;
		case CONNECTION_MAY_BE_H2:
			return;
		case CONNECTION_IS_H1:
			break;
		}
	}
	if (stream_start(connection) < 0) {
		connection->l7->counters.buffers_exhausted++;
		connection_abort(connection);
		return;
	}
	set_state(connection, CONNECTION_BUSY);
}

static void busy_run(struct connection *connection)
{
	stream_on_client(connection->stream);
}

static void flush_run(struct connection *connection)
{
	if (transport_flush(&connection->transport))
		linger(connection);
}

/*
 * RFC 9112 9.6: a close with bytes unread would reset the connection, and the client might lose
 * the answer. They are thrown away for a while, and never looked at.
 */
static void linger_run(struct connection *connection)
{
	struct tcp_conn *tcp = connection->transport.tcp;
	size_t len = tcp_readable(tcp);

	if (len > connection->linger_left) {
		leave(connection);
		return;
	}
	tcp_consume(tcp, len);
	connection->linger_left -= (uint32_t)len;
	if (tcp_is_eof(tcp))
		leave(connection);
}

void connection_settle(struct connection *connection)
{
	struct l7_core *l7 = connection->l7;

	if (connection->state < CONNECTION_FLUSH)
		transport_flush(&connection->transport);
	if (!connection->transport.is_failed || connection->state == CONNECTION_CLOSED)
		return;
	if (connection->transport.is_short)
		l7->counters.buffers_exhausted++;
	else
		l7->counters.tls_failures++;
	leave(connection);
}

void connection_run(struct connection *connection)
{
	static void (*const handlers[CONNECTION_STATE_COUNT])(struct connection *) = {
		[CONNECTION_PROXY] = proxy_run,
		[CONNECTION_HELLO] = hello_run,
		[CONNECTION_HANDSHAKE] = handshake_run,
		[CONNECTION_IDLE] = idle_run,
		[CONNECTION_BUSY] = busy_run,
		[CONNECTION_MULTIPLEX] = connection_h2_run,
		[CONNECTION_FLUSH] = flush_run,
		[CONNECTION_LINGER] = linger_run,
	};
	enum connection_state before;

	/* The next request has to wait for the turn's end: pipelining does not keep others out. */
	for (before = CONNECTION_STATE_COUNT; connection->state != before &&
		connection->state != CONNECTION_CLOSED &&
		!(before == CONNECTION_BUSY && connection->state == CONNECTION_IDLE);) {
		before = connection->state;
		handlers[before](connection);
	}
	connection_settle(connection);
}

void connection_run_list(struct l7_core *l7)
{
	/* Those that come meanwhile wait for the next turn. */
	for (uint32_t left = l7->runnable_count; left > 0 && l7->runnable_count > 0; left--) {
		struct connection *connection = TAILQ_FIRST(&l7->runnable);

		unschedule(connection);
		connection_run(connection);
	}
}

static void on_event(struct tcp_conn *tcp, void *ctx)
{
	(void)tcp;
	connection_run(ctx);
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct connection *connection = ctx;

	(void)tcp;
	(void)reason;
	if (connection->state != CONNECTION_CLOSED)
		end(connection, true);
}

static const struct tcp_handler handler = {
	.on_readable = on_event,
	.on_writable = on_event,
	.on_closed = on_closed,
};

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	struct connection *connection = container_of(timer, struct connection, timer);

	if (now_us < connection->deadline_us) {
		wheel_arm(connection->l7->wheel, timer, connection->deadline_us);
		return;
	}
	switch (connection->state) {
	case CONNECTION_IDLE:
		connection_finish(connection);
		break;
	case CONNECTION_BUSY:
		stream_on_deadline(connection->stream);
		connection_settle(connection);
		break;
	case CONNECTION_MULTIPLEX:
		connection_h2_on_deadline(connection);
		break;
	case CONNECTION_LINGER:
		leave(connection);
		break;
	case CONNECTION_PROXY:
		connection->l7->counters.proxy_timeout++;
		connection_abort(connection);
		break;
	case CONNECTION_HELLO:
		passthrough_late(connection);
		connection_abort(connection);
		break;
	case CONNECTION_HANDSHAKE:
		connection->l7->counters.tls_failures++;
		connection_counters(connection)->tls_failures++;
		/* fall through */
	default:
		connection_abort(connection);
	}
}

static uint32_t slot_take(struct l7_core *l7)
{
	if (l7->free_count > 0)
		return l7->free_slots[--l7->free_count];
	return l7->slot_high++;
}

static int connection_open(
	struct connection *connection, struct tcp_conn *tcp, struct l7_listener *listener)
{
	struct l7_core *l7 = connection->l7;
	struct listener_worker *worker = &listener->workers[l7->worker];
	enum connection_proxy_rule rule = connection_proxy_rule(connection, listener);

	if (rule == CONNECTION_PROXY_REFUSED)
		return -EPERM;
	if (!listener->is_tls)
		transport_init_plain(&connection->transport, tcp);
	else if (transport_init_tls(&connection->transport, tcp, worker->tls, l7->records) < 0)
		return -ENOMEM;
	worker->opened++;
	connection->listener = listener;
	if (rule == CONNECTION_PROXY_EXPECTED)
		set_state(connection, CONNECTION_PROXY);
	else
		set_first_state(connection);
	connection->limits = listener->limits;
	wheel_timer_init(&connection->timer, on_timer);
	connection->slot = slot_take(l7);
	l7->slots[connection->slot] = connection;
	l7->conn_count++;
	l7->counters.conns_opened++;
	connection_counters(connection)->conns_opened++;
	tcp_set_handler(tcp, &handler, connection);
	connection_deadline(connection, connection->limits.header_timeout_ms);
	if (listener->mode == CONFIG_MODE_TCP)
		schedule(connection);
	return 0;
}

void connection_hash(struct connection *connection)
{
	struct hash_key key = connection->l7->snapshot->key;
	struct packet_tuple source = { .src = connection->tuple.src };

	connection->flow_hash = packet_tuple_hash(&connection->tuple, key);
	connection->source_hash = packet_tuple_hash(&source, key);
}

static void read_tuple(struct connection *connection, struct tcp_conn *tcp)
{
	struct tcp_info info;

	tcp_conn_info(tcp, &info);
	connection->tuple = info.tuple;
	connection->tuple.protocol = IPPROTO_TCP;
	connection_hash(connection);
}

int connection_accept(struct l7_core *l7, struct tcp_conn *tcp)
{
	struct connection *connection = NULL;
	const struct service *service;

	if (!l7->is_draining && l7->conn_count < l7->params.max_connections)
		connection = objpool_get(l7->connections);
	if (connection == NULL) {
		l7->counters.conns_refused++;
		return -EMFILE;
	}
	*connection = (struct connection){ .l7 = l7, .opened_us = l7->now_us };
	read_tuple(connection, tcp);
	service = connection_service(connection);
	if (service == NULL)
		goto fail;
	connection->identity = service->identity;
	if (connection_open(connection, tcp, service->listener) == 0)
		return 0;
fail:
	l7->counters.conns_refused++;
	objpool_put(l7->connections, connection);
	return -ENOENT;
}

void connection_close_idle(struct l7_core *l7, bool all)
{
	for (uint32_t i = 0; i < l7->slot_high; i++) {
		struct connection *connection = l7->slots[i];

		if (connection == NULL || (!all && connection_service(connection) != NULL))
			continue;
		if (connection->state == CONNECTION_IDLE ||
			(connection->state == CONNECTION_HELLO &&
				tcp_readable(connection->transport.tcp) == 0))
			connection_finish(connection);
		else if (connection->stream != NULL && connection->stream->state == STREAM_TUNNEL)
			tunnel_leave(connection->stream);
		else if (connection->state == CONNECTION_MULTIPLEX)
			connection_h2_drain(connection);
	}
}
