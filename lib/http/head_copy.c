/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http/message.h"

/* The spans of a head that are not in its fields. */
static const size_t spans[] = {
	offsetof(struct http_head, method),
	offsetof(struct http_head, target),
	offsetof(struct http_head, path),
	offsetof(struct http_head, authority),
	offsetof(struct http_head, host),
	offsetof(struct http_head, protocol),
	offsetof(struct http_head, reason),
};
#define SPAN_COUNT (sizeof(spans) / sizeof(spans[0]))

static size_t fixed_bytes(const struct http_head *head)
{
	return offsetof(struct http_head, fields) + head->field_count * sizeof(head->fields[0]);
}

/* Not as a struct: a head may have less memory than that, when it has few fields. */
void http_head_borrow(struct http_head *own, const struct http_head *head)
{
	memcpy((void *)own, head, fixed_bytes(head));
}

static struct http_span *span_at(struct http_head *head, size_t index)
{
	return (struct http_span *)((char *)head + spans[index]);
}

size_t http_head_bytes(const struct http_head *head)
{
	size_t bytes = fixed_bytes(head);

	for (size_t i = 0; i < SPAN_COUNT; i++)
		bytes += ((const struct http_span *)((const char *)head + spans[i]))->len;
	for (unsigned i = 0; i < head->field_count; i++)
		bytes += head->fields[i].name.len + head->fields[i].value.len;
	return bytes;
}

static char *take(struct http_span *span, char *place)
{
	if (span->len > 0)
		memcpy(place, span->data, span->len);
	span->data = place;
	return place + span->len;
}

void http_head_copy(struct http_head *copy, const struct http_head *head)
{
	char *place = (char *)copy + fixed_bytes(head);

	memcpy((void *)copy, head, fixed_bytes(head));
	for (size_t i = 0; i < SPAN_COUNT; i++)
		place = take(span_at(copy, i), place);
	for (unsigned i = 0; i < copy->field_count; i++) {
		place = take(&copy->fields[i].name, place);
		place = take(&copy->fields[i].value, place);
	}
}
