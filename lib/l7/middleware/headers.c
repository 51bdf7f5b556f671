/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields set, added, appended to and removed, both ways. */
#include "middleware.h"

static void drop(struct head_edit *edit, const char *name)
{
	edit->drops[edit->drop_count++] = name;
}

/* RFC 9110 5.3: fields of one name are one list, in their order. */
static void append(struct head_edit *edit, struct exchange *exchange, const struct http_head *head,
	const struct config_header_value *value)
{
	struct room *room = &edit->room;
	size_t start = room->used;

	for (unsigned i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (!http_span_is_nocase(field->name, value->name) || field->value.len == 0)
			continue;
		room_put(room, field->value.data, field->value.len);
		room_put_text(room, ", ");
	}
	exchange_expand(exchange, &value->value, ROOM_HEADER, NULL, room);
	drop(edit, value->name);
	head_edit_add(edit, value->name,
		(struct http_span){ .data = room->data + start, .len = room->used - start }, false);
}

static void edit_head(struct head_edit *edit, struct exchange *exchange,
	const struct http_head *head, const struct config_header_edits *config)
{
	for (size_t i = 0; i < config->remove_count; i++)
		drop(edit, config->remove[i]);
	for (size_t i = 0; i < config->set_count; i++) {
		const struct config_header_value *value = &config->set[i];

		drop(edit, value->name);
		head_edit_add(edit, value->name,
			exchange_expand(exchange, &value->value, ROOM_HEADER, NULL, &edit->room),
			false);
	}
	for (size_t i = 0; i < config->add_count; i++) {
		const struct config_header_value *value = &config->add[i];

		head_edit_add(edit, value->name,
			exchange_expand(exchange, &value->value, ROOM_HEADER, NULL, &edit->room),
			true);
	}
	for (size_t i = 0; i < config->append_count; i++)
		append(edit, exchange, head, &config->append[i]);
}

static bool edits_requests(const struct config_actions *config)
{
	return config->has_request_headers;
}

static void on_forward(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, const struct http_head **head)
{
	(void)head;
	edit_head(edit, exchange, exchange->head, &actions->config->request_headers);
}

static bool edits_responses(const struct config_actions *config)
{
	return config->has_response_headers;
}

static void on_response(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, const struct http_head *answer)
{
	edit_head(edit, exchange, answer, &actions->config->response_headers);
}

const struct middleware request_headers_middleware = {
	.name = "request_headers",
	.is_used = edits_requests,
	.on_forward = on_forward,
};

const struct middleware response_headers_middleware = {
	.name = "response_headers",
	.is_used = edits_responses,
	.on_response = on_response,
};
