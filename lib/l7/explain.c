/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen to a request: the phases of its route, dry. */
#include "l7/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/json.h"
#include "listener.h"
#include "middleware/middleware.h"
#include "route/class.h"

static void text_set(char *text, size_t size, struct http_span span)
{
	snprintf(text, size, "%.*s", (int)span.len, span.data);
}

static void fields_list(struct l7_explanation *explanation, const struct head_edit *edit)
{
	size_t size = sizeof(explanation->fields);
	size_t len = 0;

	for (unsigned i = 0; i < edit->drop_count && len < size; i++)
		len += (size_t)snprintf(
			explanation->fields + len, size - len, "-%s\n", edit->drops[i]);
	for (unsigned i = 0; i < edit->extra_count && len < size; i++)
		len += (size_t)snprintf(explanation->fields + len, size - len, "+%s: %.*s\n",
			edit->extra[i].name, (int)edit->extra[i].value.len,
			edit->extra[i].value.data);
}

static void forward(struct l7_explanation *explanation, struct exchange *exchange,
	struct head_edit *edit, const struct actions *actions)
{
	const struct http_head *head;

	head_edit_begin(edit);
	head = actions == NULL ? exchange->head : middleware_forward(actions, exchange, edit);
	if (head == NULL) {
		explanation->status = edit->is_bad ? 400 : 431;
		explanation->by = "rewrite";
		return;
	}
	text_set(explanation->target, sizeof(explanation->target), head->target);
	text_set(explanation->authority, sizeof(explanation->authority), head->authority);
	fields_list(explanation, edit);
}

static void answered(struct l7_explanation *explanation, const struct head_edit *edit,
	const struct middleware_answer *answer, const char *by)
{
	explanation->status = answer->status;
	explanation->by = by;
	if (edit->is_bad || edit->room.is_short)
		explanation->status = edit->is_bad ? 400 : 431;
	for (unsigned i = 0; i < edit->extra_count; i++) {
		if (strcmp(edit->extra[i].name, "Location") == 0 && !edit->is_bad)
			text_set(explanation->location, sizeof(explanation->location),
				edit->extra[i].value);
	}
	fields_list(explanation, edit);
}

static void actions_run(
	struct l7_explanation *explanation, struct exchange *exchange, struct head_edit *edit)
{
	struct actions *actions = exchange->route->actions;
	enum middleware_verdict verdict = MIDDLEWARE_PASS;
	struct middleware_answer answer;
	unsigned row = 0;

	head_edit_begin(edit);
	do {
		if (actions != NULL)
			verdict = middleware_request(actions, &row, exchange, edit, &answer);
		explanation->delay_ms += exchange->delay_ms;
		exchange->delay_ms = 0;
	} while (verdict == MIDDLEWARE_DELAY);
	if (verdict == MIDDLEWARE_ANSWER)
		answered(explanation, edit, &answer, actions->request[row - 1]->name);
	else
		forward(explanation, exchange, edit, actions);
}

/* The body as the worker would read it; sets what that is answered with where it cannot be. */
static enum route_body body_read(const struct l7_listener *listener,
	const struct l7_question *question, void *memory, struct l7_explanation *explanation)
{
	const struct json_fields *fields = route_table_fields(listener->routes);
	struct json_scan *scan;

	if (fields == NULL || question->head->body == HTTP_BODY_NONE || !is_json(question->head))
		return ROUTE_BODY_NONE;
	if (question->body.len == 0)
		return ROUTE_BODY_UNREAD;
	scan = json_scan_begin(memory, fields, &listener->json_limits);
	if (question->body.len <= listener->json_body.max_bytes &&
		json_scan_add(scan, question->body.data, question->body.len) == JSON_GOOD &&
		json_scan_end(scan) == JSON_GOOD)
		return ROUTE_BODY_READ;
	if (listener->json_body.unreadable == CONFIG_UNREADABLE_NO_MATCH)
		return ROUTE_BODY_UNREADABLE;
	explanation->is_unreadable = true;
	return ROUTE_BODY_UNREAD;
}

int l7_explain(struct l7_listener *listener, const struct l7_question *question,
	struct l7_explanation *explanation)
{
	struct route_scratch *scratch = route_scratch_create();
	struct head_edit *edit = calloc(1, sizeof(*edit));
	struct rng rng = { .state = question->seed };
	void *scan = calloc(1, json_scan_bytes());
	struct route_request request = {
		.head = question->head,
		.source = &question->tuple.src,
		.facts = question->facts,
		.random = (uint32_t)rng_next(&rng),
		.scratch = scratch,
		.json = scan,
	};
	struct exchange exchange = {
		.head = question->head,
		.tuple = &question->tuple,
		.service = listener->name,
		.is_tls = listener->is_tls,
		.facts = question->facts,
		.scratch = scratch,
		.rng = &rng,
		.now_us = question->now_us,
		.is_dry = true,
	};

	memset(explanation, 0, sizeof(*explanation));
	if (scratch != NULL && edit != NULL && scan != NULL) {
		request.body = body_read(listener, question, scan, explanation);
		explanation->route = route_find(listener->routes, &request);
		exchange.route = explanation->route;
		if (exchange.route != NULL && exchange.route != &route_needs_body)
			actions_run(explanation, &exchange, edit);
		if (route_scratch_take_given_up(scratch)) {
			explanation->status = 400;
			explanation->by = "an expression that gave up";
		}
	}
	free(edit);
	free(scan);
	route_scratch_destroy(scratch);
	return edit != NULL && scratch != NULL && scan != NULL ? 0 : -ENOMEM;
}

const struct route *l7_explain_raw(const struct l7_listener *listener,
	const struct l7_raw_question *question, bool *is_protocol)
{
	struct route_request request = { .source = question->source, .random = question->random };
	const struct route *route = NULL;
	struct http_head *head = calloc(1, sizeof(*head));

	*is_protocol = false;
	request.scratch = route_scratch_create();
	request.head = head;
	if (head != NULL && request.scratch != NULL) {
		head->host = (struct http_span){ .data = question->name,
			.len = strlen(question->name) };
		head->protocol = question->alpn;
		route = route_find(listener->routes, &request);
		request.is_any_alpn = true;
		*is_protocol = route == NULL && route_find(listener->routes, &request) != NULL;
	}
	route_scratch_destroy(request.scratch);
	free(head);
	return route;
}
