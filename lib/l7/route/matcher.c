/* SPDX-License-Identifier: Apache-2.0 */
#include "matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "regex.h"
#include "tls/facts.h"

/* Where a condition finds the values that it tests. */
enum place { PLACE_HEADER, PLACE_QUERY, PLACE_COOKIE, PLACE_TLS, PLACE_JSON };

struct condition {
	const struct config_text_match *config;
	enum place place;
	size_t name_len;
	size_t text_len;
	unsigned field; /* PLACE_JSON: of the table's */
	struct regex *regex;
};

/* Conditions in each other. */
struct group {
	struct matcher **items;
	size_t count;
};

struct matcher {
	const struct config_conditions *config;
	struct json_fields *fields; /* while it is made */
	struct group any_of, all_of, none_of;
	uint32_t salt; /* shares of one request are chosen by different bits */
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

static struct http_span fact(const struct tls_facts *facts, const char *name)
{
	const struct {
		const char *name;
		const char *text;
	} rows[] = {
		{ "version", facts->version },
		{ "cipher", facts->cipher },
		{ "sni", facts->sni },
		{ "subject", facts->peer_subject },
		{ "issuer", facts->peer_issuer },
		{ "san", facts->peer_names },
		{ "serial", facts->peer_serial },
		{ "fingerprint", facts->peer_fingerprint },
	};
	struct http_span value = { .data = "", .len = 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		/* What a certificate says counts when somebody we trust says so too. */
		if (i >= 3 && facts->peer != TLS_PEER_GOOD)
			break;
		value = (struct http_span){ .data = rows[i].text, .len = strlen(rows[i].text) };
	}
	return value;
}

/* A certificate has several names: any may fit. */
static bool fact_fits(const struct condition *condition, const struct route_request *request)
{
	bool is_list = strcmp(condition->config->name, "san") == 0;
	struct http_span value;

	if (request->facts == NULL)
		return false;
	value = fact(request->facts, condition->config->name);
	while (value.len > 0) {
		const char *comma = is_list ? memchr(value.data, ',', value.len) : NULL;
		size_t len = comma != NULL ? (size_t)(comma - value.data) : value.len;
		struct http_span item = { .data = value.data, .len = len };

		if (value_holds(condition, item, request))
			return true;
		value.data += len + (comma != NULL);
		value.len -= len + (comma != NULL);
	}
	return false;
}

/* A number by its value: 10.5 is between 10 and 11, and beyond 10. */
static bool is_within(const struct config_text_match *config, const struct json_value *value)
{
	if (value->is_negative || value->whole < config->min)
		return false;
	return value->whole < config->max || (value->whole == config->max && !value->has_fraction);
}

static bool field_fits(const struct condition *condition, const struct route_request *request)
{
	enum config_text_test test = condition->config->test;
	struct json_value value;

	if (request->body != ROUTE_BODY_READ)
		return false;
	value = json_scan_value(request->json, condition->field);
	if (!value.is_there || test == CONFIG_TEXT_PRESENT || test == CONFIG_TEXT_ABSENT)
		return value.is_there;
	if (!value.is_scalar)
		return false;
	if (test == CONFIG_TEXT_RANGE && value.is_number)
		return is_within(condition->config, &value);
	return value_holds(condition, value.text, request);
}

static bool is_unknown(const struct condition *condition, const struct route_request *request)
{
	return condition->place == PLACE_JSON &&
		(request->body == ROUTE_BODY_UNREAD || request->body == ROUTE_BODY_UNREADABLE);
}

static enum holds condition_holds(
	const struct condition *condition, const struct route_request *request)
{
	static bool (*const places[])(const struct condition *, const struct route_request *) = {
		[PLACE_HEADER] = header_fits,
		[PLACE_QUERY] = query_fits,
		[PLACE_COOKIE] = cookie_fits,
		[PLACE_TLS] = fact_fits,
		[PLACE_JSON] = field_fits,
	};
	bool is_absent = condition->config->test == CONFIG_TEXT_ABSENT;

	if (is_unknown(condition, request))
		return HOLDS_UNKNOWN;
	return places[condition->place](condition, request) != is_absent ? HOLDS : HOLDS_NOT;
}

static bool is_method(const struct config_conditions *config, struct http_span method)
{
	for (size_t i = 0; i < config->method_count; i++) {
		if (http_span_is(method, config->methods[i]))
			return true;
	}
	return config->method_count == 0;
}

static bool is_source(const struct config_conditions *config, const struct ip_addr *source)
{
	for (size_t i = 0; i < config->source_count; i++) {
		if (ip_prefix_contains(&config->sources[i], source))
			return true;
	}
	return config->source_count == 0;
}

static bool is_agent(const struct config_conditions *config, const struct http_head *head)
{
	return config->agents == 0 || (config->agents & agent_class(head)) != 0;
}

/* A share's own bits of the request's: the finalizer of MurmurHash3. */
static bool is_share(const struct matcher *matcher, uint32_t random)
{
	uint32_t h = random ^ matcher->salt;

	if (matcher->config->share == 0 || matcher->config->share == CONFIG_SHARE_WHOLE)
		return true;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	h ^= h >> 16;
	return ((uint64_t)h * CONFIG_SHARE_WHOLE) >> 32 < matcher->config->share;
}

static enum holds least(enum holds a, enum holds b)
{
	return a < b ? a : b;
}

/* Passed through: head->protocol is the ClientHello's list, as on the wire. */
static bool is_alpn(const struct config_conditions *config, const struct route_request *request)
{
	struct http_span list = request->head->protocol;

	for (size_t i = 0; i < config->alpn_count; i++) {
		size_t wanted = strlen(config->alpns[i]);
		size_t len;

		for (size_t at = 0; at < list.len; at += 1 + len) {
			len = (uint8_t)list.data[at];
			if (len == wanted && len < list.len - at &&
				memcmp(list.data + at + 1, config->alpns[i], len) == 0)
				return true;
		}
	}
	return config->alpn_count == 0 || request->is_any_alpn;
}

static enum holds groups_hold(const struct matcher *matcher, const struct route_request *request)
{
	enum holds any = matcher->any_of.count == 0 ? HOLDS : HOLDS_NOT;
	enum holds all = HOLDS;

	for (size_t i = 0; i < matcher->all_of.count && all != HOLDS_NOT; i++)
		all = least(all, matcher_holds(matcher->all_of.items[i], request));
	for (size_t i = 0; i < matcher->none_of.count && all != HOLDS_NOT; i++)
		all = least(all, HOLDS - matcher_holds(matcher->none_of.items[i], request));
	if (all == HOLDS_NOT)
		return HOLDS_NOT;
	for (size_t i = 0; i < matcher->any_of.count && any != HOLDS; i++) {
		enum holds one = matcher_holds(matcher->any_of.items[i], request);

		any = one > any ? one : any;
	}
	return least(all, any);
}

enum holds matcher_holds(const struct matcher *matcher, const struct route_request *request)
{
	const struct config_conditions *config = matcher->config;
	enum holds holds = HOLDS;

	if (!is_method(config, request->head->method) || !is_source(config, request->source) ||
		!is_agent(config, request->head) || !is_alpn(config, request))
		return HOLDS_NOT;
	if (config->has_grpc && !grpc_fits(config, request->head))
		return HOLDS_NOT;
	for (size_t i = 0; i < matcher->count && holds != HOLDS_NOT; i++)
		holds = least(holds, condition_holds(&matcher->conditions[i], request));
	if (holds != HOLDS_NOT)
		holds = least(holds, groups_hold(matcher, request));
	return holds != HOLDS_NOT && is_share(matcher, request->random) ? holds : HOLDS_NOT;
}

static int field_add(struct matcher *matcher, struct condition *condition, struct err *err)
{
	enum config_text_test test = condition->config->test;
	int field = json_fields_add(matcher->fields, condition->config->name,
		test != CONFIG_TEXT_PRESENT && test != CONFIG_TEXT_ABSENT);

	if (field < 0)
		return err_set(err, -field, "field \"%s\" of a body cannot be looked for",
			condition->config->name);
	condition->field = (unsigned)field;
	return 0;
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
		if (place == PLACE_JSON && field_add(matcher, condition, err) < 0)
			return -EINVAL;
		if (config->test != CONFIG_TEXT_REGEX)
			continue;
		condition->regex = regex_create(config->text, err);
		if (condition->regex == NULL)
			return -EINVAL;
	}
	return 0;
}

static bool is_empty(const struct config_conditions *config)
{
	return config->headers.count + config->query.count + config->cookies.count +
			config->tls.count + config->json.count + config->method_count +
			config->source_count + config->alpn_count + config->any_of_count +
			config->all_of_count + config->none_of_count ==
		0 &&
		config->agents == 0 && !config->has_grpc &&
		(config->share == 0 || config->share == CONFIG_SHARE_WHOLE);
}

static int group_create(struct group *group, const struct config_conditions *configs, size_t count,
	struct json_fields *fields, struct err *err)
{
	if (count == 0)
		return 0;
	group->items = calloc(count, sizeof(struct matcher *));
	if (group->items == NULL)
		return err_set(err, ENOMEM, "no memory for the routing table");
	for (size_t i = 0; i < count; i++) {
		group->items[i] = matcher_create(&configs[i], fields, err);
		if (group->items[i] == NULL)
			return -EINVAL;
		group->count++;
	}
	return 0;
}

static void group_destroy(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		matcher_destroy(group->items[i]);
	free(group->items);
}

static int matcher_fill(struct matcher *matcher, struct err *err)
{
	const struct config_conditions *config = matcher->config;
	struct json_fields *fields = matcher->fields;

	if (conditions_add(matcher, &config->headers, PLACE_HEADER, err) < 0 ||
		conditions_add(matcher, &config->query, PLACE_QUERY, err) < 0 ||
		conditions_add(matcher, &config->cookies, PLACE_COOKIE, err) < 0 ||
		conditions_add(matcher, &config->tls, PLACE_TLS, err) < 0 ||
		conditions_add(matcher, &config->json, PLACE_JSON, err) < 0)
		return -EINVAL;
	if (group_create(&matcher->any_of, config->any_of, config->any_of_count, fields, err) < 0 ||
		group_create(&matcher->all_of, config->all_of, config->all_of_count, fields, err) <
			0)
		return -EINVAL;
	return group_create(&matcher->none_of, config->none_of, config->none_of_count, fields, err);
}

/* Conditions stand in each other as deep as the configuration allows. */
struct matcher *matcher_create(
	const struct config_conditions *config, struct json_fields *fields, struct err *err)
{
	size_t count = config->headers.count + config->query.count + config->cookies.count +
		config->tls.count + config->json.count;
	struct matcher *matcher;

	if (is_empty(config))
		return NULL;
	matcher = calloc(1, sizeof(*matcher) + count * sizeof(matcher->conditions[0]));
	if (matcher == NULL) {
		err_set(err, ENOMEM, "no memory for the routing table");
		return NULL;
	}
	matcher->config = config;
	matcher->fields = fields;
	matcher->salt = (uint32_t)config->line * 0x9e3779b9u;
	if (matcher_fill(matcher, err) == 0)
		return matcher;
	matcher_destroy(matcher);
	return NULL;
}

void matcher_destroy(struct matcher *matcher)
{
	if (matcher == NULL)
		return;
	group_destroy(&matcher->any_of);
	group_destroy(&matcher->all_of);
	group_destroy(&matcher->none_of);
	for (size_t i = 0; i < matcher->count; i++)
		regex_destroy(matcher->conditions[i].regex);
	free(matcher);
}
