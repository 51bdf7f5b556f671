/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request asks to go: on its way to a member, and in redirects. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../route/regex.h"
#include "middleware.h"

/* The route's prefix is replaced; at the seam there is one slash, or none at a path's end. */
static void put_prefix(struct room *room, const struct exchange *exchange, const char *prefix)
{
	struct http_span path = exchange->head->path;
	size_t matched = strlen(exchange->route->config->path);
	struct http_span rest = { .data = path.data + matched, .len = path.len - matched };
	size_t len = strlen(prefix);

	if (rest.len > 0 && rest.data[0] == '/' && prefix[len - 1] == '/')
		len--;
	room_put(room, prefix, len);
	if (rest.len > 0 && rest.data[0] != '/' && prefix[len - 1] != '/')
		room_put_text(room, "/");
	room_put(room, rest.data, rest.len);
}

static void put_substituted(struct room *room, struct exchange *exchange,
	const struct config_substitution *substitution, const struct regex *regex)
{
	struct http_span path = exchange->head->path;
	struct http_span groups[CONFIG_GROUPS_MAX];
	const char *end;

	if (regex_groups(regex, path, exchange->scratch, groups) == 0) {
		room_put(room, path.data, path.len);
		return;
	}
	end = groups[0].data + groups[0].len;
	room_put(room, path.data, (size_t)(groups[0].data - path.data));
	exchange_expand(exchange, &substitution->to, ROOM_PATH, groups, room);
	room_put(room, end, (size_t)(path.data + path.len - end));
}

struct http_span rewrite_target(const struct config_rewrite *rewrite, const struct regex *regex,
	struct exchange *exchange, struct room *room)
{
	struct http_span path = exchange->head->path;
	struct http_span query = exchange_query(exchange->head);
	size_t start = room->used;
	size_t mark;

	if (rewrite->path.text != NULL)
		exchange_expand(exchange, &rewrite->path, ROOM_PATH, NULL, room);
	else if (rewrite->prefix != NULL)
		put_prefix(room, exchange, rewrite->prefix);
	else if (regex != NULL)
		put_substituted(room, exchange, &rewrite->regex, regex);
	else
		room_put(room, path.data, path.len);
	mark = room->used;
	room_put_text(room, "?");
	if (rewrite->query.text != NULL)
		exchange_expand(exchange, &rewrite->query, ROOM_QUERY, NULL, room);
	else
		room_put(room, query.data, query.len);
	if (room->used == mark + 1)
		room->used = mark;
	return (struct http_span){ .data = room->data + start, .len = room->used - start };
}

/* All but the fields that the head does not have. */
static void head_copy(struct http_head *to, const struct http_head *from)
{
	memcpy(to, from,
		offsetof(struct http_head, fields) + from->field_count * sizeof(from->fields[0]));
}

static bool changes_target(const struct config_rewrite *rewrite)
{
	return rewrite->path.text != NULL || rewrite->prefix != NULL ||
		rewrite->regex.pattern != NULL || rewrite->query.text != NULL;
}

static bool is_used(const struct config_actions *config)
{
	return config->has_rewrite;
}

static void on_forward(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, const struct http_head **head)
{
	const struct config_rewrite *rewrite = &actions->config->rewrite;
	struct http_span text;

	head_copy(&edit->head, *head);
	*head = &edit->head;
	/* "*" asks for no path. */
	if (changes_target(rewrite) && exchange->head->path.data[0] == '/') {
		text = rewrite_target(rewrite, actions->rewrite_regex, exchange, &edit->room);
		/* The room is ours to write. */
		if (!http_target_set(&edit->head, (char *)text.data, text.len))
			edit->is_bad = true;
	}
	if (rewrite->host.text == NULL)
		return;
	text = exchange_expand(exchange, &rewrite->host, ROOM_HEADER, NULL, &edit->room);
	if (!http_authority_set(&edit->head, (char *)text.data, text.len))
		edit->is_bad = true;
}

const struct middleware rewrite_middleware = {
	.name = "rewrite",
	.is_used = is_used,
	.on_forward = on_forward,
};
