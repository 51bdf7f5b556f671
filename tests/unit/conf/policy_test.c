/* SPDX-License-Identifier: Apache-2.0 */
/* Every field of retries, ejection, limits, cookies, tiers and splits. */
#include "conf_support.h"

static void test_full_policy(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_pool *pool = &config->pools[1];
	const struct config_l7_route *route = &config->services[1].routes[3];

	(void)state;
	assert_true(pool->retry.is_set);
	assert_int_equal(pool->retry.on, CONFIG_RETRY_TIMEOUT | CONFIG_RETRY_5XX);
	assert_int_equal(pool->retry.status_count, 2);
	assert_int_equal(pool->retry.statuses[1], 409);
	assert_int_equal(pool->retry.attempts, 3);
	assert_int_equal(pool->retry.try_timeout_ms, 1);
	assert_int_equal(pool->retry.budget_pct, 4);
	assert_int_equal(pool->retry.budget_min, 5);
	assert_int_equal(pool->retry.buffer_bytes, 6);
	assert_true(pool->retry.non_idempotent && pool->retry.same_member);
	assert_true(pool->outlier.is_set);
	assert_int_equal(pool->outlier.consecutive, 7);
	assert_int_equal(pool->outlier.error_pct, 8);
	assert_int_equal(pool->outlier.latency_pct, 109);
	assert_int_equal(pool->outlier.window_ms, 1011);
	assert_int_equal(pool->outlier.max_eject_ms, 1013);
	assert_int_equal(pool->outlier.max_ejected_pct, 14);
	assert_int_equal(pool->limits.requests, 1);
	assert_int_equal(pool->limits.connections, 2);
	assert_int_equal(pool->limits.member_retries, 7);
	assert_int_equal(pool->limits.queue, 8);
	assert_int_equal(pool->limits.queue_ms, 9);
	assert_true(pool->sticky.is_set && !pool->sticky.http_only);
	assert_string_equal(pool->sticky.cookie, "srv");
	assert_string_equal(pool->sticky.path, "/a");
	assert_int_equal(pool->sticky.max_age_s, 9);
	assert_int_equal(pool->sticky.secure, CONFIG_SECURE_ALWAYS);
	assert_int_equal(pool->sticky.same_site, CONFIG_SAME_SITE_NONE);
	assert_true(pool->sticky.key.k0 != 0 && pool->sticky.key.k0 != pool->sticky.key.k1);
	assert_int_equal(pool->tier_min_pct, 50);
	assert_int_equal(pool->members[1].tier, 1);
	assert_int_equal(pool->hash_on.kind, CONFIG_ATTRIBUTE_HEADER);
	assert_string_equal(pool->hash_on.name, "X-User");
	assert_string_equal(route->name, "q");
	assert_true(route->mirror.is_set && route->mirror.pct == 7);
	assert_string_equal(config->pools[route->mirror.pool].name, "dns");
	assert_true(route->has_fallback);
	assert_int_equal(route->fallback, 0);
	assert_false(config->services[1].routes[2].has_fallback);
	assert_int_equal(config->services[1].routes[2].split_by.kind, CONFIG_ATTRIBUTE_COOKIE);
	/* A policy that is there has its defaults; one that is not is none. */
	assert_true(route->retry.is_set);
	assert_int_equal(route->retry.on, CONFIG_RETRY_CONNECT | CONFIG_RETRY_RESET);
	assert_int_equal(route->retry.attempts, 5);
	assert_int_equal(route->retry.buffer_bytes, 65536);
	assert_false(config->pools[0].retry.is_set || config->pools[0].outlier.is_set);
	assert_false(pool->retry.hedge.is_set || pool->sticky.learn.is_set);
	pool = &config->pools[2];
	assert_string_equal(pool->name, "six");
	assert_true(pool->retry.hedge.is_set && pool->sticky.learn.is_set);
	assert_int_equal(pool->retry.hedge.delay_ms, 40);
	assert_int_equal(pool->retry.hedge.percentile, 95);
	assert_int_equal(pool->retry.hedge.min_delay_ms, 3);
	assert_int_equal(pool->retry.hedge.max, 2);
	assert_null(pool->sticky.cookie);
	assert_int_equal(pool->sticky.learn.key.kind, CONFIG_ATTRIBUTE_COOKIE);
	assert_string_equal(pool->sticky.learn.key.name, "JSESSIONID");
	assert_int_equal(pool->sticky.learn.from, CONFIG_LEARN_REQUEST);
	assert_int_equal(pool->sticky.learn.entries, 100);
	assert_int_equal(pool->sticky.learn.expire_s, 7);
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_policy),
	};

	return cmocka_run_group_tests(tests, conf_folder_enter, conf_folder_leave);
}
