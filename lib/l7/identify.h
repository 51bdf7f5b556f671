/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "conf/config.h"
#include "http/message.h"

/*
 * By what a request is found again elsewhere: the id of "request_id", and W3C's trace context
 * (Trace Context, level 1). Texts end in NUL, and are empty where there is none.
 */
#define REQUEST_ID_MAX  64
#define TRACEPARENT_LEN 55
#define TRACE_ID_AT     3
#define TRACE_ID_LEN    32

struct identity_marks {
	char request_id[REQUEST_ID_MAX + 1];
	char traceparent[TRACEPARENT_LEN + 1]; /* of a newer version: its first part */
	bool is_trace_made; /* it replaces the request's own, and its tracestate */
};

enum identify_trace { IDENTIFY_KEPT, IDENTIFY_MADE, IDENTIFY_REPLACED };

/*
 * Fills in marks->request_id: the request's own, if peer is trusted and it has one of 1 to
 * REQUEST_ID_MAX visible characters, or a UUID of version 4. Nothing when it is off.
 */
void identify_request(struct identity_marks *marks, const struct config_request_id *config,
	const struct http_head *head, const struct ip_addr *peer, struct rng *rng);

/* Fills in marks->traceparent. REPLACED: the request's own was malformed. */
enum identify_trace identify_trace(
	struct identity_marks *marks, const struct http_head *head, struct rng *rng);

/* The trace id within traceparent, or nothing. */
struct http_span identify_trace_id(const struct identity_marks *marks);

#endif
