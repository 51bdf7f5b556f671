/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/*
 * SYN cookies (RFC 4987 3.6). Our ISN is 29 bits of a keyed hash over the tuple, the peer's ISN,
 * a clock and the MSS class, then three bits that name that class. The other options ride in the
 * low bits of our timestamp and come back as its echo; without timestamps there are none.
 */
#define COOKIE_CLOCK_US (64 * CLOCK_US_PER_S)
#define COOKIE_USE      0x636f6f6bull /* keeps this use of the PRF apart from others */
#define MSS_CLASS_BITS  3
#define TS_BITS         6
#define TS_MASK         ((1u << TS_BITS) - 1)
#define TS_WSCALE_MASK  0xfu
#define TS_NO_WSCALE    0xfu
#define TS_SACK_OK      0x10u
#define TS_ECN          0x20u

static const uint16_t mss_classes[1 << MSS_CLASS_BITS] = {
	216,
	536,
	1024,
	1220,
	1360,
	1400,
	1440,
	1460,
};

static uint32_t cookie_make(const struct tcp_stack *stack, const struct conn_tuple *tuple,
	uint32_t irs, uint32_t mss_class, uint64_t clock)
{
	uint64_t hash = stack_prf(stack, tuple, COOKIE_USE << 32 | irs, clock << 8 | mss_class);

	return (uint32_t)hash << MSS_CLASS_BITS | mss_class;
}

static uint32_t mss_class_of(const struct options *options)
{
	uint32_t mss = options->present & OPTION_MSS ? options->mss : 536;
	uint32_t class = 0;

	while (class + 1 < RTE_DIM(mss_classes) && mss_classes[class + 1] <= mss)
		class ++;
	return class;
}

/* The clock's value, options in its low bits, never ahead of the clock. */
static uint32_t tsval_make(const struct tcp_stack *stack, const struct conn_tuple *tuple,
	const struct options *options, bool has_ecn)
{
	uint32_t now = stack_now_ms(stack) + stack_ts_offset(stack, tuple);
	uint32_t bits = options->present & OPTION_WSCALE ? options->wscale : TS_NO_WSCALE;
	uint32_t tsval;

	if (options->present & OPTION_SACK_OK)
		bits |= TS_SACK_OK;
	if (has_ecn)
		bits |= TS_ECN;
	tsval = (now & ~TS_MASK) | bits;
	return seq_gt(tsval, now) ? tsval - (TS_MASK + 1) : tsval;
}

void cookie_send(struct tcp_stack *stack, const struct segment *seg, const struct conn_tuple *tuple)
{
	const struct options *options = &seg->options;
	struct syn_answer answer = {
		.tuple = tuple,
		.iss = cookie_make(stack, tuple, seg->seq, mss_class_of(options),
			stack->now_us / COOKIE_CLOCK_US),
		.irs = seg->seq,
		.present = options->present & OPTION_MSS,
	};

	if (options->present & OPTION_TS) {
		bool has_ecn = is_ecn_setup(stack, seg);

		answer.present = options->present;
		if (has_ecn)
			answer.present |= OPTION_ECN;
		answer.tsval = tsval_make(stack, tuple, options, has_ecn);
		answer.tsecr = options->tsval;
	}
	stack->cookies_sent_us = stack->now_us;
	stack->counters.cookies_sent++;
	syn_answer_send(stack, &answer);
}

bool cookie_check(const struct tcp_stack *stack, const struct segment *seg,
	const struct conn_tuple *tuple, struct conn_start *start)
{
	uint32_t iss = seg->ack - 1;
	uint32_t irs = seg->seq - 1;
	uint32_t mss_class = iss & ((1u << MSS_CLASS_BITS) - 1);
	uint64_t clock = stack->now_us / COOKIE_CLOCK_US;
	uint32_t bits = seg->options.tsecr & TS_MASK;

	/* Nobody may guess at cookies while none are out. */
	if (stack->cookies_sent_us == 0 ||
		stack->now_us - stack->cookies_sent_us > 2 * COOKIE_CLOCK_US)
		return false;
	if (iss != cookie_make(stack, tuple, irs, mss_class, clock) &&
		iss != cookie_make(stack, tuple, irs, mss_class, clock - 1))
		return false;
	*start = (struct conn_start){ .iss = iss, .irs = irs };
	start->options.present = OPTION_MSS;
	start->options.mss = mss_classes[mss_class];
	if (!(seg->options.present & OPTION_TS))
		return true;
	start->options.present |= OPTION_TS;
	start->options.tsval = seg->options.tsval;
	if (bits & TS_SACK_OK)
		start->options.present |= OPTION_SACK_OK;
	if (bits & TS_ECN && stack->params.ecn != TCP_ECN_OFF)
		start->options.present |= OPTION_ECN;
	if ((bits & TS_WSCALE_MASK) != TS_NO_WSCALE) {
		start->options.present |= OPTION_WSCALE;
		start->options.wscale = bits & TS_WSCALE_MASK;
	}
	return true;
}
