/* SPDX-License-Identifier: Apache-2.0 */
/* What is valid and a trap: expressions that some request makes backtrack without end. */
#include "conf_support.h"

#include <stdio.h>
#include <string.h>

#define ROUTES(text)                                                                               \
	"{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': [{'name':" \
	" 's', 'mode': 'l7', 'listen': '192.0.2.100:80/tcp', 'routes': [\n" text "]}]}"

#define WORDS                                                                                      \
	": a text of 64 characters keeps the expression busy beyond its limit of 20000 steps; "    \
	"requests that do so are refused"

struct row {
	const char *regex;
	bool is_bad;
};

static const struct row rows[] = {
	/* a repetition in a repetition */
	{ "^(a+)+$", true },
	{ "^/api/(a+)+$", true },
	{ "^(?:[a-z]*)*1$", true },
	{ "^/(.*)*/x$", true },
	{ "^(x+x+)+y", true },
	{ "^(?<n>[a-z]+.)+[0-9]$", true },
	{ "^/files/([^/]+/?)+[.]php$", true },
	/* branches that overlap */
	{ "^(a|aa)+$", true },
	{ "^(?:a|b|ab)*c", true },
	/* several in a row */
	{ "[0-9]+[0-9]+[0-9]+[0-9]+$", true },
	{ "(.*)(.*)(.*)(.*)x", true },
	/* what people write */
	{ "^/img/.*[.]png$", false },
	{ "^/users/[0-9]+$", false },
	{ "^/([a-z]+)/(.*)$", false },
	{ "^/v[12]/(?:users|orders)/[a-z0-9-]+(?:/.*)?$", false },
	{ "^(?:[a-z0-9-]+[.])+example[.]com$", false },
	{ "^[a-z.+-]+@[a-z-]+[.][a-z.]+$", false },
	{ "(?i)chrome/[0-9]+", false },
	{ "^/((?:[a-z]+/)*)index[.]html$", false },
	{ "^([0-9]{1,3}[.]){3}[0-9]{1,3}$", false },
	{ "Mobile|Android", false },
	{ "^/a{2,}$", false },
	{ "[]a]+[^]a]x", false },
	{ "(((((((((((((((((((((a+)))))))))))))))))))))", false },
	{ "{", false },
};

static void each_expression(void **state)
{
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			ROUTES("{'pool': 'a', 'match': {'path': {'regex': '%s'}}}"), rows[i].regex);
		config = conf_load(text);
		if (config->warnings.count != rows[i].is_bad)
			fail_msg("%s: %zu warnings", rows[i].regex, config->warnings.count);
		config_destroy(config);
	}
}

/* Each where it stands, by line; the routes behind them are read all the same. */
static void each_place(void **state)
{
	static const char *const expected[] = {
		"c.json:2: services[0].routes[0].match.path.regex" WORDS,
		"c.json:3: services[0].routes[1].match.any_of[0].header.a.regex" WORDS,
		"c.json:4: services[0].routes[2].rewrite.regex.match" WORDS,
		"c.json:5: services[0].routes[3].redirect.regex.match" WORDS,
	};
	struct config *config = conf_load(ROUTES(
		"{'pool': 'a', 'match': {'path': {'regex': '(a*)*b'}}},\n"
		"{'pool': 'a', 'match': {'any_of': [{'header': {'a': {'regex': '(a*)*b'}}}]}},\n"
		"{'pool': 'a', 'match': {'host': 'b'}, 'rewrite': {'regex': {'match': '(a*)*b',"
		" 'to': 'c'}}},\n"
		"{'match': {'host': 'c'}, 'redirect': {'regex': {'match': '(a*)*b',"
		" 'to': 'c'}}}"));

	(void)state;
	assert_int_equal(config->warnings.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(config->warnings.lines[i], expected[i]);
	assert_int_equal(config->services[0].route_count, 4);
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_expression),
		cmocka_unit_test(each_place),
	};

	return cmocka_run_group_tests(tests, conf_folder_enter, conf_folder_leave);
}
