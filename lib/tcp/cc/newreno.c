/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "cc.h"

/* RFC 5681 with byte counting (RFC 3465). */

static void newreno_init(struct cc *cc)
{
	cc->acked = 0;
}

static void newreno_on_ack(struct cc *cc, uint32_t acked, uint32_t srtt_us, uint64_t now_us)
{
	RTE_SET_USED(srtt_us);
	RTE_SET_USED(now_us);
	if (cc->cwnd < cc->ssthresh)
		acked = cc_slow_start(cc, acked);
	cc->acked += acked;
	if (cc->acked >= cc->cwnd) {
		cc->acked -= cc->cwnd;
		cc->cwnd += cc->mss;
	}
}

static void newreno_on_loss(struct cc *cc, uint32_t flight, uint64_t now_us)
{
	RTE_SET_USED(now_us);
	cc->ssthresh = RTE_MAX(flight / 2, 2 * cc->mss);
	cc->acked = 0;
}

static void newreno_on_undo(struct cc *cc)
{
	cc->acked = 0;
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_loss = newreno_on_loss,
	.on_undo = newreno_on_undo,
	.on_idle = newreno_on_undo,
};
