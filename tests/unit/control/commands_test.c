/* SPDX-License-Identifier: Apache-2.0 */
/* What each command answers, over made-up figures. */
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "fixture.h"

static void test_version(void **state)
{
	(void)state;
	fixture_answer("show version", PENSTOCK_VERSION "\n");
	fixture_answer("show version json", "{\n  \"version\": \"" PENSTOCK_VERSION "\"\n}\n");
}

static void test_info(void **state)
{
	json_t *info;
	json_error_t error;

	(void)state;
	fixture_answer_has("show info", "Name: Penstock\nVersion: " PENSTOCK_VERSION "\nPid: ");
	fixture_answer_has("show info",
		"\nUptime: 1d 2h03m03s\nUptime_sec: 93783\n"
		"Config_file: penstock.json\nConfig_generation: 2\nGeneration: 7\n");
	fixture_answer_has("show info",
		"\nNbthread: 2\nL4_workers: 1\nL7_workers: 1\n"
		"Silent_workers: 0\nIdle_pct: 100\nCurrConns: 3\nL4_conns: 2\nL7_conns: 1\n"
		"Tcp_conns: 4\nTcp_half_open: 5\nTcp_time_wait: 6\nTcp_bytes_per_conn: 512\n"
		"Tcp_bytes_per_half_open: 64\nTcp_bytes_per_time_wait: 63\n"
		"Tcp_pinned_receive_bytes: 17500\nTcp_pinned_out_of_order_bytes: 20000\n"
		"Tcp_pinned_send_bytes: 22500\nTcp_pinned_max_bytes: 2500000\n"
		"CumConns: 23\nCumReq: 44\nCumSslConns: 6\nServices: 2\n");
	info = json_loads(fixture_ask("show info json"), 0, &error);
	assert_non_null(info);
	assert_int_equal(json_integer_value(json_object_get(info, "Pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(info, "CurrConns")), 3);
	assert_true(json_integer_value(json_object_get(info, "Memory_resident_kB")) > 0);
	json_decref(info);
}

static void test_info_with_a_silent_worker(void **state)
{
	(void)state;
	fixture.silent_core = 0;
	fixture_answer_has("show info", "\nSilent_workers: 1\nIdle_pct: 100\nCurrConns: 1\n");
}

static void test_servers(void **state)
{
	(void)state;
	fixture_answer("show servers",
		"# pool   server             address            state     weight file_weight conns "
		"opened requests checks failed downs changed_s last_check\n"
		"postgres 198.51.100.10:5432 198.51.100.10:5432 UP             4           4    10 "
		"    12        0     50      0     0        90 connected\n"
		"postgres 198.51.100.11:5432 198.51.100.11:5432 DOWN           1           1     0 "
		"     5        0     50      3     1         5 connection refused\n"
		"payments 198.51.100.20:8080 198.51.100.20:8080 UNCHECKED      1           1     2 "
		"     3       40      0      0     0         - -\n");
	fixture_answer("show servers payments json",
		"[\n  {\"pool\": \"payments\", \"server\": \"198.51.100.20:8080\", \"address\": "
		"\"198.51.100.20:8080\", \"state\": \"UNCHECKED\", \"weight\": 1, "
		"\"file_weight\": 1, \"conns\": 2, \"opened\": 3, \"requests\": 40, \"checks\": 0, "
		"\"failed\": 0, \"downs\": 0, \"changed_s\": null, \"last_check\": \"\"}\n]\n");
	fixture_answer("show servers payment",
		"error: there is no pool \"payment\"; did you mean \"payments\"?\n");
	fixture_answer(
		"show servers a b", "error: one pool at most\nusage: show servers [POOL] [json]\n");
}

static void test_resilience(void **state)
{
	struct outlier *outlier = &fixture.members[2].outlier;

	(void)state;
	outlier->is_ejected = true;
	outlier->until_us = fixture.now_us + 2500000;
	outlier->ejections = 3;
	strcpy(outlier->reason, "5 failures in a row");
	fixture.member_counters[2].tries_failed = 6;
	fixture.member_counters[2].latency_us = 900;
	fixture_answer("show resilience payments",
		"# pool   server             state   requests conns queued tries failed retries "
		"saved hedges hedges_won not_retried refused latency_us ejections back_in_ms reason\n"
		"payments BACKEND            UP             4     0      1    44      6       7     "
		"5      0          0           3       2          -         3          - -\n"
		"payments 198.51.100.20:8080 EJECTED        1     2      0    40      6       2     "
		"-      -          -           -       -        900         3       2500 5 failures in a row\n");
	fixture_answer("show resilience payment",
		"error: there is no pool \"payment\"; did you mean \"payments\"?\n");
	fixture_answer("show resilience a b",
		"error: one pool at most\nusage: show resilience [POOL] [json]\n");
	fixture_answer_has("show metrics", "penstock_pool_retries_total{pool=\"payments\"} 7\n");
	fixture_answer_has("show metrics",
		"penstock_member_ejected{pool=\"payments\",member=\"198.51.100.20:8080\"} 1\n");
	fixture_answer_has("show servers payments", " EJECTED ");
}

static void test_splits(void **state)
{
	(void)state;
	fixture_answer("show splits",
		"# service route  pool     weight file_weight\n"
		"web       canary postgres     90          90\n"
		"web       canary payments     10          10\n");
	fixture_answer("set route web/canary weight payments=30", "");
	fixture_answer_has("show splits", "payments     30          10\n");
	fixture_answer_has("set route web/canary weight postgres=0 payments=0",
		"error: nothing was changed: all weights would be 0, and no request could go "
		"anywhere\n");
	fixture_answer("set route web/canary weight postgres=90 payments=10", "");
	fixture_answer_has("set route web/canary weight static=1",
		"error: the split of route \"canary\" has no pool \"static\"\n");
	fixture_answer_has("set route web/canary weight payments=-1",
		"error: \"payments=-1\" is not POOL=N with a weight of 0 to 1000000\n");
	fixture_answer_has("set route web/blue weight payments=1",
		"error: there is no route \"blue\" with a split; see show splits\n");
	fixture_answer_has("set route wep/canary weight payments=1",
		"error: there is no l7 service \"wep\"; did you mean \"web\"?\n");
	fixture_answer_has(
		"set route web weight payments=1", "error: \"web\" is not SERVICE/ROUTE\n");
	fixture_answer_has(
		"set route web/canary", "error: a route, the word weight, and POOL=N at");
}

static void test_config_has_no_empty_line(void **state)
{
	(void)state;
	fixture_answer(
		"show config", "# penstock.json, configuration 2\n{\n \n  \"pools\": {}\n \n}\n");
}

static void test_cores(void **state)
{
	(void)state;
	fixture_answer("show cores",
		"# core cpu runs busy_pct busy_pct_1s busy_cycles idle_cycles loops sleeps "
		"rx_packets tx_packets ring_in ring_out cycles_per_packet\n"
		"     0   1 l4       25.0           -        2500        7500   100      9 "
		"        10         11       0        5             250.0\n"
		"     1   2 l7          -           -           0           0     0      0 "
		"         0          0       5        0               0.0\n");
}

static void test_cores_in_the_last_second(void **state)
{
	(void)state;
	control_poll(fixture.control);
	fixture.now_us += 1000000;
	fixture.cores[0].counters.busy_cycles += 900;
	fixture.cores[0].counters.idle_cycles += 100;
	control_poll(fixture.control);
	fixture_answer_has("show cores json", "\"busy_pct\": 30.9, \"busy_pct_1s\": 90.0, ");
	fixture_answer_has("show info", "\nIdle_pct: 10\n");
	/* Not a second yet. */
	fixture.now_us += 500000;
	fixture.cores[0].counters.idle_cycles += 1000;
	control_poll(fixture.control);
	fixture_answer_has("show cores json", "\"busy_pct_1s\": 90.0, ");
}

static void test_drops(void **state)
{
	const char *all;
	unsigned lines = 0;

	(void)state;
	fixture_answer("show drops",
		"# packets reason      help\n"
		"       70 tcp_invalid a TCP segment that its connection cannot accept\n"
		"        7 no_service  nothing is served at this address, protocol and port\n");
	all = fixture_ask("show drops all");
	for (; *all != '\0'; all++)
		lines += *all == '\n';
	assert_int_equal(lines, DROP_REASON_COUNT);
	fixture_answer(
		"show drops some", "error: all, or nothing\nusage: show drops [all] [json]\n");
	memset(&fixture.cores[0].drops, 0, sizeof(fixture.cores[0].drops));
	memset(&fixture.cores[1].drops, 0, sizeof(fixture.cores[1].drops));
	fixture_answer("show drops", "# packets reason help\n");
	fixture_answer("show drops json", "[]\n");
}

static void test_network(void **state)
{
	(void)state;
	fixture_answer("show neigh",
		"# address   mac               port state      age_ms core\n"
		"192.0.2.1   02:00:00:00:00:01 wan  REACHABLE    1200    0\n"
		"2001:db8::1 -                 9    INCOMPLETE      0    0\n");
	fixture_answer("show ports",
		"# port driver     link mac                mtu rx_packets rx_bytes rx_missed "
		"rx_errors tx_packets tx_bytes tx_errors parent vlan bond role   lacp         "
		"partner           failovers device\n"
		"wan    net_af_xdp up   02:00:00:00:00:aa 1500         10      640         1 "
		"        2         20     1280         3 -         0 pair active distributing "
		"02:00:00:00:00:bb         4 net_af_xdp0,iface=lb0\n");
	fixture.silent_core = 0;
	fixture_answer("show neigh", "error: worker 0 did not answer\n");
}

static void test_counters(void **state)
{
	(void)state;
	fixture_answer_has("show counters",
		"# counter                  value help\n"
		"core.busy_cycles            2500 TSC cycles of loops that did work\n");
	fixture_answer_has("show counters core json",
		"  {\"counter\": \"core.ring_in_packets\", \"value\": 5, \"help\": ");
	fixture_answer(
		"show counters cora", "error: no module \"cora\" counts; did you mean \"core\"?\n");
	fixture_answer("show counters nothing", "error: no module \"nothing\" counts\n");
}

static void test_metrics(void **state)
{
	(void)state;
	fixture_answer_has("show metrics",
		"# HELP penstock_uptime_seconds seconds since the start\n"
		"# TYPE penstock_uptime_seconds gauge\npenstock_uptime_seconds 93783\n");
	fixture_answer_has("show metrics",
		"# TYPE penstock_core_busy_cycles_total counter\n"
		"penstock_core_busy_cycles_total{core=\"0\"} 2500\n"
		"penstock_core_busy_cycles_total{core=\"1\"} 0\n");
	fixture_answer_has("show metrics", "\npenstock_port_up{port=\"wan\"} 1\n");
	fixture_answer_has("show metrics", "\npenstock_port_failovers_total{port=\"wan\"} 4\n");
	fixture_answer_has("show metrics", "\npenstock_drop_no_service_total{core=\"1\"} 4\n");
	fixture_answer_has(
		"show metrics", "\npenstock_service_requests_total{service=\"web\"} 44\n");
	fixture_answer_has("show metrics",
		"\npenstock_member_conns_opened_total{pool=\"postgres\","
		"member=\"198.51.100.10:5432\"} 12\n");
	fixture_answer_has("show metrics",
		"# TYPE penstock_member_usable gauge\n"
		"penstock_member_usable{pool=\"postgres\",member=\"198.51.100.10:5432\"} 1\n"
		"penstock_member_usable{pool=\"postgres\",member=\"198.51.100.11:5432\"} 0\n");
	assert_null(strstr(fixture_ask("show metrics"), "_none_"));
	assert_null(strstr(fixture_ask("show metrics"), "\n\n"));
}

/* A family's lines stand together, each with a help and a type, and no family comes twice. */
static void test_metrics_families_are_whole(void **state)
{
	char *text = strdup(fixture_ask("show metrics")), *rest = text, *line;
	char family[128] = "";
	unsigned families = 0, samples = 0;

	(void)state;
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		if (strncmp(line, "# HELP ", 7) == 0) {
			char search[160];

			snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "),
				line + 7);
			snprintf(search, sizeof(search), "# HELP %s ", family);
			assert_null(strstr(rest, search));
			families++;
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_memory_equal(line + 7, family, strlen(family));
		} else {
			assert_int_equal(strcspn(line, "{ "), strlen(family));
			assert_memory_equal(line, family, strlen(family));
			samples++;
		}
	}
	assert_true(families > 60);
	assert_true(samples > 100);
	free(text);
}

static void test_set_state(void **state)
{
	struct member *member = &fixture.members[1];

	(void)state;
	fixture_answer("set server postgres/198.51.100.11:5432 state drain", "");
	assert_int_equal(member->admin, MEMBER_DRAIN);
	assert_int_equal(fixture.pool_changed_count, 1);
	assert_int_equal(fixture.pool_changed_index, 0);
	fixture_answer("disable server payments/198.51.100.20:8080", "");
	assert_int_equal(fixture.members[2].admin, MEMBER_MAINT);
	assert_int_equal(fixture.pool_changed_index, 1);
	fixture_answer("enable server payments/198.51.100.20:8080", "");
	assert_int_equal(fixture.members[2].admin, MEMBER_READY);
	fixture_answer("set server postgres/198.51.100.11:5432 state up",
		"error: a state is ready, drain or maint, not \"up\"\n"
		"usage: set server POOL/MEMBER state ready|drain|maint | weight N|N%\n");
	fixture_answer("set server postgres/198.51.100.12:5432 state ready",
		"error: pool \"postgres\" has no member \"198.51.100.12:5432\"; did you mean "
		"\"198.51.100.10:5432\"?\n");
	fixture_answer("set server postgres/x state ready",
		"error: pool \"postgres\" has no member \"x\"\n");
	fixture_answer("set server /x state ready", "error: \"/x\" is not POOL/MEMBER\n");
	fixture_answer("set server x state ready", "error: \"x\" is not POOL/MEMBER\n");
	assert_int_equal(fixture.pool_changed_count, 3);
}

static void test_set_state_that_cannot_be_published(void **state)
{
	(void)state;
	fixture.pool_changed_result = -12;
	fixture_answer("set server postgres/198.51.100.11:5432 state maint",
		"error: nothing was changed: Cannot allocate memory\n");
	assert_int_equal(fixture.members[1].admin, MEMBER_READY);
	fixture_answer("set server postgres/198.51.100.11:5432 weight 9",
		"error: nothing was changed: Cannot allocate memory\n");
	assert_int_equal(fixture.members[1].weight, 1);
	assert_false(fixture.members[1].is_weight_overridden);
}

static void test_set_weight(void **state)
{
	static const struct {
		const char *text;
		unsigned weight;
	} rows[] = {
		{ "0", 0 },
		{ "256", 256 },
		{ "50%", 2 },
		{ "100%", 4 },
		{ "1%", 1 },
		{ "0%", 0 },
		{ "6400%", 256 },
	};
	static const char *const bad[] = { "257", "-1", "x", "", "1.5", "%", "6401%",
		"99999999999999999999", "5 %" };
	char line[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "set server postgres/198.51.100.10:5432 weight %s",
			rows[i].text);
		fixture_answer(line, "");
		assert_int_equal(fixture.members[0].weight, rows[i].weight);
	}
	assert_true(fixture.members[0].is_weight_overridden);
	fixture_answer("get weight postgres/198.51.100.10:5432", "256 (initial 4)\n");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "set weight postgres/198.51.100.10:5432 %s", bad[i]);
		assert_memory_equal(fixture_ask(line), "error: ", 7);
		assert_int_equal(fixture.members[0].weight, 256);
	}
	fixture_answer("set weight postgres/198.51.100.10:5432 3", "");
	assert_int_equal(fixture.members[0].weight, 3);
}

static void test_reload(void **state)
{
	(void)state;
	fixture_answer("reload", "configuration 3 is loaded from penstock.json\n");
	fixture.reload_result = -22;
	fixture_answer("reload",
		"error: penstock.json was not loaded, configuration 3 goes on\n"
		"penstock.json:14: services[2].listen: port 70000 is out of range (1-65535)\n"
		"penstock.json:20: pools.a: no members\n");
	fixture_answer("reload now", "error: reload takes no \"now\"\nusage: reload\n");
}

/*
 * 200 flows, every second of UDP, all to member 1: the first 10 hash to the new member. What is
 * gone takes its flows with it.
 */
static void test_plan(void **state)
{
	json_error_t error;
	json_t *rows, *row;

	(void)state;
	fixture.l4_conn_count = 200;
	fixture.plan_kept_id = 1;
	rows = json_loads(fixture_ask("plan /next.json json"), 0, &error);
	assert_int_equal(json_array_size(rows), 3);
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "service")), "db");
	assert_string_equal(json_string_value(json_object_get(row, "pool")), "postgres");
	assert_int_equal(json_integer_value(json_object_get(row, "added")), 1);
	assert_int_equal(json_integer_value(json_object_get(row, "removed")), 2);
	assert_int_equal(json_integer_value(json_object_get(row, "slots")), 1000);
	assert_int_equal(json_integer_value(json_object_get(row, "slots_moved")), 30);
	assert_float_equal(json_real_value(json_object_get(row, "slots_moved_pct")), 3.0, 0.001);
	assert_float_equal(json_real_value(json_object_get(row, "collateral_pct")), 1.0, 0.001);
	assert_int_equal(json_integer_value(json_object_get(row, "flows")), 200);
	assert_int_equal(json_integer_value(json_object_get(row, "flows_moved")), 10);
	assert_float_equal(json_real_value(json_object_get(row, "flows_moved_pct")), 5.0, 0.001);
	assert_int_equal(json_integer_value(json_object_get(row, "flows_cut")), 0);
	row = json_array_get(rows, 2);
	assert_string_equal(json_string_value(json_object_get(row, "pool")), "fresh");
	assert_true(json_is_null(json_object_get(row, "slots")));
	assert_true(json_is_null(json_object_get(row, "flows")));
	json_decref(rows);
	assert_int_equal(fixture.configs_destroyed, 1);
	/* Without that member its flows of UDP leave it at once. */
	fixture.plan_kept_id = 0;
	rows = json_loads(fixture_ask("plan /next.json json"), 0, &error);
	row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "flows_cut")), 100);
	json_decref(rows);
	fixture.is_plan_empty = true;
	assert_non_null(strstr(fixture_ask("plan /next.json"), "\ndb        (gone) "));
	rows = json_loads(fixture_ask("plan /next.json json"), 0, &error);
	row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "flows_cut")), 200);
	json_decref(rows);
}

static void test_a_plan_that_fails(void **state)
{
	(void)state;
	fixture_answer("plan /bad.json",
		"error: /bad.json could not be loaded\n/bad.json:3: pools.a: no members\n");
	fixture_answer("plan", "error: one file\nusage: plan FILE [json]\n");
	fixture.l4_conn_count = 1;
	fixture.silent_core = 0;
	fixture_answer("plan /next.json", "error: worker 0 did not answer\n");
	assert_int_equal(fixture.configs_destroyed, 1);
}

static void test_shutdown(void **state)
{
	(void)state;
	fixture_answer("shutdwon",
		"error: unknown command \"shutdwon\"\n"
		"did you mean \"shutdown\"?\n\"help\" lists the commands\n");
	assert_int_equal(fixture.shutdown_count, 0);
	fixture_answer("shutdown", "");
	assert_int_equal(fixture.shutdown_count, 1);
}

static void test_help(void **state)
{
	(void)state;
	fixture_answer("help reload",
		"reload\n    reads the configuration file again; a bad file "
		"changes nothing and is explained (admin)\n");
	fixture_answer_has("help", "\nshow drops [all] [json]\n    dropped packets by reason; ");
	fixture_answer_has("help set", "set weight POOL/MEMBER N|N%\n");
	assert_null(strstr(fixture_ask("help set"), "show"));
	fixture_answer("help nothing", "error: no command begins so; \"help\" lists them all\n");
}

static void test_unknown_commands(void **state)
{
	(void)state;
	fixture_answer("show sat",
		"error: unknown command \"show sat\"\n"
		"did you mean \"show stat\"?\n\"help\" lists the commands\n");
	fixture_answer("shwo conns l4",
		"error: unknown command \"shwo conns l4\"\n"
		"did you mean \"show conns\"?\n\"help\" lists the commands\n");
	fixture_answer("frobnicate",
		"error: unknown command \"frobnicate\"\n"
		"\"help\" lists the commands\n");
	fixture_answer("sh\033ow",
		"error: unknown command \"sh?ow\"\n"
		"\"help\" lists the commands\n");
}

static void test_unfinished_command(void **state)
{
	(void)state;
	fixture_answer("set",
		"error: \"set\" is not a whole command; these begin so:\n"
		"  set server POOL/MEMBER state ready|drain|maint | weight N|N%\n"
		"  set route SERVICE/ROUTE weight POOL=N...\n"
		"  set weight POOL/MEMBER N|N%\n"
		"  set ssl cert NAME\n"
		"  set ssl ocsp-response ANSWER\n");
}

static void test_several_commands(void **state)
{
	static const char version[] = PENSTOCK_VERSION "\n";
	char expected[256];

	(void)state;
	snprintf(expected, sizeof(expected), "%s\n%s", version, version);
	fixture_answer("show version;show version", expected);
	fixture_answer(" show \t version ; show version ; \r\n", expected);
	snprintf(expected, sizeof(expected), "error: reload takes no \"x\"\nusage: reload\n\n%s",
		version);
	fixture_answer("reload x; show version", expected);
	fixture_answer("", "");
	fixture_answer(";", "");
	snprintf(expected, sizeof(expected), "\n%s", version);
	fixture_answer(";show version", expected);
}

static void test_escapes(void **state)
{
	(void)state;
	fixture_answer("show servers a\\;b\\ c", "error: there is no pool \"a;b c\"\n");
	fixture_answer("show\\ version",
		"error: unknown command \"show version\"\n"
		"did you mean \"show version\"?\n\"help\" lists the commands\n");
}

static void test_too_many_words(void **state)
{
	char line[256] = "show";

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(line, " x");
	strcat(line, "; show version");
	fixture_answer(line, "error: more than 32 words\n\n" PENSTOCK_VERSION "\n");
}

static void test_levels(void **state)
{
	(void)state;
	fixture_answer("show level", "admin\n");
	fixture_answer("operator; show level; shutdown",
		"\noperator\n\n"
		"error: shutdown needs the level admin\nusage: shutdown\n");
	fixture_answer("user; show config; operator; show level",
		"\n"
		"error: show config needs the level operator\nusage: show config\n\n"
		"error: operator needs the level operator\nusage: operator\n\nuser\n");
	assert_int_equal(fixture.shutdown_count, 0);
	assert_null(strstr(fixture_ask("user; help"), "shutdown"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_version),
		TEST(test_info),
		TEST(test_info_with_a_silent_worker),
		TEST(test_servers),
		TEST(test_resilience),
		TEST(test_splits),
		TEST(test_config_has_no_empty_line),
		TEST(test_cores),
		TEST(test_cores_in_the_last_second),
		TEST(test_drops),
		TEST(test_network),
		TEST(test_counters),
		TEST(test_metrics),
		TEST(test_metrics_families_are_whole),
		TEST(test_set_state),
		TEST(test_set_state_that_cannot_be_published),
		TEST(test_set_weight),
		TEST(test_reload),
		TEST(test_plan),
		TEST(test_a_plan_that_fails),
		TEST(test_shutdown),
		TEST(test_help),
		TEST(test_unknown_commands),
		TEST(test_unfinished_command),
		TEST(test_several_commands),
		TEST(test_escapes),
		TEST(test_too_many_words),
		TEST(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
