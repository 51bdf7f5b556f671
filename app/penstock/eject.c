/* SPDX-License-Identifier: Apache-2.0 */
/* Members whose answers fail: what lib/backend finds is published and logged here. */
#include "app.h"
#include "base/log.h"

static void changes_log(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++) {
		struct outlier *outlier = &pool->members[i]->outlier;

		if (outlier->is_ejected == outlier->was_logged)
			continue;
		outlier->was_logged = outlier->is_ejected;
		if (outlier->is_ejected)
			log_warning("member %s/%s is ejected: %s", pool->name,
				pool->members[i]->name, outlier->reason);
		else
			log_notice(
				"member %s/%s is taken back", pool->name, pool->members[i]->name);
	}
}

void app_eject(struct app *app, uint64_t now_us)
{
	unsigned count = atomic_load(&app->snapshot)->backends->count;

	for (unsigned i = 0; i < count; i++) {
		const struct pool *pool = atomic_load(&app->snapshot)->backends->pools[i];

		if (!pool_eject(pool, now_us))
			continue;
		changes_log(pool);
		if (app_publish_pool(app, i) < 0)
			log_error("out of memory: pool %s keeps its old members", pool->name);
	}
}
