/* SPDX-License-Identifier: Apache-2.0 */
#include "side.h"

#include <stdlib.h>

static void *memory(void *ctx, void *object, size_t len)
{
	struct side *side = ctx;

	if (object == NULL && len > 0)
		side->objects++;
	if (len > 0)
		return realloc(object, len);
	if (object != NULL)
		side->objects--;
	free(object);
	return NULL;
}

static void wake(void *ctx)
{
	((struct side *)ctx)->is_awake = true;
}

static void refused(void *ctx, enum http_refusal refusal)
{
	((struct side *)ctx)->refused[refusal]++;
}

void side_open(struct side *side, enum h2_role role)
{
	const struct h2_params params = {
		.role = role,
		.limits = { .target_bytes = 64,
			.header_bytes = SIDE_HEADERS,
			.header_fields = 20,
			.body_bytes = 100000 },
		.budgets = { .resets = 20,
			.errors = 10,
			.continuations = 4,
			.settings = 10,
			.pings = 10,
			.priorities = 10,
			.window_updates = 50,
			.empty_frames = 10 },
		.max_streams = 100,
		.stream_window = SIDE_WINDOW,
		.connection_window = 2 * SIDE_WINDOW,
		.memory = memory,
		.wake = wake,
		.refused = refused,
		.ctx = side,
	};

	memset(side, 0, sizeof(*side));
	side->session = h2_session_create(&params);
	assert_non_null(side->session);
}

void side_close(struct side *side)
{
	h2_session_destroy(side->session);
	assert_int_equal(side->objects, 0);
}

size_t side_drain(struct side *side, char *out, size_t size)
{
	const char *data;
	size_t len, used = 0;

	while ((len = h2_output(side->session, &data)) > 0) {
		if (out != NULL) {
			assert_true(used + len <= size);
			memcpy(out + used, data, len);
		}
		used += len;
		h2_output_take(side->session, len);
	}
	return used;
}

bool side_feed(struct side *side, const char *data, size_t len, size_t piece)
{
	bool is_good = true;

	for (size_t at = 0; at < len && is_good; at += piece) {
		size_t step = len - at < piece ? len - at : piece;
		char *copy = malloc(step);

		memcpy(copy, data + at, step);
		is_good = h2_receive(side->session, copy, step, 1000);
		free(copy);
	}
	return is_good;
}

enum http_refusal side_read_all(struct side *side, bool *is_complete)
{
	enum http_refusal refusal = HTTP_REFUSED_NOT;
	struct h2_stream *stream;
	struct http_span body;

	while ((stream = h2_next_ready(side->session)) != NULL) {
		enum http_event event;

		h2_stream_set_owner(stream, side);
		while ((event = h2_next(stream, &body)) == HTTP_EVENT_HEAD ||
			event == HTTP_EVENT_BODY)
			if (event == HTTP_EVENT_BODY)
				h2_take(stream, body.len);
		if (event == HTTP_EVENT_REFUSED)
			refusal = h2_refusal(stream);
		*is_complete |= event == HTTP_EVENT_END;
	}
	return refusal;
}
