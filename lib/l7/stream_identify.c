/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of a request: made once, whatever becomes of it, and put into each head to a member. */
#include <string.h>

#include "connection.h"
#include "core.h"
#include "listener.h"
#include "stream.h"

void stream_identify(struct stream *stream)
{
	const struct l7_listener *listener = stream->listener;
	const struct http_head *head = inlet_head(&stream->request);
	struct l7_core *l7 = stream->l7;

	if (stream->is_identified)
		return;
	stream->is_identified = true;
	identify_request(&stream->marks, listener->request_id, head, &stream->connection->tuple.src,
		&l7->mark_rng);
	if (listener->trace_context == CONFIG_TRACE_CONTEXT_MAKE &&
		identify_trace(&stream->marks, head, &l7->mark_rng) == IDENTIFY_REPLACED)
		l7->counters.trace_malformed++;
}

static struct http_extra_field field_of(const char *name, const char *text)
{
	return (struct http_extra_field){ .name = name,
		.value = { .data = text, .len = strlen(text) } };
}

void stream_put_marks(const struct stream *stream, struct http_extra_field extra[2],
	struct http_write_options *options)
{
	static const char *const trace_state[] = { "tracestate" };
	const struct identity_marks *marks = &stream->marks;
	unsigned count = 0;

	if (marks->request_id[0] != '\0')
		extra[count++] = field_of(stream->listener->request_id->header, marks->request_id);
	if (marks->is_trace_made) {
		extra[count++] = field_of("traceparent", marks->traceparent);
		/* Trace Context 3.3: without its traceparent it says nothing. */
		options->drops = trace_state;
		options->drop_count = 1;
	}
	options->extra_count += count;
}
