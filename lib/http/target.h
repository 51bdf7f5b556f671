/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "http/message.h"

/* An authority taken apart: what Host and an absolute target are compared by. */
struct http_authority {
	struct http_span host;
	unsigned port; /* 0: none given */
};

/* To lower case in place: what is routed by is what is forwarded. False for what is none. */
bool http_authority_read(char *data, size_t len, struct http_authority *authority);

/*
 * Sets head->target and head->path from [start, end), which starts with a slash and is normalised
 * in place. False for a path that another reader may see as another one: *bad is the place.
 */
bool http_path_take(struct http_head *head, char *start, char *end, const char **bad);

#endif
