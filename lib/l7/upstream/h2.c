/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <rte_common.h>

#include "../connection.h"
#include "../core.h"
#include "upstream.h"

#define LIVELY_US 1000000

/* Members are ours: these limits only keep a broken one from eating the worker. */
static const struct config_h2 limits = {
	.max_streams = 100,
	.stream_window_bytes = 65535,
	.connection_window_bytes = 1048576,
	.max_memory_bytes = 64 << 20,
	.max_resets = 10000,
	.max_errors = 1000,
	.max_continuations = 8,
	.max_settings = 1000,
	.max_pings = 1000,
	.max_priorities = 1000,
	.max_window_updates = 10000,
	.max_empty_frames = 1000,
};

static const struct http_limits head_limits = {
	.header_bytes = MESSAGE_HEAD_BYTES,
	.header_fields = HTTP_FIELDS_MAX,
};

/* As in conn.c: the books are closed here, and TCP is told by the caller. */
static struct tcp_conn *end(struct upstream_h2 *h2)
{
	struct l7_core *l7 = h2->mux.l7;
	struct tcp_conn *tcp = h2->transport.tcp;

	h2->state = UPSTREAM_CLOSED;
	h2->mux.is_over = true;
	h2->transport.tcp = NULL;
	wheel_cancel(&h2->timer);
	LIST_REMOVE(h2, link);
	if (--h2->pool->conn_count == 0)
		upstream_pool_put(&l7->upstreams, h2->pool);
	h2->member->cores[l7->core->index].conns_closed++;
	member_pool_counters(h2->member, l7->core->index)->conns_closed++;
	h2->member = NULL;
	SLIST_INSERT_HEAD(&l7->upstreams.dead_h2, h2, dead_link);
	return tcp;
}

void upstream_h2_close(struct upstream_h2 *h2)
{
	struct tcp_conn *tcp = h2->state == UPSTREAM_CLOSED ? NULL : end(h2);

	if (tcp != NULL && h2->transport.is_failed)
		upstream_close_failed(tcp);
	else if (tcp != NULL)
		tcp_close(tcp);
}

/* Streams without a whole answer are told that it will not come. */
static void users_lose(struct upstream_h2 *h2, enum tcp_close_reason reason, bool all)
{
	struct upstream *user = LIST_FIRST(&h2->users);

	while (user != NULL) {
		struct upstream *next = LIST_NEXT(user, user_link);

		if (all || user->h2_stream == NULL || !h2_is_ended(user->h2_stream))
			stream_on_member_closed(user, reason);
		if (all && user->state != UPSTREAM_CLOSED)
			upstream_abort(user);
		user = next;
	}
}

static void on_ready(struct mux *mux, struct h2_stream *h2_stream)
{
	struct upstream *user = h2_stream_owner(h2_stream);

	(void)mux;
	if (user == NULL || user->state != UPSTREAM_BUSY)
		return;
	stream_on_member_readable(user);
	if (user->state == UPSTREAM_BUSY)
		stream_on_member_writable(user);
}

/* Its SETTINGS are there: those that had to know them can go on. */
static void wake_waiting(struct upstream_h2 *h2)
{
	struct upstream *user = LIST_FIRST(&h2->users);

	if (!h2_has_settings(h2->mux.session))
		return;
	while (user != NULL) {
		struct upstream *next = LIST_NEXT(user, user_link);

		if (user->is_waiting && user->state == UPSTREAM_BUSY) {
			user->is_waiting = false;
			stream_on_connected(user);
		}
		user = next;
	}
}

static void on_rest(struct mux *mux)
{
	struct upstream_h2 *h2 = container_of(mux, struct upstream_h2, mux);

	if (h2->state == UPSTREAM_CLOSED)
		return;
	wake_waiting(h2);
	if (!h2_is_done(mux->session) && !transport_is_eof(mux->transport) &&
		!mux->transport->is_failed)
		return;
	h2->is_retired = true;
	users_lose(h2, TCP_CLOSED_RESET, false);
	if (h2->user_count == 0)
		upstream_h2_close(h2);
}

static const struct mux_ops ops = { .on_ready = on_ready, .on_rest = on_rest };

static void connect_failed(struct upstream_h2 *h2, enum tcp_close_reason reason)
{
	h2->is_retired = true;
	users_lose(h2, reason, true);
	if (h2->state != UPSTREAM_CLOSED)
		upstream_h2_close(h2);
}

static void connect_done(struct upstream_h2 *h2)
{
	struct upstream *user = LIST_FIRST(&h2->users);

	wheel_cancel(&h2->timer);
	h2->state = UPSTREAM_BUSY;
	while (user != NULL) {
		struct upstream *next = LIST_NEXT(user, user_link);

		user->state = UPSTREAM_BUSY;
		stream_on_connected(user);
		user = next;
	}
	if (h2->state == UPSTREAM_BUSY)
		mux_run(&h2->mux);
}

static void connect_run(struct upstream_h2 *h2)
{
	switch (upstream_handshake(h2->mux.l7, h2->member, &h2->transport, true)) {
	case TLS_OK:
		connect_done(h2);
		break;
	case TLS_AGAIN:
		break;
	default:
		connect_failed(h2, TCP_CLOSED_RESET);
	}
}

static void on_connected(struct tcp_conn *tcp, void *ctx)
{
	struct upstream_h2 *h2 = ctx;

	(void)tcp;
	if (h2->state != UPSTREAM_CONNECTING)
		return;
	h2->is_connected = true;
	connect_run(h2);
}

static void on_event(struct tcp_conn *tcp, void *ctx)
{
	struct upstream_h2 *h2 = ctx;

	(void)tcp;
	if (h2->state == UPSTREAM_BUSY)
		mux_run(&h2->mux);
	else if (h2->state == UPSTREAM_CONNECTING && h2->is_connected)
		connect_run(h2);
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct upstream_h2 *h2 = ctx;

	(void)tcp;
	if (h2->state == UPSTREAM_CLOSED)
		return;
	h2->transport.tcp = NULL;
	h2->is_retired = true;
	users_lose(h2, reason, true);
	if (h2->state != UPSTREAM_CLOSED)
		end(h2);
}

static const struct tcp_handler handler = {
	.on_connected = on_connected,
	.on_readable = on_event,
	.on_writable = on_event,
	.on_closed = on_closed,
};

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	struct upstream_h2 *h2 = container_of(timer, struct upstream_h2, timer);

	(void)now_us;
	if (h2->state == UPSTREAM_CONNECTING)
		connect_failed(h2, TCP_CLOSED_TIMEOUT);
	else
		upstream_h2_close(h2);
}

static const struct mux_params mux_params = {
	.role = H2_CLIENT, .limits = &head_limits, .config = &limits, .ops = &ops
};

static struct upstream_h2 *open_new(
	struct l7_core *l7, struct member *member, const struct config_pool *config)
{
	struct upstream_h2 *h2 = objpool_get(l7->upstreams.h2s);
	struct tcp_conn *tcp;

	if (h2 == NULL)
		return NULL;
	*h2 = (struct upstream_h2){ .state = UPSTREAM_CONNECTING, .member = member };
	h2->context = upstream_context(l7, config);
	wheel_timer_init(&h2->timer, on_timer);
	tcp = upstream_connect(l7, member, config, &handler, h2);
	if (tcp == NULL ||
		upstream_open_transport(l7, &h2->transport, tcp, member, h2->context) < 0)
		goto fail;
	h2->pool = upstream_pool_get(l7, member);
	if (h2->pool == NULL || mux_open(&h2->mux, l7, &h2->transport, &mux_params) < 0)
		goto fail;
	/* TCP's own limit ends with its handshake. */
	if (h2->context != NULL)
		wheel_arm(l7->wheel, &h2->timer,
			l7->now_us + config->connect_timeout_ms * CLOCK_US_PER_MS);
	h2->pool->conn_count++;
	LIST_INSERT_HEAD(&h2->pool->h2s, h2, link);
	member->cores[l7->core->index].conns_opened++;
	member_pool_counters(member, l7->core->index)->conns_opened++;
	l7->counters.upstream_opened++;
	l7->counters.h2_upstream_opened++;
	return h2;
fail:
	/* The handler may be called by tcp_abort(): it must see a connection that is over. */
	h2->state = UPSTREAM_CLOSED;
	if (tcp != NULL)
		tcp_abort(tcp);
	if (h2->pool != NULL && h2->pool->conn_count == 0)
		upstream_pool_put(&l7->upstreams, h2->pool);
	transport_finish(&h2->transport);
	objpool_put(l7->upstreams.h2s, h2);
	return NULL;
}

static bool has_room(const struct upstream_h2 *h2)
{
	if (h2->is_retired || h2->user_count >= limits.max_streams)
		return false;
	return h2->state == UPSTREAM_CONNECTING ||
		(!h2_is_going(h2->mux.session) && h2_free_streams(h2->mux.session) > 0);
}

static struct upstream_h2 *find(
	struct l7_core *l7, const struct member *member, const struct tls_context *context)
{
	struct upstream_pool *pool = upstream_pool_find(l7, member);
	struct upstream_h2 *h2;

	if (pool == NULL)
		return NULL;
	LIST_FOREACH (h2, &pool->h2s, link) {
		if (h2->context == context && has_room(h2))
			return h2;
	}
	return NULL;
}

bool upstream_h2_has_room(
	struct l7_core *l7, const struct member *member, const struct tls_context *context)
{
	return find(l7, member, context) != NULL;
}

static void join(struct upstream *user, struct upstream_h2 *h2)
{
	user->h2 = h2;
	user->state = h2->state;
	user->started_us = user->l7->now_us;
	user->h2_code = H2_CANCEL;
	LIST_INSERT_HEAD(&h2->users, user, user_link);
	h2->user_count++;
}

struct upstream *upstream_h2_acquire(struct l7_core *l7, struct stream *stream,
	struct member *member, const struct config_pool *config, bool may_reuse)
{
	struct upstream_h2 *h2 = may_reuse ? find(l7, member, upstream_context(l7, config)) : NULL;
	struct upstream *user = objpool_get(l7->upstreams.upstreams);

	if (user == NULL)
		return NULL;
	*user = (struct upstream){ .l7 = l7, .member = member, .stream = stream };
	user->was_reused = h2 != NULL && h2->state == UPSTREAM_BUSY;
	if (h2 == NULL)
		h2 = open_new(l7, member, config);
	if (h2 == NULL) {
		objpool_put(l7->upstreams.upstreams, user);
		return NULL;
	}
	l7->counters.upstream_reused += user->was_reused;
	if (h2->state == UPSTREAM_BUSY)
		wheel_cancel(&h2->timer);
	h2->idle_timeout_ms = config->idle_timeout_ms;
	join(user, h2);
	return user;
}

/* Counted already: the connection stays what it was but for its keeper. */
int upstream_h2_adopt(struct upstream *user)
{
	struct l7_core *l7 = user->l7;
	struct upstream_h2 *h2 = objpool_get(l7->upstreams.h2s);

	if (h2 == NULL)
		return -ENOMEM;
	*h2 = (struct upstream_h2){
		.state = UPSTREAM_BUSY,
		.member = user->member,
		.pool = user->pool,
		.is_connected = true,
		.context = user->context,
		.idle_timeout_ms = user->idle_timeout_ms,
	};
	wheel_timer_init(&h2->timer, on_timer);
	if (mux_open(&h2->mux, l7, &h2->transport, &mux_params) < 0) {
		objpool_put(l7->upstreams.h2s, h2);
		return -ENOMEM;
	}
	transport_move(&h2->transport, &user->transport);
	tcp_set_handler(h2->transport.tcp, &handler, h2);
	LIST_INSERT_HEAD(&h2->pool->h2s, h2, link);
	l7->counters.h2_upstream_opened++;
	join(user, h2);
	stream_on_connected(user);
	if (h2->state == UPSTREAM_BUSY)
		mux_run(&h2->mux);
	return 0;
}

int upstream_h2_request(struct stream *stream, const struct http_head *head,
	const struct http_write_options *options)
{
	struct upstream *user = stream->upstream;

	user->h2_stream = h2_send_request(user->h2->mux.session, head, options,
		stream_is_sent(stream) && options->upgrade == NULL);
	if (user->h2_stream == NULL)
		return -EINVAL;
	h2_stream_set_owner(user->h2_stream, user);
	inlet_close(&stream->response);
	inlet_open_h2(&stream->response, user->h2_stream);
	outlet_close(&stream->to_member);
	outlet_open_h2(&stream->to_member, user->h2_stream);
	stream->l7->counters.h2_upstream_streams++;
	return 0;
}

bool upstream_is_unprocessed(const struct upstream *upstream)
{
	return upstream->h2_stream != NULL && h2_is_unprocessed(upstream->h2_stream);
}

/* A connection without streams is kept for a while, unless nobody will send more over it. */
static void rest(struct upstream_h2 *h2)
{
	struct l7_core *l7 = h2->mux.l7;

	if (h2->user_count > 0 || h2->state == UPSTREAM_CLOSED)
		return;
	if (h2->state == UPSTREAM_CONNECTING || h2->is_retired || l7->is_draining ||
		h2->pool->generation != l7->generation)
		upstream_h2_close(h2);
	else
		wheel_arm(
			l7->wheel, &h2->timer, l7->now_us + h2->idle_timeout_ms * CLOCK_US_PER_MS);
}

bool upstream_h2_is_lively(const struct upstream_h2 *h2)
{
	return h2->mux.received_us + LIVELY_US >= h2->mux.l7->now_us;
}

void upstream_h2_leave(struct upstream *user, bool is_aborted)
{
	struct upstream_h2 *h2 = user->h2;

	/* Nothing came since this request was sent: the next one should not hang there too. */
	if (is_aborted && h2->mux.received_us < user->started_us)
		h2->is_retired = true;
	user->state = UPSTREAM_CLOSED;
	user->stream = NULL;
	user->member = NULL;
	if (user->h2_stream != NULL)
		h2_stream_set_owner(user->h2_stream, NULL);
	LIST_REMOVE(user, user_link);
	h2->user_count--;
	SLIST_INSERT_HEAD(&user->l7->upstreams.dead, user, dead_link);
	rest(h2);
}

void upstream_h2_free_dead(struct upstream_pools *pools)
{
	struct upstream_h2 *h2;

	while ((h2 = SLIST_FIRST(&pools->dead_h2)) != NULL) {
		SLIST_REMOVE_HEAD(&pools->dead_h2, dead_link);
		mux_close(&h2->mux);
		transport_finish(&h2->transport);
		objpool_put(pools->h2s, h2);
	}
}
