/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_FILTER_H
#define HTTP_FILTER_H

#include "http/message.h"

/* Names in Connection: beyond it a message costs more to filter than it is worth. */
#define CONNECTION_OPTIONS_MAX 16

/* Which fields of a message go on: made for one head. */
struct http_filter {
	const struct http_write_options *options;
	bool is_request;
	/* What the message's own Connection fields name. */
	struct http_span names[CONNECTION_OPTIONS_MAX];
	unsigned count;
};

void http_filter_init(struct http_filter *filter, const struct http_head *head,
	const struct http_write_options *options, bool is_request);
bool http_filter_passes(const struct http_filter *filter, struct http_span name);

#endif
