/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror.h"

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "core.h"

#define GROW_COUNT 16

/* The last thing in the head: the answer's end is the connection's. */
static const char close_field[] = "Connection: close\r\n\r\n";
#define HEAD_END_LEN 2

struct mirror {
	struct l7_core *l7;
	struct tcp_conn *tcp;  /* NULL once it is over */
	struct member *member; /* the same */
	char *out;             /* an object of l7->outs */
	size_t len;
	size_t at; /* sent */
	struct wheel_timer timer;
	LIST_ENTRY(mirror) link;
	SLIST_ENTRY(mirror) dead_link;
};

int mirrors_create(struct l7_core *l7)
{
	LIST_INIT(&l7->mirrors);
	SLIST_INIT(&l7->dead_mirrors);
	l7->mirror_pool = objpool_create(sizeof(struct mirror), GROW_COUNT, MIRRORS_MAX);
	return l7->mirror_pool == NULL ? -ENOMEM : 0;
}

void mirrors_destroy(struct l7_core *l7)
{
	objpool_destroy(l7->mirror_pool);
}

/* The books are closed here. TCP is told by the caller. */
static struct tcp_conn *end(struct mirror *mirror)
{
	struct l7_core *l7 = mirror->l7;
	struct tcp_conn *tcp = mirror->tcp;
	unsigned core = l7->core->index;
	struct member_counters *counters = &mirror->member->cores[core];
	struct pool_counters *pool = member_pool_counters(mirror->member, core);

	counters->requests_done++;
	counters->conns_closed++;
	pool->conns_closed++;
	pool->mirrors_done++;
	mirror->tcp = NULL;
	mirror->member = NULL;
	wheel_cancel(&mirror->timer);
	LIST_REMOVE(mirror, link);
	SLIST_INSERT_HEAD(&l7->dead_mirrors, mirror, dead_link);
	return tcp;
}

static void cut(struct mirror *mirror)
{
	if (mirror->tcp != NULL)
		tcp_abort(end(mirror));
}

static void on_writable(struct tcp_conn *tcp, void *ctx)
{
	struct mirror *mirror = ctx;

	if (mirror->tcp != NULL && mirror->at < mirror->len)
		mirror->at += tcp_write(tcp, mirror->out + mirror->at, mirror->len - mirror->at);
}

static void on_readable(struct tcp_conn *tcp, void *ctx)
{
	struct mirror *mirror = ctx;

	if (mirror->tcp == NULL)
		return;
	tcp_consume(tcp, tcp_readable(tcp));
	if (tcp_is_eof(tcp))
		tcp_close(end(mirror));
}

static void on_closed(struct tcp_conn *tcp, void *ctx, enum tcp_close_reason reason)
{
	struct mirror *mirror = ctx;

	(void)tcp;
	(void)reason;
	if (mirror->tcp != NULL)
		end(mirror);
}

static const struct tcp_handler handler = {
	.on_connected = on_writable,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	(void)now_us;
	cut(container_of(timer, struct mirror, timer));
}

void mirrors_close(struct l7_core *l7)
{
	while (!LIST_EMPTY(&l7->mirrors))
		cut(LIST_FIRST(&l7->mirrors));
}

static void mirror_free(struct mirror *mirror)
{
	struct l7_core *l7 = mirror->l7;

	objpool_put(l7->outs, mirror->out);
	objpool_put(l7->mirror_pool, mirror);
}

void mirrors_free_dead(struct l7_core *l7)
{
	struct mirror *mirror;

	while ((mirror = SLIST_FIRST(&l7->dead_mirrors)) != NULL) {
		SLIST_REMOVE_HEAD(&l7->dead_mirrors, dead_link);
		mirror_free(mirror);
	}
}

static struct mirror *mirror_alloc(struct l7_core *l7)
{
	struct mirror *mirror = objpool_get(l7->mirror_pool);

	if (mirror == NULL)
		return NULL;
	*mirror = (struct mirror){ .l7 = l7, .out = objpool_get(l7->outs) };
	if (mirror->out != NULL)
		return mirror;
	objpool_put(l7->mirror_pool, mirror);
	return NULL;
}

/* False: there was no room, no member, or no connection. */
static bool mirror_open(
	struct l7_core *l7, const struct pool *pool, unsigned index, const char *head, size_t len)
{
	const struct balance_query query = {
		.hash = (uint32_t)rng_next(&l7->rng),
		.cursor = &l7->cursors[index % CURSORS_MAX],
		.rng = &l7->rng,
		.now_us = l7->now_us,
	};
	struct member *member = pool_pick(pool, &query);
	struct mirror *mirror = member == NULL ? NULL : mirror_alloc(l7);
	unsigned core = l7->core->index;

	if (mirror == NULL)
		return false;
	memcpy(mirror->out, head, len - HEAD_END_LEN);
	memcpy(mirror->out + len - HEAD_END_LEN, close_field, sizeof(close_field) - 1);
	mirror->len = len - HEAD_END_LEN + sizeof(close_field) - 1;
	wheel_timer_init(&mirror->timer, on_timer);
	mirror->tcp = upstream_connect(l7, member, pool->config, &handler, mirror);
	if (mirror->tcp == NULL) {
		mirror_free(mirror);
		return false;
	}
	mirror->member = member;
	member->cores[core].requests++;
	member->cores[core].conns_opened++;
	member->cores[core].bytes_in += mirror->len;
	member_pool_counters(member, core)->conns_opened++;
	member_pool_counters(member, core)->mirrors++;
	LIST_INSERT_HEAD(&l7->mirrors, mirror, link);
	wheel_arm(l7->wheel, &mirror->timer,
		l7->now_us + pool->config->response_timeout_ms * CLOCK_US_PER_MS);
	return true;
}

void mirror_send(struct stream *stream, const char *head, size_t len)
{
	const struct config_l7_route *route = stream->route->config;
	struct l7_core *l7 = stream->l7;
	const struct pool *pool;

	if (route == NULL || !route->mirror.is_set || stream->is_mirrored || l7->is_draining)
		return;
	stream->is_mirrored = true;
	if (rng_below(&l7->rng, 100) >= route->mirror.pct)
		return;
	pool = l7->snapshot->backends->pools[route->mirror.pool];
	if (!stream->is_request_done || stream->replay.len > 0 ||
		len + sizeof(close_field) > MESSAGE_OUT_BYTES ||
		!mirror_open(l7, pool, route->mirror.pool, head, len))
		pool->identity->cores[l7->core->index].counters.mirrors_dropped++;
}
