/* SPDX-License-Identifier: Apache-2.0 */
/* Checks by grpc.health.v1.Health/Check over HTTP/2 of their own. */
#include "grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define FRAME_BYTES   5          /* ahead of a message: compressed or not, and its length */
#define SERVICE_MAX   127        /* its length is one byte then */
#define FIELD_SERVICE 0x0a       /* field 1, of bytes */
#define MEMORY_MAX    (96 << 10) /* for one session, whatever the member sends */

#define SPAN(text)                                                                                 \
	{                                                                                          \
		.data = text, .len = sizeof(text) - 1                                              \
	}

/* 0 or -EBADMSG. */
static int varint_read(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (*at == end)
			return -EBADMSG;
		*value |= (uint64_t)(**at & 0x7f) << shift;
		if ((*(*at)++ & 0x80) == 0)
			return 0;
	}
	return -EBADMSG;
}

/* Past the value of a field that is not known; number: of its varint. 0 or -EBADMSG. */
static int value_skip(const uint8_t **at, const uint8_t *end, unsigned type, uint64_t *number)
{
	uint64_t len;

	switch (type) {
	case 0:
		return varint_read(at, end, number);
	case 1:
		len = 8;
		break;
	case 2:
		if (varint_read(at, end, &len) < 0)
			return -EBADMSG;
		break;
	case 5:
		len = 4;
		break;
	default:
		return -EBADMSG;
	}
	if (len > (uint64_t)(end - *at))
		return -EBADMSG;
	*at += len;
	return 0;
}

int grpc_health_parse(const uint8_t *data, size_t len)
{
	const uint8_t *at = data + FRAME_BYTES, *end = data + len;
	uint64_t status = 0, tag, number;

	if (len < FRAME_BYTES || data[0] != 0 ||
		((size_t)data[1] << 24 | data[2] << 16 | data[3] << 8 | data[4]) !=
			len - FRAME_BYTES)
		return -EBADMSG;
	while (at < end) {
		if (varint_read(&at, end, &tag) < 0 || value_skip(&at, end, tag & 7, &number) < 0)
			return -EBADMSG;
		if (tag == (1 << 3 | 0))
			status = number;
	}
	return (int)RTE_MIN(status, (uint64_t)INT8_MAX);
}

/* Each piece has its size ahead of it, so that what the session holds can be bounded. */
static void *memory(void *ctx, void *object, size_t len)
{
	struct check *check = ctx;
	size_t *old = object == NULL ? NULL : (size_t *)object - 2;
	size_t old_len = old == NULL ? 0 : *old;
	size_t *piece;

	if (len == 0) {
		check->memory_bytes -= old_len;
		free(old);
		return NULL;
	}
	if (check->memory_bytes - old_len + len > MEMORY_MAX)
		return NULL;
	piece = realloc(old, len + 2 * sizeof(*piece));
	if (piece == NULL)
		return NULL;
	check->memory_bytes += len - old_len;
	*piece = len;
	return piece + 2;
}

/* The check looks for output and news itself, whenever it has called the session. */
static void wake(void *ctx)
{
	(void)ctx;
}

static void refused(void *ctx, enum http_refusal refusal)
{
	(void)ctx;
	(void)refusal;
}

static struct h2_session *session_create(struct check *check)
{
	const struct h2_params params = {
		.role = H2_CLIENT,
		.limits = { .header_bytes = CHECK_BYTES, .header_fields = 128 },
		.budgets = { .resets = 10,
			.errors = 10,
			.continuations = 10,
			.settings = 10,
			.pings = 10,
			.priorities = 10,
			.window_updates = 10,
			.empty_frames = 10 },
		.max_streams = 1,
		.stream_window = 65535,
		.connection_window = 65535,
		.memory = memory,
		.wake = wake,
		.refused = refused,
		.ctx = check,
	};

	return h2_session_create(&params);
}

static void head_fill(struct http_head *head, struct http_span authority)
{
	static const struct http_field fields[] = {
		{ .name = SPAN("content-type"), .value = SPAN("application/grpc") },
		{ .name = SPAN("te"), .value = SPAN("trailers") },
		{ .name = SPAN("user-agent"), .value = SPAN("penstock-health") },
	};

	memset(head, 0, offsetof(struct http_head, fields));
	head->method = (struct http_span)SPAN("POST");
	head->target = (struct http_span)SPAN("/grpc.health.v1.Health/Check");
	head->authority = authority;
	head->body = HTTP_BODY_CHUNKED;
	head->field_count = RTE_DIM(fields);
	memcpy(head->fields, fields, sizeof(fields));
}

bool grpc_check_ask(struct check *check)
{
	/* check->buffer: the authority, and behind its NUL the service. */
	struct http_span authority = { .data = check->buffer, .len = strlen(check->buffer) };
	const char *service = check->buffer + authority.len + 1;
	const struct http_write_options options = { .asks_trailers = true };
	size_t len = strlen(service);
	char message[FRAME_BYTES + 2 + SERVICE_MAX] = { 0 };
	struct http_head head;

	if (len > SERVICE_MAX)
		return false;
	if (len > 0) {
		message[FRAME_BYTES - 1] = (char)(len + 2);
		message[FRAME_BYTES] = FIELD_SERVICE;
		message[FRAME_BYTES + 1] = (char)len;
		memcpy(message + FRAME_BYTES + 2, service, len);
	}
	len = len > 0 ? FRAME_BYTES + 2 + len : FRAME_BYTES;
	head_fill(&head, authority);
	check->h2 = session_create(check);
	if (check->h2 == NULL)
		return false;
	check->call = h2_send_request(check->h2, &head, &options, false);
	if (check->call == NULL || h2_send_body(check->call, message, len) < len)
		return false;
	h2_send_end(check->call, NULL, 0);
	return true;
}

static enum grpc_check_result judge(struct check *check, const char **detail)
{
	static const char *const statuses[] = { "status UNKNOWN", NULL, "status NOT_SERVING",
		"status SERVICE_UNKNOWN" };
	int status = grpc_health_parse(check->answer, check->answer_len);

	if (status == GRPC_SERVING) {
		*detail = "status SERVING";
		return GRPC_CHECK_UP;
	}
	if (status < 0)
		*detail = "a malformed answer of grpc.health.v1";
	else
		*detail = (size_t)status < RTE_DIM(statuses) ? statuses[status]
							     : "an unknown status";
	return GRPC_CHECK_DOWN;
}

/* By grpc-status, which stands in the trailers, or in a head that is all of the answer. */
static enum grpc_check_result on_end(struct check *check, const char **detail)
{
	unsigned count;
	const struct http_field *trailers = h2_trailers(check->call, &count);
	const struct http_field *field = http_find(h2_head(check->call), "grpc-status");

	for (unsigned i = 0; i < count; i++)
		if (http_span_is_nocase(trailers[i].name, "grpc-status"))
			field = &trailers[i];
	if (field != NULL && http_span_is(field->value, "0"))
		return judge(check, detail);
	*detail = field == NULL                    ? "no grpc-status"
		: http_span_is(field->value, "5")  ? "grpc-status 5: the service is not known"
		: http_span_is(field->value, "12") ? "grpc-status 12: no health service"
						   : "an error of gRPC";
	return GRPC_CHECK_DOWN;
}

static enum grpc_check_result pull(struct check *check, const char **detail)
{
	struct http_span body;

	for (;;) {
		switch (h2_next(check->call, &body)) {
		case HTTP_EVENT_HEAD:
			if (h2_head(check->call)->status < 200 ||
				h2_head(check->call)->status == 200)
				break;
			*detail = "status is not 200";
			return GRPC_CHECK_DOWN;
		case HTTP_EVENT_BODY:
			if (body.len > sizeof(check->answer) - check->answer_len) {
				*detail = "a malformed answer of grpc.health.v1";
				return GRPC_CHECK_DOWN;
			}
			memcpy(check->answer + check->answer_len, body.data, body.len);
			check->answer_len += body.len;
			h2_take(check->call, body.len);
			break;
		case HTTP_EVENT_END:
			return on_end(check, detail);
		case HTTP_EVENT_MORE:
			*detail = "the stream was reset";
			return h2_is_cut(check->call) ? GRPC_CHECK_DOWN : GRPC_CHECK_MORE;
		default:
			*detail = http_refusal_help(h2_refusal(check->call));
			return GRPC_CHECK_DOWN;
		}
	}
}

enum grpc_check_result grpc_check_read(
	struct check *check, const char *data, size_t len, const char **detail)
{
	enum grpc_check_result result = GRPC_CHECK_MORE;
	bool is_sound = h2_receive(check->h2, data, len, check->health->now_us);

	while (h2_next_ready(check->h2) != NULL && result == GRPC_CHECK_MORE)
		result = pull(check, detail);
	if (result == GRPC_CHECK_MORE && !is_sound) {
		*detail = "no HTTP/2";
		return GRPC_CHECK_DOWN;
	}
	return result;
}

size_t grpc_check_output(struct check *check, const char **data)
{
	return h2_output(check->h2, data);
}

void grpc_check_free(struct check *check)
{
	h2_session_destroy(check->h2);
	check->h2 = NULL;
	check->call = NULL;
}
