/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "core.h"
#include "resilience/limits.h"
#include "route/class.h"
#include "stream_hedge.h"

#define DIGITS_MAX    8
#define DIGITS_BEYOND 100000000 /* the first number with more of them */

#define SPAN(text)                                                                                 \
	(struct http_span)                                                                         \
	{                                                                                          \
		.data = text, .len = sizeof(text) - 1                                              \
	}

static const struct unit {
	char name;
	uint64_t ns;
} units[] = {
	{ 'n', 1 },
	{ 'u', 1000 },
	{ 'm', 1000000 },
	{ 'S', 1000000000 },
	{ 'M', 60 * UINT64_C(1000000000) },
	{ 'H', 3600 * UINT64_C(1000000000) },
};

enum grpc_status grpc_status_of(unsigned http_status)
{
	switch (http_status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

/* 99999999 hours are 3.6e17 us, so nothing overflows when parts of a unit are counted apart. */
bool grpc_timeout_parse(struct http_span value, uint64_t *timeout_us)
{
	uint64_t number = 0;

	if (value.len < 2 || value.len > DIGITS_MAX + 1)
		return false;
	for (size_t i = 0; i + 1 < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(value.data[i] - '0');
	}
	for (size_t i = 0; i < RTE_DIM(units); i++) {
		if (units[i].name != value.data[value.len - 1])
			continue;
		*timeout_us = units[i].ns >= 1000 ? number * (units[i].ns / 1000)
						  : (number + 999) / 1000;
		return true;
	}
	return false;
}

const char *grpc_timeout_write(uint64_t timeout_us, char text[GRPC_TIMEOUT_MAX])
{
	uint64_t number = timeout_us;

	for (size_t i = 1; i < RTE_DIM(units); i++) {
		number = timeout_us / (units[i].ns / 1000);
		if (number < DIGITS_BEYOND) {
			snprintf(text, GRPC_TIMEOUT_MAX, "%" PRIu64 "%c", number, units[i].name);
			return text;
		}
	}
	snprintf(text, GRPC_TIMEOUT_MAX, "%dH", DIGITS_BEYOND - 1);
	return text;
}

bool grpc_is_call(const struct stream *stream)
{
	const struct http_head *head;

	if (!stream->has_request || stream->is_raw)
		return false;
	head = inlet_head(&stream->request);
	return http_span_is(head->method, "POST") && is_grpc(head);
}

/* Its value, where it has exactly one. False: malformed. */
static bool timeout_read(const struct http_head *head, bool *has_timeout, uint64_t *timeout_us)
{
	*has_timeout = false;
	for (unsigned i = 0; i < head->field_count; i++) {
		if (!http_span_is_nocase(head->fields[i].name, "grpc-timeout"))
			continue;
		if (*has_timeout || !grpc_timeout_parse(head->fields[i].value, timeout_us))
			return false;
		*has_timeout = true;
	}
	return true;
}

bool grpc_admit(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	uint64_t timeout_us;
	bool has_timeout;

	if (!grpc_is_call(stream))
		return true;
	l7->counters.grpc_calls++;
	if (!timeout_read(inlet_head(&stream->request), &has_timeout, &timeout_us)) {
		l7->counters.grpc_timeout_malformed++;
		connection_counters(stream->connection)->denied_requests++;
		stream_blame(stream, L7_ENDED_refused);
		stream_answer(stream, 400);
		return false;
	}
	if (!has_timeout)
		return true;
	stream->call_until_us = l7->now_us + timeout_us;
	if (timeout_us > 0)
		return true;
	grpc_expire(stream);
	return false;
}

uint64_t grpc_clamp_ms(const struct stream *stream, uint64_t timeout_ms)
{
	uint64_t now_us = stream->l7->now_us;
	uint64_t left_us;

	if (stream->call_until_us == 0 || stream->state >= STREAM_TUNNEL)
		return timeout_ms;
	left_us = stream->call_until_us > now_us ? stream->call_until_us - now_us : 0;
	return RTE_MIN(timeout_ms, (left_us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS);
}

bool grpc_is_late(const struct stream *stream)
{
	return stream->call_until_us != 0 && stream->state < STREAM_TUNNEL &&
		stream->l7->now_us >= stream->call_until_us;
}

/* An answer that has begun can end by trailers: nothing else was promised, nothing is half sent. */
static bool can_end_early(struct outlet *outlet)
{
	if (outlet->framing == HTTP_BODY_LENGTH)
		return false;
	return outlet->h2 != NULL ||
		(outlet->framing == HTTP_BODY_CHUNKED && outlet->takes_trailers &&
			outlet->chunk_left == 0 && outlet_flush(outlet));
}

/* The client chose the time, so the member is not to blame; but it did take so long. */
static void leave_member(struct stream *stream)
{
	hedge_end(stream);
	if (stream->upstream == NULL)
		return;
	if (stream->state == STREAM_EXPECT_RESPONSE)
		outcome_outrun(
			stream->l7, stream->upstream->member, stream->l7->now_us - stream->sent_us);
	stream_detach(stream, STREAM_CANCEL);
}

void grpc_expire(struct stream *stream)
{
	static const struct http_field trailers[] = {
		{ .name = { "grpc-status", 11 }, .value = { "4", 1 } },
		{ .name = { "grpc-message", 12 }, .value = { "Deadline Exceeded", 17 } },
	};

	stream->call_until_us = 0;
	stream->l7->counters.grpc_deadline++;
	stream_blame(stream, L7_ENDED_deadline);
	leave_member(stream);
	if (stream->state != STREAM_EXPECT_END) {
		stream_answer(stream, 504);
	} else if (can_end_early(&stream->to_client)) {
		outlet_end(&stream->to_client, trailers, RTE_DIM(trailers));
		stream_end_response(stream);
	} else {
		stream_cut(stream, H2_CANCEL);
	}
}

void grpc_put_timeout(const struct stream *stream, struct http_extra_field *extra,
	char text[GRPC_TIMEOUT_MAX], struct http_write_options *options)
{
	uint64_t now_us = stream->l7->now_us;

	if (stream->call_until_us == 0)
		return;
	/* Zero is no value (a positive integer): at the last moment it is the least there is. */
	grpc_timeout_write(
		stream->call_until_us > now_us ? stream->call_until_us - now_us : 1, text);
	*extra = (struct http_extra_field){ .name = "grpc-timeout",
		.value = { .data = text, .len = strlen(text) } };
	options->extra_count++;
}

const char *grpc_answer_code(const struct stream *stream, const struct response *response)
{
	static const char *const codes[] = {
		[GRPC_UNKNOWN] = "2",
		[GRPC_DEADLINE_EXCEEDED] = "4",
		[GRPC_PERMISSION_DENIED] = "7",
		[GRPC_UNIMPLEMENTED] = "12",
		[GRPC_INTERNAL] = "13",
		[GRPC_UNAVAILABLE] = "14",
		[GRPC_UNAUTHENTICATED] = "16",
	};

	/* What a route answers by its configuration is meant as it stands there. */
	if (response->status < 400 || response->content_type != NULL || !grpc_is_call(stream))
		return NULL;
	if (stream->ending == L7_ENDED_deadline)
		return codes[GRPC_DEADLINE_EXCEEDED];
	return codes[grpc_status_of(response->status)];
}

void grpc_head_fill(struct http_head *head, const char *code, const char *message)
{
	memset(head, 0, offsetof(struct http_head, fields));
	head->status = 200;
	head->reason = SPAN("OK");
	head->body = HTTP_BODY_LENGTH;
	head->field_count = 3;
	head->fields[0] = (struct http_field){ .name = SPAN("content-type"),
		.value = SPAN("application/grpc") };
	head->fields[1] = (struct http_field){ .name = SPAN("grpc-status"),
		.value = { .data = code, .len = strlen(code) } };
	head->fields[2] = (struct http_field){ .name = SPAN("grpc-message"),
		.value = { .data = message, .len = strlen(message) } };
}
