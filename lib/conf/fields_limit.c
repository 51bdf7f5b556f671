/* SPDX-License-Identifier: Apache-2.0 */
/* What routes take: rates, requests at once, sizes; and faults on purpose. */
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "match.h"
#include "reader.h"
#include "text.h"

#define SHARE_DIGITS 3 /* behind the point */

/* "2.5%" as parts of CONFIG_SHARE_WHOLE; false for what is none. */
static bool share_parse(const char *text, unsigned *share)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	size_t digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
	unsigned long value = strtoul(text, NULL, 10);

	if (whole == 0 || whole > 3 || digits > SHARE_DIGITS || (*rest == '.' && digits == 0))
		return false;
	if (*rest == '.')
		rest++;
	for (size_t i = 0; i < SHARE_DIGITS; i++)
		value = value * 10 + (i < digits ? (unsigned long)(rest[i] - '0') : 0);
	*share = (unsigned)value;
	return strcmp(rest + digits, "%") == 0 && value <= CONFIG_SHARE_WHOLE;
}

static void share_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	char value[NODE_VALUE_MAX];
	unsigned share;

	if (share_parse(text, &share))
		*(unsigned *)target = share;
	else
		problem_add(&reader->problems, node,
			"expected a share of 0%% to 100%%, as \"2.5%%\", found %s",
			node_value_format(node, value));
}

const struct text_kind text_share_kind = {
	.what = "SHARE%",
	.pattern = "^[0-9]{1,3}(\\.[0-9]{1,3})?%$",
	.read = share_read,
};

static const struct choice per_choices[] = {
	{ .name = "route", .value = CONFIG_PER_ROUTE, .help = "all of the route's requests" },
	{ .name = "client",
		.value = CONFIG_PER_CLIENT,
		.help = "those of one address, or of one network" },
	{ .name = "header",
		.value = CONFIG_PER_HEADER,
		.help = "those with one value of a header field, as an API key" },
	{ .name = "cookie",
		.value = CONFIG_PER_COOKIE,
		.help = "those with one value of a cookie" },
	{ .name = "query",
		.value = CONFIG_PER_QUERY,
		.help = "those with one value of a parameter of the query" },
	{ .name = NULL },
};

static const struct field rate_fields[] = {
	{
		.name = "per",
		.help = "what has a bucket of its own",
		.type = FIELD_CHOICE,
		.choices = per_choices,
		.offset = offsetof(struct config_rate_limit, per),
		.value = CONFIG_PER_ROUTE,
	},
	{
		.name = "name",
		.help = "name of the header field, cookie or parameter; requests without it share a "
			"bucket",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_rate_limit, name),
	},
	{
		.name = "prefix4",
		.help = "for `client`: bits of an IPv4 address that count",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_rate_limit, prefix4),
		.min = 8,
		.max = 32,
		.value = 32,
	},
	{
		.name = "prefix6",
		.help = "for `client`: bits of an IPv6 address that count",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_rate_limit, prefix6),
		.min = 16,
		.max = 128,
		.value = 64,
	},
	{
		.name = "requests",
		.help = "how many in a period",
		.type = FIELD_NUMBER,
		.is_required = true,
		.offset = offsetof(struct config_rate_limit, requests),
		.min = 1,
		.max = 100000000,
	},
	{
		.name = "period_ms",
		.help = "the period",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_rate_limit, period_ms),
		.min = 100,
		.max = 86400000,
		.value = 1000,
	},
	{
		.name = "burst",
		.help = "how many at once, after a pause; 0: as many as in a period",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_rate_limit, burst),
		.max = 1000000,
		.value = 0,
	},
	{
		.name = "keys",
		.help = "buckets, of 16 bytes each: of more that are busy at once, those that are "
			"full again first are forgotten",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_rate_limit, keys),
		.min = 16,
		.max = 4194304,
		.value = 16384,
	},
	{ .name = NULL },
};

static void rate_check(struct reader *reader, const struct node *node, void *object)
{
	struct config_rate_limit *rate = object;
	const struct node *name = node_get(node, "name");
	bool needs_name = rate->per == CONFIG_PER_HEADER || rate->per == CONFIG_PER_COOKIE ||
		rate->per == CONFIG_PER_QUERY;

	if (rate->burst == 0)
		rate->burst = rate->requests;
	if (needs_name && name == NULL)
		problem_add_missing(&reader->problems, node, "name", "is required and missing");
	if (!needs_name && name != NULL)
		problem_add_key(&reader->problems, name, "is for header, cookie and query alone");
	if (rate->per == CONFIG_PER_HEADER && rate->name != NULL && !match_is_token(rate->name))
		problem_add(&reader->problems, name, "is no name of a header field");
	/* Every bucket has to fit in 64 bits of nanoseconds, with time to spare. */
	if ((uint64_t)rate->period_ms * rate->burst / (rate->requests > 0 ? rate->requests : 1) >
		UINT64_C(31536000000))
		problem_add(&reader->problems, node,
			"a bucket of that burst takes more than a year to fill");
}

static const struct table rate_table = {
	.name = "rate_limit",
	.help = "A token bucket, or one for each client or value, over all workers. Beyond it a "
		"request is answered 429 with Retry-After and RateLimit fields.",
	.fields = rate_fields,
	.size = sizeof(struct config_rate_limit),
	.line_offset = offsetof(struct config_rate_limit, line),
	.check = rate_check,
};

static const struct field limits_fields[] = {
	{
		.name = "rates",
		.help = "rates of requests: all must have a token",
		.type = FIELD_OBJECTS,
		.table = &rate_table,
		.offset = offsetof(struct config_route_limits, rates),
		.count_offset = offsetof(struct config_route_limits, rate_count),
		.min = 1,
		.max = 8,
		.text = "none",
	},
	{
		.name = "concurrent",
		.help = "requests at once, over all workers; one more is answered 503; 0: any number",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_route_limits, concurrent),
		.max = 10000000,
	},
	{
		.name = "max_header_bytes",
		.help = "method, target and header fields together; more is answered 431; 0: what "
			"the service takes",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_route_limits, header_bytes),
		.max = 65536,
	},
	{
		.name = "max_body_bytes",
		.help = "of a request; more is answered 413; 0: what the service takes",
		.type = FIELD_NUMBER64,
		.unit = "bytes",
		.offset = offsetof(struct config_route_limits, body_bytes),
		.max = INT64_MAX,
	},
	{ .name = NULL },
};

static void limits_check(struct reader *reader, const struct node *node, void *object)
{
	(void)object;
	if (node->count == 0)
		problem_add(&reader->problems, node,
			"expected any of: rates, concurrent, max_header_bytes, max_body_bytes");
}

const struct table route_limits_table = {
	.name = "route_limits",
	.help = "What the route takes; counted anew after a reload.",
	.fields = limits_fields,
	.check = limits_check,
};

static const struct field fault_fields[] = {
	{
		.name = "delay_ms",
		.help = "how long delayed requests wait before they go on",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_fault, delay_ms),
		.min = 1,
		.max = 600000,
		.value = 1000,
	},
	{
		.name = "delay_share",
		.help = "share of requests that are delayed",
		.type = FIELD_TEXT,
		.kind = &text_share_kind,
		.offset = offsetof(struct config_fault, delay_share),
		.text = "0%",
	},
	{
		.name = "abort_status",
		.help = "what aborted requests are answered",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_fault, abort_status),
		.min = 400,
		.max = 599,
		.value = 503,
	},
	{
		.name = "abort_share",
		.help = "share of requests that are aborted",
		.type = FIELD_TEXT,
		.kind = &text_share_kind,
		.offset = offsetof(struct config_fault, abort_share),
		.text = "0%",
	},
	{ .name = NULL },
};

static void fault_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_fault *fault = object;

	if (node_get(node, "delay_share") == NULL && node_get(node, "abort_share") == NULL)
		problem_add(
			&reader->problems, node, "expected a delay_share, an abort_share, or both");
	if (node_get(node, "delay_ms") != NULL && fault->delay_share == 0)
		problem_add_key(&reader->problems, node_get(node, "delay_ms"),
			"has no effect without a delay_share");
	if (node_get(node, "abort_status") != NULL && fault->abort_share == 0)
		problem_add_key(&reader->problems, node_get(node, "abort_status"),
			"has no effect without an abort_share");
}

const struct table fault_table = {
	.name = "fault",
	.help = "Faults on purpose, to see what others make of them.",
	.fields = fault_fields,
	.check = fault_check,
};
