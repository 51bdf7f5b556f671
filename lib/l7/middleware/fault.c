/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on purpose: a share of requests is late, or fails. */
#include "middleware.h"

static bool is_used(const struct config_actions *config)
{
	return config->has_fault;
}

static bool is_chosen(struct exchange *exchange, unsigned share)
{
	return share > 0 && rng_below(exchange->rng, CONFIG_SHARE_WHOLE) < share;
}

static enum middleware_verdict on_request(struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, struct middleware_answer *answer)
{
	const struct config_fault *fault = &actions->config->fault;

	(void)edit;
	if (is_chosen(exchange, fault->abort_share)) {
		*answer = (struct middleware_answer){ .status = fault->abort_status,
			.reason = MIDDLEWARE_FAULT };
		return MIDDLEWARE_ANSWER;
	}
	if (!is_chosen(exchange, fault->delay_share))
		return MIDDLEWARE_PASS;
	exchange->delay_ms = fault->delay_ms;
	return MIDDLEWARE_DELAY;
}

const struct middleware fault_middleware = {
	.name = "fault",
	.is_used = is_used,
	.on_request = on_request,
};
