/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between a ClientHello and its route: bounds that hold however the bytes come, and
 * names and protocols that find the same row each time.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "l7/explain.h"
#include "passthrough.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct l7_listener *listener_make(void)
{
	static const char *h2[] = { "h2" }, *others[] = { "http/1.1", "x" };
	static struct config_l7_route routes[4];
	static const struct config_service service = {
		.name = "fuzz",
		.mode = CONFIG_MODE_TLS_PASSTHROUGH,
		.pool = UINT_MAX,
		.routes = routes,
		.route_count = 4,
	};
	struct l7_listener *listener;
	struct err err;

	routes[0].host = "a.example";
	routes[1].host = "*.example";
	routes[1].alpns = h2;
	routes[1].alpn_count = 1;
	routes[2].host = "*.example";
	routes[2].alpns = others;
	routes[2].alpn_count = 2;
	routes[3].host = "www.*";
	listener = l7_listener_create(&service, NULL, 1, NULL, &err);
	if (listener == NULL)
		abort();
	return listener;
}

static void route_check(const struct tls_hello *hello)
{
	static struct l7_listener *listener;
	const struct ip_addr source = { .halves = { 0 } };
	const struct l7_raw_question question = {
		.name = hello->sni,
		.alpn = { .data = (const char *)hello->alpn, .len = hello->alpn_len },
		.source = &source,
	};
	const struct route *route;
	bool is_protocol;

	if (listener == NULL)
		listener = listener_make();
	route = l7_explain_raw(listener, &question, &is_protocol);
	if (route != NULL && is_protocol)
		abort();
	if (route != NULL && route->index == 1 && !tls_hello_offers(hello, "h2"))
		abort();
	if (route != NULL && route->index == 2 && !tls_hello_offers(hello, "x") &&
		!tls_hello_offers(hello, "http/1.1"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t bounds[] = { 512, 1024, 16384 };
	struct tls_hello hello;

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		/* Of its own size: reading behind it is seen. */
		uint8_t *copy = malloc(size == 0 ? 1 : size);
		enum tls_hello_result result;

		if (copy == NULL)
			abort();
		if (size > 0)
			memcpy(copy, data, size);
		result = passthrough_judge(copy, size, bounds[i], &hello);
		if (result == TLS_HELLO_MORE && size >= bounds[i])
			abort();
		if (result == TLS_HELLO_COMPLETE)
			route_check(&hello);
		else if (hello.sni_len > 0 || hello.alpn_len > 0)
			abort();
		free(copy);
	}
	return 0;
}
