/* SPDX-License-Identifier: Apache-2.0 */
#include "matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "regex.h"

/* Where a condition finds the values that it tests. */
enum place { PLACE_HEADER, PLACE_QUERY, PLACE_COOKIE };

struct condition {
	const struct config_text_match *config;
	enum place place;
	size_t name_len;
	size_t text_len;
	struct regex *regex;
};

struct matcher {
	const struct config_l7_route *config;
	size_t count;
	struct condition conditions[];
};

/* One test for each kind of condition: of a value that is there. */
typedef bool value_test(const struct condition *condition, struct http_span value,
	const struct route_request *request);

static bool any_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	(void)condition;
	(void)value;
	(void)request;
	return true;
}

static bool exact_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	(void)request;
	return value.len == condition->text_len &&
		memcmp(value.data, condition->config->text, value.len) == 0;
}

static bool prefix_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	(void)request;
	return value.len >= condition->text_len &&
		memcmp(value.data, condition->config->text, condition->text_len) == 0;
}

static bool suffix_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	(void)request;
	return value.len >= condition->text_len &&
		memcmp(value.data + value.len - condition->text_len, condition->config->text,
			condition->text_len) == 0;
}

static bool contained_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	(void)request;
	return memmem(value.data, value.len, condition->config->text, condition->text_len) != NULL;
}

static bool regex_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	return regex_fits(condition->regex, value, request->scratch);
}

/* Decimal digits alone; up to 19 of them fit. */
static bool range_value(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	uint64_t number = 0;

	(void)request;
	if (value.len == 0 || value.len > 19)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(value.data[i] - '0');
	}
	return number >= condition->config->min && number <= condition->config->max;
}

static value_test *const value_tests[] = {
	[CONFIG_TEXT_PRESENT] = any_value,
	[CONFIG_TEXT_ABSENT] = any_value,
	[CONFIG_TEXT_EXACT] = exact_value,
	[CONFIG_TEXT_PREFIX] = prefix_value,
	[CONFIG_TEXT_SUFFIX] = suffix_value,
	[CONFIG_TEXT_CONTAINS] = contained_value,
	[CONFIG_TEXT_REGEX] = regex_value,
	[CONFIG_TEXT_RANGE] = range_value,
};

static bool value_holds(const struct condition *condition, struct http_span value,
	const struct route_request *request)
{
	return value_tests[condition->config->test](condition, value, request);
}

static bool is_name(const struct condition *condition, struct http_span name)
{
	return name.len == condition->name_len &&
		memcmp(name.data, condition->config->name, name.len) == 0;
}

static bool header_fits(const struct condition *condition, const struct route_request *request)
{
	const struct http_head *head = request->head;

	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_span_is_nocase(head->fields[i].name, condition->config->name) &&
			value_holds(condition, head->fields[i].value, request))
			return true;
	}
	return false;
}

/* "name=value" or "name": one of several in a list. */
static bool pair_fits(const struct condition *condition, struct http_span pair,
	const struct route_request *request)
{
	const char *equals = memchr(pair.data, '=', pair.len);
	struct http_span name = pair;
	struct http_span value = { .data = "", .len = 0 };

	if (equals != NULL) {
		name.len = (size_t)(equals - pair.data);
		value.data = equals + 1;
		value.len = pair.len - name.len - 1;
	}
	return is_name(condition, name) && value_holds(condition, value, request);
}

static bool list_fits(const struct condition *condition, struct http_span list, char separator,
	const struct route_request *request)
{
	while (list.len > 0) {
		const char *end = memchr(list.data, separator, list.len);
		struct http_span pair = list;

		if (end != NULL)
			pair.len = (size_t)(end - list.data);
		list.data += pair.len;
		list.len -= pair.len;
		if (end != NULL) {
			list.data++;
			list.len--;
		}
		/* Cookies are separated by "; " (RFC 6265 4.2.1). */
		while (pair.len > 0 && *pair.data == ' ') {
			pair.data++;
			pair.len--;
		}
		if (pair_fits(condition, pair, request))
			return true;
	}
	return false;
}

static bool query_fits(const struct condition *condition, const struct route_request *request)
{
	struct http_span target = request->head->target;
	const char *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
	struct http_span query = { .data = "", .len = 0 };

	if (mark != NULL) {
		query.data = mark + 1;
		query.len = target.len - (size_t)(query.data - target.data);
	}
	return list_fits(condition, query, '&', request);
}

static bool cookie_fits(const struct condition *condition, const struct route_request *request)
{
	const struct http_head *head = request->head;

	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_span_is_nocase(head->fields[i].name, "cookie") &&
			list_fits(condition, head->fields[i].value, ';', request))
			return true;
	}
	return false;
}

static bool condition_holds(const struct condition *condition, const struct route_request *request)
{
	static bool (*const places[])(const struct condition *, const struct route_request *) = {
		[PLACE_HEADER] = header_fits,
		[PLACE_QUERY] = query_fits,
		[PLACE_COOKIE] = cookie_fits,
	};
	bool fits = places[condition->place](condition, request);

	return condition->config->test == CONFIG_TEXT_ABSENT ? !fits : fits;
}

static bool is_method(const struct config_l7_route *route, struct http_span method)
{
	for (size_t i = 0; i < route->method_count; i++) {
		if (http_span_is(method, route->methods[i]))
			return true;
	}
	return route->method_count == 0;
}

static bool is_source(const struct config_l7_route *route, const struct ip_addr *source)
{
	for (size_t i = 0; i < route->source_count; i++) {
		if (ip_prefix_contains(&route->sources[i], source))
			return true;
	}
	return route->source_count == 0;
}

bool matcher_holds(const struct matcher *matcher, const struct route_request *request)
{
	if (!is_method(matcher->config, request->head->method) ||
		!is_source(matcher->config, request->source))
		return false;
	for (size_t i = 0; i < matcher->count; i++) {
		if (!condition_holds(&matcher->conditions[i], request))
			return false;
	}
	return true;
}

static int conditions_add(struct matcher *matcher, const struct config_text_matches *configs,
	enum place place, struct err *err)
{
	for (size_t i = 0; i < configs->count; i++) {
		const struct config_text_match *config = &configs->items[i];
		struct condition *condition = &matcher->conditions[matcher->count++];

		*condition = (struct condition){
			.config = config,
			.place = place,
			.name_len = strlen(config->name),
			.text_len = config->text != NULL ? strlen(config->text) : 0,
		};
		if (config->test != CONFIG_TEXT_REGEX)
			continue;
		condition->regex = regex_create(config->text, err);
		if (condition->regex == NULL)
			return -EINVAL;
	}
	return 0;
}

struct matcher *matcher_create(const struct config_l7_route *route, struct err *err)
{
	size_t count = route->headers.count + route->query.count + route->cookies.count;
	struct matcher *matcher;

	if (count + route->method_count + route->source_count == 0)
		return NULL;
	matcher = calloc(1, sizeof(*matcher) + count * sizeof(matcher->conditions[0]));
	if (matcher == NULL) {
		err_set(err, ENOMEM, "no memory for the routing table");
		return NULL;
	}
	matcher->config = route;
	if (conditions_add(matcher, &route->headers, PLACE_HEADER, err) < 0 ||
		conditions_add(matcher, &route->query, PLACE_QUERY, err) < 0 ||
		conditions_add(matcher, &route->cookies, PLACE_COOKIE, err) < 0) {
		matcher_destroy(matcher);
		return NULL;
	}
	return matcher;
}

void matcher_destroy(struct matcher *matcher)
{
	if (matcher == NULL)
		return;
	for (size_t i = 0; i < matcher->count; i++)
		regex_destroy(matcher->conditions[i].regex);
	free(matcher);
}
