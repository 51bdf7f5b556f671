/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "../core.h"
#include "../listener.h"
#include "upstream.h"

static struct member_counters *counters_of(const struct upstream *upstream)
{
	return &upstream->member->cores[upstream->l7->core->index];
}

static void leave_idle(struct upstream *upstream)
{
	TAILQ_REMOVE(&upstream->pool->idle, upstream, idle_link);
	upstream->pool->idle_count--;
	wheel_cancel(&upstream->timer);
}

/*
 * The books are closed here. The member's pointer is not ours any more afterwards. TCP is told by
 * the caller.
 */
static struct tcp_conn *end(struct upstream *upstream)
{
	struct l7_core *l7 = upstream->l7;
	struct tcp_conn *tcp = upstream->transport.tcp;

	if (upstream->state == UPSTREAM_IDLE)
		leave_idle(upstream);
	wheel_cancel(&upstream->timer);
	upstream->state = UPSTREAM_CLOSED;
	upstream->transport.tcp = NULL;
	upstream->stream = NULL;
	if (--upstream->pool->conn_count == 0)
		upstream_pool_put(&l7->upstreams, upstream->pool);
	counters_of(upstream)->conns_closed++;
	member_pool_counters(upstream->member, l7->core->index)->conns_closed++;
	upstream->member = NULL;
	SLIST_INSERT_HEAD(&l7->upstreams.dead, upstream, dead_link);
	return tcp;
}

void upstream_abort(struct upstream *upstream)
{
	struct tcp_conn *tcp;

	if (upstream->state == UPSTREAM_CLOSED)
		return;
	if (upstream->h2 != NULL) {
		upstream_h2_leave(upstream, true);
		return;
	}
	tcp = end(upstream);
	if (tcp == NULL)
		return;
	if (upstream->transport.is_failed)
		upstream_close_failed(tcp);
	else
		tcp_abort(tcp);
}

void upstream_cancel(struct upstream *upstream)
{
	if (upstream->h2 != NULL && upstream->state != UPSTREAM_CLOSED)
		upstream_h2_leave(upstream, !upstream_h2_is_lively(upstream->h2));
	else
		upstream_abort(upstream);
}

void upstream_close(struct upstream *upstream)
{
	struct tcp_conn *tcp = upstream->state == UPSTREAM_CLOSED ? NULL : end(upstream);

	if (tcp != NULL)
		tcp_close(tcp);
}

/* Nothing was sent yet: another member may do. */
static void connect_failed(struct upstream *upstream, enum tcp_close_reason reason)
{
	stream_on_member_closed(upstream, reason);
	upstream_abort(upstream);
}

static void connect_done(struct upstream *upstream)
{
	wheel_cancel(&upstream->timer);
	if (!upstream->may_be_h2 || !upstream_is_h2_chosen(&upstream->transport)) {
		upstream->state = UPSTREAM_BUSY;
		stream_on_connected(upstream);
	} else if (upstream_h2_adopt(upstream) < 0) {
		connect_failed(upstream, TCP_CLOSED_RESET);
	}
}

static void connect_run(struct upstream *upstream)
{
	switch (upstream_handshake(upstream->l7, upstream->member, &upstream->transport, false)) {
	case TLS_OK:
		connect_done(upstream);
		break;
	case TLS_AGAIN:
		break;
	default:
		connect_failed(upstream, TCP_CLOSED_RESET);
	}
}

static void on_connected(struct tcp_conn *tcp, void *ctx)
{
	struct upstream *upstream = ctx;

	(void)tcp;
	if (upstream->state != UPSTREAM_CONNECTING)
		return;
	upstream->is_connected = true;
	if (upstream_proxy_send(upstream) < 0)
		connect_failed(upstream, TCP_CLOSED_NO_MEMORY);
	else
		connect_run(upstream);
}

/* What its stream could not see: TLS broke, and no byte will come or go any more. */
static void settle(struct upstream *upstream)
{
	if (upstream->state != UPSTREAM_BUSY || !upstream->transport.is_failed)
		return;
	if (upstream->transport.is_short)
		upstream->l7->counters.buffers_exhausted++;
	stream_on_member_closed(upstream, TCP_CLOSED_RESET);
}

/* A kept one: TLS may have tickets for us, anything else is its end. */
static void idle_run(struct upstream *upstream)
{
	const char *data;
	size_t len = transport_peek(&upstream->transport, &data);

	if (len == 0 && !transport_is_eof(&upstream->transport) && !upstream->transport.is_failed)
		return;
	/* A response that nobody asked for. */
	if (len > 0)
		upstream->l7->refusals[HTTP_REFUSED_surplus]++;
	upstream_close(upstream);
}

static void on_readable(struct tcp_conn *tcp, void *ctx)
{
	struct upstream *upstream = ctx;

	(void)tcp;
	if (upstream->state == UPSTREAM_BUSY) {
		stream_on_member_readable(upstream);
		settle(upstream);
	} else if (upstream->state == UPSTREAM_IDLE) {
		idle_run(upstream);
	} else if (upstream->state == UPSTREAM_CONNECTING && upstream->is_connected) {
		connect_run(upstream);
	}
}

static void on_writable(struct tcp_conn *tcp, void *ctx)
{
	struct upstream *upstream = ctx;

	(void)tcp;
	if (upstream->state == UPSTREAM_BUSY) {
		stream_on_member_writable(upstream);
		settle(upstream);
	} else if (upstream->state == UPSTREAM_CONNECTING && upstream->is_connected) {
		connect_run(upstream);
	}
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct upstream *upstream = ctx;

	(void)tcp;
	if (upstream->state == UPSTREAM_CLOSED)
		return;
	upstream->transport.tcp = NULL;
	if (upstream->stream != NULL)
		stream_on_member_closed(upstream, reason);
	if (upstream->state != UPSTREAM_CLOSED)
		end(upstream);
}

static const struct tcp_handler handler = {
	.on_connected = on_connected,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	struct upstream *upstream = container_of(timer, struct upstream, timer);

	(void)now_us;
	if (upstream->state == UPSTREAM_CONNECTING)
		connect_failed(upstream, TCP_CLOSED_TIMEOUT);
	else
		upstream_close(upstream);
}

/* The last one used that was made as those of this pool are. */
static struct upstream *reuse(struct upstream_pool *pool, const struct tls_context *context)
{
	struct upstream *upstream = TAILQ_FIRST(&pool->idle);

	while (upstream != NULL && upstream->context != context)
		upstream = TAILQ_NEXT(upstream, idle_link);
	if (upstream == NULL)
		return NULL;
	leave_idle(upstream);
	upstream->state = UPSTREAM_BUSY;
	upstream->was_reused = true;
	upstream->l7->counters.upstream_reused++;
	return upstream;
}

struct tcp_conn *upstream_connect(struct l7_core *l7, const struct member *member,
	const struct config_pool *config, const struct tcp_handler *tcp_handler, void *ctx)
{
	const struct ip_addr *source = neigh_net_source(l7->snapshot->net, &member->address);
	int error;

	if (source == NULL)
		return NULL;
	return tcp_connect(l7->tcp,
		&(struct tcp_connect_args){
			.src = source,
			.dst = &member->address,
			.dst_port = member->port,
			.timeout_ms = config->connect_timeout_ms,
			.handler = tcp_handler,
			.ctx = ctx,
		},
		&error, l7->now_us);
}

/* What is passed through has TLS of its own already: the pool's is for its health checks then. */
static struct tls_context *context_for(
	struct l7_core *l7, const struct stream *stream, const struct config_pool *config)
{
	const struct l7_listener *listener = stream->connection->listener;

	return listener->mode == CONFIG_MODE_TLS_PASSTHROUGH ? NULL : upstream_context(l7, config);
}

static struct upstream *open_new(struct l7_core *l7, const struct stream *stream,
	struct member *member, const struct config_pool *config)
{
	struct upstream *upstream = objpool_get(l7->upstreams.upstreams);
	struct upstream_pool *pool;
	struct tcp_conn *tcp;

	if (upstream == NULL)
		return NULL;
	*upstream = (struct upstream){ .l7 = l7, .member = member };
	upstream->context = context_for(l7, stream, config);
	upstream->client_address = config->client_address;
	upstream->config_generation = l7->config_generation;
	upstream->may_be_h2 = config->protocol == CONFIG_PROTOCOL_ALPN && !stream->is_raw;
	wheel_timer_init(&upstream->timer, on_timer);
	tcp = upstream_connect(l7, member, config, &handler, upstream);
	if (tcp == NULL ||
		upstream_open_transport(l7, &upstream->transport, tcp, member, upstream->context) <
			0)
		goto fail;
	pool = upstream_pool_get(l7, member);
	if (pool == NULL)
		goto fail;
	/* TCP's own limit ends with its handshake. */
	if (upstream->context != NULL)
		wheel_arm(l7->wheel, &upstream->timer,
			l7->now_us + config->connect_timeout_ms * CLOCK_US_PER_MS);
	upstream->pool = pool;
	pool->conn_count++;
	counters_of(upstream)->conns_opened++;
	member_pool_counters(member, l7->core->index)->conns_opened++;
	l7->counters.upstream_opened++;
	return upstream;
fail:
	/* The handler may be called by tcp_abort(): it must see a connection that is over. */
	upstream->state = UPSTREAM_CLOSED;
	if (tcp != NULL)
		tcp_abort(tcp);
	transport_finish(&upstream->transport);
	objpool_put(l7->upstreams.upstreams, upstream);
	return NULL;
}

/*
 * Where connections are limited, a worker keeps its share of them less one: what the others keep
 * never takes the last place of one that needs a connection.
 */
static uint32_t idle_max(const struct l7_core *l7, const struct config_pool *config)
{
	unsigned workers = RTE_MAX(l7->snapshot->steer.l7_count, 1);
	unsigned limit = config->limits.member_connections;
	unsigned share = config->limits.connections / (unsigned)config->member_count;

	if (limit == 0 && config->limits.connections == 0)
		return config->max_idle_connections;
	if (limit == 0 || (config->limits.connections > 0 && share < limit))
		limit = share;
	limit = limit == 0 ? 0 : (limit - 1) / workers;
	return RTE_MIN(limit, config->max_idle_connections);
}

struct upstream *upstream_acquire(struct l7_core *l7, struct stream *stream, struct member *member,
	const struct config_pool *config, bool may_reuse)
{
	struct tls_context *context = upstream_context(l7, config);
	struct upstream *upstream = NULL;

	/* A connection that says whose it is serves nobody else. */
	may_reuse &= config->client_address == CONFIG_CLIENT_ADDRESS_NONE && !stream->is_raw;
	if (config->protocol == CONFIG_PROTOCOL_H2 ||
		(config->protocol == CONFIG_PROTOCOL_ALPN && may_reuse &&
			upstream_h2_has_room(l7, member, context)))
		return upstream_h2_acquire(l7, stream, member, config, may_reuse);
	if (may_reuse) {
		struct upstream_pool *pool = upstream_pool_find(l7, member);

		if (pool != NULL)
			upstream = reuse(pool, context);
	}
	if (upstream == NULL)
		upstream = open_new(l7, stream, member, config);
	if (upstream == NULL)
		return NULL;
	upstream->stream = stream;
	upstream->idle_timeout_ms = config->idle_timeout_ms;
	upstream->max_idle = idle_max(l7, config);
	return upstream;
}

bool upstream_is_kept(
	struct l7_core *l7, const struct member *member, const struct config_pool *config)
{
	const struct upstream_pool *pool = upstream_pool_find(l7, member);

	if (pool == NULL || config->client_address != CONFIG_CLIENT_ADDRESS_NONE)
		return false;
	if (config->protocol != CONFIG_PROTOCOL_H1 &&
		upstream_h2_has_room(l7, member, upstream_context(l7, config)))
		return true;
	return config->protocol != CONFIG_PROTOCOL_H2 && pool->idle_count > 0;
}

/* TLS as an older configuration wanted it. */
static bool is_outdated(const struct upstream *upstream)
{
	return upstream->context != NULL &&
		upstream->config_generation != upstream->l7->config_generation;
}

static bool may_be_kept(const struct upstream *upstream)
{
	const struct l7_core *l7 = upstream->l7;
	const struct upstream_pool *pool = upstream->pool;

	return upstream->client_address == CONFIG_CLIENT_ADDRESS_NONE && !l7->is_draining &&
		pool->generation == l7->generation && !is_outdated(upstream) &&
		pool->idle_count < upstream->max_idle && !upstream->transport.is_failed &&
		!transport_is_eof(&upstream->transport);
}

void upstream_release(struct upstream *upstream, bool is_clean)
{
	struct l7_core *l7 = upstream->l7;
	const char *data;
	size_t surplus;

	if (upstream->state == UPSTREAM_CLOSED)
		return;
	if (upstream->h2 != NULL) {
		upstream->h2_code = H2_NO_ERROR;
		upstream_h2_leave(upstream, false);
		return;
	}
	surplus = is_clean ? transport_peek(&upstream->transport, &data) : 0;
	if (surplus > 0)
		l7->refusals[HTTP_REFUSED_surplus]++;
	if (!is_clean || surplus > 0 || !may_be_kept(upstream)) {
		upstream_close(upstream);
		return;
	}
	upstream->stream = NULL;
	upstream->state = UPSTREAM_IDLE;
	TAILQ_INSERT_HEAD(&upstream->pool->idle, upstream, idle_link);
	upstream->pool->idle_count++;
	wheel_arm(l7->wheel, &upstream->timer,
		l7->now_us + upstream->idle_timeout_ms * CLOCK_US_PER_MS);
}
