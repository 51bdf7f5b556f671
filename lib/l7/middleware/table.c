/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "../route/regex.h"
#include "middleware.h"

/* A new action is a row here, a file beside this one, and its keys in lib/conf/fields_action.c. */
static const struct middleware *const rows[] = {
	&limit_middleware,
	&fault_middleware,
	&redirect_middleware,
	&respond_middleware,
	&rewrite_middleware,
	&request_headers_middleware,
	&response_headers_middleware,
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static int regex_prepare(const struct config_rewrite *config, struct regex **regex, struct err *err)
{
	if (config->regex.pattern == NULL)
		return 0;
	*regex = regex_create(config->regex.pattern, err);
	return *regex == NULL ? -EINVAL : 0;
}

static void lists_fill(struct actions *actions)
{
	unsigned request = 0, forward = 0, response = 0;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct middleware *row = rows[i];

		if (!row->is_used(actions->config))
			continue;
		if (row->on_request != NULL)
			actions->request[request++] = row;
		if (row->on_forward != NULL)
			actions->forward[forward++] = row;
		if (row->on_response != NULL)
			actions->response[response++] = row;
	}
}

static bool is_any_used(const struct config_actions *config)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i]->is_used(config))
			return true;
	}
	return false;
}

struct actions *actions_create(const struct config_l7_route *route, struct err *err)
{
	struct actions *actions;

	_Static_assert(ROW_COUNT < MIDDLEWARE_MAX, "lists end in NULL");
	if (!is_any_used(&route->actions))
		return NULL;
	actions = calloc(1, sizeof(*actions));
	if (actions == NULL) {
		err_set(err, ENOMEM, "no memory for the routing table");
		return NULL;
	}
	actions->config = &route->actions;
	if (limit_rates_create(actions) < 0) {
		err_set(err, ENOMEM, "no memory for the limits of a route");
		actions_destroy(actions);
		return NULL;
	}
	if (regex_prepare(&route->actions.rewrite, &actions->rewrite_regex, err) < 0 ||
		regex_prepare(&route->actions.redirect.to, &actions->redirect_regex, err) < 0) {
		actions_destroy(actions);
		return NULL;
	}
	lists_fill(actions);
	return actions;
}

void actions_destroy(struct actions *actions)
{
	if (actions == NULL)
		return;
	limit_rates_destroy(actions);
	regex_destroy(actions->rewrite_regex);
	regex_destroy(actions->redirect_regex);
	free(actions);
}

void head_edit_begin(struct head_edit *edit)
{
	edit->extra_count = edit->drop_count = 0;
	edit->is_bad = false;
	edit->room = (struct room){ .data = edit->text, .size = sizeof(edit->text) };
}

void head_edit_add(struct head_edit *edit, const char *name, struct http_span value, bool is_added)
{
	if (edit->extra_count == EDIT_FIELDS_MAX) {
		edit->room.is_short = true;
		return;
	}
	edit->extra[edit->extra_count++] = (struct http_extra_field){
		.name = name, .value = value, .is_added = is_added
	};
}

void head_edit_apply(const struct head_edit *edit, struct http_write_options *options)
{
	options->extra = edit->extra;
	options->extra_count = edit->extra_count;
	options->drops = edit->drops;
	options->drop_count = edit->drop_count;
}

enum middleware_verdict middleware_request(struct actions *actions, unsigned *row,
	struct exchange *exchange, struct head_edit *edit, struct middleware_answer *answer)
{
	enum middleware_verdict verdict = MIDDLEWARE_PASS;

	while (actions->request[*row] != NULL && verdict == MIDDLEWARE_PASS)
		verdict = actions->request[(*row)++]->on_request(actions, exchange, edit, answer);
	return verdict;
}

const struct http_head *middleware_forward(
	const struct actions *actions, struct exchange *exchange, struct head_edit *edit)
{
	const struct http_head *head = exchange->head;

	for (unsigned i = 0; actions->forward[i] != NULL; i++)
		actions->forward[i]->on_forward(actions, exchange, edit, &head);
	return edit->is_bad || edit->room.is_short ? NULL : head;
}

void middleware_response(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, const struct http_head *answer)
{
	for (unsigned i = 0; actions->response[i] != NULL; i++)
		actions->response[i]->on_response(actions, exchange, edit, answer);
}
