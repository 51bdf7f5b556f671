/* SPDX-License-Identifier: Apache-2.0 */
#include "mux.h"

#include <assert.h>
#include <errno.h>

#include "core.h"

/* One connection wakes another and that one the first: so often in a turn, at most. */
#define ROUNDS_MAX 8

#define FAILURE_COUNTER(name) offsetof(struct l7_counters, h2_failed_##name)

static void *memory(void *ctx, void *object, size_t len)
{
	struct mux *mux = ctx;

	return heap_resize(&mux->l7->heap, &mux->account, object, len);
}

static void schedule(void *ctx)
{
	struct mux *mux = ctx;

	if (mux->is_scheduled)
		return;
	mux->is_scheduled = true;
	TAILQ_INSERT_TAIL(&mux->l7->muxes, mux, link);
}

static void unschedule(struct mux *mux)
{
	if (!mux->is_scheduled)
		return;
	mux->is_scheduled = false;
	TAILQ_REMOVE(&mux->l7->muxes, mux, link);
}

static void refused(void *ctx, enum http_refusal refusal)
{
	struct mux *mux = ctx;

	mux->l7->refusals[refusal]++;
}

int mux_open(struct mux *mux, struct l7_core *l7, struct transport *transport,
	const struct mux_params *params)
{
	const struct config_h2 *config = params->config;
	const struct h2_params h2 = {
		.role = params->role,
		.limits = *params->limits,
		.budgets = {
			.resets = config->max_resets,
			.errors = config->max_errors,
			.continuations = config->max_continuations,
			.settings = config->max_settings,
			.pings = config->max_pings,
			.priorities = config->max_priorities,
			.window_updates = config->max_window_updates,
			.empty_frames = config->max_empty_frames,
		},
		.max_streams = config->max_streams,
		.takes_websocket = params->takes_websocket,
		.stream_window = config->stream_window_bytes,
		.connection_window = config->connection_window_bytes,
		.memory = memory,
		.wake = schedule,
		.refused = refused,
		.ctx = mux,
	};

	*mux = (struct mux){ .l7 = l7, .transport = transport, .ops = params->ops };
	mux->account.max_bytes = config->max_memory_bytes;
	mux->session = h2_session_create(&h2);
	return mux->session == NULL ? -ENOMEM : 0;
}

void mux_close(struct mux *mux)
{
	h2_session_destroy(mux->session);
	mux->session = NULL;
	unschedule(mux);
}

void mux_count_failure(struct mux *mux)
{
	static const size_t counters[H2_FAILURE_COUNT] = {
#define H2_FAILURE(name, help) [H2_FAILED_##name] = FAILURE_COUNTER(name),
#include "http/h2_failure.def"
#undef H2_FAILURE
	};
	enum h2_failure failure = h2_failure(mux->session);

	if (failure == H2_FAILED_NOT || mux->is_failure_counted)
		return;
	mux->is_failure_counted = true;
	(*(uint64_t *)((char *)&mux->l7->counters + counters[failure]))++;
}

static bool receive(struct mux *mux)
{
	bool moved = false;
	const char *data;
	size_t len;

	while ((len = transport_peek(mux->transport, &data)) > 0) {
		bool is_good = h2_receive(mux->session, data, len, mux->l7->now_us);

		transport_consume(mux->transport, len);
		mux->received_us = mux->l7->now_us;
		moved = true;
		if (!is_good)
			break;
	}
	return moved;
}

static bool tell(struct mux *mux)
{
	struct h2_stream *stream;
	bool moved = false;

	while ((stream = h2_next_ready(mux->session)) != NULL) {
		mux->ops->on_ready(mux, stream);
		moved = true;
	}
	return moved;
}

static bool send(struct mux *mux)
{
	bool moved = false;
	const char *data;
	size_t len;

	while (mux->transport->tcp != NULL && (len = h2_output(mux->session, &data)) > 0) {
		size_t taken = transport_write(mux->transport, data, len);

		h2_output_take(mux->session, taken);
		moved |= taken > 0;
		if (taken < len)
			break;
	}
	return moved;
}

void mux_run(struct mux *mux)
{
	bool moved;

	if (mux->is_over) {
		unschedule(mux);
		return;
	}
	do {
		moved = receive(mux);
		moved |= tell(mux);
		moved |= send(mux);
	} while (moved && !mux->is_over);
	transport_flush(mux->transport);
	unschedule(mux);
	mux_count_failure(mux);
	if (!mux->is_over)
		mux->ops->on_rest(mux);
}

void mux_run_list(struct l7_core *l7)
{
	for (unsigned round = 0; round < ROUNDS_MAX && !TAILQ_EMPTY(&l7->muxes); round++) {
		/* Ends the round: what is scheduled from here on comes behind it. */
		struct mux end = { .l7 = l7 };
		struct mux *mux;

		TAILQ_INSERT_TAIL(&l7->muxes, &end, link);
		while ((mux = TAILQ_FIRST(&l7->muxes)) != &end) {
			unschedule(mux);
			mux_run(mux);
		}
		TAILQ_REMOVE(&l7->muxes, &end, link);
	}
}
