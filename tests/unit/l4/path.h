/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_PATH_H
#define L4_PATH_H

#include "harness.h"

/* What came of a frame: packets, and the last reason for which one was dropped. */
struct path_outcome {
	struct rte_mbuf *pkts[L4_FRAGMENTS_OUT];
	uint16_t count;
	enum drop_reason reason; /* DROP_NONE: nothing was dropped */
};

/*
 * A frame through parser, guard, fragment table, service lookup and worker, with ICMP errors going
 * where the flow is that they are about: the way that the daemon's dispatcher sends it on one core.
 */
struct path_outcome path_run(struct harness *h, struct rte_mbuf *m);

void path_free(struct path_outcome *outcome);

#endif
