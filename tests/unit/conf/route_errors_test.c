/* SPDX-License-Identifier: Apache-2.0 */
/* What routes do, and what they cannot. */
#include "conf_support.h"

/* Routes of an l7 service, from line 2 on. */
#define ROUTES(text)                                                                               \
	"{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': [{'name':" \
	" 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp', 'routes': [\n" text "]}]}"

/* One route to a pool, on line 2. */
#define ROUTE(text) ROUTES("{'pool': 'a', " text "}")

#define AT "c.json:2: services[0].routes[0]"

static const struct conf_row rows[] = {
	{
		.what = "two targets",
		.json = ROUTES(
			"{'pool': 'a', 'redirect': {'scheme': 'https'}},\n"
			"{'match': {'host': 'b'}, 'respond': {}, 'redirect': {'path': '/'}}"),
		.expected = AT ".redirect: not beside \"pool\": one of the two\n"
			       "c.json:3: services[0].routes[1].respond: not beside \"redirect\": "
			       "one of the two",
	},
	{
		.what = "fields that the service's ids of requests write",
		.json = "{" CONF_PORTS
			", 'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': [{'name':"
			" 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp', 'request_id':"
			" {'mode': 'make', 'header': 'X-Id'}, 'trace_context': 'make', 'routes': [\n"
			"{'pool': 'a', 'request_headers': {'set': {'x-id': 'a'}}},\n"
			"{'pool': 'a', 'match': {'host': 'b'}, 'request_headers':"
			" {'append': {'X-ID': 'a'}, 'remove': ['TraceParent']}},\n"
			"{'pool': 'a', 'match': {'host': 'c'}, 'request_headers':"
			" {'add': {'X-Request-ID': 'a', 'X-Other': '${request_id}'}}}]}]}",
		.expected =
			"c.json:1: services[0].routes: the route on line 2 changes X-Id, which "
			"\"request_id\" writes\n"
			"c.json:1: services[0].routes: the route on line 3 changes X-Id, which "
			"\"request_id\" writes\n"
			"c.json:1: services[0].routes: the route on line 3 changes traceparent, "
			"which \"trace_context\" writes",
	},
	{
		.what = "actions that have no effect",
		.json = ROUTES("{'respond': {}, 'rewrite': {'path': '/'},\n"
			       "'request_headers': {'remove': ['a']}}"),
		.expected = AT
		".rewrite: has no effect: the route's requests go to no member\n"
		"c.json:3: services[0].routes[0].request_headers: has no effect: the "
		"route's requests go to no member",
	},
	{
		.what = "redirects that change nothing",
		.json = ROUTES(
			"{'redirect': {}},\n{'match': {'host': 'b'}, 'redirect': {'code': 301,"
			" 'scheme': 'same'}}"),
		.expected = AT ".redirect: changes nothing: clients would come back for ever\n"
			       "c.json:3: services[0].routes[1].redirect: changes nothing: clients "
			       "would come back for ever",
	},
	{
		.what = "codes that are none of a redirect",
		.json = ROUTES("{'redirect': {'path': '/', 'code': 305}},\n"
			       "{'match': {'host': 'b'}, 'redirect': {'path': '/', 'code': 200}}"),
		.expected = AT ".redirect.code: 305 is not one of: 301, 302, 303, 307, 308\n"
			       "c.json:3: services[0].routes[1].redirect.code: 200 is out of range "
			       "(301-308)",
	},
	{
		.what = "an unknown scheme, an unknown key",
		.json = ROUTES("{'redirect': {'scheme': 'htps', 'cod': 301}}"),
		.expected = AT
		".redirect.scheme: \"htps\" is not one of: same, http, https; did you "
		"mean \"https\"?\n" AT ".redirect.cod: unknown key; did you mean \"code\"?",
	},
	{
		.what = "several ways to a path, a prefix without one to replace",
		.json = ROUTE("'rewrite': {'path': '/', 'prefix': '/b',\n'regex': {'match': 'a',"
			      " 'to': 'b'}}"),
		.expected = AT
		".rewrite.prefix: not beside \"path\": one of the two\n" AT
		".rewrite.prefix: the route matches no prefix that it could replace\n"
		"c.json:3: services[0].routes[0].rewrite.regex: not beside \"path\": "
		"one of the two",
	},
	{
		.what = "a rewriting of nothing, and paths that are none",
		.json = ROUTES("{'pool': 'a', 'rewrite': {}},\n"
			       "{'match': {'host': 'b'}, 'pool': 'a', 'rewrite': {'path': 'x'}},\n"
			       "{'match': {'path': {'prefix': '/c'}}, 'pool': 'a',"
			       " 'rewrite': {'prefix': 'x'}}"),
		.expected = AT
		".rewrite: expected any of: host, path, prefix, regex, query\n"
		"c.json:3: services[0].routes[1].rewrite.path: a path begins with "
		"\"/\"\n"
		"c.json:4: services[0].routes[2].rewrite.prefix: expected a path that "
		"begins with \"/\", found \"x\"",
	},
	{
		.what = "substitutions that cannot be",
		.json = ROUTES(
			"{'pool': 'a', 'rewrite': {'regex': {'match': '(', 'to': 'x'}}},\n"
			"{'match': {'host': 'b'}, 'pool': 'a', 'rewrite': {'regex': {'match':"
			" '(a)', 'to': '${2}'}}},\n"
			"{'match': {'host': 'c'}, 'pool': 'a', 'rewrite': {'regex': {}}}"),
		.expected = AT
		".rewrite.regex.match: the expression is wrong at character 2: "
		"missing closing parenthesis\n"
		"c.json:3: services[0].routes[1].rewrite.regex.to: the expression has "
		"no group \"2\"\n"
		"c.json:4: services[0].routes[2].rewrite.regex.match: is required and "
		"missing\n"
		"c.json:4: services[0].routes[2].rewrite.regex.to: is required and "
		"missing",
	},
	{
		.what = "variables that there are not",
		.json = ROUTE("'request_headers': {'set': {\n'b': '${clint_address}',\n'c': '$x',\n"
			      "'d': '${match.1}',\n'e': '${match.id}',\n'f': '${header.a b}',\n"
			      "'g': '${1}',\n'h': 'a\\nb',\n'i': '${'}}"),
		.expected =
			"c.json:3: services[0].routes[0].request_headers.set.b: there is no variable "
			"\"clint_address\"; did you mean \"client_address\"?\n"
			"c.json:4: services[0].routes[0].request_headers.set.c: expected ${NAME} or "
			"$$ behind \"$x\"\n"
			"c.json:5: services[0].routes[0].request_headers.set.d: the route's path has "
			"no group \"1\"\n"
			"c.json:6: services[0].routes[0].request_headers.set.e: the route's path has "
			"no group \"id\"\n"
			"c.json:7: services[0].routes[0].request_headers.set.f: \"a b\" is no name of "
			"a header field\n"
			"c.json:8: services[0].routes[0].request_headers.set.g: there is no variable "
			"\"1\"\n"
			"c.json:9: services[0].routes[0].request_headers.set.h: control characters "
			"cannot stand here\n"
			"c.json:10: services[0].routes[0].request_headers.set.i: expected ${NAME} or "
			"$$ behind \"${\"",
	},
	{
		.what = "groups of one route are not those of the next",
		.json = ROUTES("{'match': {'path': {'template': '/{id}'}}, 'pool': 'a'},\n"
			       "{'pool': 'a', 'rewrite': {'path': '/${match.id}'}}"),
		.expected = "c.json:3: services[0].routes[1].rewrite.path: the route's path has no "
			    "group \"id\"",
	},
	{
		.what = "header fields that nobody may set",
		.json = ROUTE("'request_headers': {'set': {'Connection': 'x'},\n"
			      "'add': {'Transfer-Encoding': 'chunked'},\n"
			      "'append': {'X-Forwarded-For': 'x'},\n'remove': ['Content-Length',\n"
			      "'HOST', 'a b']},\n'response_headers': {'set': {'trailer': 'x'}}"),
		.expected = AT
		".request_headers.set.Connection: Connection belongs to the connection, "
		"and is written by the appliance\n"
		"c.json:3: services[0].routes[0].request_headers.add.Transfer-Encoding: "
		"Transfer-Encoding belongs to the connection, and is written by the "
		"appliance\n"
		"c.json:4: services[0].routes[0].request_headers.append.X-Forwarded-For: "
		"X-Forwarded-For is written by the appliance; see \"trust_forwarded\"\n"
		"c.json:5: services[0].routes[0].request_headers.remove[0]: "
		"Content-Length belongs to the connection, and is written by the "
		"appliance\n"
		"c.json:6: services[0].routes[0].request_headers.remove[1]: is set by "
		"\"rewrite\": its key \"host\"\n"
		"c.json:6: services[0].routes[0].request_headers.remove[2]: \"a b\" is no "
		"name of a header field\n"
		"c.json:7: services[0].routes[0].response_headers.set.trailer: trailer "
		"belongs to the connection, and is written by the appliance",
	},
	{
		.what = "a field that is set and removed, and edits of nothing",
		.json = ROUTE("'request_headers': {'set': {'X-A': 'x'}, 'remove': ['x-a']},\n"
			      "'response_headers': {}"),
		.expected = AT ".request_headers.remove[0]: header field x-a is given twice, first "
			       "on line 2\n"
			       "c.json:3: services[0].routes[0].response_headers: expected any of: "
			       "set, add, append, remove",
	},
	{
		.what = "answers that cannot be",
		.json = ROUTES(
			"{'respond': {'status': 100}},\n"
			"{'match': {'host': 'b'}, 'respond': {'body': 'x', 'file': "
			"'/dev/null'}},\n"
			"{'match': {'host': 'c'}, 'respond': {'status': 204, 'body': 'x'}},\n"
			"{'match': {'host': 'd'}, 'respond': {'file': '/nowhere/at/all'}},\n"
			"{'match': {'host': 'e'}, 'respond': {'content_type': 'a\\nb'}}"),
		.expected = AT ".respond.status: 100 is out of range (200-599)\n"
			       "c.json:3: services[0].routes[1].respond.file: not beside \"body\": "
			       "one of the two\n"
			       "c.json:4: services[0].routes[2].respond.body: a 204 has no body\n"
			       "c.json:5: services[0].routes[3].respond.file: cannot read "
			       "\"/nowhere/at/all\": No such file or directory\n"
			       "c.json:6: services[0].routes[4].respond.content_type: expected "
			       "visible ASCII, as \"text/plain\"",
	},
	{
		.what = "limits that cannot be",
		.json = ROUTE(
			"'limits': {'rates': [{}, {'requests': 0}, {'requests': 1, 'per': 'x'},\n"
			"{'requests': 1, 'per': 'header'}, {'requests': 1, 'name': 'x'},\n"
			"{'requests': 1, 'per': 'header', 'name': 'a b'},\n"
			"{'requests': 1, 'period_ms': 86400000, 'burst': 1000}],\n"
			"'concurrent': -1, 'max_body_bytes': '1k'}"),
		.expected = AT
		".limits.rates[0].requests: is required and missing\n" AT
		".limits.rates[1].requests: 0 is out of range (1-100000000)\n" AT
		".limits.rates[2].per: \"x\" is not one of: route, client, header, cookie, "
		"query\n"
		"c.json:3: services[0].routes[0].limits.rates[3].name: is required and "
		"missing\n"
		"c.json:3: services[0].routes[0].limits.rates[4].name: is for header, "
		"cookie and query alone\n"
		"c.json:4: services[0].routes[0].limits.rates[5].name: is no name of a "
		"header field\n"
		"c.json:5: services[0].routes[0].limits.rates[6]: a bucket of that burst "
		"takes more than a year to fill\n"
		"c.json:6: services[0].routes[0].limits.concurrent: -1 is out of range "
		"(0-10000000)\n"
		"c.json:6: services[0].routes[0].limits.max_body_bytes: expected a whole "
		"number, found \"1k\"",
	},
	{
		.what = "limits and faults of nothing",
		.json = ROUTE("'limits': {}, 'fault': {'delay_ms': 5, 'abort_status': 500}"),
		.expected = AT ".limits: expected any of: rates, concurrent, max_header_bytes, "
			       "max_body_bytes\n" AT
			       ".fault: expected a delay_share, an abort_share, or both\n" AT
			       ".fault.delay_ms: has no effect without a delay_share\n" AT
			       ".fault.abort_status: has no effect without an abort_share",
	},
	{
		.what = "shares that are none",
		.json = ROUTE("'fault': {'delay_share': '101%',\n'abort_share': '1.2345%'}"),
		.expected = AT
		".fault.delay_share: expected a share of 0% to 100%, as \"2.5%\", "
		"found \"101%\"\n"
		"c.json:3: services[0].routes[0].fault.abort_share: expected a share "
		"of 0% to 100%, as \"2.5%\", found \"1.2345%\"",
	},
	{
		.what = "conditions that cannot be",
		.json = ROUTE("'match': {'any_of': [], 'not': [{}],\n"
			      "'share': '0%', 'user_agent': ['phone'],\n"
			      "'tls': {'subjct': 'x'}, 'all_of': [{'header': {'a b': 'x'}}],\n"
			      "'grpc': {'service': ''}, 'any_off': 1}"),
		.expected = AT
		".match.any_of: needs at least 1\n" AT
		".match.not[0]: asks for nothing: every request fits\n"
		"c.json:3: services[0].routes[0].match.share: fits no request: nothing "
		"would ever match\n"
		"c.json:3: services[0].routes[0].match.user_agent[0]: \"phone\" is not one "
		"of: mobile, tablet, desktop, bot, tool, other\n"
		"c.json:4: services[0].routes[0].match.tls.subjct: there is no such fact; "
		"did you mean \"subject\"?\n"
		"c.json:4: services[0].routes[0].match.all_of[0].header[\"a b\"]: is no "
		"name of a header field\n"
		"c.json:5: services[0].routes[0].match.grpc.service: must not be empty\n"
		"c.json:5: services[0].routes[0].match.any_off: unknown key; did you mean "
		"\"any_of\"?",
	},
	{
		.what = "conditions in each other too deep, and one never reached",
		.json = ROUTES("{'match': {'not': [{'not': [{'not': [{'not': [{'not': [{'method':"
			       " ['GET']}]}]}]}]}]}, 'pool': 'a'},\n{'pool': 'a'},\n"
			       "{'match': {'share': '5%'}, 'pool': 'a'},\n"
			       "{'match': {'not': [{'method': ['GET']}]}, 'pool': 'a'}"),
		.expected = AT
		".match.not[0].not[0].not[0].not[0].not[0]: more than 4 conditions "
		"in each other\n"
		"c.json:4: services[0].routes[2]: is never reached: the route for host "
		"any, path any on line 3 takes every request\n"
		"c.json:5: services[0].routes[3]: is never reached: the route for host "
		"any, path any on line 3 takes every request",
	},
	{
		.what = "fields of bodies that there cannot be",
		.json = ROUTE("'match': {'json': {'a': 'x', '/b~': 'x',\n'/c~2': 'x', '': 'x',\n"
			      "'/d': {}, '/e': {'range': '2-1'}, '/f': 5}}"),
		.expected = AT
		".match.json.a: expected a JSON pointer, as \"/user/plan\"\n" AT
		".match.json[\"/b~\"]: expected a JSON pointer, as \"/user/plan\"\n"
		"c.json:3: services[0].routes[0].match.json[\"/c~2\"]: expected a JSON pointer, as "
		"\"/user/plan\"\n"
		"c.json:3: services[0].routes[0].match.json[\"\"]: expected a JSON pointer, as "
		"\"/user/plan\"\n"
		"c.json:4: services[0].routes[0].match.json[\"/d\"]: expected one test, found 0\n"
		"c.json:4: services[0].routes[0].match.json[\"/e\"].range: expected FIRST-LAST, as "
		"\"10-99\", found \"2-1\"\n"
		"c.json:4: services[0].routes[0].match.json[\"/f\"]: expected a string or an object, "
		"found 5",
	},
	{
		.what = "limits of bodies out of range",
		.json = "{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}},\n"
			"'services': [{'name': 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp',"
			" 'pool': 'a',\n'json_body': {'max_bytes': 0, 'max_depth': 65, 'max_values':"
			" 'x', 'unreadable': 'drop'}}]}",
		.expected = "c.json:3: services[0].json_body.max_bytes: 0 is out of range "
			    "(1-1048576)\n"
			    "c.json:3: services[0].json_body.max_depth: 65 is out of range (1-64)\n"
			    "c.json:3: services[0].json_body.max_values: expected a whole number, "
			    "found \"x\"\n"
			    "c.json:3: services[0].json_body.unreadable: \"drop\" is not one of: "
			    "refuse, no_match",
	},
};

int main(void)
{
	return conf_rows_run("route_errors", rows, sizeof(rows) / sizeof(rows[0]));
}
