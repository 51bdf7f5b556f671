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
	exchange->tuple = &connection->tuple;
	exchange->route = stream->route;
	exchange->service = stream->listener->name;
	exchange->is_tls = connection->transport.tls != NULL;
	exchange->scratch = stream->l7->route_scratch;
	exchange->has_match = false;
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
	l7->counters.answered_by_route++;
	stream_blame(stream, L7_ENDED_local);
	stream_answer_with(stream, &response);
}

bool stream_admit(struct stream *stream)
{
	const struct actions *actions = stream->route->actions;
	struct middleware_answer found;
	struct exchange exchange;

	if (actions == NULL || stream->is_admitted)
		return true;
	stream->is_admitted = true;
	exchange_begin(stream, &exchange);
	if (middleware_request(actions, &exchange, stream->l7->edit, &found) == MIDDLEWARE_PASS)
		return true;
	answer(stream, &exchange, &found);
	return false;
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
	head = middleware_forward(stream->route->actions, &exchange, edit);
	if (head == NULL)
		refuse(stream);
	else
		head_edit_apply(edit, options);
	return head;
}

/* The client has no cookie yet that names the member which answers. */
static bool needs_cookie(const struct stream *stream)
{
	return stream->pool != NULL && stream->pool->sticky.is_set &&
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
