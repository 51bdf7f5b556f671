/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the configuration that has every key: what they match and do. */
#include <limits.h>
#include <string.h>

#include "conf_support.h"

static void test_full_actions(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_l7_route *routes = config->services[1].routes;
	const struct config_actions *actions = &routes[4].actions;

	(void)state;
	assert_string_equal(routes[4].name, "r");
	assert_true(actions->has_redirect && actions->has_response_headers);
	assert_false(actions->has_respond || actions->has_rewrite || actions->has_request_headers);
	assert_int_equal(actions->redirect.scheme, CONFIG_SCHEME_HTTPS);
	assert_int_equal(actions->redirect.code, 308);
	assert_string_equal(actions->redirect.to.prefix, "/s");
	assert_string_equal(actions->redirect.to.query.text, "");
	assert_int_equal(actions->redirect.to.host.count, 2);
	assert_int_equal(actions->redirect.to.host.pieces[1].index, CONFIG_VARIABLE_host);
	assert_string_equal(actions->response_headers.set[0].name, "X-T");
	assert_int_equal(actions->response_headers.set[0].value.count, 2);
	assert_int_equal(routes[4].pool, UINT_MAX);
	assert_int_equal(routes[5].actions.respond.status, 503);
	assert_string_equal(routes[5].actions.respond.body, "w");
	assert_string_equal(routes[5].actions.respond.content_type, "x/y");
	assert_int_equal(routes[6].actions.respond.body_len, 0);
	assert_int_equal(routes[6].actions.respond.status, 200);
	actions = &routes[7].actions;
	assert_int_equal(actions->rewrite.path.pieces[1].kind, CONFIG_PIECE_MATCH);
	assert_int_equal(actions->rewrite.path.pieces[1].index, 1);
	assert_int_equal(
		actions->request_headers.append[0].value.pieces[0].kind, CONFIG_PIECE_HEADER);
	assert_string_equal(actions->request_headers.remove[0], "X-D");
	assert_string_equal(routes[8].actions.rewrite.regex.pattern, "(d)(e)");
	assert_int_equal(routes[8].actions.rewrite.regex.to.pieces[0].index, 2);
	actions = &routes[9].actions;
	assert_int_equal(actions->limits.rate_count, 3);
	assert_int_equal(actions->limits.rates[0].burst, 8);
	assert_int_equal(actions->limits.rates[1].per, CONFIG_PER_CLIENT);
	assert_int_equal(actions->limits.rates[1].prefix4 + actions->limits.rates[1].prefix6, 72);
	assert_int_equal(actions->limits.rates[1].burst, 9);
	assert_string_equal(actions->limits.rates[2].name, "x-key");
	assert_int_equal(actions->limits.concurrent + actions->limits.header_bytes, 7);
	assert_int_equal(actions->limits.body_bytes, 5);
	assert_int_equal(actions->fault.delay_share, 2500);
	assert_int_equal(actions->fault.abort_share, CONFIG_SHARE_WHOLE);
	assert_int_equal(routes[9].share, CONFIG_SHARE_WHOLE);
	assert_int_equal(routes[10].share, 5000);
	assert_int_equal(routes[10].agents, CONFIG_AGENT_MOBILE | CONFIG_AGENT_BOT);
	assert_string_equal(routes[10].tls.items[0].name, "sni");
	assert_string_equal(routes[10].grpc_service, "b.C");
	assert_string_equal(routes[10].grpc_method, "D");
	assert_int_equal(routes[10].any_of_count + routes[10].all_of_count, 2);
	assert_string_equal(routes[10].all_of[0].headers.items[0].name, "x-y");
	assert_int_equal(routes[10].none_of[0].share, 1000);
	assert_int_equal(routes[10].none_of[0].any_of_count, 1);
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_actions),
	};

	return cmocka_run_group_tests_name(
		"route_load", tests, conf_folder_enter, conf_folder_leave);
}
