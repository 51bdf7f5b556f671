/* SPDX-License-Identifier: Apache-2.0 */
/* A request's way through the actions of its route. */
#include "connection.h"
#include "core.h"
#include "listener.h"
#include "middleware/middleware.h"
#include "sticky.h"
#include "stream.h"

static void exchange_begin(const struct stream *stream, struct exchange *exchange)
{
	const struct connection *connection = stream->connection;

	/* The groups are filled in when somebody asks for one. */
	exchange->head = inlet_head(&stream->request);
	exchange->marks = &stream->marks;
	exchange->tuple = &connection->tuple;
	exchange->route = stream->route;
	exchange->service = stream->listener->name;
	exchange->is_tls = connection->transport.tls != NULL;
	exchange->facts = connection_facts(connection);
	exchange->scratch = stream->l7->route_scratch;
	exchange->rng = &stream->l7->rng;
	exchange->now_us = stream->l7->now_us;
	exchange->is_dry = exchange->has_slot = exchange->has_match = false;
	exchange->body_bytes = 0;
	exchange->evicted = exchange->delay_ms = 0;
	head_edit_begin(stream->l7->edit);
}

/* What came of the actions cannot be sent: it is the request that led there. */
static __rte_noinline void refuse(struct stream *stream)
{
	const struct head_edit *edit = stream->l7->edit;

	connection_counters(stream->connection)->denied_requests++;
	stream_blame(stream, L7_ENDED_refused);
	if (edit->room.is_short) {
		stream->l7->refusals[HTTP_REFUSED_header_too_large]++;
		stream_answer(stream, 431);
		return;
	}
	stream->l7->counters.rewrite_failed++;
	stream_answer(stream, 400);
}

/* An expression did not come to an end with it. */
__rte_noinline void stream_gave_up(struct stream *stream)
{
	connection_counters(stream->connection)->denied_requests++;
	stream->l7->counters.regex_gave_up++;
	stream_blame(stream, L7_ENDED_refused);
	stream_answer(stream, 400);
}

/* What an answer counts as: a counter, and how the request ends. */
static void count(struct stream *stream, enum middleware_reason reason)
{
	struct l7_counters *counters = &stream->l7->counters;
	uint64_t *const rows[] = {
		[MIDDLEWARE_ROUTE] = &counters->answered_by_route,
		[MIDDLEWARE_RATE] = &counters->limited_rate,
		[MIDDLEWARE_CONCURRENT] = &counters->limited_concurrent,
		[MIDDLEWARE_HEADER] = &counters->limited_header,
		[MIDDLEWARE_BODY] = &counters->limited_body,
		[MIDDLEWARE_FAULT] = &counters->fault_aborted,
	};

	(*rows[reason])++;
	if (reason == MIDDLEWARE_ROUTE || reason == MIDDLEWARE_FAULT) {
		stream_blame(stream, L7_ENDED_local);
		return;
	}
	connection_counters(stream->connection)->denied_requests++;
	stream_blame(stream, L7_ENDED_limited);
}

static __rte_noinline void answer(
	struct stream *stream, struct exchange *exchange, const struct middleware_answer *answer)
{
	struct l7_core *l7 = stream->l7;
	struct head_edit *edit = l7->edit;
	struct http_write_options edits = { .minor = 0 };
	struct response response = {
		.status = answer->status,
		.content_type = answer->content_type,
		.body = answer->body,
		.edits = &edits,
	};

	/* An answer of our own has no fields yet that could be appended to. */
	edit->head.field_count = 0;
	middleware_response(stream->route->actions, exchange, edit, &edit->head);
	if (edit->is_bad || edit->room.is_short) {
		refuse(stream);
		return;
	}
	head_edit_apply(edit, &edits);
	count(stream, answer->reason);
	stream_answer_with(stream, &response);
}

static void delay(struct stream *stream, unsigned delay_ms)
{
	stream->l7->counters.fault_delayed++;
	stream->state = STREAM_EXPECT_DELAY;
	stream->waits_for = STREAM_MEMBER;
	stream_deadline(stream, delay_ms);
}

bool stream_admit(struct stream *stream)
{
	struct actions *actions = stream->route->actions;
	unsigned row = stream->admitted_rows;
	struct middleware_answer found;
	struct exchange exchange;
	enum middleware_verdict verdict;

	if (actions == NULL || stream->is_admitted)
		return true;
	exchange_begin(stream, &exchange);
	verdict = middleware_request(actions, &row, &exchange, stream->l7->edit, &found);
	stream->admitted_rows = (uint8_t)row;
	stream->is_admitted = verdict != MIDDLEWARE_DELAY;
	stream->has_slot |= exchange.has_slot;
	stream->l7->counters.limit_evicted += exchange.evicted;
	if (exchange.body_bytes > 0)
		inlet_limit_body(&stream->request, exchange.body_bytes);
	if (verdict != MIDDLEWARE_PASS && route_scratch_take_given_up(stream->l7->route_scratch)) {
		stream_gave_up(stream);
		return false;
	}
	if (verdict == MIDDLEWARE_ANSWER)
		answer(stream, &exchange, &found);
	else if (verdict == MIDDLEWARE_DELAY)
		delay(stream, exchange.delay_ms);
	return verdict == MIDDLEWARE_PASS;
}

void stream_leave_route(struct stream *stream)
{
	if (stream->has_slot)
		middleware_leave(stream->route->actions);
	stream->has_slot = stream->is_admitted = false;
	stream->admitted_rows = 0;
}

const struct http_head *stream_edit_request(
	struct stream *stream, const struct http_head *head, struct http_write_options *options)
{
	struct head_edit *edit = stream->l7->edit;
	struct exchange exchange;

	if (stream->route->actions == NULL)
		return head;
	exchange_begin(stream, &exchange);
	exchange.head = head;
	for (unsigned i = 0; i < options->extra_count; i++)
		edit->extra[edit->extra_count++] = options->extra[i];
	for (unsigned i = 0; i < options->drop_count; i++)
		edit->drops[edit->drop_count++] = options->drops[i];
	head = middleware_forward(stream->route->actions, &exchange, edit);
	if (route_scratch_take_given_up(stream->l7->route_scratch)) {
		stream_gave_up(stream);
		return NULL;
	}
	if (head == NULL)
		refuse(stream);
	else
		head_edit_apply(edit, options);
	return head;
}

/* The client has no cookie yet that names the member which answers. */
static bool needs_cookie(const struct stream *stream)
{
	return stream->pool != NULL && stream->pool->sticky.cookie != NULL &&
		stream->sticky != stream->upstream->member;
}

static void cookie_add(struct stream *stream, struct head_edit *edit)
{
	size_t start = edit->room.used;
	char text[STICKY_COOKIE_MAX];
	size_t len = sticky_cookie_write(&stream->pool->sticky, stream->upstream->member,
		stream->connection->transport.tls != NULL, &stream->l7->rng, text);

	room_put(&edit->room, text, len);
	if (!edit->room.is_short)
		head_edit_add(edit, "Set-Cookie",
			(struct http_span){ .data = edit->room.data + start, .len = len }, true);
}

bool stream_edit_response(
	struct stream *stream, const struct http_head *head, struct http_write_options *options)
{
	bool has_actions = stream->route != NULL && stream->route->actions != NULL;
	struct head_edit *edit = stream->l7->edit;
	struct exchange exchange;

	if (head->status < 200 || (!has_actions && !needs_cookie(stream)))
		return true;
	head_edit_begin(edit);
	if (has_actions) {
		exchange_begin(stream, &exchange);
		middleware_response(stream->route->actions, &exchange, edit, head);
	}
	if (needs_cookie(stream))
		cookie_add(stream, edit);
	head_edit_apply(edit, options);
	return !edit->room.is_short;
}
