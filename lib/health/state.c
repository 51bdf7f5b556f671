/* SPDX-License-Identifier: Apache-2.0 */
#include "health/health.h"

void health_state_init(struct health_state *state)
{
	*state = (struct health_state){ .is_up = true };
}

bool health_state_update(struct health_state *state, unsigned rise, unsigned fall, bool is_ok)
{
	bool is_first = !state->was_checked;

	state->was_checked = true;
	if (is_ok == state->is_up) {
		state->streak = 0;
		return false;
	}
	state->streak++;
	if (!(is_first && !is_ok) && state->streak < (state->is_up ? fall : rise))
		return false;
	state->is_up = is_ok;
	state->streak = 0;
	return true;
}

struct member *health_member_find(const struct backend_set *set, uint32_t member_id,
	unsigned *pool_index)
{
	for (unsigned i = 0; i < set->count; i++) {
		const struct pool *pool = set->pools[i];

		for (unsigned j = 0; j < pool->count; j++) {
			if (pool->members[j]->id != member_id)
				continue;
			if (pool_index != NULL)
				*pool_index = i;
			return pool->members[j];
		}
	}
	return NULL;
}
