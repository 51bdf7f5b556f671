/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "cc.h"

/*
 * CUBIC (RFC 9438) in integers: windows in bytes, times in milliseconds. C = 0.4 segments per
 * second cubed, beta = 0.7.
 */
#define BETA_TENTHS 7
#define SPAN_MAX_MS 100000 /* keeps the cube within 64 bits */

static uint32_t cube_root(uint64_t value)
{
	uint64_t root = 0;

	for (int bit = 21; bit >= 0; bit--) {
		uint64_t next = root | 1ull << bit;

		if (next * next * next <= value)
			root = next;
	}
	return (uint32_t)root;
}

static void cubic_init(struct cc *cc)
{
	cc->w_max = 0;
	cc->cwnd_prior = 0;
	cc->epoch_ms = 0;
	cc->acked = 0;
}

/* RFC 9438 4.2: K is the time that the curve takes from here up to w_max. */
static void epoch_start(struct cc *cc, uint32_t now_ms)
{
	cc->epoch_ms = now_ms;
	cc->w_est = cc->cwnd;
	cc->acked = 0;
	cc->k_ms = 0;
	if (cc->w_max > cc->cwnd)
		/* (w_max - cwnd) / (0.4 mss) s^3, in ms^3 */
		cc->k_ms = cube_root((uint64_t)(cc->w_max - cc->cwnd) * 2500000000ull / cc->mss);
	else
		cc->w_max = cc->cwnd;
}

/* RFC 9438 4.2: W_cubic at t_ms after the epoch began. */
static uint64_t curve(const struct cc *cc, uint64_t t_ms)
{
	int64_t span = RTE_MIN((int64_t)t_ms - (int64_t)cc->k_ms, (int64_t)SPAN_MAX_MS);
	int64_t rise;

	span = RTE_MAX(span, -(int64_t)SPAN_MAX_MS);
	rise = span * span * span / 2500000000ll * cc->mss;
	/* Near the plateau the division above would swallow all: there is room to scale first. */
	if (span > -5000 && span < 5000)
		rise = span * span * span * (int64_t)cc->mss / 2500000000ll;
	return (uint64_t)RTE_MAX((int64_t)cc->w_max + rise, (int64_t)cc->mss);
}

/* RFC 9438 4.3: what Reno with the same mean would have. alpha = 3 (1 - beta) / (1 + beta). */
static void reno_estimate(struct cc *cc, uint32_t acked)
{
	uint64_t step = (uint64_t)acked * cc->mss;

	if (cc->w_est < cc->cwnd_prior)
		step = step * 9 / 17;
	cc->w_est += (uint32_t)(step / cc->cwnd);
}

static void cubic_on_ack(struct cc *cc, uint32_t acked, uint32_t srtt_us, uint64_t now_us)
{
	uint32_t now_ms = (uint32_t)(now_us / 1000) | 1; /* never 0 */
	uint64_t target;

	if (cc->cwnd < cc->ssthresh) {
		acked = cc_slow_start(cc, acked);
		if (acked == 0)
			return;
	}
	if (cc->epoch_ms == 0)
		epoch_start(cc, now_ms);
	reno_estimate(cc, acked);
	target = curve(cc, now_ms - cc->epoch_ms + srtt_us / 1000);
	target = RTE_MIN(RTE_MAX(target, (uint64_t)cc->w_est), (uint64_t)cc->cwnd * 3 / 2);
	if (target <= cc->cwnd)
		return;
	/* (target - cwnd) / cwnd for each byte acknowledged; whole segments at a time. */
	cc->acked += (uint32_t)RTE_MAX((target - cc->cwnd) * acked / cc->cwnd, 1u);
	if (cc->acked >= cc->mss) {
		cc->cwnd += cc->acked;
		cc->acked = 0;
	}
}

static void cubic_on_loss(struct cc *cc, uint32_t flight, uint64_t now_us)
{
	RTE_SET_USED(now_us);
	cc->w_max_prior = cc->w_max;
	cc->cwnd_prior = cc->cwnd;
	/* RFC 9438 4.7: lost below the last peak: leave room to others. */
	if (cc->cwnd < cc->w_max)
		cc->w_max = (uint32_t)((uint64_t)cc->cwnd * (10 + BETA_TENTHS) / 20);
	else
		cc->w_max = cc->cwnd;
	cc->ssthresh = (uint32_t)RTE_MAX((uint64_t)flight * BETA_TENTHS / 10, 2ull * cc->mss);
	cc->epoch_ms = 0;
	cc->acked = 0;
}

/* RFC 9438 4.9: the curve starts anew from the window that was given back. */
static void cubic_on_undo(struct cc *cc)
{
	cc->w_max = RTE_MAX(cc->w_max, cc->w_max_prior);
	cc->epoch_ms = 0;
	cc->acked = 0;
}

/* RFC 9438 5.8: time without sending is no time to grow in. */
static void cubic_on_idle(struct cc *cc)
{
	cc->epoch_ms = 0;
	cc->acked = 0;
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_undo = cubic_on_undo,
	.on_idle = cubic_on_idle,
};
