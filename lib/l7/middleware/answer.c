/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of our own: redirects and direct ones. */
#include <string.h>

#include "middleware.h"

static bool is_redirect(const struct config_actions *config)
{
	return config->has_redirect;
}

static bool is_tls_after(const struct config_redirect *redirect, const struct exchange *exchange)
{
	return redirect->scheme == CONFIG_SCHEME_SAME ? exchange->is_tls
						      : redirect->scheme == CONFIG_SCHEME_HTTPS;
}

/* The port was that of the old scheme; the bracket of an IPv6 address is no part of one. */
static struct http_span authority_without_port(struct http_span authority)
{
	for (size_t i = authority.len; i > 0; i--) {
		char c = authority.data[i - 1];

		if (c == ':')
			authority.len = i - 1;
		if (c == ':' || c == ']')
			break;
	}
	return authority;
}

/* HTTP/1.0 may do without Host: then the address that the client came to. */
static void put_address(struct room *room, const struct exchange *exchange)
{
	char text[IP_TEXT_MAX];
	bool is_v4 = ip_is_v4(&exchange->tuple->dst);

	ip_format(&exchange->tuple->dst, text);
	room_put_text(room, is_v4 ? "" : "[");
	room_put_text(room, text);
	room_put_text(room, is_v4 ? "" : "]");
}

static bool put_authority(
	struct head_edit *edit, struct exchange *exchange, const struct config_redirect *redirect)
{
	struct http_span authority = exchange->head->authority;
	struct http_span text;

	if (redirect->to.host.text != NULL) {
		text = exchange_expand(
			exchange, &redirect->to.host, ROOM_HEADER, NULL, &edit->room);
		return http_authority_set(&edit->head, (char *)text.data, text.len);
	}
	if (is_tls_after(redirect, exchange) != exchange->is_tls)
		authority = authority_without_port(authority);
	if (authority.len > 0)
		room_put(&edit->room, authority.data, authority.len);
	else
		put_address(&edit->room, exchange);
	return true;
}

static enum middleware_verdict redirect_request(struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, struct middleware_answer *answer)
{
	const struct config_redirect *redirect = &actions->config->redirect;
	struct http_span target = rewrite_target(
		&redirect->to, actions->redirect_regex, exchange, &edit->room);
	struct http_span location;

	if (!http_target_set(&edit->head, (char *)target.data, target.len))
		edit->is_bad = true;
	location.data = edit->room.data + edit->room.used;
	room_put_text(&edit->room, is_tls_after(redirect, exchange) ? "https://" : "http://");
	if (!put_authority(edit, exchange, redirect))
		edit->is_bad = true;
	if (!edit->is_bad)
		room_put(&edit->room, edit->head.target.data, edit->head.target.len);
	location.len = (size_t)(edit->room.data + edit->room.used - location.data);
	head_edit_add(edit, "Location", location, false);
	*answer = (struct middleware_answer){ .status = redirect->code };
	return MIDDLEWARE_ANSWER;
}

const struct middleware redirect_middleware = {
	.name = "redirect",
	.is_used = is_redirect,
	.on_request = redirect_request,
};

static bool is_respond(const struct config_actions *config)
{
	return config->has_respond;
}

static enum middleware_verdict respond_request(struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, struct middleware_answer *answer)
{
	const struct config_respond *respond = &actions->config->respond;

	(void)exchange;
	(void)edit;
	*answer = (struct middleware_answer){
		.status = respond->status,
		.content_type = respond->content_type,
		.body = { .data = respond->body != NULL ? respond->body : "",
			.len = respond->body_len },
	};
	return MIDDLEWARE_ANSWER;
}

const struct middleware respond_middleware = {
	.name = "respond",
	.is_used = is_respond,
	.on_request = respond_request,
};
