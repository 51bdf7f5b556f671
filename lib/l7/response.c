/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "stream.h"

/* A page for people; programs read the status. Nothing of the request is in it. */
#define PAGE                                                                                       \
	"<!doctype html><html><head><title>%u %s</title></head>"                                   \
	"<body><h1>%u %s</h1></body></html>\n"

#define SPAN(text)                                                                                 \
	{                                                                                          \
		.data = text, .len = sizeof(text) - 1                                              \
	}

static const struct http_field fields[] = {
	{ .name = SPAN("Content-Type"), .value = SPAN("text/html") },
	{ .name = SPAN("Cache-Control"), .value = SPAN("no-store") },
};

void response_send(
	struct outlet *outlet, const struct response *response, char *scratch, size_t size)
{
	const char *reason = http_status_reason(response->status);
	const struct http_write_options options = {
		.minor = response->minor,
		.close = response->is_close,
	};
	struct http_head head;
	char page[256];
	int len = snprintf(
		page, sizeof(page), PAGE, response->status, reason, response->status, reason);

	memset(&head, 0, offsetof(struct http_head, fields));
	head.status = response->status;
	head.reason = (struct http_span){ .data = reason, .len = strlen(reason) };
	head.body = HTTP_BODY_LENGTH;
	head.content_length = (uint64_t)len;
	head.field_count = sizeof(fields) / sizeof(fields[0]);
	memcpy(head.fields, fields, sizeof(fields));
	outlet_response(outlet, &head, &options, scratch, size);
	/* A page fits in any queue and in any buffer that keeps what waits. */
	if (!response->is_head && outlet->h2 != NULL)
		outlet_body(outlet, page, (size_t)len);
	else if (!response->is_head)
		outlet_put(outlet, page, (size_t)len);
	outlet->framing = HTTP_BODY_LENGTH;
	outlet_end(outlet, NULL, 0);
}
