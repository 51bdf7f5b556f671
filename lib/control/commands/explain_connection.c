/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen to a connection that is passed through. */
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../pairs.h"
#include "commands.h"
#include "l7/explain.h"
#include "tls/hello.h"

/* The connection, and where it goes. */
struct asking {
	enum config_mode mode;
	char name[TLS_NAME_MAX + 1];
	uint8_t alpn[TLS_HELLO_ALPN_MAX];
	size_t alpn_len;
	struct ip_addr from;
	bool has_to;
	struct ip_addr to;
	uint16_t port;
};

/* "NAME:PORT" of TLS; the name may be left out. */
static int name_take(struct request *request, struct asking *asking, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? strlen(text) : (size_t)(colon - text);
	unsigned long port = colon == NULL ? 443 : strtoul(colon + 1, NULL, 10);

	if (port == 0 || port > UINT16_MAX ||
		(len > 0 && tls_name_lower(asking->name, (const uint8_t *)text, len) == 0))
		return request_fail(request, EINVAL, "expected NAME:PORT, found \"%.60s\"", text);
	asking->name[len] = '\0';
	asking->port = (uint16_t)port;
	return 0;
}

static int endpoint_take(struct request *request, struct asking *asking, const char *text)
{
	asking->has_to = true;
	if (ip_endpoint_parse(text, &asking->to, &asking->port) < 0)
		return request_fail(request, EINVAL,
			"an endpoint is ADDRESS:PORT or [ADDRESS]:PORT, not \"%.60s\"", text);
	return 0;
}

static int alpn_take(struct request *request, struct asking *asking, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || asking->alpn_len + 1 + len > sizeof(asking->alpn))
		return request_fail(request, EINVAL, "a protocol's name is too long, or empty");
	asking->alpn[asking->alpn_len] = (uint8_t)len;
	memcpy(asking->alpn + asking->alpn_len + 1, text, len);
	asking->alpn_len += 1 + len;
	return 0;
}

static int option_take(
	struct request *request, struct asking *asking, const char *option, const char *value)
{
	if (strcmp(option, "to") == 0)
		return endpoint_take(request, asking, value);
	if (strcmp(option, "alpn") == 0 && asking->mode == CONFIG_MODE_TLS_PASSTHROUGH)
		return alpn_take(request, asking, value);
	if (strcmp(option, "from") != 0)
		return request_fail(request, EINVAL, "\"%.40s\" is not understood", option);
	if (ip_parse(value, &asking->from) < 0)
		return request_fail(request, EINVAL, "\"%.60s\" is no address", value);
	return 0;
}

static int asking_take(struct request *request, struct asking *asking)
{
	int ret;

	if (request->count < 2 || request->count % 2 != 0)
		return request_fail(request, EINVAL, "tls NAME:PORT or tcp ADDRESS:PORT is needed");
	ip_parse("192.0.2.1", &asking->from);
	asking->mode = strcmp(request->words[0], "tls") == 0 ? CONFIG_MODE_TLS_PASSTHROUGH
							     : CONFIG_MODE_TCP;
	ret = asking->mode == CONFIG_MODE_TCP ? endpoint_take(request, asking, request->words[1])
					      : name_take(request, asking, request->words[1]);
	for (unsigned i = 2; ret == 0 && i < request->count; i += 2)
		ret = option_take(request, asking, request->words[i], request->words[i + 1]);
	return ret;
}

static const struct service *service_choose(
	const struct snapshot *snapshot, const struct asking *asking)
{
	for (unsigned i = 0; i < service_table_count(snapshot->services); i++) {
		const struct service *service = service_table_at(snapshot->services, i);

		if (service->mode == asking->mode && service->listener != NULL &&
			service->port == asking->port &&
			(!asking->has_to || ip_equal(&service->address, &asking->to)))
			return service;
	}
	return NULL;
}

static void route_print(struct pairs *pairs, const struct route *route)
{
	const struct config_l7_route *config = route->config;

	if (!explain_route_print(pairs, route))
		return;
	pair_format(pairs, "why", "sni %s, and all conditions",
		config->host != NULL ? config->host : "any");
}

int explain_connection(struct request *request)
{
	const struct snapshot *snapshot = request_snapshot(request);
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };
	struct asking asking = { .alpn_len = 0 };
	struct l7_raw_question question = { .name = asking.name, .source = &asking.from };
	const struct service *service;
	const struct route *route;
	char text[IP_ENDPOINT_MAX];
	bool is_protocol;
	int ret = asking_take(request, &asking);

	if (ret < 0)
		return ret;
	service = service_choose(snapshot, &asking);
	if (service == NULL)
		return request_fail(request, ENOENT, "no service of mode %s listens on port %u%s",
			config_mode_name(asking.mode), asking.port,
			asking.has_to ? " of that address" : "");
	question.alpn = (struct http_span){ .data = (const char *)asking.alpn,
		.len = asking.alpn_len };
	question.random = (uint32_t)request_now_us(request);
	route = l7_explain_raw(service->listener, &question, &is_protocol);
	pair_text(&pairs, "service", service->identity->name);
	pair_text(&pairs, "listener", ip_endpoint_format(&service->address, service->port, text));
	if (route != NULL) {
		route_print(&pairs, route);
		explain_target_print(&pairs, snapshot, route);
		pair_text(&pairs, "verdict", "passed through");
	} else {
		pair_format(&pairs, "verdict", "refused: no route takes it%s",
			asking.mode == CONFIG_MODE_TCP ? ", and it is reset"
				: is_protocol          ? "; TLS alert no_application_protocol"
						       : "; TLS alert unrecognized_name");
	}
	pairs_end(&pairs);
	return 0;
}
