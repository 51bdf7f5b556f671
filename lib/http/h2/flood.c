/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "internal.h"

/* Useful work earns more of what comes along with it. */
#define PRIORITIES_PER_STREAM   4
#define WINDOW_UPDATES_PER_DATA 8

static unsigned allowance(const struct h2_session *session, enum h2_kind kind)
{
	const struct h2_budgets *budgets = &session->params.budgets;
	const struct h2_flood *flood = &session->flood;

	switch (kind) {
	case KIND_RESET:
		return budgets->resets;
	case KIND_ERROR:
		return budgets->errors;
	case KIND_SETTINGS:
		return budgets->settings;
	case KIND_PING:
		return budgets->pings + flood->data_sent;
	case KIND_PRIORITY:
		return budgets->priorities + PRIORITIES_PER_STREAM * flood->streams;
	case KIND_WINDOW_UPDATE:
		return budgets->window_updates + WINDOW_UPDATES_PER_DATA * flood->data_sent;
	default:
		return budgets->empty_frames;
	}
}

void h2_flood_count(struct h2_session *session, enum h2_kind kind)
{
	static const enum h2_failure failures[KIND_COUNT] = {
		[KIND_RESET] = H2_FAILED_reset,
		[KIND_ERROR] = H2_FAILED_error,
		[KIND_SETTINGS] = H2_FAILED_settings,
		[KIND_PING] = H2_FAILED_ping,
		[KIND_PRIORITY] = H2_FAILED_priority,
		[KIND_WINDOW_UPDATE] = H2_FAILED_window_update,
		[KIND_EMPTY] = H2_FAILED_empty,
	};
	struct h2_flood *flood = &session->flood;

	if (session->now_us - flood->since_us > H2_BUDGET_US) {
		memset(flood, 0, sizeof(*flood));
		flood->since_us = session->now_us;
	}
	if (++flood->counts[kind] > allowance(session, kind))
		h2_fail(session, failures[kind]);
}
