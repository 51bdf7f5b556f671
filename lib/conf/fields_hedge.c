/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that go to a second member when the first takes long. */
#include "policy.h"
#include "reader.h"

#define DELAY_MAX_MS   3600000
#define PERCENTILE_MIN 50
#define PERCENTILE_MAX 99

static void hedge_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_hedge *hedge = object;
	const struct node *percentile = node_get(node, "percentile");
	const struct node *min_delay = node_get(node, "min_delay_ms");

	if (percentile != NULL && hedge->percentile > 0 && hedge->percentile < PERCENTILE_MIN)
		problem_add(&reader->problems, percentile,
			"%u would send most requests twice (0, %d-%d)", hedge->percentile,
			PERCENTILE_MIN, PERCENTILE_MAX);
	if (min_delay != NULL && hedge->percentile == 0)
		problem_add_key(&reader->problems, min_delay, "needs \"percentile\"");
	else if (hedge->percentile > 0 && hedge->min_delay_ms > hedge->delay_ms)
		problem_add(&reader->problems, min_delay != NULL ? min_delay : node,
			"min_delay_ms (%u) is longer than delay_ms (%u)", hedge->min_delay_ms,
			hedge->delay_ms);
}

static const struct field hedge_fields[] = {
	{
		.name = "delay_ms",
		.help = "a further try starts when the last one has had no answer for so long; with "
			"`percentile`: as long as the worker has seen fewer than 100 answers of "
			"the pool",
		.type = FIELD_NUMBER,
		.is_required = true,
		.unit = "milliseconds",
		.offset = offsetof(struct config_hedge, delay_ms),
		.min = 1,
		.max = DELAY_MAX_MS,
	},
	{
		.name = "percentile",
		.help = "the delay is the time within which so many of a hundred requests were "
			"answered lately; 0: `delay_ms` always",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_hedge, percentile),
		.max = PERCENTILE_MAX,
	},
	{
		.name = "min_delay_ms",
		.help = "the least that `percentile` makes of it",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_hedge, min_delay_ms),
		.min = 1,
		.max = DELAY_MAX_MS,
		.value = 1,
	},
	{
		.name = "max",
		.help = "further tries for one request",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_hedge, max),
		.min = 1,
		.max = CONFIG_HEDGES_MAX,
		.value = 1,
	},
	{ .name = NULL },
};

const struct table hedge_table = {
	.name = "hedge",
	.help = "For requests that may be sent twice, and whose body, if any, is kept: another "
		"member is asked as well when there is no answer in time. The first usable answer "
		"goes to the client, and the other tries are cancelled.",
	.fields = hedge_fields,
	.check = hedge_check,
};
