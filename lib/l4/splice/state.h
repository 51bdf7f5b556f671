/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_STATE_H
#define L4_SPLICE_STATE_H

#include <stdint.h>
#include <sys/queue.h>

#include "../conntrack/splice.h"
#include "cookie.h"

/* Services beyond that many share their count of SYNs, which only makes cookies come sooner. */
#define SYN_GAUGES 1024

/* SYNs of this second and of the one before. */
struct syn_gauge {
	uint32_t second;
	uint32_t count;
	uint32_t last;
};

TAILQ_HEAD(splice_queue, splice);

/* What one worker keeps for all of its splices. */
struct splices {
	/* Who waits for an answer of its member. One queue for each time-out: each is in order. */
	struct splice_queue pending[SPLICE_STAGES];
	struct cookies cookies;
	struct syn_gauge gauges[SYN_GAUGES];
};

#endif
