/* SPDX-License-Identifier: Apache-2.0 */
/* What a route takes of requests: how many, how many at once, how large. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "middleware.h"

#define NS_PER_MS     1000000ull
#define NS_PER_SECOND 1000000000ull
#define NUMBER_MAX    24

static bool is_used(const struct config_actions *config)
{
	return config->has_limits;
}

/* An address without the bits that its network has behind the prefix. */
static struct ip_addr network_of(const struct ip_addr *addr, const struct config_rate_limit *config)
{
	unsigned bits = ip_is_v4(addr) ? 96 + config->prefix4 : config->prefix6;
	struct ip_addr network = *addr;

	for (unsigned i = 0; i < sizeof(network.bytes); i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		network.bytes[i] &= (uint8_t)(0xff00 >> bits);
		bits = 0;
	}
	return network;
}

/* Requests without the value that they are counted by share one bucket: leaving it out buys none.
 */
static uint64_t key_of(const struct limit_rate *rate, const struct exchange *exchange)
{
	const struct config_rate_limit *config = rate->config;
	struct http_span value = { .data = "", .len = 0 };
	const struct http_field *field;
	struct ip_addr network;

	switch (config->per) {
	case CONFIG_PER_ROUTE:
		break;
	case CONFIG_PER_CLIENT:
		network = network_of(&exchange->tuple->src, config);
		return bucket_key(rate->buckets, &network, sizeof(network));
	case CONFIG_PER_HEADER:
		field = http_find(exchange->head, config->name);
		if (field != NULL)
			value = field->value;
		break;
	case CONFIG_PER_COOKIE:
		exchange_cookie(exchange->head, config->name, &value);
		break;
	case CONFIG_PER_QUERY:
		exchange_parameter(exchange->head, config->name, &value);
		break;
	}
	return bucket_key(rate->buckets, value.data, value.len);
}

static void field_add(struct head_edit *edit, const char *name, uint64_t number)
{
	char text[NUMBER_MAX];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	struct http_span value = { .data = edit->room.data + edit->room.used, .len = (size_t)len };

	room_put(&edit->room, text, (size_t)len);
	head_edit_add(edit, name, value, false);
}

static uint64_t seconds(uint64_t ns)
{
	return (ns + NS_PER_SECOND - 1) / NS_PER_SECOND;
}

static enum middleware_verdict refuse_rate(const struct limit_rate *rate,
	const struct bucket_result *result, struct head_edit *edit,
	struct middleware_answer *answer)
{
	field_add(edit, "Retry-After", seconds(result->wait_ns));
	field_add(edit, "RateLimit-Limit", rate->config->burst);
	field_add(edit, "RateLimit-Remaining", 0);
	field_add(edit, "RateLimit-Reset", seconds(result->reset_ns));
	*answer = (struct middleware_answer){ .status = 429, .reason = MIDDLEWARE_RATE };
	return MIDDLEWARE_ANSWER;
}

static enum middleware_verdict rates_check(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, struct middleware_answer *answer)
{
	for (size_t i = 0; i < actions->rate_count; i++) {
		const struct limit_rate *rate = &actions->rates[i];
		struct bucket_result result = bucket_take(rate->buckets, key_of(rate, exchange),
			&rate->rate, exchange->now_us * 1000, exchange->is_dry);

		exchange->evicted += result.is_evicted;
		if (!result.is_taken)
			return refuse_rate(rate, &result, edit, answer);
	}
	return MIDDLEWARE_PASS;
}

static size_t head_bytes(const struct http_head *head)
{
	size_t bytes = head->method.len + head->target.len;

	for (unsigned i = 0; i < head->field_count; i++)
		bytes += head->fields[i].name.len + head->fields[i].value.len;
	return bytes;
}

static enum middleware_verdict sizes_check(const struct config_route_limits *limits,
	struct exchange *exchange, struct middleware_answer *answer)
{
	const struct http_head *head = exchange->head;

	if (limits->header_bytes > 0 && head_bytes(head) > limits->header_bytes) {
		*answer = (struct middleware_answer){ .status = 431, .reason = MIDDLEWARE_HEADER };
		return MIDDLEWARE_ANSWER;
	}
	if (limits->body_bytes == 0)
		return MIDDLEWARE_PASS;
	/* A body without a length is refused where it grows too long. */
	exchange->body_bytes = limits->body_bytes;
	if (head->body != HTTP_BODY_LENGTH || head->content_length <= limits->body_bytes)
		return MIDDLEWARE_PASS;
	*answer = (struct middleware_answer){ .status = 413, .reason = MIDDLEWARE_BODY };
	return MIDDLEWARE_ANSWER;
}

/* Over all workers, exactly: who finds the last place taken gives its own back. */
static bool slot_take(struct actions *actions, struct exchange *exchange)
{
	unsigned max = actions->config->limits.concurrent;

	if (exchange->is_dry)
		return __atomic_load_n(&actions->concurrent, __ATOMIC_RELAXED) < max;
	if (__atomic_fetch_add(&actions->concurrent, 1, __ATOMIC_RELAXED) >= max) {
		__atomic_fetch_sub(&actions->concurrent, 1, __ATOMIC_RELAXED);
		return false;
	}
	exchange->has_slot = true;
	return true;
}

void middleware_leave(struct actions *actions)
{
	__atomic_fetch_sub(&actions->concurrent, 1, __ATOMIC_RELAXED);
}

static enum middleware_verdict on_request(struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, struct middleware_answer *answer)
{
	const struct config_route_limits *limits = &actions->config->limits;
	enum middleware_verdict verdict = sizes_check(limits, exchange, answer);

	if (verdict == MIDDLEWARE_PASS)
		verdict = rates_check(actions, exchange, edit, answer);
	if (verdict != MIDDLEWARE_PASS || limits->concurrent == 0 || slot_take(actions, exchange))
		return verdict;
	field_add(edit, "Retry-After", 1);
	*answer = (struct middleware_answer){ .status = 503, .reason = MIDDLEWARE_CONCURRENT };
	return MIDDLEWARE_ANSWER;
}

int limit_rates_create(struct actions *actions)
{
	const struct config_route_limits *limits = &actions->config->limits;

	if (limits->rate_count == 0)
		return 0;
	actions->rates = calloc(limits->rate_count, sizeof(actions->rates[0]));
	if (actions->rates == NULL)
		return -1;
	actions->rate_count = limits->rate_count;
	for (size_t i = 0; i < limits->rate_count; i++) {
		const struct config_rate_limit *config = &limits->rates[i];
		struct limit_rate *rate = &actions->rates[i];
		uint64_t interval = config->period_ms * NS_PER_MS / config->requests;

		rate->config = config;
		rate->rate.interval_ns = interval > 0 ? interval : 1;
		rate->rate.depth_ns = rate->rate.interval_ns * config->burst;
		rate->buckets = bucket_table_create(
			config->per == CONFIG_PER_ROUTE ? 1 : config->keys);
		if (rate->buckets == NULL)
			return -1;
	}
	return 0;
}

void limit_rates_destroy(struct actions *actions)
{
	for (size_t i = 0; i < actions->rate_count; i++)
		bucket_table_destroy(actions->rates[i].buckets);
	free(actions->rates);
}

const struct middleware limit_middleware = {
	.name = "limits",
	.is_used = is_used,
	.on_request = on_request,
};
