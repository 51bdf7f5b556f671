/* SPDX-License-Identifier: Apache-2.0 */
/* show stat, byte for byte: other people's tools read it. */
#include <string.h>

#include <jansson.h>

#include "fixture.h"

#define HEADER                                                                                     \
	"# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr," \
	"wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,"        \
	"throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,"              \
	"check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,"         \
	"req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,"      \
	"lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,"              \
	"agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,"      \
	"agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,\n"
#define DB                                                                                         \
	"db,FRONTEND,,,10,,,17,1010,9020,4,,0,,,,,OPEN,,,,,,,,,1,1,0,,,,0,,,,,,,,,,,,,,,,,,,,"     \
	",,,,,,,,,,,,,,,,,,,,,192.0.2.100:5432,,tcp,,,,17,\n"
#define WEB                                                                                        \
	"web,FRONTEND,,,1,,,6,71,81,0,,3,,,,,OPEN,,,,,,,,,1,2,0,,,,0,,,,,,,0,30,0,12,2,,,,,44"     \
	",,,,,,,,,,,,,,,,,,,,,,,,,192.0.2.100:443,,http,,,,6,\n"
#define POSTGRES_10                                                                                \
	"postgres,198.51.100.10:5432,0,,10,,,12,1000,9000,,,,0,0,0,,UP,4,1,0,0,0,90,,,1,3,1,,1"    \
	"2,,2,,,,L4OK,,,,,,,,,,,,,,,,,,,,connected,,,,,,,,,,,2,3,,,,,198.51.100.10:5432,,tcp,"     \
	",,,,\n"
#define POSTGRES_11                                                                                \
	"postgres,198.51.100.11:5432,0,,0,,,5,10,20,,,,1,0,0,,DOWN,1,0,0,3,1,5,,,1,3,2,,5,,2,,"    \
	",,L4CON,,,,,,,,,,,,,,,,,,,,connection refused,,,,,,,,,,,2,3,,,,,198.51.100.11:5432,,"     \
	"tcp,,,,,\n"
#define POSTGRES                                                                                   \
	"postgres,BACKEND,0,0,10,,,17,1010,9020,,,,1,0,0,0,UP,4,1,0,3,1,5,,0,1,3,0,,17,,1,,,,,,,," \
	",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,tcp,maglev,,,,\n"
#define PAYMENTS_20                                                                                \
	"payments,198.51.100.20:8080,0,,2,,,3,70,80,,,,0,1,2,,no check,1,1,0,,,,,,1,4,1,,40,,2"    \
	",,,,UNK,,,0,30,0,8,1,,,,,40,,,,,,,,,,,,,,,,,,,,,,,,,198.51.100.20:8080,,http,,,,,\n"
#define PAYMENTS                                                                                   \
	"payments,BACKEND,1,0,2,,,3,70,80,,,,0,1,2,7,UP,1,1,0,0,0,,,0,1,4,0,,40,,1,,,,,,,0,30,0,8" \
	",1,,,,,40,,,,,,,,,,,,,,,,,,,,,,,,,,,http,least-requests,,,,\n"

static void test_csv(void **state)
{
	(void)state;
	assert_string_equal(fixture_ask("show stat"),
		HEADER DB WEB POSTGRES_10 POSTGRES_11 POSTGRES PAYMENTS_20 PAYMENTS);
}

/* The type mask and ids as HAProxy's tools send them. */
static void test_filters(void **state)
{
	static const struct {
		const char *line;
		const char *expected;
	} rows[] = {
		{ "show stat -1 1 -1", HEADER DB WEB },
		{ "show stat -1 2 -1", HEADER POSTGRES PAYMENTS },
		{ "show stat -1 4 -1", HEADER POSTGRES_10 POSTGRES_11 PAYMENTS_20 },
		{ "show stat -1 -1 0", HEADER DB WEB POSTGRES PAYMENTS },
		{ "show stat 3 4 2", HEADER POSTGRES_11 },
		{ "show stat payments 6 -1", HEADER PAYMENTS_20 PAYMENTS },
		{ "show stat web -1 -1", HEADER WEB },
		{ "show stat 9 -1 -1", HEADER },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(fixture_ask(rows[i].line), rows[i].expected);
	assert_string_equal(fixture_ask("show stat 1"),
		"error: name or id, type and server id; -1 for all\n"
		"usage: show stat [NAME|ID TYPE SID] [json]\n");
	assert_string_equal(fixture_ask("show stat 1 x 1"),
		"error: a type is a number, not \"x\"\n"
		"usage: show stat [NAME|ID TYPE SID] [json]\n");
	assert_string_equal(fixture_ask("show stat 1 1 -2"),
		"error: a server id is a number, not \"-2\"\n"
		"usage: show stat [NAME|ID TYPE SID] [json]\n");
}

/* Every row has as many commas as the header, also with text that needs quotes. */
static void test_quotes(void **state)
{
	(void)state;
	strcpy(fixture.members[0].check_detail, "a \"b\", c");
	assert_non_null(strstr(fixture_ask("show stat 3 4 1"), ",\"a \"\"b\"\", c\","));
}

static void test_states(void **state)
{
	static const struct {
		enum member_admin admin;
		enum member_health health;
		uint32_t weight;
		const char *expected;
	} rows[] = {
		{ MEMBER_READY, MEMBER_UP, 1, ",UP," },
		{ MEMBER_READY, MEMBER_UP, 0, ",DRAIN," },
		{ MEMBER_READY, MEMBER_UNCHECKED, 1, ",no check," },
		{ MEMBER_READY, MEMBER_DOWN, 1, ",DOWN," },
		{ MEMBER_DRAIN, MEMBER_UP, 1, ",DRAIN," },
		{ MEMBER_DRAIN, MEMBER_DOWN, 1, ",DOWN," },
		{ MEMBER_MAINT, MEMBER_DOWN, 1, ",MAINT," },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture.members[0].admin = rows[i].admin;
		fixture.members[0].health = rows[i].health;
		fixture.members[0].weight = rows[i].weight;
		assert_non_null(strstr(fixture_ask("show stat 3 4 1"), rows[i].expected));
	}
}

static void test_json(void **state)
{
	json_error_t error;
	json_t *rows = json_loads(fixture_ask("show stat json"), 0, &error), *row;

	(void)state;
	assert_non_null(rows);
	assert_int_equal(json_array_size(rows), 7);
	row = json_array_get(rows, 3);
	assert_string_equal(
		json_string_value(json_object_get(row, "svname")), "198.51.100.11:5432");
	assert_string_equal(json_string_value(json_object_get(row, "status")), "DOWN");
	assert_int_equal(json_integer_value(json_object_get(row, "stot")), 5);
	assert_null(json_object_get(row, "smax"));
	json_decref(rows);
	assert_string_equal(fixture_ask("show stat 9 -1 -1 json"), "[]\n");
}

/* Cores write while we read: more may have been closed than we saw opened. */
static void test_never_below_zero(void **state)
{
	(void)state;
	fixture.service_counters[0].conns_closed = fixture.service_counters[0].conns_opened + 1;
	assert_non_null(strstr(fixture_ask("show stat 1 1 0"), "\ndb,FRONTEND,,,0,,,17,"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_csv),
		TEST(test_filters),
		TEST(test_quotes),
		TEST(test_states),
		TEST(test_json),
		TEST(test_never_below_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
