/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of fields that carry ids: the first line is a request's id, the rest its traceparent. What
 * is kept is what came, and what is not is made anew, and well formed either way.
 */
#include <stdlib.h>
#include <string.h>

#include "identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of its own size: reading behind it is seen. */
static struct http_span copy_make(const uint8_t *data, size_t len)
{
	char *copy = malloc(len == 0 ? 1 : len);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	return (struct http_span){ .data = copy, .len = len };
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static void id_check(const char *id, struct http_span value)
{
	size_t len = strlen(id);

	if (len == 0 || len > REQUEST_ID_MAX)
		abort();
	for (size_t i = 0; i < len; i++)
		if (id[i] <= ' ' || id[i] > '~')
			abort();
	if ((len != value.len || memcmp(id, value.data, len) != 0) && (len != 36 || id[14] != '4'))
		abort();
}

static void trace_check(const struct identity_marks *marks, enum identify_trace result,
	struct http_span value, bool is_there)
{
	const char *text = marks->traceparent;
	struct http_span id = identify_trace_id(marks);

	if (strlen(text) != TRACEPARENT_LEN || marks->is_trace_made == (result == IDENTIFY_KEPT))
		abort();
	if (!is_hex(text, 2) || text[2] != '-' || !is_hex(text + 3, 32) || text[35] != '-' ||
		!is_hex(text + 36, 16) || text[52] != '-' || !is_hex(text + 53, 2))
		abort();
	if (id.len != TRACE_ID_LEN || strspn(id.data, "0") >= id.len)
		abort();
	if ((result == IDENTIFY_MADE) == is_there)
		abort();
	if (result == IDENTIFY_KEPT &&
		(value.len < TRACEPARENT_LEN || memcmp(value.data, text, TRACEPARENT_LEN) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ip_prefix everybody; /* ::/0 */
	static struct http_head head;
	const struct config_request_id config = { .mode = CONFIG_REQUEST_ID_TRUST,
		.header = "X-Request-ID",
		.from = &everybody,
		.from_count = 1 };
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t id_len = end != NULL ? (size_t)(end - data) : size;
	struct http_span id = copy_make(data, id_len);
	struct http_span parent = copy_make(
		end != NULL ? end + 1 : data, end != NULL ? size - id_len - 1 : 0);
	const struct ip_addr peer = { .halves = { 0 } };
	struct identity_marks marks = { .is_trace_made = false };
	struct rng rng = { .state = size + 1 };
	enum identify_trace result;

	head.field_count = 0;
	head.fields[head.field_count++] = (struct http_field){
		.name = { .data = "x-request-id", .len = 12 }, .value = id
	};
	if (end != NULL)
		head.fields[head.field_count++] = (struct http_field){
			.name = { .data = "TraceParent", .len = 11 }, .value = parent
		};
	identify_request(&marks, &config, &head, &peer, &rng);
	id_check(marks.request_id, id);
	result = identify_trace(&marks, &head, &rng);
	trace_check(&marks, result, parent, end != NULL);
	free((void *)(uintptr_t)id.data);
	free((void *)(uintptr_t)parent.data);
	return 0;
}
