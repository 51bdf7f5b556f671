/* SPDX-License-Identifier: Apache-2.0 */
/* Probe results become member states, on the control thread. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker.h"

static struct health_state *state_of(struct member *member)
{
	if (member->health_state == NULL) {
		struct health_state *state = malloc(sizeof(*state));

		if (state != NULL)
			health_state_init(state);
		member->health_state = state;
	}
	return member->health_state;
}

static void change_note(struct member *member, bool is_up, const char *detail)
{
	log_write(is_up ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "member %s/%s is %s: %s",
		member->pool_name, member->name, is_up ? "up" : "down", detail);
	member->changed_at_us = clock_now_us();
	member->downs += is_up ? 0 : 1;
}

static void result_apply(struct app *app, const struct health_result *result)
{
	const struct snapshot *snapshot = atomic_load(&app->snapshot);
	unsigned pool_index;
	struct member *member = health_member_find(
		snapshot->backends, result->member_id, &pool_index);
	const struct config_health_check *check;
	struct health_state *state;
	bool has_changed;

	if (member == NULL)
		return;
	state = state_of(member);
	if (state == NULL)
		return;
	check = &snapshot->config->pools[pool_index].health;
	member->checks++;
	member->checks_failed += result->is_ok ? 0 : 1;
	snprintf(member->check_detail, sizeof(member->check_detail), "%s", result->detail);
	has_changed = health_state_update(state, check->rise, check->fall, result->is_ok);
	if (!has_changed && member->health != MEMBER_UNCHECKED)
		return;
	member->health = state->is_up ? MEMBER_UP : MEMBER_DOWN;
	if (!has_changed)
		return;
	change_note(member, state->is_up, result->detail);
	if (state->is_up)
		member_warm_start(member, &snapshot->config->pools[pool_index]);
	if (app_publish_pool(app, pool_index) < 0)
		log_error("out of memory: pool %s keeps its old members", member->pool_name);
}

void app_take_results(struct app *app)
{
	struct health_result result;
	uint64_t unused;

	if (read(app->results_fd, &unused, sizeof(unused)) < 0)
		return;
	for (unsigned i = 0; i < app->l7_count; i++) {
		struct rte_ring *ring = app->l7_workers[i]->results;

		while (rte_ring_sc_dequeue_elem(ring, &result, sizeof(result)) == 0)
			result_apply(app, &result);
	}
}
