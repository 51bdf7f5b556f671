/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <assert.h>
#include <errno.h>

#include "connection.h"
#include "connection_h2.h"
#include "core.h"
#include "grpc.h"
#include "listener.h"
#include "passthrough.h"
#include "resilience/limits.h"
#include "stream_hedge.h"
#include "tunnel.h"

static_assert(offsetof(struct service_counters, responses_5xx) -
			offsetof(struct service_counters, responses_1xx) ==
		4 * sizeof(uint64_t),
	"the classes are found by their distance");
static_assert(offsetof(struct member_counters, responses_5xx) -
			offsetof(struct member_counters, responses_1xx) ==
		4 * sizeof(uint64_t),
	"the classes are found by their distance");

static void count_class(void *counters, size_t first, unsigned status)
{
	uint64_t *classes = (uint64_t *)((char *)counters + first);

	classes[status / 100 - 1]++;
}

void stream_count_member_response(struct stream *stream, unsigned status)
{
	if (status >= 100 && status <= 599)
		count_class(&stream->upstream->member->cores[stream->l7->core->index],
			offsetof(struct member_counters, responses_1xx), status);
}

void stream_count_response(struct stream *stream, unsigned status, bool is_by_member)
{
	if (status < 100 || status > 599)
		return;
	if (status >= 200 || status == 101)
		stream->status = (uint16_t)status;
	count_class(connection_counters(stream->connection),
		offsetof(struct service_counters, responses_1xx), status);
	if (is_by_member)
		stream_count_member_response(stream, status);
}

static void limits_refresh(struct connection *connection)
{
	const struct service *service = connection_service(connection);

	if (service != NULL)
		connection->limits = ((const struct l7_listener *)service->listener)->limits;
}

int stream_start(struct connection *connection)
{
	struct l7_core *l7 = connection->l7;
	struct stream *stream = objpool_get(l7->streams);
	struct http_limits limits;

	if (stream == NULL)
		return -ENOMEM;
	limits_refresh(connection);
	connection_read_limits(connection, &limits);
	*stream = (struct stream){ .connection = connection, .l7 = l7 };
	stream->times.begun_us = l7->now_us;
	if (inlet_open(&stream->request, &connection->transport, l7->inlets, H1_REQUEST, &limits) <
		0) {
		objpool_put(l7->streams, stream);
		return -ENOMEM;
	}
	outlet_open(&stream->to_client, &connection->transport, l7->outs);
	connection->stream = stream;
	connection_deadline(connection, connection->limits.header_timeout_ms);
	return 0;
}

static void on_timer(struct wheel_timer *timer, uint64_t now_us)
{
	struct stream *stream = container_of(timer, struct stream, timer);

	if (now_us < stream->deadline_us)
		wheel_arm(stream->l7->wheel, timer, stream->deadline_us);
	else
		stream_on_deadline(stream);
}

int stream_start_h2(struct connection *connection, struct h2_stream *h2)
{
	struct l7_core *l7 = connection->l7;
	struct stream *stream = objpool_get(l7->streams);

	if (stream == NULL)
		return -ENOMEM;
	limits_refresh(connection);
	*stream = (struct stream){ .connection = connection, .l7 = l7, .h2 = h2 };
	stream->times.begun_us = l7->now_us;
	inlet_open_h2(&stream->request, h2);
	outlet_open_h2(&stream->to_client, h2);
	wheel_timer_init(&stream->timer, on_timer);
	LIST_INSERT_HEAD(&connection->h2->streams, stream, link);
	h2_stream_set_owner(h2, stream);
	stream_deadline(stream, connection->limits.header_timeout_ms);
	return 0;
}

void stream_free(struct stream *stream)
{
	struct h2_stream *h2 = stream->h2;

	replay_close(&stream->replay);
	if (stream->scan != NULL)
		objpool_put(stream->l7->scans, stream->scan);
	inlet_close(&stream->request);
	inlet_close(&stream->response);
	outlet_close(&stream->to_member);
	outlet_close(&stream->to_client);
	tunnel_free(stream);
	if (h2 != NULL)
		h2_stream_close(h2, stream->h2_code);
	objpool_put(stream->l7->streams, stream);
}

static void drop(struct stream *stream)
{
	hedge_end(stream);
	stream->state = STREAM_OVER;
	limits_leave(stream);
	stream_log(stream);
	stream_release_route(stream);
	if (stream->h2 != NULL) {
		LIST_REMOVE(stream, link);
		wheel_cancel(&stream->timer);
		h2_stream_set_owner(stream->h2, NULL);
	} else {
		stream->connection->stream = NULL;
	}
	if (stream->has_request)
		stream->l7->endings[stream->ending]++;
	if (stream->is_raw) {
		stream->l7->counters.passthrough_closed++;
	} else if (stream->has_request) {
		stream->l7->counters.requests_done++;
		connection_counters(stream->connection)->requests_done++;
		stream->l7->counters.tunnels_closed += stream->tunnel != NULL;
	}
	SLIST_INSERT_HEAD(&stream->l7->dead_streams, stream, dead_link);
}

void stream_abandon(struct stream *stream, bool is_by_client)
{
	bool is_done = stream->state == STREAM_TUNNEL && tunnel_is_read(stream);

	stream_detach(stream, is_done ? STREAM_CLOSE : STREAM_ABORT);
	if (is_by_client && stream->has_request && !is_done) {
		stream->l7->counters.client_aborted++;
		stream_blame(stream, L7_ENDED_client_aborted);
	}
	drop(stream);
}

void stream_cut(struct stream *stream, enum h2_code code)
{
	if (stream->h2 == NULL) {
		connection_abort(stream->connection);
		return;
	}
	stream->h2_code = code;
	stream_abandon(stream, false);
}

static void deadline_set(struct stream *stream, uint64_t timeout_ms)
{
	struct l7_core *l7 = stream->l7;

	timeout_ms = grpc_clamp_ms(stream, timeout_ms);
	if (stream->h2 == NULL) {
		connection_deadline(stream->connection, timeout_ms);
		return;
	}
	stream->deadline_us = l7->now_us + timeout_ms * CLOCK_US_PER_MS;
	if (!wheel_is_armed(&stream->timer) || stream->timer.deadline_us > stream->deadline_us)
		wheel_arm(l7->wheel, &stream->timer, stream->deadline_us);
}

void stream_rearm(struct stream *stream)
{
	uint64_t now_us = stream->l7->now_us;
	uint64_t until_us = hedge_until_us(stream);

	deadline_set(stream,
		until_us > now_us ? (until_us - now_us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS
				  : 0);
}

void stream_deadline(struct stream *stream, uint64_t timeout_ms)
{
	stream->until_us = stream->l7->now_us + timeout_ms * CLOCK_US_PER_MS;
	if (hedge_is_racing(stream))
		stream_rearm(stream);
	else
		deadline_set(stream, timeout_ms);
}

void stream_starved(struct stream *stream)
{
	stream->l7->counters.buffers_exhausted++;
	stream_blame(stream, L7_ENDED_buffers);
	stream_cut(stream, H2_INTERNAL_ERROR);
}

/* The try is over, whatever came of it. */
static void try_done(struct stream *stream, const struct member *member)
{
	unsigned core = stream->l7->core->index;
	struct member_counters *counters = &member->cores[core];
	struct pool_counters *pool = member_pool_counters(member, core);

	counters->requests_done++;
	pool->tries_done++;
	counters->pending_done += stream->is_pending;
	counters->retries_got_done += stream->is_retry;
	pool->retries_done += stream->is_retry;
	pool->hedges_lost += stream->is_hedge;
	stream->is_pending = false;
	stream->is_retry = false;
	stream->is_hedge = false;
}

void stream_detach(struct stream *stream, enum stream_detach how)
{
	struct upstream *upstream = stream->upstream;

	if (upstream == NULL)
		return;
	stream->upstream = NULL;
	try_done(stream, upstream->member);
	if (how == STREAM_ABORT)
		upstream_abort(upstream);
	else if (how == STREAM_CANCEL)
		upstream_cancel(upstream);
	else
		upstream_release(upstream, how == STREAM_KEEP);
}

/* What the client has not taken yet: as long as it shrinks, the client is only slow. */
static size_t backlog(const struct stream *stream)
{
	return stream->h2 != NULL ? h2_unsent(stream->h2)
				  : tcp_unacked(stream->connection->transport.tcp);
}

void stream_wait(struct stream *stream, enum stream_party party, bool moved)
{
	if (!moved && stream->waits_for == party)
		return;
	stream->waits_for = party;
	if (party == STREAM_MEMBER) {
		stream_deadline(stream, stream->response_timeout_ms);
		return;
	}
	stream->unacked_mark = backlog(stream);
	stream_deadline(stream, stream->connection->limits.body_timeout_ms);
}

/* A body of our own that was too long to be taken at once. True when nothing is left of it. */
static bool send_left(struct stream *stream)
{
	struct http_span *left = &stream->answer_left;
	size_t len;

	if (left->len == 0)
		return true;
	len = outlet_body(&stream->to_client, left->data, left->len);
	left->data += len;
	left->len -= len;
	if (left->len > 0)
		return false;
	outlet_end(&stream->to_client, NULL, 0);
	return true;
}

static void flush(struct stream *stream)
{
	struct connection *connection = stream->connection;

	if (stream->to_client.is_failed) {
		stream_starved(stream);
		return;
	}
	if (!send_left(stream) || !outlet_is_done(&stream->to_client))
		return;
	drop(stream);
	if (stream->h2 != NULL)
		return;
	if (stream->is_close)
		connection_finish(connection);
	else
		connection_next(connection);
}

void stream_end_response(struct stream *stream)
{
	stream->state = STREAM_EXPECT_FLUSH;
	stream_wait(stream, STREAM_CLIENT, true);
	flush(stream);
}

void stream_answer_with(struct stream *stream, struct response *response)
{
	struct l7_core *l7 = stream->l7;

	limits_leave(stream);
	hedge_end(stream);
	stream_detach(stream, STREAM_ABORT);
	if (stream->is_raw) {
		passthrough_refuse(stream);
		return;
	}
	if (stream->state == STREAM_EXPECT_END || stream->state == STREAM_TUNNEL) {
		stream_cut(stream, H2_INTERNAL_ERROR);
		return;
	}
	stream->is_close |= !stream->has_request || !stream->is_request_done || l7->is_draining;
	if (stream->has_request) {
		const struct http_head *head = inlet_head(&stream->request);

		stream->is_close |= !head->is_keep_alive;
		response->minor = head->minor;
		response->is_head = head->is_head;
	}
	response->is_close = stream->is_close;
	response->grpc_code = grpc_answer_code(stream, response);
	l7->counters.grpc_answered += response->grpc_code != NULL;
	stream->answer_left = response_send(
		&stream->to_client, response, l7->scratch, sizeof(l7->scratch));
	if (stream->answer_left.len == 0)
		outlet_end(&stream->to_client, NULL, 0);
	stream_count_response(stream, response->status, false);
	stream_end_response(stream);
}

void stream_answer(struct stream *stream, unsigned status)
{
	struct response response = { .status = status };

	stream_answer_with(stream, &response);
}

void stream_refuse(struct stream *stream)
{
	enum http_refusal refusal = inlet_refusal(&stream->request);

	stream->l7->refusals[refusal]++;
	connection_counters(stream->connection)->denied_requests++;
	stream->is_close = true;
	stream_blame(stream, L7_ENDED_refused);
	stream_answer(stream, http_refusal_status(refusal));
}

void stream_on_member_closed(struct upstream *upstream, enum tcp_close_reason reason)
{
	struct stream *stream = upstream->stream;
	bool is_timeout = reason == TCP_CLOSED_TIMEOUT;

	hedge_bring(stream, upstream);
	stream->is_last_timeout = is_timeout;
	stream->is_last_tls = upstream_has_tls_failed(stream->upstream);
	if (stream->state == STREAM_TUNNEL)
		tunnel_on_member_closed(stream, reason);
	else if (stream->state == STREAM_EXPECT_CONNECT)
		stream_connect_failed(stream, is_timeout);
	else
		stream_member_lost(stream, is_timeout);
	connection_settle(stream->connection);
}

void stream_on_client(struct stream *stream)
{
	if (stream->state < STREAM_EXPECT_FLUSH)
		stream_pump_request(stream);
	if (stream->state == STREAM_EXPECT_RESPONSE || stream->state == STREAM_EXPECT_END)
		stream_pump_response(stream);
	else if (stream->state == STREAM_EXPECT_FLUSH)
		flush(stream);
}

void stream_on_member_readable(struct upstream *upstream)
{
	struct stream *stream = upstream->stream;

	hedge_bring(stream, upstream);
	stream_pump_response(stream);
	connection_settle(stream->connection);
}

void stream_on_member_writable(struct upstream *upstream)
{
	struct stream *stream = upstream->stream;

	hedge_bring(stream, upstream);
	stream_pump_request(stream);
	connection_settle(stream->connection);
}

/* Slow is not stuck: while the client acknowledges anything, it has more time. */
static void client_is_late(struct stream *stream)
{
	struct connection *connection = stream->connection;
	size_t left = backlog(stream);

	if (left < stream->unacked_mark) {
		stream->unacked_mark = left;
		stream_deadline(stream, connection->limits.body_timeout_ms);
		return;
	}
	stream->l7->counters.client_timeout++;
	stream->l7->counters.h2_stalled += stream->h2 != NULL;
	stream_blame(stream, L7_ENDED_client_stalled);
	stream_cut(stream, H2_CANCEL);
}

void stream_on_deadline(struct stream *stream)
{
	bool is_client = stream->waits_for == STREAM_CLIENT;

	if (grpc_is_late(stream)) {
		grpc_expire(stream);
		return;
	}
	hedge_bring_late(stream);
	switch (stream->state) {
	case STREAM_EXPECT_DELAY:
		stream_dispatch(stream, true);
		break;
	case STREAM_EXPECT_ROOM:
		stream->queue->counters.queue_timeout++;
		stream_blame(stream, L7_ENDED_queue_timeout);
		stream_answer(stream, 503);
		break;
	case STREAM_EXPECT_CONNECT:
		stream_connect_failed(stream, true);
		break;
	case STREAM_EXPECT_HEAD:
	case STREAM_EXPECT_BODY:
	case STREAM_EXPECT_RESPONSE:
		if (stream->state == STREAM_EXPECT_RESPONSE && !is_client) {
			stream_member_late(stream);
			break;
		}
		stream->l7->counters.client_timeout++;
		stream->is_close = true;
		stream_blame(stream, L7_ENDED_client_slow);
		stream_answer(stream, 408);
		break;
	case STREAM_EXPECT_END:
		if (!is_client) {
			stream_member_failed(stream, true);
			break;
		}
		/* fall through */
	case STREAM_EXPECT_FLUSH:
		client_is_late(stream);
		break;
	case STREAM_TUNNEL:
		tunnel_on_deadline(stream);
		break;
	case STREAM_OVER:
		break;
	}
}
