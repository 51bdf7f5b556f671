/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen to a request, and why, without sending one. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "../pairs.h"
#include "commands.h"
#include "explain.h"
#include "http/h1.h"
#include "l7/explain.h"
#include "tls/facts.h"

#define TEXT_MAX 8192
#define HEAD_MAX 16384

/* The request, as a client would write it, and where it goes. */
struct asking {
	char text[TEXT_MAX];
	size_t len;
	bool is_tls;
	bool has_to;
	struct ip_addr to;
	uint16_t port;
	struct ip_addr from;
	const char *url;
	struct tls_facts facts;
	char sni[256];
	char subject[512];
	char san[512];
	char body[4096];
	void *parser;
	char head[HEAD_MAX];
};

static int text_add(struct request *request, struct asking *asking, const char *text, size_t len)
{
	if (len >= sizeof(asking->text) - asking->len)
		return request_fail(request, E2BIG, "the request is too long");
	memcpy(asking->text + asking->len, text, len);
	asking->len += len;
	return 0;
}

static int text_put(struct request *request, struct asking *asking, const char *text)
{
	return text_add(request, asking, text, strlen(text));
}

/* "https://HOST[:PORT]/PATH" */
static int url_take(struct request *request, struct asking *asking, const char *url)
{
	const char *host, *path, *colon;
	int ret;

	asking->is_tls = strncmp(url, "https://", 8) == 0;
	if (!asking->is_tls && strncmp(url, "http://", 7) != 0)
		return request_fail(request, EINVAL,
			"a URL begins with http:// or https://, not \"%.40s\"", url);
	asking->url = url;
	host = strstr(url, "://") + 3;
	path = host + strcspn(host, "/?");
	asking->port = asking->is_tls ? 443 : 80;
	colon = memrchr(host, ':', (size_t)(path - host));
	if (colon != NULL && memchr(colon, ']', (size_t)(path - colon)) == NULL)
		asking->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	ret = text_put(request, asking, " ");
	if (ret == 0 && *path != '/')
		ret = text_put(request, asking, "/");
	if (ret == 0)
		ret = text_put(request, asking, path);
	if (ret == 0)
		ret = text_put(request, asking, " HTTP/1.1\r\nHost: ");
	if (ret == 0)
		ret = text_add(request, asking, host, (size_t)(path - host));
	return ret == 0 ? text_put(request, asking, "\r\n") : ret;
}

static bool is_option(const char *word)
{
	static const char *const options[] = { "-H", "from", "to", "--sni", "--subject", "--san",
		"--body" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(word, options[i]) == 0)
			return true;
	}
	return false;
}

/* All words up to the next option are one text. */
static int text_take(
	struct request *request, unsigned *at, const char *option, char *text, size_t size)
{
	size_t len = 0;

	while (*at + 1 < request->count && !is_option(request->words[*at + 1])) {
		const char *word = request->words[++*at];
		size_t more = strlen(word) + (len > 0);

		if (more >= size - len)
			return request_fail(request, E2BIG, "\"%s\" is too long", option);
		len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? " " : "", word);
	}
	if (len == 0)
		return request_fail(request, EINVAL, "a text is needed behind \"%s\"", option);
	return 0;
}

/* A good certificate of the client's, as far as it is said. */
static int fact_take(struct request *request, struct asking *asking, unsigned *at)
{
	const char *option = request->words[*at];

	if (!asking->is_tls && strcmp(option, "--body") != 0)
		return request_fail(request, EINVAL, "\"%s\" is for https:// alone", option);
	if (strcmp(option, "--sni") == 0)
		return text_take(request, at, option, asking->sni, sizeof(asking->sni));
	if (strcmp(option, "--body") == 0)
		return text_take(request, at, option, asking->body, sizeof(asking->body));
	asking->facts.peer = TLS_PEER_GOOD;
	if (strcmp(option, "--subject") == 0)
		return text_take(request, at, option, asking->subject, sizeof(asking->subject));
	return text_take(request, at, option, asking->san, sizeof(asking->san));
}

/* All words up to the next option are one field. */
static int field_take(struct request *request, struct asking *asking, unsigned *at)
{
	bool is_first = true;
	int ret = 0;

	while (ret == 0 && *at + 1 < request->count && !is_option(request->words[*at + 1])) {
		if (!is_first)
			ret = text_put(request, asking, " ");
		if (ret == 0)
			ret = text_put(request, asking, request->words[++*at]);
		is_first = false;
	}
	if (is_first)
		return request_fail(request, EINVAL, "a header field is needed behind -H");
	return ret == 0 ? text_put(request, asking, "\r\n") : ret;
}

static int option_take(struct request *request, struct asking *asking, unsigned *at)
{
	const char *option = request->words[*at];

	if (strcmp(option, "-H") == 0)
		return field_take(request, asking, at);
	if (!is_option(option) || *at + 1 == request->count)
		return request_fail(request, EINVAL, "\"%.40s\" is not understood", option);
	++*at;
	if (strcmp(option, "from") != 0 && strcmp(option, "to") != 0) {
		--*at;
		return fact_take(request, asking, at);
	}
	if (strcmp(option, "from") == 0 && ip_parse(request->words[*at], &asking->from) < 0)
		return request_fail(
			request, EINVAL, "\"%.60s\" is no address", request->words[*at]);
	if (strcmp(option, "to") != 0)
		return 0;
	asking->has_to = true;
	if (ip_endpoint_parse(request->words[*at], &asking->to, &asking->port) < 0)
		return request_fail(request, EINVAL,
			"an endpoint is ADDRESS:PORT or [ADDRESS]:PORT, not \"%.60s\"",
			request->words[*at]);
	return 0;
}

static int asking_take(struct request *request, struct asking *asking)
{
	int ret;

	if (request->count < 2)
		return request_fail(request, EINVAL, "a method and a URL are needed");
	ret = text_put(request, asking, request->words[0]);
	if (ret == 0)
		ret = url_take(request, asking, request->words[1]);
	for (unsigned i = 2; ret == 0 && i < request->count; i++)
		ret = option_take(request, asking, &i);
	if (ret == 0 && asking->body[0] != '\0') {
		char field[48];

		snprintf(field, sizeof(field), "Content-Length: %zu\r\n", strlen(asking->body));
		ret = text_put(request, asking, field);
	}
	return ret == 0 ? text_put(request, asking, "\r\n") : ret;
}

static bool fits(const struct service *service, const struct asking *asking)
{
	return service->mode == CONFIG_MODE_L7 && service->listener != NULL &&
		service->port == asking->port && service->config->is_tls == asking->is_tls &&
		(!asking->has_to || ip_equal(&service->address, &asking->to));
}

static const struct service *service_choose(
	const struct snapshot *snapshot, const struct asking *asking)
{
	for (unsigned i = 0; i < service_table_count(snapshot->services); i++) {
		const struct service *service = service_table_at(snapshot->services, i);

		if (fits(service, asking))
			return service;
	}
	return NULL;
}

bool explain_route_print(struct pairs *pairs, const struct route *route)
{
	const struct config_l7_route *config = route->config;

	if (config == NULL) {
		pair_text(pairs, "route", "-");
		pair_text(pairs, "why", "no route takes it: the service's default pool");
		return false;
	}
	if (config->name != NULL)
		pair_text(pairs, "route", config->name);
	else
		pair_format(pairs, "route", "routes[%u]", route->index);
	pair_number(pairs, "line", (uint64_t)config->line);
	return true;
}

static void route_print(struct pairs *pairs, const struct route *route)
{
	static const char *const kinds[] = {
		[CONFIG_PATH_PREFIX] = "prefix",
		[CONFIG_PATH_EXACT] = "exact",
		[CONFIG_PATH_TEMPLATE] = "template",
		[CONFIG_PATH_REGEX] = "regex",
	};
	const struct config_l7_route *config = route->config;

	if (!explain_route_print(pairs, route))
		return;
	pair_format(pairs, "why", "host %s, path %s%s%.100s, and all conditions",
		config->host != NULL ? config->host : "any",
		config->path != NULL ? kinds[config->path_kind] : "any",
		config->path != NULL ? " " : "", config->path != NULL ? config->path : "");
}

/* Who could get it: a choice by load or by turns is made when a request is there. */
static void pool_print(struct pairs *pairs, const char *key, const struct pool *pool)
{
	const struct member *only = NULL;

	for (unsigned i = 0; i < pool->count; i++) {
		if (member_is_usable(pool->members[i]))
			only = pool->members[i];
	}
	pair_text(pairs, key, pool->config->name);
	if (pool->usable == 0)
		pair_text(pairs, "member", "none is usable: 503");
	else if (pool->usable == 1)
		pair_text(pairs, "member", only->name);
	else
		pair_format(pairs, "member", "by %s, one of %u usable of %u",
			config_balance_name(pool->config->balance), pool->usable, pool->count);
}

void explain_target_print(
	struct pairs *pairs, const struct snapshot *snapshot, const struct route *route)
{
	struct pool **pools = snapshot->backends->pools;
	uint32_t sum = 0;

	if (route->pool != UINT_MAX) {
		pool_print(pairs, "pool", pools[route->pool]);
		return;
	}
	for (size_t i = 0; i < route->config->split_count; i++)
		sum += route_weight(route, i);
	for (size_t i = 0; i < route->config->split_count; i++) {
		const struct config_split *split = &route->config->splits[i];
		char key[32];

		snprintf(key, sizeof(key), "split_%zu", i + 1);
		pair_format(pairs, key, "%s, %u of %u", pools[split->pool]->config->name,
			route_weight(route, i), sum);
	}
}

/* "-Name" and "+Name: value" lines, each a pair. */
static void fields_print(struct pairs *pairs, char *fields)
{
	unsigned number = 0;

	for (char *line = strtok(fields, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char key[32];

		snprintf(key, sizeof(key), "field_%u", ++number);
		pair_text(pairs, key, line);
	}
}

static void explanation_print(
	struct pairs *pairs, const struct snapshot *snapshot, struct l7_explanation *explanation)
{
	if (explanation->route == &route_needs_body) {
		pair_text(pairs, "route", "-");
		pair_text(pairs, "verdict",
			explanation->is_unreadable ? "refused: the body cannot be read"
						   : "depends on the body");
		return;
	}
	if (explanation->route == NULL) {
		pair_text(pairs, "route", "-");
		if (explanation->status == 0)
			pair_text(pairs, "verdict", "answered 404: no route takes it");
		else
			pair_format(pairs, "verdict", "answered %u by %s", explanation->status,
				explanation->by);
		return;
	}
	route_print(pairs, explanation->route);
	if (explanation->delay_ms > 0)
		pair_number(pairs, "delay_ms", explanation->delay_ms);
	if (explanation->status == 0) {
		pair_text(pairs, "target", explanation->target);
		pair_text(pairs, "host", explanation->authority);
	}
	if (explanation->location[0] != '\0')
		pair_text(pairs, "location", explanation->location);
	fields_print(pairs, explanation->fields);
	if (explanation->status != 0) {
		pair_format(pairs, "verdict", "answered %u by %s", explanation->status,
			explanation->by);
		return;
	}
	explain_target_print(pairs, snapshot, explanation->route);
	pair_text(pairs, "verdict", "forwarded");
}

/* Without TLS none; the name that is asked for is the URL's host where nothing else is said. */
static const struct tls_facts *facts_of(struct asking *asking)
{
	struct tls_facts *facts = &asking->facts;
	const char *host = strstr(asking->url, "://") + 3;

	if (!asking->is_tls)
		return NULL;
	if (asking->sni[0] == '\0')
		snprintf(asking->sni, sizeof(asking->sni), "%.*s", (int)strcspn(host, ":/?"), host);
	facts->version = "TLSv1.3";
	facts->cipher = "TLS_AES_128_GCM_SHA256";
	facts->sni = asking->sni;
	facts->alpn = "";
	facts->peer_error = facts->peer_issuer = facts->peer_serial = "";
	facts->peer_fingerprint = facts->peer_not_after = "";
	facts->peer_subject = asking->subject;
	facts->peer_names = asking->san;
	return facts;
}

static int explain(struct request *request, const struct service *service, struct asking *asking)
{
	const struct snapshot *snapshot = request_snapshot(request);
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };
	const struct http_limits limits = {
		.target_bytes = TEXT_MAX, .header_bytes = HEAD_MAX, .header_fields = HTTP_FIELDS_MAX
	};
	struct h1_parser *parser = h1_parser_init(
		asking->parser, H1_REQUEST, &limits, asking->head, sizeof(asking->head));
	struct l7_explanation *explanation = calloc(1, sizeof(*explanation));
	struct l7_question question = { .now_us = request_now_us(request) };
	struct http_span body;
	char text[IP_ENDPOINT_MAX];
	size_t consumed;
	int ret = explanation == NULL ? -ENOMEM : 0;

	pair_text(&pairs, "service", service->identity->name);
	pair_text(&pairs, "listener", ip_endpoint_format(&service->address, service->port, text));
	if (h1_next(parser, asking->text, asking->len, &consumed, &body) != HTTP_EVENT_HEAD) {
		pair_format(&pairs, "verdict", "refused, %u: %s",
			http_refusal_status(h1_refusal(parser)),
			http_refusal_help(h1_refusal(parser)));
	} else if (ret == 0) {
		question.head = h1_head(parser);
		question.facts = facts_of(asking);
		question.body = (struct http_span){ .data = asking->body,
			.len = strlen(asking->body) };
		question.seed = question.now_us;
		question.tuple.src = asking->from;
		question.tuple.dst = service->address;
		question.tuple.dst_port_be = service->port_be;
		ret = l7_explain(service->listener, &question, explanation);
		if (ret == 0)
			explanation_print(&pairs, snapshot, explanation);
	}
	pairs_end(&pairs);
	free(explanation);
	h1_parser_finish(parser);
	return ret < 0 ? request_fail(request, ENOMEM, "no memory to explain it") : 0;
}

int command_explain(struct request *request)
{
	struct asking *asking;
	const struct service *service;
	int ret;

	if (request->count > 0 &&
		(strcmp(request->words[0], "tls") == 0 || strcmp(request->words[0], "tcp") == 0))
		return explain_connection(request);
	asking = calloc(1, sizeof(*asking));

	if (asking == NULL)
		return request_fail(request, ENOMEM, "no memory to explain it");
	asking->parser = aligned_alloc(64, (h1_parser_bytes() + 63) / 64 * 64);
	ip_parse("192.0.2.1", &asking->from);
	ret = asking->parser == NULL ? request_fail(request, ENOMEM, "no memory to explain it")
				     : asking_take(request, asking);
	service = ret == 0 ? service_choose(request_snapshot(request), asking) : NULL;
	if (ret == 0 && service == NULL)
		ret = request_fail(request, ENOENT,
			"no service of mode l7 listens for %s on port %u%s",
			asking->is_tls ? "https" : "http", asking->port,
			asking->has_to ? " of that address" : "");
	else if (ret == 0)
		ret = explain(request, service, asking);
	free(asking->parser);
	free(asking);
	return ret;
}
