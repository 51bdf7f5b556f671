/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and traces, over made-up figures. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "fixture.h"

#define CONNS_USAGE                                                                                \
	"usage: show conns [l4|l7|tcp] [client ADDRESS[/LENGTH]] [vip ADDRESS] [port N] "          \
	"[member ADDRESS|NAME] [proto tcp|udp|sctp] [state STATE] [limit N] [json]\n"

static const char l4_header[] = "# layer proto client           vip              local          "
				"member             state    "
				"   idle_ms timeout_ms packets_in packets_out core\n";
static const char l4_rows[] =
	"l4      tcp   203.0.113.7:1024 192.0.2.100:5432 192.0.2.2:2000 198.51.100.10:5432 "
	"ESTABLISHED      20     900000          3           4    0\n"
	"l4      udp   203.0.113.7:1025 192.0.2.100:5432 192.0.2.2:2000 198.51.100.10:5432 "
	"ESTABLISHED      20     900000          3           4    0\n";
static const char l7_rows[] =
	"# layer service client          vip                 member             state       age_ms "
	"requests bytes_in bytes_out srtt_us core request\n"
	"l7      web     [2001:db8::7]:1 [2001:db8::100]:443 198.51.100.20:8080 ESTABLISHED   1500 "
	"       9      100      2000     250    1 GET /a?[2Jb\n";

static void test_conns(void **state)
{
	char expected[2048];

	(void)state;
	snprintf(expected, sizeof(expected), "%s%s%s", l4_header, l4_rows, l7_rows);
	fixture_answer("show conns", expected);
	fixture_answer("show sess", expected);
	snprintf(expected, sizeof(expected), "%s%s", l4_header, l4_rows);
	fixture_answer("show conns l4", expected);
	fixture_answer("show conns l7", l7_rows);
	*(strchr(l4_rows, '\n') - l4_rows + expected + strlen(l4_header) + 1) = '\0';
	fixture_answer("show conns limit 1", expected);
	fixture_answer("show conns l4 limit 1", expected);
}

static void test_conns_in_many_pieces(void **state)
{
	json_error_t error;
	json_t *rows;

	(void)state;
	fixture.l4_conn_count = 50000;
	rows = json_loads(fixture_ask("show conns json"), 0, &error);
	assert_non_null(rows);
	assert_int_equal(json_array_size(rows), 50001);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(rows, 50000), "request")),
		"GET /a\033[2Jb");
	json_decref(rows);
	rows = json_loads(fixture_ask("show conns limit 1000 json"), 0, &error);
	assert_int_equal(json_array_size(rows), 1000);
	json_decref(rows);
}

static void test_conns_edges(void **state)
{
	(void)state;
	fixture.l4_conn_count = 0;
	fixture_answer("show conns l4",
		"# layer proto client vip local member state idle_ms "
		"timeout_ms packets_in packets_out core\n");
	fixture_answer("show conns l4 json", "[]\n");
	fixture_answer("show conns limit 0 json", "[]\n");
	fixture.silent_core = 0;
	fixture_answer("show conns l4",
		"# layer core error\n"
		"l4         0 the worker did not answer\n");
	fixture_answer("show conns l4 json",
		"[\n  {\"layer\": \"l4\", \"core\": 0, \"error\": "
		"\"the worker did not answer\"}\n]\n");
	fixture_answer("show conns l5", "error: \"l5\" is not understood\n" CONNS_USAGE);
	fixture_answer("show conns limit", "error: \"limit\" is not understood\n" CONNS_USAGE);
	fixture_answer(
		"show conns limit 5x", "error: a limit is a number, not \"5x\"\n" CONNS_USAGE);
	fixture_answer("show conns limit 5000000000",
		"error: a limit is a number, not \"5000000000\"\n" CONNS_USAGE);
}

static size_t conns_count(const char *line)
{
	json_error_t error;
	json_t *rows = json_loads(fixture_ask(line), 0, &error);
	size_t count;

	assert_non_null(rows);
	count = json_array_size(rows);
	json_decref(rows);
	return count;
}

/* 10 rows of L4, half of them UDP, and one of L7. */
static void test_conns_that_fit(void **state)
{
	static const struct {
		const char *filter;
		size_t count;
	} rows[] = {
		{ "", 11 },
		{ "client 203.0.113.7", 10 },
		{ "client 203.0.113.0/24", 10 },
		{ "client 203.0.114.0/24", 0 },
		{ "client 2001:db8::/32", 1 },
		{ "vip 192.0.2.100", 10 },
		{ "vip 2001:db8::100", 1 },
		{ "port 443", 1 },
		{ "port 5432", 10 },
		{ "port 80", 0 },
		{ "proto udp", 5 },
		{ "proto tcp", 6 },
		{ "member 198.51.100.10", 10 },
		{ "member 198.51.100.10:5432", 10 },
		{ "member 198.51.100.11:5432", 0 },
		{ "member 198.51.100.20:8080", 1 },
		{ "member 198.51.100.20", 1 },
		{ "state established", 11 },
		{ "state FIN", 0 },
		{ "l4 proto udp limit 3", 3 },
		{ "limit 3", 3 },
		{ "client 203.0.113.7 port 5432 proto tcp member 198.51.100.10 limit 100", 5 },
	};
	char line[160];

	(void)state;
	fixture.l4_conn_count = 10;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "show conns %s json", rows[i].filter);
		assert_int_equal(conns_count(line), rows[i].count);
	}
	/* The rows that fit lie many calls apart. */
	fixture.l4_conn_count = 5000;
	assert_int_equal(conns_count("show conns l4 proto udp limit 2000 json"), 2000);
}

static void test_conns_filters_that_are_wrong(void **state)
{
	(void)state;
	fixture_answer("show conns client here",
		"error: a client is ADDRESS or ADDRESS/LENGTH, not \"here\"\n" CONNS_USAGE);
	fixture_answer("show conns vip 192.0.2.0/24",
		"error: a vip is an address, not \"192.0.2.0/24\"\n" CONNS_USAGE);
	fixture_answer("show conns port 65536",
		"error: a port is a number from 1, not \"65536\"\n" CONNS_USAGE);
	fixture_answer("show conns proto icmp",
		"error: a proto is tcp, udp or sctp, not \"icmp\"\n" CONNS_USAGE);
	fixture_answer("show conns member nobody", "error: there is no member \"nobody\"\n");
	fixture_answer("show conns l4 port", "error: \"port\" is not understood\n" CONNS_USAGE);
}

static void test_trace(void **state)
{
	(void)state;
	fixture_answer("trace tcp 203.0.113.7:4000 192.0.2.100:5432",
		"source: 203.0.113.7:4000\ndestination: 192.0.2.100:5432\nservice: db\n"
		"mode: l4\nhash: 0x00001234\ncore: 0\nflow: new\nslot: 77\nslots: 251\n"
		"member: 198.51.100.10:5432\nmember_address: 198.51.100.10:5432\n"
		"local: 192.0.2.2:2000\nnext_hop: 198.51.100.10\nport: wan\n"
		"mac: 02:00:00:00:00:09\nverdict: forward\n");
	assert_int_equal(fixture.traced_flags, 0x02);
	fixture_answer("trace tcp 203.0.113.7:4000 192.0.2.100:5432 ack on wan json",
		"{\n  \"source\": \"203.0.113.7:4000\",\n"
		"  \"destination\": \"192.0.2.100:5432\",\n  \"service\": \"db\",\n"
		"  \"mode\": \"l4\",\n  \"hash\": \"0x00001234\",\n  \"core\": 0,\n"
		"  \"flow\": \"known\",\n  \"state\": \"ESTABLISHED\",\n  \"idle_ms\": 20,\n"
		"  \"member\": \"198.51.100.10:5432\",\n"
		"  \"member_address\": \"198.51.100.10:5432\",\n"
		"  \"local\": \"192.0.2.2:2000\",\n  \"next_hop\": \"198.51.100.10\",\n"
		"  \"port\": \"wan\",\n  \"mac\": \"02:00:00:00:00:09\",\n"
		"  \"verdict\": \"forward\"\n}\n");
	assert_int_equal(fixture.traced_flags, 0x10);
	fixture_answer("trace tcp 203.0.113.7:4000 192.0.2.100:443",
		"source: 203.0.113.7:4000\ndestination: 192.0.2.100:443\nservice: web\n"
		"mode: l7\nhash: 0x00001234\ncore: 1\nverdict: to the TCP stack\n");
	fixture_answer("trace udp 203.0.113.7:4000 192.0.2.100:9",
		"source: 203.0.113.7:4000\ndestination: 192.0.2.100:9\nhash: 0x00001234\n"
		"verdict: drop\nreason: no_service\n"
		"help: nothing is served at this address, protocol and port\n");
	fixture_answer_has(
		"trace tcp 198.51.100.10:5432 192.0.2.2:2000 ack", "\nservice: -\nmode: reply\n");
}

static void test_trace_that_is_wrong(void **state)
{
	static const char usage[] =
		"usage: trace tcp|udp|sctp SOURCE:PORT DESTINATION:PORT [ack] [on PORT] [json]\n";
	static const struct {
		const char *arguments;
		const char *words;
	} rows[] = {
		{ "tcp 203.0.113.7:4000", "a protocol and two endpoints are needed" },
		{ "icmp 203.0.113.7:1 192.0.2.1:1",
			"a protocol is tcp, udp or sctp, not \"icmp\"" },
		{ "tcp 203.0.113.7 192.0.2.1:1",
			"an endpoint is ADDRESS:PORT or [ADDRESS]:PORT, not \"203.0.113.7\"" },
		{ "tcp 203.0.113.7:1 192.0.2.1:70000",
			"an endpoint is ADDRESS:PORT or [ADDRESS]:PORT, not \"192.0.2.1:70000\"" },
		{ "tcp 203.0.113.7:1 [2001:db8::1]:1",
			"the endpoints are of two address families" },
		{ "udp 203.0.113.7:1 192.0.2.1:1 ack", "\"ack\" is not understood" },
		{ "tcp 203.0.113.7:1 192.0.2.1:1 on", "\"on\" is not understood" },
	};
	char line[160], expected[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "trace %s", rows[i].arguments);
		snprintf(expected, sizeof(expected), "error: %s\n%s", rows[i].words, usage);
		fixture_answer(line, expected);
	}
	fixture_answer("trace tcp 203.0.113.7:1 192.0.2.1:5432 on lan",
		"error: there is no port \"lan\"\n");
	fixture.silent_core = 0;
	fixture_answer(
		"trace tcp 203.0.113.7:1 192.0.2.1:5432", "error: worker 0 did not answer\n");
}

static const char tcp_rows[] =
	"# layer peer               local               state       srtt_us rttvar_us rto_us  cwnd "
	"ssthresh  mss retransmissions send_queued receive_queued core\n"
	"tcp     [2001:db8::7]:1    [2001:db8::100]:443 ESTABLISHED     250        90 200000 14480 "
	"       - 1448               0           7              8    1\n"
	"tcp     198.51.100.20:8080 192.0.2.2:443       ESTABLISHED     250        90 200000 14480 "
	"   20000 1448               3           7              8    1\n";

static void test_conns_of_tcp(void **state)
{
	const json_t *row;
	json_error_t error;
	json_t *rows;

	(void)state;
	fixture_answer("show conns tcp", tcp_rows);
	fixture_answer_has(
		"show conns tcp client 198.51.100.0/24", "\ntcp     198.51.100.20:8080 ");
	rows = json_loads(fixture_ask("show conns tcp member 198.51.100.20:8080 json"), 0, &error);
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "ssthresh")), 20000);
	assert_int_equal(json_integer_value(json_object_get(row, "retransmissions")), 3);
	json_decref(rows);
	rows = json_loads(fixture_ask("show conns tcp vip 2001:db8::100 json"), 0, &error);
	assert_int_equal(json_array_size(rows), 1);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "ssthresh")));
	json_decref(rows);
	rows = json_loads(fixture_ask("show conns tcp state syn-sent json"), 0, &error);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
}

static void test_trace_conn(void **state)
{
	json_error_t error;
	json_t *rows;

	(void)state;
	fixture_answer("trace conn 203.0.113.7:4000 192.0.2.100:443",
		"# core trace client           vip             events kept\n"
		"     1 over  203.0.113.7:4000 192.0.2.100:443    300    4\n"
		"# core time_us event      detail       flags        seq ack  len window  cwnd "
		"ssthresh flight\n"
		"     1     100 begin      ESTABLISHED  -              -   -    -      - 10000 "
		"       -      0\n"
		"     1    2000 retransmit rack         PA    4000000000   7 1000  65536  7000 "
		"    7000   5000\n"
		"     1    2001 window     -            -              -   -    -      0  7000 "
		"    7000      0\n"
		"     1    3000 state      CLOSED:reset -              -   -    -      -     0 "
		"    7000      0\n");
	assert_int_equal(fixture.trace_seeks, 3);
	assert_int_equal(fixture.trace_filter.remote_port_be, 0xa00f);
	assert_int_equal(fixture.trace_filter.local_port_be, 0xbb01);
	assert_true(fixture.trace_filter.has_local);
	fixture.trace_seeks = 0;
	rows = json_loads(fixture_ask("trace conn [2001:db8::7]:4000 json"), 0, &error);
	assert_non_null(rows);
	assert_int_equal(json_array_size(rows), 5);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(rows, 2), "detail")), "rack");
	assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "seq")));
	json_decref(rows);
	fixture_answer("trace conn [2001:db8::7]:4000 off", "");
	fixture_answer("trace conn [2001:db8::7]:4000 off", "error: nobody traces that\n");
}

static void test_trace_of_the_next_connection(void **state)
{
	(void)state;
	fixture_answer("trace conn 203.0.113.7",
		"# core trace   client vip events kept\n"
		"     1 waiting -      -        0    0\n");
	assert_int_equal(fixture.trace_seeks, 0);
	assert_false(fixture.trace_filter.has_local);
	fixture_answer("trace conn 203.0.113.7 192.0.2.100",
		"# core trace   client vip events kept\n"
		"     1 waiting -      -        0    0\n");
	assert_true(fixture.trace_filter.has_local);
}

static void test_trace_conn_that_is_wrong(void **state)
{
	static const char usage[] = "usage: trace conn CLIENT[:PORT] [VIP[:PORT]] [off] [json]\n";
	static const char *const rows[][2] = {
		{ "", "a client is needed, and perhaps a vip" },
		{ "203.0.113.7 192.0.2.1 192.0.2.2", "a client is needed, and perhaps a vip" },
		{ "off", "an end is ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, not \"off\"" },
		{ "203.0.113.7:70000",
			"an end is ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, "
			"not \"203.0.113.7:70000\"" },
		{ "203.0.113.7 2001:db8::1", "the ends are of two address families" },
	};
	char line[160], expected[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "trace conn %s", rows[i][0]);
		snprintf(expected, sizeof(expected), "error: %s\n%s", rows[i][1], usage);
		fixture_answer(line, expected);
	}
	fixture.trace_result = -ENOSPC;
	fixture_answer("trace conn 203.0.113.7:4000",
		"error: worker 1 traces 16 connections already; end one with off\n");
	fixture.silent_core = 1;
	fixture_answer(
		"trace conn 203.0.113.7:4000", "# core error\n     1 the worker did not answer\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_conns),
		TEST(test_conns_in_many_pieces),
		TEST(test_conns_edges),
		TEST(test_conns_that_fit),
		TEST(test_conns_filters_that_are_wrong),
		TEST(test_conns_of_tcp),
		TEST(test_trace),
		TEST(test_trace_that_is_wrong),
		TEST(test_trace_conn),
		TEST(test_trace_of_the_next_connection),
		TEST(test_trace_conn_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
