/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "grpc.h"
#include "stream.h"

/* A page for people; programs read the status. Nothing of the request is in it. */
#define PAGE                                                                                       \
	"<!doctype html><html><head><title>%u %s</title></head>"                                   \
	"<body><h1>%u %s</h1></body></html>\n"

#define SPAN(text)                                                                                 \
	{                                                                                          \
		.data = text, .len = sizeof(text) - 1                                              \
	}

static const struct http_field page_type = {
	.name = SPAN("Content-Type"),
	.value = SPAN("text/html"),
};
static const struct http_field not_stored = {
	.name = SPAN("Cache-Control"),
	.value = SPAN("no-store"),
};

static void head_fill(
	struct http_head *head, const struct response *response, struct http_span body)
{
	const char *reason = http_status_reason(response->status);
	bool is_bodyless = response->status == 204 || response->status == 304;

	memset(head, 0, offsetof(struct http_head, fields));
	head->status = response->status;
	head->reason = (struct http_span){ .data = reason, .len = strlen(reason) };
	head->body = is_bodyless ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
	head->content_length = body.len;
	if (!is_bodyless)
		head->fields[head->field_count++] = page_type;
	if (!is_bodyless && response->content_type != NULL)
		head->fields[0].value = (struct http_span){ .data = response->content_type,
			.len = strlen(response->content_type) };
	/* A route's answer is as good tomorrow: only what went wrong is not kept. */
	if (response->edits == NULL)
		head->fields[head->field_count++] = not_stored;
}

/* A caller of gRPC takes the head for all of it. */
static void send_trailers_only(struct outlet *outlet, const struct response *response,
	const struct http_write_options *options, char *scratch, size_t size)
{
	struct http_head head;

	grpc_head_fill(&head, response->grpc_code, http_status_reason(response->status));
	outlet_response(outlet, &head, options, scratch, size);
	outlet->framing = HTTP_BODY_LENGTH;
}

struct http_span response_send(
	struct outlet *outlet, const struct response *response, char *scratch, size_t size)
{
	const char *reason = http_status_reason(response->status);
	struct http_write_options options = { .minor = 0 };
	struct http_span body = response->body;
	struct http_head head;
	char page[256];

	if (response->edits != NULL)
		options = *response->edits;
	options.minor = response->minor;
	options.close = response->is_close;
	if (response->grpc_code != NULL) {
		send_trailers_only(outlet, response, &options, scratch, size);
		return (struct http_span){ .data = NULL };
	}
	if (response->content_type == NULL) {
		body.data = page;
		body.len = (size_t)snprintf(page, sizeof(page), PAGE, response->status, reason,
			response->status, reason);
	}
	head_fill(&head, response, body);
	outlet_response(outlet, &head, &options, scratch, size);
	outlet->framing = HTTP_BODY_LENGTH;
	if (response->is_head || head.body == HTTP_BODY_NONE)
		body.len = 0;
	if (outlet->h2 == NULL && body.data == page) {
		/* A page fits in any buffer that keeps what waits. */
		outlet_put(outlet, page, body.len);
		body.len = 0;
	} else if (body.len > 0) {
		size_t len = outlet_body(outlet, body.data, body.len);

		body.data += len;
		body.len -= len;
	}
	return body;
}
