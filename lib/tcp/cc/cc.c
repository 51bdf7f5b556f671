/* SPDX-License-Identifier: Apache-2.0 */
#include "cc.h"

#include <string.h>

#include <rte_common.h>

static const struct cc_ops *const table[] = { &cc_cubic, &cc_newreno };

const struct cc_ops *cc_find(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(table); i++) {
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	}
	return NULL;
}

uint32_t cc_initial_window(uint32_t mss)
{
	return RTE_MIN(10 * mss, RTE_MAX(2 * mss, 14600u));
}

uint32_t cc_slow_start(struct cc *cc, uint32_t acked)
{
	uint32_t step = RTE_MIN(acked, RTE_MIN(2 * cc->mss, cc->ssthresh - cc->cwnd));

	cc->cwnd += step;
	return cc->cwnd < cc->ssthresh ? 0 : acked - step;
}
